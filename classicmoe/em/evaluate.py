"""Questions asked of a mixture at given parameters, row by row or summed, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import Array, Design, Response
from classicmoe.em.block import RowBlock
from classicmoe.em.degenerate import ONE_ROW
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.passes import Workers
from classicmoe.em.source import ArraySource, Chunk, Source

# Rows that a separating gate is unsure of, in all. A gate with finite maximum is unsure of one row at least; with a
# gate that separates the sum is the log-likelihood still to be gained, which the stopping rule makes small.
UNSURE = 0.01


def raw_design(table: int, columns: np.ndarray) -> Design:
    """Return the design that takes columns as they are, for parameters in the user's units."""
    n = len(columns)
    return Design(table, columns, np.zeros(n), np.ones(n), np.arange(n), n)


class Evaluator:
    """A mixture at given parameters and the columns that it reads."""

    def __init__(
        self, mixture: Mixture, params: MixtureParameters, gate: Design, expert: Design, response: Response
    ) -> None:
        self.mixture, self.params = mixture, params
        self.designs, self.response = (gate, expert), response

    def _blocks(self, source: Source) -> Iterator[RowBlock]:
        block = RowBlock(*self.designs, self.response, source.chunk_rows)
        for task in source.tasks():
            for chunk in task:
                yield block.load(chunk)

    def collect(self, source: ArraySource, width: int, evaluate: Callable[[RowBlock], Array]) -> Array:
        """Return what ``evaluate`` says of every block, (width, m) each, row by row, (n, width)."""
        out = np.empty((source.n_rows, width))
        start = 0
        for block in self._blocks(source):
            out[start : start + block.m] = evaluate(block).T
            start += block.m
        return out

    def gate(self, source: ArraySource, n_experts: int) -> Array:
        """Return log p(expert | x), (n, K)."""
        return self.collect(source, n_experts, lambda block: self.mixture.gate_given_x(self.params, block)[0])

    def locations(self, source: ArraySource, n_experts: int) -> Array:
        """Return the experts' locations, (n, K, r)."""
        expert, params = self.mixture.expert, self.params.expert
        parts = [expert.location(params, block).reshape(-1, block.m) for block in self._blocks(source)]
        return np.concatenate(parts, axis=1).T.reshape(source.n_rows, n_experts, -1)

    def means(self, source: ArraySource, n_experts: int) -> Array:
        """Return E[y | x, expert], (n, K, q)."""
        q = source.y.shape[1]

        def mean(block: RowBlock) -> Array:
            return self.mixture.expert.mean(self.params.expert, block).reshape(n_experts * q, block.m)

        return self.collect(source, n_experts * q, mean).reshape(-1, n_experts, q)

    def responsibilities(self, source: ArraySource, n_experts: int) -> Array:
        """Return p(expert | x, y), (n, K)."""
        return self.collect(source, n_experts, lambda block: self.mixture.e_step(self.params, block)[0])

    def log_density(self, source: ArraySource) -> Array:
        """Return log p(y | x), (n,)."""
        return self.collect(source, 1, lambda block: self.mixture.log_densities(self.params, block)[0][None])[:, 0]

    def log_densities(self, source: ArraySource) -> tuple[Array, Array]:
        """Return what the engine maximises per row, and the part of it that is of x alone, (n,) each.

        For a gate that does not model x they are log p(y | x) and 0.
        """
        both = self.collect(source, 2, lambda block: np.stack(self.mixture.log_densities(self.params, block)))
        return both.sum(axis=1), both[:, 1]

    def totals(self, source: Source, n_workers: int = 1) -> Totals:
        """Return log-likelihood, entropy of the responsibilities, masses and what the gate is unsure of."""

        def work(block: RowBlock, task: list[Chunk]) -> Array:
            return sum((self._totals(block.load(chunk)) for chunk in task[1:]), self._totals(block.load(task[0])))

        workers = Workers(source, lambda: RowBlock(*self.designs, self.response, source.chunk_rows), n_workers)
        total = np.sum(list(workers.run(work)), axis=0)
        workers.close()
        conditional, maximised, entropy, unsure, weight = total[:5].tolist()
        return Totals(conditional, maximised, entropy, unsure, weight, total[5:])

    def _totals(self, block: RowBlock) -> Array:
        log_gate, _ = self.mixture.gate_given_x(self.params, block)
        unsure = -float(block.weight @ np.expm1(log_gate.max(axis=0)))
        resp, mass, top, log_total = self.mixture.e_step(self.params, block)
        joint = conditional = kernels.mixture.weighted_sum(block.weight, top, log_total)
        if self.mixture.gate.joint:
            given_x, _ = self.mixture.log_densities(self.params, block)
            conditional = kernels.mixture.weighted_sum(block.weight, given_x, np.zeros_like(given_x))
        # sum of r log(r / w): rows of weight zero and experts of (almost) no responsibility add nothing.
        ratio = np.divide(resp, block.weight, out=np.ones_like(resp), where=resp > 0.0)
        entropy = -float(np.sum(resp * np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0.0)))
        return np.concatenate([[conditional, joint, entropy, unsure, block.weight.sum()], mass])


class Totals(NamedTuple):
    """Sums over rows: log p(y | x), entropy, what the gate is unsure of, weight, mass per expert (K,).

    ``maximised`` is the likelihood that the engine maximises: log p(x, y) if the gate models x.
    """

    log_likelihood: float
    maximised: float
    entropy: float
    unsure: float
    weight: float
    mass: Array

    @property
    def gate_separated(self) -> bool:
        """Whether the gate leaves no row in doubt, and not because one expert has all of them."""
        return self.unsure < UNSURE and int(np.count_nonzero(self.mass > ONE_ROW)) > 1
