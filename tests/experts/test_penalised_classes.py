"""Penalised multinomial experts with given responsibilities: derivatives, steps, and the optima of other programs."""

import cvxpy as cp
import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from classicmoe.experts import MultinomialExpert
from classicmoe.experts._class_logits import MultinomialParameters
from classicmoe.experts.penalised_classes import PenalisedClasses
from classicmoe.gates import SoftmaxGate
from classicmoe.penalties import L1, MCP, SCAD, ElasticNet, Group
from tests.cases import Case, block_of, three_classes

K, P = 2, 4
WEIGHTS = np.array([[1.0, 0.0, 2.0, 0.5], [0.3, 1.0, 0.0, 1.0]])
PENALTIES = {
    "l1": L1(4.0),
    "l1 by expert": L1([2.0, 6.0], weights=WEIGHTS),
    "adaptive": L1(4.0, weights=[1.0, 0.2, 0.0, np.inf]),
    "elastic net": ElasticNet(6.0, 0.6),
    "group": Group(4.0),
    "mcp": MCP(4.0, curvature=100.0),
    "scad": SCAD([4.0, 2.0], curvature=100.0),
}
EVERY = pytest.mark.parametrize("case", PENALTIES)


def classes(n, n_classes, seed):
    """Four columns, the last two of noise, and codes of two or three classes."""
    rng = np.random.default_rng([seed, 2])
    X, y = three_classes(n, seed)
    y = y if n_classes == 3 else (y > 0).astype(float)
    return np.column_stack([X, rng.normal(size=(n, P - 2))]) * [1.0, 5.0, 0.2, 1.0] + 2.0, y


class Fixed:
    """The experts' part of the M-step: responsibilities are given."""

    def __init__(self, n=150, n_classes=3, seed=0):
        self.X, self.y = classes(n, n_classes, seed)
        base = MultinomialExpert(n_classes=n_classes)
        self.problem = Case(SoftmaxGate(), base, None).problem(self.X, self.y)
        self.base, self.block, self.ground = base, block_of(self.problem), self.problem.ground
        self.resp = np.ascontiguousarray(np.random.default_rng([seed, 1]).dirichlet(np.ones(K), n).T)
        self.Z = self.block.expert_columns[1:].T

    def expert(self, penalty, **arguments):
        return PenalisedClasses(MultinomialExpert(self.base.n_classes, **arguments), penalty)

    def random(self, expert, seed, spread=1.0, zeros=0.3):
        rng = np.random.default_rng(seed)
        coef = spread * rng.normal(size=(K, self.base.n_classes, 1 + P))
        coef[..., 1:] *= rng.random(coef[..., 1:].shape) > zeros
        if isinstance(expert.on_slopes.weights, list):
            coef[..., 4] = 0.0  # held
        return MultinomialParameters(coef)

    def fit_term(self, expert, params):
        return float(np.sum(self.resp * expert.log_density(params, self.block)))

    def value(self, expert, params):
        return self.fit_term(expert, params) - expert.penalty(params)

    def statistics(self, expert, params):
        return expert.statistics(params, self.block, self.resp)

    def solve(self, expert, n_steps=60, step="full"):
        params = expert.start(K, self.ground)
        values = [self.value(expert, params)]
        for _ in range(n_steps):
            params = expert.update(params, self.statistics(expert, params), self.ground, step)
            values.append(self.value(expert, params))
        return params, np.array(values)


# -- derivatives --------------------------------------------------------------------------------------------------


def slope_towards(fixed, expert, params, at, sign, h=1e-6):
    """One-sided derivative of the penalised objective in one coefficient: second differences, no cancellation."""
    values = []
    for steps in (0, 1, 2):
        coef = params.coef.copy()
        coef[at] += sign * steps * h
        values.append(fixed.value(expert, MultinomialParameters(coef)))
    return (-1.5 * values[0] + 2.0 * values[1] - 0.5 * values[2]) / h


@pytest.mark.parametrize("n_classes", (2, 3))
@pytest.mark.parametrize("case", [name for name in PENALTIES if name != "group"])
def test_the_subgradient_is_the_steepest_one_sided_derivative(case, n_classes):
    fixed = Fixed(60, n_classes)
    expert = fixed.expert(PENALTIES[case])
    params = fixed.random(expert, 1)
    score = expert.score(params, fixed.statistics(expert, params)).reshape(params.coef.shape)
    for at in np.ndindex(*params.coef.shape):
        if at[2] == 4 and case == "adaptive":
            assert score[at] == 0.0  # held at zero: no way up
            continue
        up, down = (slope_towards(fixed, expert, params, at, sign) for sign in (1.0, -1.0))
        expected = max(up, 0.0) - max(down, 0.0) if params.coef[at] == 0.0 else up
        # Values of some 100 have rounding errors of 1e-14 each, over a step of 1e-6; curvature is removed.
        assert score[at] == pytest.approx(expected, abs=1e-5)


def test_a_groups_subgradient_is_the_steepest_direction_of_a_column():
    fixed = Fixed(60)
    expert = fixed.expert(PENALTIES["group"])
    params = fixed.random(expert, 1, zeros=0.0)
    params.coef[0, :, 2] = 0.0
    score = expert.score(params, fixed.statistics(expert, params)).reshape(params.coef.shape)
    for at in ((0, 1, 1), (1, 2, 3), (1, 0, 0)):
        assert score[at] == pytest.approx(slope_towards(fixed, expert, params, at, 1.0), abs=1e-5)
    gradient = fixed.statistics(expert, params).gradient[0, :, 2]
    length, threshold = np.linalg.norm(gradient), 4.0 * np.sqrt(3.0)
    assert np.allclose(score[0, :, 2], gradient * max(1.0 - threshold / length, 0.0), atol=1e-12)


def test_rows_add_up_to_the_gradient_of_all_classes():
    fixed = Fixed(80)
    expert = fixed.expert(L1(1.0))
    params = fixed.random(expert, 2)
    gradient = fixed.statistics(expert, params).gradient
    rows = expert.row_slopes(params, fixed.block, fixed.resp)
    assert np.allclose((rows @ fixed.block.expert_columns.T).reshape(gradient.shape), gradient, rtol=1e-12, atol=1e-12)
    scores = expert.scores(params, fixed.block, fixed.resp)
    assert scores.shape == (80, expert.n_free(params))
    assert np.allclose(scores.sum(axis=0), gradient.ravel(), rtol=1e-12, atol=1e-12)


@EVERY
def test_what_zero_allows_is_asked_of_every_column(case):
    fixed = Fixed(60)
    expert = fixed.expert(PENALTIES[case])
    params = expert.start(K, fixed.ground)
    rows = expert.row_slopes(params, fixed.block, fixed.resp)
    wrong = expert.violation_at_zero(params, rows @ fixed.block.expert_columns.T)
    score = expert.score(params, fixed.statistics(expert, params)).reshape(params.coef.shape)
    assert wrong == pytest.approx(np.abs(score[..., 1:]).max(axis=(0, 1)), rel=1e-9, abs=1e-9)


# -- steps --------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("solver", ("newton", "mm"))
def test_the_safe_step_never_falls_from_anywhere(case, solver):
    fixed = Fixed(60)
    expert = fixed.expert(PENALTIES[case], solver=solver)
    for seed in range(5):
        params = fixed.random(expert, seed, spread=4.0)
        before = fixed.value(expert, params)
        after = fixed.value(expert, expert.update(params, fixed.statistics(expert, params), fixed.ground, "safe"))
        assert after >= before - 1e-12 * abs(before)


@EVERY
@pytest.mark.parametrize("n_classes", (2, 3))
def test_steps_lead_to_where_the_conditions_of_optimality_hold(case, n_classes):
    fixed = Fixed(150, n_classes)
    expert = fixed.expert(PENALTIES[case])
    params, values = fixed.solve(expert, 30)
    assert (np.diff(values) >= -1e-12 * np.abs(values[1:])).all()  # full Newton steps, from zero
    assert np.abs(expert.score(params, fixed.statistics(expert, params))).max() < 1e-6
    again = expert.unpack(expert.pack(params), params)
    assert np.allclose(again.coef, params.coef, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("n_classes", (2, 3))
def test_each_expert_is_scikit_learns_weighted_lasso(n_classes):
    fixed = Fixed(150, n_classes)
    alpha, weights = np.array([2.0, 6.0]), np.array([[1.0, 0.5, 2.0, 1.0], [0.5, 1.0, 1.0, 3.0]])
    params, values = fixed.solve(fixed.expert(L1(alpha, weights=weights)))
    peers, slopes = 0.0, params.coef[..., 1:]
    for k in range(K):
        Z = fixed.Z / weights[k]  # a slope of c there is one of c / weight
        peer = LogisticRegression(l1_ratio=1.0, solver="saga", C=1.0 / alpha[k], tol=1e-10, max_iter=20_000)
        peer.fit(Z, fixed.y, sample_weight=fixed.resp[k])
        coef = weights[k] * (slopes[k] if n_classes == 3 else slopes[k, 1:] - slopes[k, :1])
        assert np.allclose(coef, peer.coef_, atol=1e-6)
        assert ((coef == 0.0) == (np.abs(peer.coef_) < 1e-9)).all() and (coef == 0.0).any()
        own = peer.predict_log_proba(Z)[np.arange(150), fixed.y.astype(int)]
        peers += fixed.resp[k] @ own - alpha[k] * np.abs(peer.coef_).sum()
    assert values[-1] == pytest.approx(peers, rel=1e-8)


def test_groups_are_those_of_a_conic_solver():
    fixed = Fixed(60)
    penalty = Group(3.0, weights=[1.0, 0.5, 2.0, 0.0])
    params, _ = fixed.solve(fixed.expert(penalty, ridge=0.0), 100)
    for k in range(K):
        coef = cp.Variable((3, 1 + P))
        logits = np.column_stack([np.ones(60), fixed.Z]) @ coef.T
        own = cp.sum(cp.multiply(np.eye(3)[fixed.y.astype(int)], logits), axis=1) - cp.log_sum_exp(logits, axis=1)
        cost = 3.0 * np.sqrt(3.0) * sum(w * cp.norm(coef[:, 1 + j]) for j, w in enumerate(penalty.weights))
        best = cp.Problem(cp.Maximize(fixed.resp[k] @ own - cost)).solve(solver="CLARABEL")
        mine = MultinomialParameters(params.coef[[k]])
        logits = np.column_stack([np.ones(60), fixed.Z]) @ mine.coef[0].T
        at = fixed.resp[k] @ log_softmax(logits, axis=1)[np.arange(60), fixed.y.astype(int)]
        assert at - penalty.value(mine.coef[0]) == pytest.approx(best, rel=1e-7)  # what the solver promises
    assert not params.coef[:, :, 3].any() and params.coef[:, :, 4].any()


def test_without_penalty_they_are_plain_experts():
    fixed = Fixed(150)
    params, values = fixed.solve(fixed.expert(L1(0.0)))
    plain, best = fixed.solve(fixed.base)
    assert values[-1] == pytest.approx(best[-1], rel=1e-12)
    assert np.allclose(params.coef, plain.coef, atol=1e-6)


# -- which of the equivalent coefficients ----------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("n_classes", (2, 3))
def test_levels_change_the_penalty_and_no_probability(case, n_classes):
    fixed = Fixed(60, n_classes)
    expert = fixed.expert(PENALTIES[case])
    params = fixed.random(expert, 3)
    level = expert.unpack(expert.pack(params), params)
    assert fixed.fit_term(expert, level) == pytest.approx(fixed.fit_term(expert, params), rel=1e-12)
    assert expert.penalty(level) <= expert.penalty(params) + 1e-12
    assert np.abs(level.coef[..., 0].sum(axis=1)).max() < 1e-12
    if case == "l1":
        assert (np.sort(level.coef[..., 1:], axis=1)[:, (n_classes - 1) // 2] == 0.0).all()


def test_what_is_held_at_zero_stays_there_in_random_starts():
    fixed = Fixed(60)
    for penalty in (PENALTIES["adaptive"], Group(2.0, weights=[1.0, 0.0, 1.0, np.inf])):
        expert = fixed.expert(penalty)
        params = expert.start(K, fixed.ground)
        params = expert.unpack(np.random.default_rng(0).normal(size=params.coef.size), params)
        assert not params.coef[..., 4].any() and params.coef[..., :4].any(axis=(0, 1)).all()
        assert np.isfinite(expert.penalty(params))


def test_a_token_ridge_does_not_undo_the_zeros():
    fixed = Fixed(150, 2)
    params, _ = fixed.solve(fixed.expert(L1(2.0, weights=[1.0, 0.0, 1.0, 1.0])))
    assert (params.coef[:, :, [1, 3, 4]] == 0.0).any(axis=1).all()  # of two classes one has the slope
    assert np.allclose(params.coef[:, 0, 2], -params.coef[:, 1, 2])  # a free column: the ridge's symmetric form
    ridge, _ = fixed.solve(fixed.expert(L1(2.0), ridge=5.0))
    both, _ = fixed.solve(fixed.expert(ElasticNet(7.0, 2.0 / 7.0)))
    assert np.allclose(ridge.coef, both.coef, atol=1e-7)  # a larger one is part of the penalty


def test_pure_experts_stay_finite():
    fixed = Fixed(80)
    fixed.resp = np.ascontiguousarray(np.stack([fixed.y == 0.0, fixed.y > 0.0]).astype(float))
    expert = fixed.expert(L1(0.5))
    params, values = fixed.solve(expert, 40)
    assert np.isfinite(params.coef).all() and (np.diff(values) >= -1e-12 * np.abs(values[:-1])).all()
    assert not params.coef[0, :, 1:].any()  # an expert of one class needs no slopes


# -- shapes and counts ----------------------------------------------------------------------------------------------


def test_counts_columns_and_copies():
    coef = np.zeros((2, 3, 4))
    coef[0, :, 1], coef[0, 1, 2], coef[1, 2, 2] = [1.0, -1.0, 0.5], 2.0, -1.0
    params = MultinomialParameters(coef)
    expert = PenalisedClasses(MultinomialExpert(3), L1(1.0))
    assert expert.used(params).tolist() == [True, True, False]
    assert expert.coefficients_used(params).tolist() == [3, 2]
    assert expert.slopes_used(params) == 2 + 1 + 1  # of a column C - 1 at most
    assert expert.degrees(params) == 2 * 2 + 4
    wider = expert.recolumned(params, np.array([0, 2, -1, 1]))
    assert (wider.coef[..., 1] == coef[..., 2]).all() and not wider.coef[..., 2].any()
    assert (wider.coef[..., 3] == coef[..., 1]).all()
    copy = clone(expert)
    assert copy.on_slopes.alpha == 1.0 and copy.n_classes == 3
    soft = expert.softened(0.5)
    assert soft.ridge == 0.5 and soft.penalty(params) == pytest.approx(expert.penalty(params) + 0.25 * (2.25 + 5.0))
