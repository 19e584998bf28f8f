"""Experts that collapse: at the floor of their scale, without rows, or on a spike of a few rows.

The likelihood of a Gaussian mixture is unbounded: an expert that interpolates a few rows raises it without limit.
Solutions at the floor lose to all others; spikes above the floor are recognised and never called trustworthy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Ground
from classicmoe.em.mixture import Mixture, MixtureParameters

SPIKE_SCALE = 0.05  # of the largest expert's scale
ROWS_PER_COEFFICIENT = 5.0
SPARE, LEAST_SHARE = 2.0, 1e-3  # rows beyond one per coefficient, and share of all, that an expert needs
ONE_ROW = 1.0  # an expert of less is one too many


class Weak(NamedTuple):
    """An expert that stands on few rows; ``spike`` when its scale is out of line as well."""

    expert: int
    rows: float
    coefficients: int
    spike: bool


def at_floor(mixture: Mixture, params: MixtureParameters, ground: Ground) -> NDArray[np.bool_]:
    """Return which experts are at the floor of their scale, or their region at that of the gate, (K,)."""
    return np.asarray(mixture.expert.at_floor(params.expert, ground) | mixture.gate.at_floor(params.gate, ground))


def collapsed(mixture: Mixture, params: MixtureParameters, mass: Array, ground: Ground) -> NDArray[np.bool_]:
    """Return which experts are at the floor of their scale or starved of rows, (K,)."""
    if len(mass) == 1:
        return np.zeros(1, dtype=bool)
    coefficients = _coefficients(mixture, params, ground)
    starved = hardly_any_rows(mass, coefficients, ground.weight) & _estimated(mixture, params)
    if hasattr(mixture.expert, "coefficients_used"):
        # A penalty may take all slopes of an expert that is one too many, and then its rows. Nothing is out of bounds.
        starved &= coefficients > 1
    return np.asarray(at_floor(mixture, params, ground) | starved)


def hardly_any_rows(mass: Array, coefficients: NDArray[np.intp] | int, weight: float) -> NDArray[np.bool_]:
    """Return which experts are left with too few rows for their coefficients, or with next to none of all, (K,)."""
    return np.asarray(mass < np.maximum(coefficients + SPARE, LEAST_SHARE * weight))


def weak_experts(mixture: Mixture, params: MixtureParameters, mass: Array, ground: Ground) -> list[Weak]:
    """Return the experts that stand on fewer than five rows per coefficient (intercept included)."""
    return weak_of(mixture, params, mass, _coefficients(mixture, params, ground))


def weak_of(
    mixture: Mixture, params: MixtureParameters, mass: Array, coefficients: NDArray[np.intp] | int
) -> list[Weak]:
    """Return the experts that stand on fewer than five rows for each of so many coefficients."""
    width = np.broadcast_to(coefficients, mass.shape)
    spread = mixture.expert.spread(params.expert)
    few = (mass < ROWS_PER_COEFFICIENT * width) & _estimated(mixture, params)
    spike = few & (spread < SPIKE_SCALE * spread.max())
    return [Weak(int(k), float(mass[k]), int(width[k]), bool(spike[k])) for k in np.flatnonzero(few)]


def _estimated(mixture: Mixture, params: MixtureParameters) -> NDArray[np.bool_]:
    """Return which experts have anything to estimate: a point mass or uniform noise may have no rows at all, (K,)."""
    estimated = getattr(mixture.expert, "estimated", None)
    return np.ones(1, dtype=bool) if estimated is None else np.asarray(estimated(params.expert), dtype=bool)


def _coefficients(mixture: Mixture, params: MixtureParameters, ground: Ground) -> NDArray[np.intp]:
    """Return how many coefficients a row decides: those of an expert or, if more, of its region in the gate's columns.

    A density of d columns is singular on d rows, a regression on d columns with intercept on d + 1. Penalised experts
    count those that are not zero, (K,).
    """
    used = getattr(mixture.expert, "coefficients_used", None)
    if used is not None:
        return np.asarray(used(params.expert))
    width = len(ground.expert_gram)
    return np.asarray(max(width, len(ground.gate_gram)) if mixture.gate.joint else width)
