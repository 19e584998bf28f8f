"""What a Lasso estimator is asked for, in the engine's units: penalties, penalised mixtures, grids of penalties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from classicmoe.contracts import Array, Design, Response
from classicmoe.em.mixture import Mixture
from classicmoe.em.working_set import Columns, MakeMixture
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts import EXPERTS
from classicmoe.experts.constrained import ConstrainedExpert
from classicmoe.experts.penalised import PenalisedExpert
from classicmoe.experts.penalised_classes import PenalisedClasses
from classicmoe.gates.constrained import ConstrainedGate
from classicmoe.gates.penalised import PenalisedGate
from classicmoe.gates.softmax import SoftmaxGate
from classicmoe.penalties import PENALTIES, Constraint, Limits, Penalty, Side, need_cvxpy, resolve

CONCAVE = ("mcp", "scad")
SIDES: tuple[Side, Side] = ("gate", "expert")
STRONG = 1e50  # a penalty beyond which nothing is meant to come in


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
    limits: tuple[Limits | None, Limits | None] = (None, None)  # of gate and experts, on all columns

    def on_gate(self, alpha: Any) -> Penalty:
        """Return the gate's penalty on all columns, of the lines that are estimated."""
        weights = self.gate_weights
        if self.form == "reference":
            alpha = alpha[:-1] if np.ndim(alpha) else alpha
            weights = weights[:-1] if weights is not None and weights.ndim == 2 else weights
        return PENALTIES[self.kind](alpha, weights=weights, **self._options(self.weight))

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
        gate = freed(self.on_gate(alpha_gate), alpha_gate, self.limits[0])
        experts = freed(self.on_experts(alpha_expert), alpha_expert, self.limits[1])
        ridge = 0.0 if np.any(alpha_gate) else SoftmaxGate().ridge

        def on(columns: Columns | None) -> Mixture:
            own, limits = (gate, experts), self.limits
            if columns is not None:
                own = (gate.restricted(columns[0]), experts.restricted(columns[1]))
                limits = (_restricted(limits[0], columns[0]), _restricted(limits[1], columns[1]))
            return Mixture(self.gated(own[0], ridge, limits[0]), self.penalised(own[1], limits[1]))

        return on

    def gated(self, penalty: Penalty, ridge: float, limits: Limits | None = None) -> PenalisedGate:
        """Return the gate with a penalty and constraints."""
        if limits is not None:
            return ConstrainedGate(penalty, limits, self.form, ridge=ridge)
        return PenalisedGate(penalty, self.form, ridge=ridge)

    def penalised(self, penalty: Penalty, limits: Limits | None = None) -> Any:
        """Return the experts with a penalty and constraints."""
        if limits is not None:
            return ConstrainedExpert(self.base, penalty, limits, self.parametrisation)
        if getattr(self.base, "classifies", False):
            return PenalisedClasses(self.base, penalty)
        return PenalisedExpert(self.base, penalty, self.parametrisation)


def _restricted(limits: Limits | None, columns: Any) -> Limits | None:
    """Return the constraints that see no other columns; None if there are none."""
    own = None if limits is None else limits.restricted(columns)
    return own if own is not None and len(own.bound) else None


def freed(penalty: Penalty, alpha: Any, limits: Limits | None) -> Penalty:
    """Return a penalty that lets nothing in but what constraints demand: columns that cannot be zero are free."""
    if limits is None or limits.allows_zero or np.max(alpha) < STRONG:
        return penalty
    weights = np.ones(limits.rows.shape[2] - 1) if penalty.weights is None else np.array(penalty.weights, dtype=float)
    weights[..., limits.required] = 0.0
    return penalty._with(weights=weights)


def constrained(
    terms: Terms,
    constraints: Sequence[Constraint],
    names: tuple[Sequence[str], Sequence[str]],
    designs: tuple[Design, Design],
    response: Response,
    n_experts: int,
) -> Terms:
    """Return the terms with constraints on the coefficients of scaled columns.

    Raises
    ------
    ConfigurationError
        cvxpy is not installed, constraints go with the penalty or the family in no way, or contradict each other.
    ColumnError
        A column that is not there.
    """
    need_cvxpy()
    if terms.kind == "group":
        raise ConfigurationError('constraints go with penalties on single slopes, not with penalty="group".')
    if getattr(terms.base, "classifies", False) and any(own.side == "expert" for own in constraints):
        raise ConfigurationError('constraints on experts for classes are not available; side="gate" is.')
    sides = []
    for side, penalty, own_names, design in zip(
        SIDES, (terms.on_gate(1.0), terms.on_experts(1.0)), names, designs, strict=True
    ):
        reference = side == "gate" and terms.form == "reference"
        experts = range(n_experts - reference)
        held = np.ones((n_experts, design.width), dtype=bool)
        held[: len(experts)] = np.isinf(penalty.majoriser(np.zeros((len(experts), design.width))).threshold)
        unit = (0.0, 1.0) if side == "gate" else (float(response.center[0]), float(response.scale[0]))
        symmetric = side == "gate" and not reference
        found = resolve(constraints, side, own_names, experts, design, held, unit, symmetric)
        sides.append(found if len(found.bound) else None)
    return terms._replace(limits=(sides[0] if n_experts > 1 else None, sides[1]))


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


def check_base(base: Any) -> None:
    """Refuse families for classes, without a quadratic of one linear predictor, and with corners in the likelihood.

    At a corner the derivatives say nothing: the conditions of optimality that are promised could not be checked.

    Raises
    ------
    ConfigurationError
        With the families that can be penalised.
    """
    if getattr(base, "classifies", False):
        raise ConfigurationError(f"expert={base.name!r} is for classes: use LassoMoEClassifier.")
    if not _can_be_penalised(base):
        can = [name for name, family in EXPERTS.items() if _can_be_penalised(family)]
        raise ConfigurationError(
            f"expert={getattr(base, 'name', base)!r} experts cannot be penalised; these can: {', '.join(can)}."
        )


def _can_be_penalised(family: Any) -> bool:
    classifies = getattr(family, "classifies", False)
    return hasattr(family, "quadratic") and getattr(family, "smooth", True) and not classifies


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


def check_weights(terms: Terms, designs: Sequence[Design], n_experts: int) -> None:
    """Check that there is a multiplier of the penalty for every column.

    Raises
    ------
    ConfigurationError
        Naming the argument, its shape and what it may be.
    """
    for side, weights, design in zip(SIDES, (terms.gate_weights, terms.expert_weights), designs, strict=True):
        n = design.n_columns
        if weights is not None and np.shape(weights) not in ((n,), (n_experts, n)):
            raise ConfigurationError(
                f"{side}_weights has shape {np.shape(weights)}, but there are {n} columns (after coding, those that do "
                f"not vary among them): give {(n,)}, or {(n_experts, n)} for each expert."
            )
