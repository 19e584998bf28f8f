"""Paths of one problem: on its own grids and, where its starts do not agree, on those of one expert fewer.

Starts of a mixture with an expert too many end on spikes, or where the surplus expert spoils the others. The best
solution with one expert fewer is a solution with that many as well, of which one expert has no rows: no penalty makes a
larger model worse than a smaller one. From there, and from splits of its experts, the larger one is searched.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from classicmoe.em.degenerate import ONE_ROW
from classicmoe.lasso.pilot import PilotSearch
from classicmoe.lasso.problem import LassoProblem
from classicmoe.lasso.search import Criterion, Found, Grid, LassoSearch


class Wanted(NamedTuple):
    """What paths are asked for: penalties that are given, ratios, points down to a share, and the criterion.

    Without ``ratios`` these come from the starts; ``near``: points are close where the starts' solutions enter.
    """

    alphas: tuple[Any, Any]
    ratios: tuple[float, ...] | None
    share: float
    n_alphas: int
    near: bool
    whole: bool
    criterion: Criterion


def paths_of(problem: LassoProblem, wanted: Wanted) -> list[Found]:
    """Return the solutions along a path for every ratio of the penalties, and of grids of smaller models."""
    n_experts, null = problem.asked.n_experts, problem.null()
    search, begin = LassoSearch(problem), PilotSearch(problem)
    pilot = begin.pilot() if n_experts > 1 else None
    ratios = wanted.ratios or (begin.ratios(pilot) if pilot is not None else (1.0,))
    whole = wanted.whole or n_experts == 1
    found = []
    for ratio in ratios:
        near = pilot if wanted.near else None
        grid, first = search.grid(null, wanted.alphas, ratio, wanted.share, wanted.n_alphas, near)
        found.append(search.along(grid, first, null, pilot, wanted.criterion, whole))
    found = _regular(found)
    one_too_few = n_experts == 2 and wanted.alphas[1] is not None  # the gate's penalty has no path then
    if not one_too_few and _to_be_grown(problem, found, wanted.alphas):
        for fewer in paths_of(problem.with_experts(n_experts - 1), wanted):
            found.append(search.along(fewer.grid, fewer.first, null, pilot, wanted.criterion, whole, fewer))
    return _regular(found)


def path_on(problem: LassoProblem, grid: Grid, criterion: Criterion) -> Found:
    """Return the solutions on a grid that is given, strongest penalty first, all of them."""
    null = problem.null()
    search, begin = LassoSearch(problem), PilotSearch(problem)
    pilot = begin.pilot() if problem.asked.n_experts > 1 else None
    found = search.along(grid, 0, null, pilot, criterion)
    if _to_be_grown(problem, [found], grid[0]):
        fewer = path_on(problem.with_experts(problem.asked.n_experts - 1), grid, criterion)
        found = search.along(grid, 0, null, pilot, criterion, fewer=fewer)
    return found


def _regular(found: list[Found]) -> list[Found]:
    """Return the paths that have a regular solution; all if none has, and the verdict will say so."""
    return [path for path in found if path.regular] or found


def _to_be_grown(problem: LassoProblem, found: list[Found], alphas: tuple[Any, Any]) -> bool:
    """Tell whether solutions with an expert fewer are asked for: starts do not agree, and experts are alike before."""
    terms = problem.terms
    weights = [own for own in (terms.gate_weights, terms.expert_weights) if own is not None]
    alike = not any(own.ndim == 2 for own in weights) and not any(np.ndim(alpha) for alpha in alphas)
    return problem.asked.n_experts > 1 and alike and terms.limits == (None, None) and not _settled(found)


def _settled(found: list[Found]) -> bool:
    """Tell whether a second start, if there was one, leads to the best solution, in which every expert has rows."""
    best = min(found, key=lambda path: min(path.values))
    fit, mass = best.fits[best.chosen], best.answers[best.chosen].solved.mass
    return fit is not None and sum(run.reached for run in fit.runs) >= min(2, len(fit.runs)) and mass.min() > ONE_ROW
