"""Penalised solutions at the points of a grid, one at a time: from a start, from a neighbour, from many starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from classicmoe.em.degenerate import ROWS_PER_COEFFICIENT, weak_of
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.multistart import MultiStart
from classicmoe.em.problem import Problem
from classicmoe.em.runs import Fit, Run
from classicmoe.em.sample import draw_sample
from classicmoe.em.split import split_starts
from classicmoe.em.starts import PARAMETERS
from classicmoe.em.status import Status
from classicmoe.em.working_set import (
    Columns,
    MakeMixture,
    Solved,
    WideProblem,
    degrees_of,
    joining,
    parts_of,
    recolumned,
    united,
)


class Search(NamedTuple):
    """How solutions are looked for: K, starts, and when climbs end.

    ``exact`` and ``rough`` are by point of the grid, for solutions that are kept and for those that are compared;
    ``starts`` is for starts.
    """

    n_experts: int
    seeds: list[np.random.SeedSequence]
    exact: Sequence[Control]
    rough: Sequence[Control]
    starts: Control
    n_workers: int = 1
    report: Callable[[Run], None] | None = None


class PenaltyGrid:
    """Problems at the points of a grid of penalties, strongest first.

    ``make_at(i)`` gives the penalised mixture of point i on any columns.
    """

    def __init__(self, problem: WideProblem, make_at: Callable[[int], MakeMixture], n_points: int, search: Search):
        self.problem, self.make_at, self.n_points, self.search = problem, make_at, n_points, search
        self.most_degrees = problem.moments.weight / ROWS_PER_COEFFICIENT if n_points > 1 else np.inf

    def solve(self, index: int, warm: Solved, exact: bool = False, most: int | None = None) -> tuple[Solved, float]:
        """Solve at a point of the grid from the solution at another; also return the seconds that it took."""
        began = time.perf_counter()
        make = self.make_at(index)
        mixture = make(warm.columns)
        used = used_columns(mixture, warm)
        params = recolumned(mixture, warm.params, warm.columns, used)
        wrong = self.problem.violations(make, used, params, warm.gradient)
        more = joining(wrong, used, 0.0)
        columns = used if more is None else united(used, more)
        params = recolumned(make(used), params, used, columns)
        rough = self.search.rough[index]
        control = self.search.exact[index] if exact else rough
        control = control if most is None else control._replace(max_iter=min(most, control.max_iter))
        most_degrees = np.inf if exact else self.most_degrees
        solved = self.problem.solve(make, columns, params, control, rough.flat, most_degrees)
        return solved, time.perf_counter() - began

    def starts(self, index: int, columns: Columns, seeds: list[np.random.SeedSequence]) -> Fit:
        """Run many starts at a point of the grid, on a working set."""
        source, look = self.problem.on(columns)
        mixture = self.make_at(index)(columns)
        sample = draw_sample(source, look, mixture.expert)
        search = self.search
        runs = MultiStart(
            mixture,
            source,
            look,
            sample,
            search.n_experts,
            search.starts,
            n_workers=search.n_workers,
            report=search.report,
            # Fewer distinct rows than experts, a response of 0 and 1 without columns above all, make no clusters.
            kind="auto" if sample.n_rows >= search.n_experts else PARAMETERS,
        )
        fit = runs.run(seeds)
        if fit.interrupted:
            raise KeyboardInterrupt  # what has ended is a step of a search, not a fit
        return fit

    def grown(self, index: int, columns: Columns, smaller: MixtureParameters) -> list[MixtureParameters]:
        """Return starts at a point of the grid from a mixture with one expert fewer.

        First that mixture and an expert without rows, which is a solution where the smaller one is; then mixtures in
        which one of its experts is split.
        """
        source, look = self.problem.on(columns)
        mixture = self.make_at(index)(columns)
        sample = draw_sample(source, look, mixture.expert)
        return [
            with_empty_expert(mixture, smaller),
            *split_starts(Problem(mixture, sample.source, look), sample, smaller),
        ]

    def narrow(self, index: int, columns: Columns, params: MixtureParameters) -> MixtureParameters:
        """Return where a climb on some columns ends, whatever others would say."""
        mixture = self.make_at(index)(columns)
        return self.problem.climb(mixture, columns, params, self.search.rough[index]).triple.params

    def extended(self, index: int, columns: Columns, params: MixtureParameters) -> Solved:
        """Solve on all columns from parameters on some."""
        rough = self.search.rough[index]
        return self.problem.solve(self.make_at(index), columns, params, rough, rough.flat, self.most_degrees)

    def null(self, seeds: list[np.random.SeedSequence]) -> Solved:
        """Return the solution without columns at the strongest penalty."""
        empty = np.zeros(0, dtype=np.intp)
        fit = self.starts(0, (empty, empty), seeds)
        assert fit.best.triple is not None
        return self.problem.solve(self.make_at(0), (empty, empty), fit.best.triple.params, self.search.exact[0])

    def regular(self, solved: Solved) -> bool:
        """Tell whether no expert collapsed or is a spike, and enough rows are left for every degree of freedom."""
        if solved.outcome.status is Status.DEGENERATE or self.degrees(solved) > self.most_degrees:
            return False
        mixture = self.make_at(0)(solved.columns)
        _, of_experts = parts_of(mixture)
        coefficients = of_experts.coefficients_used(solved.params.expert)
        return not any(weak.spike for weak in weak_of(mixture, solved.params, solved.mass, coefficients))

    def degrees(self, solved: Solved) -> float:
        """Return the degrees of freedom of a solution."""
        return degrees_of(self.make_at(0)(solved.columns), solved.params)

    def has_columns(self, solved: Solved) -> bool:
        """Tell whether any slope is not zero."""
        parts = parts_of(self.make_at(0)(solved.columns))
        return any(part.used(own).any() for part, own in zip(parts, solved.params, strict=True))


def with_empty_expert(mixture: Mixture, smaller: MixtureParameters) -> MixtureParameters:
    """Return a mixture's parameters with one expert more in front: the widest without its slopes, and no rows."""
    of_gate, of_experts = parts_of(mixture)
    return MixtureParameters(of_gate.with_empty(smaller.gate), of_experts.with_empty(smaller.expert))


def used_columns(mixture: Mixture, solved: Solved) -> Columns:
    """Return the columns with a coefficient that is not zero."""
    gate, expert = solved.columns
    of_gate, of_experts = parts_of(mixture)
    return gate[of_gate.used(solved.params.gate)], expert[of_experts.used(solved.params.expert)]
