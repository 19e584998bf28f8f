r"""The Lasso: absolute values of slopes.

.. math::

    P(c) = \sum_l \alpha_l \sum_{j \ge 1} w_{lj} |c_{lj}|

Source: Tibshirani (1996); Zou (2006) for the weights.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._check import wrong_alpha, wrong_weights
from classicmoe.penalties._penalty import Majoriser, Penalty, multipliers, times, total


class L1(Penalty):
    r"""Lasso penalty :math:`\sum_l \alpha_l \sum_j w_{lj} |c_{lj}|`; sets slopes to zero.

    Parameters
    ----------
    alpha : float >= 0 or (L,)
        One for all lines (experts, classes or gates) or one for each; in log-likelihood units per unit of a slope of a
        standardised column. The log-likelihood is a sum, so that n times as many rows ask for a larger ``alpha``:
        scikit-learn's ``Lasso(a)`` is ``alpha = n * a / sigma**2``.
    weights : None, (p,) or (L, p), default=None
        Multipliers >= 0 per slope: 0 leaves it free, infinity holds it at zero. The adaptive Lasso takes
        :math:`1 / |\hat c_{lj}|^\gamma` of a first estimate.

    References
    ----------
    Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. Journal of the Royal Statistical Society B
    58, 267-288.

    Zou, H. (2006). The adaptive lasso and its oracle properties. Journal of the American Statistical Association 101,
    1418-1429.

    Examples
    --------
    The intercept, first in its line, costs nothing:

    >>> import numpy as np
    >>> from classicmoe.penalties import L1
    >>> coef = np.array([[5.0, 1.0, -2.0]])
    >>> L1(0.5).value(coef)
    1.5
    >>> L1(0.5, weights=[1.0, 0.0]).value(coef)
    0.5
    """

    name: ClassVar[str] = "l1"

    def __init__(self, alpha: Any = 1.0, weights: Any = None):
        self.alpha = alpha
        self.weights = weights

    def _threshold(self, coef: Array) -> Array:
        return times(self.alpha, multipliers(self.weights, coef.shape))

    def value(self, coef: Array) -> float:
        """Return the weighted sum of absolute slopes."""
        return total(self._threshold(coef) * np.where(coef == 0.0, 1.0, np.abs(coef)), coef)

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the penalty itself."""
        return Majoriser(self._threshold(coef), np.zeros(coef.shape))

    def in_units(self, scale: float | Array) -> L1:
        r"""Return the same penalty for coefficients c / scale: :math:`\alpha` times the scale."""
        return self._with(alpha=np.asarray(self.alpha) * scale)

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        return wrong_alpha(self.alpha) or wrong_weights(self.weights)
