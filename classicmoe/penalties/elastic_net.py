r"""The elastic net: absolute values and squares of slopes.

.. math::

    P(c) = \sum_l \alpha_l \sum_{j \ge 1} w_{lj}
    \Bigl(\lambda |c_{lj}| + \tfrac{1 - \lambda}{2} c_{lj}^2\Bigr)

Source: Zou & Hastie (2005); Friedman, Hastie & Tibshirani (2010) for this parametrisation.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._check import outside, wrong_alpha, wrong_weights
from classicmoe.penalties._penalty import Majoriser, Penalty, multipliers, times, total


class ElasticNet(Penalty):
    r"""Elastic net :math:`\sum_l \alpha_l \sum_j w_{lj} (\lambda |c_{lj}| + (1 - \lambda) c_{lj}^2 / 2)`.

    Sets slopes to zero as the Lasso does, but keeps columns that say the same together, and has one maximum where the
    Lasso has many.

    Parameters
    ----------
    alpha : float >= 0 or (L,)
        As in :class:`~classicmoe.penalties.L1`.
    l1_ratio : float from 0 to 1 or (L,), default=0.5
        :math:`\lambda`: 1 is the Lasso, 0 the ridge.
    weights : None, (p,) or (L, p), default=None
        Multipliers >= 0 per slope, of both terms; infinity holds a slope at zero.

    References
    ----------
    Zou, H. and Hastie, T. (2005). Regularization and variable selection via the elastic net. Journal of the Royal
    Statistical Society B 67, 301-320.

    Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization paths for generalized linear models via
    coordinate descent. Journal of Statistical Software 33 (1).

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import ElasticNet
    >>> ElasticNet(2.0, l1_ratio=0.5).value(np.array([[5.0, 1.0, -2.0]]))
    5.5
    """

    name: ClassVar[str] = "elastic_net"
    per_line: ClassVar[tuple[str, ...]] = ("alpha", "l1_ratio")

    def __init__(self, alpha: Any = 1.0, l1_ratio: Any = 0.5, weights: Any = None):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.weights = weights

    def value(self, coef: Array) -> float:
        """Return the weighted sum of absolute and squared slopes."""
        threshold, ridge, _ = self.majoriser(coef)
        size = np.where(coef == 0.0, 1.0, np.abs(coef))
        return total((threshold + 0.5 * ridge * size) * size, coef)

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the penalty itself."""
        weights = multipliers(self.weights, coef.shape)
        alpha, share = np.asarray(self.alpha, dtype=float), np.asarray(self.l1_ratio, dtype=float)
        finite = np.where(np.isinf(weights), 0.0, weights)  # what is held at 0 by its threshold needs no ridge
        return Majoriser(times(alpha * share, weights), times(alpha * (1.0 - share), finite))

    def in_units(self, scale: float | Array) -> ElasticNet:
        r"""Return the same penalty for coefficients c / scale: the two terms grow by the scale and by its square."""
        alpha, share = np.asarray(self.alpha, dtype=float), np.asarray(self.l1_ratio, dtype=float)
        factor = share + (1.0 - share) * scale
        return self._with(alpha=alpha * scale * factor, l1_ratio=share / factor)

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        ratio = outside("l1_ratio", self.l1_ratio, 0.0, 1.0, closed=True)
        return wrong_alpha(self.alpha) or ratio or wrong_weights(self.weights)
