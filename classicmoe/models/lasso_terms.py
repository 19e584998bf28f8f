"""What a Lasso estimator is asked for, in the engine's units: penalties, penalised mixtures, grids of penalties."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.mixture import Mixture
from classicmoe.em.working_set import Columns, MakeMixture
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts.penalised import PenalisedExpert
from classicmoe.experts.penalised_classes import PenalisedClasses
from classicmoe.gates.penalised import PenalisedGate
from classicmoe.gates.softmax import SoftmaxGate
from classicmoe.penalties import PENALTIES, Penalty

CONCAVE = ("mcp", "scad")


class Terms(NamedTuple):
    """A base family, the kind of penalty and what it needs; ``unit`` is that of a slope of the scaled response."""

    base: Any
    kind: str
    options: dict[str, Any]  # further arguments of the penalty
    gate_weights: Array | None
    expert_weights: Array | None
    parametrisation: Any
    form: Any
    unit: float = 1.0
    weight: float = 1.0  # of all rows: concave penalties bend as much as a likelihood of so many rows

    def on_gate(self, alpha: Any) -> Penalty:
        """Return the gate's penalty on all columns."""
        return PENALTIES[self.kind](alpha, weights=self.gate_weights, **self._options(self.weight))

    def on_experts(self, alpha: Any) -> Penalty:
        """Return the experts' penalty on all columns, for slopes of the scaled response."""
        options = self._options(self.weight / self.unit**2)
        return PENALTIES[self.kind](alpha, weights=self.expert_weights, **options).in_units(self.unit)

    def _options(self, curvature: float) -> dict[str, Any]:
        return self.options | ({"curvature": curvature} if self.kind in CONCAVE else {})

    def mixture(self, alpha_gate: Any, alpha_expert: Any) -> Mixture:
        """Return the penalised mixture on all columns."""
        return self.make(alpha_gate, alpha_expert)(None)

    def make(self, alpha_gate: Any, alpha_expert: Any) -> MakeMixture:
        """Return what gives the penalised mixture on some columns, or on all."""
        gate, experts = self.on_gate(alpha_gate), self.on_experts(alpha_expert)
        ridge = 0.0 if np.any(alpha_gate) else SoftmaxGate().ridge

        def on(columns: Columns | None) -> Mixture:
            own = (gate, experts) if columns is None else (gate.restricted(columns[0]), experts.restricted(columns[1]))
            return Mixture(PenalisedGate(own[0], self.form, ridge=ridge), self.penalised(own[1]))

        return on

    def penalised(self, penalty: Penalty) -> Any:
        """Return the experts with a penalty."""
        if getattr(self.base, "classifies", False):
            return PenalisedClasses(self.base, penalty)
        return PenalisedExpert(self.base, penalty, self.parametrisation)


def least_alpha(penalty_at_one: Penalty, gradient: Array) -> float:
    """Return the smallest alpha at which slopes of zero stay zero, from derivatives (L, 1 + P) there.

    Thresholds are multiples of alpha at zero; columns that are not penalised have no part in it.
    """
    made = penalty_at_one.majoriser(np.zeros_like(gradient))
    size = np.sqrt(np.square(gradient).sum(axis=0)) if made.grouped else np.abs(gradient)
    threshold = made.threshold[..., 1:]
    some = (threshold > 0.0) & np.isfinite(threshold)
    return float((size[..., 1:][some] / threshold[some]).max(initial=0.0))


def geometric(top: float, share: float, n: int) -> Array:
    """Return n penalties from ``top`` down to ``share`` of it."""
    return top * np.geomspace(1.0, share, n) if n > 1 else np.array([top])


def check_terms(terms: Terms, alpha_gate: Any, alpha_expert: Any, n_experts: int) -> None:
    """Check the arguments of a penalty.

    Raises
    ------
    ConfigurationError
        Naming the argument, what it may be and what it is.
    """
    for side, alpha, weights in (
        ("gate", alpha_gate, terms.gate_weights),
        ("expert", alpha_expert, terms.expert_weights),
    ):
        penalty = PENALTIES[terms.kind](1.0 if alpha is None else alpha, weights=weights, **terms.options)
        wrong = penalty.check_arguments()
        if wrong:
            raise ConfigurationError(f"alpha_{side}, {side}_weights: {wrong}.")
        if np.ndim(alpha) == 1 and len(alpha) != n_experts:
            raise ConfigurationError(
                f"alpha_{side} holds {len(alpha)} numbers, but n_experts={n_experts}: give one, or one for each expert."
            )
