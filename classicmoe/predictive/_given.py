"""What callers give to a predictive distribution, checked: gate probabilities, orders of quantiles, values of y."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions.components import Array, Index
from classicmoe.exceptions import ConfigurationError, DataError


def checked_log_weights(weights: ArrayLike, log: bool) -> Array:
    """Return the logarithms of the gate probabilities, (n, K), rescaled to add up to 1 exactly."""
    given = np.asarray(weights, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0:
        raise ConfigurationError(f"weights must have shape (n, K), got {given.shape}.")
    probabilities = np.exp(given) if log else given
    total = probabilities.sum(axis=1)
    if not (probabilities >= 0.0).all() or not (np.abs(total - 1.0) <= 1e-6).all():
        raise ConfigurationError(
            "weights must be probabilities (with log=True: their logarithms) that add up to 1 in every row."
        )
    with np.errstate(divide="ignore"):
        logarithms = given if log else np.log(given)
    return logarithms - np.log(total)[:, None]


def checked_probabilities(p: ArrayLike) -> Array:
    """Return the orders of quantiles, a number or one-dimensional, all in [0, 1]."""
    p = np.asarray(p, dtype=np.float64)
    if p.ndim > 1:
        raise ConfigurationError(f"p must be a number or one-dimensional, got shape {p.shape}.")
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise ConfigurationError(f"p must be in [0, 1], got {p}.")
    return p


def pairs_shape(y: Array, n: int, outputs: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (n,) or (n, m) that the rows of y are broadcast to, or say what y should have been.

    ``outputs`` is the shape of one value of y: () or (q,).
    """
    axes = len(outputs)
    shape, trailing = y.shape[: y.ndim - axes], y.shape[y.ndim - axes :]
    fits = len(shape) == 0 or (len(shape) <= 2 and shape[0] in (1, n)) or (n == 1 and len(shape) == 1)
    if y.ndim < axes or trailing != outputs or not fits:
        tail = f", each with {outputs[0]} outputs at the end of its shape" if outputs else ""
        raise DataError(
            f"y has shape {y.shape}, the distribution {n} rows: give a scalar, ({n},) for one value per row, "
            f"({n}, m) for m values per row or (1, m) for the same m values at every row (y[None, :]){tail}."
        )
    return np.broadcast_shapes(shape, (n,) if len(shape) < 2 else (n, 1))


def pairs(y: ArrayLike, n: int, outputs: tuple[int, ...]) -> tuple[Index, Array, tuple[int, ...]]:
    """Return rows (m,), values of y (m, *outputs) and the shape that results at these pairs should get."""
    y = np.asarray(y, dtype=np.float64)
    shape = pairs_shape(y, n, outputs)
    values = np.broadcast_to(y, shape + outputs).reshape(-1, *outputs)
    return np.repeat(np.arange(n), len(values) // max(1, n)), values, shape
