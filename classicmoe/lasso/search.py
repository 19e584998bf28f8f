"""The search for Lasso solutions: how a path is filled from the solutions of a pilot, and what its grid is.

A path that begins where no column has entered follows one solution of many. So those of a pilot are brought to the
penalties at which they enter the grid, and followed from there to both ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from classicmoe.em.path import Path, Point, distinct
from classicmoe.em.penalty_grid import used_columns
from classicmoe.em.runs import REACHED, Fit
from classicmoe.em.working_set import Columns, Solved, united
from classicmoe.lasso.pilot import Pilot, PilotSearch
from classicmoe.lasso.problem import Answer, LassoProblem

BELOW, LEAST = 0.5, 0.5  # of the weakest entry, or of the strongest penalty: down to there a grid is close
Criterion = Callable[[Answer], float]
Grid = list[tuple[Any, Any]]


class Found(NamedTuple):
    """Solutions of a path, their values of a criterion (smaller is better), the starts behind each, and its end.

    ``grid`` is where they were looked for, ``first`` the place on it where the null solution takes a column in. A path
    that is not ``regular`` has one solution, which collapsed or is a spike, as there was no other.
    """

    grid: Grid
    first: int
    answers: list[Answer]
    values: list[float]
    fits: list[Fit | None]
    ended: str
    regular: bool

    @property
    def chosen(self) -> int:
        """Which solution the criterion takes."""
        return int(np.argmin(self.values))


class LassoSearch:
    """The search for the solutions of one problem."""

    def __init__(self, problem: LassoProblem):
        self.problem = problem

    # -- a path -----------------------------------------------------------------------------------------------------

    def grid(
        self, null: Solved, alphas: tuple[Any, Any], ratio: float, share: float, n: int, pilot: Pilot | None = None
    ) -> tuple[Grid, int]:
        """Return a grid and the place on it where the null solution takes the first column in.

        With a pilot there are n points down to a little below the weakest penalty at which its solutions enter, where
        columns without effect would take most of the room that there is, and as many beyond it for those that have one.
        So points are close where it matters, and where penalties act on slopes in the units of y they must be: from one
        to the next a solution may lose all slopes, or take noise in.
        """
        grid, first = self.problem.grid(null, *alphas, ratio, share, n)
        if pilot is None or n == 1:
            return grid, first
        varies = _varies(grid)
        own = min(BELOW * pilot.entries[varies][-1] / float(np.max(grid[first][varies])), LEAST)
        if own <= share:
            return grid, first
        grid, first = self.problem.grid(null, *alphas, ratio, own, n)
        weaker = [
            tuple(factor * alpha if given is None else alpha for given, alpha in zip(alphas, grid[-1], strict=True))
            for factor in np.geomspace(1.0, share / own, n + 1)[1:].tolist()
        ]
        return grid + weaker, first

    def along(
        self,
        grid: Grid,
        first: int,
        null: Solved,
        pilot: Pilot | None,
        criterion: Criterion,
        whole: bool = True,
        fewer: Found | None = None,
    ) -> Found:
        """Fill a path and let a criterion choose; from solutions with one expert ``fewer`` on the same grid as well.

        Of several solutions at one point the criterion takes one as well: the penalised likelihood of a mixture prefers
        few columns and a wide scale where penalties are strong, however well another solution explains the response.
        Unless the ``whole`` path is asked for it ends where the criterion has clearly passed its best value.
        """

        def merit(i: int, solved: Solved) -> float:
            return -0.5 * criterion(self.problem.answer(grid[i], solved))

        path = self.problem.path(grid, merit=merit, whole=whole)
        solved, _ = path.solve(first, null)
        path.follow(first, solved, up=False)
        if fewer is not None:
            self._grow(path, grid, fewer)
        branches = self._enter(path, grid, pilot) if pilot is not None else []
        if not path.points:  # no solution is regular, and the verdict will say so
            path.settle_for(first, solved)
        path.reconcile()
        path.end()
        path.polish()
        points = [path.points[i] for i in sorted(path.points)]
        regular = any(path.regular(point.solved) for point in points)  # the last climb may have collapsed
        answers = [self.problem.answer(grid[point.index], point.solved, point.seconds) for point in points]
        fits = [self._starts(path, point, pilot, branches) for point in points]
        values = [criterion(answer) for answer in answers]
        passed = not whole and int(np.argmin(values)) < len(values) - 1
        ended = "grid" if points[-1].index == len(grid) - 1 else "peak" if passed else "rows"
        return Found(grid, first, answers, values, fits, ended, regular)

    def _enter(self, path: Path, grid: Grid, pilot: Pilot) -> list[set[int]]:
        """Follow the pilot's solutions both ways from some penalties; return the branches of each.

        A solution does not survive a leap from a weak penalty to a strong one: on the pilot's columns it is brought
        there step by step.
        """
        places = {_place(grid, entry) for entry in pilot.entries[_varies(grid)]}
        branches: list[set[int]] = []
        for run in pilot.runs:
            assert run.triple is not None
            branches.append(set())
            params = run.triple.params
            for place in range(max(places), min(places) - 1, -1):
                params = path.narrow(place, pilot.columns, params)
                if place in places:
                    branches[-1].add(path.follow(place, path.extended(place, pilot.columns, params)))
        return branches

    @staticmethod
    def _grow(path: Path, grid: Grid, fewer: Found) -> None:
        """Follow the best solution with one expert fewer, and splits of it, both ways."""
        best = fewer.answers[fewer.chosen]
        place = grid.index((best.alpha_gate, best.alpha_expert))
        for start in path.grown(place, best.solved.columns, best.solved.params):
            path.follow(place, path.extended(place, best.solved.columns, start))

    @staticmethod
    def _starts(path: Path, point: Point, pilot: Pilot | None, branches: list[set[int]]) -> Fit | None:
        """Return the pilot's starts, marked where they lead to the published solution."""
        if pilot is None:
            return None
        lead = {path.root(point.branch)}
        good = [
            run for run, own in zip(pilot.runs, branches, strict=True) if lead & {path.root(branch) for branch in own}
        ]
        marked = [
            replace(run, reached=run.finished and any(abs(run.objective - best.objective) < REACHED for best in good))
            for run in pilot.fit.runs
        ]
        return replace(pilot.fit, runs=marked)

    # -- one point --------------------------------------------------------------------------------------------------

    def at(self, alphas: tuple[Any, Any]) -> tuple[Answer, Fit]:
        """Return the solution with the highest objective at given penalties, and its starts."""
        path = self.problem.path([alphas])
        columns = PilotSearch(self.problem).screened()
        fit = self._best_of(path, columns)
        used = united(columns, used_columns(path.make_at(0)(path.points[0].solved.columns), path.points[0].solved))
        if self.problem.asked.n_experts > 1 and any(len(a) < len(b) for a, b in zip(columns, used, strict=True)):
            fit = self._best_of(path, used)  # starts must see the columns of the solution that they are to reach
        path.polish()
        solved = path.points[0].solved
        if solved.objective > fit.best.objective + REACHED:  # other columns led further than the starts did
            fit = replace(fit, runs=[replace(run, reached=False) for run in fit.runs])
        return self.problem.answer(alphas, solved), fit

    @staticmethod
    def _best_of(path: Path, columns: Columns) -> Fit:
        """Run starts on some columns and keep the best solution on all of them."""
        fit = path.starts(0, columns, path.search.seeds)
        solutions = [path.extended(0, columns, run.triple.params) for run in distinct(fit) if run.triple is not None]
        for solved in solutions:
            path.follow(0, solved)
        if not path.points:  # every one collapsed, and the verdict will say so
            path.settle_for(0, max(solutions, key=lambda solved: solved.objective))
        return fit


def _varies(grid: Grid) -> int:
    """Return which of the two penalties varies along a grid."""
    return int(np.any(np.not_equal(grid[0][1], grid[-1][1])))


def _place(grid: Grid, alpha: float) -> int:
    """Return where on a grid a penalty is."""
    varies = _varies(grid)
    return int(np.argmin(np.abs(np.log([np.max(point[varies]) / alpha for point in grid]))))
