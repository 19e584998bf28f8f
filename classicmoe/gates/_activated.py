"""The parameters of an activation gate: which are free, as fitted attributes and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Design
from classicmoe.gates._log_odds import LogOdds

Name = Literal["gelu", "tanh", "sigmoid", "softplus", "identity"]
ODD = ("tanh", "sigmoid")  # up to a constant


class ActivationParameters(NamedTuple):
    """Coefficients (K, p) inside the activation, the intercept first, and intercepts (K,) outside that sum to zero."""

    coef: Array
    outer: Array


class Activated(LogOdds):
    """Coefficients inside an activation and intercepts outside of it."""

    activation: Name
    intercept: Literal["outside", "inside"]
    temperature: float

    @property
    def _outside(self) -> bool:
        return self.intercept == "outside"

    def _centred(self, coef: Array, outer: Array) -> ActivationParameters:
        """Return the symmetric form of what can be moved without changing the gate."""
        if self.activation == "identity":
            coef = coef - coef.mean(axis=0)
        return ActivationParameters(coef, outer - outer.mean())

    def _packed(self, inner: Array, outer: Array, rest: int = 0) -> Array:
        """Return the free ones of inner (K, p, ...) and outer (K, ...) as a vector, or with ``rest`` axes more."""
        tail = inner.shape[2:] if rest else ()
        if len(inner) == 1:
            return np.zeros((0, *tail))  # one expert is asked whatever the scores
        experts = slice(-1) if self.activation == "identity" else slice(None)
        inner = inner[experts, 1 if self._outside else 0 :]
        parts = [inner.reshape(inner.shape[0] * inner.shape[1], *tail)]
        if self._outside:
            parts.append(outer[:-1])
        return np.concatenate(parts)

    def n_free(self, params: ActivationParameters) -> int:
        """Return K (p - 1) + K - 1 with the intercepts outside, K p inside; (K - 1) p for the identity."""
        n_experts, width = params.coef.shape
        if self.activation == "identity" or n_experts == 1:
            return (n_experts - 1) * width
        return n_experts * width - self._outside

    def pack(self, params: ActivationParameters) -> Array:
        """Return inner coefficients, then the contrasts of the outer intercepts with the last expert's."""
        coef = params.coef - params.coef[-1] if self.activation == "identity" else params.coef
        return self._packed(coef, params.outer - params.outer[-1])

    def unpack(self, vector: Array, like: ActivationParameters) -> ActivationParameters:
        """Invert :meth:`pack`."""
        n_experts, width = like.coef.shape
        if n_experts == 1:
            return like
        coef, outer = np.zeros((n_experts, width)), np.zeros(n_experts)
        cut = len(vector) - (n_experts - 1 if self._outside else 0)
        experts = slice(-1) if self.activation == "identity" else slice(None)
        inside = width - self._outside
        coef[experts, width - inside :] = vector[:cut].reshape(len(coef[experts]), inside)
        outer[: len(vector) - cut] = vector[cut:]
        return self._centred(coef, outer)

    def permute(self, params: ActivationParameters, order: NDArray[np.intp]) -> ActivationParameters:
        """Return the coefficients with experts in another order."""
        return ActivationParameters(params.coef[order], params.outer[order])

    def to_raw(self, params: ActivationParameters, design: Design) -> ActivationParameters:
        """Translate to the user's columns; slopes from the mean have intercepts there."""
        return params._replace(coef=design.to_raw(params.coef))

    def from_raw(self, params: ActivationParameters, design: Design) -> ActivationParameters:
        """Translate from the user's columns; with intercepts outside the activation's centre moves to the mean."""
        coef = design.from_raw(params.coef)
        if self._outside:
            coef[:, 0] = 0.0
        return self._centred(coef, params.outer)

    def canonical(self, params: ActivationParameters) -> ActivationParameters:
        """Return one of two equal gates: two experts of an odd activation may swap slopes with their signs changed."""
        total = params.coef[:, 1:].sum(axis=0)
        if len(params.coef) != 2 or self.activation not in ODD or not total.any() or total[total != 0.0][0] > 0.0:
            return params
        return params._replace(coef=-params.coef[::-1])

    def attributes(self, params: ActivationParameters) -> dict[str, Array]:
        """Return slopes and intercepts inside the activation and intercepts outside, the last of these zero."""
        params = self.canonical(params)
        return {
            "gate_inner_coef_": params.coef[:, 1:].copy(),
            "gate_inner_intercept_": params.coef[:, 0].copy(),
            "gate_outer_intercept_": params.outer - params.outer[-1],
        }

    def from_attributes(self, attributes: Mapping[str, Array]) -> ActivationParameters:
        """Rebuild the parameters from the fitted attributes."""
        coef = np.column_stack([attributes["gate_inner_intercept_"], attributes["gate_inner_coef_"]])
        return ActivationParameters(coef, attributes["gate_outer_intercept_"])

    def shapes(self, attributes: Mapping[str, Array], n_experts: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes, by name."""
        vector = (n_experts,)
        shapes: dict[str, tuple[int, ...]] = {"gate_inner_coef_": (n_experts, n_columns)}
        return {**shapes, "gate_inner_intercept_": vector, "gate_outer_intercept_": vector}

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return outer intercepts, then intercepts and slopes inside the activation, as rows of a table."""
        table = [("(outer intercept)", attributes["gate_outer_intercept_"])] if self._outside else []
        inner = np.column_stack([attributes["gate_inner_intercept_"], attributes["gate_inner_coef_"]])
        return table + list(zip(["(intercept)", *names], inner.T, strict=True))

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        added = " plus outer intercept" if self._outside else ""
        return (
            f"log-odds are differences of {self.activation}(linear score){added}, over temperature {self.temperature:g}"
        )

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters, (p_gate,)."""
        return np.ptp(attributes["gate_inner_coef_"], axis=0) / self.temperature
