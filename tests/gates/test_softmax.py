"""The softmax gate on its own: responsibilities are given, the optimum is known from other programs."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from classicmoe import MoERegressor
from classicmoe.exceptions import ConfigurationError
from classicmoe.gates import SoftmaxGate
from classicmoe.gates.softmax import SoftmaxParameters
from tests import reference
from tests.cases import CASES, block_of, two_regimes

CASE = CASES["softmax / gaussian"]


def rows(n=200, d=2, n_experts=3, seed=0, weighted=True):
    """Columns, given responsibilities and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * [1.0, 20.0, 0.1][:d] + 3.0
    coef = rng.normal(size=(n_experts, d)) / [1.0, 20.0, 0.1][:d]
    resp = np.exp(reference.log_softmax(X - 3.0, np.column_stack([np.zeros(n_experts), coef])))
    resp = np.array([rng.dirichlet(3.0 * row + 0.2) for row in resp])
    weight = rng.integers(0, 4, n).astype(float) if weighted else np.ones(n)
    return X, resp, weight


class Fixed:
    """The gate's part of the M-step, iterated to its optimum."""

    def __init__(self, X, resp, weight):
        self.problem = CASE.problem(X, np.random.default_rng(0).normal(size=len(X)), weight)
        self.block = block_of(self.problem)
        self.resp = np.ascontiguousarray((resp * weight[:, None]).T)

    def value(self, gate, params):
        return float(np.sum(self.resp * gate.log_prob(params, self.block))) - gate.penalty(params)

    def solve(self, gate, n_steps=60, steps=("full",), params=None):
        params = gate.start(len(self.resp), self.block.gate_columns.shape[0]) if params is None else params
        values = [self.value(gate, params)]
        for i in range(n_steps):
            statistics = gate.statistics(params, self.block, self.resp)
            params = gate.update(params, statistics, self.problem.ground, steps[i % len(steps)])
            values.append(self.value(gate, params))
        return params, np.array(values)

    def raw(self, gate, params):
        coef = gate.to_raw(params, self.problem.survey.gate_design).coef
        return coef - coef[-1]


def test_two_experts_equal_a_binomial_glm_with_fractional_responses():
    X, resp, weight = rows(n_experts=2)
    fixed, gate = Fixed(X, resp, weight), SoftmaxGate(ridge=0.0)
    params, _ = fixed.solve(gate)
    kept = weight > 0
    glm = sm.GLM(resp[kept, 0], sm.add_constant(X[kept]), family=sm.families.Binomial(), freq_weights=weight[kept])
    expected = glm.fit(tol=1e-14, maxiter=100).params
    assert np.allclose(fixed.raw(gate, params)[0], expected, rtol=1e-8)


def test_one_hot_responsibilities_equal_multinomial_logistic_regression():
    X, resp, weight = rows(n=400)
    labels = resp.argmax(axis=1)
    fixed, gate = Fixed(X, np.eye(3)[labels], weight), SoftmaxGate(ridge=0.0)
    params, _ = fixed.solve(gate)
    model = sm.MNLogit(
        np.repeat((2 - labels), weight.astype(int)), sm.add_constant(np.repeat(X, weight.astype(int), 0))
    )
    expected = model.fit(disp=0, method="newton", maxiter=100, tol=1e-14).params[:, ::-1].T
    assert np.allclose(fixed.raw(gate, params)[:2], expected, rtol=1e-7)


def test_ridge_equals_the_penalised_fit_of_scikit_learn():
    X, resp, weight = rows(n=400, weighted=False)
    labels = resp.argmax(axis=1)
    fixed, gate = Fixed(X, np.eye(3)[labels], weight), SoftmaxGate(ridge=7.0)
    params, _ = fixed.solve(gate)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LogisticRegression(C=1.0 / 7.0, tol=1e-12, max_iter=10_000).fit(scaled, labels)
    expected = np.column_stack([model.intercept_, model.coef_])
    assert np.allclose(params.coef, expected - expected.mean(axis=0), atol=1e-6)
    assert np.abs(params.coef.sum(axis=0)).max() < 1e-13


def test_responsibilities_that_do_not_depend_on_x_give_their_mean():
    X, _, weight = rows()
    share = np.array([0.2, 0.5, 0.3])
    fixed, gate = Fixed(X, np.tile(share, (len(X), 1)), weight), SoftmaxGate(ridge=0.0)
    params, _ = fixed.solve(gate)
    raw = fixed.raw(gate, params)
    assert np.allclose(raw[:, 1:], 0.0, atol=1e-10)
    assert np.allclose(raw[:, 0], np.log(share / share[-1]), atol=1e-10)


@pytest.mark.parametrize("ridge", (0.0, 1e-3, 5.0))
@pytest.mark.parametrize("n_experts", (2, 3, 5))
def test_newton_and_mm_have_one_optimum_and_never_fall(ridge, n_experts):
    fixed = Fixed(*rows(n_experts=n_experts))
    newton, mm = SoftmaxGate(ridge=ridge), SoftmaxGate("mm", ridge=ridge)
    a, rising = fixed.solve(newton)
    b, slow = fixed.solve(mm, n_steps=3000)
    assert np.allclose(a.coef, b.coef, atol=1e-6)
    for values in (rising, slow, fixed.solve(newton, steps=("half",))[1], fixed.solve(newton, steps=("safe",))[1]):
        assert (np.diff(values) >= -1e-12 * np.abs(values[:-1])).all()


def test_the_optimum_is_the_one_that_a_general_optimiser_finds():
    X, resp, weight = rows(d=3)
    fixed, gate = Fixed(X, resp, weight), SoftmaxGate(ridge=0.7)
    params, values = fixed.solve(gate)
    like = gate.start(3, 4)
    found = minimize(
        lambda v: -fixed.value(gate, gate.unpack(v, like)), np.zeros(8), method="BFGS", options={"gtol": 1e-9}
    )
    assert values[-1] >= -found.fun - 1e-9
    assert np.allclose(gate.pack(params), found.x, atol=1e-4)


def test_mm_in_two_experts_is_the_known_logistic_step():
    # a + 4 (X'WX)^-1 X'W(r - p) for the contrast of two experts.
    X, resp, weight = rows(n_experts=2)
    fixed, gate = Fixed(X, resp, weight), SoftmaxGate("mm", ridge=0.0)
    params, _ = fixed.solve(gate, n_steps=1)
    columns = fixed.block.gate_columns
    gram = (columns * weight) @ columns.T
    expected = 4.0 * np.linalg.solve(gram, columns @ (weight * (resp[:, 0] - 0.5)))
    assert np.allclose(gate.pack(params), expected, rtol=1e-10)


def test_a_column_given_twice_shares_its_coefficient_under_a_ridge():
    X, resp, weight = rows(d=1)
    fixed = Fixed(np.column_stack([X, X]), resp, weight)
    assert fixed.problem.survey.gate_design.width == 2  # the copy is left out before it comes to that
    block, gate = fixed.block, SoftmaxGate(ridge=1.0)
    block.gate_columns = np.vstack([block.gate_columns, block.gate_columns[1:]])
    gram = (block.gate_columns * block.weight) @ block.gate_columns.T
    fixed.problem.survey = fixed.problem.survey._replace(ground=fixed.problem.ground._replace(gate_gram=gram))
    params, _ = fixed.solve(gate)
    assert np.allclose(params.coef[:, 1], params.coef[:, 2], atol=1e-8)
    assert np.abs(params.coef[:, 1]).max() > 0.1


def test_translation_of_all_experts_changes_nothing():
    rng = np.random.default_rng(0)
    fixed, gate = Fixed(*rows()), SoftmaxGate()
    coef = rng.normal(size=(3, 3))
    moved = coef + rng.normal(size=3)
    a = gate.log_prob(SoftmaxParameters(coef), fixed.block).copy()
    b = gate.log_prob(SoftmaxParameters(moved), fixed.block)
    assert np.allclose(a, b, rtol=1e-12, atol=1e-12)
    assert np.allclose(gate.pack(SoftmaxParameters(coef)), gate.pack(SoftmaxParameters(moved)), atol=1e-14)
    attributes = [gate.attributes(SoftmaxParameters(c)) for c in (coef, moved)]
    assert np.allclose(attributes[0]["gate_coef_"], attributes[1]["gate_coef_"], atol=1e-14)


def test_log_probabilities_stay_finite_for_any_logit():
    fixed, gate = Fixed(*rows()), SoftmaxGate()
    coef = 1e6 * np.random.default_rng(0).normal(size=(3, 3))
    log_prob = gate.log_prob(SoftmaxParameters(coef), fixed.block)
    assert np.isfinite(log_prob).all()
    assert np.allclose(np.exp(log_prob).sum(axis=0), 1.0, rtol=1e-14)


@pytest.mark.parametrize(("ridge", "last"), ((0.0, True), (1e-10, True), (1e-3, False)))
def test_attributes_last_expert_zero_or_symmetric_when_penalised(ridge, last):
    coef = np.random.default_rng(0).normal(size=(3, 4))
    coef -= coef.mean(axis=0)
    gate = SoftmaxGate(ridge=ridge)
    attributes = gate.attributes(SoftmaxParameters(coef))
    stacked = np.column_stack([attributes["gate_intercept_"], attributes["gate_coef_"]])
    assert np.allclose(stacked, coef - coef[-1] if last else coef)
    again = gate.from_attributes(attributes)
    assert np.allclose(gate.pack(again), gate.pack(SoftmaxParameters(coef)))


def test_one_expert_has_no_parameters():
    X, _, weight = rows(n_experts=1)
    fixed, gate = Fixed(X, np.ones((len(X), 1)), weight), SoftmaxGate()
    params, values = fixed.solve(gate, n_steps=3)
    assert gate.n_free(params) == 0 and gate.pack(params).shape == (0,)
    assert (params.coef == 0.0).all() and (values == 0.0).all()


@pytest.mark.parametrize("solver", ("newton", "mm"))
@pytest.mark.parametrize("temperature", (0.3, 1.0, 7.0))
@pytest.mark.parametrize("ridge", (0.0, 2.0))
def test_a_temperature_and_a_ridge_are_a_ridge_on_the_effective_coefficients(solver, temperature, ridge):
    fixed = Fixed(*rows())
    hot, one = SoftmaxGate(solver, ridge, temperature), SoftmaxGate(solver, ridge * temperature**2)
    a, rising = fixed.solve(hot, n_steps=30, steps=("full", "half", "safe"))
    b, expected = fixed.solve(one, n_steps=30, steps=("full", "half", "safe"))
    assert np.allclose(a.coef / temperature, b.coef, rtol=1e-11, atol=1e-12)
    assert np.allclose(rising, expected, rtol=1e-12)
    assert np.allclose(hot.log_prob(a, fixed.block), one.log_prob(b, fixed.block), rtol=1e-11, atol=1e-12)


def test_without_a_ridge_a_temperature_changes_the_units_of_the_coefficients_only():
    X, y = two_regimes(200)
    settings = {"n_init": 4, "random_state": 0}
    one = MoERegressor(2, SoftmaxGate(ridge=0.0), **settings).fit(X, y)
    hot = MoERegressor(2, SoftmaxGate(ridge=0.0, temperature=4.0), **settings).fit(X, y)
    assert hot.log_likelihood_ == pytest.approx(one.log_likelihood_, abs=1e-6)
    assert hot.n_parameters_ == one.n_parameters_
    assert np.allclose(hot.predict_gate(X), one.predict_gate(X), atol=1e-4)
    assert np.allclose(hot.gate_coef_, 4.0 * one.gate_coef_, rtol=1e-3)
    assert np.array_equal(hot.gate_coef_effective_, hot.gate_coef_ / 4.0)
    assert np.array_equal(hot.gate_contrasts(0)[0][1], hot.gate_coef_effective_[1] - hot.gate_coef_effective_[0])
    assert "divided by the temperature 4" in str(hot.summary()) and "temperature" not in str(one.summary())
    assert not hasattr(one, "gate_coef_effective_")
    before = hot.gate_coef_effective_.copy()
    hot.relabel([1, 0])
    assert np.allclose(hot.gate_coef_effective_, -before, rtol=1e-12)
    hot.set_params(gate="softmax").fit(X, y)
    assert not hasattr(hot, "gate_coef_effective_")


@pytest.mark.parametrize("temperature", (0.0, -1.0, np.inf, np.nan, "warm", None))
def test_a_temperature_that_is_none_is_refused(temperature):
    X, y = two_regimes(60)
    with pytest.raises(ConfigurationError, match="The gate's temperature must be a number > 0, not"):
        MoERegressor(2, SoftmaxGate(temperature=temperature), n_init=2).fit(X, y)


def test_shares_of_the_newton_step_are_shares():
    fixed, gate = Fixed(*rows()), SoftmaxGate(ridge=0.3)
    params, _ = fixed.solve(gate, n_steps=1)
    statistics = gate.statistics(params, fixed.block, fixed.resp)
    full = gate.update(params, statistics, fixed.problem.ground).coef - params.coef
    for step, share in (("half", 0.5), ("tenth", 0.1), ("hundredth", 0.01)):
        moved = gate.update(params, statistics, fixed.problem.ground, step).coef - params.coef
        assert np.allclose(moved, share * full, rtol=1e-10, atol=1e-13)
