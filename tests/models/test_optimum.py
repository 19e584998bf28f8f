"""The fit is the maximum: against least squares, against R, and against a general optimiser from our own solution."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from classicmoe import MoERegressor, load_dataset
from classicmoe.em.starts import neutral_start
from classicmoe.experts import GaussianExpert
from classicmoe.gates import SoftmaxGate
from tests import reference
from tests.cases import CROSS, gaussian_only, over, two_lines, two_regimes

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gaussian.json").read_text(encoding="utf-8"))


def relative(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    return float(np.max(np.abs(a - b) / np.abs(b)))


# -- one expert: ordinary least squares ---------------------------------------------------------------------------


def tables(kind, n=120):
    """Columns of many sorts, and a response that they explain."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 3))
    if kind == "offset":
        X = X + np.array([1e7, -3e5, 0.0])
    elif kind == "scales":
        X = X * [1e-6, 1.0, 1e6]
    elif kind == "year":
        year = rng.integers(1950, 2020, n).astype(float)
        X = np.column_stack([year, year**2, X[:, 0]])
    elif kind == "correlated":
        X[:, 2] = X[:, 0] + X[:, 1] + 1e-3 * X[:, 2]
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, scaled @ [1.0, -2.0, 0.5] + 10.0 + rng.normal(size=n)


def exact_least_squares(X, y, weight=None):
    """Solve the normal equations in rational numbers: badly scaled columns spoil floating-point references."""
    weight = np.ones(len(y)) if weight is None else weight
    rows = [
        [Fraction(1), *map(Fraction, row), Fraction(value)] for row, value in zip(X.tolist(), y.tolist(), strict=True)
    ]
    w = [Fraction(value) for value in weight.tolist()]
    p = len(rows[0]) - 1
    gram = [[sum(v * r[i] * r[j] for v, r in zip(w, rows, strict=True)) for j in range(p + 1)] for i in range(p + 1)]
    system = [row[:] for row in gram[:p]]
    for i in range(p):
        system[i] = [value / system[i][i] for value in system[i]]
        for k in range(p):
            if k != i:
                system[k] = [a - system[k][i] * b for a, b in zip(system[k], system[i], strict=True)]
    coef = [row[p] for row in system]
    total = sum(w)
    variance = (gram[p][p] - sum(c * g for c, g in zip(coef, gram[p], strict=False))) / total
    log_likelihood = -0.5 * float(total) * (np.log(2.0 * np.pi * float(variance)) + 1.0)
    return np.array([float(c) for c in coef]), float(variance), log_likelihood


@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("kind", ("plain", "offset", "scales", "year", "correlated"))
def test_one_expert_is_ordinary_least_squares(kind, weighted):
    X, y = tables(kind)
    weight = np.random.default_rng(0).integers(0, 4, len(y)).astype(float) if weighted else None
    m = MoERegressor(1).fit(X, y, weight)
    coef, variance, log_likelihood = exact_least_squares(X, y, weight)
    assert relative(m.expert_coef_[0], coef[1:]) < 1e-9
    assert relative(m.expert_intercept_[0], coef[0]) < 1e-9
    assert relative(m.expert_scale_[0] ** 2, variance) < 1e-9
    assert relative(m.log_likelihood_, log_likelihood) < 1e-9
    assert m.converged_ and m.n_parameters_ == 5 and m.verdict_.trustworthy


@pytest.mark.parametrize("weighted", (False, True))
def test_one_expert_equals_statsmodels(weighted):
    X, y = tables("plain")
    copies = np.random.default_rng(0).integers(0, 4, len(y)) if weighted else np.ones(len(y), int)
    m = MoERegressor(1).fit(X, y, copies if weighted else None)
    ols = sm.OLS(np.repeat(y, copies), sm.add_constant(np.repeat(X, copies, axis=0))).fit()
    assert relative(np.r_[m.expert_intercept_, m.expert_coef_[0]], ols.params) < 1e-9
    assert relative(m.expert_scale_[0] ** 2, ols.ssr / ols.nobs) < 1e-9
    assert relative(m.log_likelihood_, ols.llf) < 1e-9
    assert relative(m.bic(X, y, copies), ols.bic + np.log(ols.nobs)) < 1e-9  # statsmodels does not count sigma
    assert m.weight_sum_ == ols.nobs


@pytest.mark.parametrize("covariance", ("full", "diag"))
def test_one_expert_with_several_outputs_is_least_squares_for_each(covariance):
    X, y = tables("offset")
    rng = np.random.default_rng(1)
    Y = np.column_stack([y, 100.0 - 3.0 * y + 50.0 * X[:, 2] + rng.normal(size=len(y)), rng.normal(size=len(y))])
    m = MoERegressor(1, expert=GaussianExpert(covariance=covariance)).fit(X, Y)
    coef, residual_covariance, log_likelihood = reference.least_squares(X - X.mean(axis=0), Y)
    assert relative(m.expert_coef_[0], coef[:, 1:]) < 1e-8
    if covariance == "full":
        assert relative(m.expert_covariances_[0], residual_covariance) < 1e-8
        assert relative(m.log_likelihood_, log_likelihood) < 1e-9
    else:
        assert relative(m.expert_scale_[0], np.sqrt(np.diag(residual_covariance))) < 1e-9
        assert (m.expert_covariances_[0][~np.eye(3, dtype=bool)] == 0.0).all()


def test_one_spherical_expert_has_one_variance_in_the_users_units():
    X, y = tables("plain")
    Y = np.column_stack([y, 100.0 * np.random.default_rng(1).normal(size=len(y))])
    m = MoERegressor(1, expert=GaussianExpert(covariance="spherical")).fit(X, Y)
    _, residual_covariance, _ = reference.least_squares(X, Y)
    variance = np.trace(residual_covariance) / 2.0
    assert np.allclose(m.expert_covariances_[0], variance * np.eye(2), rtol=1e-9)
    assert m.log_likelihood_ == pytest.approx(-len(y) * (np.log(2.0 * np.pi * variance) + 1.0), rel=1e-9)


@pytest.mark.parametrize("noise", (1e-2, 1e-4))
def test_one_expert_is_least_squares_however_good_the_fit(noise):
    x = np.linspace(0.0, 1.0, 40)
    y = 1.0 + 2.0 * x + noise * np.random.default_rng(0).normal(size=40)
    m = MoERegressor(1).fit(x[:, None], y)
    assert relative(m.log_likelihood_, sm.OLS(y, sm.add_constant(x)).fit().llf) < 1e-9


@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_one_expert_that_fits_exactly_stays_finite(covariance):
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = X @ [1.0, 2.0] + 3.0
    for Y in (y, np.column_stack([y, -2.0 * y]), np.column_stack([y, np.random.default_rng(1).normal(size=40)])):
        m = MoERegressor(1, expert=GaussianExpert(covariance=covariance)).fit(X, Y)
        assert np.isfinite(m.log_likelihood_) and np.isfinite(m.score_samples(X, Y)).all()
        assert np.allclose(m.predict(X).reshape(40, -1)[:, 0], y, rtol=1e-9)


@pytest.mark.parametrize(
    "case", [c for c in GOLDEN["linear_models"] if c["data"] != "diamonds"], ids=lambda c: c["formula"]
)
def test_one_expert_equals_lm_of_r(case):
    frame = load_dataset(case["data"], as_frame=True).frame
    response, terms = case["formula"].split(" ~ ")
    outputs = response.removeprefix("cbind(").removesuffix(")").split(", ")
    y = frame[outputs] if len(outputs) > 1 else frame[outputs[0]]
    m = MoERegressor(1, expert_features=terms.replace("^", "**"))
    m.fit(numbers_only(frame, outputs), y, copies(case, len(frame)))
    q = len(outputs)
    ours = np.concatenate([m.expert_intercept_.reshape(q, 1), m.expert_coef_.reshape(q, -1)], axis=1)
    assert relative(ours, np.array(case["coefficients"]).reshape(ours.shape)) < 1e-9
    assert relative(m.expert_covariances_[0], case["covariance"]) < 1e-9
    assert relative(m.log_likelihood_, case["log_likelihood"]) < 1e-9
    assert m.n_parameters_ == case["n_parameters"]


def numbers_only(frame, outputs):
    rest = frame.drop(columns=outputs).select_dtypes("number")
    return rest if rest.shape[1] else rest.assign(unused=np.resize([0.5, -1.0, 3.0], len(frame)))


def copies(case, n):
    return np.resize([1.0, 2.0, 3.0], n) if case["weighted"] else None


# -- several experts: maxima made in R ----------------------------------------------------------------------------


def fit_golden(case, **settings):
    """The case fitted by us: model, frame of the columns, response, weights."""
    frame = load_dataset(case["data"], as_frame=True).frame
    y, X = frame[case["response"]], numbers_only(frame, [case["response"]])
    weight = copies(case, len(y))
    experts, gate = (" + ".join(case[f"{side}_terms"]).replace("^", "**") or "1" for side in ("expert", "gate"))
    expert = GaussianExpert("shared" if case["shared_scale"] else "own")
    m = MoERegressor(case["K"], expert=expert, gate_features=gate, expert_features=experts, tol=1e-12, **settings)
    return m.fit(X, y, weight), X, y


def golden_responsibilities(case):
    """Responsibilities at R's maximum, by the plain formula."""
    frame, ml = load_dataset(case["data"], as_frame=True).frame, case["ml"]

    def design(terms):
        values = [frame[t[2:-3]] ** 2 if t.startswith("I(") else frame[t] for t in terms]
        return np.column_stack(values).astype(float) if values else np.empty((len(frame), 0))

    def stacked(side):
        coef = np.array(ml[f"{side}_coef"], float).reshape(case["K"], -1)
        return np.column_stack([ml[f"{side}_intercept"], coef])

    covariances = np.square(ml["expert_scale"])[:, None, None]
    params = reference.Parameters(stacked("gate"), stacked("expert")[:, None, :], covariances)
    X_gate, X_expert = design(case["gate_terms"]), design(case["expert_terms"])
    return reference.responsibilities(params, X_gate, X_expert, frame[case["response"]])


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning")
@pytest.mark.parametrize(
    "case", [c for c in GOLDEN["mixtures_of_experts"] if not c["ml"]["separating"]], ids=lambda c: c["name"]
)
def test_from_the_maximum_of_r_nothing_moves(case):
    m, X, y = fit_golden(case, init=golden_responsibilities(case))
    ml = case["ml"]
    assert m.n_parameters_ == ml["n_parameters"]
    assert m.log_likelihood_ == pytest.approx(ml["log_likelihood"], rel=1e-10)
    for name in ("gate_intercept", "gate_coef", "expert_intercept", "expert_coef", "expert_scale"):
        expected = np.array(ml[name], float)
        assert np.allclose(getattr(m, f"{name}_").reshape(expected.shape), expected, rtol=1e-5, atol=1e-5), name
    rows = case["rows"]["index"]
    X, y = X.iloc[rows], y.iloc[rows]
    assert np.allclose(m.predict(X), case["rows"]["mean"], rtol=1e-6)
    assert np.allclose(m.predict_gate(X), case["rows"]["gate"], atol=1e-6)
    assert np.allclose(m.predict_experts(X), case["rows"]["expert_means"], rtol=1e-6)
    assert np.allclose(m.score_samples(X, y), case["rows"]["log_density"], rtol=1e-5, atol=1e-6)
    assert np.allclose(m.responsibilities(X, y), case["rows"]["responsibilities"], atol=1e-6)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@pytest.mark.parametrize("case", GOLDEN["mixtures_of_experts"], ids=lambda c: c["name"])
def test_our_own_starts_are_not_below_the_best_of_r(case):
    m, _, _ = fit_golden(case, n_init=12, random_state=0)
    best = case["ml"]["log_likelihood"]
    assert m.log_likelihood_ >= best - 1e-6 * abs(best)
    assert m.verdict_.level in ("OK", "NOT REPLICATED", "WEAK")  # regular: neither a spike nor collapsed


@pytest.mark.parametrize("case", GOLDEN["gaussian_mixtures"], ids=lambda c: f"{'-'.join(c['columns'])} {c['model']}")
def test_constant_gate_and_constant_experts_are_the_gaussian_mixture_of_mclust(case):
    frame = load_dataset(case["data"], as_frame=True).frame
    y = frame[case["columns"]] if len(case["columns"]) > 1 else frame[case["columns"][0]]
    expert = GaussianExpert("own" if case["model"][0] == "V" else "shared")
    m = MoERegressor(case["K"], "constant", expert, expert_features=[], n_init=5, random_state=0, tol=1e-12)
    m.fit(numbers_only(frame, case["columns"]), y)
    assert m.log_likelihood_ == pytest.approx(case["log_likelihood"], rel=1e-8)
    assert m.n_parameters_ == case["n_parameters"]
    means = np.array(case["means"], float).reshape(m.expert_intercept_.shape)
    order = np.argsort(means.reshape(2, -1)[:, 0])
    covariances = np.array(case["covariances"]).reshape(m.expert_covariances_.shape)
    assert np.allclose(m.expert_intercept_, means[order], rtol=1e-5)
    assert np.allclose(m.gate_weights_, np.array(case["weights"])[order], atol=1e-5)
    assert np.allclose(m.expert_covariances_, covariances[order], rtol=1e-4)


# -- nothing better nearby ----------------------------------------------------------------------------------------


def packed_solution(case, X, y, weight, n_experts=2):
    """A fitted estimator's parameters in the engine's vector, and the objective as a function of it."""
    m = case.estimator(n_experts, n_init=5, tol=1e-13, max_iter=5000).fit(X, y, weight)
    problem = case.problem(X, y, weight)
    look, raw = problem.survey, m._parameters()
    params = neutral_start(problem, n_experts)._replace(
        gate=problem.mixture.gate.from_raw(raw.gate, look.gate_design),
        expert=problem.mixture.expert.from_raw(raw.expert, look.expert_design, look.response),
    )

    def objective(vector):
        triple = problem.evaluate(problem.mixture.unpack(vector, params))
        return -triple.objective, -problem.mixture.score(triple.params, triple.statistics)

    return m, problem, params, objective


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")
@over(gaussian_only(CROSS))
def test_a_general_optimiser_finds_nothing_better_from_our_solution(case):
    X, y = case.simulate(200, 1)
    weight = np.random.default_rng(0).integers(0, 3, 200).astype(float)
    m, problem, params, objective = packed_solution(case, X, y, weight)
    vector = problem.mixture.pack(params)
    value, gradient = objective(vector)
    units = np.log(problem.survey.response.scale).sum()
    if case.gate.name == "gaussian":
        units += np.log(problem.survey.gate_design.scale).sum()
    shift = problem.ground.weight * units
    assert -value == pytest.approx(m.objective_ + shift, rel=1e-10)
    assert np.abs(gradient).max() < 1e-5 * problem.ground.weight
    found = minimize(objective, vector, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 500})
    assert value - found.fun < 1e-7


@pytest.mark.parametrize("gate", ("constant", "softmax"))
def test_mm_and_newton_fits_agree(gate):
    X, y = two_lines(200) if gate == "constant" else two_regimes(200)
    fits = [
        MoERegressor(2, SoftmaxGate(solver), n_init=2, random_state=0, tol=1e-11, max_iter=5000).fit(X, y)
        for solver in ("newton", "mm")
    ]
    assert fits[0].log_likelihood_ == pytest.approx(fits[1].log_likelihood_, abs=1e-6)
    assert np.allclose(fits[0].expert_coef_, fits[1].expert_coef_, atol=1e-4)


def test_the_problem_of_the_estimator_is_the_one_tested():
    X, y = two_regimes(60)
    m = MoERegressor(2, n_init=4, random_state=0).fit(X, y)
    params = reference.parameters_of(m)
    assert m.log_likelihood_ == pytest.approx(reference.log_density(params, X, X, y).sum(), rel=1e-10)
