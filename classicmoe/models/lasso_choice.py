"""Criteria along a path of penalties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from classicmoe import criteria
from classicmoe.em.runs import Fit
from classicmoe.em.working_set import Solved
from classicmoe.models.lasso_path import Answer, LassoProblem
from classicmoe.models.lasso_result import LassoPath


def criteria_of(answer: Answer, n: float, n_candidates: int) -> dict[str, float]:
    """Return AIC, BIC and extended BIC of a solution; smaller is better."""
    fit, degrees = answer.log_likelihood, answer.degrees
    return {
        "aic": criteria.aic(fit, degrees),
        "bic": criteria.bic(fit, degrees, n),
        "ebic": criteria.ebic(fit, degrees, n, answer.n_slopes, n_candidates),
    }


class Found(NamedTuple):
    """A path as a table, the solution that a criterion takes, and the starts at its penalties."""

    table: LassoPath
    answer: Answer
    fit: Fit


class PathSearch:
    """The search for the best solution of one path by a criterion."""

    def __init__(
        self,
        problem: LassoProblem,
        grid: list[tuple[Any, Any]],
        criteria_of: Callable[[Answer], dict[str, float]],
        criterion: str,
    ):
        self.problem, self.grid, self.criteria_of, self.criterion = problem, grid, criteria_of, criterion
        self.path = problem.path(grid)

    def answers(self) -> list[Answer]:
        """Return the best solutions so far, strongest penalty first."""
        points = [self.path.points[i] for i in sorted(self.path.points)]
        return [self.problem.answer(self.grid[point.index], point.solved, point.seconds) for point in points]

    def choose(self) -> int:
        """Return the place on the grid of the solution that the criterion takes."""
        values = [self.criteria_of(answer)[self.criterion] for answer in self.answers()]
        return sorted(self.path.points)[int(np.argmin(values))]

    def run(self, null: Solved, first: int) -> Found:
        """Fill the path, choose, search the chosen point again until the choice stands."""
        self.problem.explore(self.path, null, first)
        index, fit = self.problem.searched(self.path, self.choose)
        found = self.answers()
        place = sorted(self.path.points).index(index)
        table = LassoPath.of(self.problem, found, [self.criteria_of(answer) for answer in found], place)
        return Found(table, found[place], fit)
