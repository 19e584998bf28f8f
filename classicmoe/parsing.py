"""Numbers among values of any kind: text that is one, values that are missing, and those that are neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def parse_numbers(values: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Read values as numbers: the numbers (NaN where missing or wrong) and the rows that are neither.

    Every distinct value is looked at once; None, NaN and NA count as missing.
    """
    numbers: dict[Any, float] = {}
    wrong: dict[Any, bool] = {}
    for value in dict.fromkeys(values):
        try:
            numbers[value], wrong[value] = float(value), False
        except (TypeError, ValueError):
            numbers[value], wrong[value] = np.nan, not (value is None or type(value).__name__ in ("NAType", "NaTType"))
    bad = np.fromiter(map(wrong.__getitem__, values), np.bool_, len(values))
    return np.fromiter(map(numbers.__getitem__, values), np.float64, len(values)), np.flatnonzero(bad)
