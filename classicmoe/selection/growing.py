"""Larger models started from smaller ones: what makes the models of a grid a collection.

After its independent starts every model is started again from splits of the model with one expert fewer, in ascending
order of size, so that a larger model does not do worse by bad luck. Models that this does not improve stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from classicmoe.em.threads import count_workers
from classicmoe.selection.families import siblings
from classicmoe.selection.grid import Candidate
from classicmoe.selection.rows import Data
from classicmoe.selection.runner import Progress, run_trials
from classicmoe.selection.state import Memory
from classicmoe.selection.trial import Trial, run_split, run_trial


class Growth:
    """Starts from splits on top of finished independent fits.

    Parameters
    ----------
    candidates : sequence of Candidate
    trials : dict of int to Trial
        Finished models by number of the candidate; improved ones are replaced here.
    data : Data
    memory : Memory or None
        Where finished models are kept.
    """

    def __init__(self, candidates: Sequence[Candidate], trials: dict[int, Trial], data: Data, memory: Memory | None):
        self.candidates, self.trials, self.data, self.memory = candidates, trials, data, memory
        self.smaller = siblings(candidates)
        self._independent: dict[int, Trial] = {}  # fitted again, their rows came from a file

    def recall(self) -> None:
        """Take outcomes from the memory, as far as it has them."""
        for number in self.smaller:
            row = None if number not in self.trials else self._recalled(number)
            if row is not None:
                trial = self.trials[number]
                model = trial.model if row["start"] == trial.row["start"] else None
                self.trials[number] = trial._replace(row=trial.row | row, model=model)

    def left(self) -> list[int]:
        """Return the numbers of the candidates still to be started from splits; small models come first."""
        return [number for number in self.smaller if self._recalled(number) is None]

    def run(self, planned: Sequence[int], progress: Progress, n_jobs: int | None) -> None:
        """Start models from splits of the model with one expert fewer and keep what is better."""
        self.recall()  # after a failure the chain of models is another one, which may be known
        left = set(self.left())
        self._fit_again(left, progress, n_jobs)
        for number in planned:
            cost = self.candidates[number].split_cost
            if number not in left or self._failed(number) or self._below(number) is None:
                progress.skip(cost)
                continue
            trial = self._split(number, n_jobs)
            self.trials[number] = trial
            if self.memory is not None:
                self.memory.add(self._lineage(number), number, trial.row)
            progress.tell(trial, self.candidates[number].name + ", from splits", cost)

    def fitted(self, number: int, n_jobs: int | None = None) -> Trial:
        """Return a finished candidate with its model; one whose row came from a file is fitted again."""
        trial = self.trials[number]
        if trial.model is None and trial.row["verdict"] != "FAILED":
            again = self._split(number, n_jobs) if trial.row["start"] == "split" else self._alone(number)
            row = trial.row | again.row | {"seconds": trial.row["seconds"]}
            self.trials[number] = trial = again._replace(row=row)
        return trial

    def _split(self, number: int, n_jobs: int | None) -> Trial:
        below, alone = self.fitted(self.smaller[number], n_jobs), self._alone(number)
        if below.model is None or alone.model is None:  # fitted again, without success this time
            return alone
        candidate = self.candidates[number]
        threads = candidate.estimator.n_jobs if count_workers(n_jobs) == 1 else n_jobs
        return run_split(alone, candidate, below.model, self.data, threads)

    def _alone(self, number: int) -> Trial:
        """Return the model of a candidate's independent starts."""
        trial = self.trials[number]
        if trial.model is not None and trial.row["start"] == "independent":
            return trial
        again = self._independent.pop(number, None)
        if again is None:
            again = run_trial(number, self.candidates[number], self.data, None, False)
        if trial.row["start"] == "split":  # that row is not this model's
            return again
        return again._replace(row=trial.row | again.row | {"seconds": trial.row["seconds"]})

    def _fit_again(self, left: Iterable[int], progress: Progress, n_jobs: int | None) -> None:
        """Fit, all at once, what the rest needs and a file knows by its row only."""
        needed = {
            model
            for number in left
            if not self._failed(number) and self._below(number) is not None
            for model in (number, *self._chain(self.smaller[number]))
        }
        again = sorted(number for number in needed if self.trials[number].model is None)
        progress.plan(sum(self.candidates[number].cost for number in again))
        with closing(run_trials(self.candidates, again, self.data, None, n_jobs)) as running:
            for trial in running:
                self._independent[trial.number] = trial
                progress.count(self.candidates[trial.number].cost)

    def _chain(self, number: int) -> Iterator[int]:
        """Yield a candidate and those below it down to the first whose model is at hand or not from splits."""
        yield number
        trial = self.trials[number]
        if trial.model is None and trial.row["start"] == "split":
            yield from self._chain(self.smaller[number])

    def _failed(self, number: int) -> bool:
        return number in self.trials and self.trials[number].row["verdict"] == "FAILED"

    def _below(self, number: int) -> int | None:
        """Return the number of the model with one expert fewer unless it failed."""
        below = self.smaller.get(number)
        return None if below is None or self._failed(below) else below

    def _recalled(self, number: int) -> dict[str, Any] | None:
        return None if self.memory is None else self.memory.find(self._lineage(number), number)

    def _lineage(self, number: int) -> str:
        """Return what the outcome depends on: the settings of the model and of all below it."""
        assert self.memory is not None
        own, below = self.memory.keys[number], self._below(number)
        return own if below is None else hashlib.sha256(f"{own} from {self._lineage(below)}".encode()).hexdigest()
