r"""The minimax concave penalty: the Lasso for small slopes, nothing more to pay for large ones.

.. math::

    P(c) = \sum_{l, j \ge 1} \int_0^{|c_{lj}|} \Bigl(\alpha_l w_{lj} - \frac{m_l u}{\gamma}\Bigr)_+ du

Source: Zhang (2010); Zou & Li (2008) for the steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._check import outside, wrong_alpha, wrong_weights
from classicmoe.penalties._penalty import Majoriser, Penalty, as_column, multipliers, times, total


class MCP(Penalty):
    r"""Minimax concave penalty, :math:`\int_0^{|c|} (\alpha w - m u / \gamma)_+ du` per slope.

    Slopes beyond :math:`\gamma \alpha w / m` are not shrunk. The penalty is concave: an update maximises its tangent in
    :math:`|c|`, a Lasso with thresholds of its own, and the result may depend on the start.

    Parameters
    ----------
    alpha : float >= 0 or (L,)
        Slope of the penalty at zero, as in :class:`~classicmoe.penalties.L1`.
    gamma : float > 1 or (L,), default=3.0
        Concavity: the Lasso for infinity, hard thresholding for 1.
    weights : None, (p,) or (L, p), default=None
        Multipliers >= 0 of ``alpha`` per slope; infinity holds a slope at zero.
    curvature : float > 0 or (L,), default=1.0
        m, the curvature of the log-likelihood in one slope that the textbook's penalty takes as 1. The log-likelihood
        is a sum over rows: textbook values of ``gamma`` mean what they say where m is about the sum of weights over the
        variance, e.g. n for a gate or for experts of variance 1. With m = 1 and many rows this is the Lasso.

    References
    ----------
    Zhang, C.-H. (2010). Nearly unbiased variable selection under minimax concave penalty. Annals of Statistics 38,
    894-942.

    Zou, H. and Li, R. (2008). One-step sparse estimates in nonconcave penalized likelihood models. Annals of Statistics
    36, 1509-1533.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import MCP
    >>> MCP(1.0, gamma=3.0).value(np.array([[5.0, 3.0]])), MCP(1.0, gamma=3.0).value(np.array([[5.0, 100.0]]))
    (1.5, 1.5)
    """

    name: ClassVar[str] = "mcp"
    per_line: ClassVar[tuple[str, ...]] = ("alpha", "gamma", "curvature")

    def __init__(self, alpha: Any = 1.0, gamma: Any = 3.0, weights: Any = None, curvature: Any = 1.0):
        self.alpha = alpha
        self.gamma = gamma
        self.weights = weights
        self.curvature = curvature

    def _parts(self, coef: Array) -> tuple[Array, Array]:
        """Return the slopes at zero (L, p) and how fast they fall."""
        bend = np.divide(self.curvature, self.gamma)
        return times(self.alpha, multipliers(self.weights, coef.shape)), as_column(bend)

    def value(self, coef: Array) -> float:
        """Return the sum of the penalties of all slopes."""
        first, bend = self._parts(coef)
        size = np.where(coef == 0.0, 1.0, np.minimum(np.abs(coef), first / bend))
        return total((first - 0.5 * bend * size) * size, coef)

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the tangent in absolute slopes: thresholds are the derivative at ``coef``."""
        first, bend = self._parts(coef)
        return Majoriser(np.maximum(first - bend * np.abs(coef), 0.0), np.zeros(coef.shape))

    def in_units(self, scale: float | Array) -> MCP:
        r"""Return the same penalty for coefficients c / scale: alpha times it, curvature times its square."""
        return self._with(alpha=np.asarray(self.alpha) * scale, curvature=np.asarray(self.curvature) * np.square(scale))

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        rest = outside("gamma", self.gamma, 1.0) or outside("curvature", self.curvature, 0.0)
        return wrong_alpha(self.alpha) or rest or wrong_weights(self.weights)
