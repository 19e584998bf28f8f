r"""A quadratic minus a weighted l1 norm with linear constraints, and its maximum.

With variables scaled such that H has ones on its diagonal the conditions of optimality of

.. math::

    \max_x\; h^\top x - \tfrac12 x^\top H x - \sum_j t_j |x_j| \quad\text{subject to}\quad A x \le b

are equations, with multipliers :math:`\lambda` and the soft threshold S:

.. math::

    x = S(x + h - Hx - A^\top\lambda,\, t), \qquad \lambda = (\lambda - (b - Ax))_+ .

Their right-hand sides say which coefficients are zero and which limits are reached; given that *pattern*, they are
linear. Newton's method solves the system of one pattern after the other; it begins with that of the current
coefficients, which near the end of a climb is the right one. Where it does not settle an active-set method climbs from
pattern to pattern, and at last the pattern is a conic solver's. The result is exact either way, with zeros that are
zeros, and depends on nothing but the arguments.

Source: Qi & Sun (1993) for Newton's method on equations with kinks; Nocedal & Wright (2006), sections 16.5 and
16.7, for active sets and projected gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from classicmoe.contracts import Array
from classicmoe.penalties._limits import AT
from classicmoe.penalties._penalty import soft
from classicmoe.penalties.constraints import conic

SOLVED = 1e-11  # by which the equations may be off, of the size of their terms
ROUNDS = 12  # of Newton's method
CLIMBS = 30  # rounds of the active-set method
TINY = 1e-12  # a coefficient that is zero but for rounding
ALIASED = 1e-8  # of a row, below which what others leave of it is rounding
CAUTIOUS = 1e6  # times as large as before: a solution of a singular system


class Program(NamedTuple):
    """What is maximised, in scaled variables (n,); rows (R, n) have unit length and are equations where ``exact``."""

    hessian: Array
    slope: Array
    threshold: Array
    rows: Array
    bound: Array
    exact: NDArray[np.bool_]

    def maximum(self, x: Array) -> Array:
        """Return the maximum, from a point within the limits; should none of the methods end there, a higher point."""
        enough = SOLVED * (1.0 + np.abs(x).max(initial=0.0) + np.abs(self.slope).max(initial=0.0))
        found, off = self.newton(x, self.estimated(x), enough)
        if off > enough:
            found, off = self.climbed(x, enough)
        solution = conic(*self) if off > enough else None
        if solution is not None:
            exact, off = self.newton(*solution, enough)
            found = exact if off < enough else found
        return np.where(np.abs(found) > TINY * (1.0 + np.abs(found).max(initial=0.0)), found, 0.0)

    def newton(self, x: Array, multipliers: Array, enough: float) -> tuple[Array, float]:
        """Return the point at which Newton's method ends, and by how much the conditions are off there."""
        for rounds_left in range(ROUNDS, -1, -1):
            pulled = x + self.slope - self.hessian @ x - multipliers @ self.rows
            slack = self.bound - self.rows @ x
            by_x, by_row = x - soft(pulled, self.threshold), np.where(self.exact, slack, np.minimum(slack, multipliers))
            off = max(float(np.abs(by_x).max(initial=0.0)), float(np.abs(by_row).max(initial=0.0)))
            if off < enough or not rounds_left:
                break
            inside, active = (self.threshold == 0.0) | (np.abs(pulled) > self.threshold), multipliers > slack
            x, multipliers = self.solve(inside, np.sign(pulled), active | self.exact, x, multipliers)
        return x, off

    def climbed(self, x: Array, enough: float) -> tuple[Array, float]:
        """Return the point that an active-set method reaches, and by how much the conditions are off there.

        Every round goes steepest uphill first, which says what changes, then to the maximum of the pattern met.
        """
        off = np.inf
        for _ in range(CLIMBS):
            uphill = self.uphill(x)
            off = float(np.abs(uphill).max(initial=0.0))
            if off < enough:
                break
            bend = float(uphill @ self.hessian @ uphill)
            longest = float(uphill @ uphill) / bend if bend > 0.0 else np.inf
            share, _, _ = self.first_kink(x, uphill, self.at(x))  # limits that are reached are left or followed
            if not np.isfinite(min(share, longest)):
                break
            x = self.stationary(x + min(share, longest) * uphill)
        return x, off

    def stationary(self, x: Array) -> Array:
        """Return the maximum of the pattern of a point, with every coefficient and limit met on the way in it."""
        inside, active = (self.threshold == 0.0) | (x != 0.0), self.at(x)
        x, sign = np.where(inside, x, 0.0), np.sign(x)
        active, unknown = self.independent(active, inside), np.zeros(len(self.bound))
        for _ in range(len(x) + len(self.bound)):
            there, _ = self.solve(inside, sign, active, x, unknown)
            share, zero, row = self.first_kink(x, there - x, active)
            if share >= 1.0:
                return there
            x = x + share * (there - x)
            if zero is not None:
                x[zero], inside[zero] = 0.0, False
            elif row is not None:
                active[row] = True
        return x

    def first_kink(self, x: Array, move: Array, active: NDArray[np.bool_]) -> tuple[float, int | None, int | None]:
        """Return the share of a move after which a coefficient is zero or another limit is reached, and which."""
        ahead = self.rows @ move
        ahead[ahead < TINY * np.abs(move).max(initial=0.0)] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            by_zero = np.where((self.threshold > 0.0) & (x * move < 0.0), -x / move, np.inf)
            by_row = np.where(~active & (ahead > 0.0), np.maximum(self.bound - self.rows @ x, 0.0) / ahead, np.inf)
        zero, row = by_zero.min(initial=np.inf), by_row.min(initial=np.inf)
        if zero <= row:
            return float(zero), int(by_zero.argmin()) if np.isfinite(zero) else None, None
        return float(row), None, int(by_row.argmin())

    def uphill(self, x: Array) -> Array:
        """Return the steepest direction in which the limits that are reached leave room; 0 at the maximum."""
        at = self.at(x)
        return unexplained(self.rows[at], self.exact[at], self.slope - self.hessian @ x, self.threshold, x)

    def at(self, x: Array) -> NDArray[np.bool_]:
        """Return which limits are reached."""
        return np.asarray(self.exact | (self.bound - self.rows @ x <= AT * (1.0 + np.abs(self.bound))))

    def independent(self, at: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of some rows are not linear combinations of others in the columns inside, equations first."""
        out, basis = np.zeros_like(at), np.zeros((0, len(inside)))
        for r in sorted(np.flatnonzero(at), key=lambda r: not self.exact[r]):
            left = np.where(inside, self.rows[r], 0.0)
            for _ in range(2):  # once more: rounding
                left = left - (basis @ left) @ basis
            length = float(np.linalg.norm(left))
            if length > ALIASED:
                out[r], basis = True, np.vstack([basis, left / length])
        return out

    def estimated(self, x: Array) -> Array:
        """Return the multipliers that explain the derivatives at a point best."""
        out, at = np.zeros(len(self.bound)), np.flatnonzero(self.at(x))
        if len(at):
            out[at] = least_squares(self.rows[at], self.slope - self.hessian @ x, self.threshold, x)
        return out

    def solve(
        self, inside: NDArray[np.bool_], sign: Array, active: NDArray[np.bool_], x: Array, multipliers: Array
    ) -> tuple[Array, Array]:
        """Return the solution of the linear equations of a pattern; of many the one nearest to a point."""
        free, rows = np.flatnonzero(inside), np.flatnonzero(active)
        n = len(free)
        matrix = np.zeros((n + len(rows), n + len(rows)))
        matrix[:n, :n] = self.hessian[free[:, None], free]
        matrix[n:, :n] = self.rows[rows[:, None], free]
        matrix[:n, n:] = matrix[n:, :n].T
        right = np.append((self.slope - self.threshold * sign)[free], self.bound[rows])
        both = _solution(matrix, right, np.append(x[free], multipliers[rows]))
        new, lagrange = np.zeros_like(x), np.zeros_like(multipliers)
        new[free], lagrange[rows] = both[:n], both[n:]
        return new, lagrange


def least_squares(rows: Array, slope: Array, threshold: Array, x: Array) -> Array:
    """Return the multipliers of binding rows that explain the derivatives of coefficients off their kinks best."""
    smooth = (x != 0.0) | (threshold == 0.0)
    left = (slope - threshold * np.sign(x))[smooth]
    return np.asarray(np.linalg.lstsq(rows[:, smooth].T, left, rcond=1e-11)[0])


def unexplained(rows: Array, exact: NDArray[np.bool_], slope: Array, threshold: Array, x: Array) -> Array:
    """Return what the best multipliers of binding rows, and the best subgradients, leave of derivatives (n,)."""
    multipliers = least_squares(rows, slope, threshold, x)
    left = _left(slope - multipliers @ rows, threshold, x)
    kinks = np.flatnonzero((x == 0.0) & (threshold > 0.0))
    if (multipliers[~exact] >= 0.0).all() and not left[kinks].any():
        return left
    by_kink = np.zeros((len(x), len(kinks)))
    by_kink[kinks, np.arange(len(kinks))] = threshold[kinks]
    lower = np.concatenate([np.where(exact, -np.inf, 0.0), np.full(len(kinks), -1.0)])
    upper = np.concatenate([np.full(len(exact), np.inf), np.ones(len(kinks))])
    both = np.hstack([rows.T, by_kink])
    best = lsq_linear(both, slope - threshold * np.sign(x), (lower, upper), "bvls", tol=1e-14, max_iter=10 * len(lower))
    return _left(slope - best.x[: len(exact)] @ rows, threshold, x)


def _left(slope: Array, threshold: Array, x: Array) -> Array:
    """Return what the best subgradients of the norm leave of derivatives."""
    return np.where(x == 0.0, soft(slope, threshold), slope - threshold * np.sign(x))


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
