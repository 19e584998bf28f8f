"""Lasso problems whose response is a class: what is different where no column is in."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.em.loop import Control
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.working_set import Solved, parts_of
from classicmoe.lasso.problem import PROHIBITIVE, UNPENALISED, Answer, LassoProblem


class ClassesProblem(LassoProblem):
    """A Lasso problem whose response is a class.

    Without columns a mixture of class frequencies is again class frequencies, whatever the experts: solutions without
    columns are one in which all experts are alike.
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._nulls: dict[int, Solved] = {}

    def null(self) -> Solved:
        """Return the solution without penalised columns in which all experts are alike."""
        k = self.asked.n_experts
        if k not in self._nulls:
            empty = np.zeros(0, dtype=np.intp)
            make = self.terms.make(PROHIBITIVE, PROHIBITIVE)
            mixture, (_, look) = make((empty, empty)), self.wide.on((empty, empty))
            alike = MixtureParameters(mixture.gate.start(k, 1), mixture.expert.start(k, look.ground))
            control = Control(max_iter=self.asked.max_iter, flat=UNPENALISED, by_gain=False)
            self._nulls[k] = self.wide.solve(make, (empty, empty), alike, control)
        return self._nulls[k]

    def grid(
        self, null: Solved, alpha_gate: Any, alpha_expert: Any, ratio: float, share: float, n: int
    ) -> tuple[list[tuple[Any, Any]], int]:
        """Return the grid and the place on it below which columns may enter.

        With derivatives that are the largest of all solutions without columns: one expert has all rows, or the gate
        tells classes apart.
        """
        k = self.asked.n_experts
        _, by_expert = null.gradient
        pooled = by_expert.reshape(k, -1, by_expert.shape[-1]).sum(axis=0)
        largest = np.abs(pooled).max(axis=0)
        if self.terms.kind == "group":
            largest = np.sqrt(np.square(pooled).mean(axis=0))
        apart = 0.5 * np.abs(pooled).sum(axis=0)
        bounds = [np.broadcast_to(bound, (k, len(bound))) for bound in (apart, largest)]
        return super().grid(null._replace(gradient=(bounds[0], bounds[1])), alpha_gate, alpha_expert, ratio, share, n)

    def answer(self, alphas: tuple[Any, Any], solved: Solved, seconds: float = 0.0) -> Answer:
        """Return a solution in the user's units; without columns the one in which all experts are alike."""
        make = self.terms.make(*alphas)
        both = zip(parts_of(make(solved.columns)), solved.params, strict=True)
        if self.asked.n_experts > 1 and not any(part.used(own).any() for part, own in both):
            null = self.null()
            wrong = self.wide.violations(make, null.columns, null.params, null.gradient)
            worst = max(float(own.max(initial=0.0)) for own in wrong)
            if worst == 0.0:
                solved = null._replace(violation=null.outcome.gradient_norm * self.weight)
        return super().answer(alphas, solved, seconds)
