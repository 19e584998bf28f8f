r"""A path of penalised solutions, from the penalty at which nothing enters to the weakest: the best at every point.

The likelihood of a mixture has many maxima, and a path that begins where no column has entered follows one of them
only. So several solutions are followed, in both directions: the one without columns, and the best distinct ones of
many starts at some *anchors* of the grid. At every point the best is kept; where two neighbours come from different
branches each is tried as a start of the other.

Source: Friedman, Hastie & Tibshirani (2010) for warm starts along a grid; Staedler, Buehlmann & van de Geer (2010).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Design
from classicmoe.em.degenerate import ROWS_PER_COEFFICIENT
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture
from classicmoe.em.multistart import MultiStart
from classicmoe.em.runs import Fit, Run
from classicmoe.em.sample import draw_sample
from classicmoe.em.status import Status
from classicmoe.em.wide import gradient_of_all
from classicmoe.em.working_set import Columns, MakeMixture, Solved, WideProblem, joining, parts_of, recolumned

FEW_COLUMNS = 60  # all of them are in the first working set of a start
SCREENED = 40  # columns in the first working set otherwise
FOLLOWED = 3  # distinct solutions of an anchor that are followed
SAME = 1e-3  # log-likelihood units between objectives of one solution
WORSE = 3.0  # log-likelihood units by which a branch may be behind,
PATIENCE = 3  # at so many points running, before it is left
BETTER = 1e-7  # log-likelihood units by which another branch must be better


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


@dataclass(frozen=True)
class Point:
    """The best solution at one point of the grid and the branch that it was found on; ``index`` is its place."""

    index: int
    solved: Solved
    branch: int
    seconds: float


class Path:
    """Solutions at the points of a grid of penalties, strongest first.

    ``make_at(i)`` gives the penalised mixture of point i on any columns.
    """

    def __init__(self, problem: WideProblem, make_at: Callable[[int], MakeMixture], n_points: int, search: Search):
        self.problem, self.make_at, self.n_points, self.search = problem, make_at, n_points, search
        self.points: dict[int, Point] = {}
        self._branches = 0

    # -- single solutions -------------------------------------------------------------------------------------------

    def solve(self, index: int, warm: Solved, exact: bool = False) -> tuple[Solved, float]:
        """Solve at a point of the grid from the solution at another; also return the seconds that it took."""
        began = time.perf_counter()
        make = self.make_at(index)
        mixture = make(warm.columns)
        used = self._used(mixture, warm)
        params = recolumned(mixture, warm.params, warm.columns, used)
        wrong = self.problem.violations(make, used, params, warm.gradient)
        more = joining(wrong, used, 0.0)
        columns = used if more is None else _union(used, more)
        params = recolumned(make(used), params, used, columns)
        rough = self.search.rough[index]
        control = self.search.exact[index] if exact else rough
        return self.problem.solve(make, columns, params, control, rough.flat), time.perf_counter() - began

    @staticmethod
    def _used(mixture: Mixture, solved: Solved) -> Columns:
        """Return the columns with a coefficient that is not zero."""
        gate, expert = solved.columns
        of_gate, of_experts = parts_of(mixture)
        return gate[of_gate.used(solved.params.gate)], expert[of_experts.used(solved.params.expert)]

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
        )
        return runs.run(seeds)

    def extended(self, index: int, columns: Columns, run: Run) -> Solved:
        """Solve on all columns from where a start ended."""
        assert run.triple is not None
        rough = self.search.rough[index]
        return self.problem.solve(self.make_at(index), columns, run.triple.params, rough, rough.flat)

    def anchored(self, index: int) -> tuple[Fit, list[Solved]]:
        """Return the starts at a point of the grid and the solutions that the best distinct ones lead to."""
        columns = self.screened()
        fit = self.starts(index, columns, self.search.seeds)
        return fit, [self.extended(index, columns, run) for run in distinct(fit)]

    def null(self) -> Solved:
        """Return the solution without columns at the strongest penalty."""
        empty = np.zeros(0, dtype=np.intp)
        fit = self.starts(0, (empty, empty), self.search.seeds)
        assert fit.best.triple is not None
        return self.problem.solve(self.make_at(0), (empty, empty), fit.best.triple.params, self.search.exact[0])

    def screened(self) -> Columns:
        """Return the columns that starts see: all, or those that y or its scatter depends on most."""
        gate, expert = self.problem.all_columns
        if len(np.union1d(gate, expert)) <= FEW_COLUMNS:
            return gate, expert
        return screen(self.problem, self.problem.designs[0]), screen(self.problem, self.problem.designs[1])

    # -- the path ---------------------------------------------------------------------------------------------------

    def follow(self, index: int, start: Solved, down: bool = True, up: bool = True) -> Iterable[Point]:
        """Follow a solution from a point of the grid to its ends; yield every point that was reached.

        The ends are the weakest penalty, more degrees of freedom than rows can tell apart, the strongest penalty, no
        columns, or a collapse.
        """
        branch = self.new_branch()
        if self.known(index, start):
            return
        yield self.keep(Point(index, start, branch, 0.0))
        ways = [range(index + 1, self.n_points)] * down + [range(index - 1, -1, -1)] * up
        for way in ways:
            solved, behind = start, 0
            for i in way:
                if self.ended(solved, way.step):
                    break
                solved, seconds = self.solve(i, solved)
                behind = behind + 1 if self.behind(i, solved) else 0
                if solved.outcome.status is Status.DEGENERATE or behind == PATIENCE or self.known(i, solved):
                    break
                yield self.keep(Point(i, solved, branch, seconds))

    def known(self, index: int, solved: Solved) -> bool:
        """Tell whether the point has this solution already: the rest of the branch is known as well then."""
        there = self.points.get(index)
        return there is not None and abs(there.solved.objective - solved.objective) < SAME

    def behind(self, index: int, solved: Solved) -> bool:
        """Tell whether the point has a solution that is clearly better."""
        there = self.points.get(index)
        return there is not None and there.solved.objective > solved.objective + WORSE

    def polish(self) -> None:
        """Climb on to the exact solution at every point."""
        for index, point in list(self.points.items()):
            solved, seconds = self.solve(index, point.solved, exact=True)
            self.points[index] = Point(index, solved, point.branch, point.seconds + seconds)

    def ended(self, solved: Solved, step: int) -> bool:
        """Tell whether a branch ends: nothing more to leave out upwards, too few rows per coefficient downwards."""
        both = list(zip(parts_of(self.make_at(0)(solved.columns)), solved.params, strict=True))
        if step < 0:
            return not any(part.used(own).any() for part, own in both)
        degrees = sum(part.degrees(own) for part, own in both)
        return bool(degrees * ROWS_PER_COEFFICIENT > self.problem.moments.weight)

    def new_branch(self) -> int:
        """Return the number of a new branch."""
        self._branches += 1
        return self._branches

    def keep(self, point: Point) -> Point:
        """Keep a solution if it is the best at its point, and return it."""
        before = self.points.get(point.index)
        if before is None or worth(point.solved) > worth(before.solved, BETTER):
            self.points[point.index] = point
        return point

    def reconcile(self) -> Iterable[Point]:
        """Try solutions of one branch where a neighbour comes from another, until nothing improves."""
        for way in (range(1, self.n_points), range(self.n_points - 2, -1, -1)):
            step = way.step
            for i in way:
                here, beside = self.points.get(i), self.points.get(i - step)
                if beside is None or (here is not None and here.branch == beside.branch):
                    continue
                if here is None and self.ended(beside.solved, step):
                    continue
                solved, seconds = self.solve(i, beside.solved)
                if solved.outcome.status is not Status.DEGENERATE:
                    yield self.keep(Point(i, solved, beside.branch, seconds))


def worth(solved: Solved, margin: float = 0.0) -> tuple[bool, float]:
    """Return what solutions are ranked by: any regular one before any collapse, then the objective."""
    return solved.outcome.status is not Status.DEGENERATE, solved.objective + margin


def distinct(fit: Fit, most: int = FOLLOWED) -> list[Run]:
    """Return the best runs with different objectives that ended regularly, the best of all first."""
    chosen: list[Run] = [fit.best]
    for run in sorted((run for run in fit.runs if run.finished), key=lambda run: -run.objective):
        if len(chosen) < most and all(abs(run.objective - other.objective) > SAME for other in chosen):
            chosen.append(run)
    return chosen


def screen(problem: WideProblem, design: Design, most: int = SCREENED) -> NDArray[np.intp]:
    """Return the positions of the columns that the response or its squared deviation is correlated with most."""
    source = problem.source
    y = problem.family.working(((source.y - problem.moments.response.center) / problem.moments.response.scale).T)
    weight = np.ones(source.n_rows) if source.weight is None else source.weight
    y = y - (y @ weight / weight.sum())[:, None]
    squares = np.square(y)
    squares -= (squares @ weight / weight.sum())[:, None]
    rows = np.vstack([y, squares]) * weight
    rows /= np.maximum(np.sqrt(np.square(rows).sum(axis=1, keepdims=True)), 1e-300)
    total: Array = np.zeros(())
    start = 0
    for task in source.tasks():
        for chunk in task:
            stop = start + len(chunk.y)
            total = total + gradient_of_all(
                np.ascontiguousarray(rows[:, start:stop]), chunk.tables[design.table], design
            )
            start = stop
    best = np.abs(total[:, 1:])
    taken = [np.argsort(-row, kind="stable")[: max(most // len(best), 5)] for row in best]
    return np.unique(np.concatenate(taken))


def _union(a: Columns, b: Columns) -> Columns:
    return np.union1d(a[0], b[0]), np.union1d(a[1], b[1])
