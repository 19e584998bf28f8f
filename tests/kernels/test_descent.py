"""Coordinate descent finds the maximum that slow loops find, whatever the Hessian, and never falls on its way."""

import numpy as np
import pytest

from classicmoe import kernels

TOL = 1e-9
MANY = 20_000


def quadratic(d, rows, seed=0, corr=0.0):
    """A Gram matrix of correlated columns and a gradient in its range; singular for fewer rows than columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, d)) + corr * rng.normal(size=(rows, 1))
    return x.T @ x, x.T @ (2.0 * x[:, 0] + rng.normal(size=rows))


def softmax(n_lines, p, rows, seed=0):
    """Curvature and gradient of a softmax regression at random coefficients, intercept first, index l * p + j."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(rows), rng.normal(size=(rows, p - 1))])
    prob = rng.dirichlet(np.ones(n_lines), rows)
    resp = rng.dirichlet(np.ones(n_lines), rows)
    bend = prob[:, :, None] * (np.eye(n_lines) - prob[:, None, :])
    hessian = np.einsum("nab,ni,nj->aibj", bend, x, x).reshape(n_lines * p, n_lines * p)
    return hessian, ((resp - prob).T @ x).ravel()


def separable_violation(hessian, gradient, start, coef, threshold, ridge):
    slope = gradient - hessian @ (coef - start) - ridge * coef
    pulled = slope - np.where(coef == 0.0, 0.0, threshold) * np.sign(coef)
    return np.where(coef == 0.0, np.maximum(np.abs(slope) - threshold, 0.0), np.abs(pulled)).max()


def grouped_violation(hessian, gradient, start, coef, threshold, ridge):
    p = len(threshold)
    slope = (gradient - hessian @ (coef - start) - ridge * coef).reshape(-1, p)
    worst = 0.0
    for j, c in enumerate(coef.reshape(-1, p).T):
        length = np.linalg.norm(c)
        if length > 0.0:
            worst = max(worst, np.linalg.norm(slope[:, j] - threshold[j] * c / length))
        else:
            worst = max(worst, np.linalg.norm(slope[:, j]) - threshold[j])
    return worst


def objective(hessian, gradient, start, coef, threshold, ridge):
    change = coef - start
    if len(threshold) == len(coef):
        penalty = threshold @ np.abs(coef)
    else:
        penalty = threshold @ np.linalg.norm(coef.reshape(-1, len(threshold)), axis=0)
    return gradient @ change - 0.5 * change @ hessian @ change - penalty - 0.5 * ridge @ coef**2


def slow_separable(hessian, gradient, start, threshold, ridge):
    """The twin of ``separable``: one coefficient after the other, everything computed anew."""
    coef = start.copy()
    while separable_violation(hessian, gradient, start, coef, threshold, ridge) > TOL:
        for j in range(len(coef)):
            z = gradient[j] - hessian[j] @ (coef - start) + hessian[j, j] * coef[j]
            coef[j] = np.sign(z) * max(abs(z) - threshold[j], 0.0) / (hessian[j, j] + ridge[j])
    return coef


def slow_column(own, z, t):
    """The u that maximises z'u - u' own u / 2 - t |u|, by bisection for its length in the axes of ``own``."""
    if np.linalg.norm(z) <= t:
        return np.zeros_like(z)
    values, axes = np.linalg.eigh(own)
    w = axes.T @ z
    if t == 0.0:
        return axes @ (w / values)
    low, high = 0.0, np.linalg.norm(z) / values[0]  # of |u|: u = (own + t / |u|)^-1 z
    for _ in range(80):
        length = 0.5 * (low + high)
        low, high = (length, high) if np.linalg.norm(w / (values * length + t)) > 1.0 else (low, length)
    return axes @ (w / (values + t / length))


def slow_grouped(hessian, gradient, start, threshold, ridge):
    """The twin of ``grouped``."""
    coef, p = start.copy(), len(threshold)
    while grouped_violation(hessian, gradient, start, coef, threshold, ridge) > TOL:
        for j in range(p):
            own = hessian[j::p, j::p]
            z = (gradient - hessian @ (coef - start))[j::p] + own @ coef[j::p]
            coef[j::p] = slow_column(own + np.diag(ridge[j::p]), z, threshold[j])
    return coef


def separable(hessian, gradient, start, threshold, ridge, tol=TOL, max_sweeps=MANY):
    """The coefficients and the number of sweeps; the arguments must stay as they are."""
    coef, before = start.copy(), [a.copy() for a in (hessian, gradient, threshold, ridge)]
    sweeps = kernels.descent.separable(hessian, gradient, coef, threshold, ridge, tol, max_sweeps)
    assert all(map(np.array_equal, before, (hessian, gradient, threshold, ridge)))
    return coef, sweeps


def grouped(hessian, gradient, start, threshold, ridge, tol=TOL, max_sweeps=MANY):
    coef, before = start.copy(), [a.copy() for a in (hessian, gradient, threshold, ridge)]
    n_lines = len(coef) // len(threshold)
    sweeps = kernels.descent.grouped(hessian, gradient, coef, threshold, ridge, n_lines, tol, max_sweeps)
    assert all(map(np.array_equal, before, (hessian, gradient, threshold, ridge)))
    return coef, sweeps


def distance(hessian, ridge, size):
    """How far from the maximum two points may be that violate no condition by more than TOL, ``size`` conditions."""
    return 2.0 * np.sqrt(size) * TOL / np.linalg.eigvalsh(hessian + np.diag(ridge))[0]


@pytest.mark.parametrize("start", ("zero", "random"))
@pytest.mark.parametrize("ridge", (0.0, 5.0))
@pytest.mark.parametrize(("d", "share"), [(1, 0.5), (2, 0.5), (7, 0.0), (7, 0.3), (30, 0.02), (30, 0.1)])
def test_separable_is_its_slow_twin(d, share, ridge, start, seed):
    rng = np.random.default_rng(seed)
    hessian, gradient = quadratic(d, 3 * d + 5, seed, corr=0.5)
    coef = np.zeros(d) if start == "zero" else rng.normal(size=d)
    threshold = share * np.abs(gradient).max() * rng.uniform(0.5, 1.5, d)
    threshold[0] = 0.0
    problem = hessian, gradient - hessian @ coef, coef, threshold, np.full(d, ridge)
    ours, theirs = separable(*problem)[0], slow_separable(*problem)
    assert separable_violation(*problem[:3], ours, *problem[3:]) <= 1.01 * TOL
    assert np.abs(ours - theirs).max() <= distance(hessian, problem[4], d)
    if share > 0.0 and d > 2:
        assert 0 < (ours == 0.0).sum() < d


@pytest.mark.parametrize("start", ("zero", "random"))
@pytest.mark.parametrize("ridge", (0.0, 5.0))
@pytest.mark.parametrize(("n_lines", "p", "share"), [(1, 6, 0.2), (2, 1, 0.0), (2, 9, 0.1), (3, 7, 0.02), (5, 4, 0.3)])
def test_grouped_is_its_slow_twin(n_lines, p, share, ridge, start, seed):
    rng, d = np.random.default_rng(seed), n_lines * p
    hessian, gradient = quadratic(d, 3 * d + 5, seed, corr=0.5)
    coef = np.zeros(d) if start == "zero" else rng.normal(size=d)
    threshold = share * np.abs(gradient).max() * rng.uniform(0.5, 1.5, p)
    threshold[0] = 0.0
    problem = hessian, gradient - hessian @ coef, coef, threshold, rng.uniform(0.5, 1.5, d) * ridge
    ours, theirs = grouped(*problem)[0], slow_grouped(*problem)
    assert grouped_violation(*problem[:3], ours, *problem[3:]) <= 1.01 * TOL
    assert np.abs(ours - theirs).max() <= distance(hessian, problem[4], d)
    zero = (ours.reshape(n_lines, p) == 0.0).sum(axis=0)
    assert set(zero) <= {0, n_lines}


def singular(kind, seed):
    """Problems whose maximum is not unique, or nearly so: (hessian, gradient, number of lines)."""
    if kind == "softmax":
        return *softmax(4, 8, 100, seed), 4
    if kind == "separated":  # probabilities near 0 and 1: curvatures of every size
        hessian, gradient = softmax(3, 6, 50, seed)
        scale = np.repeat(10.0 ** -np.arange(0.0, 9.0, 4.0), 6)
        return np.sqrt(scale)[:, None] * hessian * np.sqrt(scale), np.sqrt(scale) * gradient, 3
    if kind == "fewer rows":
        return *quadratic(30, 12, seed), 2
    hessian, gradient = quadratic(8, 40, seed, corr=30.0 if kind == "collinear" else 0.0)
    twice = np.r_[np.arange(8), np.arange(8)] if kind == "duplicates" else np.arange(8)
    return hessian[np.ix_(twice, twice)], gradient[twice], 2


SINGULAR = pytest.mark.parametrize("kind", ("softmax", "separated", "fewer rows", "collinear", "duplicates"))


@SINGULAR
@pytest.mark.parametrize("start", ("zero", "random"))
@pytest.mark.parametrize("share", (0.0, 0.01, 0.2))
def test_singular_problems_converge_and_never_fall(kind, start, share, seed):
    hessian, gradient, n_lines = singular(kind, seed)
    d = len(gradient)
    p = d // n_lines
    coef = np.zeros(d) if start == "zero" else np.random.default_rng(seed).normal(size=d)
    for solve, violation, size in ((separable, separable_violation, d), (grouped, grouped_violation, p)):
        threshold = np.full(size, share * np.abs(gradient).max())
        threshold[::p] = 0.0
        problem = hessian, gradient - hessian @ coef, coef, threshold, np.zeros(d)
        # Rounding of the products of the Hessian and the coefficients that make up a slope.
        noise = 100 * np.finfo(float).eps * (np.abs(hessian) @ np.abs(coef) + np.abs(gradient)).max()
        path = [solve(*problem, max_sweeps=sweeps)[0] for sweeps in (*range(25), MANY)]
        values = np.array([objective(*problem[:3], c, *problem[3:]) for c in path])
        assert (np.diff(values) >= -1e-13 * (1.0 + np.abs(values[:-1]))).all()
        assert solve(*problem)[1] < 2_000
        assert violation(*problem[:3], path[-1], *problem[3:]) <= TOL + noise


def test_one_coefficient_is_a_soft_threshold():
    for gradient in np.linspace(-3.0, 3.0, 13):
        ours, _ = separable(np.array([[2.0]]), np.array([gradient]), np.zeros(1), np.ones(1), np.full(1, 0.5))
        assert ours[0] == np.sign(gradient) * max(abs(gradient) - 1.0, 0.0) / 2.5
        group, _ = grouped(np.array([[2.0]]), np.array([gradient]), np.zeros(1), np.ones(1), np.full(1, 0.5))
        assert np.isclose(group[0], ours[0], rtol=1e-14, atol=0)


def test_columns_of_zeros_and_held_ones():
    # Coefficients 1 and 2 have no curvature: the penalised one goes to 0, the free one stays. 3 is held at 0.
    hessian, gradient = np.diag([2.0, 0.0, 0.0, 2.0, 2.0]), np.array([1.0, 0.0, 0.0, 5.0, 3.0])
    threshold, start = np.array([0.0, 1.0, 0.0, np.inf, 1.0]), np.array([0.0, 7.0, 8.0, 9.0, 0.0])
    ours, _ = separable(hessian, gradient, start, threshold, np.zeros(5))
    assert np.array_equal(ours, [0.5, 0.0, 8.0, 0.0, 1.0])
    # The same columns twice over, with two lines.
    pairs = np.arange(10).reshape(2, 5)
    both = np.zeros((10, 10))
    for line in pairs:
        both[np.ix_(line, line)] = hessian
    ours, _ = grouped(both, np.tile(gradient, 2), np.tile(start, 2), threshold, np.zeros(10))
    assert np.array_equal(ours[:5], ours[5:])
    assert np.allclose(ours[:5], [0.5, 0.0, 8.0, 0.0, 1.5 - 1.0 / np.sqrt(8.0)], rtol=1e-14, atol=0)


def test_a_slope_without_curvature_is_left_alone():
    # There is no maximum; nothing must overflow and the rest must be solved.
    hessian, gradient = np.diag([0.0, 2.0]), np.array([5.0, 3.0])
    for solve in (separable, grouped):
        ours, sweeps = solve(hessian, gradient, np.array([4.0, 0.0]), np.ones(2), np.zeros(2))
        assert np.allclose(ours, [4.0, 1.0], rtol=1e-14, atol=0) and sweeps < 5


def test_no_number_is_not_mistaken_for_zero():
    coef, zero = np.ones(2), np.zeros(2)
    sweeps = kernels.descent.separable(np.full((2, 2), np.nan), zero, coef, np.ones(2), zero, TOL, MANY)
    assert np.isnan(coef).any() and sweeps < 5


@pytest.mark.parametrize("share", (0.0, 1e-4))
def test_leaps_replace_thousands_of_sweeps(share, seed):
    hessian, gradient = quadratic(12, 60, seed, corr=100.0)
    for solve, size in ((separable, 12), (grouped, 6)):
        problem = hessian, gradient, np.zeros(12), np.full(size, share * np.abs(gradient).max()), np.zeros(12)
        assert solve(*problem, tol=1e-7)[1] < 100
    # Columns with 1e-4 of variance of their own: a sweep removes a share of that order of what is left.
    slow = np.zeros(12)
    for _ in range(100):
        for j in range(12):
            slow[j] += (gradient[j] - hessian[j] @ slow) / hessian[j, j]
    assert separable_violation(hessian, gradient, np.zeros(12), slow, np.zeros(12), np.zeros(12)) > 1e-3


def test_groups_turn_with_their_lines(seed):
    rng, (gram, _) = np.random.default_rng(seed), quadratic(6, 30, seed)
    gradient = rng.normal(size=(3, 6))
    threshold = np.full(6, 0.8 * np.linalg.norm(gradient, axis=0).max())
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    hessian = np.kron(np.eye(3), gram)
    plain, _ = grouped(hessian, gradient.ravel(), np.zeros(18), threshold, np.zeros(18))
    turned, _ = grouped(hessian, (turn @ gradient).ravel(), np.zeros(18), threshold, np.zeros(18))
    assert np.abs(turn @ plain.reshape(3, 6) - turned.reshape(3, 6)).max() <= distance(hessian, np.zeros(18), 18)
    assert 0 < (plain == 0.0).sum() < 18


def test_nothing_to_do_and_no_leave_to_do_it():
    hessian, gradient = quadratic(5, 20)
    for solve in (separable, grouped):
        coef, sweeps = solve(hessian, gradient, np.zeros(5), np.full(5, 1e6), np.zeros(5))
        assert not coef.any() and sweeps == 0
        coef, sweeps = solve(hessian, gradient, np.ones(5), np.ones(5), np.zeros(5), max_sweeps=0)
        assert np.array_equal(coef, np.ones(5)) and sweeps == 0
        _, sweeps = solve(hessian, gradient, np.zeros(5), np.ones(5), np.zeros(5), tol=0.0)
        assert sweeps < 200  # rounding stops it
