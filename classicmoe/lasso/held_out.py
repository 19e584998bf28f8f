"""Held-out log-likelihoods along a path of Lasso solutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from classicmoe.contracts import Array
from classicmoe.em.evaluate import Evaluator
from classicmoe.em.source import ArraySource
from classicmoe.em.wide import narrowed
from classicmoe.em.working_set import Solved
from classicmoe.exceptions import ConfigurationError, TooFewModelsError
from classicmoe.lasso.choice import criteria_of
from classicmoe.lasso.growing import path_on
from classicmoe.lasso.problem import LassoProblem

MakeProblem = Callable[[ArraySource], LassoProblem]


def held_out(
    problem: LassoProblem, make: MakeProblem, grid: Sequence[tuple[Any, Any]], cv: Any, n_candidates: int
) -> tuple[Array, Array]:
    """Return the mean held-out log p(y | x) at every point of a grid and its standard error over folds, (T,) each.

    ``make`` poses the same problem on other rows. Every fold searches a path of its own from its own starts; penalties
    go with the weight of the fold's rows. NaN where a fold's path does not reach.

    Raises
    ------
    ConfigurationError
        No folds, or folds of other rows.
    TooFewModelsError
        No penalty at which every fold has a regular solution: folds without one would not be compared alike.
    """
    source = problem.wide.source
    labels = source.y[:, 0] if getattr(problem.terms.base, "classifies", False) else None
    try:
        folds = list(check_cv(cv, labels, classifier=labels is not None).split(np.zeros((source.n_rows, 1)), labels))
    except ValueError as error:
        raise ConfigurationError(f"cv={cv!r} cannot be used: {error}") from error
    if not folds or max(np.max(rows, initial=0) for fold in folds for rows in fold) >= source.n_rows:
        raise ConfigurationError(f"cv={cv!r} has no folds, or rows beyond the {source.n_rows} that there are.")
    scores = np.array([_fold(problem, make, grid, train, test, n_candidates) for train, test in folds])
    if np.isnan(scores).any(axis=0).all():
        reached = ", ".join(str(np.count_nonzero(~np.isnan(own))) for own in scores)
        raise TooFewModelsError(
            f'criterion="cv": at none of the {len(grid)} penalties of the path do all {len(scores)} folds have a '
            f"regular solution (they have at {reached} of them): experts collapse, or fewer than five rows are left "
            "for a coefficient. Raise n_init, take fewer experts, larger folds of training rows (cv=) or another "
            "criterion."
        )
    errors = scores.std(axis=0, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.full(len(grid), np.nan)
    return scores.mean(axis=0), errors


def _fold(
    problem: LassoProblem,
    make: MakeProblem,
    grid: Sequence[tuple[Any, Any]],
    train: Array,
    test: Array,
    n_candidates: int,
) -> Array:
    """Return the mean log p(y | x) of the rows of a fold at every point of the grid, (T,)."""
    own = make(_rows(problem.wide.source, train))
    share = own.weight / problem.weight
    scaled: list[tuple[Any, Any]] = [(share * np.asarray(gate), share * np.asarray(expert)) for gate, expert in grid]
    found = path_on(own, scaled, lambda answer: criteria_of(answer, own.weight, n_candidates)["bic"])
    out = np.full(len(grid), np.nan)
    place = {_key(alphas): i for i, alphas in enumerate(scaled)}
    rest = _rows(problem.wide.source, test)
    for answer in found.answers:
        at = place[_key((answer.alpha_gate, answer.alpha_expert))]
        out[at] = _score(own, answer.solved, (answer.alpha_gate, answer.alpha_expert), rest)
    return out


def _key(alphas: tuple[Any, Any]) -> tuple[tuple[float, ...], ...]:
    """Return penalties, one or one for each expert, as what can be looked up."""
    return tuple(tuple(np.ravel(alpha).tolist()) for alpha in alphas)


def _score(problem: LassoProblem, solved: Solved, alphas: tuple[Any, Any], rest: ArraySource) -> float:
    """Return the mean log p(y | x) of held-out rows in the user's units."""
    source, (gate, expert) = narrowed(rest, problem.wide.designs, solved.columns)
    response = problem.wide.moments.response
    evaluator = Evaluator(problem.terms.make(*alphas)(solved.columns), solved.params, gate, expert, response)
    weight = np.ones(rest.n_rows) if rest.weight is None else rest.weight
    mean = float(weight @ evaluator.log_density(source) / weight.sum())
    return mean + problem.shift / problem.weight


def _rows(source: ArraySource, rows: Array) -> ArraySource:
    """Return some of the rows."""
    tables, y, weight, *beside = source.take(rows)
    return ArraySource(tables, y, weight, source.chunk_rows, *beside)
