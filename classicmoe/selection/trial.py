"""One model of the grid: fit it, score it on held-out folds, and write down what became of it."""

from __future__ import annotations

import time
import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import _num_samples

from classicmoe.em.runs import REACHED
from classicmoe.em.split import Independent
from classicmoe.em.status import Status
from classicmoe.exceptions import ClassicMoEError
from classicmoe.metrics import log_score
from classicmoe.selection.grid import Candidate
from classicmoe.selection.results import failed_row, model_row
from classicmoe.selection.rows import Data, Splits

# What data or numbers can do to one model. Anything else is a defect: it ends the grid with its traceback.
_EXPECTED = (ClassicMoEError, ArithmeticError, ValueError, MemoryError)


Grown = Literal["split", "nested"]  # from one expert fewer, from fewer columns


class Trial(NamedTuple):
    """A finished model: its row of the table, the fitted estimator (None: failed, or from a state file), warnings."""

    number: int
    row: dict[str, Any]
    model: Any
    caught: list[tuple[type[Warning], str]]


def run_trial(number: int, candidate: Candidate, data: Data, splits: Splits | None, one_thread: bool) -> Trial:
    """Fit one model; an error that only concerns this model becomes part of its row."""
    began = time.perf_counter()
    model, error, scores = None, None, {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = _fit(candidate, data, one_thread)
        except _EXPECTED as failure:
            error = _text(failure)
    if splits is not None:
        scores = {"cv": np.nan, "cv_se": np.nan}
        if model is not None:
            try:
                scores = _held_out(candidate, data, splits, one_thread)
            except _EXPECTED as failure:
                error = f"cross-validation: {_text(failure)}"
    row = candidate.labels | (failed_row(error) if model is None else model_row(model)) | scores
    row |= {"start": "independent", "seconds": time.perf_counter() - began, "error": error}
    return Trial(number, row, model, [(warning.category, str(warning.message)) for warning in caught])


def run_grown(trial: Trial, candidate: Candidate, how: Grown, smaller: Any, data: Data, n_jobs: int | None) -> Trial:
    """Start a fitted model again from a smaller one; return the better of both.

    What was found before stands as it is unless the new starts lead to more than ``REACHED`` above it.
    """
    began, before = time.perf_counter(), trial.model
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            counts = Independent(before.verdict_.finished, before.verdict_.begun)
            columns = before.expert_features_.names_out
            start = smaller.split_start() if how == "split" else smaller.nested_start(columns)
            start = start._replace(after=counts)
            model = data.fit(clone(candidate.estimator).set_params(init=start, n_jobs=n_jobs))
        except _EXPECTED:  # such as blocks that each fit chooses anew: no split can be made, and none is missed
            return trial
    if not _is_better(model, before):
        return trial
    model.set_params(init=candidate.estimator.init, n_jobs=candidate.estimator.n_jobs)
    model.starts_ = [*({**start, "reached": False} for start in before.starts_), *model.starts_]
    row = trial.row | model_row(model) | {"start": how}
    row["seconds"] += time.perf_counter() - began
    return Trial(trial.number, row, model, [(warning.category, str(warning.message)) for warning in caught])


def _is_better(model: Any, before: Any) -> bool:
    """Compare solutions as starts of one fit are compared, but for gains that count as the same solution."""
    (*kind, objective), (*old_kind, old_objective) = _merit(model), _merit(before)
    return kind > old_kind or (kind == old_kind and objective > old_objective + REACHED)


def _merit(model: Any) -> tuple[bool, bool, float]:
    spike = any(weak["reason"] == "spike" for weak in model.verdict_.suspect)
    return model.status_ is not Status.DEGENERATE, not spike, model.objective_


def _fit(candidate: Candidate, data: Data, one_thread: bool) -> Any:
    model = clone(candidate.estimator)
    n_jobs = model.n_jobs
    if one_thread:
        model.set_params(n_jobs=1)
    return data.fit(model).set_params(n_jobs=n_jobs)


def _held_out(candidate: Candidate, data: Data, splits: Splits, one_thread: bool) -> dict[str, float]:
    """Return the mean held-out log density and its standard error from the scatter of the folds."""
    means, weights = np.empty(len(splits)), np.empty(len(splits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit to all rows speaks for the model
        for i, (train, test) in enumerate(splits):
            model, held = _fit(candidate, data.take(train), one_thread), data.take(test)
            means[i] = log_score(model, held.X, held.y, held.weight, **held.beside)
            weights[i] = _num_samples(held.X) if held.weight is None else held.weight.sum()
    mean = np.average(means, weights=weights)
    scatter = np.average((means - mean) ** 2, weights=weights)
    return {"cv": float(mean), "cv_se": float(np.sqrt(scatter / (len(splits) - 1)))}


def _text(failure: BaseException) -> str:
    text = " ".join(str(failure).split())
    return text if isinstance(failure, ClassicMoEError) else f"{type(failure).__name__}: {text}"
