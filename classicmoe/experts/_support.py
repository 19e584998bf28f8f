"""Where the responses of a family may lie: checked before a fit, wrong values named by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array


class Misfit(NamedTuple):
    """What is wrong with which rows, and what to do about it."""

    rows: NDArray[np.intp]
    what: str
    cure: str


Support = Callable[[Array, Array | None], Misfit | None]  # of responses (n,) and exposures (n,) or None


def _found(wrong: NDArray[np.bool_], what: str, cure: str) -> Misfit | None:
    rows = np.flatnonzero(wrong)
    return Misfit(rows, what, cure) if len(rows) else None


def counts(y: Array, exposure: Array | None) -> Misfit | None:
    """0, 1, 2, ..."""
    return _found(y < 0.0, "negative", "A count cannot be negative.") or _found(
        y != np.round(y), "not whole", "A count is a whole number; for rates pass counts and exposure=."
    )


def positive(y: Array, exposure: Array | None) -> Misfit | None:
    """Above zero."""
    return _found(
        y <= 0.0, "not positive", "This family has y > 0; for zeros use a hurdle (expert='hurdle_gamma' or the like)."
    )


def successes(y: Array, exposure: Array | None, trials: int = 1) -> Misfit | None:
    """Whole numbers from 0 to the number of trials: the exposure, without one that of the family."""
    below = _found(y < 0.0, "negative", "Successes are counted from 0.")
    known = np.full(len(y), float(trials)) if exposure is None else exposure
    whole = _found(y != np.round(y), "not whole", "Successes are counted.") or _found(
        known != np.round(known), "out of a number of trials that is not whole", "The exposure counts trials."
    )
    cure = "Give the number of trials as exposure=." if exposure is None else "There are more successes than trials."
    return below or whole or _found(y > known, "above the number of trials", cure)


def anything(y: Array, exposure: Array | None) -> Misfit | None:
    """All numbers."""
    return None
