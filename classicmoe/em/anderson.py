r"""Anderson acceleration of the fixed-point map: a secant for every direction that the last steps have shown.

With points :math:`x_j`, their plain steps :math:`r_j = G(x_j) - x_j` and the differences :math:`\Delta X, \Delta R` of
successive ones, the leap is

.. math::

    x_m + r_m - (\Delta X + \Delta R)\,\gamma, \qquad \gamma = \arg\min_\gamma \lVert r_m - \Delta R\,\gamma \rVert_2.

One slow direction is enough for SQUAREM's single number; where several are slow, as in a mixture whose experts hardly
differ, a leap that knows all of them needs a tenth of the passes. The guard is the same: a leap counts only where the
objective did not fall. After one that did the history begins anew, and one of SQUAREM's leaps comes between: near the
end of a slow climb those of a short history are refused again and again.

Source: Walker & Ni (2011), SIAM Journal on Numerical Analysis 49; Henderson & Varadhan (2019), Journal of Computational
and Graphical Statistics 28, for EM algorithms.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem, Triple
from classicmoe.em.squarem import Extrapolation

MEMORY = 8  # differences of steps
ALIKE = 1e-6  # of the largest: below that a combination of differences is rounding


class Anderson:
    """Proposes a leap from three successive triples and those before."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self._points: deque[Array] = deque(maxlen=MEMORY + 1)
        self._steps: deque[Array] = deque(maxlen=MEMORY + 1)
        self._shorter = Extrapolation(problem)
        self._refused = False  # the last of Anderson's leaps

    def propose(self, first: Triple, second: Triple, third: Triple) -> MixtureParameters | None:
        """Return extrapolated parameters, or None where no step says anything."""
        mixture = self.problem.mixture
        a, b, c = (mixture.pack(t.params) for t in (first, second, third))
        for point, step in ((a, b - a), (b, c - b)):
            self._points.append(point)
            self._steps.append(step)
        if self._refused:
            return self._shorter.propose(first, second, third)
        change = np.diff(np.array(self._steps), axis=0).T
        if not np.isfinite(change).all() or not change.any():
            return None
        share, *_ = np.linalg.lstsq(change, self._steps[-1], rcond=ALIKE)
        vector = c - (np.diff(np.array(self._points), axis=0).T + change) @ share
        return mixture.unpack(vector, third.params) if np.isfinite(vector).all() else None

    def learn(self, accepted: bool) -> None:
        """Forget all but the last steps after a leap that was rejected; the next one is SQUAREM's."""
        if self._refused:
            self._shorter.learn(accepted)
            self._refused = False
        elif not accepted:
            self._refused = True
            for history in (self._points, self._steps):
                for _ in range(len(history) - 2):
                    history.popleft()
