"""The public methods are the formulas of the model, on any pair of sides, in any order of experts."""

from math import comb, log

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score
from sklearn.preprocessing import PolynomialFeatures

from classicmoe import MoERegressor, criteria
from classicmoe.exceptions import ConfigurationError
from classicmoe.gates import GaussianGate, SoftmaxGate
from tests import reference
from tests.cases import CASES, gaussian_only, over, two_lines, two_regimes

# Small data and few starts: the verdicts on them are the business of test_verdict.py.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "NotConvergedWarning", "DegenerateComponentWarning")
]


# -- methods against the plain formulas ---------------------------------------------------------------------------


@over(gaussian_only(CASES))
def test_every_method_is_its_formula(case):
    X, y = case.simulate(60, 0)
    weight = np.random.default_rng(0).integers(0, 4, 60).astype(float)
    m = case.estimator(2, n_init=2, max_iter=25).fit(X, y, weight)
    params = reference.parameters_of(m)
    X_gate = reference.gate_columns(params.gate, X)
    q = 1 if y.ndim == 1 else y.shape[1]
    means, resp = reference.means(params, X), reference.responsibilities(params, X_gate, X, y)
    density, of_x = reference.log_density(params, X_gate, X, y), reference.log_density_of_x(X_gate, params.gate)
    close = {"rtol": 1e-9, "atol": 1e-9}
    assert np.allclose(m.predict_gate(X), np.exp(reference.log_gate(X_gate, params.gate)), **close)
    assert np.allclose(m.predict_experts(X), means[..., 0] if q == 1 else means, **close)
    assert np.allclose(m.predict(X).reshape(60, q), reference.mean(params, X_gate, X), **close)
    assert np.allclose(m.responsibilities(X, y), resp, **close)
    assert np.allclose(m.score_samples(X, y), density, **close)
    assert np.allclose(m.predict_dist(X).logpdf(y), density, **close)
    assert m.log_likelihood(X, y, weight) == pytest.approx(weight @ density, rel=1e-10)
    assert m.log_likelihood(X, y) == pytest.approx(density.sum(), rel=1e-10)
    assert m.score(X, y, weight) == pytest.approx(r2_score(y, reference.mean(params, X_gate, X), sample_weight=weight))
    n, k, entropy = weight.sum(), m.n_parameters_, reference.entropy(resp, weight)
    hard = weight @ np.log(resp.max(axis=1))
    # Of a gate that models x everything is about x and y together, but the conditional log-likelihood.
    maximised = weight @ (density + of_x)
    assert m.aic(X, y, weight) == pytest.approx(-2 * maximised + 2 * k)
    assert m.bic(X, y, weight) == pytest.approx(-2 * maximised + k * np.log(n))
    assert m.icl(X, y, weight) == pytest.approx(-2 * maximised + k * np.log(n) + 2 * entropy)
    assert m.icl_hard(X, y, weight) == pytest.approx(-2 * maximised + k * np.log(n) - 2 * hard)
    assert np.allclose(m.expert_mass_, weight @ resp, rtol=1e-8)
    assert m.entropy_ == pytest.approx(entropy, rel=1e-8)
    assert m.log_likelihood_ == pytest.approx(weight @ density, rel=1e-10)
    assert m.criterion_log_likelihood_ == pytest.approx(maximised, rel=1e-10)
    assert hasattr(m, "joint_log_likelihood_") == isinstance(case.gate, GaussianGate)
    if isinstance(case.gate, GaussianGate):
        assert abs(weight @ of_x) > 1.0  # the two are told apart
        assert m.joint_log_likelihood_ == pytest.approx(maximised, rel=1e-10)
        assert m.objective_ == m.objective_path_[-1] == m.joint_log_likelihood_
        one = {"full": 3, "diag": 2, "spherical": 1}[case.gate.covariance] * (1 if case.gate.scale == "shared" else 2)
        assert k == 1 + 2 * 2 + one + case.mixture.expert.n_free(m._parameters().expert)
    else:
        ridge = getattr(case.gate, "ridge", 0.0)
        slopes = penalised_slopes(m)
        scale = np.sqrt(np.average((X_gate - np.average(X_gate, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
        assert m.objective_ == pytest.approx(m.log_likelihood_ - 0.5 * ridge * np.sum((slopes * scale) ** 2), rel=1e-9)
    assert (m.n_rows_, m.weight_sum_, m.n_outputs_) == (np.count_nonzero(weight), n, q)


def penalised_slopes(m):
    """The slopes of a gate in the form that its ridge penalises; those inside an activation are as they are."""
    if hasattr(m, "gate_inner_coef_"):
        return m.gate_inner_coef_
    slopes = m.gate_branch_coef_ if hasattr(m, "gate_paths_") else m.gate_coef_
    return slopes - slopes.mean(axis=0)  # two experts: one node


def test_a_response_beyond_all_densities_has_density_zero():
    X, y = two_regimes(60)
    m = MoERegressor(2, n_init=2, random_state=0).fit(X, y)
    values = m.score_samples(X[:3], np.array([1e200, 1e100, 1.0]))
    assert values[0] == -np.inf and -np.inf < values[1] < -1e150 and np.isfinite(values[2])


def test_criteria_are_their_formulas():
    ll, k, n, entropy = -123.4, 9, 150.0, 17.5
    assert criteria.aicc(ll, k, n) == pytest.approx(246.8 + 18 + 2 * 9 * 10 / 140)
    assert criteria.aicc(ll, 149, n) == np.inf
    assert criteria.sabic(ll, k, n) == pytest.approx(246.8 + 9 * np.log(152 / 24))
    assert criteria.caic(ll, k, n) == pytest.approx(246.8 + 9 * (np.log(150) + 1))
    assert criteria.normalised_entropy(entropy, n, 3) == pytest.approx(1 - 17.5 / (150 * np.log(3)))
    assert criteria.normalised_entropy(150 * np.log(3), n, 3) == pytest.approx(0.0, abs=1e-12)
    values = {name: function(ll, k, n, entropy) for name, function in criteria.CRITERIA.items()}
    assert list(values) == ["aic", "aicc", "bic", "sabic", "caic", "icl"]
    assert values["icl"] == pytest.approx(values["bic"] + 35.0)


def test_extended_bic_counts_the_models_of_a_size():
    ll, k, n = -123.4, 9, 150.0
    plain = criteria.bic(ll, k, n)
    assert criteria.ebic(ll, k, n, 3, 40) == pytest.approx(plain + 2 * np.log(comb(40, 3)))
    assert criteria.ebic(ll, k, n, 3, 40, gamma=0.5) == pytest.approx(plain + np.log(comb(40, 3)))
    assert criteria.ebic(ll, k, n, 3, 40, gamma=0.0) == plain
    # There is one model without slopes and one with all, whatever the number of candidates.
    assert criteria.ebic(ll, k, n, 0, 5000) == criteria.ebic(ll, k, n, 5000, 5000) == plain
    # More candidates than a float can count models of: comb(20000, 400) has 850 digits.
    assert criteria.ebic(ll, k, n, 400, 20000) == pytest.approx(plain + 2 * log(comb(20000, 400)))


# -- sides: gate and experts on different columns -----------------------------------------------------------------


def table(n=250, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": rng.uniform(20, 70, n), "dose": rng.gamma(2.0, size=n), "region": rng.choice(list("abc"), n)}
    )
    upper = rng.random(n) < 1 / (1 + np.exp(-(frame.age - 45) / 6))
    y = np.where(upper, 10 + 2.0 * frame.dose, 3 - frame.dose) + (frame.region == "c") + 0.4 * rng.normal(size=n)
    return frame, y


def same_model(a, b, data_a, data_b, y):
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-9)
    assert np.allclose(a.expert_coef_, b.expert_coef_, rtol=1e-6, atol=1e-8)
    assert np.allclose(a.gate_coef_, b.gate_coef_, rtol=1e-5, atol=1e-6)
    assert np.allclose(a.predict(data_a), b.predict(data_b), rtol=1e-7)
    assert np.allclose(a.score_samples(data_a, y), b.score_samples(data_b, y), rtol=1e-6, atol=1e-7)


SETTINGS = {"n_init": 4, "random_state": 0, "tol": 1e-14}  # equal models end their climbs at unlike passes


def test_gate_and_experts_see_their_own_columns():
    frame, y = table()
    X = frame[["age", "dose"]].to_numpy()
    m = MoERegressor(2, gate_features=[0], expert_features=[1], **SETTINGS).fit(X, y)
    assert m.gate_coef_.shape == (2, 1) and m.expert_coef_.shape == (2, 1)
    assert m.n_parameters_ == 2 + 2 * 3
    moved = X.copy()
    moved[:, 1] += 5.0
    assert np.array_equal(m.predict_gate(moved), m.predict_gate(X))
    moved = X.copy()
    moved[:, 0] += 5.0
    assert np.array_equal(m.predict_experts(moved), m.predict_experts(X))
    assert not np.allclose(m.predict(moved), m.predict(X))
    params = reference.parameters_of(m)
    assert m.log_likelihood_ == pytest.approx(reference.log_density(params, X[:, :1], X[:, 1:], y).sum(), rel=1e-10)


@pytest.mark.parametrize("order", ([1, 0], ["dose", "age"]))
def test_columns_in_another_order_keep_their_names(order):
    frame, y = table()
    X = frame[["age", "dose"]]
    m = MoERegressor(2, gate_features=order, expert_features=order, **SETTINGS).fit(X, y)
    plain = MoERegressor(2, **SETTINGS).fit(X, y)
    assert m.expert_features_.names_out == ["dose", "age"]
    assert np.allclose(m.expert_coef_, plain.expert_coef_[:, ::-1], rtol=1e-4)
    assert np.allclose(m.gate_coef_, plain.gate_coef_[:, ::-1], rtol=1e-4)
    assert np.allclose(m.predict(X), plain.predict(X), rtol=1e-5)
    terms = m.coefficients().query("part == 'expert' and expert == 0").set_index("term").estimate
    assert terms["age"] == pytest.approx(plain.expert_coef_[0, 0], rel=1e-4)


def test_categorical_columns_are_dummies():
    frame, y = table()
    m = MoERegressor(2, **SETTINGS).fit(frame, y)
    dummies = pd.get_dummies(frame, drop_first=True, dtype=float)
    plain = MoERegressor(2, **SETTINGS).fit(dummies.to_numpy(), y)
    same_model(m, plain, frame, dummies.to_numpy(), y)
    categorical = frame.assign(region=frame.region.astype("category"))
    same_model(MoERegressor(2, **SETTINGS).fit(categorical, y), plain, categorical, dummies.to_numpy(), y)


def test_a_formula_is_arrays():
    frame, y = table()
    data = frame.assign(y=y)
    m = MoERegressor(2, **SETTINGS).fit("y ~ dose + I(dose**2) + region | age", data=data)
    columns = np.column_stack([frame.dose, frame.dose**2, frame.region == "b", frame.region == "c", frame.age]).astype(
        float
    )
    plain = MoERegressor(2, gate_features=[4], expert_features=[0, 1, 2, 3], **SETTINGS).fit(columns, y)
    same_model(m, plain, data, columns, y)
    assert m.response_name_ == "y"
    sides = MoERegressor(2, gate_features="age", expert_features="dose + I(dose**2) + region", **SETTINGS).fit(frame, y)
    same_model(sides, plain, frame, columns, y)


def test_a_transformer_is_its_columns():
    X, y = two_regimes(150)
    square = PolynomialFeatures(2, include_bias=False)
    columns = square.fit_transform(X)
    m = MoERegressor(2, expert_features=PolynomialFeatures(2, include_bias=False), gate_features=[0], **SETTINGS).fit(
        X, y
    )
    plain = MoERegressor(2, gate_features=[0], **SETTINGS).fit(columns, y)
    same_model(m, plain, X, columns, y)
    both = MoERegressor(2, SoftmaxGate(ridge=1.0), gate_features=square, expert_features=[1], **SETTINGS).fit(X, y)
    plain = MoERegressor(2, SoftmaxGate(ridge=1.0), expert_features=[1], **SETTINGS).fit(columns, y)
    same_model(both, plain, X, columns, y)


def test_frames_are_read_by_name():
    frame, y = table()
    m = MoERegressor(2, gate_features=["age"], expert_features=["dose", "region"], **SETTINGS).fit(frame, y)
    mixed = frame[["region", "dose", "age"]].assign(other="x").iloc[::-1]
    assert np.array_equal(m.predict(mixed), m.predict(frame)[::-1])
    assert np.array_equal(m.responsibilities(mixed, y[::-1]), m.responsibilities(frame, y)[::-1])
    import polars as pl

    assert np.array_equal(m.predict(pl.from_pandas(frame)), m.predict(frame))


@pytest.mark.parametrize("features", (PolynomialFeatures(2), np.array([0]), [0], "x0", ["x0"]))
def test_a_constant_gate_refuses_columns_of_its_own(features):
    X, y = two_lines(60)
    with pytest.raises(ConfigurationError, match="constant gate sees no columns"):
        MoERegressor(2, "constant", gate_features=features, n_init=2).fit(pd.DataFrame(X, columns=["x0"]), y)


@pytest.mark.parametrize("features", (None, []))
def test_a_constant_gate_needs_none(features):
    X, y = two_lines(60)
    m = MoERegressor(2, "constant", gate_features=features, **SETTINGS).fit(X, y)
    assert m.gate_coef_.shape == (2, 0) and m.gate_weights_.sum() == pytest.approx(1.0)
    empty = MoERegressor(2, "softmax", gate_features=[], **SETTINGS).fit(X, y)
    assert empty.log_likelihood_ == pytest.approx(m.log_likelihood_, rel=1e-9)
    assert empty.n_parameters_ == m.n_parameters_ == 7


# -- experts in order, and in another order -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_experts_ascend_in_their_mean_at_the_average_row(seed):
    X, y = CASES["softmax / gaussian"].simulate(200, seed)
    weight = np.random.default_rng(seed).integers(0, 3, 200)
    m = MoERegressor(2, n_init=3, random_state=0).fit(X, y, weight)
    at_average = m.predict_experts(np.average(X, axis=0, weights=weight)[None])[0]
    assert (np.diff(at_average) > 0).all()


@pytest.mark.parametrize(
    "gate",
    ("constant", SoftmaxGate(), SoftmaxGate(ridge=1.0), GaussianGate(), GaussianGate("spherical", "shared")),
    ids=str,
)
def test_relabel_moves_everything_and_changes_no_answer(gate):
    X, y = two_regimes(150)
    m = MoERegressor(3, gate, n_init=3, random_state=0).fit(X, y)
    before = {name: getattr(m, name)(X) for name in ("predict", "predict_gate", "predict_experts")}
    resp, density = m.responsibilities(X, y), m.score_samples(X, y)
    names = [name for name in vars(m) if name.startswith(("expert_", "gate_")) and name.endswith("_")]
    arrays = {name: getattr(m, name).copy() for name in names if isinstance(getattr(m, name), np.ndarray)}
    order = [2, 0, 1]
    assert m.relabel(order) is m
    assert np.allclose(m.predict(X), before["predict"], rtol=1e-12)
    assert np.allclose(m.predict_gate(X), before["predict_gate"][:, order], rtol=1e-9, atol=1e-12)
    assert np.allclose(m.predict_experts(X), before["predict_experts"][:, order], rtol=1e-12)
    assert np.allclose(m.responsibilities(X, y), resp[:, order], rtol=1e-9, atol=1e-12)
    assert np.allclose(m.score_samples(X, y), density, rtol=1e-10, atol=1e-10)
    assert {"expert_mass_", "expert_coef_", "expert_intercept_", "expert_covariances_"} <= arrays.keys()
    if isinstance(m.gate, GaussianGate):
        assert {"gate_weights_", "gate_means_", "gate_covariances_"} <= arrays.keys()
    for name, before in arrays.items():
        if name not in ("gate_coef_", "gate_intercept_"):  # the last expert is their zero
            assert np.allclose(getattr(m, name), before[order], rtol=1e-14, atol=0), name
    assert np.array_equal(m.expert_coef_, arrays["expert_coef_"][order])
    assert np.array_equal(m.expert_mass_, arrays["expert_mass_"][order])
    assert m.log_likelihood(X, y) == pytest.approx(m.log_likelihood_, rel=1e-10)
    if hasattr(m, "gate_coef_") and getattr(m.gate, "ridge", 0.0) < 1e-3:
        assert m.gate_intercept_[-1] == 0.0 and (m.gate_coef_[-1] == 0.0).all()
    for wrong in ([0, 1], [0, 0, 1], [1, 2, 3], [0.5, 1, 2]):
        with pytest.raises(ConfigurationError, match="permutation"):
            m.relabel(wrong)


def test_a_gaussian_gate_has_no_contrasts():
    X, y = two_regimes(100)
    m = MoERegressor(2, "gaussian", n_init=2, random_state=0).fit(X, y)
    with pytest.raises(ConfigurationError, match="gate_means_"):
        m.gate_contrasts()


def test_gate_contrasts_are_against_any_expert():
    X, y = two_regimes(150)
    m = MoERegressor(3, n_init=3, random_state=0).fit(X, y)
    for k in range(3):
        slopes, intercepts = m.gate_contrasts(reference=k)
        assert (slopes[k] == 0.0).all() and intercepts[k] == 0.0
        gate = np.exp(reference.log_softmax(X, np.column_stack([intercepts, slopes])))
        assert np.allclose(gate, m.predict_gate(X), rtol=1e-10)


def test_verdict_names_the_experts_after_relabelling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = x + 0.1 * rng.normal(size=60)
    y[:6] = 30.0 + 3.0 * rng.normal(size=6)
    m = MoERegressor(2, "constant", n_init=4, random_state=0).fit(x[:, None], y)
    (weak,) = m.verdict_.suspect
    assert weak["expert"] == 1 and m.expert_mass_[1] == pytest.approx(weak["rows"], rel=1e-6)
    assert "expert 1 stands on" in m.verdict_.sentence
    m.relabel([1, 0])
    assert m.verdict_.suspect[0]["expert"] == 0 and "expert 0 stands on" in m.verdict_.sentence
