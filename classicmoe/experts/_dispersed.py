"""Linear predictors with one dispersion per expert, whose maximum is a function of one weighted mean.

The update of the coefficients does not depend on the dispersion, and what it gains is a multiple of the same sum for
every dispersion: both together cannot lower the expected log-likelihood if the coefficients alone do not.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Block, Ground, Step
from classicmoe.covariances.sharing import pool
from classicmoe.experts._linear import LinearParameters, Sharing
from classicmoe.experts._scoring import LinearStatistics, ScoredExpert
from classicmoe.experts._support import Support, positive

TINY = 1e-300


class DispersedExpert(ScoredExpert):
    """A family for positive responses with a further parameter ``more[:, 0]``, the logarithm of its precision."""

    choices: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("own", "shared")}
    support: ClassVar[Support] = positive
    scale: Sharing

    @property
    def shared(self) -> tuple[bool, ...]:
        """Whether the experts share the dispersion."""
        return (self.scale == "shared",)

    def working(self, y: Array) -> Array:
        """Return log y."""
        return np.asarray(np.log(np.maximum(y, TINY)))

    def predictor_of(self, mean: Array) -> Array:
        """Return the logarithm."""
        return np.asarray(np.log(np.maximum(mean, TINY)))

    @abstractmethod
    def deviance(self, params: LinearParameters, block: Block) -> Array:
        """Return the rows (K, m) whose weighted mean decides the dispersion."""

    @abstractmethod
    def log_precision(self, deviance: Array) -> Array:
        """Return the logarithm of the precision that is best for a mean of :meth:`deviance`."""

    @abstractmethod
    def precision_slope(self, params: LinearParameters, deviance: Array) -> Array:
        """Return the derivative of log f in the log precision, (K, m)."""

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return the derivatives in the log precision and the deviance."""
        deviance = self.deviance(params, block)
        return [self.precision_slope(params, deviance), deviance]

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the log precisions that are best at the old coefficients."""
        mass = statistics.mass
        alive = mass > 1e-10 * ground.weight
        mean = np.where(alive, statistics.more[:, 1] / np.maximum(mass, TINY), 0.0)
        if self.scale == "shared":
            mean = pool(mean, np.where(alive, mass, 0.0))
            alive = np.ones_like(alive)
        return np.where(alive, self.log_precision(np.maximum(mean, TINY)), params.more[:, 0])[:, None]

    def _within(self, more: Array) -> Array:
        return np.clip(more, LOWEST, HIGHEST)

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the dispersions, the inverse precisions."""
        return {"expert_scale_": np.exp(-params.more[:, 0])}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return the log precisions."""
        return np.asarray(-np.log(attributes["expert_scale_"])[:, None])

    def spread(self, params: LinearParameters) -> Array:
        """Return square roots of the dispersions."""
        return np.asarray(np.exp(-0.5 * params.more[:, 0]))

    def at_floor(self, params: LinearParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts are (all but) exact."""
        return np.asarray(params.more[:, 0] >= HIGHEST - 1e-3)

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return the exponential of the predictor."""
        return np.asarray(np.exp(predictor))


LOWEST, HIGHEST = float(np.log(1e-3)), float(np.log(1e6))  # of a log precision; at the upper end an expert is exact
