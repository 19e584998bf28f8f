"""Covariances of K experts, (K, q, q): their structure, whether one is shared, and their free coordinates.

The free coordinates are the entries of the lower Cholesky factor, its diagonal on the log scale: any vector of real
numbers is then a positive definite matrix.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array

Scale = Literal["own", "shared"]
Structure = Literal["full", "diag", "spherical"]


class CovarianceForm(NamedTuple):
    """Which covariances are allowed."""

    scale: Scale
    structure: Structure

    def impose(self, covariance: Array, mass: Array, floor: float) -> Array:
        """Impose structure, sharing and the floor on (K, q, q) covariances; sharing weighs them by mass (K,)."""
        q = covariance.shape[1]
        if self.scale == "shared":
            shared = np.tensordot(mass / mass.sum(), covariance, axes=1)
            covariance = np.broadcast_to(shared, covariance.shape)
        if self.structure == "spherical":
            covariance = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / q * np.eye(q)
        elif self.structure == "diag":
            covariance = covariance * np.eye(q)
        if q == 1:
            return np.maximum(covariance, floor)
        values, vectors = np.linalg.eigh(covariance)
        if values.min() >= floor:
            return 0.5 * (covariance + covariance.transpose(0, 2, 1))
        return (vectors * np.maximum(values, floor)[:, None, :]) @ vectors.transpose(0, 2, 1)

    def n_free(self, factor: Array) -> int:
        """Return the number of free coordinates."""
        return self._collect(factor, "first").size

    def pack(self, factor: Array) -> Array:
        """Return the free coordinates of lower Cholesky factors (K, q, q)."""
        logged = factor.copy()
        diagonal = np.arange(factor.shape[1])
        logged[:, diagonal, diagonal] = np.log(factor[:, diagonal, diagonal])
        return self._collect(logged, "first")

    def unpack(self, coordinates: Array, n_experts: int, q: int) -> Array:
        """Invert :meth:`pack`."""
        i, j = self._entries(q)
        logged = np.zeros((n_experts, q, q))
        # One row or one column is repeated over experts or outputs.
        logged[:, i, j] = coordinates.reshape(1 if self.scale == "shared" else n_experts, -1)
        diagonal = np.arange(q)
        logged[:, diagonal, diagonal] = np.exp(np.clip(logged[:, diagonal, diagonal], -40.0, 40.0))
        return logged

    def pack_score(self, by_factor: Array) -> Array:
        """Return derivatives in the free coordinates (..., n_scale) from those in all coordinates (..., K, q, q)."""
        return self._collect(by_factor, "sum")

    def _entries(self, q: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return np.tril_indices(q) if self.structure == "full" else (np.arange(q), np.arange(q))

    def _collect(self, full: Array, reduce: Literal["first", "sum"]) -> Array:
        """Collect (..., K, q, q) entries into the free ones (..., n_scale); of equal ones the first, or their sum."""
        i, j = self._entries(full.shape[-1])
        entries = full[..., i, j]
        if self.structure == "spherical":
            entries = entries.sum(axis=-1, keepdims=True) if reduce == "sum" else entries[..., :1]
        if self.scale == "shared":
            return entries.sum(axis=-2) if reduce == "sum" else entries[..., 0, :]
        return entries.reshape(*entries.shape[:-2], -1)


def factor_score(factor: Array, scatter: Array, mass: Array) -> tuple[Array, Array]:
    """Return precisions and the derivative in log-Cholesky coordinates for (..., K, q, q) scatters."""
    inverse = np.linalg.inv(factor)
    precision = inverse.transpose(0, 2, 1) @ inverse
    by_factor = precision @ scatter @ inverse.transpose(0, 2, 1)
    diagonal = np.arange(factor.shape[1])
    by_factor[..., diagonal, diagonal] *= factor[:, diagonal, diagonal]
    by_factor[..., diagonal, diagonal] -= mass[..., None]
    return precision, by_factor
