"""The slopes that a Lasso has chosen, fitted once more without penalty."""

from __future__ import annotations

from copy import copy

import numpy as np

from classicmoe.contracts import Array
from classicmoe.lasso.problem import Answer, LassoProblem


def refitted(problem: LassoProblem, answer: Answer) -> tuple[LassoProblem, Answer]:
    """Return the problem in which slopes of zero stay zero and others are free, and its solution near a Lasso's.

    A Lasso pulls all slopes towards zero, those that matter as well; without penalty on its support they are what
    maximum likelihood says of a model with these columns. In the symmetric form of the gate every column has a slope of
    zero, so that the level of the others is known.
    """
    mixture = problem.terms.make(answer.alpha_gate, answer.alpha_expert)(None)
    published = mixture.gate.attributes(answer.params.gate) | mixture.expert.attributes(answer.params.expert)
    gate, expert = (
        _held(published[f"{side}_coef_"][..., design.kept])
        for side, design in zip(("gate", "expert"), problem.wide.designs, strict=True)
    )
    free = copy(problem)
    free.terms = problem.terms._replace(kind="l1", options={}, gate_weights=gate, expert_weights=expert)
    path = free.path([(0.0, 0.0)])
    solved, seconds = path.solve(0, answer.solved, exact=True)
    return free, free.answer((0.0, 0.0), solved, seconds)


def _held(coef: Array) -> Array:
    """Return the weights of a penalty that holds slopes of zero and leaves the others free."""
    return np.where(coef == 0.0, np.inf, 0.0)
