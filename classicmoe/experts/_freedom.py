r"""Degrees of freedom of t distributions above a least value, in an unconstrained coordinate v.

:math:`\nu = \nu_0 + e^v`; with the default :math:`\nu_0 = 2.1` mean and variance exist.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, polygamma

from classicmoe.contracts import Array

LEAST = 2.1
COORDINATES = (-12.0, 14.0)  # at the upper end there are a million degrees of freedom: a normal distribution


def degrees_of(coordinate: Array, least: float) -> Array:
    """Return degrees of freedom."""
    return np.asarray(least + np.exp(coordinate))


def freedom_of(degrees: ArrayLike, least: float) -> Array:
    """Return the coordinate of degrees of freedom."""
    above = np.asarray(degrees, dtype=float) - least
    return np.asarray(np.clip(np.log(np.maximum(above, 1e-12)), *COORDINATES))


def freedom_slopes(coordinate: Array, squares: Array, least: float) -> tuple[Array, Array]:
    """Return first and second derivative (K, m) of the t log-density in the coordinate (K, 1) at d^2 (K, m)."""
    along = np.exp(coordinate)  # d nu / d v, and its own derivative
    nu = least + along
    total = nu + squares
    ratio = squares / (nu * total)
    pull = 0.5 * (nu + 1.0) * ratio
    first = 0.5 * (digamma(0.5 * (nu + 1.0)) - digamma(0.5 * nu) - 1.0 / nu) - 0.5 * np.log1p(squares / nu) + pull
    constant = 0.25 * (polygamma(1, 0.5 * (nu + 1.0)) - polygamma(1, 0.5 * nu)) + 0.5 / nu**2
    second = constant + ratio - pull * (1.0 / nu + 1.0 / total)
    return along * first, along**2 * second + along * first
