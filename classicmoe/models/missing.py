"""Missing and infinite values: found without a mask of the whole table, reported by column and row, dropped on request.

The usual case, everything finite, costs one sum over chunks of rows; masks are made for the chunks that need them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.exceptions import MissingValuesError
from classicmoe.messages import count_text, counted_from, row_numbers
from classicmoe.models.frames import Column, array_names, as_table, kind_of, nulls_of, numbers_of

_CHUNK = 1 << 17
_FIRST = 3
CURE = (
    "Drop these rows and the same ones of y (command line: --na drop; in Python, from a data frame: X.dropna()), or "
    "impute the values first (sklearn.impute)."
)


@dataclass(frozen=True)
class Gap:
    """Missing or infinite values of one column; ``rows`` holds the first few positions."""

    column: str
    missing: int
    infinite: int
    rows: tuple[int, ...]


def _chunks(X: NDArray[Any], columns: Sequence[int] | None) -> Iterator[tuple[int, NDArray[Any]]]:
    width = X.shape[1] if columns is None else len(columns)
    step = max(1, _CHUNK // max(1, width))
    for start in range(0, X.shape[0], step):
        block = X[start : start + step]
        yield start, block if columns is None else block[:, columns]


def all_finite(X: NDArray[Any], columns: Sequence[int] | None = None) -> bool:
    """Tell whether a two-dimensional float array (or some of its columns) is free of NaN and infinities."""
    with np.errstate(over="ignore", invalid="ignore"):
        return all(np.isfinite(block.sum()) or np.isfinite(block).all() for _, block in _chunks(X, columns))


def find_gaps(X: NDArray[Any], names: Sequence[str], columns: Sequence[int] | None = None) -> list[Gap]:
    """List the columns of a float array that hold missing or infinite values.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    names : sequence of str
        Names of the columns looked at.
    columns : sequence of int, optional
        Which columns of X those are; all of them by default.
    """
    missing = np.zeros(len(names), dtype=np.int64)
    infinite = np.zeros(len(names), dtype=np.int64)
    rows: list[list[int]] = [[] for _ in names]
    for start, block in _chunks(X, columns):
        bad = ~np.isfinite(block)
        if not bad.any():
            continue
        nan = np.isnan(block)
        missing += nan.sum(axis=0)
        infinite += (bad & ~nan).sum(axis=0)
        for j in np.flatnonzero(bad.any(axis=0)):
            if len(rows[j]) < _FIRST:
                rows[j].extend((start + np.flatnonzero(bad[:, j])[: _FIRST - len(rows[j])]).tolist())
    return [
        Gap(names[j], int(missing[j]), int(infinite[j]), tuple(rows[j]))
        for j in np.flatnonzero(missing + infinite).tolist()
    ]


def column_gap(name: str, column: Column) -> Gap | None:
    """Return the gap of one column of a table, or None when it is complete."""
    mask = nulls_of(column)
    infinite = 0
    if kind_of(column) == "number":
        values = numbers_of(column)
        mask = np.isnan(values)
        endless = np.isinf(values)
        infinite = int(endless.sum())
        rows = np.flatnonzero(mask | endless)
    else:
        rows = np.flatnonzero(mask)
    if len(rows) == 0:
        return None
    return Gap(name, int(mask.sum()), infinite, tuple(rows[:_FIRST].tolist()))


def missing_report(X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> list[Gap]:
    """List missing and infinite values of a frame or float array, of a response and of weights.

    Examples
    --------
    >>> missing_report([[1.0, 2.0], [float("nan"), 3.0]])
    [Gap(column='x0', missing=1, infinite=0, rows=(1,))]
    """
    gaps: list[Gap] = []
    for value, name in ((X, "x"), (y, "y"), (sample_weight, "sample_weight")):
        if value is None:
            continue
        table = as_table(value)
        if table is not None:
            found = (column_gap(label, column) for label, column in zip(table.names, table.columns, strict=True))
            gaps.extend(gap for gap in found if gap is not None)
            continue
        array = np.asarray(value, dtype=np.float64)
        flat = array.reshape(len(array), -1)
        names = array_names(flat.shape[1]) if array.ndim == 2 else [name]
        gaps.extend(find_gaps(flat, names))
    return gaps


def missing_values_error(gaps: Sequence[Gap], input_name: str = "X") -> MissingValuesError:
    """Build the error that names every incomplete column, how much of it and where.

    Its first words are scikit-learn's ("Input X contains NaN."), which callers look for.
    """
    missing = sum(gap.missing for gap in gaps)
    head = "NaN" if missing else "infinity or a value too large for dtype('float64')"
    parts = []
    for gap in gaps[:6]:
        what = []
        if gap.missing:
            what.append(count_text(gap.missing, "missing value"))
        if gap.infinite:
            what.append(count_text(gap.infinite, "infinite value"))
        total = gap.missing + gap.infinite
        label = "row" if total == 1 else "first rows" if total > len(gap.rows) else "rows"
        numbers = ", ".join(map(str, row_numbers(gap.rows)))
        parts.append(f"{gap.column!r} has {' and '.join(what)} ({label} {numbers})")
    if len(gaps) > 6:
        parts.append(f"and {len(gaps) - 6} more columns")
    return MissingValuesError(
        f"Input {input_name} contains {head}. {', '.join(parts)}; rows are {counted_from()}.\n{CURE}"
    )


def drop_missing(frame: Any, columns: Sequence[str] | None = None) -> tuple[Any, NDArray[np.intp]]:
    """Leave out the rows of a data frame that miss a value.

    Parameters
    ----------
    frame : data frame
        Any that narwhals knows.
    columns : sequence of str, optional
        Look at these columns only (the ones that some model of a grid uses, the response and the weights).

    Returns
    -------
    frame : data frame
        The caller's kind of frame; a pandas index keeps its labels.
    dropped : ndarray of int
        Positions of the rows that went, counted from 0.

    Raises
    ------
    ColumnError
        A column that is not there.
    """
    table = as_table(frame)
    if table is None:
        raise TypeError(f"drop_missing needs a data frame, not {type(frame).__name__}.")
    names = table.names if columns is None else list(columns)
    table.require(names, owner="drop_missing")
    bad = np.zeros(table.n_rows, dtype=bool)
    for name in names:
        bad |= nulls_of(table.column(name))
    dropped = np.flatnonzero(bad)
    if len(dropped) == 0:
        return frame, dropped
    kept = nw.from_native(frame, eager_only=True)[np.flatnonzero(~bad)]
    return kept.to_native(), dropped
