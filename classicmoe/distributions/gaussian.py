"""Gaussian expert distributions, of one output and of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from scipy.special import ndtr, ndtri

from classicmoe.distributions.components import Array, Index, Rows
from classicmoe.exceptions import ConfigurationError

_LOG_2PI = float(np.log(2.0 * np.pi))


class GaussianComponents:
    """K normal distributions per row for one output: y given x and expert k is N(mean_ik, scale_k^2).

    Parameters
    ----------
    mean : array of shape (n, K)
        Expert means, finite.
    scale : array of shape (K,) or (n, K)
        Standard deviations, positive and finite.

    Raises
    ------
    ConfigurationError
        If the shapes do not fit, or a mean or scale is not finite or a scale is not positive.

    Examples
    --------
    >>> from classicmoe.distributions.gaussian import GaussianComponents
    >>> GaussianComponents([[0.0, 4.0]], [1.0, 2.0]).cdf([0.0]).round(4)
    array([[0.5   , 0.0228]])
    """

    support = (-np.inf, np.inf)
    kind = "continuous"

    def __init__(self, mean: ArrayLike, scale: ArrayLike):
        self.mean: Array = np.asarray(mean, dtype=np.float64)
        self.scale: Array = np.asarray(scale, dtype=np.float64)
        if self.mean.ndim != 2 or self.scale.shape not in (self.mean.shape, self.mean.shape[1:]):
            raise ConfigurationError(
                "GaussianComponents needs mean of shape (n, K) and scale of shape (K,) or (n, K); "
                f"got {self.mean.shape} and {self.scale.shape}."
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.scale).all() and (self.scale > 0.0).all()):
            raise ConfigurationError("Expert means must be finite and expert scales positive and finite.")

    @property
    def variance(self) -> Array:
        """Expert variances, (n, K); a read-only view where rows share them."""
        return np.broadcast_to(self.scale**2, self.mean.shape)

    def take(self, rows: Rows) -> GaussianComponents:
        """Return the components of some rows; an index array may repeat rows."""
        part = object.__new__(GaussianComponents)  # rows of checked arrays need no second check
        part.mean = self.mean[rows]
        part.scale = self.scale if self.scale.ndim == 1 else self.scale[rows]
        return part

    def _standardise(self, y: ArrayLike) -> Array:
        return (np.asarray(y, dtype=np.float64)[:, None] - self.mean) / self.scale

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the expert log-densities, (n, K), for y of shape (n,)."""
        return -0.5 * (self._standardise(y) ** 2 + _LOG_2PI) - np.log(self.scale)

    def dlogpdf(self, y: ArrayLike) -> Array:
        """Return the derivatives of the expert log-densities in y, (n, K), for y of shape (n,)."""
        return -self._standardise(y) / self.scale

    def cdf(self, y: ArrayLike) -> Array:
        """Return the expert distribution functions, (n, K), for y of shape (n,)."""
        return ndtr(self._standardise(y))

    def sf(self, y: ArrayLike) -> Array:
        """Return the expert survival functions, (n, K), for y of shape (n,)."""
        return ndtr(-self._standardise(y))

    def partial_mean(self, y: ArrayLike, upper: bool = False) -> Array:
        """Return E[Y; Y <= y] = mean Phi(z) - scale phi(z), or E[Y; Y > y] if ``upper``, (n, K), y of shape (n,)."""
        z = self._standardise(y)
        edge = self.scale * np.exp(-0.5 * (z**2 + _LOG_2PI))
        return self.mean * ndtr(-z) + edge if upper else self.mean * ndtr(z) - edge

    def quantile(self, p: ArrayLike, upper: bool = False) -> Array:
        """Return the expert quantiles, (n, K), for lower (or upper) tail probabilities p of shape (n,)."""
        z = ndtri(np.asarray(p, dtype=np.float64))[:, None]
        return self.mean + self.scale * (-z if upper else z)

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw one y from expert ``which`` for every entry of ``which``, (n,) or (n, size)."""
        which = np.asarray(which)
        rows = np.arange(len(which)).reshape((-1,) + (1,) * (which.ndim - 1))
        scale = self.scale[which] if self.scale.ndim == 1 else self.scale[rows, which]
        return self.mean[rows, which] + scale * rng.standard_normal(which.shape)


class JointGaussianComponents:
    """K multivariate normal distributions per row for q outputs: N(mean_ik, covariance_k).

    Parameters
    ----------
    mean : array of shape (n, K, q)
        Expert means, finite.
    covariance : array of shape (K, q, q) or (n, K, q, q)
        Expert covariance matrices, symmetric positive definite; shared by the rows or of every row's own.

    Raises
    ------
    ConfigurationError
        If the shapes do not fit, a mean is not finite or a covariance is not positive definite.
    """

    def __init__(self, mean: ArrayLike, covariance: ArrayLike):
        self.mean: Array = np.asarray(mean, dtype=np.float64)
        self.covariance: Array = np.asarray(covariance, dtype=np.float64)
        shared = self.mean.shape[1:] + self.mean.shape[-1:]
        if self.mean.ndim != 3 or self.covariance.shape not in (shared, self.mean.shape[:1] + shared):
            raise ConfigurationError(
                "JointGaussianComponents needs mean of shape (n, K, q) and covariance of shape (K, q, q) or "
                f"(n, K, q, q); got {self.mean.shape} and {self.covariance.shape}."
            )
        if not np.isfinite(self.mean).all():
            raise ConfigurationError("Expert means must be finite.")
        self._factor = _cholesky(self.covariance)

    @property
    def _shared(self) -> bool:
        return self.covariance.ndim == 3

    @property
    def variance(self) -> Array:
        """Expert covariance matrices, (n, K, q, q); a read-only view where rows share them."""
        return np.broadcast_to(self.covariance, self.mean.shape + self.mean.shape[-1:])

    def take(self, rows: Rows) -> JointGaussianComponents:
        """Return the components of some rows; an index array may repeat rows."""
        part = object.__new__(JointGaussianComponents)  # rows of checked arrays need no second check
        part.mean = self.mean[rows]
        part.covariance = self.covariance if self._shared else self.covariance[rows]
        part._factor = self._factor if self._shared else self._factor[rows]
        return part

    def marginal(self, output: int) -> GaussianComponents:
        """Return the normal distributions of one output."""
        scale = np.sqrt(self.covariance[..., output, output])
        return GaussianComponents(self.mean[:, :, output], scale)

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the joint log-densities, (n, K), for y of shape (n, q)."""
        difference = np.asarray(y, dtype=np.float64)[:, None, :] - self.mean
        log_scale = np.log(np.diagonal(self._factor, axis1=-2, axis2=-1)).sum(axis=-1)
        squares = np.empty(self.mean.shape[:2])
        if self._shared:
            for k, factor in enumerate(self._factor):
                # NaN and infinite y are answered like scipy does (NaN and -inf), hence no check for finiteness
                z = solve_triangular(factor, difference[:, k].T, lower=True, check_finite=False)
                squares[:, k] = (z**2).sum(axis=0)
        else:
            squares[:] = (np.linalg.solve(self._factor, difference[..., None])[..., 0] ** 2).sum(axis=-1)
        return -0.5 * (squares + self.mean.shape[2] * _LOG_2PI) - log_scale

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw one y of q outputs from expert ``which`` for every entry of ``which``, (n,) or (n, size)."""
        which = np.asarray(which)
        rows = np.arange(len(which)).reshape((-1,) + (1,) * (which.ndim - 1))
        noise = rng.standard_normal((*which.shape, self.mean.shape[2]))
        if self._shared:
            for k, factor in enumerate(self._factor):
                drawn = which == k
                noise[drawn] = noise[drawn] @ factor.T
        else:
            noise = (self._factor[rows, which] @ noise[..., None])[..., 0]
        return self.mean[rows, which] + noise


def _cholesky(covariance: Array) -> Array:
    """Return the lower Cholesky factors (..., K, q, q), or say which expert has no valid covariance."""
    n_experts = covariance.shape[-3]
    each = covariance.reshape(-1, *covariance.shape[-2:])
    asymmetry = np.abs(each - each.transpose(0, 2, 1)).max(axis=(1, 2))
    wrong = ~np.isfinite(each).all(axis=(1, 2)) | (asymmetry > 1e-8 * np.abs(each).max(axis=(1, 2)))
    if wrong.any():
        k = int(np.argmax(wrong)) % n_experts
        raise ConfigurationError(f"The covariance of expert {k} is not a finite symmetric matrix.")
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(each)[:, 0]
        at = int(np.argmin(lowest))
        raise ConfigurationError(
            f"The covariance of expert {at % n_experts} is not positive definite: its smallest eigenvalue is "
            f"{lowest[at]:.3g}."
        ) from None
