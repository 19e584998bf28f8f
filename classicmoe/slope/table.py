"""The table of models that a slope heuristic stands on: checked, sorted by penalty shape, one model per shape."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ConfigurationError, DroppedModelsWarning, ModelTableError, TooFewModelsError
from classicmoe.messages import count_text, counted_from, row_numbers, rows_text, wrong_numbers
from classicmoe.parsing import parse_numbers

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST = 10  # models; the R package capushe draws the same line


@dataclass(frozen=True, eq=False)
class ModelTable:
    """Models in ascending order of their penalty shape; of models with one shape, that of the least contrast.

    Attributes
    ----------
    rows : array of int, shape (J,)
        Where the models stand in the user's table, counted from 0.
    complexity, contrast, shape : arrays of shape (J,)
    names : tuple of str, length J
        What to call them.
    dropped : array of int
        Rows of the user's table that were left out: a value is missing or infinite.
    merged : array of int
        Rows that gave way to a better model of the same shape.
    nested : bool
        Whether every model contains the smaller ones, so that its contrast should not be above theirs.
    """

    rows: Rows
    complexity: Floats
    contrast: Floats
    shape: Floats
    names: tuple[str, ...]
    dropped: Rows
    merged: Rows
    nested: bool = True

    def __len__(self) -> int:
        return len(self.rows)

    def position(self, row: int) -> int:
        """Return where a row of the user's table stands in this one."""
        return int(np.flatnonzero(self.rows == row)[0])

    def say(self, position: int) -> str:
        """Return the name and the complexity of a model for a sentence."""
        return f"{self.names[position]} (complexity {self.complexity[position]:g})"


def read_models(
    complexity: Any,
    contrast: Any,
    shape: Any = None,
    names: Sequence[object] | None = None,
    *,
    least: int = LEAST,
    stacklevel: int = 3,
) -> ModelTable:
    """Check the columns of a table of models and sort it.

    Raises
    ------
    ModelTableError
        Columns of unequal length or not of numbers, a negative complexity, a shape that decreases with complexity.
    TooFewModelsError
        Fewer than ``least`` different shapes.
    ConfigurationError
        ``names`` are not one per model.

    Warns
    -----
    DroppedModelsWarning
        Rows with missing or infinite values are left out.
    """
    given = {"complexity": complexity, "contrast": contrast, "shape": complexity if shape is None else shape}
    columns = {name: _numbers(values, name) for name, values in given.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ModelTableError(f"The columns have different lengths ({counts}): give one value of each per model.")
    n = lengths["contrast"]
    called = [f"row {row}" for row in row_numbers(range(n))] if names is None else list(map(str, names))
    if len(called) != n:
        raise ConfigurationError(f"names has {len(called)} entries for {count_text(n, 'model')}: give one per model.")
    finite = np.isfinite(np.column_stack(list(columns.values()))).all(axis=1)
    dropped = np.flatnonzero(~finite)
    if len(dropped):
        warnings.warn(_dropped(dropped, n), DroppedModelsWarning, stacklevel=stacklevel)
    c, g, p = columns.values()
    kept = np.flatnonzero(finite)
    _check(c, p, kept)
    order = kept[np.lexsort((c[kept], g[kept], p[kept]))]
    first = np.r_[True, np.diff(p[order]) > 0.0][: len(order)]
    rows = order[first]
    if len(rows) < least:
        raise TooFewModelsError(_too_few(len(rows), n, least))
    arrays = [rows, c[rows], g[rows], p[rows], dropped, np.sort(order[~first])]
    for array in arrays:
        array.setflags(write=False)
    return ModelTable(*arrays[:4], tuple(called[row] for row in rows), *arrays[4:])


def _numbers(values: Any, name: str) -> Floats:
    column = np.asarray(values, dtype=object)
    if column.ndim != 1:
        raise ModelTableError(f"{name} must be one column, one number per model; it has shape {column.shape}.")
    numbers, wrong = parse_numbers(column.tolist())
    if len(wrong):
        raise ModelTableError(wrong_numbers(name, wrong, column.tolist()) + " Give one number per model.")
    return numbers


def _check(c: Floats, p: Floats, kept: Rows) -> None:
    """Refuse negative complexities, and a shape that decreases where the complexity increases."""
    negative = kept[c[kept] < 0.0]
    if len(negative):
        raise ModelTableError(
            f"complexity is negative in {rows_text(negative)}: {c[negative[0]]:g}. It is the number of free parameters "
            "of a model; are the columns in the order complexity, contrast, shape?"
        )
    order = kept[np.lexsort((p[kept], c[kept]))]
    falls = np.flatnonzero(np.diff(p[order]) < 0.0)
    if len(falls):
        one, other = order[falls[0]], order[falls[0] + 1]
        a, b = row_numbers([one, other])
        raise ModelTableError(
            f"shape must not decrease where complexity increases, but row {a} has complexity {c[one]:g} and shape "
            f"{p[one]:g}, row {b} complexity {c[other]:g} and shape {p[other]:g} ({counted_from()}). Correct the "
            "column, or leave shape out: the complexity is the usual shape."
        )


def _dropped(dropped: Rows, n: int) -> str:
    were = "was" if len(dropped) == 1 else "were"
    return (
        f"{len(dropped)} of {n} models {were} left out of the slope heuristic, since complexity, contrast or shape is "
        f"missing or infinite: {rows_text(dropped)}."
    )


def _too_few(found: int, n: int, least: int) -> str:
    of = "" if found == n else f" (of {n} rows: missing values and equal shapes do not count)"
    return (
        f"The slope heuristic needs at least {least} models of different shape and has {found}{of}; 15 or more are "
        "better. Fit larger models as well: for mixtures of experts n_experts=range(1, 21)."
    )
