"""Inverse Gaussian expert distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr, ndtri

from classicmoe.distributions._family import RowFamily, checked, inverted
from classicmoe.distributions.components import Array, Index

_LOG_2PI = float(np.log(2.0 * np.pi))
_X, _W = np.polynomial.legendre.leggauss(48)
_NODES, _WEIGHTS = 0.5 * (_X + 1.0), 0.5 * _W


class InverseGaussianComponents(RowFamily):
    r"""K inverse Gaussian distributions per row, by mean mu and shape lambda.

    log f = log(lambda / (2 pi y^3)) / 2 - lambda (y - mu)^2 / (2 mu^2 y) for y > 0; variance mu^3 / lambda. With
    a = sqrt(lambda / y) (y / mu - 1) and b = sqrt(lambda / y) (y / mu + 1) the distribution function is
    Phi(a) + exp(2 lambda / mu) Phi(-b) (R. S. Chhikara and J. L. Folks, The Inverse Gaussian Distribution, 1989);
    as exp(2 lambda / mu) phi(b) = phi(a), it is written with Mills' ratio and never overflows.

    Parameters
    ----------
    mean : array of shape (n, K)
        Expert means, positive.
    shape : array of shape (K,) or (n, K)
        Shapes lambda, positive.

    Raises
    ------
    ConfigurationError
        If shapes do not fit or an entry is out of range.
    """

    support = (0.0, np.inf)
    _names = ("mean", "shape")
    mean: Array
    shape: Array

    def __init__(self, mean: ArrayLike, shape: ArrayLike):
        self.mean, self.shape = checked("InverseGaussianComponents", ("mean", "shape"), mean=mean, shape=shape)

    @property
    def variance(self) -> Array:
        """Expert variances mean^3 / shape, (n, K)."""
        return self.mean**3 / self.shape

    def _scores(self, y: Array) -> tuple[Array, Array, Array]:
        """Return a, b and phi(a)."""
        y = np.maximum(y, 1e-290)
        root = np.sqrt(self.shape / y)
        a = root * ((y - self.mean) / self.mean)
        return a, root * (y / self.mean + 1.0), np.exp(-0.5 * (a**2 + _LOG_2PI))

    def _logpdf(self, y: Array) -> Array:
        a, *_ = self._scores(y)
        value = 0.5 * (np.log(self.shape) - _LOG_2PI - 3.0 * np.log(y) - a**2)
        return np.where(y > 0.0, value, -np.inf)

    def _dlogpdf(self, y: Array) -> Array:
        value = -1.5 / y + 0.5 * self.shape * (1.0 / y**2 - 1.0 / self.mean**2)
        return np.where(y > 1e-150, value, 0.5 * self.shape / np.maximum(y, 1e-150) ** 2)

    def _cdf(self, y: Array) -> Array:
        a, b, phi = self._scores(y)
        return ndtr(a) + phi * _mills(b)

    def _sf(self, y: Array) -> Array:
        a, b, phi = self._scores(y)
        far = a > 0.0
        return np.where(far, phi * _mills_difference(np.where(far, a, 1.0), b), 1.0 - ndtr(a) - phi * _mills(b))

    def _partial(self, y: Array, upper: bool) -> Array:
        # E[Y; Y <= y] = mu (Phi(a) - exp(2 lambda / mu) Phi(-b))
        a, b, phi = self._scores(y)
        if upper:
            return self.mean * (ndtr(-a) + phi * _mills(b))
        near = a < 0.0
        small = phi * _mills_difference(np.where(near, -a, 1.0), b)
        return self.mean * np.where(near, small, ndtr(a) - phi * _mills(b))

    def _quantile(self, p: Array, upper: bool) -> Array:
        shape = np.broadcast_shapes(p.shape, self.mean.shape)
        p, mean, lam = (np.broadcast_to(v, shape).ravel() for v in (p, self.mean, self.shape))
        far = upper ^ (p > 0.5)  # the smaller of the two tails is solved for
        log_p = np.log(np.where(p > 0.5, 1.0 - p, p))
        sign = np.where(far, -1.0, 1.0)

        def excess(index: Index, x: Array) -> tuple[Array, Array]:
            y = np.exp(x)
            part = _unchecked(mean[index, None], lam[index, None])
            below, above = part._cdf(y[:, None])[:, 0], part._sf(y[:, None])[:, 0]
            tail = np.where(far[index], above, below)
            density = np.exp(part._logpdf(y[:, None])[:, 0] + x)  # of log y
            return sign[index] * (np.log(tail) - log_p[index]), density / tail

        # a(y) <= score of the tail bounds y on one side; the other side is generous
        score = ndtri(np.exp(log_p)) / np.sqrt(lam / mean)
        turn = np.arcsinh(0.5 * score)  # (y - mu) / sqrt(mu y) = score at y = mu exp(2 turn)
        start = np.log(mean) + np.where(far, -2.0, 2.0) * turn
        reach = 40.0 + 4.0 * np.abs(turn)
        x = inverted(excess, start - reach, start + reach, start)
        return np.exp(x).reshape(shape)

    def _draw(self, rng: Any) -> Array:
        return rng.wald(self.mean, np.broadcast_to(self.shape, self.mean.shape))


def _unchecked(mean: Array, shape: Array) -> InverseGaussianComponents:
    part = object.__new__(InverseGaussianComponents)
    part.mean, part.shape = mean, shape
    return part


def _mills(x: Array) -> Array:
    """Return Phi(-x) / phi(x)."""
    return np.sqrt(0.5 * np.pi) * erfcx(x / np.sqrt(2.0))


def _mills_difference(low: Array, high: Array) -> Array:
    """Return Mills' ratio at 0 <= ``low`` less that at ``high`` > ``low``, to full relative accuracy.

    Where they are close: int_0^inf exp(-low t - t^2/2) (1 - exp(-(high - low) t)) dt, a positive integrand, by
    Gauss-Legendre nodes up to where it has fallen below rounding.
    """
    low, high = np.broadcast_arrays(low, high)
    first, second = _mills(low), _mills(high)
    out = first - second
    close = np.flatnonzero(out.ravel() < 0.5 * first.ravel())
    if len(close):
        a, h = low.ravel()[close, None], (high - low).ravel()[close, None]
        reach = 80.0 / (a + np.sqrt(a**2 + 80.0))  # a t + t^2 / 2 = 40
        t = reach * _NODES
        inner = reach[:, 0] * ((np.exp(-a * t - 0.5 * t**2) * -np.expm1(-h * t)) @ _WEIGHTS)
        out = out.ravel()
        out[close] = inner
        out = out.reshape(low.shape)
    return out
