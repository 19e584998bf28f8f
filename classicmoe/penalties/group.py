r"""The group Lasso over lines: a column is in all lines or in none.

.. math::

    P(c) = \alpha \sqrt{L} \sum_{j \ge 1} w_j \lVert c_{\cdot j} \rVert_2

Source: Yuan & Lin (2006).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._check import wrong_alpha, wrong_weights
from classicmoe.penalties._penalty import Majoriser, Penalty, multipliers, times, total


class Group(Penalty):
    r"""Group Lasso :math:`\alpha \sqrt{L} \sum_j w_j \lVert c_{\cdot j} \rVert_2` over the L lines of a column.

    A column matters to all experts (classes, gates) or to none. Lines may be put in any order, and turned.

    Parameters
    ----------
    alpha : float >= 0
        In the units of :class:`~classicmoe.penalties.L1`, with which it agrees for one line; :math:`\sqrt{L}` makes up
        for the length of a column of noise.
    weights : None or (p,), default=None
        Multipliers >= 0 per column: 0 leaves it free, infinity holds it at zero.

    References
    ----------
    Yuan, M. and Lin, Y. (2006). Model selection and estimation in regression with grouped variables. Journal of the
    Royal Statistical Society B 68, 49-67.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import Group
    >>> coef = np.array([[5.0, 3.0, 0.0], [7.0, 4.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    >>> Group(0.1).value(coef)
    1.0
    """

    name: ClassVar[str] = "group"
    per_line: ClassVar[tuple[str, ...]] = ()

    def __init__(self, alpha: Any = 1.0, weights: Any = None):
        self.alpha = alpha
        self.weights = weights

    def _threshold(self, coef: Array) -> Array:
        return times(self.alpha * np.sqrt(len(coef)), multipliers(self.weights, coef.shape[1:]))

    def value(self, coef: Array) -> float:
        """Return the weighted sum of the lengths of columns."""
        length = np.sqrt(np.square(coef).sum(axis=0))
        return total(self._threshold(coef) * np.where(length == 0.0, 1.0, length), length)

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the penalty itself."""
        return Majoriser(self._threshold(coef), np.zeros(coef.shape), grouped=True)

    def in_units(self, scale: float | Array) -> Group:
        r"""Return the same penalty for coefficients c / scale, one scale for all lines: alpha times the scale."""
        if np.ndim(scale):
            if np.ptp(scale) > 0.0:
                raise ValueError("a group of lines has one unit: scale must be one number")
            scale = np.ravel(scale)[0]
        return self._with(alpha=self.alpha * scale)

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        return wrong_alpha(self.alpha, per_line=False) or wrong_weights(self.weights, per_line=False)
