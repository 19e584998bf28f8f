"""Full covariances: any positive definite matrix, of each expert's own or one shared by all.

The free coordinates are the entries of the lower Cholesky factor, its diagonal on the log scale: any vector of real
numbers is then a positive definite matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.covariances.sharing import (
    Scale,
    invert_factors,
    log_constants,
    log_coordinates,
    pool,
    real_coordinates,
    share_free,
    spread_free,
)
from classicmoe.symmetric import lower_triangle

FEW = 3  # outputs up to which residuals are kept as they are; more are whitened


class DenseParameters(NamedTuple):
    """Lower Cholesky factors of the covariances (K, q, q)."""

    factor: Array


class DenseStatistics(NamedTuple):
    """Sums of r e e' (K, q, q)."""

    scatter: Array


@dataclass(frozen=True)
class Dense:
    """Covariances without structure."""

    scale: Scale = "own"

    diagonal_only: ClassVar[bool] = False
    tolerates_missing: ClassVar[bool] = False

    def start(self, variance: Array, gram: Array | None, n_experts: int, floor: float) -> DenseParameters:
        """Return the same covariance (q, q) for all experts."""
        assert gram is not None
        covariance = _above_floor(gram[None], floor)
        return DenseParameters(np.repeat(np.linalg.cholesky(covariance), n_experts, axis=0))

    def log_density(self, params: DenseParameters, y: Array, residual: Array, out: Array) -> None:
        """Turn means into residuals (K * q, m) in place and write the log-densities (K, m)."""
        n_experts, q, _ = params.factor.shape
        whitener, constant = invert_factors(params.factor), log_constants(params.factor)
        if q == 1:
            kernels.gaussian.log_density(y, residual, whitener, constant, out)
            return
        kernels.gaussian.subtract(y, residual)
        white = np.empty(residual.shape)
        for k in range(n_experts):
            np.dot(whitener[k], residual[k * q : (k + 1) * q], out=white[k * q : (k + 1) * q])
        kernels.whitened.minus_half_squares(white, constant, out)

    def statistics(self, params: DenseParameters, residual: Array, resp: Array, rows: Array | None) -> DenseStatistics:
        """Return the scatter; ``rows`` (K * q, m), if given, receives the residuals times responsibilities."""
        n_experts, q, _ = params.factor.shape
        assert rows is not None and q <= FEW, "more outputs are whitened"
        scatter = np.zeros((n_experts, q, q))
        kernels.gaussian.residual_rows(resp, residual, scatter, rows)
        return DenseStatistics(scatter)

    def update(
        self,
        params: DenseParameters,
        statistics: DenseStatistics,
        change: Array,
        gradient: Array,
        gram: Array,
        mass: Array,
        floor: float,
    ) -> tuple[Array, DenseParameters]:
        """Return the change of the coefficients as it is and the covariances about the new means."""
        cross = change @ gradient.transpose(0, 2, 1)
        left = statistics.scatter - cross - cross.transpose(0, 2, 1) + change @ gram @ change.transpose(0, 2, 1)
        covariance = self.dense(params)
        alive = mass > 0.0
        covariance[alive] = left[alive] / mass[alive, None, None]
        if self.scale == "shared":
            covariance = pool(covariance, mass)
        return change, DenseParameters(np.linalg.cholesky(_above_floor(covariance, floor)))

    def precision_times(self, params: DenseParameters, right: Array) -> Array:
        """Return Sigma_k^-1 right_k for right (..., K, q, p)."""
        inverse = invert_factors(params.factor)
        return (inverse.transpose(0, 2, 1) @ inverse) @ right

    def score(self, params: DenseParameters, statistics: DenseStatistics, mass: Array) -> Array:
        """Return the derivative in the free coordinates."""
        return self._collect(_factor_score(params.factor, statistics.scatter, mass), True)

    def scores(self, params: DenseParameters, residual: Array, resp: Array) -> Array:
        """Return each row's derivatives (m, n_free); residual (K, q, m), resp (K, m)."""
        e = residual.transpose(2, 0, 1)
        scatter = resp.T[:, :, None, None] * e[..., :, None] * e[..., None, :]
        return self._collect(_factor_score(params.factor, scatter, resp.T), True)

    def n_free(self, params: DenseParameters) -> int:
        """Return the number of free coordinates."""
        k, q, _ = params.factor.shape
        return (1 if self.scale == "shared" else k) * q * (q + 1) // 2

    def pack(self, params: DenseParameters) -> Array:
        """Return the free coordinates."""
        return self._collect(_on_diagonal(params.factor, log_coordinates), False)

    def unpack(self, vector: Array, like: DenseParameters) -> DenseParameters:
        """Invert :meth:`pack`."""
        k, q, _ = like.factor.shape
        logged = np.zeros(like.factor.shape)
        i, j = lower_triangle(q)
        logged[:, i, j] = spread_free(vector.reshape(-1, len(i)), k)
        return DenseParameters(_on_diagonal(logged, real_coordinates))

    def permute(self, params: DenseParameters, order: NDArray[np.intp]) -> DenseParameters:
        """Return the parameters with experts in another order."""
        return DenseParameters(params.factor[order])

    def rescale(self, params: DenseParameters, unit: Array) -> DenseParameters:
        """Return the covariances of responses multiplied by ``unit`` (q,)."""
        return DenseParameters(params.factor * unit[:, None])

    def dense(self, params: DenseParameters) -> Array:
        """Return the covariances (K, q, q)."""
        return params.factor @ params.factor.transpose(0, 2, 1)

    def from_dense(self, covariance: Array) -> DenseParameters:
        """Return the parameters of covariances (K, q, q)."""
        return DenseParameters(np.linalg.cholesky(covariance))

    def variances(self, params: DenseParameters) -> Array:
        """Return the diagonals (K, q)."""
        return np.square(params.factor).sum(axis=2)

    def spread(self, params: DenseParameters) -> Array:
        """Return the geometric mean of the standard deviations along the covariance's factor, (K,)."""
        return np.exp(np.log(np.diagonal(params.factor, axis1=1, axis2=2)).mean(axis=1))

    def at_floor(self, params: DenseParameters, floor: float) -> NDArray[np.bool_]:
        """Return whether the smallest eigenvalue sits on the floor, (K,)."""
        return np.asarray(np.linalg.eigvalsh(self.dense(params))[:, 0] <= floor * 1.0001)

    def _collect(self, full: Array, is_score: bool) -> Array:
        i, j = lower_triangle(full.shape[-1])
        return share_free(full[..., i, j], self.scale, is_score)


def _on_diagonal(factor: Array, change: Callable[[Array], Array]) -> Array:
    out = factor.copy()
    diagonal = np.arange(factor.shape[1])
    out[:, diagonal, diagonal] = change(factor[:, diagonal, diagonal])
    return out


def _above_floor(covariance: Array, floor: float) -> Array:
    """Lift eigenvalues to the floor."""
    if covariance.shape[1] == 1:
        return np.maximum(covariance, floor)
    values, vectors = np.linalg.eigh(covariance)
    if values.min() >= floor:
        return 0.5 * (covariance + covariance.transpose(0, 2, 1))
    return (vectors * np.maximum(values, floor)[:, None, :]) @ vectors.transpose(0, 2, 1)


def _factor_score(factor: Array, scatter: Array, mass: Array) -> Array:
    """Return the derivative in log-Cholesky coordinates for (..., K, q, q) scatters."""
    inverse = invert_factors(factor)
    precision = inverse.transpose(0, 2, 1) @ inverse
    by_factor = precision @ scatter @ inverse.transpose(0, 2, 1)
    diagonal = np.arange(factor.shape[1])
    by_factor[..., diagonal, diagonal] *= factor[:, diagonal, diagonal]
    by_factor[..., diagonal, diagonal] -= mass[..., None]
    return by_factor
