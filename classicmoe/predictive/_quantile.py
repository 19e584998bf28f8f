"""Quantiles of mixtures: sum_k g_k F_k(y) = p, solved between the lowest and the highest expert quantile."""

from __future__ import annotations

import numpy as np

from classicmoe.distributions.components import Array, Index
from classicmoe.predictive._mixing import RowMixture, in_chunks
from classicmoe.predictive._roots import bracketed_roots

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
    lowest, highest = mixture.components.support
    out = np.where(p == 0.0, lowest, highest)
    for upper in (False, True):
        rows = np.flatnonzero((p > 0.5) & (p < 1.0) if upper else (p > 0.0) & (p <= 0.5))
        if len(rows):
            tail = 1.0 - p[rows] if upper else p[rows]  # exact: 1 - p has no rounding for p in [0.5, 1]
            out[rows] = _tail_quantiles(mixture.take(rows), tail, upper)
    return out


def _tail_quantiles(mixture: RowMixture, tail: Array, upper: bool) -> Array:
    log_tail = np.log(tail)

    def excess(index: Index, y: Array) -> Array:
        """Return the log of the tail beyond y, less that asked for."""
        part = mixture.take(index)
        mass = part.sf(y) if upper else part.cdf(y)
        return np.log(np.maximum(mass, _TINY)) - log_tail[index]

    lower_bound, upper_bound = mixture.component_quantiles(tail, upper)
    return bracketed_roots(excess, lower_bound, upper_bound, f_tol=4.0 * _EPS * (1.0 - log_tail))
