"""What became of the starts of a fit, which of them won, and when two of them found the same thing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from classicmoe.contracts import Array
from classicmoe.em.degenerate import Weak
from classicmoe.em.problem import Triple
from classicmoe.em.split import Independent
from classicmoe.em.status import Status

REACHED = 0.01  # log-likelihood units
# Numbers of runs that did not begin at random: they can win but are not counted.
SHAKEN = 10_000  # the gate's boundaries at good solutions, shaken
SPLIT = 20_000  # an expert of a smaller solution, split
NESTED = 25_000  # a solution on some of the columns
MIRRORED = 30_000  # an expert of the best solution, leaning to the other side


@dataclass(frozen=True)
class Run:
    """One start and what became of it."""

    number: int
    kind: str
    status: Status
    objective: float
    n_passes: int = 0
    seconds: float = 0.0
    path: list[float] = field(default_factory=list)
    triple: Triple | None = None
    gradient_norm: float = np.nan
    weak: list[Weak] = field(default_factory=list)
    reached: bool = False
    reseeded: int = 0
    seed: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the start was run to its end on all rows and did not collapse."""
        return self.status in (Status.CONVERGED, Status.MAX_ITER, Status.STALLED)

    @property
    def suspect(self) -> bool:
        """Whether the solution rests on a spike."""
        return any(weak.spike for weak in self.weak)


@dataclass(frozen=True)
class Fit:
    """The best run and all of them."""

    best: Run
    runs: list[Run]
    interrupted: bool = False
    before: Independent = field(default_factory=Independent)  # starts of an earlier fit, none of which reached the best


def same_partition(a: NDArray[np.intp], b: NDArray[np.intp], weight: Array, n_experts: int) -> bool:
    """Return whether two labellings agree, up to names, on 99 % of the weight."""
    table = np.zeros((n_experts, n_experts))
    np.add.at(table, (a, b), weight)
    rows, columns = linear_sum_assignment(-table)
    return bool(table[rows, columns].sum() >= 0.99 * weight.sum())


def best_run(runs: list[Run]) -> Run:
    """Return the best run; a shaken one only if it is better than all others by more than rounding."""
    ended = [run for run in runs if run.triple is not None]
    independent = [run for run in ended if run.number < SHAKEN]
    best, first = max(ended, key=merit), max(independent or ended, key=merit)
    return best if merit(best)[:2] > merit(first)[:2] or best.objective > first.objective + 1e-5 else first


def merit(run: Run) -> tuple[bool, bool, float]:
    """Any regular solution before any spike, any spike before any collapse, then the objective."""
    return run.status is not Status.DEGENERATE, not run.suspect, run.objective
