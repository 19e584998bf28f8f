"""Where the search for Lasso solutions begins: which columns starts see, and what they find there.

With many columns starts lose their way: any partition of the rows is explained by some of them. So a single expert is
fitted first; the columns that it takes in and those that its scatter depends on are few, and on these a mixture is
fitted from many starts under a weak penalty (the *pilot*). Columns that a single expert has no use for, because they
matter to a few rows or with opposite signs, stand out as soon as the experts are told apart: where derivatives at the
pilot's solution are larger than chance allows, these columns join and the starts are run again. What derivatives are by
chance says how strong the penalties of gate and experts must be to keep noise out, hence their ratio and where on a
grid of penalties the pilot's solutions enter it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from classicmoe.em.degenerate import ROWS_PER_COEFFICIENT
from classicmoe.em.path import distinct
from classicmoe.em.penalty_grid import used_columns
from classicmoe.em.runs import Fit, Run
from classicmoe.em.screening import Noise, by_scatter, noise, outstanding
from classicmoe.em.working_set import Columns, Solved, united
from classicmoe.lasso.problem import LassoProblem

FEW = 20  # columns that starts can see all of
BY_MEAN = 20  # columns that a single expert takes in first, for starts
ROUNDS = 3  # of starts at most
SINGLE = (0.02, 25)  # weakest penalty of its path, as a share of the strongest, and points
RATIO = (0.02, 5.0)  # of the penalties of gate and experts, for a response of unit deviation
STRICTER = 1.5  # how much larger the second ratio is
ENTRIES = (1.0, 0.8)  # penalties at which the pilot's solutions enter, in sqrt(2 log P) times the level of noise,
ROOM = 0.5  # and one so weak that by chance this share of all degrees of freedom would be taken, or 3 FEW columns


class Single(NamedTuple):
    """The fit of one expert, its mixture, and the first of the columns that it takes in, in the order of entry."""

    solved: Solved
    mixture: Any
    taken: NDArray[np.intp]


class Pilot(NamedTuple):
    """Starts on a few columns: those, all starts, the best distinct ones, and penalties (gate, experts).

    ``level`` are those whose thresholds are like noise, ``weak`` those of the starts, ``entries`` those at which the
    solutions enter a grid.
    """

    columns: Columns
    fit: Fit
    runs: list[Run]
    level: tuple[float, float]
    weak: tuple[float, float]
    entries: tuple[tuple[float, ...], tuple[float, ...]]


class PilotSearch:
    """The search for the pilot of one problem."""

    def __init__(self, problem: LassoProblem):
        self.problem = problem
        self.width = max(len(own) for own in problem.wide.all_columns)

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
        return self.width <= FEW

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
        level = self._alphas(chance, best, params)
        entries = self._entries(level[0], weak[0]), self._entries(level[1], weak[1])
        return Pilot(columns, fit, runs, level, weak, entries)

    def _entries(self, level: float, weak: float) -> tuple[float, ...]:
        """Return the penalties at which the pilot's solutions enter a grid, strongest first."""
        room = ROOM * self.problem.weight / ROWS_PER_COEFFICIENT
        room = room if self.few else min(room, 3 * FEW)
        chance = min(room / (self.width * self.problem.asked.n_experts), 1.0)  # of a column to be taken
        largest = np.sqrt(2.0 * np.log(max(self.width, 2)))
        return *(float(share * largest * level) for share in ENTRIES), max(weak, float(-ndtri(chance / 2) * level))

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
