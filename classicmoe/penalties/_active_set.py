r"""The maximum of a quadratic minus a weighted l1 norm subject to linear constraints.

With variables scaled such that H has ones on its diagonal the conditions of optimality of

.. math::

    \max_x\; h^\top x - \tfrac12 x^\top H x - \sum_j t_j |x_j| \quad\text{subject to}\quad A x \le b

are equations, with multipliers :math:`\lambda` and the soft threshold S:

.. math::

    x = S(x + h - Hx - A^\top\lambda,\, t), \qquad \lambda = (\lambda - (b - Ax))_+ .

Their right-hand sides say which coefficients are zero and which limits are reached; given that, they are linear.
Newton's method solves the linear system of one such pattern after the other. It begins with the pattern of the
current coefficients, which near the end of a climb is the right one, and takes a conic solver's where it does not
settle: the result is exact, with zeros that are zeros, either way, and depends on nothing but the arguments.

Source: Qi & Sun (1993) for Newton's method on equations with kinks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from classicmoe.contracts import Array
from classicmoe.penalties._limits import AT, Limits, coupled
from classicmoe.penalties._penalty import Majoriser, maximise, soft, violation
from classicmoe.penalties.constraints import conic

SOLVED = 1e-11  # by which the equations may be off, of the size of their terms
NEARLY = 1e-6  # and after the conic solver, where Newton's method does not settle on one of nearly equal patterns
ROUNDS = 30  # patterns that are tried
FLAT = 1e-12  # of the largest second derivative, below which a coefficient has none
HELD = 1e50  # a threshold beyond which a coefficient is held at zero
CAUTIOUS = 1e6  # times as large as before: a solution of a singular system


class _Program(NamedTuple):
    """What is maximised, in scaled variables (n,)."""

    hessian: Array
    slope: Array
    threshold: Array
    rows: Array
    bound: Array
    exact: NDArray[np.bool_]

    def pulled(self, x: Array, multipliers: Array) -> Array:
        """Return what the soft threshold is applied to."""
        return np.asarray(x + self.slope - self.hessian @ x - multipliers @ self.rows)

    def off(self, x: Array, multipliers: Array) -> float:
        """Return by how much the conditions of optimality are violated."""
        slack = self.bound - self.rows @ x
        by_row = np.where(self.exact, slack, np.minimum(slack, multipliers))
        by_x = x - soft(self.pulled(x, multipliers), self.threshold)
        return float(np.abs(np.concatenate([by_x, by_row])).max(initial=0.0))

    def solve(self, x: Array, multipliers: Array) -> tuple[Array, Array]:
        """Return the solution of the linear equations of a point's pattern; nearest to the point, if there are many."""
        pulled = self.pulled(x, multipliers)
        inside = np.flatnonzero((self.threshold == 0.0) | (np.abs(pulled) > self.threshold))
        active = np.flatnonzero(self.exact | (multipliers > self.bound - self.rows @ x))
        n = len(inside)
        matrix = np.zeros((n + len(active), n + len(active)))
        matrix[:n, :n] = self.hessian[np.ix_(inside, inside)]
        matrix[n:, :n] = self.rows[np.ix_(active, inside)]
        matrix[:n, n:] = matrix[n:, :n].T
        right = self.slope - self.threshold * np.sign(pulled)
        both = _solution(
            matrix, np.append(right[inside], self.bound[active]), np.append(x[inside], multipliers[active])
        )
        new, lagrange = np.zeros_like(x), np.zeros_like(multipliers)
        new[inside], lagrange[active] = both[:n], both[n:]
        return new, lagrange

    def settled(self, x: Array, multipliers: Array) -> tuple[Array, float]:
        """Return the point at which Newton's method ends, and by how much the conditions are off there."""
        enough = SOLVED * (1.0 + np.abs(x).max(initial=0.0) + np.abs(self.slope).max(initial=0.0))
        best, least = x, np.inf
        for _ in range(ROUNDS):
            x, multipliers = self.solve(x, multipliers)
            off = self.off(x, multipliers) / enough
            if off < least:
                best, least = x, off
            if off < 1.0:
                break
        return best, least


def _solution(matrix: Array, right: Array, near: Array) -> Array:
    """Solve a symmetric system; of many solutions, or none, the best one nearest to a point."""
    try:
        out = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        out = np.full_like(right, np.nan)
    size = 1.0 + np.abs(near).max(initial=0.0) + np.abs(right).max(initial=0.0)
    if np.abs(out).max(initial=0.0) < CAUTIOUS * size:
        return out
    return np.asarray(near + np.linalg.lstsq(matrix, right - matrix @ near, rcond=1e-11)[0])


def maximise_within(
    limits: Limits,
    majoriser: Majoriser,
    hessian: Array,
    gradient: Array,
    coef: Array,
    tol: float,
    fixed: NDArray[np.bool_] | None = None,
) -> Array:
    r"""Return the c that maximises :math:`g^\top(c-b) - \tfrac12 (c-b)^\top H (c-b)` minus the majoriser within limits.

    Parameters
    ----------
    limits : Limits
    majoriser, hessian, gradient, coef, tol
        As in :func:`maximise`; the majoriser is not grouped. Lines that no constraint sees are maximised to ``tol``,
        the others exactly.
    fixed : (L, p) of bool, optional
        Coefficients that stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import L1
    >>> from classicmoe.penalties._limits import Limits
    >>> least = Limits(np.array([[[0.0, -1.0, 0.0]]]), np.array([-2.0]), np.array([False]))  # c_1 >= 2
    >>> coef = np.array([[0.0, 2.0, 0.0]])
    >>> maximise_within(least, L1(3.0).majoriser(coef), 2.0 * np.eye(3)[None], np.array([[1.0, 0.0, 5.0]]), coef, 1e-9)
    array([[0.5, 2. , 1. ]])
    """
    fixed = np.zeros(coef.shape, dtype=bool) if fixed is None else fixed
    if hessian.ndim == 2:
        return _together(limits, majoriser, hessian, gradient, coef, fixed)
    out, width = np.array(coef, dtype=float), coef.shape[1]
    for lines, rows in coupled(limits):
        made = Majoriser(majoriser.threshold[lines], majoriser.ridge[lines])
        if not len(rows):
            free = maximise(made, hessian[lines], gradient[lines], coef[lines], tol)
            out[lines] = np.where(fixed[lines], coef[lines], free)
            continue
        own = Limits(limits.rows[rows][:, lines], limits.bound[rows], limits.exact[rows])
        dense = np.zeros((len(lines), width, len(lines), width))
        each = np.arange(len(lines))
        dense[each, :, each] = hessian[lines]
        square = dense.reshape(len(lines) * width, len(lines) * width)
        out[lines] = _together(own, made, square, gradient[lines], coef[lines], fixed[lines])
    return out


def _together(
    limits: Limits, majoriser: Majoriser, hessian: Array, gradient: Array, coef: Array, fixed: NDArray[np.bool_]
) -> Array:
    """Maximise over lines that constraints, or the Hessian (L * p, L * p), couple."""
    held = ((majoriser.threshold >= HELD) & ~fixed).ravel()
    free = np.flatnonzero(~(held | fixed.ravel()))
    out = np.where(held, 0.0, coef.ravel())
    given = out.copy()
    given[free] = 0.0
    inner = hessian[np.ix_(free, free)] + np.diag(majoriser.ridge.ravel()[free])
    slope = gradient.ravel()[free] + (hessian @ (coef.ravel() - given))[free]
    bent = np.diagonal(inner)
    most = bent.max(initial=0.0) or 1.0
    scale = 1.0 / np.sqrt(np.where(bent > FLAT * most, bent, most))
    rows = limits.rows.reshape(len(limits.bound), -1)
    own = rows[:, free] * scale
    length = np.linalg.norm(own, axis=1)
    some = length > 0.0  # the others are about coefficients that stay as they are
    program = _Program(
        inner * scale * scale[:, None],
        slope * scale,
        majoriser.threshold.ravel()[free] * scale,
        own[some] / length[some, None],
        (limits.bound - rows @ given)[some] / length[some],
        limits.exact[some],
    )
    out[free] = _maximum(program, out[free] / scale) * scale
    return out.reshape(coef.shape)


def _maximum(program: _Program, x: Array) -> Array:
    """Return the maximum; the point itself should none be found."""
    slack = program.bound - program.rows @ x
    at = np.flatnonzero(program.exact | (slack <= AT * (1.0 + np.abs(program.bound))))
    multipliers = np.zeros(len(slack))
    multipliers[at] = _multipliers(program.rows[at], program.slope - program.hessian @ x, program.threshold, x)
    found, off = program.settled(x, multipliers)
    if off < 1.0:
        return found
    solution = conic(*program)
    if solution is None:
        return x
    found, off = program.settled(*solution)
    return found if off < NEARLY / SOLVED else x


def nearest(limits: Limits, majoriser: Majoriser, coef: Array) -> Array:
    """Return the nearest coefficients (L, p) within the limits; those with infinite thresholds are zero."""
    held = Majoriser(np.where(majoriser.threshold >= HELD, np.inf, 0.0), np.zeros(coef.shape))
    identity = np.broadcast_to(np.eye(coef.shape[1]), (len(coef), coef.shape[1], coef.shape[1]))
    return maximise_within(limits, held, identity, np.zeros(coef.shape), coef, SOLVED)


def _multipliers(rows: Array, slope: Array, threshold: Array, x: Array) -> Array:
    """Return the multipliers of binding rows that explain the derivatives of coefficients off their kinks best."""
    smooth = (x != 0.0) | (threshold == 0.0)
    left = (slope - threshold * np.sign(x))[smooth]
    return np.asarray(np.linalg.lstsq(rows[:, smooth].T, left, rcond=1e-11)[0])


def shortest(limits: Limits, majoriser: Majoriser, gradient: Array, coef: Array) -> Array:
    r"""Return the shortest subgradient of log-likelihood minus majoriser within the limits, (L, p).

    That is :func:`violation` of :math:`g - \sum_r \lambda_r A_r` with the best multipliers of the constraints that
    bind: 0 where the conditions of optimality hold.
    """
    out = violation(majoriser, gradient, coef)
    active = limits.active(coef)
    touched = limits.rows[active].any(axis=0) & (majoriser.threshold < HELD)
    if not touched.any():
        return out
    rows, exact = limits.rows[active][:, touched], limits.exact[active]
    slope = (gradient - majoriser.ridge * coef)[touched]
    threshold, x = majoriser.threshold[touched], coef[touched]
    multipliers = _multipliers(rows, slope, threshold, x)
    left = _left(slope - multipliers @ rows, threshold, x)
    at_kink = (x == 0.0) & (threshold > 0.0)
    if (multipliers[~exact] < 0.0).any() or left[at_kink].any():
        own = np.flatnonzero(at_kink)
        by_kink = np.zeros((len(x), len(own)))
        by_kink[own, np.arange(len(own))] = threshold[own]
        lower = np.concatenate([np.where(exact, -np.inf, 0.0), np.full(len(own), -1.0)])
        upper = np.concatenate([np.full(len(exact), np.inf), np.ones(len(own))])
        best = lsq_linear(
            np.hstack([rows.T, by_kink]), slope - threshold * np.sign(x), (lower, upper), "bvls", tol=SOLVED
        )
        left = _left(slope - best.x[: len(exact)] @ rows, threshold, x)
    out[touched] = left
    return out


def _left(slope: Array, threshold: Array, x: Array) -> Array:
    """Return the derivatives that are not explained, with the best subgradients of the norm."""
    return np.where(x == 0.0, soft(slope, threshold), slope - threshold * np.sign(x))
