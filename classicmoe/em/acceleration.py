"""What can be done with plain steps to need fewer of them: one line per accelerator."""

from __future__ import annotations

from typing import Protocol

from classicmoe.em.anderson import Anderson
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem, Triple
from classicmoe.em.squarem import Extrapolation


class Accelerator(Protocol):
    """What the loop asks of an accelerator; it evaluates no pass and decides nothing."""

    def propose(self, first: Triple, second: Triple, third: Triple) -> MixtureParameters | None:
        """Return extrapolated parameters from three triples, each a plain step from the one before, or None."""
        ...

    def learn(self, accepted: bool) -> None:
        """Hear whether the loop kept the leap."""
        ...


def accelerator(name: str, problem: Problem) -> Accelerator | None:
    """Return a fresh accelerator for a climb; None for plain steps only."""
    known = ACCELERATORS[name]
    return None if known is None else known(problem)


ACCELERATORS: dict[str, type[Extrapolation] | type[Anderson] | None] = {
    "squarem": Extrapolation,
    "anderson": Anderson,
    "none": None,
}
