"""SQUAREM: squared extrapolation of the fixed-point map, guarded by the objective.

Source: Varadhan & Roland (2008), Scandinavian Journal of Statistics 35, scheme S3.
"""

from __future__ import annotations

import numpy as np

from classicmoe.contracts import Array, Parameters
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem, Triple


class Extrapolation:
    """Proposes a leap from three successive triples and adapts how far it dares to leap."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.longest = 4.0
        self._length = 1.0

    def propose(self, first: Triple, second: Triple, third: Triple) -> MixtureParameters | None:
        """Return extrapolated parameters, or None where the plain step is as good."""
        mixture = self.problem.mixture
        a, b, c = (mixture.pack(t.params) for t in (first, second, third))
        r, v = b - a, c - 2.0 * b + a
        r_norm, v_norm = self._lengths([first, second, third])
        if not np.isfinite(r_norm + v_norm) or v_norm < 1e-12 * r_norm or r_norm == 0.0:
            return None
        self._length = min(max(r_norm / v_norm, 1.0), self.longest)
        if self._length <= 1.0:
            self.longest = max(self.longest, 4.0)
            return None
        vector = a + 2.0 * self._length * r + self._length**2 * v
        return mixture.unpack(vector, third.params) if np.isfinite(vector).all() else None

    def _lengths(self, cycle: list[Triple]) -> tuple[float, float]:
        """Return the lengths of first and second differences, which must not depend on the order of experts.

        Packed gates are contrasts with the last expert; the gate's own arrays treat all experts alike.
        """
        pack = self.problem.mixture.expert.pack
        a, b, c = (np.concatenate([*_arrays(t.params.gate), pack(t.params.expert)]) for t in cycle)
        return float(np.linalg.norm(b - a)), float(np.linalg.norm(c - 2.0 * b + a))

    def learn(self, accepted: bool) -> None:
        """Dare more after a leap of full length that was accepted, less after a rejected one."""
        if not accepted:
            self.longest = max(2.0, self.longest / 4.0)
        elif self._length == self.longest:
            self.longest *= 4.0


def _arrays(params: Parameters) -> list[Array]:
    """Return all arrays of nested named tuples, flat."""
    if isinstance(params, tuple):
        return [array for part in params for array in _arrays(part)]
    return [np.ravel(params)]
