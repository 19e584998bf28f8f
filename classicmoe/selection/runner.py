"""Run models one after the other or in processes, and say how long it will still take."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from classicmoe.em.threads import count_workers
from classicmoe.selection.grid import Candidate
from classicmoe.selection.rows import Data, Splits
from classicmoe.selection.trial import Trial, run_trial

_KNOWN_ENOUGH = 0.02  # share of the work after which the time left is worth telling

Callback = Callable[[int, int, dict[str, Any], float | None], Any]


def run_trials(
    candidates: Sequence[Candidate], numbers: Sequence[int], data: Data, splits: Splits | None, n_jobs: int | None
) -> Iterator[Trial]:
    """Yield models as they end. Close the iterator to end the processes early."""
    workers = min(count_workers(n_jobs), len(numbers))
    if workers <= 1:
        for number in numbers:
            yield run_trial(number, candidates[number], data, splits, False)
        return
    from joblib import Parallel, delayed

    # The longest first: a long model that begins last keeps one process busy while the others idle.
    order = sorted(numbers, key=lambda number: -candidates[number].cost)
    parallel = Parallel(workers, backend="loky", batch_size=1, return_as="generator_unordered")
    trials = parallel(delayed(run_trial)(number, candidates[number], data, splits, True) for number in order)
    try:
        # `yield from` would close joblib's generator itself, before the warnings are silenced.
        for trial in trials:  # noqa: UP028
            yield trial
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib tells that tasks were cancelled, which is what was asked for
            trials.close()


class Progress:
    """Counts finished models and tells about them: a line on stderr, a call of the user's function.

    Parameters
    ----------
    candidates : sequence of Candidate
        All models of the grid.
    finished : sequence of int
        Numbers of those that need not be fitted.
    criterion : str
    verbose : int
    callback : callable or None
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        finished: Sequence[int],
        criterion: str,
        verbose: int,
        callback: Callback | None,
    ):
        self._candidates, self._criterion, self._verbose, self._callback = candidates, criterion, verbose, callback
        self._done = len(finished)
        self._work = sum(c.cost for i, c in enumerate(candidates) if i not in finished)
        self._worked = 0.0
        self._began = time.perf_counter()

    def tell(self, trial: Trial) -> None:
        """Count one more model."""
        self._done += 1
        self._worked += self._candidates[trial.number].cost
        left = self._seconds_left()
        if self._verbose:
            print(self._line(trial, left), file=sys.stderr)
        if self._callback is not None:
            self._callback(self._done, len(self._candidates), trial.row, left)

    def _seconds_left(self) -> float | None:
        if self._worked < _KNOWN_ENOUGH * self._work:
            return None
        return (time.perf_counter() - self._began) * (self._work - self._worked) / self._worked

    def _line(self, trial: Trial, left: float | None) -> str:
        row = trial.row
        shown = "log_likelihood" if self._criterion == "slope" else self._criterion  # the slope is of all models
        what = row["error"] or f"{shown} {row[shown]:.6g}, {row['verdict']}"
        if not row["error"] and row["begun"]:
            what += f", reached by {row['reached']} of {row['finished']} starts"
        line = f"{self._done}/{len(self._candidates)}  {self._candidates[trial.number].name}: {what}"
        line += f", {row['seconds']:.1f} s"
        return line if not left else f"{line}, about {left:.0f} s left"
