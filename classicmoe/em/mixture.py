r"""The mixture: a gate and a family of experts seen as one density.

.. math::

    p(y \mid x) = \sum_k g_k(x) f_k(y \mid x)

The only E-step of the package: fitting, scoring, prediction and inference all come here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array, Block, Expert, Gate, Ground, Parameters, Statistics, Step


class MixtureParameters(NamedTuple):
    """Parameters of the gate and of the experts."""

    gate: Parameters
    expert: Parameters


class MixtureStatistics(NamedTuple):
    """Additive statistics of both, the experts' masses (K,) and the log-likelihood (1,)."""

    gate: Statistics
    expert: Statistics
    mass: Array
    log_likelihood: Array


class Mixture(NamedTuple):
    """A gate and a family of experts."""

    gate: Gate
    expert: Expert

    def e_step(self, params: MixtureParameters, block: Block) -> tuple[Array, Array, Array, Array]:
        """Return responsibilities (K, m) that sum to the rows' weights, their mass (K,), and log p(y | x) in two parts.

        The row's log-density is the sum of the last two arrays, (m,) each.
        """
        log_gate = self.gate.log_prob(params.gate, block)
        log_density = self.expert.log_density(params.expert, block)
        resp = block.scratch("responsibilities", len(log_gate))
        top, total, log_total = block.scratch("mixture rows", 3)
        mass = np.zeros(len(log_gate))
        if kernels.mixture.add_and_shift(log_gate, log_density, resp, top) == -np.inf:
            # Every density of a row underflows: what y would say is lost, the gate remains.
            lost = np.isneginf(top)
            resp[:, lost] = self.gate_given_x(params, block)[0][:, lost]
        np.exp(resp, out=resp)
        kernels.mixture.sum_over_experts(resp, total)
        np.log(total, out=log_total)
        kernels.mixture.responsibilities(resp, total, block.weight, mass)
        return resp, mass, top, log_total

    def gate_given_x(self, params: MixtureParameters, block: Block) -> tuple[Array, Array]:
        """Return log p(expert | x), (K, m), and the log-density of x under the gate, (m,): 0 if the gate has none."""
        log_gate = self.gate.log_prob(params.gate, block)
        if not self.gate.joint:
            return log_gate, np.zeros(block.weight.shape)
        log_x = log_sum_exp(log_gate)
        given = log_gate - np.where(np.isneginf(log_x), 0.0, log_x)
        given[:, np.isneginf(log_x)] = -np.log(len(given))  # beyond all densities: x says nothing
        return given, log_x

    def log_densities(self, params: MixtureParameters, block: Block) -> tuple[Array, Array]:
        """Return log p(y | x) and log p(x), 0 if the gate does not model x, (m,) each; their sum is maximised.

        Far from all densities log p(x) is huge: log p(y | x) is not the difference of two such numbers.
        """
        if not self.gate.joint:
            _, _, top, log_total = self.e_step(params, block)
            return top + log_total, np.zeros(block.weight.shape)
        log_gate, log_x = self.gate_given_x(params, block)
        return log_sum_exp(log_gate + self.expert.log_density(params.expert, block)), log_x

    def statistics(self, params: MixtureParameters, block: Block, given: Array | None = None) -> MixtureStatistics:
        """Return the additive statistics of a block; ``given`` responsibilities replace those of the E-step."""
        if given is None:
            resp, mass, top, log_total = self.e_step(params, block)
            log_likelihood = kernels.mixture.weighted_sum(block.weight, top, log_total)
        else:
            resp, mass, log_likelihood = given, given.sum(axis=1), np.nan
        return MixtureStatistics(
            self.gate.statistics(params.gate, block, resp),
            self.expert.statistics(params.expert, block, resp),
            mass,
            np.array([log_likelihood]),
        )

    def update(
        self, params: MixtureParameters, statistics: MixtureStatistics, ground: Ground, step: Step = "full"
    ) -> MixtureParameters:
        """Return the next parameters of gate and experts."""
        return MixtureParameters(
            self.gate.update(params.gate, statistics.gate, ground, step),
            self.expert.update(params.expert, statistics.expert, ground, step),
        )

    def penalty(self, params: MixtureParameters) -> float:
        """Return the sum of the penalties."""
        return self.gate.penalty(params.gate) + self.expert.penalty(params.expert)

    def score(self, params: MixtureParameters, statistics: MixtureStatistics) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters."""
        by_gate = self.gate.score(params.gate, statistics.gate)
        return np.concatenate([by_gate, self.expert.score(params.expert, statistics.expert)])

    def scores(self, params: MixtureParameters, block: Block) -> Array:
        """Return each row's derivatives of the weighted log-likelihood, (m, n_free)."""
        resp, *_ = self.e_step(params, block)
        by_gate = self.gate.scores(params.gate, block, resp)
        return np.hstack([by_gate, self.expert.scores(params.expert, block, resp)])

    def n_free(self, params: MixtureParameters) -> int:
        """Return the number of free parameters."""
        return self.gate.n_free(params.gate) + self.expert.n_free(params.expert)

    def pack(self, params: MixtureParameters) -> Array:
        """Return the free parameters as an unconstrained vector."""
        return np.concatenate([self.gate.pack(params.gate), self.expert.pack(params.expert)])

    def unpack(self, vector: Array, like: MixtureParameters) -> MixtureParameters:
        """Invert :meth:`pack`."""
        cut = self.gate.n_free(like.gate)
        return MixtureParameters(
            self.gate.unpack(vector[:cut], like.gate), self.expert.unpack(vector[cut:], like.expert)
        )

    def permute(self, params: MixtureParameters, order: NDArray[np.intp]) -> MixtureParameters:
        """Return the parameters with experts in another order."""
        return MixtureParameters(self.gate.permute(params.gate, order), self.expert.permute(params.expert, order))


def log_sum_exp(values: Array) -> Array:
    """Return the logarithm of the sum over experts (first axis) of exp(values)."""
    top = values.max(axis=0)
    shift = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        return np.asarray(shift + np.log(np.exp(values - shift).sum(axis=0)))


def add_mixture_statistics(total: MixtureStatistics, more: MixtureStatistics) -> MixtureStatistics:
    """Add ``more`` to ``total`` in place and return it."""
    add_statistics(total, more)
    return total


def add_statistics(total: Statistics, more: Statistics) -> None:
    """Add ``more`` to ``total`` in place."""
    for x, z in zip(total, more, strict=True):
        if isinstance(x, tuple):
            add_statistics(x, z)
        elif x is not None:
            np.add(x, z, out=x)
