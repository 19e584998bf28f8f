"""A mixture on rows: evaluate parameters in one pass, and propose the next ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Ground, Step
from classicmoe.em.block import RowBlock
from classicmoe.em.degenerate import at_floor, collapsed
from classicmoe.em.mixture import Mixture, MixtureParameters, MixtureStatistics, add_mixture_statistics
from classicmoe.em.passes import Workers
from classicmoe.em.source import Chunk, Source
from classicmoe.em.survey import Survey

BOUNDED: tuple[Step, ...] = ("full", "half", "safe")
DAMPED: tuple[Step, ...] = ("full", "half", "tenth", "hundredth", "safe")


class Triple(NamedTuple):
    """Parameters, their statistics and their objective: one thing, from one pass."""

    params: MixtureParameters
    statistics: MixtureStatistics
    objective: float

    @property
    def mass(self) -> Array:
        """Sum of responsibilities per expert, (K,)."""
        return self.statistics.mass


class Problem:
    """A mixture and the rows it is fitted to."""

    def __init__(self, mixture: Mixture, source: Source, survey: Survey, n_workers: int = 1):
        self.mixture = mixture
        self.source = source
        self.survey = survey
        self.workers = Workers(
            source,
            lambda: RowBlock(survey.gate_design, survey.expert_design, survey.response, source.chunk_rows),
            n_workers,
        )

    @property
    def ground(self) -> Ground:
        """The fixed sums of all rows that the fit is about (also when this problem holds a sample of them)."""
        return self.survey.ground

    def evaluate(self, params: MixtureParameters) -> Triple:
        """Return the triple at ``params``: one pass over all rows."""

        def work(block: RowBlock, task: list[Chunk]) -> MixtureStatistics:
            total = self.mixture.statistics(params, block.load(task[0]))
            for chunk in task[1:]:
                add_mixture_statistics(total, self.mixture.statistics(params, block.load(chunk)))
            return total

        total: MixtureStatistics | None = None
        for part in self.workers.run(work):
            total = part if total is None else add_mixture_statistics(total, part)
        assert total is not None
        objective = float(total.log_likelihood[0]) - self.mixture.penalty(params)
        return Triple(params, total, objective)

    def statistics_of(self, params: MixtureParameters, given: Array) -> MixtureStatistics:
        """Return the statistics at ``params`` with given responsibilities (K, n), rows in the source's order."""
        total: MixtureStatistics | None = None
        start = 0

        def work(block: RowBlock, task: list[Chunk]) -> list[MixtureStatistics]:
            nonlocal start
            parts = []
            for chunk in task:
                block.load(chunk)
                resp = np.ascontiguousarray(given[:, start : start + block.m] * block.weight)
                start += block.m
                parts.append(self.mixture.statistics(params, block, resp))
            return parts

        assert self.workers.n_workers == 1, "rows must come in order"
        for parts in self.workers.run(work):
            for part in parts:
                total = part if total is None else add_mixture_statistics(total, part)
        assert total is not None
        return total

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to try in turn until one does not lower the objective."""
        return DAMPED if self.mixture.expert.damped or self.mixture.gate.damped else BOUNDED

    def update(self, triple: Triple, step: Step = "full") -> MixtureParameters:
        """Return the next parameters."""
        return self.mixture.update(triple.params, triple.statistics, self.ground, step)

    def gradient_norm(self, triple: Triple) -> float:
        """Largest derivative of the objective in a packed parameter, per unit of weight."""
        score = self.mixture.score(triple.params, triple.statistics)
        return float(np.abs(score).max()) / self.ground.weight if score.size else 0.0

    def collapsed(self, triple: Triple) -> NDArray[np.bool_]:
        """Return which experts have collapsed, (K,)."""
        return collapsed(self.mixture, triple.params, triple.mass, self.ground)

    def at_floor(self, triple: Triple) -> bool:
        """Return whether any expert is at the floor of its scale, or below."""
        return bool(at_floor(self.mixture, triple.params, self.ground).any())

    def labels(self, params: MixtureParameters) -> NDArray[np.intp]:
        """Return the expert with the largest responsibility for every row, (n,)."""

        def work(block: RowBlock, task: list[Chunk]) -> list[NDArray[np.intp]]:
            return [self.mixture.e_step(params, block.load(chunk))[0].argmax(axis=0) for chunk in task]

        return np.concatenate([part for parts in self.workers.run(work) for part in parts])
