"""The search for Lasso solutions: which columns starts see, where they begin, and how a path is filled.

With many columns starts lose their way: any partition of the rows is explained by some of them. So a single expert is
fitted first; the columns that it takes in and those that its scatter depends on are few, and on these a mixture is
fitted from many starts under a weak penalty (the *pilot*). Columns that a single expert has no use for, because they
matter to a few rows or with opposite signs, stand out as soon as the experts are told apart: where derivatives at the
pilot's solution are larger than chance allows, these columns join and the starts are run again. What derivatives are by
chance says how strong the penalties of gate and experts must be to keep noise out, hence their ratio and where on the
grid the pilot's solutions enter it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from classicmoe.em.path import Path, Point, distinct, united, used_columns
from classicmoe.em.runs import REACHED, Fit, Run
from classicmoe.em.screening import Noise, by_scatter, noise, outstanding
from classicmoe.em.working_set import Columns, Solved
from classicmoe.lasso.problem import Answer, LassoProblem

FEW = 20  # columns that starts can see all of
BY_MEAN = 20  # columns that a single expert takes in first, for starts
ROUNDS = 3  # of starts at most
SINGLE = (0.02, 25)  # weakest penalty of its path, as a share of the strongest, and points
RATIO = (0.02, 5.0)  # of the penalties of gate and experts, for a response of unit deviation
STRICTER = 1.5  # how much larger the second ratio is
ENTRIES = (1.0, 0.8)  # penalties at which the pilot's solutions enter, in sqrt(2 log P) times the level of noise,
ROOM = 0.5  # and one so weak that by chance this share of all degrees of freedom would be taken, or 3 FEW columns
Criterion = Callable[[Answer], float]


class Single(NamedTuple):
    """The fit of one expert, its mixture, and the first of the columns that it takes in, in the order of entry."""

    solved: Solved
    mixture: Any
    taken: NDArray[np.intp]


class Pilot(NamedTuple):
    """Starts on a few columns: those, all starts, the best distinct ones, and penalties (gate, experts).

    ``level`` are those whose thresholds are like noise, ``weak`` those of the starts.
    """

    columns: Columns
    fit: Fit
    runs: list[Run]
    level: tuple[float, float]
    weak: tuple[float, float]


class Found(NamedTuple):
    """Solutions of a path, their values of a criterion (smaller is better), the starts behind each, and its end."""

    answers: list[Answer]
    values: list[float]
    fits: list[Fit | None]
    ended: str

    @property
    def chosen(self) -> int:
        """Which solution the criterion takes."""
        return int(np.argmin(self.values))


class LassoSearch:
    """The search for the solutions of one problem."""

    def __init__(self, problem: LassoProblem):
        self.problem = problem

    # -- where starts begin -----------------------------------------------------------------------------------------

    def single(self) -> Single:
        """Fit one expert with the first columns that it takes in, or all there are."""
        problem = self.problem.with_experts(1)
        solved = problem.null()
        grid, _ = problem.grid(solved, None, None, 1.0, *SINGLE)
        path, taken = problem.path(grid), np.zeros(0, dtype=np.intp)
        for i in range(len(grid)):
            before = np.abs(solved.gradient[1]).max(axis=0)[1:]
            solved, _ = path.solve(i, solved)
            mixture = path.make_at(i)(solved.columns)
            new = np.setdiff1d(used_columns(mixture, solved)[1], taken)
            taken = np.append(taken, new[np.argsort(-before[new], kind="stable")])
            if len(taken) >= BY_MEAN or not path.regular(solved):
                break
        return Single(solved, mixture, taken[:BY_MEAN])

    @property
    def few(self) -> bool:
        """Whether starts can see all columns."""
        return max(len(own) for own in self.problem.wide.all_columns) <= FEW

    def screened(self, single: Single | None = None) -> Columns:
        """Return the columns that starts see, those among them that constraints do not allow to be zero."""
        if self.few:
            return self.problem.wide.all_columns
        gate, expert = self._screened(single or self.single())
        demanded = [
            own.required if own is not None and not own.allows_zero else gate[:0] for own in self.problem.terms.limits
        ]
        return np.union1d(gate, demanded[0]), np.union1d(expert, demanded[1])

    def _screened(self, single: Single) -> Columns:
        wide, (solved, mixture, own) = self.problem.wide, single
        places = [by_scatter(wide, mixture, solved.params, solved.columns, design) for design in wide.designs]
        taken = wide.designs[1].columns[own]
        same_table = wide.designs[0].table == wide.designs[1].table
        by_mean = np.flatnonzero(np.isin(wide.designs[0].columns, taken)) if same_table else own[:0]
        return np.union1d(places[0], by_mean), np.union1d(places[1], own)

    def pilot(self) -> Pilot:
        """Fit the mixture from many starts on a few columns."""
        problem, k = self.problem, self.problem.asked.n_experts
        solved, mixture, _ = single = self.single()
        alone = self._alphas(noise(problem.wide, mixture, solved.params, solved.columns), mixture, solved.params)[1]
        weak = (float(np.sqrt(problem.weight * (k - 1)) / k), alone / np.sqrt(k))
        path, columns = problem.path([weak]), self.screened(single)
        for round_ in range(ROUNDS):
            fit = path.starts(0, columns, problem.asked.seeds)
            runs, best = distinct(fit), path.make_at(0)(columns)
            assert runs[0].triple is not None
            params = runs[0].triple.params
            chance = noise(problem.wide, best, params, columns)
            more = outstanding(problem.wide.gradient(best, params, columns), chance, columns)
            if more is None or round_ == ROUNDS - 1:
                break
            columns = united(columns, more)
        return Pilot(columns, fit, runs, self._alphas(chance, best, params), weak)

    def _alphas(self, chance: Noise, mixture: Any, params: Any) -> tuple[float, float]:
        """Return the penalties (gate, experts) whose thresholds are typical derivatives of columns without effect."""
        per_alpha = 1.0 / self.problem.terms.unit
        if self.problem.terms.parametrisation == "scaled":
            per_alpha = float(np.mean(mixture.expert.spread(params.expert)))
        return float(np.mean(chance.gate)), float(np.mean(chance.expert)) * per_alpha

    def ratios(self, pilot: Pilot) -> tuple[float, ...]:
        """Return ratios of the penalties to try.

        The first keeps noise out of the gate where it does out of the experts. Among many columns experts keep their
        slopes only at penalties that are a little too weak, and the second keeps noise out of the gate there.
        """
        gate, expert = pilot.level
        ratio = float(np.clip(gate / (expert * self.problem.terms.unit), *RATIO))
        return (ratio,) if self.few else (ratio, STRICTER * ratio)

    # -- a path -----------------------------------------------------------------------------------------------------

    def along(
        self,
        grid: list[tuple[Any, Any]],
        first: int,
        null: Solved,
        pilot: Pilot | None,
        criterion: Criterion,
        whole: bool = True,
    ) -> Found:
        """Fill a path and let a criterion choose.

        Of several solutions at one point the criterion takes one as well: the penalised likelihood of a mixture prefers
        few columns and a wide scale where penalties are strong, however well another solution explains the response.
        Unless the ``whole`` path is asked for it ends where the criterion has clearly passed its best value.
        """

        def merit(i: int, solved: Solved) -> float:
            return -0.5 * criterion(self.problem.answer(grid[i], solved))

        path = self.problem.path(grid, merit=merit, whole=whole)
        solved, _ = path.solve(first, null)
        path.follow(first, solved, up=False)
        branches = self._enter(path, grid, pilot) if pilot is not None else []
        if not path.points:  # no solution is regular, and the verdict will say so
            path.points[first] = Point(first, solved, 0, 0.0)
        path.reconcile()
        best = path.points[max(path.points, key=lambda i: path.merit(i, path.points[i].solved))]
        path.end_with(best)
        path.polish()
        points = [path.points[i] for i in sorted(path.points)]
        answers = [self.problem.answer(grid[point.index], point.solved, point.seconds) for point in points]
        fits = [self._starts(path, point, pilot, branches) for point in points]
        values = [criterion(answer) for answer in answers]
        passed = not whole and int(np.argmin(values)) < len(values) - 1
        ended = "grid" if points[-1].index == len(grid) - 1 else "peak" if passed else "rows"
        return Found(answers, values, fits, ended)

    def _enter(self, path: Path, grid: list[tuple[Any, Any]], pilot: Pilot) -> list[set[int]]:
        """Follow the pilot's solutions both ways from some penalties; return the branches of each.

        A solution does not survive a leap from a weak penalty to a strong one: on the pilot's columns it is brought
        there step by step.
        """
        places = self._entries(grid, pilot, path.most_degrees)
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

    def _entries(self, grid: list[tuple[Any, Any]], pilot: Pilot, most_degrees: float) -> set[int]:
        """Return the places of the grid where the pilot's solutions enter."""
        alphas = np.array([[np.max(a) for a in point] for point in grid])
        varies = int(alphas[0, 1] != alphas[-1, 1])
        level, size = pilot.level[varies], max(len(own) for own in self.problem.wide.all_columns)
        room = ROOM * most_degrees if size <= FEW else min(ROOM * most_degrees, 3 * FEW)
        chance = min(room / (size * self.problem.asked.n_experts), 1.0)  # of a column to be taken
        largest = np.sqrt(2.0 * np.log(max(size, 2)))
        entries = [
            *(share * largest * level for share in ENTRIES),
            max(pilot.weak[varies], -ndtri(chance / 2) * level),
        ]
        return {int(np.argmin(np.abs(np.log(alphas[:, varies] / entry)))) for entry in entries}

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
        columns = self.screened()
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
            path.points[0] = Point(0, max(solutions, key=lambda solved: solved.objective), 0, 0.0)
        return fit
