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
    slope, diagonal, least = gradient.copy(), np.empty(len(coef)), 0.0
    for j in range(len(coef)):
        diagonal[j] = hessian[j, j]
        least = max(least, LEAST * diagonal[j])
    every = np.arange(len(coef))
    sweeps = 0
    while sweeps < max_sweeps and _violation(every, slope, coef, threshold, ridge, diagonal, least) > tol:
        sweeps += 1
        if not _sweep(every, hessian, slope, coef, threshold, ridge, diagonal, least):
            break
        active, patience = _active(every, coef, threshold), PATIENCE
        while sweeps < max_sweeps and _violation(active, slope, coef, threshold, ridge, diagonal, least) > tol:
            if patience == 0:
                _leap(_active(active, coef, threshold), hessian, slope, coef, threshold, ridge)
                patience = PATIENCE
            patience -= 1
            sweeps += 1
            if not _sweep(active, hessian, slope, coef, threshold, ridge, diagonal, least):
                break
    return sweeps


@njit(cache=True, nogil=True, error_model="numpy")
def _active(which, coef, threshold):
    """Return those of ``which`` whose columns are not zero or have no threshold; one line, or several."""
    n, p = 0, len(threshold)
    out = np.empty_like(which)
    for j in which:
        if threshold[j] == 0.0 or _length(coef, j, p) > 0.0:
            out[n] = j
            n += 1
    return out[:n]


@njit(cache=True, nogil=True, error_model="numpy")
def _length(values, first, step):
    """Return the Euclidean length of values[first::step]."""
    s = 0.0
    for i in range(first, len(values), step):
        s += values[i] * values[i]
    return np.sqrt(s)


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
def _leap(face, hessian, slope, coef, threshold, ridge):
    """Solve for the coefficients ``face``, which are not zero or free; stop where the first of them changes sign."""
    n = len(face)
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
    for i in range(len(right)):
        row = matrix[i]
        own = row[i]
        for j in range(i):
            other, s = matrix[j], row[j]
            for k in range(j):
                s -= row[k] * other[k]
            row[j] = s / other[j] if other[j] > 0.0 else 0.0
        s = own
        for k in range(i):
            s -= row[k] * row[k]
        row[i] = np.sqrt(s) if s > PIVOT * own else 0.0
    _substitute(matrix, right)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _substitute(factor, right):
    """Overwrite ``right`` by the solution, with the factor that :func:`_solve` leaves."""
    for i in range(len(right)):
        row, y = factor[i], right[i]
        for k in range(i):
            y -= row[k] * right[k]
        right[i] = y / row[i] if row[i] > 0.0 else 0.0
    for i in range(len(right) - 1, -1, -1):
        row = factor[i]
        right[i] = right[i] / row[i] if row[i] > 0.0 else 0.0
        for k in range(i):
            right[k] -= row[k] * right[i]


@njit(cache=True, nogil=True, error_model="numpy")
def grouped(hessian, gradient, coef, threshold, ridge, n_lines, tol, max_sweeps):
    """Move ``coef`` (L * p,) to the maximum with thresholds (p,) on lengths of columns; return the number of sweeps.

    hessian (L * p, L * p), gradient and ridge (L * p,) at index l * p + j, as ``coef``. A column is taken to its
    maximum as a whole, given the others. Stops as :func:`separable` does; violations are lengths of columns.
    """
    p = len(threshold)
    slope = gradient.copy()
    blocks, least = np.empty((p, n_lines, n_lines)), 0.0
    for j in range(p):
        for a in range(n_lines):
            least = max(least, LEAST * hessian[a * p + j, a * p + j])
            for b in range(n_lines):
                blocks[j, a, b] = hessian[a * p + j, b * p + j]
            blocks[j, a, a] += ridge[a * p + j]
    every = np.arange(p)
    sweeps = 0
    while sweeps < max_sweeps and _block_violation(every, slope, coef, threshold, ridge, blocks, least) > tol:
        sweeps += 1
        if not _block_sweep(every, hessian, slope, coef, threshold, ridge, blocks, least):
            break
        active, patience = _active(every, coef, threshold), PATIENCE
        while sweeps < max_sweeps and _block_violation(active, slope, coef, threshold, ridge, blocks, least) > tol:
            if patience == 0:
                _block_leap(_active(active, coef, threshold), hessian, slope, coef, threshold, ridge)
                patience = PATIENCE
            patience -= 1
            sweeps += 1
            if not _block_sweep(active, hessian, slope, coef, threshold, ridge, blocks, least):
                break
    return sweeps


@njit(cache=True, nogil=True, error_model="numpy")
def _trace(matrix):
    """Return the sum of the diagonal."""
    s = 0.0
    for a in range(len(matrix)):
        s += matrix[a, a]
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def _block_violation(which, slope, coef, threshold, ridge, blocks, least):
    """Return the largest distance of 0 from the derivatives in the columns ``which``."""
    p, worst = len(threshold), 0.0
    for j in which:
        length, size, t = _length(coef, j, p), _length(slope, j, p), threshold[j]
        if size > t and _trace(blocks[j]) <= least:
            continue
        if length == 0.0:
            worst = max(worst, size - t)
        else:
            s = 0.0
            for i in range(j, len(coef), p):
                s += (slope[i] - (ridge[i] + t / length) * coef[i]) ** 2
            worst = max(worst, np.sqrt(s))
    return worst


@njit(cache=True, nogil=True, error_model="numpy")
def _block_sweep(which, hessian, slope, coef, threshold, ridge, blocks, least):
    """Maximise over one column of ``which`` after the other; return whether any moved."""
    p, moved = len(threshold), False
    n_lines = len(coef) // p
    z, old, new = np.empty(n_lines), np.empty(n_lines), np.empty(n_lines)
    for j in which:
        own, t = blocks[j], threshold[j]
        for a in range(n_lines):
            old[a] = coef[a * p + j]
        _multiply(own, old, z)
        for a in range(n_lines):
            z[a] += slope[a * p + j] - ridge[a * p + j] * old[a]
        if _trace(own) > least:
            _column(own, z, t, old, new)
        elif t > 0.0 and _length(slope, j, p) <= t:
            new[:] = 0.0
        else:
            continue
        change = 0.0
        for a in range(n_lines):
            if new[a] != old[a]:
                change = max(change, abs(new[a] - old[a]))
                coef[a * p + j] = new[a]
                _subtract(slope, new[a] - old[a], hessian[a * p + j])
        moved = moved or change > ROUNDING * _length(new, 0, 1)
    return moved


@njit(cache=True, nogil=True, error_model="numpy")
def _column(own, z, t, old, new):
    """Write the u that maximises z'u - u' own u / 2 - t |u| to ``new``, from ``old``; the same if there is none."""
    if t > 0.0 and _length(z, 0, 1) <= t:
        new[:] = 0.0
    elif t > 0.0:
        _penalised_column(own, z, t, old, new)
    else:  # by a step from the old one, which stays as it is where the Hessian is flat
        _multiply(own, old, new)
        for a in range(len(z)):
            new[a] = z[a] - new[a]
        _solve(own.copy(), new)
        for a in range(len(z)):
            new[a] += old[a]


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(matrix, x, out):
    """Write matrix @ x."""
    for a in range(len(out)):
        out[a] = 0.0
        for b in range(len(x)):
            out[a] += matrix[a, b] * x[b]


@njit(cache=True, nogil=True, error_model="numpy")
def _penalised_column(own, z, t, old, new):
    """Do what :func:`_column` does where the solution is not zero and has a threshold.

    It is u = s v, v = (I + s own)^-1 z, at the s > 0 at which |v| = t. 1 / |v| is concave in s, so that from its second
    step on Newton's method climbs to the solution.
    """
    n = len(z)
    factor, v, x = np.empty((n, n)), np.empty(n), np.empty(n)
    s = _length(old, 0, 1) / t
    for k in range(50):
        for a in range(n):
            v[a] = z[a]
            for b in range(a + 1):
                factor[a, b] = s * own[a, b]
            factor[a, a] += 1.0
        _solve(factor, v)
        length, bend = _length(v, 0, 1), 0.0
        _multiply(own, v, x)
        _substitute(factor, x)
        for a in range(n):
            bend += v[a] * x[a]
        step = (length / t - 1.0) * length * length / bend
        if not np.isfinite(step):  # a slope without curvature: there is no maximum
            new[:] = old
            return
        for a in range(n):
            new[a] = s * v[a]
        if abs(length - t) <= 4.0 * ROUNDING * t or (k > 0 and step <= 0.0):
            return
        s = max(s + step, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _block_leap(face, hessian, slope, coef, threshold, ridge):
    """Take a Newton step in the columns ``face``, which are not zero or free, shortened until the objective rises."""
    p = len(threshold)
    n_lines, n = len(coef) // p, len(face) * (len(coef) // p)
    which = np.empty(n, dtype=np.intp)
    for i in range(n):
        which[i] = i % n_lines * p + face[i // n_lines]
    matrix, right, pull = np.empty((n, n)), np.empty(n), np.zeros(len(face))
    for i in range(n):
        j, column = which[i], i // n_lines
        t = threshold[face[column]]
        length = _length(coef, face[column], p)
        pull[column] = t / length if t > 0.0 else 0.0
        for k in range(i + 1):
            matrix[i, k] = hessian[j, which[k]]
            if k // n_lines == column and t > 0.0:
                matrix[i, k] -= pull[column] * (coef[j] / length) * (coef[which[k]] / length)
        matrix[i, i] += ridge[j] + pull[column]
        right[i] = slope[j] - (ridge[j] + pull[column]) * coef[j]
    step = right.copy()
    _solve(matrix, step)
    fall = np.zeros_like(slope)  # of the slope, for the whole step
    rise = bend = 0.0
    for i in range(n):
        _subtract(fall, -step[i], hessian[which[i]])
    for i in range(n):
        rise += step[i] * (slope[which[i]] - ridge[which[i]] * coef[which[i]])
        bend += step[i] * (fall[which[i]] + ridge[which[i]] * step[i])
    share = 1.0
    for _ in range(20):
        if share * rise - 0.5 * share * share * bend > _growth(coef, share, step, which, n_lines, threshold):
            for i in range(n):
                coef[which[i]] += share * step[i]
            _subtract(slope, share, fall)
            return
        share *= 0.5


@njit(cache=True, nogil=True, error_model="numpy")
def _growth(coef, share, step, which, n_lines, threshold):
    """Return by how much the penalised lengths grow with share * step."""
    growth = 0.0
    for first in range(0, len(step), n_lines):
        old = new = dot = 0.0
        for i in range(first, first + n_lines):
            c, change = coef[which[i]], share * step[i]
            old += c * c
            new += (c + change) ** 2
            dot += change * (2.0 * c + change)
        t = threshold[which[first] % len(threshold)]
        if t > 0.0:
            growth += t * dot / (np.sqrt(old) + np.sqrt(new))  # a difference of lengths, without its rounding
    return growth
