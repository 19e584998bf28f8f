"""What constraints on coefficients have in common, and how they say what they are about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np

Side = Literal["gate", "expert"]
Column = str | int
INTERCEPT = "(intercept)"


class Row(NamedTuple):
    """A weighted sum of coefficients and its limits: terms are weights by (expert, position), intercept at 0."""

    terms: dict[tuple[int, int], float]
    lower: float
    upper: float


class Places(NamedTuple):
    """Where constraints find coefficients: positions of a named column, and the experts that ``None`` stands for."""

    positions: Callable[[Column], list[int]]
    experts: list[int]

    def of(self, expert: int | None) -> list[int]:
        """Return the experts that a constraint is about."""
        return self.experts if expert is None else [expert]

    def all_of(self, columns: Sequence[Column] | Column) -> list[int]:
        """Return the positions of columns in order; a name by itself is one column, or all of a categorical one."""
        named = [columns] if isinstance(columns, str | int) else list(columns)
        return [place for name in named for place in self.positions(name)]


@dataclass(frozen=True, repr=False)
class Constraint(ABC):
    """What all constraints have in common."""

    side: Side = field(default="expert", kw_only=True)

    @abstractmethod
    def rows(self, places: Places) -> list[Row]:
        """Return the constraint as limits of weighted sums."""

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        return None if self.side in ("gate", "expert") else f"side must be 'gate' or 'expert', not {self.side!r}"

    @property
    def named_experts(self) -> list[int]:
        """The experts that are named."""
        expert = getattr(self, "expert", None)
        return [] if expert is None else [expert]

    def to_state(self) -> dict[str, Any]:
        """Return the constraint as JSON: its kind and the arguments that are not defaults."""
        told = {own.name: getattr(self, own.name) for own in fields(self)}
        state = {own.name: _plain(told[own.name]) for own in fields(self) if told[own.name] != own.default}
        return {"kind": type(self).__name__} | state

    def __repr__(self) -> str:
        told = []
        for own in sorted(fields(self), key=lambda own: own.kw_only is True):
            value = getattr(self, own.name)
            if own.default is MISSING:
                told.append(repr(value))
            elif value != own.default:
                told.append(f"{own.name}={value!r}")
        return f"{type(self).__name__}({', '.join(told)})"


def limits(equals: float | None, lower: float, upper: float) -> tuple[float, float]:
    """Return the limits of a sum that may have to equal a number."""
    return (float(lower), float(upper)) if equals is None else (float(equals), float(equals))


def wrong_limits(lower: Any, upper: Any) -> str | None:
    """Say what is wrong with two limits."""
    try:
        low, high = float(lower), float(upper)
    except (TypeError, ValueError):
        return f"lower and upper must be numbers, not {lower!r} and {upper!r}"
    if not low <= high or low == np.inf or high == -np.inf:
        return f"lower must not be above upper, and neither NaN: {lower!r} and {upper!r}"
    return None if np.isfinite(low) or np.isfinite(high) else "lower or upper must be given"


def wrong_equation(equals: Any, lower: Any, upper: Any) -> str | None:
    """Say what is wrong with a number or two limits."""
    if equals is None:
        return wrong_limits(lower, upper)
    if (lower, upper) != (-np.inf, np.inf):
        return "equals goes without lower and upper"
    return None if is_number(equals) else f"equals must be a number, not {equals!r}"


def is_number(value: Any) -> bool:
    """Tell whether a value is one finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def _plain(value: Any) -> Any:
    """Return names and numbers, or lists of them, as JSON knows them."""
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return value.item() if isinstance(value, np.generic) else value
