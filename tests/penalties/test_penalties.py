"""Every penalty: its majoriser, its units, its lines; and the maxima that general solvers find with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import ElasticNet as SklearnElasticNet

from classicmoe.penalties import L1, MCP, PENALTIES, SCAD, ElasticNet, Group, Majoriser, maximise, prox, violation

L, P = 3, 5
WEIGHTS = np.array([[1.0, 0.0, 2.0, 0.5], [0.3, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 4.0]])
CASES = {
    "l1": L1(0.7),
    "l1 lines": L1([0.5, 0.0, 2.0], weights=WEIGHTS),
    "adaptive": L1(0.7, weights=[1.0, 0.2, 0.0, np.inf]),
    "elastic net": ElasticNet(1.3),
    "elastic net lines": ElasticNet([0.5, 1.0, 2.0], [0.0, 0.3, 1.0], weights=WEIGHTS),
    "elastic net held": ElasticNet(1.3, weights=[1.0, 0.2, 0.0, np.inf]),
    "group": Group(0.6),
    "group weights": Group(0.6, weights=[0.0, 1.0, 2.0, np.inf]),
    "mcp": MCP(0.8),
    "mcp lines": MCP([0.5, 1.0, 2.0], [2.0, 3.0, 4.0], weights=WEIGHTS, curvature=[1.0, 4.0, 0.5]),
    "mcp held": MCP(0.8, weights=[1.0, 0.2, 0.0, np.inf]),
    "scad": SCAD(0.8),
    "scad lines": SCAD([0.5, 1.0, 2.0], [2.5, 3.0, 4.0], weights=WEIGHTS, curvature=[1.0, 4.0, 0.5]),
    "scad held": SCAD(0.8, weights=[1.0, 0.2, 0.0, np.inf]),
}
EVERY = pytest.mark.parametrize("case", CASES)
CONVEX = pytest.mark.parametrize("case", ("l1", "l1 lines", "elastic net", "elastic net lines", "group"))
values = st.floats(-8.0, 8.0).map(lambda x: 0.0 if abs(x) < 0.05 else x)  # zeros, and no denormal numbers
tables = st.lists(values, min_size=L * P, max_size=L * P).map(lambda x: np.reshape(x, (L, P)))


def admissible(case, coef):
    """The coefficients with 0 where an infinite weight holds them."""
    weights = np.broadcast_to(1.0 if CASES[case].weights is None else CASES[case].weights, (L, P - 1))
    return np.column_stack([coef[:, 0], np.where(np.isinf(weights), 0.0, coef[:, 1:])])


def drawn(case, seed, zeros=0.3):
    rng = np.random.default_rng(seed)
    return admissible(case, 2.0 * rng.normal(size=(L, P)) * (rng.random((L, P)) > zeros))


def height(majoriser, coef):
    """The majoriser at ``coef`` up to its constant."""
    size = np.linalg.norm(coef, axis=0) if majoriser.grouped else np.abs(coef)
    some = size > 0.0
    return (majoriser.threshold[some] * size[some]).sum() + 0.5 * (majoriser.ridge * coef**2).sum()


@EVERY
@settings(max_examples=30)
@given(here=tables, there=tables)
def test_the_majoriser_touches_and_lies_above(case, here, there):
    penalty, here, there = CASES[case], admissible(case, here), admissible(case, there)
    majoriser = penalty.majoriser(here)
    rise = penalty.value(there) - penalty.value(here)
    assert rise <= height(majoriser, there) - height(majoriser, here) + 1e-12 * (1.0 + height(majoriser, there))
    assert not majoriser.ridge[:, 0].any() and not np.atleast_2d(majoriser.threshold)[:, 0].any()
    assert majoriser.ridge.shape == (L, P)
    assert majoriser.threshold.shape == ((P,) if majoriser.grouped else (L, P))


@EVERY
@settings(max_examples=20)
@given(coef=tables, scale=st.floats(0.01, 100.0))
def test_in_units(case, coef, scale):
    penalty, coef = CASES[case], admissible(case, coef)
    assert np.isclose(penalty.value(coef), penalty.in_units(scale).value(coef / scale), rtol=1e-12, atol=1e-12)
    if not case.startswith("group"):
        lines = scale ** np.arange(L)
        ours = penalty.in_units(lines).value(coef / lines[:, None])
        assert np.isclose(penalty.value(coef), ours, rtol=1e-12, atol=1e-12)


def test_a_group_has_one_unit():
    assert Group(2.0).in_units(np.full(3, 0.5)).alpha == 1.0
    with pytest.raises(ValueError, match="one unit"):
        Group(2.0).in_units(np.array([1.0, 2.0]))


@EVERY
def test_intercepts_are_free_and_infinite_weights_cost_all(case, seed):
    penalty, coef = CASES[case], drawn(case, seed)
    moved = coef.copy()
    moved[:, 0] += 100.0
    assert penalty.value(moved) == penalty.value(coef) > 0.0 == penalty.value(0.0 * coef)
    if np.any(np.isinf(np.array(penalty.weights, dtype=float))):
        moved[0, 4] = 1e-9
        assert penalty.value(moved) == np.inf


@EVERY
def test_lines_and_columns_change_places(case, seed):
    penalty, coef = CASES[case], drawn(case, seed)
    order, columns = np.array([2, 0, 1]), np.array([2, 0])
    assert np.isclose(penalty.permuted(order).value(coef[order]), penalty.value(coef), rtol=1e-14, atol=0)
    alone = coef * np.isin(np.arange(P), columns + 1)
    for chosen in (columns, np.isin(np.arange(P - 1), columns)):
        few = np.column_stack([coef[:, 0], coef[:, 1:][:, chosen]])
        assert np.isclose(penalty.restricted(chosen).value(few), penalty.value(alone), rtol=1e-14, atol=0)


@EVERY
def test_violation_is_the_derivative_where_there_is_one(case, seed):
    penalty, coef = CASES[case], drawn(case, seed, zeros=0.0)
    gradient = np.random.default_rng(seed).normal(size=(L, P))
    ours, h = violation(penalty.majoriser(coef), gradient, coef), 1e-6
    for where in np.argwhere(coef != 0.0):
        step = np.zeros((L, P))
        step[tuple(where)] = h
        change = (penalty.value(coef + step) - penalty.value(coef - step)) / (2.0 * h)
        # Central differences: rounding of the values over h, and a third derivative of about 1 (or a knot) times h.
        assert abs(ours[tuple(where)] - (gradient[tuple(where)] - change)) < 1e-5
    assert np.array_equal(ours[coef == 0.0], np.zeros((coef == 0.0).sum()))  # infinite thresholds


@EVERY
def test_violation_is_the_steepest_slope_uphill(case, seed):
    # Of all directions of length 1, none rises faster than the shortest subgradient is long.
    rng, penalty, coef = np.random.default_rng(seed), CASES[case], drawn(case, seed, zeros=0.6)
    gradient = 2.0 * rng.normal(size=(L, P))
    shortest = violation(penalty.majoriser(coef), gradient, coef)
    length, h = np.linalg.norm(shortest), 1e-7

    def rise(direction):
        step = admissible(case, direction / np.linalg.norm(direction))
        return (gradient * step).sum() - (penalty.value(coef + h * step) - penalty.value(coef)) / h

    assert abs(rise(shortest) - length) < 1e-5
    assert max(rise(rng.normal(size=(L, P))) for _ in range(200)) < length + 1e-5


@EVERY
@pytest.mark.parametrize("step", (0.01, 1.0, 30.0))
def test_prox(case, step, seed):
    values = np.random.default_rng(seed).normal(size=(L, P))
    majoriser = CASES[case].majoriser(drawn(case, seed))
    if majoriser.grouped:
        majoriser = majoriser._replace(ridge=np.tile(np.arange(P, dtype=float), (L, 1)))
    ours = prox(majoriser, values, step)
    theirs = maximise(majoriser, np.eye(L * P) / step, values / step, np.zeros((L, P)), 1e-13)
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert np.abs(violation(majoriser, (values - ours) / step, ours)).max() < 1e-13 / step


def regression(seed, rows=60):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), rng.normal(size=(rows, P - 1)) + 0.5 * rng.normal(size=(rows, 1))])
    return x, np.array([x @ rng.normal(size=P) * (k + 1) + rng.normal(size=rows) for k in range(L)])


def problem(kind, seed):
    """Hessian, or its blocks, a gradient at random b, and b."""
    rng, (x, y) = np.random.default_rng(seed), regression(seed)
    start, weights = rng.normal(size=(L, P)), rng.random((L, len(x)))
    if kind == "blocks":
        return np.einsum("kn,ni,nj->kij", weights, x, x), ((y - start @ x.T) * weights) @ x, start
    prob = np.exp(x @ start.T)
    prob /= prob.sum(axis=1, keepdims=True)
    bend = prob[:, :, None] * (np.eye(L) - prob[:, None, :])
    if kind == "dense":
        bend += 0.2 * np.eye(L)
    gradient = (rng.dirichlet(np.ones(L), len(x)) - prob).T @ x
    return np.einsum("nab,ni,nj->aibj", bend, x, x).reshape(L * P, L * P), gradient, start


def dense(hessian):
    """The blocks of a Hessian on the diagonal of a matrix."""
    if hessian.ndim == 2:
        return hessian
    out = np.zeros((L * P, L * P))
    for k in range(L):
        out[k * P : (k + 1) * P, k * P : (k + 1) * P] = hessian[k]
    return out


def reached(hessian, gradient, start, penalty, coef):
    change = (coef - start).ravel()
    return gradient.ravel() @ change - 0.5 * change @ dense(hessian) @ change - penalty.value(coef)


@pytest.mark.parametrize("kind", ("blocks", "dense", "softmax"))
@CONVEX
def test_maxima_are_those_of_a_conic_solver(case, kind, seed):
    import cvxpy as cp  # half of a second that only this test needs

    (hessian, gradient, start), penalty = problem(kind, seed), CASES[case].in_units(3.0)
    majoriser = penalty.majoriser(start)
    ours = maximise(majoriser, hessian, gradient, start, 1e-9)

    c = cp.Variable((L, P))
    values, axes = np.linalg.eigh(dense(hessian))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * axes.T
    change = cp.vec(c - start, order="C")
    size = cp.norm(c, 2, axis=0) if majoriser.grouped else cp.abs(c)
    cost = cp.sum(cp.multiply(majoriser.threshold, size)) + 0.5 * cp.sum(cp.multiply(majoriser.ridge, c**2))
    goal = cp.Maximize(gradient.ravel() @ change - 0.5 * cp.sum_squares(root @ change) - cost)
    cp.Problem(goal).solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)

    best = reached(hessian, gradient, start, penalty, ours)
    theirs = reached(hessian, gradient, start, penalty, c.value)
    assert abs(best - theirs) <= 1e-9 * abs(best)
    slope = gradient - (dense(hessian) @ (ours - start).ravel()).reshape(L, P)
    assert np.linalg.norm(violation(majoriser, slope, ours), axis=0).max() <= np.sqrt(L) * 1.01e-9
    if kind != "softmax":  # there the levels of columns are free
        # A cone is left by what the solver calls closed: the objective bends at least as much as the Hessian.
        cone = np.sqrt(2e-10 * (1.0 + abs(best)) / values[0]) if majoriser.grouped else 0.0
        assert np.abs(ours - c.value).max() < max(1e-6, cone)


@pytest.mark.parametrize("l1_ratio", (0.4, 1.0))
def test_maxima_are_those_of_scikit_learn(l1_ratio, seed):
    x, y = regression(seed)
    n, start = len(x), np.zeros((L, P))
    majoriser, cross = ElasticNet(0.3 * n, l1_ratio).majoriser(start), y @ x
    ours = maximise(majoriser, np.stack([x.T @ x] * L), cross, start, 1e-10 * np.abs(cross).max())
    for k in range(L):
        theirs = SklearnElasticNet(alpha=0.3, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000).fit(x[:, 1:], y[k])
        assert np.allclose(ours[k], [theirs.intercept_, *theirs.coef_], rtol=1e-6, atol=1e-7)


def settled(penalty, curvature, slope):
    """The slope at which the steps of one coefficient come to rest, from the unpenalised maximum on."""
    coef = np.array([[0.0, slope / curvature]])
    hessian = np.diag([1.0, curvature])[None]
    for _ in range(200):
        gradient = np.array([[0.0, slope - curvature * coef[0, 1]]])
        coef = maximise(penalty.majoriser(coef), hessian, gradient, coef, 1e-14)
    return coef[0, 1]


@pytest.mark.parametrize("slope", (0.3, 1.2, 1.9, 2.5, 3.4, 7.0))
@pytest.mark.parametrize("m", (1.0, 40.0))
def test_concave_penalties_settle_at_their_textbook_thresholds(slope, m):
    # Zhang (2010), eq. 2.5, and Fan & Li (2001), eq. 2.8, for a log-likelihood of curvature m in units of its slope.
    gamma, a = 3.0, 3.7
    soft = max(slope - 1.0, 0.0)
    firm = soft / (1.0 - 1.0 / gamma) if slope <= gamma else slope
    assert np.isclose(settled(MCP(1.0, gamma, curvature=m), m, slope), firm / m, rtol=1e-12, atol=0)
    between = ((a - 1.0) * slope - a) / (a - 2.0)
    smooth = soft if slope <= 2.0 else between if slope <= a else slope
    assert np.isclose(settled(SCAD(1.0, a, curvature=m), m, slope), smooth / m, rtol=1e-12, atol=0)


def test_held_coefficients_leave_for_zero():
    majoriser = Majoriser(np.array([[0.0, np.inf, 1.0]]), np.zeros((1, 3)))
    ours = maximise(majoriser, 2.0 * np.eye(3)[None], np.array([[0.0, 9.0, 0.0]]), np.array([[1.0, 5.0, 3.0]]), 1e-12)
    assert np.array_equal(ours, [[1.0, 0.0, 2.5]])
    group = Majoriser(np.array([0.0, np.inf, 1.0]), np.zeros((2, 3)), grouped=True)
    start = np.array([[1.0, 5.0, 0.0], [1.0, 5.0, 2.0]])
    ours = maximise(group, 2.0 * np.eye(6), np.zeros((2, 3)), start, 1e-12)
    assert np.allclose(ours, [[1.0, 0.0, 0.0], [1.0, 0.0, 1.5]], rtol=1e-14, atol=0)


@EVERY
def test_copies_and_the_registry(case):
    penalty = CASES[case]
    assert penalty.check_arguments() is None
    assert PENALTIES[penalty.name] is type(penalty)
    np.testing.assert_equal(clone(penalty).get_params(), penalty.get_params())
    assert PENALTIES[penalty.name]().check_arguments() is None


@pytest.mark.parametrize(
    ("penalty", "told"),
    [
        (L1(-1.0), "alpha must be a number >= 0, or one for each expert, not -1.0"),
        (L1(np.nan), "alpha must"),
        (L1("much"), "alpha must"),
        (L1(np.inf), "alpha must"),
        (L1([[1.0]]), "alpha must"),
        (L1(1.0, weights=2.0), "weights must"),
        (L1(1.0, weights=[-1.0]), "weights must be None or one number >= 0 for each slope or one row"),
        (ElasticNet(1.0, 1.5), "l1_ratio must be a number from 0 to 1, not 1.5"),
        (ElasticNet(-1.0), "alpha must"),
        (Group([1.0, 2.0]), "alpha must be a number >= 0, not"),
        (Group(1.0, weights=[[1.0]]), "weights must be None or one number >= 0 for each slope, not"),
        (MCP(1.0, gamma=1.0), "gamma must be a number > 1, not 1.0"),
        (MCP(1.0, curvature=0.0), "curvature must be a number > 0, not 0.0"),
        (SCAD(1.0, a=2.0), "a must be a number > 2, not 2.0"),
        (SCAD(1.0, a=None), "a must"),
    ],
)
def test_wrong_arguments_are_told(penalty, told):
    assert penalty.check_arguments().startswith(told)
