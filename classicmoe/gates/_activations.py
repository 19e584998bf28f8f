r"""Smooth functions of a linear score, with two derivatives.

sigmoid :math:`1 / (1 + e^{-z})`; tanh; gelu :math:`z \Phi(z)` with the normal distribution function; softplus
:math:`\log(1 + e^z)`; identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from classicmoe.contracts import Array


class Activation(NamedTuple):
    """``value(z, out)``, and ``derivatives(z, value, first, second)`` that writes both."""

    value: Callable[[Array, Array], Array]
    derivatives: Callable[[Array, Array, Array, Array], None]


def _sigmoid(z: Array, value: Array, first: Array, second: Array) -> None:
    np.multiply(value, 1.0 - value, out=first)
    np.multiply(first, 1.0 - 2.0 * value, out=second)


def _tanh(z: Array, value: Array, first: Array, second: Array) -> None:
    np.multiply(1.0 - value, 1.0 + value, out=first)
    np.multiply(first, -2.0 * value, out=second)


def _gelu(z: Array, value: Array, first: Array, second: Array) -> None:
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    np.multiply(density, 2.0 - z * z, out=second)
    np.multiply(z, density, out=first)
    first += ndtr(z)


def _softplus(z: Array, value: Array, first: Array, second: Array) -> None:
    # 1 - exp(-log(1 + e^z)) is the logistic function without cancellation.
    np.negative(np.expm1(-value), out=first)
    np.multiply(first, 1.0 - first, out=second)


def _identity(z: Array, value: Array, first: Array, second: Array) -> None:
    first[:], second[:] = 1.0, 0.0


ACTIVATIONS = {
    "sigmoid": Activation(lambda z, out: expit(z, out=out), _sigmoid),
    "tanh": Activation(lambda z, out: np.tanh(z, out=out), _tanh),
    "gelu": Activation(lambda z, out: np.multiply(z, ndtr(z), out=out), _gelu),
    "softplus": Activation(lambda z, out: np.logaddexp(0.0, z, out=out), _softplus),
    "identity": Activation(lambda z, out: np.positive(z, out=out), _identity),
}
