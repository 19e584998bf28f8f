"""Log-probabilities of intervals and of their complements, for any family with a distribution function.

Differences are taken in the smaller tail. What a difference cannot give is integrated (intervals much narrower than
the distribution) or continued (tails below the smallest float: the density falls there like an exponential, or the
probabilities of counts like a geometric series, with the slope at the interval's near end).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.contracts import Array

NARROW = 1e-3  # of the smaller tail, below which a difference has lost three digits
TINY = 1e-290
_X, _W = np.polynomial.legendre.leggauss(16)
_NODES, _LOG_WEIGHTS = 0.5 * (_X + 1.0), np.log(0.5 * _W)


def log_between(components: Any, lower: Array, upper: Array) -> Array:
    """Return log P(lower < Y <= upper) under every expert, (n, K), for bounds (n,) with lower < upper."""
    out = np.zeros(components.mean.shape)
    left, right = np.isneginf(lower), np.isposinf(upper)  # an open end costs nothing
    for rows in (np.flatnonzero(~left & ~right), np.flatnonzero(left & ~right), np.flatnonzero(right & ~left)):
        if len(rows):
            out[rows] = _log_between(components.take(rows), lower[rows], upper[rows])
    return out


def _log_between(components: Any, lower: Array, upper: Array) -> Array:
    """Return the same for rows that are all open at the same end, or at none."""
    if np.isposinf(upper[0]):
        prob = near = components.sf(lower)
        from_right = np.ones(prob.shape, dtype=bool)
    elif np.isneginf(lower[0]):
        prob = near = components.cdf(upper)
        from_right = np.zeros(prob.shape, dtype=bool)
    else:
        below = components.cdf(lower)
        from_right = below > 0.5
        near, far = components.cdf(upper), below
        rows = np.flatnonzero(from_right.any(axis=1))
        if len(rows):
            part, some = components.take(rows), from_right[rows]
            near[rows] = np.where(some, part.sf(lower[rows]), near[rows])
            far[rows] = np.where(some, part.sf(upper[rows]), far[rows])
        prob = np.maximum(near - far, 0.0)
    with np.errstate(divide="ignore"):
        out = np.log(prob)
    rows = np.flatnonzero((prob < NARROW * near).any(axis=1))
    if len(rows) and components.kind == "continuous":
        inner = _integral(components.take(rows), lower[rows], upper[rows])
        out[rows] = np.where(prob[rows] < NARROW * near[rows], inner, out[rows])
    rows = np.flatnonzero(~(near > TINY).all(axis=1))
    if len(rows):
        far_out = _far_tail(components.take(rows), lower[rows], upper[rows], from_right[rows])
        out[rows] = np.where(near[rows] > TINY, out[rows], far_out)
    return np.asarray(out)


def log_outside(components: Any, lower: Array, upper: Array) -> Array:
    """Return log P(Y <= lower or Y > upper) under every expert, (n, K), for bounds (n,)."""
    prob = np.zeros(components.mean.shape)
    for rows, tail in ((~np.isneginf(lower), "below"), (~np.isposinf(upper), "above")):
        if rows.any():
            part = components.take(np.flatnonzero(rows))
            prob[rows] += part.cdf(lower[rows]) if tail == "below" else part.sf(upper[rows])
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.minimum(prob, 1.0)))


def _integral(components: Any, lower: Array, upper: Array) -> Array:
    """Return the logarithm of the density's integral, by Gauss-Legendre nodes."""
    width = upper - lower
    total = np.full(components.mean.shape, -np.inf)
    for node, log_weight in zip(_NODES, _LOG_WEIGHTS, strict=True):
        total = np.logaddexp(total, log_weight + components.logpdf(lower + node * width))
    return np.asarray(total + np.log(width)[:, None])


def _far_tail(components: Any, lower: Array, upper: Array, right: Array) -> Array:
    """Return log-probabilities that are too small for a float, from the near end outwards."""
    discrete = components.kind == "discrete"
    first, last = (np.floor(lower) + 1.0, np.floor(upper)) if discrete else (lower, upper)
    out = np.full(right.shape, -np.inf)
    for side, near, outward in ((right, first, 1.0), (~right, last, -1.0)):
        usable = np.isfinite(near)
        at = np.where(usable, near, 0.0)
        with np.errstate(all="ignore"):
            if discrete:
                start = components.logpmf(at)
                fall = start - components.logpmf(at + outward)
                steps = (last - first + 1.0)[:, None]
                size = np.log(-np.expm1(-fall * steps)) - np.log(-np.expm1(-fall))
            else:
                start = components.logpdf(at)
                fall = -outward * components.dlogpdf(at)
                size = np.log(-np.expm1(-fall * (last - first)[:, None])) - np.log(fall)
            value = np.where(np.isfinite(start) & (fall > 0.0), start + size, start)
        out = np.where(side & usable[:, None], value, out)
    return out
