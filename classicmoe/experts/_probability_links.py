"""Links of probabilities: logarithms of p and 1 - p and their slopes, each without cancellation in its tail."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_ndtr, logit, ndtr, ndtri

from classicmoe.contracts import Array

LOG_2PI = float(np.log(2.0 * np.pi))
Function = Callable[[Array], Array]


class ProbabilityLink(NamedTuple):
    """Functions of a predictor: p, log p, log(1 - p), and d log p and -d log(1 - p), whose product is the information.

    ``predictor`` is the inverse of ``p``.
    """

    p: Function
    log_p: Function
    log_q: Function
    rise: Function
    fall: Function
    predictor: Function


def _mills(z: Array) -> Array:
    """Return phi(z) / Phi(z)."""
    return np.asarray(np.exp(-0.5 * (np.square(z) + LOG_2PI) - log_ndtr(z)))


def _log_of_any(z: Array) -> Array:
    """Return log(1 - exp(-exp(z)))."""
    hazard = np.exp(z)
    rare = hazard < 0.7
    return np.where(
        rare, np.log(-np.expm1(-np.where(rare, hazard, 1.0))), np.log1p(-np.exp(-np.where(rare, 1.0, hazard)))
    )


def _rise_of_hazard(z: Array) -> Array:
    with np.errstate(over="ignore"):
        hazard = np.exp(z)
        return np.asarray(hazard / np.expm1(hazard))


LINKS = {
    "logit": ProbabilityLink(expit, log_expit, lambda z: log_expit(-z), lambda z: expit(-z), expit, logit),
    "probit": ProbabilityLink(ndtr, log_ndtr, lambda z: log_ndtr(-z), _mills, lambda z: _mills(-z), ndtri),
    "cloglog": ProbabilityLink(
        lambda z: -np.expm1(-np.exp(z)),
        _log_of_any,
        lambda z: -np.exp(z),
        _rise_of_hazard,
        np.exp,
        lambda p: np.log(-np.log1p(-p)),
    ),
}
