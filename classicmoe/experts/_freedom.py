r"""Degrees of freedom of t distributions between bounds, in an unconstrained coordinate.

:math:`\nu = \nu_0 + (\nu_1 - \nu_0) / (1 + e^{-v})` with :math:`\nu_0 = 2.1`, so that mean and variance exist, and
:math:`\nu_1 = 200`, beyond which t and normal are one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, expit, logit, polygamma

from classicmoe.contracts import Array

DEGREES = (2.1, 200.0)


def degrees_of(coordinate: Array) -> Array:
    """Return degrees of freedom."""
    low, high = DEGREES
    return np.asarray(low + (high - low) * expit(coordinate))


def freedom_of(degrees: ArrayLike) -> Array:
    """Return the coordinate of degrees of freedom."""
    low, high = DEGREES
    share = (np.asarray(degrees, dtype=float) - low) / (high - low)
    return np.asarray(logit(np.clip(share, 1e-6, 1.0 - 1e-6)))


def freedom_slopes(coordinate: Array, squares: Array) -> tuple[Array, Array]:
    """Return first and second derivative (K, m) of the t log-density in the coordinate (K, 1) at d^2 (K, m)."""
    nu = degrees_of(coordinate)
    share = expit(coordinate)
    along = (DEGREES[1] - DEGREES[0]) * share * (1.0 - share)  # d nu / d v
    bend = along * (1.0 - 2.0 * share)
    total = nu + squares
    ratio = squares / (nu * total)
    pull = 0.5 * (nu + 1.0) * ratio
    first = 0.5 * (digamma(0.5 * (nu + 1.0)) - digamma(0.5 * nu) - 1.0 / nu) - 0.5 * np.log1p(squares / nu) + pull
    constant = 0.25 * (polygamma(1, 0.5 * (nu + 1.0)) - polygamma(1, 0.5 * nu)) + 0.5 / nu**2
    second = constant + ratio - pull * (1.0 / nu + 1.0 / total)
    return along * first, along**2 * second + bend * first
