r"""Mixtures of which only rows inside a window were seen: claims above a deductible, counts without zeros.

.. math::

    \log p(y \mid x, \text{seen}) = \log \sum_k g_k(x) f_k(y \mid x) - \log T(x),\qquad
    T(x) = \sum_k g_k(x)\, P_k(\ell < Y \le u \mid x)

The population is truncated after mixing: gate and experts describe all of it. For every row that was seen,
:math:`\kappa = (1 - T) / T` rows of the same x are expected outside. They are rows like others, with responsibilities
:math:`g_k (1 - P_k) / (1 - T)`: gate and experts add up their statistics and never learn of the window.

Source: McLachlan & Jones (1988), Fitting mixture models to grouped and truncated data via the EM algorithm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import Array, Ground, Statistics, Step
from classicmoe.em.mixture import Mixture, MixtureParameters, add_statistics, log_sum_exp
from classicmoe.symmetric import unpack_symmetric

MOST = 30.0  # log of the rows that may be expected outside for one inside


class TruncatedStatistics(NamedTuple):
    """Those of the mixture, seen and unseen rows together, and the packed weighted squares of the gate's columns.

    ``mass`` (K,) and ``log_likelihood`` (1,) are of the rows that were seen.
    """

    gate: Statistics
    expert: Statistics
    mass: Array
    log_likelihood: Array
    gate_gram: Array


class TruncatedMixture(Mixture):
    """A mixture for rows with windows."""

    def _log_seen(self, params: MixtureParameters, block: Any) -> tuple[Array, Array]:
        """Return log P(in the window | x, expert), (K, m), and log P(in the window | x), (m,)."""

        def compute() -> tuple[Array, Array]:
            expert: Any = self.expert
            by_expert = expert.log_seen(params.expert, block)
            return by_expert, log_sum_exp(self.gate.log_prob(params.gate, block) + by_expert)

        return block.once("seen", params, compute)

    def e_step(self, params: MixtureParameters, block: Any) -> tuple[Array, Array, Array, Array]:
        """Return responsibilities, their mass, and the log-density given that the row was seen, in two parts."""
        resp, mass, top, log_total = super().e_step(params, block)
        log_total -= self._log_seen(params, block)[1]
        return resp, mass, top, log_total

    def _unseen(self, params: MixtureParameters, block: Any) -> tuple[Any, Array]:
        """Return the block of unseen rows and their responsibilities times weights, (K, m)."""
        _, log_seen = self._log_seen(params, block)
        other = block.unseen()
        log_joint = self.gate.log_prob(params.gate, block) + self.expert.log_density(params.expert, other)
        log_joint -= np.maximum(log_seen, -MOST)
        resp = block.weight * np.exp(np.minimum(log_joint, MOST))
        other.weight = resp.sum(axis=0)
        return other, resp

    def statistics(self, params: MixtureParameters, block: Any, given: Array | None = None) -> Any:
        """Return the statistics of seen and unseen rows; with ``given`` responsibilities those of the seen ones."""
        if given is not None:
            return TruncatedStatistics(*super().statistics(params, block, given), _gram(block.weight, block))
        other, resp = self._unseen(params, block)
        seen = super().statistics(params, block)
        add_statistics(seen.gate, self.gate.statistics(params.gate, other, resp))
        add_statistics(seen.expert, self.expert.statistics(params.expert, other, resp))
        return TruncatedStatistics(*seen, _gram(block.weight + other.weight, block))

    def update(
        self, params: MixtureParameters, statistics: Any, ground: Ground, step: Step = "full"
    ) -> MixtureParameters:
        """Return the next parameters; the bound of the gate's MM step counts the unseen rows."""
        gram = unpack_symmetric(statistics.gate_gram, len(ground.gate_gram))
        return super().update(params, statistics, ground._replace(gate_gram=gram), step)

    def scores(self, params: MixtureParameters, block: Any) -> Array:
        """Return each row's derivatives of the weighted log-likelihood, (m, n_free)."""
        other, resp = self._unseen(params, block)
        unseen = [self.gate.scores(params.gate, other, resp), self.expert.scores(params.expert, other, resp)]
        return super().scores(params, block) + np.hstack(unseen)


def _gram(weight: Array, block: Any) -> Array:
    """Return the packed sum of w x x' over the gate's columns."""
    width = len(block.gate_columns)
    out = np.zeros((1, width * (width + 1) // 2))
    kernels.moments.add_second_moments(weight[None], block.gate_columns, out)
    return out[0]
