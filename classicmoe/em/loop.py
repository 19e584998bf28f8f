"""The loop: take a step, keep it only if the objective did not fall, and know when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from classicmoe.contracts import Array, Step
from classicmoe.em.problem import Problem, Triple
from classicmoe.em.squarem import Extrapolation
from classicmoe.em.status import Status

STEPS: tuple[Step, ...] = ("full", "half", "safe")
WARM_UP = 6  # passes before anything is extrapolated: far from an optimum the map is not yet nearly linear
FLAT_GRADIENT = 1e-10  # per unit of weight, standardised columns


class Control(NamedTuple):
    """When to stop: tolerance, limit on passes, and whether to accelerate."""

    tol: float = 1e-8
    max_iter: int = 1000
    accelerate: bool = True

    def threshold(self, weight: float) -> float:
        """Gain still to come, in log-likelihood units, that is not worth another cycle."""
        return min(self.tol * weight, 1e-3)


class Outcome(NamedTuple):
    """Where a climb ended: the triple, the objectives of all accepted triples, passes, status."""

    triple: Triple
    path: list[float]
    n_passes: int
    status: Status
    gradient_norm: float


class Climb:
    """One climb from one start. Parameters, statistics and objective always move together."""

    def __init__(self, problem: Problem, control: Control, watch: Callable[[Triple], None] | None = None):
        self.problem = problem
        self.control = control
        self.watch = watch
        self.path: list[float] = []
        self.n_passes = 0
        self._starved = 0

    def run(self, start: Triple, n_passes: int = 1) -> Outcome:
        """Climb from a triple; ``n_passes`` counts those that it took to get there."""
        self.path = [start.objective]
        self.n_passes = n_passes
        triple, status = self._cycles(start)
        return Outcome(triple, self.path, self.n_passes, status, self.problem.gradient_norm(triple))

    def _cycles(self, triple: Triple) -> tuple[Triple, Status]:
        extrapolation = Extrapolation(self.problem)
        quiet = 0
        while True:
            cycle = [triple]
            for _ in range(2):
                if self._flat(cycle[-1]):
                    return cycle[-1], Status.CONVERGED
                if self.n_passes >= self.control.max_iter:
                    return cycle[-1], Status.MAX_ITER
                following = self._ascend(cycle[-1])
                if following is None:
                    return cycle[-1], Status.CONVERGED if quiet else Status.STALLED
                cycle.append(following)
                if self._collapsed(following):
                    return following, Status.DEGENERATE
            quiet = quiet + 1 if self._little_left([t.objective for t in cycle]) else 0
            if quiet == 2:
                return cycle[-1], Status.CONVERGED
            triple = cycle[-1]
            if self.control.accelerate and WARM_UP <= self.n_passes < self.control.max_iter:
                proposal = extrapolation.propose(*cycle)
                if proposal is not None:
                    leap = self._evaluate(proposal)
                    accepted = leap.objective >= triple.objective
                    extrapolation.learn(accepted)
                    if accepted:
                        triple = self._accept(leap)

    def _evaluate(self, params: object) -> Triple:
        self.n_passes += 1
        return self.problem.evaluate(params)  # type: ignore[arg-type]

    def _accept(self, triple: Triple) -> Triple:
        self.path.append(triple.objective)
        if self.watch is not None:
            self.watch(triple)
        return triple

    def _ascend(self, triple: Triple) -> Triple | None:
        """Take the first step, from bold to safe, that does not lower the objective by more than rounding."""
        slack = 1e-12 * (1.0 + abs(triple.objective))
        for step in STEPS:
            proposal = self._evaluate(self.problem.update(triple, step))
            if proposal.objective >= triple.objective - slack:
                return self._accept(proposal)
        return None

    def _flat(self, triple: Triple) -> bool:
        return self.problem.gradient_norm(triple) < FLAT_GRADIENT

    def _little_left(self, objectives: list[float]) -> bool:
        """Aitken's estimate of the gain still to come, from two plain steps, is below the threshold."""
        first, second = objectives[1] - objectives[0], objectives[2] - objectives[1]
        threshold = self.control.threshold(self.problem.ground.weight)
        if first > 0.0 and 0.0 < second < first:
            return second * second / (first - second) < threshold
        return max(abs(first), abs(second)) < 1e-10 * (1.0 + abs(objectives[2]))

    def _collapsed(self, triple: Triple) -> bool:
        """An expert at the floor of its scale or without enough rows for three steps running."""
        collapsed = self.problem.collapsed(triple)
        self._starved = self._starved + 1 if collapsed.any() else 0
        return self._starved >= 3


def scaled_difference(a: Array, b: Array) -> float:
    """Largest difference relative to 1 + |b|."""
    return float(np.max(np.abs(a - b) / (1.0 + np.abs(b)), initial=0.0))
