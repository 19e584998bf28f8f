"""The loop: take a step, keep it only if the objective did not fall, and know when to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from classicmoe.em.acceleration import Accelerator, accelerator
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem, Triple
from classicmoe.em.status import Status

WARM_UP = 6  # passes before anything is extrapolated: far from an optimum the map is not yet nearly linear
# Fast directions, which leaps stir up, hide a slow one from Aitken's estimate: at the end only plain steps are taken,
CONFIRMING = 4  # of them,
SLOW = 0.02  # and the last may gain so much of the threshold: at a rate of 0.98 per step no more than that is left,
SURELY = 1e-3  # unless gains are so small already that a rate of 0.999 would do
FLAT_GRADIENT = 1e-10  # per unit of weight, standardised columns


class Control(NamedTuple):
    """When to stop: tolerance, limit on passes, how to accelerate, and what derivative per weight is flat.

    Without ``by_gain`` only a flat gradient ends a climb: the gain still to come is of second order in it and no
    measure of how well the conditions of optimality hold.
    """

    tol: float = 1e-8
    max_iter: int = 1000
    acceleration: str = "squarem"
    flat: float = FLAT_GRADIENT
    by_gain: bool = True

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
        if self.problem.collapsed(triple).any():
            status = Status.DEGENERATE  # also when nothing could be gained, or no pass was left, before the third step
        return Outcome(triple, self.path, self.n_passes, status, self.problem.gradient_norm(triple))

    def _cycles(self, triple: Triple) -> tuple[Triple, Status]:
        """Repeat cycles of two plain steps and a leap until the rule is met or nothing can be gained."""
        leaps = accelerator(self.control.acceleration, self.problem)
        quiet = 0
        while True:
            cycle = [triple]
            for _ in range(2):
                following, status = self._step(cycle[-1], quiet)
                if status is not None:
                    return following, status
                cycle.append(following)
            quiet = quiet + 1 if self._little_left([t.objective for t in cycle]) else 0
            if quiet == 2:
                cycle, status = self._confirm(cycle)
                if status is not None:
                    return cycle[-1], status
                quiet = 0
            triple = self._leap(leaps, cycle)

    def _confirm(self, cycle: list[Triple]) -> tuple[list[Triple], Status | None]:
        """Take plain steps until only what is slow is left, and end the climb if the rule is met then as well.

        Returns the last three triples, each a plain step from the one before.
        """
        threshold = self.control.threshold(self.problem.ground.weight)
        if cycle[2].objective - cycle[1].objective < SURELY * threshold:
            return cycle, Status.CONVERGED
        for _ in range(CONFIRMING):
            following, status = self._step(cycle[-1], 2)
            if status is not None:
                return [*cycle[1:], following], status
            cycle = [*cycle[1:], following]
        slow = cycle[2].objective - cycle[1].objective < SLOW * threshold
        return cycle, Status.CONVERGED if slow and self._little_left([t.objective for t in cycle]) else None

    def _step(self, triple: Triple, quiet: int) -> tuple[Triple, Status | None]:
        """Take one plain step, or say why the climb ends here."""
        if self.problem.gradient_norm(triple) < self.control.flat:
            return triple, Status.CONVERGED
        if self.n_passes >= self.control.max_iter:
            return triple, Status.MAX_ITER
        following = self._ascend(triple)
        if following is None and self.n_passes >= self.control.max_iter:
            return triple, Status.MAX_ITER
        if following is None:
            return triple, Status.CONVERGED if quiet else Status.STALLED
        return following, Status.DEGENERATE if self._collapsed(following) else None

    def _leap(self, leaps: Accelerator | None, cycle: list[Triple]) -> Triple:
        """Try an extrapolation from the cycle; keep it only if it is not below the cycle's end."""
        end = cycle[-1]
        if leaps is None or not WARM_UP <= self.n_passes < self.control.max_iter:
            return end
        proposal = leaps.propose(*cycle)
        if proposal is None:
            return end
        leap = self._evaluate(proposal)
        # Below the floor the objective can be higher than at it: no step could follow.
        accepted = leap.objective >= end.objective and not self.problem.at_floor(leap)
        leaps.learn(accepted)
        return self._accept(leap) if accepted else end

    def _evaluate(self, params: MixtureParameters) -> Triple:
        self.n_passes += 1
        return self.problem.evaluate(params)

    def _accept(self, triple: Triple) -> Triple:
        self.path.append(triple.objective)
        if self.watch is not None:
            self.watch(triple)
        return triple

    def _ascend(self, triple: Triple) -> Triple | None:
        """Take the first step, from bold to safe, that does not lower the objective by more than rounding."""
        slack = 1e-12 * (1.0 + abs(triple.objective))
        for step in self.problem.steps:
            if self.n_passes >= self.control.max_iter:
                return None
            proposal = self._evaluate(self.problem.update(triple, step))
            if proposal.objective >= triple.objective - slack:
                return self._accept(proposal)
        return None

    def _little_left(self, objectives: list[float]) -> bool:
        """Aitken's estimate of the gain still to come, from two plain steps, is below the threshold."""
        if not self.control.by_gain:
            return False
        first, second = objectives[1] - objectives[0], objectives[2] - objectives[1]
        threshold = self.control.threshold(self.problem.ground.weight)
        if first > 0.0 and 0.0 < second < first:
            return second * second / (first - second) < threshold
        return max(abs(first), abs(second)) < 1e-10 * (1.0 + abs(objectives[2]))

    def _collapsed(self, triple: Triple) -> bool:
        """Tell whether an expert was at the floor of its scale or starved of rows for three steps running."""
        collapsed = self.problem.collapsed(triple)
        self._starved = self._starved + 1 if collapsed.any() else 0
        return self._starved >= 3
