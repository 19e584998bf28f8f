"""Diagonal and spherical covariances, stored as variances; entries of the residual that are NaN are integrated out.

A missing entry of a response with independent noise adds nothing to the log-density; in the E-step its squared
residual has the expectation s_kj, its variance. That is an exact EM step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.covariances.sharing import (
    LOG_2PI,
    Scale,
    log_coordinates,
    pool,
    real_coordinates,
    share_free,
    spread_free,
)


class DiagonalParameters(NamedTuple):
    """Variances (K, q); equal within an expert when spherical."""

    variance: Array


class DiagonalStatistics(NamedTuple):
    """Sums of the expectations of r e^2 (K, q)."""

    squares: Array


@dataclass(frozen=True)
class Diagonal:
    """Covariances without correlations; ``spherical``: all variances of an expert are equal."""

    scale: Scale = "own"
    spherical: bool = False

    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = True

    def start(self, variance: Array, gram: Array | None, n_experts: int, floor: float) -> DiagonalParameters:
        """Return the same variances (q,) for all experts."""
        return self.impose(np.broadcast_to(variance, (n_experts, len(variance))), np.ones(n_experts), floor)

    def log_density(self, params: DiagonalParameters, y: Array, residual: Array, out: Array) -> None:
        """Turn means into residuals (K * q, m) in place and write the log-densities (K, m)."""
        kernels.diagonal.log_density(y, residual, 1.0 / params.variance, np.log(params.variance) + LOG_2PI, out)

    def statistics(
        self, params: DiagonalParameters, residual: Array, resp: Array, rows: Array | None
    ) -> DiagonalStatistics:
        """Return the expected squares; ``rows`` (K * q, m), if given, gets expected residuals x responsibilities."""
        squares = np.zeros(params.variance.shape)
        if rows is None:
            kernels.diagonal.add_squares(resp, residual, params.variance, squares)
        else:
            kernels.diagonal.residual_rows(resp, residual, params.variance, squares, rows)
        return DiagonalStatistics(squares)

    def update(
        self,
        params: DiagonalParameters,
        statistics: DiagonalStatistics,
        change: Array,
        gradient: Array,
        gram: Array,
        mass: Array,
        floor: float,
    ) -> tuple[Array, DiagonalParameters]:
        """Return the change of the coefficients as it is and the variances about the new means."""
        left = statistics.squares - (change * (2.0 * gradient - change @ gram)).sum(axis=2)
        variance = params.variance.copy()
        alive = mass > 0.0
        variance[alive] = left[alive] / mass[alive, None]
        return change, self.impose(variance, mass, floor)

    def impose(self, variance: Array, mass: Array, floor: float) -> DiagonalParameters:
        """Impose equality, sharing (weighted by mass) and the floor on variances (K, q)."""
        if self.spherical:
            variance = np.broadcast_to(variance.mean(axis=1, keepdims=True), variance.shape)
        if self.scale == "shared":
            variance = pool(variance, mass)
        return DiagonalParameters(np.maximum(variance, floor))

    def precision_times(self, params: DiagonalParameters, right: Array) -> Array:
        """Return Sigma_k^-1 right_k for right (..., K, q, p)."""
        return right / params.variance[..., None]

    def score(self, params: DiagonalParameters, statistics: DiagonalStatistics, mass: Array) -> Array:
        """Return the derivative in the logarithms of the standard deviations."""
        return self.collect(statistics.squares / params.variance - mass[:, None], True)

    def scores(self, params: DiagonalParameters, residual: Array, resp: Array) -> Array:
        """Return each row's derivatives (m, n_free); residual (K, q, m), resp (K, m)."""
        ratio = np.square(residual) / params.variance[..., None] - 1.0
        return self.collect((resp[:, None] * np.nan_to_num(ratio, nan=0.0)).transpose(2, 0, 1), True)

    def n_free(self, params: DiagonalParameters) -> int:
        """Return the number of free coordinates."""
        k, q = params.variance.shape
        return (1 if self.scale == "shared" else k) * (1 if self.spherical else q)

    def pack(self, params: DiagonalParameters) -> Array:
        """Return the logarithms of the free standard deviations."""
        return self.collect(log_coordinates(np.sqrt(params.variance)), False)

    def unpack(self, vector: Array, like: DiagonalParameters) -> DiagonalParameters:
        """Invert :meth:`pack`."""
        k, q = like.variance.shape
        logged = spread_free(vector.reshape(-1, 1 if self.spherical else q), k)
        return DiagonalParameters(np.square(real_coordinates(np.broadcast_to(logged, (k, q)))))

    def permute(self, params: DiagonalParameters, order: NDArray[np.intp]) -> DiagonalParameters:
        """Return the parameters with experts in another order."""
        return DiagonalParameters(params.variance[order])

    def rescale(self, params: DiagonalParameters, unit: Array) -> DiagonalParameters:
        """Return the variances of responses multiplied by ``unit`` (q,)."""
        return DiagonalParameters(params.variance * np.square(unit))

    def dense(self, params: DiagonalParameters) -> Array:
        """Return the covariances (K, q, q)."""
        return params.variance[:, :, None] * np.eye(params.variance.shape[1])

    def from_dense(self, covariance: Array) -> DiagonalParameters:
        """Return the parameters of diagonal covariances (K, q, q)."""
        return DiagonalParameters(np.diagonal(covariance, axis1=1, axis2=2).copy())

    def variances(self, params: DiagonalParameters) -> Array:
        """Return the variances (K, q)."""
        return params.variance

    def spread(self, params: DiagonalParameters) -> Array:
        """Return the geometric mean of the standard deviations, (K,)."""
        return np.asarray(np.exp(0.5 * np.log(params.variance).mean(axis=1)))

    def at_floor(self, params: DiagonalParameters, floor: float) -> NDArray[np.bool_]:
        """Return whether a variance sits on the floor, (K,)."""
        return np.asarray(params.variance.min(axis=1) <= floor * 1.0001)

    def collect(self, entries: Array, is_score: bool) -> Array:
        """Collect (..., K, q) entries into free coordinates; derivatives add up where entries are equal."""
        if self.spherical:
            entries = entries.sum(axis=-1, keepdims=True) if is_score else entries[..., :1]
        return share_free(entries, self.scale, is_score)
