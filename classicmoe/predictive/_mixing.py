"""The mixture evaluated at (row, value) pairs: what densities, quantiles and regions are made of.

A pair is a row of the distribution and one value of y; several pairs may have the same row. Nothing here is larger
than pairs x K, and :func:`in_chunks` keeps the number of pairs small.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions.components import Array, Index, Rows
from classicmoe.predictive._given import pairs

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
        top = _over_experts(np.maximum, joint)
        top = np.where(top == -np.inf, 0.0, top)  # outside the supports of all experts the slope is 0
        share = np.exp(joint - top[:, None])
        total = _over_experts(np.add, share)
        return _over_experts(np.add, share * self.components.dlogpdf(y)) / np.where(total > 0.0, total, 1.0)

    def logpmf(self, y: Array) -> Array:
        """Return log P(Y = y_i), (n,)."""
        return _log_sum_exp(self.log_weights + self.components.logpmf(y))

    def partial_below(self, y: Array) -> Array:
        """Return E[Y; Y <= y_i], (n,)."""
        return _over_experts(np.add, self._weighted(self.components.partial_mean(y)))

    def partial_above(self, y: Array) -> Array:
        """Return E[Y; Y > y_i], (n,)."""
        return _over_experts(np.add, self._weighted(self.components.partial_mean(y, upper=True)))

    def _weighted(self, values: Array) -> Array:
        """Return g_k values_k, (n, K); an expert that is never asked has no say, not even by an infinite value."""
        with np.errstate(invalid="ignore"):
            return np.where(self.log_weights > -np.inf, np.exp(self.log_weights) * values, 0.0)

    @property
    def kind(self) -> str:
        """What the components are: continuous, discrete or mixed."""
        return getattr(self.components, "kind", "continuous")

    def cdf(self, y: Array) -> Array:
        """Return P(Y <= y_i), (n,)."""
        return _over_experts(np.add, np.exp(self.log_weights) * self.components.cdf(y))

    def sf(self, y: Array) -> Array:
        """Return P(Y > y_i), (n,)."""
        return _over_experts(np.add, np.exp(self.log_weights) * self.components.sf(y))

    def mean(self) -> Array:
        """Return the means, (n,) or (n, q)."""
        if self.components.mean.ndim == 2:
            return self._weighted(self.components.mean).sum(axis=1)
        return np.einsum("ik,ik...->i...", np.exp(self.log_weights), self.components.mean)

    def variance(self) -> Array:
        """Return the variances of one output, (n,): within experts plus between their means."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinite moments
            between = (self.components.mean - self.mean()[:, None]) ** 2
            return self._weighted(self.components.variance + between).sum(axis=1)

    def covariance(self) -> Array:
        """Return the covariance matrices of several outputs, (n, q, q)."""
        weights, away = np.exp(self.log_weights), self.components.mean - self.mean()[:, None, :]
        within = np.einsum("ik,ikab->iab", weights, self.components.variance)
        return within + np.einsum("ik,ika,ikb->iab", weights, away, away)

    def at(self, method: str, rows: Index, y: Array) -> Array:
        """Return a method at pairs of a row and a value, (m,), the rows repeated as needed and chunk by chunk."""
        width = self.log_weights.shape[1] * int(np.prod(y.shape[1:]))

        def evaluate(chunk: slice) -> Array:
            return getattr(self.take(rows[chunk]), method)(y[chunk])

        return in_chunks(len(y), width, evaluate, np.empty(len(y)))

    def at_all(self, method: str, y: ArrayLike) -> Array:
        """Return a method at all rows and the values that the caller's y means there, (n,) or (n, m)."""
        rows, values, shape = pairs(y, len(self.log_weights), self.components.mean.shape[2:])
        return self.at(method, rows, values).reshape(shape)

    def sample(self, size: tuple[int, ...], rng: Any) -> Array:
        """Draw y at every row, (n, *size), several outputs appended: first the expert, then y given the expert."""
        n, n_experts = self.log_weights.shape
        shape = size + self.components.mean.shape[2:]

        def draw(chunk: slice) -> Array:
            part = self.take(chunk)
            bounds = np.cumsum(np.exp(part.log_weights), axis=1)[:, :-1]  # the last is 1 but for rounding
            uniform = rng.random((chunk.stop - chunk.start, *size))
            which = np.zeros(uniform.shape, dtype=np.intp)
            for bound in bounds.T:
                which += uniform >= bound.reshape((-1,) + (1,) * (uniform.ndim - 1))
            return part.components.sample(which, rng)

        return in_chunks(n, n_experts + int(np.prod(shape)), draw, np.empty((n, *shape)))

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
