r"""Smoothly clipped absolute deviations: the Lasso for small slopes, nothing more to pay for large ones.

.. math::

    P(c) = \sum_{l, j \ge 1} \int_0^{|c_{lj}|} \min\Bigl(t_{lj}, \frac{(a t_{lj} - m_l u)_+}{a - 1}\Bigr) du,
    \qquad t_{lj} = \alpha_l w_{lj}

Source: Fan & Li (2001); Zou & Li (2008) for the steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._check import outside, wrong_alpha, wrong_weights
from classicmoe.penalties._penalty import Majoriser, Penalty, as_column, multipliers, times, total


class SCAD(Penalty):
    r"""Smoothly clipped absolute deviations.

    With :math:`t = \alpha w`, the penalty of a slope has the derivative t up to :math:`|c| = t / m`, falls to 0 at
    :math:`a t / m`, and larger slopes are not shrunk. The penalty is concave: an update maximises its tangent in
    :math:`|c|`, a Lasso with thresholds of its own, and the result may depend on the start.

    Parameters
    ----------
    alpha : float >= 0 or (L,)
        Slope of the penalty at zero, as in :class:`~classicmoe.penalties.L1`.
    a : float > 2 or (L,), default=3.7
        Concavity: the Lasso for infinity.
    weights : None, (p,) or (L, p), default=None
        Multipliers >= 0 of ``alpha`` per slope; infinity holds a slope at zero.
    curvature : float > 0 or (L,), default=1.0
        m, as in :class:`~classicmoe.penalties.MCP`: about the sum of weights over the variance for the textbook's
        penalty. With m = 1 and many rows this is the Lasso.

    References
    ----------
    Fan, J. and Li, R. (2001). Variable selection via nonconcave penalized likelihood and its oracle properties. Journal
    of the American Statistical Association 96, 1348-1360.

    Zou, H. and Li, R. (2008). One-step sparse estimates in nonconcave penalized likelihood models. Annals of Statistics
    36, 1509-1533.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import SCAD
    >>> SCAD(1.0, a=3.0).value(np.array([[5.0, 1.0]])), SCAD(1.0, a=3.0).value(np.array([[5.0, 100.0]]))
    (1.0, 2.0)
    """

    name: ClassVar[str] = "scad"
    per_line: ClassVar[tuple[str, ...]] = ("alpha", "a", "curvature")

    def __init__(self, alpha: Any = 1.0, a: Any = 3.7, weights: Any = None, curvature: Any = 1.0):
        self.alpha = alpha
        self.a = a
        self.weights = weights
        self.curvature = curvature

    def _parts(self, coef: Array) -> tuple[Array, Array, Array]:
        """Return the slopes at zero (L, p), a and m."""
        return times(self.alpha, multipliers(self.weights, coef.shape)), as_column(self.a), as_column(self.curvature)

    def value(self, coef: Array) -> float:
        """Return the sum of the penalties of all slopes."""
        first, a, m = self._parts(coef)
        size = np.where(coef == 0.0, 1.0, np.minimum(np.abs(coef), a * first / m))
        beyond = np.maximum(m * size - first, 0.0)
        return total(first * size - 0.5 * np.square(beyond) / (m * (a - 1.0)), coef)

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the tangent in absolute slopes: thresholds are the derivative at ``coef``."""
        first, a, m = self._parts(coef)
        threshold = np.minimum(first, np.maximum(a * first - m * np.abs(coef), 0.0) / (a - 1.0))
        return Majoriser(threshold, np.zeros(coef.shape))

    def in_units(self, scale: float | Array) -> SCAD:
        r"""Return the same penalty for coefficients c / scale: alpha times it, curvature times its square."""
        return self._with(alpha=np.asarray(self.alpha) * scale, curvature=np.asarray(self.curvature) * np.square(scale))

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        rest = outside("a", self.a, 2.0) or outside("curvature", self.curvature, 0.0)
        return wrong_alpha(self.alpha) or rest or wrong_weights(self.weights)
