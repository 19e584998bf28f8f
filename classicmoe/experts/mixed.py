"""Experts of different families side by side: one object per expert, in the user's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Design, Expert, Ground, Measure, Response, Scaling, Step
from classicmoe.distributions.mixed import MixedComponents
from classicmoe.experts._side_by_side import DERIVED, published, rebuilt
from classicmoe.experts._support import Misfit
from classicmoe.experts._views import WithResponse


class MixedParameters(NamedTuple):
    """Parameters of every expert, each as a family of one, and which of the families in the list it is, (K,)."""

    parts: tuple[Any, ...]
    place: Array


class MixedStatistics(NamedTuple):
    """Statistics of every expert."""

    parts: tuple[Any, ...]


class MixedExpert(BaseEstimator):
    """A list of families, one expert each; made from ``expert=[...]``.

    The response is scaled only if all families agree. A number that a point mass holds has density zero under
    families with densities: the two are measured differently, and it belongs to the point mass alone.

    Parameters
    ----------
    experts : list of Expert objects
        Each of them describes one response.
    """

    name: ClassVar[str] = "mixed"
    one_unit: ClassVar[bool] = False
    tolerates_missing: ClassVar[bool] = False

    def __init__(self, experts: list[Any]):
        self.experts = experts

    @property
    def diagonal_only(self) -> bool:
        """Whether no family needs the square of the response but its own."""
        return all(expert.diagonal_only for expert in self.experts)

    @property
    def scaling(self) -> Scaling:
        """The scaling that all families bear."""
        asked = {expert.scaling for expert in self.experts}
        if asked == {"standard"}:
            return "standard"
        return "none" if "none" in asked else "robust"

    @property
    def damped(self) -> bool:
        """Whether any family is."""
        return any(expert.damped for expert in self.experts)

    @property
    def smooth(self) -> bool:
        """Whether all families are."""
        return all(getattr(expert, "smooth", True) for expert in self.experts)

    @property
    def measure(self) -> Measure:
        """That of all families, or "mixed"."""
        kinds = {expert.measure for expert in self.experts}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def atoms(self) -> tuple[float | str, ...]:
        """Numbers with a probability beside a density; counts have too many to list."""
        found: set[float | str] = set()
        for expert in self.experts:
            point = (float(expert.at),) if expert.name == "point_mass" else ()
            found.update(point or getattr(expert, "atoms", ()) or (("counts",) if expert.measure == "counting" else ()))
        return tuple(sorted(found, key=str)) if self.measure == "mixed" else ()

    @property
    def takes_offset(self) -> bool:
        """Whether all families take offsets."""
        return all(getattr(expert, "takes_offset", False) for expert in self.experts)

    @property
    def exposure_is(self) -> Any:
        """What an exposure means, if all families have one."""
        meanings = [getattr(expert, "exposure_is", None) for expert in self.experts]
        return None if None in meanings else meanings[0]

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return responses that no family has."""
        worst: Misfit | None = None
        for expert in self.experts:
            misfit = expert.check(y, exposure) if hasattr(expert, "check") else None
            if misfit is None:
                return None
            rows = misfit.rows if worst is None else np.intersect1d(misfit.rows, worst.rows)
            worst = misfit._replace(rows=rows)
        return worst if worst is not None and len(worst.rows) else None

    def working(self, y: Array) -> Array:
        """Return the responses as they are."""
        return y

    def _each(self, params: MixedParameters) -> list[tuple[Expert, Any]]:
        return [(self.experts[int(j)], part) for j, part in zip(params.place, params.parts, strict=True)]

    def start(self, n_experts: int, ground: Ground) -> MixedParameters:
        """Return every family's pooled start."""
        place = np.resize(np.arange(float(len(self.experts))), n_experts)
        return MixedParameters(tuple(self.experts[int(j)].start(1, ground) for j in place), place)

    def _outside(self, params: MixedParameters, block: Block) -> list[NDArray[np.bool_]]:
        """Return for every expert which rows its family cannot have had, (m,) each."""
        y = block.y[0]
        atoms = [expert.at for expert in self.experts if expert.name == "point_mass"]
        out = []
        for expert, _ in self._each(params):
            outside, values = np.zeros(len(y), dtype=bool), y.copy()
            # A check tells one kind of misfit at a time: negative, not whole, ...
            while hasattr(expert, "check") and (misfit := expert.check(values, block.exposure)) is not None:
                outside[misfit.rows], values[misfit.rows] = True, getattr(expert, "harmless", 1.0)
            if atoms and expert.measure == "lebesgue":
                outside |= np.isin(y, atoms)
            out.append(outside)
        if block.bounds is not None or block.outside:
            exact = np.zeros(len(y), dtype=bool) if block.bounds is None else ~(block.bounds[0] < block.bounds[1])
            out = [outside & exact for outside in out]  # an interval may reach into the support
        return out

    def _blocks(self, params: MixedParameters, block: Block) -> list[Any]:
        """Return the block as every expert sees it: where its family cannot have y, with one that it can have."""

        def compute() -> list[Any]:
            harmless = [getattr(expert, "harmless", 1.0) for expert, _ in self._each(params)]
            seen = [
                np.where(outside, value, block.y) if outside.any() else block.y
                for value, outside in zip(harmless, self._outside(params, block), strict=True)
            ]
            return [WithResponse(block, y, f"expert {k}") for k, y in enumerate(seen)]

        return block.once("mixed blocks", params, compute)

    def log_density(self, params: MixedParameters, block: Block) -> Array:
        """Return log f_k(y | x), (K, m)."""

        def compute() -> Array:
            own = self._blocks(params, block)
            rows = [e.log_density(part, b) for (e, part), b in zip(self._each(params), own, strict=True)]
            out = np.concatenate(rows)
            for row, outside in zip(out, self._outside(params, block), strict=True):
                row[outside] = -np.inf
            return out

        return block.once("mixed density", params, compute)

    def _stacked(self, method: str, params: MixedParameters, block: Block) -> Array:
        own = self._blocks(params, block)
        return np.concatenate([getattr(e, method)(p, b) for (e, p), b in zip(self._each(params), own, strict=True)])

    def log_seen(self, params: MixedParameters, block: Block) -> Array:
        """Return the log-probabilities of the rows' windows, (K, m)."""
        return self._stacked("log_seen", params, block)

    def location(self, params: MixedParameters, block: Block) -> Array:
        """Return locations, (K, 1, m)."""
        return self._stacked("location", params, block)

    def mean(self, params: MixedParameters, block: Block) -> Array:
        """Return E[y | x, expert], (K, 1, m)."""
        return self._stacked("mean", params, block)

    def spread(self, params: MixedParameters) -> Array:
        """Return a scale per expert; families measure it differently, so that none is called a spike."""
        return np.ones(len(params.place))

    def estimated(self, params: MixedParameters) -> NDArray[np.bool_]:
        """Return which experts have anything to estimate."""
        return np.array([expert.n_free(part) > 0 for expert, part in self._each(params)])

    def at_floor(self, params: MixedParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts sit on the floor of their scale."""
        return np.concatenate([expert.at_floor(part, ground) for expert, part in self._each(params)])

    def statistics(self, params: MixedParameters, block: Block, resp: Array) -> MixedStatistics:
        """Return every expert's statistics."""
        own = self._blocks(params, block)
        return MixedStatistics(
            tuple(
                expert.statistics(part, own[k], np.ascontiguousarray(resp[k : k + 1]))
                for k, (expert, part) in enumerate(self._each(params))
            )
        )

    def update(
        self, params: MixedParameters, statistics: MixedStatistics, ground: Ground, step: Step = "full"
    ) -> MixedParameters:
        """Return every expert's update."""
        parts = tuple(
            expert.update(part, sums, ground, step)
            for (expert, part), sums in zip(self._each(params), statistics.parts, strict=True)
        )
        return params._replace(parts=parts)

    def turned(self, params: MixedParameters, signs: Array) -> MixedParameters:
        """Return the parameters with skewed experts leaning to the sides that ``signs`` (K,) say."""
        parts = list(params.parts)
        for k, (expert, part) in enumerate(self._each(params)):
            family: Any = expert
            if hasattr(family, "turned"):
                parts[k] = family.turned(part, signs[k : k + 1])
        return params._replace(parts=tuple(parts))

    def mirrors(self, params: MixedParameters) -> list[MixedParameters]:
        """Return other places to climb from, expert after expert."""
        out = []
        for k, (expert, part) in enumerate(self._each(params)):
            for other in expert.mirrors(part) if hasattr(expert, "mirrors") else []:
                out.append(params._replace(parts=(*params.parts[:k], other, *params.parts[k + 1 :])))
        return out

    def penalty(self, params: MixedParameters) -> float:
        """Return the sum of the penalties."""
        return sum(expert.penalty(part) for expert, part in self._each(params))

    def score(self, params: MixedParameters, statistics: MixedStatistics) -> Array:
        """Return the derivatives, expert after expert."""
        each = zip(self._each(params), statistics.parts, strict=True)
        return np.concatenate([expert.score(part, sums) for (expert, part), sums in each])

    def scores(self, params: MixedParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        own = self._blocks(params, block)
        each = enumerate(self._each(params))
        return np.hstack([expert.scores(part, own[k], resp[k : k + 1]) for k, (expert, part) in each])

    def n_free(self, params: MixedParameters) -> int:
        """Return the number of free parameters."""
        return sum(expert.n_free(part) for expert, part in self._each(params))

    def pack(self, params: MixedParameters) -> Array:
        """Return the free parameters, expert after expert."""
        return np.concatenate([expert.pack(part) for expert, part in self._each(params)])

    def unpack(self, vector: Array, like: MixedParameters) -> MixedParameters:
        """Invert :meth:`pack`."""
        parts, begin = [], 0
        for expert, part in self._each(like):
            size = expert.n_free(part)
            parts.append(expert.unpack(vector[begin : begin + size], part))
            begin += size
        return like._replace(parts=tuple(parts))

    def permute(self, params: MixedParameters, order: NDArray[np.intp]) -> MixedParameters:
        """Return the parameters with experts, and their families, in another order."""
        return MixedParameters(tuple(params.parts[int(j)] for j in order), params.place[order])

    def _mapped(self, method: str, params: MixedParameters, design: Design, response: Response) -> MixedParameters:
        parts = tuple(getattr(expert, method)(part, design, response) for expert, part in self._each(params))
        return params._replace(parts=parts)

    def to_raw(self, params: MixedParameters, design: Design, response: Response) -> MixedParameters:
        """Translate to the user's units."""
        return self._mapped("to_raw", params, design, response)

    def from_raw(self, params: MixedParameters, design: Design, response: Response) -> MixedParameters:
        """Translate from the user's units."""
        return self._mapped("from_raw", params, design, response)

    def attributes(self, params: MixedParameters) -> dict[str, Array]:
        """Return all experts' attributes; NaN where a family has none of the name."""
        return {"expert_family_": params.place.copy()} | published(self._each(params))

    def from_attributes(self, attributes: Mapping[str, Array]) -> MixedParameters:
        """Rebuild the parameters from the fitted attributes."""
        place = np.asarray(attributes["expert_family_"], dtype=float)
        return MixedParameters(rebuilt(self.experts, place, attributes), place)

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        each = [expert.shapes(n_experts, n_outputs, n_columns) for expert in self.experts]
        shapes = {name: shape for own in each for name, shape in own.items() if name != DERIVED}
        return shapes | {"expert_family_": (n_experts,), "expert_coef_": (n_experts, n_columns)}

    def sort_keys(self, params: MixedParameters) -> Array:
        """Return the user's order."""
        return params.place[None]

    def conditional(self, params: MixedParameters, location: Array, exposure: Array | None) -> Any:
        """Return the experts' distributions side by side."""
        own = [
            expert.conditional(part, location[:, k : k + 1], exposure)
            for k, (expert, part) in enumerate(self._each(params))
        ]
        return MixedComponents(own, [[k] for k in range(len(own))])
