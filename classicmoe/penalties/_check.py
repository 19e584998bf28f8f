"""What can be wrong with the arguments of a penalty, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.contracts import Array


def _numbers(value: Any) -> Array | None:
    """Return the value as an array of numbers without NaN, None if it is no such thing."""
    try:
        out = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return None if np.isnan(out).any() else out


def wrong_alpha(alpha: Any, per_line: bool = True) -> str | None:
    """Say what is wrong with ``alpha``."""
    numbers = _numbers(alpha)
    if numbers is None or numbers.ndim > per_line or not ((numbers >= 0.0) & np.isfinite(numbers)).all():
        more = ", or one for each expert" if per_line else ""
        return f"alpha must be a number >= 0{more}, not {alpha!r}"
    return None


def wrong_weights(weights: Any, per_line: bool = True) -> str | None:
    """Say what is wrong with ``weights``."""
    if weights is None:
        return None
    numbers = _numbers(weights)
    if numbers is None or numbers.ndim not in ((1, 2) if per_line else (1,)) or (numbers < 0.0).any():
        more = " or one row of them for each expert" if per_line else ""
        return f"weights must be None or one number >= 0 for each slope{more}, not {weights!r}"
    return None


def outside(name: str, value: Any, lower: float, upper: float = np.inf, closed: bool = False) -> str | None:
    """Say that ``value`` is not a number between the limits, or one per line."""
    numbers = _numbers(value)
    if numbers is not None and numbers.ndim <= 1:
        inside = (numbers >= lower) & (numbers <= upper) if closed else (numbers > lower) & (numbers < upper)
        if inside.all():
            return None
    limits = f"from {lower:g} to {upper:g}" if closed else f"> {lower:g}"
    return f"{name} must be a number {limits}, not {value!r}"
