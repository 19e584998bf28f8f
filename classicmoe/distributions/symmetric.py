"""Laplace and Student t expert distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions import _student
from classicmoe.distributions._family import RowFamily, checked
from classicmoe.distributions.components import Array


class LaplaceComponents(RowFamily):
    r"""K Laplace distributions per row: density exp(-\|y - location\| / scale) / (2 scale).

    Mean and median are the location, the variance is 2 scale^2 (Johnson, Kotz and Balakrishnan, Continuous Univariate
    Distributions, volume 2, chapter 24).

    Parameters
    ----------
    location : array of shape (n, K)
        Locations, finite.
    scale : array of shape (K,) or (n, K)
        Mean absolute deviations, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.

    Examples
    --------
    >>> from classicmoe.distributions.symmetric import LaplaceComponents
    >>> LaplaceComponents([[0.0, 1.0]], [1.0, 2.0]).cdf([0.0]).round(4)
    array([[0.5   , 0.3033]])
    """

    _names = ("location", "scale")
    location: Array
    scale: Array

    def __init__(self, location: ArrayLike, scale: ArrayLike):
        self.location, self.scale = checked("LaplaceComponents", ("scale",), location=location, scale=scale)

    @property
    def mean(self) -> Array:
        """Expert means, (n, K)."""
        return self.location

    @property
    def variance(self) -> Array:
        """Expert variances 2 scale^2, (n, K)."""
        return np.broadcast_to(2.0 * self.scale**2, self.location.shape)

    def _z(self, y: Array) -> Array:
        return (y - self.location) / self.scale

    def _logpdf(self, y: Array) -> Array:
        return -np.abs(self._z(y)) - np.log(2.0 * self.scale)

    def _dlogpdf(self, y: Array) -> Array:
        return -np.sign(self._z(y)) / self.scale

    def _cdf(self, y: Array) -> Array:
        z = self._z(y)
        tail = 0.5 * np.exp(-np.abs(z))
        return np.where(z <= 0.0, tail, 1.0 - tail)

    def _sf(self, y: Array) -> Array:
        z = self._z(y)
        tail = 0.5 * np.exp(-np.abs(z))
        return np.where(z >= 0.0, tail, 1.0 - tail)

    def _partial(self, y: Array, upper: bool) -> Array:
        z = self._z(y)
        tail = 0.5 * np.exp(-np.abs(z))
        below, above = tail * (y - self.scale), tail * (y + self.scale)  # E[Y; Y <= y] at z < 0, E[Y; Y > y] at z > 0
        if upper:
            return np.where(z >= 0.0, above, self.location - below)
        return np.where(z <= 0.0, below, self.location - above)

    def _quantile(self, p: Array, upper: bool) -> Array:
        lower = np.where(p <= 0.5, np.log(2.0 * np.minimum(p, 0.5)), -np.log(2.0 * np.minimum(1.0 - p, 0.5)))
        return self.location + self.scale * (-lower if upper else lower)

    def _draw(self, rng: Any) -> Array:
        return self.location + self.scale * rng.laplace(size=self.location.shape)


class StudentTComponents(RowFamily):
    r"""K Student t distributions per row: (y - location) / scale has df degrees of freedom.

    log f = log Gamma((df+1)/2) - log Gamma(df/2) - log(pi df)/2 - log scale - (df+1)/2 log(1 + z^2/df). The mean is
    the location for df > 1 (else it does not exist: NaN), the variance scale^2 df / (df - 2) for df > 2 and infinite
    for 1 < df <= 2. Far tails come from the incomplete beta function and keep their relative accuracy (Johnson, Kotz
    and Balakrishnan, Continuous Univariate Distributions, volume 2, chapter 28).

    Parameters
    ----------
    location : array of shape (n, K)
        Locations, finite.
    scale, df : array of shape (K,) or (n, K)
        Scales (not standard deviations) and degrees of freedom, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.

    Examples
    --------
    >>> from classicmoe.distributions.symmetric import StudentTComponents
    >>> StudentTComponents([[0.0]], [2.0], [4.0]).quantile([0.05]).round(4)
    array([[-4.2637]])
    """

    _names = ("location", "scale", "df")
    location: Array
    scale: Array
    df: Array

    def __init__(self, location: ArrayLike, scale: ArrayLike, df: ArrayLike):
        self.location, self.scale, self.df = checked(
            "StudentTComponents", ("scale", "df"), location=location, scale=scale, df=df
        )

    @property
    def mean(self) -> Array:
        """Expert means, (n, K); NaN for df <= 1."""
        return np.where(self.df > 1.0, self.location, np.nan)

    @property
    def variance(self) -> Array:
        """Expert variances, (n, K); infinite for 1 < df <= 2, NaN for df <= 1."""
        finite = np.where(self.df > 2.0, self.df / np.where(self.df > 2.0, self.df - 2.0, 1.0), np.inf)
        return np.broadcast_to(np.where(self.df > 1.0, self.scale**2 * finite, np.nan), self.location.shape)

    def _z(self, y: Array) -> Array:
        return (y - self.location) / self.scale

    def _logpdf(self, y: Array) -> Array:
        return _student.log_density(self._z(y), self.df) - np.log(self.scale)

    def _dlogpdf(self, y: Array) -> Array:
        return student_slope(self._z(y), self.df) / self.scale

    def _cdf(self, y: Array) -> Array:
        return _student.survival(-self._z(y), self.df)

    def _sf(self, y: Array) -> Array:
        return _student.survival(self._z(y), self.df)

    def _partial(self, y: Array, upper: bool) -> Array:
        z = self._z(y)
        excess = student_moment(z, self.df)
        if upper:
            return self.location * _student.survival(z, self.df) + self.scale * excess
        return self.location * _student.survival(-z, self.df) - self.scale * excess

    def _quantile(self, p: Array, upper: bool) -> Array:
        z = _student.quantile(np.broadcast_to(p, self.location.shape), self.df)
        return self.location + self.scale * (-z if upper else z)

    def _draw(self, rng: Any) -> Array:
        df = np.broadcast_to(self.df, self.location.shape)
        return self.location + self.scale * rng.standard_t(df)


def student_slope(z: Array, df: Array) -> Array:
    """Return the derivative of the log-density of t, -(df + 1) z / (df + z^2), also where z^2 overflows."""
    centre = z == 0.0
    away = np.where(centre, 1.0, z)
    return np.where(centre, 0.0, -(df + 1.0) / (away + df / away))


def student_moment(z: Array, df: Array) -> Array:
    """Return E[T; T > z] = t(z) (df + z^2) / (df - 1); infinite for df <= 1."""
    many = df > 1.0
    log_square = np.log(df) + np.logaddexp(0.0, 2.0 * np.log(np.abs(z)) - np.log(df))
    return np.where(many, np.exp(_student.log_density(z, df) + log_square) / np.where(many, df - 1.0, 1.0), np.inf)
