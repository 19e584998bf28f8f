r"""A path of penalised solutions, from the penalty at which nothing enters to the weakest: the best at every point.

The likelihood of a mixture has many maxima, and a path that begins where no column has entered follows one of them
only. So several solutions are followed, in both directions: the one without columns, and the best distinct ones of
many starts where they enter the grid. At every point the best is kept; where two neighbours come from different
branches each is tried as a start of the other.

Source: Friedman, Hastie & Tibshirani (2010) for warm starts along a grid; Staedler, Buehlmann & van de Geer (2010).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from classicmoe.em.degenerate import ROWS_PER_COEFFICIENT
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.multistart import MultiStart
from classicmoe.em.runs import Fit, Run
from classicmoe.em.sample import draw_sample
from classicmoe.em.starts import PARAMETERS
from classicmoe.em.status import Status
from classicmoe.em.working_set import Columns, MakeMixture, Solved, WideProblem, joining, parts_of, recolumned

FOLLOWED = 3  # distinct solutions of many starts that are followed
SAME = 1e-3  # log-likelihood units between objectives of one solution
WORSE = 3.0  # log-likelihood units by which a branch may be behind,
PATIENCE = 3  # at so many points running, before it is left
PAST_PEAK, FALLEN = 3, 10.0  # points after the highest merit of a branch, and units below it, where it ends
FEW_PASSES = 300  # of a solution without columns
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

    ``make_at(i)`` gives the penalised mixture of point i on any columns; ``merit(i, solved)`` is what solutions at one
    point are compared by, the penalised log-likelihood by default. Unless the ``whole`` path is asked for, a branch
    ends where its merit has clearly passed its peak: the dense solutions beyond cost more than all others together.
    """

    def __init__(
        self,
        problem: WideProblem,
        make_at: Callable[[int], MakeMixture],
        n_points: int,
        search: Search,
        merit: Callable[[int, Solved], float] | None = None,
        whole: bool = True,
    ):
        self.whole = whole
        self.problem, self.make_at, self.n_points, self.search = problem, make_at, n_points, search
        self.merit = merit or (lambda _, solved: solved.objective)
        self.points: dict[int, Point] = {}
        self.merits: dict[int, float] = {}  # of these points
        self.same: dict[int, int] = {}  # branches that ran into others
        self.most_degrees = problem.moments.weight / ROWS_PER_COEFFICIENT if n_points > 1 else np.inf
        self._branches = 0

    # -- single solutions -------------------------------------------------------------------------------------------

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

    # -- the path ---------------------------------------------------------------------------------------------------

    def follow(self, index: int, start: Solved, up: bool = True) -> int:
        """Follow a solution from a point of the grid to its ends; return the branch that it is.

        The ends are the weakest penalty, more degrees of freedom than rows can tell apart, a merit that has passed its
        peak, the strongest penalty, no columns, a collapse, a solution that is known, or one that is left far behind.
        """
        branch = self._branches = self._branches + 1
        known = self.known(index, start)
        if known is not None:
            return known
        if not self.keep(Point(index, start, branch, 0.0)):
            return branch
        ways = [range(index + 1, self.n_points)] + [range(index - 1, -1, -1)] * up
        for way in ways:
            solved, behind, merits = start, 0, [self.merit(index, start)]
            for i in way:
                if (way.step < 0 and not self.has_columns(solved)) or (way.step > 0 and self.passed_peak(i, merits)):
                    break
                solved, seconds = self.solve(i, solved)
                merits.append(self.merit(i, solved))
                known, behind = self.known(i, solved), behind + 1 if self.behind(i, solved) else 0
                if known is not None:
                    self.same[branch] = known
                if known is not None or behind == PATIENCE or not self.keep(Point(i, solved, branch, seconds)):
                    break
        return branch

    def known(self, index: int, solved: Solved) -> int | None:
        """Return the branch that has this solution already: the rest of this one is known as well then."""
        there = self.points.get(index)
        same = there is not None and abs(there.solved.objective - solved.objective) < SAME
        return there.branch if there is not None and same else None

    def passed_peak(self, index: int, merits: list[float]) -> bool:
        """Tell whether the merits of a branch have fallen for so long, or so far, that no higher one is to be expected.

        How far is seen from the best solution of all branches at stronger penalties than that at ``index``.
        """
        if self.whole or len(merits) < 2 or merits[-1] >= merits[-2]:
            return False
        peak = int(np.argmax(merits))
        fallen = merits[peak] - merits[-1] > FALLEN and len(merits) > peak + PAST_PEAK
        best = max((merit for i, merit in self.merits.items() if i < index), default=-np.inf)
        return fallen or best - merits[-1] > PAST_PEAK * FALLEN

    def behind(self, index: int, solved: Solved) -> bool:
        """Tell whether the point has a solution that is clearly better."""
        return self.merits.get(index, -np.inf) > self.merit(index, solved) + WORSE

    def keep(self, point: Point) -> bool:
        """Keep a solution if it is the best at its point; return False for one that is no solution."""
        if not self.regular(point.solved):
            return False
        merit = self.merit(point.index, point.solved)
        if point.index not in self.points or merit > self.merits[point.index] + BETTER:
            self.points[point.index], self.merits[point.index] = point, merit
        return True

    def settle_for(self, point: Point) -> None:
        """Keep a solution that is none, as there is no other; its status will say so."""
        self.points[point.index], self.merits[point.index] = point, self.merit(point.index, point.solved)

    def regular(self, solved: Solved) -> bool:
        """Tell whether no expert collapsed and enough rows are left for every degree of freedom."""
        return solved.outcome.status is not Status.DEGENERATE and self.degrees(solved) <= self.most_degrees

    def degrees(self, solved: Solved) -> float:
        """Return the degrees of freedom of a solution."""
        parts = parts_of(self.make_at(0)(solved.columns))
        return float(sum(part.degrees(own) for part, own in zip(parts, solved.params, strict=True)))

    def has_columns(self, solved: Solved) -> bool:
        """Tell whether any slope is not zero."""
        parts = parts_of(self.make_at(0)(solved.columns))
        return any(part.used(own).any() for part, own in zip(parts, solved.params, strict=True))

    def reconcile(self) -> None:
        """Try solutions of one branch where a neighbour comes from another, down and up again.

        What is far beyond the best point is left out before and after, unless the whole path is asked for.
        """
        self._leave_out_beyond_best()
        for way in (range(1, self.n_points), range(self.n_points - 2, -1, -1)):
            for i in way:
                here, beside = self.points.get(i), self.points.get(i - way.step)
                if here is not None and beside is not None and here.branch != beside.branch:
                    solved, seconds = self.solve(i, beside.solved)
                    self.keep(Point(i, solved, beside.branch, seconds))
        self._leave_out_beyond_best()

    def highest(self) -> Point:
        """Return the point with the highest merit."""
        return self.points[max(self.merits, key=self.merits.__getitem__)]

    def end(self) -> None:
        """Leave out what other branches have beyond the end of the best point's, and all but one without columns."""
        own = self.root(self.highest().branch)
        last = max(index for index, point in self.points.items() if self.root(point.branch) == own)
        empty = [index for index, point in self.points.items() if not self.has_columns(point.solved)]
        first = max((index for index in empty if index < min(set(self.points) - set(empty), default=0)), default=0)
        self._leave(index for index in self.points if min(first, last) <= index <= last)

    def _leave_out_beyond_best(self) -> None:
        if not self.whole:
            last = self.highest().index + PAST_PEAK
            self._leave(index for index in self.points if index <= last)

    def _leave(self, indices: Iterable[int]) -> None:
        kept = set(indices)
        self.points = {index: point for index, point in self.points.items() if index in kept}
        self.merits = {index: merit for index, merit in self.merits.items() if index in kept}

    def polish(self) -> None:
        """Climb on to the exact solution at every point; leave out points from which the climb collapses.

        Left out is also a solution without columns that is not reached in a few passes: experts that differ in nothing
        but intercepts may have a ridge for a maximum, and where it ends says nothing about columns.
        """
        for index, point in sorted(self.points.items(), reverse=True):
            empty = len(self.points) > 1 and not self.has_columns(point.solved)
            solved, seconds = self.solve(index, point.solved, exact=True, most=FEW_PASSES if empty else None)
            lost = not self.regular(solved) or (empty and solved.outcome.status is not Status.CONVERGED)
            if lost and len(self.points) > 1:
                del self.points[index]
            else:
                self.points[index] = Point(index, solved, point.branch, point.seconds + seconds)

    def root(self, branch: int) -> int:
        """Return the first branch that a branch runs into."""
        while branch in self.same:
            branch = self.same[branch]
        return branch


def distinct(fit: Fit, most: int = FOLLOWED) -> list[Run]:
    """Return the best runs with different objectives that ended regularly, the best of all first."""
    chosen: list[Run] = [fit.best]
    for run in sorted((run for run in fit.runs if run.finished), key=lambda run: -run.objective):
        if len(chosen) < most and all(abs(run.objective - other.objective) > SAME for other in chosen):
            chosen.append(run)
    return chosen


def united(a: Columns, b: Columns) -> Columns:
    """Return the columns of either."""
    return np.union1d(a[0], b[0]), np.union1d(a[1], b[1])


def used_columns(mixture: Mixture, solved: Solved) -> Columns:
    """Return the columns with a coefficient that is not zero."""
    gate, expert = solved.columns
    of_gate, of_experts = parts_of(mixture)
    return gate[of_gate.used(solved.params.gate)], expert[of_experts.used(solved.params.expert)]
