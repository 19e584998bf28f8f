"""What zero-inflated and hurdle families have in common: a base family and a probability of zero beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Block, Design, Expert, Ground, Measure, Response, Scaling, Step
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._support import Misfit

FURTHEST = 18.0  # log-odds of a zero: between 1e-8 and 1 - 1e-8
FIRST = 0.2  # probability of a zero in the pooled start


class ZeroParameters(NamedTuple):
    """Log-odds of the extra zero (K,), and the parameters of the base family."""

    log_odds: Array
    base: Any


class ZeroStatistics(NamedTuple):
    """Sums of r (K,), of the expected extra zeros (K,), and those of the base family."""

    mass: Array
    zeros: Array
    base: Any


class ZeroMixture(ABC):
    """A base family and, with probability omega, a zero; everything but density and statistics."""

    one_unit: ClassVar[bool] = False
    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False
    damped: ClassVar[bool] = True
    scaling: ClassVar[Scaling] = "none"
    attribute: ClassVar[str]  # under which the probabilities are published
    base: Any

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which the family is known."""

    @property
    @abstractmethod
    def family(self) -> Expert:
        """The base family."""

    @property
    def measure(self) -> Measure:
        """Counts stay counts; a density gets an atom at zero."""
        return "counting" if self.family.measure == "counting" else "mixed"

    @property
    def atoms(self) -> tuple[float, ...]:
        """Numbers with a probability beside a density."""
        return (0.0,) if self.measure == "mixed" else ()

    @property
    def exposure_is(self) -> Any:
        """What an exposure means to the base family."""
        return getattr(self.family, "exposure_is", None)

    @property
    def takes_offset(self) -> bool:
        """Whether the base family takes offsets."""
        return bool(getattr(self.family, "takes_offset", False))

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return which responses cannot be, zeros aside."""
        rest = np.flatnonzero(y != 0.0)
        base: Any = self.family
        misfit: Misfit | None = base.check(y[rest], None if exposure is None else exposure[rest])
        return None if misfit is None else misfit._replace(rows=rest[misfit.rows])

    def working(self, y: Array) -> Array:
        """Return the responses as starts of the base family see them, zeros a little below all others."""
        if not (y > 0.0).any():
            return y
        there = self.family.working(np.where(y > 0.0, y, 1.0))
        return np.where(y > 0.0, there, there[y > 0.0].min() - 1.0)

    def start(self, n_experts: int, ground: Ground) -> ZeroParameters:
        """Return the pooled start of the base family and a fifth of zeros."""
        log_odds = np.full(n_experts, np.log(FIRST / (1.0 - FIRST)))
        return ZeroParameters(log_odds, self.family.start(n_experts, ground))

    def location(self, params: ZeroParameters, block: Block) -> Array:
        """Return the base family's locations."""
        return self.family.location(params.base, block)

    def spread(self, params: ZeroParameters) -> Array:
        """Return the base family's scales."""
        return self.family.spread(params.base)

    def at_floor(self, params: ZeroParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts of the base family are at the floor."""
        return self.family.at_floor(params.base, ground)

    def update(
        self, params: ZeroParameters, statistics: ZeroStatistics, ground: Ground, step: Step = "full"
    ) -> ZeroParameters:
        """Return the share of extra zeros, which is an exact maximum, and the base family's update."""
        alive = statistics.mass > 1e-10 * ground.weight
        share = np.clip(statistics.zeros / np.where(alive, statistics.mass, 1.0), 1e-8, 1.0 - 1e-8)
        log_odds = np.where(alive, np.log(share / (1.0 - share)), params.log_odds)
        return ZeroParameters(log_odds, self.family.update(params.base, statistics.base, ground, step))

    def penalty(self, params: ZeroParameters) -> float:
        """Return the base family's penalty."""
        return self.family.penalty(params.base)

    def score(self, params: ZeroParameters, statistics: ZeroStatistics) -> Array:
        """Return the derivative in the log-odds and the base family's parameters."""
        by_odds = statistics.zeros - statistics.mass * probability(params.log_odds)
        return np.concatenate([by_odds, self.family.score(params.base, statistics.base)])

    def n_free(self, params: ZeroParameters) -> int:
        """Return one more per expert than the base family has."""
        return len(params.log_odds) + self.family.n_free(params.base)

    def pack(self, params: ZeroParameters) -> Array:
        """Return log-odds and the base family's free coordinates."""
        return np.concatenate([params.log_odds, self.family.pack(params.base)])

    def unpack(self, vector: Array, like: ZeroParameters) -> ZeroParameters:
        """Invert :meth:`pack`."""
        k = len(like.log_odds)
        return ZeroParameters(np.clip(vector[:k], -FURTHEST, FURTHEST), self.family.unpack(vector[k:], like.base))

    @property
    def shared(self) -> tuple[bool, ...]:
        """Which further parameters all experts share; never the probability of a zero, the last of them."""
        base: Any = self.family
        return (*base.shared, False)

    @property
    def ridge(self) -> float:
        """The base family's ridge."""
        base: Any = self.family
        return float(base.ridge)

    def as_line(self, params: ZeroParameters) -> LinearParameters:
        """Return the base family's coefficients and further parameters, the log-odds last."""
        base: Any = self.family
        line = base.as_line(params.base)
        return LinearParameters(line.coef, np.column_stack([line.more, params.log_odds]))

    def from_line(self, line: LinearParameters, like: ZeroParameters, floor: float = 0.0) -> ZeroParameters:
        """Invert :meth:`as_line`."""
        base: Any = self.family
        inner = base.from_line(LinearParameters(line.coef, line.more[:, :-1]), like.base, floor)
        return ZeroParameters(np.clip(line.more[:, -1], -FURTHEST, FURTHEST), inner)

    def pack_slopes(self, by_coef: Array, by_more: Array) -> Array:
        """Return derivatives in packed order: the log-odds come first."""
        base: Any = self.family
        return np.concatenate([by_more[..., -1], base.pack_slopes(by_coef, by_more[..., :-1])], axis=-1)

    def permute(self, params: ZeroParameters, order: NDArray[np.intp]) -> ZeroParameters:
        """Return the parameters with experts in another order."""
        return ZeroParameters(params.log_odds[order], self.family.permute(params.base, order))

    def to_raw(self, params: ZeroParameters, design: Design, response: Response) -> ZeroParameters:
        """Translate to the user's units."""
        return params._replace(base=self.family.to_raw(params.base, design, response))

    def from_raw(self, params: ZeroParameters, design: Design, response: Response) -> ZeroParameters:
        """Translate from the user's units."""
        return params._replace(base=self.family.from_raw(params.base, design, response))

    def attributes(self, params: ZeroParameters) -> dict[str, Array]:
        """Return the base family's attributes and the probabilities of an extra zero."""
        return self.family.attributes(params.base) | {self.attribute: probability(params.log_odds)}

    def from_attributes(self, attributes: Mapping[str, Array]) -> ZeroParameters:
        """Rebuild the parameters from the fitted attributes."""
        share = np.asarray(attributes[self.attribute])
        return ZeroParameters(np.log(share / (1.0 - share)), self.family.from_attributes(attributes))

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        return self.family.shapes(n_experts, n_outputs, n_columns) | {self.attribute: (n_experts,)}

    def sort_keys(self, params: ZeroParameters) -> Array:
        """Return the base family's keys, then the log-odds."""
        return np.vstack([self.family.sort_keys(params.base), params.log_odds])


def probability(log_odds: Array) -> Array:
    """Return the probabilities of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def log_probability(log_odds: Array) -> Array:
    """Return their logarithms."""
    return np.asarray(-np.logaddexp(0.0, -log_odds))
