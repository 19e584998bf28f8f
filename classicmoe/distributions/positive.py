"""Gamma and log-normal expert distributions of positive outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc, gammaincc, gammainccinv, gammaincinv, gammaln, ndtr, ndtri

from classicmoe.distributions._family import RowFamily, checked
from classicmoe.distributions.components import Array

_LOG_2PI = float(np.log(2.0 * np.pi))


class GammaComponents(RowFamily):
    r"""K gamma distributions per row, by mean mu and shape kappa.

    log f = kappa log(kappa / mu) - log Gamma(kappa) + (kappa - 1) log y - kappa y / mu for y > 0; variance
    mu^2 / kappa. For kappa < 1 the density is infinite at 0 (McCullagh and Nelder, Generalized Linear Models, 1989,
    section 8.2).

    Parameters
    ----------
    mean : array of shape (n, K)
        Expert means, positive.
    shape : array of shape (K,) or (n, K)
        Shapes, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.

    Examples
    --------
    >>> from classicmoe.distributions.positive import GammaComponents
    >>> GammaComponents([[2.0, 2.0]], [1.0, 4.0]).sf([4.0]).round(4)
    array([[0.1353, 0.0424]])
    """

    support = (0.0, np.inf)
    _names = ("mean", "shape")
    mean: Array
    shape: Array

    def __init__(self, mean: ArrayLike, shape: ArrayLike):
        self.mean, self.shape = checked("GammaComponents", ("mean", "shape"), mean=mean, shape=shape)

    @property
    def variance(self) -> Array:
        """Expert variances mean^2 / shape, (n, K)."""
        return self.mean**2 / self.shape

    def _x(self, y: Array) -> Array:
        return y / self.mean * self.shape

    def _logpdf(self, y: Array) -> Array:
        x = self._x(y)
        power = np.where(self.shape == 1.0, 0.0, (self.shape - 1.0) * np.log(x))  # 0 log 0 = 0
        return power - x - gammaln(self.shape) + np.log(self.shape / self.mean)

    def _dlogpdf(self, y: Array) -> Array:
        rise = np.where(self.shape == 1.0, 0.0, (self.shape - 1.0) / y)
        return rise - self.shape / self.mean

    def _cdf(self, y: Array) -> Array:
        return gammainc(self.shape, self._x(y))

    def _sf(self, y: Array) -> Array:
        return gammaincc(self.shape, self._x(y))

    def _partial(self, y: Array, upper: bool) -> Array:
        # y f(y) is mu times the density with shape kappa + 1
        return self.mean * (gammaincc if upper else gammainc)(self.shape + 1.0, self._x(y))

    def _quantile(self, p: Array, upper: bool) -> Array:
        return self.mean / self.shape * (gammainccinv if upper else gammaincinv)(self.shape, p)

    def _draw(self, rng: Any) -> Array:
        shape = np.broadcast_to(self.shape, self.mean.shape)
        return self.mean / shape * rng.standard_gamma(shape)


class LogNormalComponents(RowFamily):
    r"""K log-normal distributions per row: log y is normal with mean ``location`` and standard deviation ``sigma``.

    log f = log phi((log y - location) / sigma) - log(sigma y) for y > 0; mean exp(location + sigma^2 / 2), variance
    mean^2 (exp(sigma^2) - 1), both infinite where they overflow (Johnson, Kotz and Balakrishnan, Continuous Univariate
    Distributions, volume 1, chapter 14).

    Parameters
    ----------
    location : array of shape (n, K)
        Means of log y, finite.
    sigma : array of shape (K,) or (n, K)
        Standard deviations of log y, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.
    """

    support = (0.0, np.inf)
    _names = ("location", "sigma")
    location: Array
    sigma: Array

    def __init__(self, location: ArrayLike, sigma: ArrayLike):
        self.location, self.sigma = checked("LogNormalComponents", ("sigma",), location=location, sigma=sigma)

    @property
    def mean(self) -> Array:
        """Expert means exp(location + sigma^2 / 2), (n, K)."""
        with np.errstate(over="ignore"):
            return np.exp(self.location + 0.5 * self.sigma**2)

    @property
    def variance(self) -> Array:
        """Expert variances mean^2 (exp(sigma^2) - 1), (n, K)."""
        with np.errstate(over="ignore"):
            return self.mean**2 * np.expm1(self.sigma**2)

    def _z(self, y: Array) -> Array:
        return (np.log(y) - self.location) / self.sigma

    def _logpdf(self, y: Array) -> Array:
        log_y = np.log(y)
        value = -0.5 * (((log_y - self.location) / self.sigma) ** 2 + _LOG_2PI) - np.log(self.sigma) - log_y
        return np.where(y > 0.0, value, -np.inf)

    def _dlogpdf(self, y: Array) -> Array:
        return np.where(y > 0.0, -(self._z(y) / self.sigma + 1.0) / y, 0.0)

    def _cdf(self, y: Array) -> Array:
        return ndtr(self._z(y))

    def _sf(self, y: Array) -> Array:
        return ndtr(-self._z(y))

    def _partial(self, y: Array, upper: bool) -> Array:
        moved = self._z(y) - self.sigma
        return self.mean * ndtr(-moved if upper else moved)

    def _quantile(self, p: Array, upper: bool) -> Array:
        z = ndtri(p)
        return np.exp(self.location + self.sigma * (-z if upper else z))

    def _draw(self, rng: Any) -> Array:
        return np.exp(self.location + self.sigma * rng.standard_normal(self.location.shape))
