"""What the families of counts share: whole numbers only, and quantiles by bisection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from classicmoe.distributions._family import RowFamily
from classicmoe.distributions.components import Array

_LARGEST = 2.0**53  # beyond it not every integer is a float


class CountFamily(RowFamily):
    """Distributions on 0, 1, 2, ...: methods with an underscore take whole numbers in the support."""

    kind = "discrete"
    support = (0.0, np.inf)
    _logpmf: Callable[[Array], Array]
    variance: Any

    def logpmf(self, y: ArrayLike) -> Array:
        """Return the expert log-probabilities of y, (n, K), for y of shape (n,); -inf where y is no count."""
        whole = np.floor(np.asarray(y, dtype=np.float64))
        value = self._asked(self._logpmf, whole, -np.inf, -np.inf)
        return np.where((whole < np.asarray(y))[:, None], -np.inf, value)

    def logpdf(self, y: ArrayLike) -> Array:
        """Return -inf: a count has no density (the density beside other families with one)."""
        return np.where(np.isnan(np.asarray(y, dtype=np.float64))[:, None], np.nan, np.full(self.mean.shape, -np.inf))

    def cdf(self, y: ArrayLike) -> Array:
        """Return the expert distribution functions P(Y <= y), (n, K), for y of shape (n,)."""
        return super().cdf(np.floor(np.asarray(y, dtype=np.float64)))

    def sf(self, y: ArrayLike) -> Array:
        """Return the expert survival functions P(Y > y), (n, K), for y of shape (n,)."""
        return super().sf(np.floor(np.asarray(y, dtype=np.float64)))

    def partial_mean(self, y: ArrayLike, upper: bool = False) -> Array:
        """Return E[Y; Y <= y], or E[Y; Y > y] if ``upper``, (n, K), for y of shape (n,)."""
        return super().partial_mean(np.floor(np.asarray(y, dtype=np.float64)), upper)

    def _quantile(self, p: Array, upper: bool) -> Array:
        """Return the smallest counts y with F(y) >= p (or 1 - F(y) <= p), by a bracket that doubles and bisection."""
        p = np.broadcast_to(p, np.broadcast_shapes(p.shape, self.mean.shape))
        spread = np.sqrt(self.variance) + 1.0
        start = self.mean + spread * (ndtri(p) if not upper else -ndtri(p))
        high = np.floor(np.clip(start, 0.0, _LARGEST))
        step = np.ceil(spread) * np.ones_like(p)

        def reached(y: Array) -> Any:
            return self._sf(y) <= p if upper else self._cdf(y) >= p

        low = np.full_like(p, -1.0)
        while (short := ~reached(high) & (high < _LARGEST)).any():
            low, high = np.where(short, high, low), np.where(short, np.minimum(high + step, _LARGEST), high)
            step = 2.0 * step
        down, step = np.maximum(high - np.ceil(spread), low), np.ceil(spread) * np.ones_like(p)
        while (far := (down > low) & reached(np.maximum(down, 0.0))).any():
            high, step = np.where(far, down, high), 2.0 * step
            down = np.where(far, np.maximum(high - step, low), down)
        low = np.maximum(low, down)
        while (open_ := high - low > 1.0).any():
            middle = np.floor(0.5 * (low + high))
            inside = reached(np.maximum(middle, 0.0))
            high, low = np.where(open_ & inside, middle, high), np.where(open_ & ~inside, middle, low)
        return high
