"""The mixture evaluated at (row, value) pairs: what densities, quantiles and regions are made of.

A pair is a row of the distribution and one value of y; several pairs may have the same row. Nothing here is larger
than pairs x K, and :func:`in_chunks` keeps the number of pairs small.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from classicmoe.distributions.components import Array, Index, Rows

# Numbers per scratch array: 2^17 of them are 1 MB, which stays in the cache of one core.
_SCRATCH = 1 << 17


class RowMixture:
    """Gate log-probabilities and components of n rows, evaluated at pairs.

    Parameters
    ----------
    log_weights : array of shape (n, K)
    components : Components or JointComponents
    """

    def __init__(self, log_weights: Array, components: Any):
        self.log_weights = log_weights
        self.components = components

    def take(self, rows: Rows) -> RowMixture:
        """Return the mixtures of some rows; an index array may repeat rows."""
        return RowMixture(self.log_weights[rows], self.components.take(rows))

    def logpdf(self, y: Array) -> Array:
        """Return log sum_k g_k f_k(y_i), (n,)."""
        return _log_sum_exp(self.log_weights + self.components.logpdf(y))

    def slope(self, y: Array) -> Array:
        """Return the derivative of the log-density in y, (n,): the expert derivatives weighted by responsibilities."""
        joint = self.log_weights + self.components.logpdf(y)
        share = np.exp(joint - _over_experts(np.maximum, joint)[:, None])
        return _over_experts(np.add, share * self.components.dlogpdf(y)) / _over_experts(np.add, share)

    def cdf(self, y: Array) -> Array:
        """Return P(Y <= y_i), (n,)."""
        return _over_experts(np.add, np.exp(self.log_weights) * self.components.cdf(y))

    def sf(self, y: Array) -> Array:
        """Return P(Y > y_i), (n,)."""
        return _over_experts(np.add, np.exp(self.log_weights) * self.components.sf(y))

    def at(self, method: str, rows: Index, y: Array) -> Array:
        """Return a method at pairs of a row and a value, (m,), the rows repeated as needed and chunk by chunk."""
        width = self.log_weights.shape[1] * int(np.prod(y.shape[1:]))

        def evaluate(chunk: slice) -> Array:
            return getattr(self.take(rows[chunk]), method)(y[chunk])

        return in_chunks(len(y), width, evaluate, np.empty(len(y)))

    def component_quantiles(self, p: Array, upper: bool) -> tuple[Array, Array]:
        """Return the lowest and the highest expert quantile, (n,) each, among experts with positive probability.

        The quantile of the mixture lies between them.
        """
        quantile = self.components.quantile(p, upper)
        asked = self.log_weights > -np.inf
        lowest = _over_experts(np.minimum, np.where(asked, quantile, np.inf))
        return lowest, _over_experts(np.maximum, np.where(asked, quantile, -np.inf))


def _over_experts(operation: np.ufunc, a: Array) -> Array:
    """Combine the columns of (n, K) into (n,), one after the other: numpy's own reduction is slow on short axes."""
    return functools.reduce(operation, a.T)


def _log_sum_exp(a: Array) -> Array:
    """Return log sum_k exp(a_ik), (n,); -inf where all terms are, without a warning."""
    top = _over_experts(np.maximum, a)
    top = np.where(top == -np.inf, 0.0, top)
    with np.errstate(divide="ignore"):
        return top + np.log(_over_experts(np.add, np.exp(a - top[:, None])))


def in_chunks(n_items: int, width: int, work: Callable[[slice], Array], out: Array) -> Array:
    """Fill ``out`` (n_items, ...) by ``work`` on slices of so many items that ``width`` numbers each are few."""
    step = max(1, _SCRATCH // max(1, width))
    for start in range(0, n_items, step):
        chunk = slice(start, min(start + step, n_items))
        out[chunk] = work(chunk)
    return out
