"""Symmetric matrices kept as their packed upper triangles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array


@lru_cache(maxsize=256)
def upper_triangle(width: int, above: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of an upper triangle; asked for in every update, and slow to make."""
    i, j = np.triu_indices(width, above)
    i.flags.writeable = j.flags.writeable = False
    return i, j


@lru_cache(maxsize=256)
def lower_triangle(width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of a lower triangle, row by row."""
    i, j = np.tril_indices(width)
    i.flags.writeable = j.flags.writeable = False
    return i, j


def unpack_symmetric(packed: Array, width: int) -> Array:
    """Turn (..., width(width+1)/2) packed upper triangles into (..., width, width) symmetric matrices."""
    i, j = upper_triangle(width)
    full = np.empty((*packed.shape[:-1], width, width))
    full[..., i, j] = packed
    full[..., j, i] = packed
    return full


def pack_symmetric(full: Array) -> Array:
    """Invert :func:`unpack_symmetric`."""
    i, j = upper_triangle(full.shape[-1])
    return full[..., i, j]
