"""Quantiles of mixtures: sum_k g_k F_k(y) = p, solved between the lowest and the highest expert quantile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classicmoe.distributions.components import Array, Index
from classicmoe.predictive._mixing import RowMixture, in_chunks
from classicmoe.predictive._roots import bracketed_roots, first_true

_TINY = float(np.finfo(np.float64).smallest_subnormal)
_EPS = float(np.finfo(np.float64).eps)


def quantiles_of_rows(mixture: RowMixture, p: Array) -> Array:
    """Return the quantiles of order p, () or (m,), of every row, (n,) or (n, m), chunk by chunk."""
    n, n_experts = mixture.log_weights.shape
    n_pairs, m, flat = n * p.size, p.size, np.atleast_1d(p)

    def work(chunk: slice) -> Array:
        pair = np.arange(chunk.start, chunk.stop)
        return _pair_quantiles(mixture.take(pair // m), flat[pair % m])

    return in_chunks(n_pairs, n_experts, work, np.empty(n_pairs)).reshape(n, *p.shape)


def _pair_quantiles(mixture: RowMixture, p: Array) -> Array:
    """Return the quantile of order p_i of every row, (n,).

    The equation is solved on the logarithm of the nearer tail: both tails keep their relative accuracy and, the
    logarithm of a tail being nearly quadratic in y, few steps suffice. Where the distribution function is flat to
    rounding (p in the gap between experts far apart) any y of the flat stretch may be the answer.
    """
    ends = [mixture.component_quantiles(np.zeros(len(p)), upper)[int(upper)] for upper in (False, True)]
    out = np.where(p == 0.0, *ends)
    for upper in (False, True):
        rows = np.flatnonzero((p > 0.5) & (p < 1.0) if upper else (p > 0.0) & (p <= 0.5))
        if len(rows):
            tail = 1.0 - p[rows] if upper else p[rows]  # exact: 1 - p has no rounding for p in [0.5, 1]
            solve = _tail_quantiles if mixture.kind == "continuous" else _first_quantiles
            out[rows] = solve(mixture.take(rows), tail, upper)
    return out


def _first_quantiles(mixture: RowMixture, tail: Array, upper: bool) -> Array:
    """Return the smallest y with P(Y <= y) >= p, (n,), where the distribution function has jumps.

    Whole numbers are halved between the lowest and the highest expert quantile; where atoms stand beside densities,
    the floats are. Either tail may tell that y is reached, so that p = P(Y <= y) gives back y in spite of rounding.
    """
    # the lowest expert quantile for a little less: it is on the safe side of a jump at p itself
    less = tail * (1.0 + 1e-13 if upper else 1.0 - 1e-13)
    lowest, highest = mixture.component_quantiles(less, upper)[0], mixture.component_quantiles(tail, upper)[1]

    def reached(y: Array) -> NDArray[np.bool_]:
        below = mixture.cdf(y)
        return (below >= 1.0 - tail) | (mixture.sf(y) <= tail) if upper else below >= tail

    if mixture.kind == "mixed":
        return first_true(reached, lowest, highest)
    low, high = lowest - 1.0, highest
    while (open_ := high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        found = reached(middle)
        high, low = np.where(open_ & found, middle, high), np.where(open_ & ~found, middle, low)
    return high


def _tail_quantiles(mixture: RowMixture, tail: Array, upper: bool) -> Array:
    log_tail = np.log(tail)

    def excess(index: Index, y: Array) -> Array:
        """Return the log of the tail beyond y, less that asked for."""
        part = mixture.take(index)
        mass = part.sf(y) if upper else part.cdf(y)
        return np.log(np.maximum(mass, _TINY)) - log_tail[index]

    lower_bound, upper_bound = mixture.component_quantiles(tail, upper)
    return bracketed_roots(excess, lower_bound, upper_bound, f_tol=4.0 * _EPS * (1.0 - log_tail))
