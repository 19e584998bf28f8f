"""What the structures have in common: shared or own covariances and their free coordinates on the log scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.linalg import solve_triangular

from classicmoe.contracts import Array

Scale = Literal["own", "shared"]
LOG_2PI = float(np.log(2.0 * np.pi))


def pool(values: Array, mass: Array) -> Array:
    """Return (K, ...) values averaged over experts with weights (K,), repeated for every expert."""
    pooled = np.tensordot(mass / mass.sum(), values, axes=1)
    return np.broadcast_to(pooled, values.shape)


def share_free(entries: Array, scale: Scale, is_score: bool) -> Array:
    """Turn (..., K, n) entries into free coordinates (..., n_free): derivatives add up where experts share."""
    if scale == "shared":
        return np.asarray(entries.sum(axis=-2)) if is_score else entries[..., 0, :]
    return entries.reshape(*entries.shape[:-2], -1)


def spread_free(free: Array, n_experts: int) -> Array:
    """Turn (1 or K, n) free coordinates into (K, n)."""
    return np.broadcast_to(free, (n_experts, free.shape[1]))


def invert_factors(factor: Array) -> Array:
    """Return the inverses of lower triangular matrices (K, q, q).

    A general inverse exchanges rows and can lose the sign of a tiny pivot, which extrapolations do propose.
    """
    if factor.shape[-1] == 1:
        return 1.0 / factor
    eye = np.eye(factor.shape[-1])
    return np.array([solve_triangular(own, eye, lower=True) for own in factor])


def log_constants(factor: Array) -> Array:
    """Return the constants of Gaussian log-densities with covariances L L', (K,)."""
    q = factor.shape[-1]
    return np.asarray(-np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) - 0.5 * q * LOG_2PI)


def log_coordinates(scale: Array) -> Array:
    """Return the logarithms of positive numbers."""
    return np.asarray(np.log(scale))


def real_coordinates(logged: Array) -> Array:
    """Invert :func:`log_coordinates`; a leap of the accelerator must not overflow."""
    return np.asarray(np.exp(np.clip(logged, -40.0, 40.0)))
