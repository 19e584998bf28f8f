"""A grid at work: what is to be fitted, what is finished, and which model wins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from classicmoe.em.source import Batches
from classicmoe.exceptions import (
    ConfigurationError,
    DegenerateComponentWarning,
    DoubtfulSlopeWarning,
    DroppedModelsWarning,
    GateSeparatedWarning,
    NoAdmissibleModelError,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)
from classicmoe.selection.by_slope import heuristic_of_rows, not_counted, refuse_before_fitting, with_slope
from classicmoe.selection.choice import choose, why_not
from classicmoe.selection.comparable import (
    refuse_class_weights,
    refuse_different_columns,
    refuse_different_measures,
    refuse_different_rows,
    refuse_different_settings,
)
from classicmoe.selection.families import families
from classicmoe.selection.fingerprint import fingerprint_data, fingerprint_model
from classicmoe.selection.grid import FOR_SLOPE, expand, grid_seed
from classicmoe.selection.growing import Growth
from classicmoe.selection.rows import Data, check_rows, make_splits
from classicmoe.selection.runner import Callback, Progress, run_trials
from classicmoe.selection.state import Memory, State
from classicmoe.selection.trial import Trial
from classicmoe.slope.both import SlopeHeuristic

Caught = tuple[type[Warning], str]

# What a fit says about its own solution; of the losers the table says it.
_OF_THE_SOLUTION = (
    DegenerateComponentWarning,
    DoubtfulSlopeWarning,
    DroppedModelsWarning,
    GateSeparatedWarning,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)
_OF_THE_WINNER: dict[str, tuple[type[Warning], str]] = {
    "NOT REPLICATED": (NotReplicatedWarning, ""),  # the sentence has the cure
    "WEAK": (SuspectSolutionWarning, " Look at these rows; fewer experts or columns, or more rows, would help."),
    "SUSPECT": (SuspectSolutionWarning, " No model of the grid does without a spike: use fewer experts."),
    "NOT CONVERGED": (NotConvergedWarning, " Raise max_iter: its likelihood, and perhaps its place, may still change."),
}


class Search:
    """The models of a grid on fixed rows.

    Parameters
    ----------
    estimator : unfitted mixture of experts
    param_grid, criterion, cv, resume
        As in MoESelector.
    data : Data
    contrast : str, default="conditional"
        As in MoESelector.

    Attributes
    ----------
    candidates : list of Candidate
    trials : dict of int to Trial
        What is finished, by number of the candidate.
    slope : SlopeHeuristic or None
        Of the finished candidates in their order, once :meth:`winner` asked it.

    Raises
    ------
    ConfigurationError, DataError, NotComparableError, ModelFileError
        Before anything is fitted.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        criterion: str,
        cv: Any,
        resume: Any,
        data: Data,
        contrast: str = "conditional",
    ):
        self.criterion, self.data, self.contrast = criterion, data, contrast
        self.trials: dict[int, Trial] = {}
        self.slope: SlopeHeuristic | None = None
        state = None if resume is None else State(resume)
        seed = grid_seed(estimator.random_state, None if state is None else state.seed)
        self.candidates = expand(
            estimator, FOR_SLOPE if param_grid is None and criterion == "slope" else param_grid, seed
        )
        models, names = [c.estimator for c in self.candidates], [c.name for c in self.candidates]
        refuse_different_measures(models, names)
        if criterion != "cv":  # else held-out log p(y | x) is the same thing for all
            refuse_different_settings(models, names)
            refuse_class_weights(models, names, criterion)
        if criterion == "slope":
            refuse_before_fitting(models, names, contrast)
        columns = check_rows(self.candidates, data)
        if criterion != "cv":
            refuse_different_columns(models, names, [gate for gate, _ in columns])
        self._splits = make_splits(estimator, cv, data, seed) if criterion == "cv" or cv is not None else None
        self._memory = None if state is None else self._resume(state, seed)
        self._growth = Growth(self.candidates, columns, self.trials, data, self._memory)
        self._growth.recall()

    def _resume(self, state: State, seed: int) -> Memory:
        if isinstance(self.data.X, Batches):
            raise ConfigurationError("resume= needs arrays or data frames: batches cannot be recognised again.")
        keys = [fingerprint_model(candidate.estimator, self._splits) for candidate in self.candidates]
        state.begin(fingerprint_data(*self.data[:3], *self.data.beside.values()), seed)
        memory = Memory(state, self.candidates, keys)
        for number, key in enumerate(keys):
            row = memory.find(key, number)
            if row is not None:
                self.trials[number] = Trial(number, row, None, [])
        return memory

    def run(self, n_jobs: int | None, verbose: int, callback: Callback | None) -> None:
        """Fit what is not finished; whatever ends it early, ``trials`` holds the models that ended before."""
        left = [number for number in range(len(self.candidates)) if number not in self.trials]
        to_grow = self._growth.left()
        work = sum(self.candidates[i].cost for i in left) + self._growth.cost(to_grow)
        total = len(self.candidates) + len(self._growth.order)
        progress = Progress(total, total - len(left) - len(to_grow), work, self.criterion, verbose, callback)
        with closing(run_trials(self.candidates, left, self.data, self._splits, n_jobs)) as running:
            for trial in running:
                self.trials[trial.number] = trial
                candidate = self.candidates[trial.number]
                if self._memory is not None:
                    self._memory.add(self._memory.keys[trial.number], trial.number, trial.row)
                progress.tell(trial, candidate.name, candidate.cost)
        self._growth.run(to_grow, progress, n_jobs)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the finished candidates, in the grid's order."""
        return sorted(self.trials)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table of the finished candidates."""
        rows = [self.trials[number].row for number in self.numbers]
        return with_slope(rows, self.slope, self.contrast) if self.criterion == "slope" else rows

    @property
    def _short_names(self) -> list[str]:
        return [self.candidates[number].short_name for number in self.numbers]

    def _choose(self) -> int | None:
        """Return the position of the best of the finished candidates."""
        if self.criterion == "slope":
            place = {number: position for position, number in enumerate(self.numbers)}
            chains = [[place[i] for i in family if i in place] for family in families(self.candidates)]
            self.slope = heuristic_of_rows(self.rows, self._short_names, self.contrast, chains)
            return self.slope.selected
        return choose(self.rows, self.criterion)

    def winner(self) -> int:
        """Return the number of the best candidate, fitted.

        One that came from a state file is fitted again, which gives the same model: seed and rows are the same. Its row
        is written anew all the same, and the choice made again.

        Raises
        ------
        NotComparableError
            The models stand on different rows.
        NoAdmissibleModelError, TooFewModelsError
            No model can be chosen, or too few to see a slope; with the reason for each.
        """
        fitted = [number for number in self.numbers if self.trials[number].row["verdict"] != "FAILED"]
        refuse_different_rows([self.trials[i].row for i in fitted], [self.candidates[i].name for i in fitted])
        while True:
            position = self._choose()
            if position is None:
                raise NoAdmissibleModelError(self._reasons())
            number = self.numbers[position]
            if self.trials[number].model is not None:
                return number
            self._growth.fitted(number)

    def _reasons(self) -> str:
        reasons = [
            f"  {self.candidates[number].name}: {why_not(row, self.criterion)}"
            for number, row in zip(self.numbers, self.rows, strict=True)
        ]
        return "\n".join([f"No model of the grid can be chosen by {self.criterion}:", *reasons])

    def remarks(self, winner: int) -> Iterator[Caught]:
        """Yield the warnings of a finished grid: about the data once, about a solution only that of the winner."""
        seen = set()
        for number in self.numbers:
            for category, message in self.trials[number].caught:
                if not issubclass(category, _OF_THE_SOLUTION) and (category, message) not in seen:
                    seen.add((category, message))
                    yield category, message
        yield from self._about_slope()
        trial = self.trials[winner]
        yield from (remark for remark in trial.caught if remark[0] is GateSeparatedWarning)
        level, name = trial.row["verdict"], self.candidates[winner].name
        if level in _OF_THE_WINNER:
            category, cure = _OF_THE_WINNER[level]
            yield category, f"The model chosen by {self.criterion} ({name}) is {level}: {trial.row['sentence']}.{cure}"

    def _about_slope(self) -> Iterator[Caught]:
        if self.slope is not None:
            dropped = not_counted(self.rows, self._short_names)
            for sentence in self.slope.warnings:
                yield (DroppedModelsWarning if sentence == dropped else DoubtfulSlopeWarning), sentence
