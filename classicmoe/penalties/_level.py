r"""The level of softmax coefficients: one number added to a column of all lines changes no probability.

The penalty does change, and so the level is where it is smallest,

.. math::

    \arg\min_s \sum_l t_{lj} |c_{lj} - s| + \tfrac12 \sum_l \rho_{lj} (c_{lj} - s)^2,

a weighted median without ridges, the mean without thresholds.
"""

from __future__ import annotations

import numpy as np

from classicmoe.contracts import Array
from classicmoe.penalties._penalty import Majoriser

ROUNDING = 1e-12  # of the sum of thresholds: equal weights have a median whatever their sums are rounded to


def relevel(majoriser: Majoriser, coef: Array) -> Array:
    """Return softmax coefficients (L, p) with every column of slopes at the level at which the majoriser is smallest.

    Of equally good levels the lowest: without ridges one coefficient of a column becomes exactly 0, the lower of the
    two middle ones for an even number of lines. The intercepts stay, and so do columns of which a line is held at zero
    by an infinite threshold and columns without penalty.

    Parameters
    ----------
    majoriser : Majoriser
        That of ``coef``; a grouped one has the same ridge for all lines of a column.
    coef : (L, p)

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import L1, relevel
    >>> coef = np.array([[1.0, 5.0], [2.0, 1.0], [3.0, 2.0], [4.0, 3.0]])
    >>> relevel(L1(1.0).majoriser(coef), coef)[:, 1]
    array([ 3., -1.,  0.,  1.])
    """
    threshold, ridge, grouped = majoriser
    if not grouped and _is_level(threshold, ridge, coef):
        return coef.copy()
    if grouped:
        level = np.where(np.isfinite(threshold), coef.mean(axis=0), 0.0)
        free = (threshold == 0.0) & ~ridge.any(axis=0)
    else:
        held = np.isinf(threshold).any(axis=0)
        free = held | ~(threshold.any(axis=0) | ridge.any(axis=0))
        level = _lowest(np.where(held, 0.0, threshold), ridge, coef)
    level[free] = 0.0
    level[0] = 0.0
    return np.asarray(coef - level)


def _is_level(threshold: Array, ridge: Array, coef: Array) -> bool:
    """Tell at little cost whether the lower median of all slopes is zero and the penalty is one without ridges."""
    slopes = coef[:, 1:]
    if ridge.any() or not np.isfinite(threshold).all() or (threshold != threshold[0]).any():
        return False
    most = (len(coef) - 1) // 2
    below, above = (slopes < 0.0).sum(axis=0), (slopes > 0.0).sum(axis=0)
    return bool((below <= most).all() and (above <= len(coef) - 1 - most).all())


def _lowest(threshold: Array, ridge: Array, coef: Array) -> Array:
    """Return the least minimiser of every column, (p,).

    The derivative jumps by 2 t at every coefficient and is linear in between. It crosses zero at the first coefficient
    to the right of which it is not negative, or in the interval before.
    """
    order = np.argsort(coef, axis=0, kind="stable")
    knots, jumps = np.take_along_axis(coef, order, 0), 2.0 * np.take_along_axis(threshold, order, 0)
    after = np.cumsum(jumps, axis=0) - threshold.sum(axis=0)
    pull, steep = (ridge * coef).sum(axis=0), ridge.sum(axis=0)
    right = steep * knots - pull + after
    slack = ROUNDING * (threshold.sum(axis=0) + np.abs(ridge * coef).sum(axis=0))
    right[-1] = np.inf  # it is not negative at the last one, whatever rounding says
    first = (right >= -slack).argmax(axis=0)[None]
    knot, jump, after = (np.take_along_axis(values, first, 0)[0] for values in (knots, jumps, after))
    left = steep * knot - pull + after - jump
    before = (pull - (after - jump)) / np.where(steep > 0.0, steep, 1.0)
    return np.asarray(np.where((left > slack) & (steep > 0.0), before, knot))
