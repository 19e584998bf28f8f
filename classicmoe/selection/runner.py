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
    """Counts steps and tells about them: a line on stderr, a call of the user's function.

    Parameters
    ----------
    total, done : int
        Steps of the whole grid, and those that are finished already.
    work : float
        What the others cost, in units of :attr:`Candidate.cost`.
    criterion : str
    verbose : int
    callback : callable or None
    """

    def __init__(self, total: int, done: int, work: float, criterion: str, verbose: int, callback: Callback | None):
        self._total, self._done, self._work = total, done, work
        self._criterion, self._verbose, self._callback = criterion, verbose, callback
        self._worked = 0.0
        self._began = time.perf_counter()

    def plan(self, cost: float) -> None:
        """Add work that is no step of its own."""
        self._work += cost

    def count(self, cost: float) -> None:
        """Count such work as done."""
        self._worked += cost

    def skip(self, cost: float) -> None:
        """Count a step that turned out to have nothing to do."""
        self._done += 1
        self._work -= cost

    def tell(self, trial: Trial, name: str, cost: float) -> None:
        """Count one more step."""
        self._done += 1
        self._worked += cost
        left = self._seconds_left()
        if self._verbose:
            print(self._line(trial.row, name, left), file=sys.stderr)
        if self._callback is not None:
            self._callback(self._done, self._total, trial.row, left)

    def _seconds_left(self) -> float | None:
        if self._worked < _KNOWN_ENOUGH * self._work:
            return None
        return (time.perf_counter() - self._began) * max(self._work - self._worked, 0.0) / self._worked

    def _line(self, row: dict[str, Any], name: str, left: float | None) -> str:
        shown = "log_likelihood" if self._criterion == "slope" else self._criterion  # the slope is of all models
        what = row["error"] or f"{shown} {row[shown]:.6g}, {row['verdict']}"
        if not row["error"] and row["begun"]:
            what += f", reached by {row['reached']} of {row['finished']} starts"
        line = f"{self._done}/{self._total}  {name}: {what}, {row['seconds']:.1f} s"
        return line if not left else f"{line}, about {left:.0f} s left"
