"""Poisson, negative binomial and binomial expert distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc, betaln, gammainc, gammaincc, gammaln, xlog1py, xlogy

from classicmoe.distributions._count_family import CountFamily
from classicmoe.distributions._family import checked, regularised_beta
from classicmoe.distributions.components import Array
from classicmoe.exceptions import ConfigurationError


class PoissonComponents(CountFamily):
    r"""K Poisson distributions per row: P(y) = exp(-mu) mu^y / y!, variance mu.

    F(y) = Q(y + 1, mu), the regularised upper incomplete gamma function (NIST Digital Library of Mathematical
    Functions, section 8.2). :meth:`quantile` is the smallest count y with F(y) >= p.

    Parameters
    ----------
    mean : array of shape (n, K)
        Expert means, positive.

    Raises
    ------
    ConfigurationError
        If the shape does not fit or an entry is out of range.

    Examples
    --------
    >>> from classicmoe.distributions.counts import PoissonComponents
    >>> PoissonComponents([[1.0, 3.0]]).quantile([0.5])
    array([[1., 3.]])
    """

    _names = ("mean",)
    mean: Array

    def __init__(self, mean: ArrayLike):
        (self.mean,) = checked("PoissonComponents", ("mean",), mean=mean)

    @property
    def variance(self) -> Array:
        """Expert variances, equal to the means, (n, K)."""
        return self.mean

    def _logpmf(self, y: Array) -> Array:
        return xlogy(y, self.mean) - self.mean - gammaln(y + 1.0)

    def _cdf(self, y: Array) -> Array:
        return gammaincc(y + 1.0, self.mean)

    def _sf(self, y: Array) -> Array:
        return gammainc(y + 1.0, self.mean)

    def _partial(self, y: Array, upper: bool) -> Array:
        return self.mean * (gammainc if upper else gammaincc)(y, self.mean)  # y P(y) = mu P(y - 1)

    def _draw(self, rng: Any) -> Array:
        return rng.poisson(self.mean)


class NegativeBinomialComponents(CountFamily):
    r"""K negative binomial distributions per row, by mean mu and size theta: variance mu + mu^2 / theta.

    P(y) = Gamma(y + theta) / (Gamma(theta) y!) (theta / (theta + mu))^theta (mu / (theta + mu))^y and
    F(y) = I_{theta / (theta + mu)}(theta, y + 1) (J. M. Hilbe, Negative Binomial Regression, 2011: NB2).

    Parameters
    ----------
    mean : array of shape (n, K)
        Expert means, positive.
    size : array of shape (K,) or (n, K)
        Sizes theta, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.
    """

    _names = ("mean", "size")
    mean: Array
    size: Array

    def __init__(self, mean: ArrayLike, size: ArrayLike):
        self.mean, self.size = checked("NegativeBinomialComponents", ("mean", "size"), mean=mean, size=size)

    @property
    def variance(self) -> Array:
        """Expert variances mean + mean^2 / size, (n, K)."""
        return self.mean + self.mean**2 / self.size

    def _logpmf(self, y: Array) -> Array:
        size, ratio = self.size, self.mean / self.size
        # log of theta^-y Gamma(y + theta) / Gamma(theta); for large theta by Stirling's series, whose error is theta^-7
        direct = gammaln(y + size) - gammaln(size) - xlogy(y, size)
        moved = y + size
        series = (moved - 0.5) * np.log1p(y / size) - y
        for power, factor in ((1, 1.0 / 12.0), (3, -1.0 / 360.0), (5, 1.0 / 1260.0)):
            series = series + factor * (moved**-power - size**-power)
        rise = np.where(size > 500.0, series, direct)
        return rise - gammaln(y + 1.0) + xlogy(y, self.mean) - moved * np.log1p(ratio)

    def _below(self, y: Array, size: Array) -> Array:
        total = self.size + self.mean
        inner = regularised_beta(size, np.maximum(y, 0.0) + 1.0, self.size / total, self.mean / total)
        return np.where(y < 0.0, 0.0, inner)

    def _above(self, y: Array, size: Array) -> Array:
        total = self.size + self.mean
        inner = regularised_beta(np.maximum(y, 0.0) + 1.0, size, self.mean / total, self.size / total)
        return np.where(y < 0.0, 1.0, inner)

    def _cdf(self, y: Array) -> Array:
        return self._below(y, self.size)

    def _sf(self, y: Array) -> Array:
        return self._above(y, self.size)

    def _partial(self, y: Array, upper: bool) -> Array:
        # y P(y) = mu times the probability of y - 1 with size theta + 1 and the same theta / (theta + mu)
        return self.mean * (self._above if upper else self._below)(y - 1.0, self.size + 1.0)

    def _draw(self, rng: Any) -> Array:
        size = np.broadcast_to(self.size, self.mean.shape)
        return rng.negative_binomial(size, size / (size + self.mean))


class BinomialComponents(CountFamily):
    r"""K binomial distributions per row: P(y) = C(m, y) p^y (1 - p)^(m - y), mean m p, variance m p (1 - p).

    F(y) = 1 - I_p(y + 1, m - y) (NIST Digital Library of Mathematical Functions, section 8.17).

    Parameters
    ----------
    probability : array of shape (n, K)
        Probabilities of success, in [0, 1].
    trials : array of shape (n,)
        Numbers of trials m, whole and positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.
    """

    _names = ("probability", "trials")
    probability: Array
    trials: Array

    def __init__(self, probability: ArrayLike, trials: ArrayLike):
        given = np.asarray(probability, dtype=np.float64)
        count = np.asarray(trials, dtype=np.float64)
        if given.ndim == 2 and count.shape != given.shape[:1]:
            raise ConfigurationError(f"BinomialComponents needs trials of shape ({len(given)},), got {count.shape}.")
        wide = np.repeat(count.reshape(-1, 1), given.shape[-1] if given.ndim else 1, axis=1)
        self.probability, self.trials = checked("BinomialComponents", ("trials",), probability=given, trials=wide)
        if (given < 0.0).any() or (given > 1.0).any() or (count != np.floor(count)).any():
            raise ConfigurationError("BinomialComponents: probabilities must be in [0, 1] and trials whole numbers.")

    @property
    def support(self) -> tuple[float, float]:
        """0 and the largest number of trials."""
        return 0.0, float(self.trials.max(initial=0.0))

    @property
    def mean(self) -> Array:
        """Expert means m p, (n, K)."""
        return self.trials * self.probability

    @property
    def variance(self) -> Array:
        """Expert variances m p (1 - p), (n, K)."""
        return self.mean * (1.0 - self.probability)

    def _ends(self) -> tuple[Any, Any]:
        return 0.0, self.trials

    def _logpmf(self, y: Array) -> Array:
        left = np.maximum(self.trials - y, 0.0)
        choose = -np.log1p(self.trials) - betaln(left + 1.0, y + 1.0)
        value = choose + xlogy(y, self.probability) + xlog1py(left, -self.probability)
        return np.where(y <= self.trials, value, -np.inf)

    def _tail(self, y: Array, trials: Array, upper: bool) -> Array:
        left = np.maximum(trials - y, 0.5)
        inner = (betainc if upper else betaincc)(np.maximum(y, 0.0) + 1.0, left, self.probability)
        below, above = (1.0, 0.0) if upper else (0.0, 1.0)
        return np.where(y < 0.0, below, np.where(y >= trials, above, inner))

    def _cdf(self, y: Array) -> Array:
        return self._tail(y, self.trials, False)

    def _sf(self, y: Array) -> Array:
        return self._tail(y, self.trials, True)

    def _partial(self, y: Array, upper: bool) -> Array:
        return self.mean * self._tail(y - 1.0, self.trials - 1.0, upper)  # y P(y; m) = m p P(y - 1; m - 1)

    def _draw(self, rng: Any) -> Array:
        return rng.binomial(self.trials.astype(np.int64), self.probability)
