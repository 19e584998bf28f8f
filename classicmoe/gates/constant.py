r"""Constant gating network: mixing weights that do not depend on x (a mixture of regressions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Design, Ground, Step
from classicmoe.gates._log_odds import LogOdds


class ConstantParameters(NamedTuple):
    """Logarithms of the mixing weights (K,)."""

    log_weight: Array


class ConstantStatistics(NamedTuple):
    """Sums of responsibilities (K,)."""

    mass: Array


class ConstantGate(LogOdds, BaseEstimator):
    r"""Mixing weights :math:`g_k(x) = \pi_k`; the exact EM update is the mean responsibility.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("NPreg", return_X_y=True)
    >>> m = MoERegressor(2, gate="constant", random_state=0).fit(X[:, :1], y)
    >>> bool(abs(m.predict_gate(X[:1, :1]).sum() - 1.0) < 1e-12)
    True
    """

    name = "constant"

    def start(self, n_experts: int, width: int) -> ConstantParameters:
        """Return equal weights."""
        return ConstantParameters(np.full(n_experts, -np.log(n_experts)))

    def softened(self, ridge: float) -> ConstantGate:
        """Return itself: there is nothing to soften."""
        return self

    def log_prob(self, params: ConstantParameters, block: Block) -> Array:
        """Return the log weights for every row, (K, m)."""

        def compute() -> Array:
            out = block.scratch("gate log", len(params.log_weight))
            out[:] = params.log_weight[:, None]
            return out

        return block.once("gate log", params, compute)

    def statistics(self, params: ConstantParameters, block: Block, resp: Array) -> ConstantStatistics:
        """Return the sums of responsibilities."""
        return ConstantStatistics(resp.sum(axis=1))

    def update(
        self, params: ConstantParameters, statistics: ConstantStatistics, ground: Ground, step: Step = "full"
    ) -> ConstantParameters:
        """Return the mean responsibilities; an expert without rows keeps a weight of 1e-300."""
        share = statistics.mass / statistics.mass.sum()
        return ConstantParameters(np.log(np.maximum(share, 1e-300)))

    def penalty(self, params: ConstantParameters) -> float:
        """Return 0."""
        return 0.0

    def score(self, params: ConstantParameters, statistics: ConstantStatistics) -> Array:
        """Return the derivative in the contrasts log(pi_k / pi_K)."""
        return (statistics.mass - statistics.mass.sum() * np.exp(params.log_weight))[:-1]

    def scores(self, params: ConstantParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative, (m, K-1)."""
        return (resp - block.weight * np.exp(params.log_weight)[:, None])[:-1].T

    def n_free(self, params: ConstantParameters) -> int:
        """Return K - 1."""
        return len(params.log_weight) - 1

    def pack(self, params: ConstantParameters) -> Array:
        """Return log(pi_k / pi_K)."""
        return params.log_weight[:-1] - params.log_weight[-1]

    def unpack(self, vector: Array, like: ConstantParameters) -> ConstantParameters:
        """Return log weights from contrasts."""
        logits = np.append(vector, 0.0)
        logits -= logits.max()
        return ConstantParameters(logits - np.log(np.exp(logits).sum()))

    def permute(self, params: ConstantParameters, order: NDArray[np.intp]) -> ConstantParameters:
        """Return the weights with experts in another order."""
        return ConstantParameters(params.log_weight[order])

    def to_raw(self, params: ConstantParameters, design: Design) -> ConstantParameters:
        """Return the weights: they have no units."""
        return params

    def from_raw(self, params: ConstantParameters, design: Design) -> ConstantParameters:
        """Return the weights: they have no units."""
        return params

    def attributes(self, params: ConstantParameters) -> dict[str, Array]:
        """Return the mixing weights, and intercepts with the last expert zero."""
        return {
            "gate_weights_": np.exp(params.log_weight),
            "gate_coef_": np.zeros((len(params.log_weight), 0)),
            "gate_intercept_": params.log_weight - params.log_weight[-1],
        }

    def from_attributes(self, attributes: Mapping[str, Array]) -> ConstantParameters:
        """Rebuild the parameters from the fitted attributes."""
        return ConstantParameters(np.log(attributes["gate_weights_"]))
