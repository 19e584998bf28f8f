"""The activation gate: its derivatives and identifiability, and the linear gate as a special case."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from classicmoe import MoERegressor, load
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.gates import ActivationGate, SoftmaxGate
from classicmoe.gates._activations import ACTIVATIONS
from tests import reference
from tests.cases import two_regimes
from tests.em.test_scores import richardson
from tests.gates.test_softmax import Fixed, rows

CURVED = ("gelu", "tanh", "sigmoid", "softplus")
EVERY = (*CURVED, "identity")


def at_random(gate, fixed, seed=0, spread=1.0):
    start = gate.start(len(fixed.resp), len(fixed.block.gate_columns))
    return gate.unpack(spread * np.random.default_rng(seed).normal(size=gate.n_free(start)), start)


def score_at(gate, fixed, vector, like):
    params = gate.unpack(vector, like)
    return gate.score(params, gate.statistics(params, fixed.block, fixed.resp))


@pytest.mark.parametrize("name", EVERY)
def test_activations_and_their_derivatives(name):
    z = np.linspace(-6.0, 6.0, 41)[None]
    kept = np.empty_like(z)
    value = ACTIVATIONS[name].value(z, kept, np.empty_like(z))
    assert np.allclose(value, reference.ACTIVATIONS[name](z), rtol=1e-12, atol=1e-15)
    first, second = np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].derivatives(z, kept, value, first, second)
    h = 1e-4
    f = [reference.ACTIVATIONS[name](z + s * h) for s in (-1, 0, 1)]
    assert np.allclose(first, (f[2] - f[0]) / (2 * h), atol=1e-7)
    assert np.allclose(second, (f[2] - 2 * f[1] + f[0]) / h**2, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_far_scores_stay_finite(name):
    z = np.array([[-800.0, -40.0, 40.0, 800.0]])
    kept = np.empty_like(z)
    value = ACTIVATIONS[name].value(z, kept, np.empty_like(z))
    first, second = np.empty_like(z), np.empty_like(z)
    ACTIVATIONS[name].derivatives(z, kept, value, first, second)
    assert np.isfinite([value, first, second]).all()
    assert first[0, 0] == (1.0 if name == "identity" else pytest.approx(0.0, abs=1e-300))


@pytest.mark.parametrize("intercept", ("outside", "inside"))
@pytest.mark.parametrize("name", EVERY)
def test_score_and_curvature_are_derivatives(name, intercept):
    fixed, gate = Fixed(*rows()), ActivationGate(name, intercept, temperature=0.7, ridge=0.3)
    params = at_random(gate, fixed)
    vector = gate.pack(params)
    score = score_at(gate, fixed, vector, params)
    numeric = [richardson(lambda v: fixed.value(gate, gate.unpack(v, params)), vector, j) for j in range(len(vector))]
    assert np.abs(score - numeric).max() < 1e-6 * np.abs(score).max()
    # Where the responsibilities are what the gate expects, the curvature is minus the second derivative.
    fixed.resp = fixed.block.weight * np.exp(gate.log_prob(params, fixed.block))
    numeric = np.array(
        [richardson(lambda v: score_at(gate, fixed, v, params), vector, j, h=1e-3) for j in range(len(vector))]
    )
    statistics = gate.statistics(params, fixed.block, fixed.resp)
    full = gate._curvature(statistics)
    found = restricted(gate, full, params)
    assert np.abs(found + numeric).max() < 1e-6 * np.abs(found).max()


def restricted(gate, curvature, like):
    """Curvature in the packed parameters."""
    n_free, free = gate.n_free(like), gate._free(like.coef.shape[1])
    zero = gate.pack(gate.unpack(np.zeros(n_free), like))
    basis = []
    for j in range(n_free):
        params = gate.unpack(zero + np.eye(n_free)[j], like)
        basis.append(np.column_stack([params.coef, params.outer])[:, free].ravel())
    basis = np.array(basis)
    return basis @ curvature @ basis.T


@pytest.mark.parametrize("intercept", ("outside", "inside"))
@pytest.mark.parametrize("name", EVERY)
def test_all_packed_parameters_are_identified_and_no_more(name, intercept):
    fixed = Fixed(*rows(n=500, n_experts=4, weighted=False))
    gate = ActivationGate(name, intercept)
    params = at_random(gate, fixed, 3)
    expected = {"outside": 4 * 3 - 1, "inside": 4 * 3}[intercept] if name != "identity" else 3 * 3
    scores = gate.scores(params, fixed.block, fixed.resp)
    singular = np.linalg.svd(scores, compute_uv=False)
    assert gate.n_free(params) == expected == len(singular)
    assert singular[-1] > 1e-4 * singular[0]
    before = gate.log_prob(params, fixed.block).copy()
    same = gate.log_prob(params._replace(outer=params.outer + 2.0), fixed.block)
    assert np.allclose(before, same, atol=1e-12)
    moved = gate.log_prob(params._replace(coef=params.coef + np.array([0.0, 1.0, -0.5])), fixed.block)
    assert np.allclose(before, moved, atol=1e-12) == (name == "identity")


# Not softplus with intercepts inside: the rows come from a linear gate, which it reaches at infinity only.
REACHED = [(name, intercept) for name in EVERY for intercept in ("outside", "inside")]
REACHED.remove(("softplus", "inside"))


@pytest.mark.parametrize(("name", "intercept"), REACHED)
def test_steps_reach_an_optimum_with_given_responsibilities(name, intercept):
    fixed, gate = Fixed(*rows(n=400)), ActivationGate(name, intercept, temperature=0.5, ridge=0.5)
    params = gate.start(3, 3)
    value, taken = fixed.value(gate, params), []
    for _ in range(300):
        statistics = gate.statistics(params, fixed.block, fixed.resp)
        for step in ("full", "half", "tenth", "hundredth", "safe"):
            proposal = gate.update(params, statistics, fixed.problem.ground, step)
            new = fixed.value(gate, proposal)
            if new >= value - 1e-12 * abs(value):
                break
        taken.append(step)
        params, value = proposal, new
    assert "safe" not in taken[:5] and np.mean([step == "full" for step in taken[:20]]) > 0.5
    vector = gate.pack(params)
    score = score_at(gate, fixed, vector, params)
    assert np.abs(score).max() < 1e-6 * fixed.problem.ground.weight
    found = minimize(
        lambda v: -fixed.value(gate, gate.unpack(v, params)),
        vector + 0.05 * np.random.default_rng(0).normal(size=len(vector)),
        jac=lambda v: -score_at(gate, fixed, v, params),
        method="BFGS",
        options={"gtol": 1e-8, "maxiter": 2000},
    )
    assert value >= -found.fun - 1e-7


def test_the_safe_step_stands_still_and_the_others_are_shares():
    fixed, gate = Fixed(*rows()), ActivationGate("tanh", ridge=0.5)
    params = at_random(gate, fixed)
    statistics = gate.statistics(params, fixed.block, fixed.resp)
    assert gate.update(params, statistics, fixed.problem.ground, "safe") is params
    full = gate.pack(gate.update(params, statistics, fixed.problem.ground)) - gate.pack(params)
    for step, share in (("half", 0.5), ("tenth", 0.1), ("hundredth", 0.01)):
        moved = gate.pack(gate.update(params, statistics, fixed.problem.ground, step)) - gate.pack(params)
        assert np.allclose(moved, share * full, rtol=1e-9, atol=1e-12)
    assert gate.damped and not SoftmaxGate().damped


@pytest.mark.parametrize("intercept", ("outside", "inside"))
@pytest.mark.parametrize(("temperature", "ridge"), ((1.0, 0.0), (3.0, 0.0), (3.0, 0.2)))
def test_the_identity_is_the_linear_gate_of_effective_slopes(intercept, temperature, ridge):
    X, y = two_regimes(200)
    settings = {"n_init": 4, "random_state": 0}
    m = MoERegressor(2, ActivationGate("identity", intercept, temperature, ridge), **settings).fit(X, y)
    linear = MoERegressor(2, SoftmaxGate(ridge=ridge * temperature**2), **settings).fit(X, y)
    assert m.n_parameters_ == linear.n_parameters_
    assert m.log_likelihood_ == pytest.approx(linear.log_likelihood_, abs=1e-5)
    assert m.objective_ == pytest.approx(linear.objective_, abs=1e-5)
    slopes = (m.gate_inner_coef_ - m.gate_inner_coef_[1]) / temperature
    assert np.allclose(slopes, linear.gate_contrasts()[0], atol=2e-3)
    assert np.allclose(m.predict_gate(X), linear.predict_gate(X), atol=1e-3)


@pytest.mark.parametrize("name", ("tanh", "sigmoid"))
def test_two_experts_of_an_odd_activation_have_two_equal_gates(name):
    fixed, gate = Fixed(*rows(n_experts=2)), ActivationGate(name)
    params = at_random(gate, fixed)
    twin = params._replace(coef=-params.coef[::-1])
    a = gate.log_prob(params, fixed.block).copy()
    assert np.allclose(a, gate.log_prob(twin, fixed.block), atol=1e-12)
    one, two = (gate.attributes(p) for p in (params, twin))
    assert all(np.array_equal(one[key], two[key]) for key in one)
    assert one["gate_inner_coef_"][:, 0].sum() > 0.0
    gelu = ActivationGate("gelu")
    b = gelu.log_prob(params._replace(), fixed.block).copy()
    assert not np.allclose(b, gelu.log_prob(twin._replace(), fixed.block), atol=1e-2)


def test_a_simulated_gate_is_found():
    # Log-odds (s(3x) - s(-x) + 0.5) / 0.3 with s the logistic function, on a grid whose mean is zero.
    rng = np.random.default_rng(1)
    x = np.linspace(-3.0, 3.0, 4000)
    prob = expit((expit(3.0 * x) - expit(-x) + 0.5) / 0.3)
    first = rng.random(len(x)) < prob
    y = np.where(first, -1.0 + 2.0 * x + 0.5 * rng.normal(size=len(x)), 1.0 - x + 0.7 * rng.normal(size=len(x)))
    m = MoERegressor(2, ActivationGate("sigmoid", temperature=0.3), n_init=6, random_state=0).fit(x[:, None], y)
    slopes = m.expert_coef_[:, 0]
    found = m.predict_gate(x[:, None])[:, np.argmax(slopes)]
    assert np.sqrt(np.mean((found - prob) ** 2)) < 0.02  # a standard error of 1 / sqrt(n) and little more
    assert np.allclose(np.sort(slopes), [-1.0, 2.0], atol=0.05)
    density = prob * np.exp(-0.5 * ((y + 1 - 2 * x) / 0.5) ** 2) / 0.5
    density += (1 - prob) * np.exp(-0.5 * ((y - 1 + x) / 0.7) ** 2) / 0.7
    truth = np.log(density / np.sqrt(2 * np.pi)).sum()
    assert truth <= m.log_likelihood_ < truth + 15.0  # half a chi-squared of nine degrees of freedom


def test_a_bounded_activation_bounds_the_odds():
    X, y = two_regimes(200)
    m = MoERegressor(2, ActivationGate("tanh", "inside", temperature=0.5), n_init=4, random_state=0).fit(X, y)
    prob = m.predict_gate(100.0 * X)
    assert prob.min() >= expit(-4.0) - 1e-12
    assert not m.gate_separated_


@pytest.mark.parametrize("intercept", ("outside", "inside"))
def test_an_estimator_answers_all_questions(intercept, tmp_path):
    X, y = two_regimes(200)
    m = MoERegressor(2, ActivationGate("softplus", intercept, 0.5, ridge=0.1), n_init=4, random_state=0).fit(X, y)
    assert m.n_parameters_ == 8 + (5 if intercept == "outside" else 6)
    expected = reference.log_gate(X, reference.gate_of(vars(m), m.gate))
    assert np.allclose(np.log(m.predict_gate(X)), expected, atol=1e-9)
    text = str(m.summary())
    assert "activation gate" in text and "softplus(linear score)" in text
    assert ("(outer intercept)" in text) == (intercept == "outside")
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert np.array_equal(again.predict_gate(X), m.predict_gate(X))
    again.relabel([1, 0])
    assert np.allclose(again.predict_gate(X), m.predict_gate(X)[:, ::-1], atol=1e-12)
    with pytest.raises(ConfigurationError, match="activation gate has no log-odds linear in x; see gate_inner_coef_"):
        m.gate_contrasts()
    again.gate_inner_coef_ = again.gate_inner_coef_[:, :1]
    with pytest.raises(ModelFileError):
        again._check_loaded()


def test_columns_in_other_units_give_the_same_gate():
    X, y = two_regimes(200)
    settings = {"n_init": 4, "random_state": 0}
    a = MoERegressor(2, ActivationGate("gelu", ridge=0.1), **settings).fit(X, y)
    b = MoERegressor(2, ActivationGate("gelu", ridge=0.1), **settings).fit(100.0 * X + [5.0, -3e3], y)
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, abs=1e-5)
    assert np.allclose(a.predict_gate(X), b.predict_gate(100.0 * X + [5.0, -3e3]), atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    (
        ({"activation": "relu"}, "The gate's activation must be 'gelu' or"),
        ({"intercept": "both"}, "The gate's intercept must be 'outside' or 'inside'"),
        ({"temperature": 0}, "The gate's temperature must be a number > 0"),
        ({"ridge": -1.0}, "The gate's ridge must be a number >= 0"),
    ),
)
def test_arguments_that_are_none_are_refused(settings, message):
    X, y = two_regimes(60)
    with pytest.raises(ConfigurationError, match=message):
        MoERegressor(2, ActivationGate(**settings), n_init=2).fit(X, y)


def test_one_expert_has_no_parameters():
    X, y = two_regimes(60)
    m = MoERegressor(1, "activation").fit(X, y)
    assert m.n_parameters_ == 4 and (m.predict_gate(X) == 1.0).all()


@pytest.mark.parametrize("name", ("gelu", "identity"))
def test_without_columns_it_is_the_constant_gate(name):
    X, y = two_regimes(200)
    settings = {"n_init": 4, "random_state": 0}
    m = MoERegressor(2, ActivationGate(name), gate_features=[], **settings).fit(X, y)
    constant = MoERegressor(2, "constant", **settings).fit(X, y)
    assert m.n_parameters_ == constant.n_parameters_
    assert m.log_likelihood_ == pytest.approx(constant.log_likelihood_, abs=1e-5)
