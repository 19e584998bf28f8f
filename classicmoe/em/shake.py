"""Shaken boundaries: a local search for gates that separate experts (almost) perfectly.

A sharp gate has a local optimum for nearly every row at which its boundary can lie. Starting again from the best
solutions with the gate softened and moved a little finds the neighbouring ones at little cost. Such runs can improve
the result but say nothing about how often independent starts reach it; they are not counted in the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.problem import Triple
from classicmoe.em.sample import Sample

SOLUTIONS = 3
DRAWS = 4
SOFTER = 0.3  # factor on the gate's packed coefficients
MOVE = 0.04  # standard deviation of the move, relative to the largest coefficient
SHARE = 0.9  # of the rows that a sharp gate decides
DECIDED = 1e-6


class Solved(Protocol):
    """A run that has ended at a triple."""

    @property
    def triple(self) -> Triple | None:
        """Where it ended."""
        ...

    @property
    def objective(self) -> float:
        """The objective there."""
        ...


def is_sharp(mixture: Mixture, triple: Triple | None, sample: Sample) -> bool:
    """Return whether the gate is surer than 1 - 1e-6 on 90 % of the weight."""
    if triple is None or len(triple.mass) == 1 or mixture.gate.joint:
        return False
    if mixture.gate.n_free(triple.params.gate) < len(triple.mass):
        return False  # no columns, no boundary
    log_prob = mixture.gate.log_prob(triple.params.gate, sample.block)
    decided = log_prob.max(axis=0) > np.log1p(-DECIDED)
    return bool(sample.weight[decided].sum() > SHARE * sample.weight.sum())


def shake(mixture: Mixture, runs: Sequence[Solved]) -> list[MixtureParameters]:
    """Return starting parameters around the best distinct solutions, always the same for the same runs."""
    ranked: list[Solved] = []
    for run in sorted(runs, key=lambda run: run.objective, reverse=True):
        if all(abs(run.objective - other.objective) > 1e-3 for other in ranked):
            ranked.append(run)
    rng = np.random.default_rng(len(runs))
    moved = []
    for run in ranked[:SOLUTIONS]:
        assert run.triple is not None
        params = run.triple.params
        vector = mixture.gate.pack(params.gate)
        for _ in range(DRAWS):
            move = MOVE * np.abs(vector).max() * rng.normal(size=len(vector))
            moved.append(params._replace(gate=mixture.gate.unpack(SOFTER * (vector + move), params.gate)))
    return moved
