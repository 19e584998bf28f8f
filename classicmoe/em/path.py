r"""A path of penalised solutions, from the penalty at which nothing enters to the weakest: the best at every point.

The likelihood of a mixture has many maxima, and a path that begins where no column has entered follows one of them
only. So several solutions are followed, in both directions: the one without columns, and the best distinct ones of
many starts where they enter the grid. At every point the best is kept; where two neighbours come from different
branches each is tried as a start of the other.

Source: Friedman, Hastie & Tibshirani (2010) for warm starts along a grid; Staedler, Buehlmann & van de Geer (2010).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.degenerate import hardly_any_rows
from classicmoe.em.penalty_grid import PenaltyGrid, Search
from classicmoe.em.runs import Fit, Run
from classicmoe.em.status import Status
from classicmoe.em.working_set import MakeMixture, Solved, WideProblem

FOLLOWED = 3  # distinct solutions of many starts that are followed
SAME = 1e-3  # log-likelihood units between objectives of one solution
WORSE = 3.0  # log-likelihood units by which a branch may be behind,
PATIENCE = 3  # at so many points running, before it is left
PAST_PEAK, FALLEN = 3, 10.0  # points after the highest merit of a branch, and units below it, where it ends
FEW_PASSES = 300  # of a solution without columns
FAR_BELOW = 100.0  # log-likelihood units by which a solution may be behind the best of many starts
BETTER = 1e-7  # log-likelihood units by which another branch must be better


@dataclass(frozen=True)
class Point:
    """A solution at one point of the grid, the branch that it was found on, and its merit; ``index`` is its place."""

    index: int
    solved: Solved
    branch: int
    seconds: float
    merit: float


class Path(PenaltyGrid):
    """Solutions at the points of a grid of penalties, strongest first.

    ``merit(i, solved)`` is what solutions at one point are compared by, the penalised log-likelihood by default. Unless
    the ``whole`` path is asked for, a branch ends where its merit has clearly passed its peak: the dense solutions
    beyond cost more than all others together.
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
        super().__init__(problem, make_at, n_points, search)
        self.whole = whole
        self.merit = merit or (lambda _, solved: solved.objective)
        self.points: dict[int, Point] = {}
        self.same: dict[int, int] = {}  # branches that ran into others
        self._branches = 0

    def follow(self, index: int, start: Solved, up: bool = True) -> int:
        """Follow a solution from a point of the grid to its ends; return the branch that it is.

        The ends are the weakest penalty, more degrees of freedom than rows can tell apart, a merit that has passed its
        peak, the strongest penalty, no columns, a collapse, a solution that is known, or one that is left far behind.
        """
        branch = self._branches = self._branches + 1
        first = self.point(index, start, branch)
        known = self.known(first)
        if known is not None:
            return known
        if not self.keep(first):
            return branch
        ways = [range(index + 1, self.n_points)] + [range(index - 1, -1, -1)] * up
        for way in ways:
            solved, behind, merits = start, 0, [first.merit]
            for i in way:
                if (way.step < 0 and not self.has_columns(solved)) or (way.step > 0 and self.passed_peak(i, merits)):
                    break
                solved, seconds = self.solve(i, solved)
                point = self.point(i, solved, branch, seconds)
                merits.append(point.merit)
                known, behind = self.known(point), behind + 1 if self.behind(point) else 0
                if known is not None:
                    self.same[branch] = known
                if known is not None or behind == PATIENCE or not self.keep(point):
                    break
        return branch

    def point(self, index: int, solved: Solved, branch: int, seconds: float = 0.0) -> Point:
        """Return a solution with its merit."""
        return Point(index, solved, branch, seconds, self.merit(index, solved))

    def known(self, point: Point) -> int | None:
        """Return the branch that has this solution already: the rest of this one is known as well then."""
        there = self.points.get(point.index)
        same = there is not None and abs(there.solved.objective - point.solved.objective) < SAME
        return there.branch if there is not None and same else None

    def passed_peak(self, index: int, merits: list[float]) -> bool:
        """Tell whether the merits of a branch have fallen for so long, or so far, that no higher one is to be expected.

        How far is seen from the best solution of all branches at stronger penalties than that at ``index``.
        """
        if self.whole or len(merits) < 2 or merits[-1] >= merits[-2]:
            return False
        peak = int(np.argmax(merits))
        fallen = merits[peak] - merits[-1] > FALLEN and len(merits) > peak + PAST_PEAK
        best = max((point.merit for i, point in self.points.items() if i < index), default=-np.inf)
        return fallen or best - merits[-1] > PAST_PEAK * FALLEN

    def behind(self, point: Point) -> bool:
        """Tell whether there is a solution that is clearly better."""
        there = self.points.get(point.index)
        return there is not None and there.merit > point.merit + WORSE

    def keep(self, point: Point) -> bool:
        """Keep a solution if it is the best at its point; return False for one that is no solution."""
        if not self.regular(point.solved):
            return False
        there = self.points.get(point.index)
        if there is None or point.merit > there.merit + BETTER:
            self.points[point.index] = point
        return True

    def settle_for(self, index: int, solved: Solved) -> None:
        """Keep a solution that is none, as there is no other; its status will say so."""
        self.points[index] = self.point(index, solved, 0)

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
                    self.keep(self.point(i, solved, beside.branch, seconds))
        self._leave_out_beyond_best()

    def highest(self) -> Point:
        """Return the point with the highest merit."""
        return max(self.points.values(), key=lambda point: point.merit)

    def end(self) -> None:
        """Leave out what other branches have beyond the end of the best point's, and all but one without columns."""
        own = self.root(self.highest().branch)
        last = max(index for index, point in self.points.items() if self.root(point.branch) == own)
        empty = [index for index, point in self.points.items() if not self.has_columns(point.solved)]
        first = max((index for index in empty if index < min(set(self.points) - set(empty), default=0)), default=0)
        self._keep_between(min(first, last), last)

    def _leave_out_beyond_best(self) -> None:
        if not self.whole:
            self._keep_between(0, self.highest().index + PAST_PEAK)

    def _keep_between(self, first: int, last: int) -> None:
        self.points = {index: point for index, point in self.points.items() if first <= index <= last}

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
                self.points[index] = self.point(index, solved, point.branch, point.seconds + seconds)

    def root(self, branch: int) -> int:
        """Return the first branch that a branch runs into."""
        while branch in self.same:
            branch = self.same[branch]
        return branch


def distinct(fit: Fit, most: int = FOLLOWED) -> list[Run]:
    """Return the best runs with different objectives that ended regularly and not far below, the best of all first.

    Of those in which an expert has hardly any rows only the best of all: they are solutions with fewer experts.
    """
    chosen, least = [fit.best], fit.best.objective - FAR_BELOW
    ended = [run for run in fit.runs if run.finished and run.triple is not None and not _thin(run.triple.mass)]
    for run in sorted(ended, key=lambda run: -run.objective):
        same = any(abs(run.objective - other.objective) <= SAME for other in chosen)
        if len(chosen) < most and run.objective > least and not same:
            chosen.append(run)
    return chosen


def _thin(mass: Array) -> bool:
    """Tell whether any expert is left with hardly any rows."""
    return bool(hardly_any_rows(mass, 1, float(mass.sum())).any())
