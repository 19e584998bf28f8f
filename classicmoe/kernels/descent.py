"""Coordinate descent on the small concave quadratic that one pass leaves, with thresholds and ridges.

Every kernel maximises, over c from c = b on,

    <gradient, c - b> - (c - b)' hessian (c - b) / 2 - sum_j threshold_j |c_j| - sum_j ridge_j c_j^2 / 2

or the same with one threshold per column of lines, times the length of the column. ``slope`` is the derivative of the
first two terms at the current c. Sweeps find out which coefficients are zero and never lower the objective; where they
are slow, a leap solves for the coefficients that are not zero at once. The Hessian may be singular.
"""

import numpy as np
from numba import njit

PATIENCE = 10  # sweeps over the active coefficients before a leap
LEAST = 1e-15  # curvature, as a share of the largest, below which the rows say nothing about a coefficient
PIVOT = 1e-12  # share of a coefficient's curvature that is its own, below which it is rounding
ROUNDING = 4.0 * 2.0**-52  # a coefficient that moves by no more has come to rest


@njit(cache=True, nogil=True, error_model="numpy")
def separable(hessian, gradient, coef, threshold, ridge, tol, max_sweeps):
    """Move ``coef`` (d,) to the maximum; return the number of sweeps.

    hessian (d, d); gradient (d,) at ``coef`` on entry; threshold (d,), infinite where a coefficient is held at 0; ridge
    (d,). Stops when no coefficient violates its optimality condition by more than ``tol`` or rounding stops all moves.
    A coefficient without curvature goes to 0 if its threshold says so and else stays.
    """
    slope, diagonal = gradient.copy(), np.diag(hessian).copy()
    least = LEAST * diagonal.max()
    every = np.arange(len(coef))
    sweeps = 0
    while sweeps < max_sweeps and _violation(every, slope, coef, threshold, ridge, diagonal, least) > tol:
        sweeps += 1
        if not _sweep(every, hessian, slope, coef, threshold, ridge, diagonal, least):
            break
        active, patience = every[(coef != 0.0) | (threshold == 0.0)], PATIENCE
        while sweeps < max_sweeps and _violation(active, slope, coef, threshold, ridge, diagonal, least) > tol:
            if patience == 0:
                _leap(active, hessian, slope, coef, threshold, ridge)
                patience = PATIENCE
            patience -= 1
            sweeps += 1
            if not _sweep(active, hessian, slope, coef, threshold, ridge, diagonal, least):
                break
    return sweeps


@njit(cache=True, nogil=True, error_model="numpy")
def _violation(which, slope, coef, threshold, ridge, diagonal, least):
    """Return the largest distance of 0 from the derivatives in the coefficients ``which``."""
    worst = 0.0
    for j in which:
        c, t = coef[j], threshold[j]
        if abs(slope[j]) > t and diagonal[j] + ridge[j] <= least:
            continue
        if c == 0.0:
            worst = max(worst, abs(slope[j]) - t)
        else:
            worst = max(worst, abs(slope[j] - ridge[j] * c - (t if c > 0.0 else -t)))
    return worst


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(which, hessian, slope, coef, threshold, ridge, diagonal, least):
    """Maximise over one coefficient of ``which`` after the other; return whether any moved."""
    moved = False
    for j in which:
        old, t, h = coef[j], threshold[j], diagonal[j]
        z = slope[j] + h * old
        if h + ridge[j] <= least:
            new = 0.0 if t > 0.0 and abs(slope[j]) <= t else old
        elif z > t:
            new = (z - t) / (h + ridge[j])
        elif z < -t:
            new = (z + t) / (h + ridge[j])
        else:
            new = 0.0
        if new != old:
            coef[j] = new
            _subtract(slope, new - old, hessian[j])
            moved = moved or abs(new - old) > ROUNDING * abs(new)
    return moved


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _subtract(out, factor, row):
    """Subtract factor * row from ``out``."""
    for i in range(len(out)):
        out[i] -= factor * row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _leap(active, hessian, slope, coef, threshold, ridge):
    """Solve for the coefficients that are not zero; stop where the first of them changes its sign."""
    n = 0
    face = np.empty_like(active)
    for j in active:
        if coef[j] != 0.0 or threshold[j] == 0.0:
            face[n] = j
            n += 1
    matrix, step = np.empty((n, n)), np.empty(n)
    for i in range(n):
        j = face[i]
        for k in range(i + 1):
            matrix[i, k] = hessian[j, face[k]]
        matrix[i, i] += ridge[j]
        step[i] = slope[j] - ridge[j] * coef[j] - threshold[j] * np.sign(coef[j])
    _solve(matrix, step)
    share, first = 1.0, -1
    for i in range(n):
        c = coef[face[i]]
        if threshold[face[i]] > 0.0 and abs(step[i]) * share > abs(c) and step[i] * c < 0.0:
            share, first = -c / step[i], i
    for i in range(n):
        j = face[i]
        new = 0.0 if i == first else coef[j] + share * step[i]
        _subtract(slope, new - coef[j], hessian[j])
        coef[j] = new


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _solve(matrix, right):
    """Overwrite ``right`` (n,) by the solution of matrix @ x = right; ``matrix`` by a Cholesky factor.

    Only the lower triangle is read. x is 0 at coordinates that earlier ones determine, and solves the equations of the
    others: an ascent direction of the quadratic in any case, and its maximum if it has one.
    """
    n = len(right)
    for i in range(n):
        row = matrix[i]
        own = row[i]
        for j in range(i):
            other, s = matrix[j], row[j]
            for k in range(j):
                s -= row[k] * other[k]
            row[j] = s / other[j] if other[j] > 0.0 else 0.0
        s, y = own, right[i]
        for k in range(i):
            s -= row[k] * row[k]
            y -= row[k] * right[k]
        row[i] = np.sqrt(s) if s > PIVOT * own else 0.0
        right[i] = y / row[i] if row[i] > 0.0 else 0.0
    for i in range(n - 1, -1, -1):
        row = matrix[i]
        right[i] = right[i] / row[i] if row[i] > 0.0 else 0.0
        for k in range(i):
            right[k] -= row[k] * right[i]
