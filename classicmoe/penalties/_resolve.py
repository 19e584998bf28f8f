"""From constraints on named columns to a matrix in the engine's units; which of them contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from classicmoe.contracts import Design
from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.messages import did_you_mean, name_list
from classicmoe.penalties._constraint import INTERCEPT, Column, Constraint, Places, Side
from classicmoe.penalties._limits import Limits

WHO = {"gate": "the gate", "expert": "the experts"}


def check_constraints(constraints: Any, n_experts: int) -> tuple[Constraint, ...]:
    """Return the constraints as a tuple.

    Raises
    ------
    ConfigurationError
        Something else than constraints, wrong arguments, an expert that is not there.
    """
    if constraints is None:
        return ()
    listed = (constraints,) if isinstance(constraints, Constraint) else constraints
    if isinstance(listed, str) or not isinstance(listed, Sequence):
        raise ConfigurationError(f"constraints must be a list of constraints such as Sign('x0'), not {constraints!r}.")
    for own in listed:
        if not isinstance(own, Constraint):
            raise ConfigurationError(f"constraints holds {own!r}, which is no constraint such as Sign('x0').")
        if wrong := own.check_arguments():
            raise ConfigurationError(f"constraints: {own!r}: {wrong}.")
        for k in own.named_experts:
            if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k < n_experts:
                raise ConfigurationError(
                    f"constraints: {own!r}: there is no expert {k!r}: n_experts={n_experts}, counted from 0."
                )
    return tuple(listed)


def resolve(
    constraints: Sequence[Constraint],
    side: Side,
    names: Sequence[str],
    experts: Sequence[int],
    design: Design,
    held: NDArray[np.bool_],
    unit: tuple[float, float] = (0.0, 1.0),
    differences_only: bool = False,
) -> Limits:
    """Return the constraints of one side as a matrix for coefficients (L, p) of its scaled columns.

    Parameters
    ----------
    constraints : sequence of Constraint
        Those of the other side are left out.
    side : {"gate", "expert"}
    names : sequence of str
        Of the columns of that side in the user's table.
    experts : sequence of int
        Those that a constraint which names none is about.
    design : Design
        How columns are centred and scaled; coefficients of columns that were left out are zero.
    held : (L, p) of bool
        Coefficients of scaled columns that are zero whatever the rows say.
    unit : (float, float), default=(0.0, 1.0)
        Center and scale of the linear predictor: those of the response where it is scaled.
    differences_only : bool, default=False
        Whether a number added to a column of all lines changes nothing.

    Raises
    ------
    ColumnError
        A column that is not there.
    ConfigurationError
        Constraints that contradict each other, or are about more than differences where only these have a meaning.
    """
    rows, bound, exact, owner = [], [], [], []
    for number, own in enumerate(constraints):
        if own.side != side:
            continue
        places = Places(partial(_positions, names=names, own=own), list(experts))
        for row in own.rows(places):
            weights = np.zeros((len(held), 1 + len(names)))
            for place, weight in row.terms.items():
                weights[place] = weight
            if differences_only and np.abs(weights.sum(axis=0)).max() > 1e-12 * np.abs(weights).max():
                raise ConfigurationError(_not_a_difference(own))
            for sign, limit in ((1.0, row.upper), (-1.0, -row.lower)):
                if np.isfinite(limit) and (sign > 0.0 or row.lower != row.upper):
                    rows.append(sign * weights)
                    bound.append(limit)
                    exact.append(row.lower == row.upper)
                    owner.append(number)
    raw = np.array(rows).reshape(-1, len(held), 1 + len(names))
    made = _scaled(Limits(raw, np.array(bound), np.array(exact, dtype=bool)), design, unit)
    _check_that_they_can_hold(made, held, np.array(owner, dtype=np.intp), constraints)
    return made


def _positions(name: Column, names: Sequence[str], own: Constraint) -> list[int]:
    """Return where coefficients of a column are, the intercept at 0."""
    if isinstance(name, int | np.integer) and not isinstance(name, bool):
        if not -len(names) <= name < len(names):
            raise ColumnError(
                f"constraints: {own!r}: there is no column {name}: {WHO[own.side]} see{'s' * (own.side == 'gate')} "
                f"{len(names)} columns, counted from 0."
            )
        return [1 + int(name) % len(names)]
    if name == INTERCEPT:
        return [0]
    if name in names:
        return [1 + list(names).index(str(name))]
    coded = [1 + j for j, own_name in enumerate(names) if own_name.startswith(f"{name}[") and own_name.endswith("]")]
    if coded:
        return coded
    raise ColumnError(
        f"constraints: {own!r}: {WHO[own.side]} see{'s' * (own.side == 'gate')} no column {name!r}."
        f"{did_you_mean(str(name), names)} Columns there: {name_list(list(names), quote=False)}."
    )


def _not_a_difference(own: Constraint) -> str:
    return (
        f"constraints: {own!r}: a number added to the coefficients of all experts changes nothing in a symmetric gate, "
        "so that only differences between experts can be constrained: use Ordered or Linear with weights that sum to "
        'zero, or gate_form="reference", in which coefficients are log-odds against the last expert.'
    )


def _scaled(raw: Limits, design: Design, unit: tuple[float, float]) -> Limits:
    """Return constraints on coefficients of the user's columns as constraints on those of scaled ones."""
    center, scale = unit
    by_intercept, by_slope = raw.rows[..., :1], raw.rows[..., 1 + design.kept]
    rows = scale * np.concatenate([by_intercept, (by_slope - by_intercept * design.center) / design.scale], axis=-1)
    bound = raw.bound - center * by_intercept.sum(axis=(1, 2))
    length = np.sqrt(np.square(rows).sum(axis=(1, 2)))
    length[length == 0.0] = 1.0
    return Limits(rows / length[:, None, None], bound / length, raw.exact)


# -- contradictions ---------------------------------------------------------------------------------------------------


def can_hold(limits: Limits, held: NDArray[np.bool_]) -> bool:
    """Tell whether any coefficients are within the limits, by a linear program."""
    free = limits.rows.any(axis=0) & ~held
    rows = limits.rows[:, free]
    empty = ~rows.any(axis=1)
    left = limits.bound[empty]
    if (np.where(limits.exact[empty], -np.abs(left), left) < 0.0).any():
        return False
    below, equal = ~empty & ~limits.exact, ~empty & limits.exact
    if not (below.any() or equal.any()):
        return True
    answer = linprog(
        np.zeros(rows.shape[1]),
        *((rows[below], limits.bound[below]) if below.any() else (None, None)),
        *((rows[equal], limits.bound[equal]) if equal.any() else (None, None)),
        bounds=(None, None),
    )
    return bool(answer.status != 2)


def _check_that_they_can_hold(
    limits: Limits, held: NDArray[np.bool_], owner: NDArray[np.intp], constraints: Sequence[Constraint]
) -> None:
    """Raise ConfigurationError with the fewest constraints that contradict each other: without any they would not."""
    if can_hold(limits, held):
        return
    guilty = np.unique(owner)
    for own in guilty:
        fewer = guilty[guilty != own]
        kept = np.isin(owner, fewer)
        if not can_hold(Limits(limits.rows[kept], limits.bound[kept], limits.exact[kept]), held):
            guilty = fewer
    told = ", ".join(repr(constraints[own]) for own in guilty)
    if len(guilty) == 1:
        raise ConfigurationError(
            f"constraints: {told} cannot hold: the coefficients that it is about are zero whatever the rows say (the "
            "column does not vary, its weight is infinite, or it is the gate's reference), or its limits contradict "
            "each other."
        )
    raise ConfigurationError(
        f"constraints contradict each other: {told}. Change or leave out one of these {len(guilty)}; the others do not "
        "matter."
    )
