"""Coordinate descent on the small concave quadratic that one pass leaves, with thresholds and ridges.

Every kernel maximises, over c from c = b on,

    <gradient, c - b> - (c - b)' hessian (c - b) / 2 - sum_j threshold_j |c_j| - sum_j ridge_j c_j^2 / 2

or the same with one threshold per column of lines, times the length of the column. ``slope`` is the derivative of the
first two terms at the current c. Sweeps find out which coefficients are zero; where they are slow, a leap solves for
those that are not zero at once. Neither lowers the objective. The Hessian may be singular.
"""

import numpy as np
from numba import njit

PATIENCE = 10  # sweeps over the active coefficients before a leap
LEAPS = 10  # in a row, each with fewer coefficients that are not zero
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
    every, sweeps = np.arange(len(coef)), 0
    while sweeps < max_sweeps and _violation(every, slope, coef, threshold, ridge, diagonal, least) > tol:
        sweeps += 1
        if not _sweep(every, hessian, slope, coef, threshold, ridge, diagonal, least):
            break
        active, patience = _active(every, coef, threshold), PATIENCE
        while sweeps < max_sweeps and _violation(active, slope, coef, threshold, ridge, diagonal, least) > tol:
            if patience == 0:
                _leaps(active, hessian, slope, coef, threshold, ridge)
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
        elif abs(z) <= t:
            new = 0.0
        else:  # a NaN comes here as well
            new = (z - t if z > 0.0 else z + t) / (h + ridge[j])
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
def _leaps(active, hessian, slope, coef, threshold, ridge):
    """Leap as long as it helps."""
    for _ in range(LEAPS):
        if not _leap(_active(active, coef, threshold), hessian, slope, coef, threshold, ridge):
            break


@njit(cache=True, nogil=True, error_model="numpy")
def _leap(face, hessian, slope, coef, threshold, ridge):
    """Take a Newton step in the columns ``face``, which are not zero or free; return whether another may help.

    Columns that would turn round become 0; or, if that is better, only the first that does, and the others go as far.
    With one line it is the exact maximum over ``face`` if none turns round.
    """
    p = len(threshold)
    n_lines, n = len(coef) // p, len(face) * (len(coef) // p)
    which, right, step, turn = np.empty(n, dtype=np.intp), np.empty(n), np.empty(n), np.empty(len(face))
    for i in range(n):
        which[i] = i % n_lines * p + face[i // n_lines]
    _newton(which, n_lines, hessian, slope, coef, threshold, ridge, right, step)
    first = _turns(which, n_lines, coef, threshold, step, turn)
    gain, share, best, other = 0.0, 1.0, np.empty(n), np.empty(n)
    for k in range(20):
        rise = _try(share, step, turn, which, n_lines, right, hessian, coef, threshold, ridge, other)
        if rise > gain:
            gain, best, other = rise, other, best
        if gain > 0.0 and (k > 0 or first == 1.0):
            break
        share = first if k == 0 and first < 1.0 else 0.5 * share
    for i in range(n if gain > 0.0 else 0):
        coef[which[i]] += best[i]
        _subtract(slope, best[i], hessian[which[i]])
    return gain > 0.0 and (first < 1.0 or n_lines > 1)


@njit(cache=True, nogil=True, error_model="numpy")
def _turns(which, n_lines, coef, threshold, step, turn):
    """Write the share of the step after which its column turns round to ``turn``; return the first, 1 at most."""
    first = 1.0
    for i in range(0, len(which), n_lines):
        along = square = 0.0
        for k in range(i, i + n_lines):
            along -= step[k] * coef[which[k]]
            square += coef[which[k]] ** 2
        share = square / along if threshold[which[i] % len(threshold)] > 0.0 and along > square else np.inf
        turn[i // n_lines] = share
        first = min(first, share)
    return first


@njit(cache=True, nogil=True, error_model="numpy")
def _newton(which, n_lines, hessian, slope, coef, threshold, ridge, right, step):
    """Write the derivatives in the coefficients ``which`` to ``right`` and the Newton step to ``step``."""
    p, n = len(threshold), len(which)
    matrix, least, pull, length = np.empty((n, n)), np.zeros(n), 0.0, 1.0
    for i in range(n):
        j = which[i]
        t = threshold[j % p]
        if t > 0.0:
            length = _length(coef, j % p, p)
        pull = t / length
        for k in range(i + 1):
            matrix[i, k] = hessian[j, which[k]]
            if t > 0.0 and k // n_lines == i // n_lines:
                matrix[i, k] += pull * ((i == k) - (coef[j] / length) * (coef[which[k]] / length))
        matrix[i, i] += ridge[j]
        right[i] = step[i] = slope[j] - (ridge[j] + pull) * coef[j]
        least[i] = PIVOT * matrix[i, i] if t > 0.0 else 0.0
    _solve(matrix, step, least)


@njit(cache=True, nogil=True, error_model="numpy")
def _try(share, step, turn, which, n_lines, right, hessian, coef, threshold, ridge, change):
    """Write a share of the step to ``change``, to 0 for columns that turn round before; return the objective's rise."""
    gain, p = 0.0, len(threshold)
    for i in range(len(which)):
        j = which[i]
        change[i] = -coef[j] if turn[i // n_lines] <= share else share * step[i]
        bend = 0.5 * (hessian[j, j] + ridge[j]) * change[i]
        for k in range(i):
            bend += hessian[j, which[k]] * change[k]
        gain += change[i] * (right[i] - bend)
    if n_lines > 1:
        for i in range(0, len(which), n_lines):
            if threshold[which[i] % p] > 0.0:
                gain -= threshold[which[i] % p] * _bow(i, n_lines, coef, which, change)
    return gain


@njit(cache=True, nogil=True, error_model="numpy")
def _bow(first, n_lines, coef, which, change):
    """Return by how much more the length of a column grows than it does along its tangent."""
    before = after = dot = area = 0.0
    for i in range(first, first + n_lines):
        c = coef[which[i]]
        before += c * c
        after += (c + change[i]) ** 2
        dot += c * (c + change[i])
        for k in range(first, i):
            area += (c * change[k] - coef[which[k]] * change[i]) ** 2
    both = np.sqrt(before * after)  # both - dot without its rounding
    return (area / (both + dot) if dot > 0.0 else both - dot) / np.sqrt(before)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _solve(matrix, right, least):
    """Overwrite ``right`` (n,) by the solution of matrix @ x = right; ``matrix`` by a Cholesky factor.

    Only the lower triangle is read. A coordinate that earlier ones determine has pivot 0 in the factor. Its x is 0, and
    solves the equations of the others; or, where ``least`` is not 0, what is left of ``right`` over that curvature. In
    any case an ascent direction of the quadratic, and its maximum if it has one.
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
    _substitute(matrix, right, least)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _substitute(factor, right, least):
    """Overwrite ``right`` by the solution, with the factor that :func:`_solve` leaves."""
    for i in range(len(right)):
        row, y = factor[i], right[i]
        for k in range(i):
            y -= row[k] * right[k]
        if row[i] > 0.0:
            right[i] = y / row[i]
        else:
            right[i] = y / least[i] if least[i] > 0.0 else 0.0
    for i in range(len(right) - 1, -1, -1):
        row = factor[i]
        if row[i] > 0.0:
            right[i] /= row[i]
        for k in range(i):
            right[k] -= row[k] * right[i]


@njit(cache=True, nogil=True, error_model="numpy")
def grouped(hessian, gradient, coef, threshold, ridge, n_lines, tol, max_sweeps):
    """Move ``coef`` (L * p,) to the maximum with thresholds (p,) on lengths of columns; return the number of sweeps.

    hessian (L * p, L * p), gradient and ridge (L * p,) at index l * p + j. A column is taken to its maximum as a whole,
    given the others. Stops as :func:`separable` does; violations are lengths of columns.
    """
    p, slope = len(threshold), gradient.copy()
    blocks, trace, largest = np.empty((p, n_lines, n_lines)), np.zeros(p), 0.0
    for j in range(p):
        for a in range(n_lines):
            largest = max(largest, hessian[a * p + j, a * p + j])
            for b in range(n_lines):
                blocks[j, a, b] = hessian[a * p + j, b * p + j]
            blocks[j, a, a] += ridge[a * p + j]
            trace[j] += blocks[j, a, a]
    known = trace > LEAST * largest
    every, sweeps = np.arange(p), 0
    while sweeps < max_sweeps and _block_violation(every, slope, coef, threshold, ridge, blocks, known) > tol:
        sweeps += 1
        if not _block_sweep(every, hessian, slope, coef, threshold, ridge, blocks, known):
            break
        active, patience = _active(every, coef, threshold), PATIENCE
        while sweeps < max_sweeps and _block_violation(active, slope, coef, threshold, ridge, blocks, known) > tol:
            if patience == 0:
                _leaps(active, hessian, slope, coef, threshold, ridge)
                patience = PATIENCE
            patience -= 1
            sweeps += 1
            if not _block_sweep(active, hessian, slope, coef, threshold, ridge, blocks, known):
                break
    return sweeps


@njit(cache=True, nogil=True, error_model="numpy")
def _block_violation(which, slope, coef, threshold, ridge, blocks, known):
    """Return the largest distance of 0 from the derivatives in the columns ``which``."""
    p, worst = len(threshold), 0.0
    for j in which:
        length, size, t = _length(coef, j, p), _length(slope, j, p), threshold[j]
        if size > t and not known[j]:
            continue
        if length == 0.0:
            worst = max(worst, size - t)
        else:
            square = 0.0
            for i in range(j, len(coef), p):
                square += (slope[i] - (ridge[i] + t / length) * coef[i]) ** 2
            worst = max(worst, np.sqrt(square))
    return worst


@njit(cache=True, nogil=True, error_model="numpy")
def _block_sweep(which, hessian, slope, coef, threshold, ridge, blocks, known):
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
        if known[j]:
            _column(own, z, t, old, new)
        elif t > 0.0 and _length(slope, j, p) <= t:
            new.fill(0.0)
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
        new.fill(0.0)
    elif t > 0.0:
        _penalised_column(own, z, t, old, new)
    else:  # by a step from the old one, which stays as it is where the Hessian is flat
        _multiply(own, old, new)
        for a in range(len(z)):
            new[a] = z[a] - new[a]
        _solve(own.copy(), new, np.zeros_like(new))
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
    factor, v, x, least = np.empty((n, n)), np.empty(n), np.empty(n), np.zeros(n)
    s = _length(old, 0, 1) / t
    for k in range(50):
        for a in range(n):
            v[a] = z[a]
            for b in range(a + 1):
                factor[a, b] = s * own[a, b]
            factor[a, a] += 1.0
        _solve(factor, v, least)
        length, bend = _length(v, 0, 1), 0.0
        _multiply(own, v, x)
        _substitute(factor, x, least)
        for a in range(n):
            bend += v[a] * x[a]
        step = (length / t - 1.0) * length * length / bend
        if not np.isfinite(step):  # a slope without curvature: there is no maximum
            for a in range(n):
                new[a] = old[a]
            return
        for a in range(n):
            new[a] = s * v[a]
        if abs(length - t) <= 4.0 * ROUNDING * t or (k > 0 and step <= 0.0):
            return
        s = max(s + step, 0.0)
