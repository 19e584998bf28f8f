r"""Linear constraints in the engine's units, as a matrix.

.. math::

    \langle A_r, c \rangle \le b_r \quad\text{or}\quad \langle A_r, c \rangle = b_r

for coefficients c (L, p) of scaled columns, the intercept first. Rows have unit length, so that slacks are distances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array

MET = 1e-8  # by which coefficients may be beyond a limit, beside rounding of the limit itself
ROUNDING = 1e-14  # what is beyond a limit by more may gain more than a step on it
AT = 1e-9  # from a limit, below which coefficients are at it


class Limits(NamedTuple):
    """Rows (R, L, p) of unit length, bounds (R,), and which of them are equations, (R,)."""

    rows: Array
    bound: Array
    exact: NDArray[np.bool_]

    @property
    def n_lines(self) -> int:
        """Number of lines of coefficients, L."""
        return self.rows.shape[1]

    @property
    def required(self) -> NDArray[np.intp]:
        """Positions of the columns (the intercept not counted) that must be in every working set.

        The conditions of optimality of other columns are the same with and without the constraints. A constraint on an
        intercept in the user's units is one on all columns that are not centred there.
        """
        return np.flatnonzero(self.rows[..., 1:].any(axis=(0, 1)))

    @property
    def allows_zero(self) -> bool:
        """Whether all slopes may be zero."""
        return bool(((self.bound >= 0.0) & ~(self.exact & (self.bound > 0.0)) | self.rows[..., 0].any(axis=1)).all())

    def restricted(self, columns: NDArray[np.intp]) -> Limits:
        """Return the constraints that see no other columns than these."""
        there = np.zeros(self.rows.shape[2], dtype=bool)
        there[0] = there[1 + np.asarray(columns)] = True
        kept = ~self.rows[..., ~there].any(axis=(1, 2))
        return Limits(self.rows[kept][..., there], self.bound[kept], self.exact[kept])

    def slack(self, coef: Array) -> Array:
        """Return how far below their bounds coefficients (L, p) are, (R,)."""
        return np.asarray(self.bound - np.tensordot(self.rows, coef, 2))

    def hold(self, coef: Array, within: float = MET) -> bool:
        """Tell whether all constraints hold."""
        slack, most = self.slack(coef), within * (1.0 + np.abs(self.bound))
        return bool((np.where(self.exact, -np.abs(slack), slack) >= -most).all())

    def active(self, coef: Array) -> NDArray[np.bool_]:
        """Return which constraints bind: equations and those whose limit is reached, (R,)."""
        return np.asarray(self.exact | (self.slack(coef) <= AT * (1.0 + np.abs(self.bound))))

    def rank(self, coef: Array) -> int:
        """Return how many directions binding constraints take from the coefficients that are not zero."""
        free = coef != 0.0
        free[:, 0] = True
        binding = self.rows[self.active(coef)][:, free]
        return int(np.linalg.matrix_rank(binding)) if binding.size else 0


def coupled(limits: Limits) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the lines that constraints couple, group by group, and the rows of each group."""
    touched = np.asarray(limits.rows.any(axis=2))  # (R, L)
    reach = np.dot(touched.T.astype(float), touched) + np.eye(limits.n_lines) > 0.0
    for _ in range(int(np.log2(limits.n_lines)) + 1):  # chains of couples
        reach = np.dot(reach.astype(float), reach) > 0.0
    groups = [np.flatnonzero(own) for own in np.unique(reach, axis=0)[::-1]] if reach.sum() > len(reach) else None
    if groups is None:
        groups = [np.array([line]) for line in range(limits.n_lines)]
    return [(lines, np.flatnonzero(touched[:, lines].any(axis=1))) for lines in groups]
