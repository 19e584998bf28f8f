r"""Smooth functions of a linear score, with two derivatives.

sigmoid :math:`1 / (1 + e^{-z})`; tanh; gelu :math:`z \Phi(z)` with the normal distribution function; softplus
:math:`\log(1 + e^z)`; identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from classicmoe.contracts import Array


class Activation(NamedTuple):
    """``value(z, kept, out)``, and ``derivatives(z, kept, value, first, second)`` that writes the last two.

    ``kept`` is an array that the first may leave to the second. Nothing else is allocated.
    """

    value: Callable[[Array, Array, Array], Array]
    derivatives: Callable[[Array, Array, Array, Array, Array], None]


def _sigmoid(z: Array, kept: Array, out: Array) -> Array:
    # e^min(z, 0) / (1 + e^-|z|): both exponentials are below 1, and far scores keep their relative accuracy.
    np.exp(np.minimum(z, 0.0, out=out), out=out)
    return np.divide(out, _one_plus_exp(z, kept), out=out)


def _one_plus_exp(z: Array, out: Array) -> Array:
    np.negative(np.abs(z, out=out), out=out)
    return np.add(np.exp(out, out=out), 1.0, out=out)


def _of_sigmoid(z: Array, kept: Array, value: Array, first: Array, second: Array) -> None:
    np.multiply(value, np.subtract(1.0, value, out=second), out=first)
    np.subtract(second, value, out=second)  # 1 - 2 s
    second *= first


def _of_tanh(z: Array, kept: Array, value: Array, first: Array, second: Array) -> None:
    np.subtract(1.0, value, out=first)
    first *= np.add(1.0, value, out=second)
    np.multiply(first, value, out=second)
    second *= -2.0


def _gelu(z: Array, kept: Array, out: Array) -> Array:
    return np.multiply(z, ndtr(z, out=kept), out=out)


def _of_gelu(z: Array, kept: Array, value: Array, first: Array, second: Array) -> None:
    np.multiply(z, z, out=second)
    second *= -0.5
    np.exp(second, out=first)
    first *= 1.0 / np.sqrt(2.0 * np.pi)
    second += 1.0
    second *= first
    second *= 2.0  # density (2 - z^2)
    first *= z
    first += kept


def _softplus(z: Array, kept: Array, out: Array) -> Array:
    np.negative(np.abs(z, out=out), out=out)
    np.log1p(np.exp(out, out=out), out=out)
    return np.add(out, np.maximum(z, 0.0, out=kept), out=out)


def _of_softplus(z: Array, kept: Array, value: Array, first: Array, second: Array) -> None:
    # 1 - exp(-log(1 + e^z)) is the logistic function without cancellation.
    np.negative(np.expm1(np.negative(value, out=first), out=first), out=first)
    np.subtract(1.0, first, out=second)
    second *= first


def _of_identity(z: Array, kept: Array, value: Array, first: Array, second: Array) -> None:
    first[:], second[:] = 1.0, 0.0


ACTIVATIONS = {
    "sigmoid": Activation(_sigmoid, _of_sigmoid),
    "tanh": Activation(lambda z, kept, out: np.tanh(z, out=out), _of_tanh),
    "gelu": Activation(_gelu, _of_gelu),
    "softplus": Activation(_softplus, _of_softplus),
    "identity": Activation(lambda z, kept, out: np.positive(z, out=out), _of_identity),
}
