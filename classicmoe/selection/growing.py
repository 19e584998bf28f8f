"""Larger models started from smaller ones: what makes the models of a grid a collection.

After its independent starts every model is started again from splits of the model with one expert fewer and from the
model with as many experts on fewer columns, in ascending order of size, so that a larger model does not do worse by bad
luck. Models that this does not improve stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from classicmoe.em.threads import count_workers
from classicmoe.selection.families import nested, siblings
from classicmoe.selection.grid import Candidate
from classicmoe.selection.rows import Columns, Data
from classicmoe.selection.runner import Progress, run_trials
from classicmoe.selection.state import Memory
from classicmoe.selection.trial import Grown, Trial, run_grown, run_trial

_FROM: dict[Grown, str] = {"split": "splits", "nested": "fewer columns"}


class Growth:
    """Starts from smaller models on top of finished independent fits.

    Parameters
    ----------
    candidates : sequence of Candidate
    columns : sequence of (list of str, list of str)
        What gate and experts of every candidate see.
    trials : dict of int to Trial
        Finished models by number of the candidate; improved ones are replaced here.
    data : Data
    memory : Memory or None
        Where finished models are kept.

    Attributes
    ----------
    order : list of int
        Numbers of the candidates that are started from smaller ones, these before those that contain them.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        columns: Sequence[Columns],
        trials: dict[int, Trial],
        data: Data,
        memory: Memory | None,
    ):
        self.candidates, self.trials, self.data, self.memory = candidates, trials, data, memory
        self._split, self._nested = siblings(candidates), nested(candidates, columns)
        size = {i: (candidates[i].estimator.n_experts, len(columns[i][1]), i) for i in {*self._split, *self._nested}}
        self.order = sorted(size, key=lambda number: size[number])
        self._independent: dict[int, Trial] = {}  # fitted again, their rows came from a file

    def cost(self, numbers: Iterable[int]) -> float:
        """Return what it costs to start these candidates from smaller ones."""
        return sum(
            self.candidates[i].split_cost * (i in self._split) + self.candidates[i].nested_cost * (i in self._nested)
            for i in numbers
        )

    def recall(self) -> None:
        """Take outcomes from the memory, as far as it has them."""
        for number in self.order:
            row = None if number not in self.trials else self._recalled(number)
            if row is not None:
                trial = self.trials[number]
                model = trial.model if row["start"] == trial.row["start"] else None
                self.trials[number] = trial._replace(row=trial.row | row, model=model)

    def left(self) -> list[int]:
        """Return the numbers of the candidates still to be started from smaller ones; small models come first."""
        return [number for number in self.order if self._recalled(number) is None]

    def run(self, planned: Sequence[int], progress: Progress, n_jobs: int | None) -> None:
        """Start models from smaller ones and keep what is better."""
        self.recall()  # after a failure the chain of models is another one, which may be known
        left = set(self.left())
        self._fit_again(left, progress, n_jobs)
        for number in planned:
            cost, below = self.cost([number]), self._below(number)
            if number not in left or self._failed(number) or not below:
                progress.skip(cost)
                continue
            trial = self._grown(number, n_jobs)
            self.trials[number] = trial
            if self.memory is not None:
                self.memory.add(self._lineage(number), number, trial.row)
            how = " and ".join(_FROM[how] for how in below)
            progress.tell(trial, f"{self.candidates[number].name}, from {how}", cost)

    def fitted(self, number: int, n_jobs: int | None = None) -> Trial:
        """Return a finished candidate with its model; one whose row came from a file is fitted again."""
        trial = self.trials[number]
        if trial.model is None and trial.row["verdict"] != "FAILED":
            again = self._alone(number) if trial.row["start"] == "independent" else self._grown(number, n_jobs)
            row = trial.row | again.row | {"seconds": trial.row["seconds"]}
            self.trials[number] = trial = again._replace(row=row)
        return trial

    def _grown(self, number: int, n_jobs: int | None) -> Trial:
        """Return the best of a candidate's independent starts and those from smaller models."""
        candidate = self.candidates[number]
        threads = candidate.estimator.n_jobs if count_workers(n_jobs) == 1 else n_jobs
        below = {how: self.fitted(smaller, n_jobs) for how, smaller in self._below(number).items()}
        trial = self._alone(number)
        for how, smaller in below.items():
            if smaller.model is not None and trial.model is not None:  # fitted again, without success this time
                trial = run_grown(trial, candidate, how, smaller.model, self.data, threads)
        return trial

    def _alone(self, number: int) -> Trial:
        """Return the model of a candidate's independent starts."""
        trial = self.trials[number]
        if trial.model is not None and trial.row["start"] == "independent":
            return trial
        again = self._independent.pop(number, None)
        if again is None:
            again = run_trial(number, self.candidates[number], self.data, None, False)
        if trial.row["start"] != "independent":  # that row is not this model's
            return again
        return again._replace(row=trial.row | again.row | {"seconds": trial.row["seconds"]})

    def _fit_again(self, left: Iterable[int], progress: Progress, n_jobs: int | None) -> None:
        """Fit, all at once, what the rest needs and a file knows by its row only."""
        needed: set[int] = set()
        for number in left:
            below = self._below(number)
            if not self._failed(number) and below:
                needed.add(number)
                for smaller in below.values():
                    self._add_chain(smaller, needed)
        again = sorted(number for number in needed if self.trials[number].model is None)
        progress.plan(sum(self.candidates[number].cost for number in again))
        with closing(run_trials(self.candidates, again, self.data, None, n_jobs)) as running:
            for trial in running:
                self._independent[trial.number] = trial
                progress.count(self.candidates[trial.number].cost)

    def _add_chain(self, number: int, needed: set[int]) -> None:
        """Add a candidate and those below it down to the first whose model is at hand or from independent starts."""
        if number in needed:
            return
        needed.add(number)
        trial = self.trials[number]
        if trial.model is None and trial.row["start"] != "independent":
            for smaller in self._below(number).values():
                self._add_chain(smaller, needed)

    def _failed(self, number: int) -> bool:
        return number in self.trials and self.trials[number].row["verdict"] == "FAILED"

    def _below(self, number: int) -> dict[Grown, int]:
        """Return the smaller models that a candidate is started from, but for those that failed."""
        both: dict[Grown, int | None] = {"split": self._split.get(number), "nested": self._nested.get(number)}
        return {how: below for how, below in both.items() if below is not None and not self._failed(below)}

    def _recalled(self, number: int) -> dict[str, Any] | None:
        return None if self.memory is None else self.memory.find(self._lineage(number), number)

    def _lineage(self, number: int, known: dict[int, str] | None = None) -> str:
        """Return what the outcome depends on: the settings of the model and of all below it."""
        assert self.memory is not None
        known = {} if known is None else known  # many ways lead down to the same model
        if number not in known:
            own = self.memory.keys[number]
            below = " and ".join(self._lineage(smaller, known) for smaller in self._below(number).values())
            known[number] = hashlib.sha256(f"{own} from {below}".encode()).hexdigest() if below else own
        return known[number]
