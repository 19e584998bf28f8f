"""Uniform expert distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions._family import RowFamily, checked
from classicmoe.distributions.components import Array
from classicmoe.exceptions import ConfigurationError


class UniformComponents(RowFamily):
    r"""K uniform distributions per row: density 1 / (high - low) between ``low`` and ``high``.

    Mean (low + high) / 2, variance (high - low)^2 / 12. The density jumps at both ends, which :attr:`breaks` lists.

    Parameters
    ----------
    low, high : array of shape (n, K)
        Ends, finite, low < high. ``high`` may be of shape (K,).

    Raises
    ------
    ConfigurationError
        If shapes do not fit, an entry is not finite or an upper end is not above its lower one.
    """

    _names = ("low", "high")
    low: Array
    high: Array

    def __init__(self, low: ArrayLike, high: ArrayLike):
        self.low, self.high = checked("UniformComponents", (), low=low, high=high)
        if not (self.low < self.high).all():
            raise ConfigurationError("UniformComponents: every entry of high must be above that of low.")

    @property
    def support(self) -> tuple[float, float]:
        """The lowest and the highest end of all rows and experts."""
        return float(self.low.min(initial=np.inf)), float(self.high.max(initial=-np.inf))

    @property
    def breaks(self) -> Array:
        """Both ends of every expert, (n, 2K)."""
        return np.concatenate([self.low, np.broadcast_to(self.high, self.low.shape)], axis=1)

    @property
    def mean(self) -> Array:
        """Expert means (low + high) / 2, (n, K)."""
        return 0.5 * self.low + 0.5 * self.high

    @property
    def variance(self) -> Array:
        """Expert variances (high - low)^2 / 12, (n, K)."""
        return (self.high - self.low) ** 2 / 12.0

    def _ends(self) -> tuple[Any, Any]:
        return self.low, self.high

    def _logpdf(self, y: Array) -> Array:
        return np.where((y >= self.low) & (y <= self.high), -np.log(self.high - self.low), -np.inf)

    def _dlogpdf(self, y: Array) -> Array:
        return np.zeros(np.broadcast_shapes(y.shape, self.low.shape))

    def _cdf(self, y: Array) -> Array:
        return np.clip((y - self.low) / (self.high - self.low), 0.0, 1.0)

    def _sf(self, y: Array) -> Array:
        return np.clip((self.high - y) / (self.high - self.low), 0.0, 1.0)

    def _partial(self, y: Array, upper: bool) -> Array:
        inner = np.clip(y, self.low, self.high)
        if upper:
            return 0.5 * (self.high + inner) * self._sf(inner)
        return 0.5 * (self.low + inner) * self._cdf(inner)

    def _quantile(self, p: Array, upper: bool) -> Array:
        return self.high - p * (self.high - self.low) if upper else self.low + p * (self.high - self.low)

    def _draw(self, rng: Any) -> Array:
        return self.low + (self.high - self.low) * rng.random(self.low.shape)
