"""One float table out of the columns of a data frame."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe.em.source import stored
from classicmoe.exceptions import ColumnError, ConstantColumnWarning, IdColumnWarning
from classicmoe.messages import wrong_numbers
from classicmoe.models.frames import Column, Kind, Table, kind_of, numbers_of
from classicmoe.models.levels import Level, Unseen, codes_of, date_message, find_levels, id_reason, judge_levels
from classicmoe.models.missing import Gap, all_finite, column_gap, find_gaps, missing_values_error
from classicmoe.parsing import parse_numbers

_SHOWN = 3  # rows that a gap names, as in arrays


def unusable(name: str, column: Column, kind: Kind) -> str:
    """Return the sentence for a column that is neither numeric nor categorical."""
    if kind == "date":
        return date_message(name)
    if kind == "mixed":
        values = column.to_list()
        _, wrong = parse_numbers(values)
        return f"{wrong_numbers(name, wrong, values)} Make the column all numbers or all text."
    types = sorted({type(value).__name__ for value in column.drop_nulls().head(1000).to_list()})
    if "complex" in types:
        return f"Complex data not supported: {name!r}."
    return (
        f"{name!r} holds {' and '.join(types)} values, which cannot be coded. Drop it "
        f"(X.drop(columns=[{name!r}]); command line: --drop {name}) or turn it into numbers or text."
    )


def learn_levels(name: str, column: Column, named: bool) -> list[Level] | None:
    """Return the levels of a categorical column, None for a numeric one; other columns are an error.

    Warns
    -----
    IdColumnWarning
        Numbers that look like identifiers, when the column has a name of its own (``named``).
    ManyLevelsWarning, ConstantColumnWarning
    """
    kind = kind_of(column)
    if kind == "number":
        reason = id_reason(name, numbers_of(column)) if named else None
        if reason:
            message = (
                f"{name!r} looks like an identifier ({reason}), not a measurement. If it is one, drop it "
                f"(X.drop(columns=[{name!r}]); command line: --drop {name})."
            )
            warnings.warn(message, IdColumnWarning, stacklevel=4)
        return None
    if kind not in ("text", "boolean", "category"):
        raise ColumnError(unusable(name, column, kind))
    levels = find_levels(column, kind)
    judge_levels(name, column, kind, levels)
    if len(levels) == 1:
        message = f"{name!r} is {str(levels[0])!r} in every row and was left out."
        warnings.warn(message, ConstantColumnWarning, stacklevel=4)
    return levels


def as_numbers(name: str, column: Column) -> NDArray[Any]:
    """Return a column that was numeric at fit as floats; text that reads as numbers will do.

    Raises
    ------
    ColumnError
        Values that are not numbers, with counts and rows; dates.
    """
    kind = kind_of(column)
    if kind in ("number", "boolean"):
        return numbers_of(column)
    if kind not in ("text", "mixed", "category"):
        raise ColumnError(unusable(name, column, kind))
    values = column.to_list()
    numbers, wrong = parse_numbers(values)
    if len(wrong):
        raise ColumnError(f"{wrong_numbers(name, wrong, values)} The column was numeric when the model was fitted.")
    return numbers


def finite(values: Any, names: Sequence[str], columns: Sequence[int] | None = None, keep_missing: bool = False) -> Any:
    """Return a table after checking that (these columns of) it are finite, or missing if that is allowed."""
    if issparse(values):
        gaps = refused(_stored_gaps(values, names, columns), keep_missing)
        if gaps:
            raise missing_values_error(gaps)
    elif not all_finite(values, columns):
        gaps = refused(find_gaps(values, names, columns), keep_missing)
        if gaps:
            raise missing_values_error(gaps)
    return values


def _stored_gaps(X: Any, names: Sequence[str], columns: Sequence[int] | None) -> list[Gap]:
    """List the columns of a CSR matrix that hold missing or infinite values, as ``find_gaps`` does for arrays."""
    if all_finite(X.data[:, None]):
        return []
    found = []
    for part in stored(X):
        bad = ~np.isfinite(part[2])
        found.append([entries[bad] for entries in part])
    rows, places, values = map(np.concatenate, zip(*found, strict=True))
    known = dict(zip(range(X.shape[1]) if columns is None else columns, names, strict=True))
    gaps = []
    for j in np.unique(places).tolist():
        if j in known:
            of_column = places == j
            missing = int(np.isnan(values[of_column]).sum())
            gaps.append(
                Gap(known[j], missing, int(of_column.sum()) - missing, tuple(rows[of_column][:_SHOWN].tolist()))
            )
    return gaps


def refused(gaps: list[Gap], keep_missing: bool) -> list[Gap]:
    """Return the gaps that are errors: all, or those with infinite values."""
    return [gap for gap in gaps if gap.infinite] if keep_missing else gaps


def code_table(
    table: Table,
    names: Sequence[str],
    levels: Mapping[str, Sequence[Level]],
    unseen: Unseen,
    owner: str,
    keep_missing: bool = False,
) -> NDArray[Any]:
    """Code the columns ``names`` of a table: numbers as they are, one 0/1 column per level but the first.

    Returns
    -------
    ndarray of shape (n, number of coded columns)
        float32 when every column is, else float64. A frame of one float type that stores its values as one block is
        not copied.

    Raises
    ------
    MissingValuesError
        All incomplete columns at once.
    ColumnError, UnseenLevelError
    """
    whole = None if levels else _block(table, names)
    if whole is not None:
        return finite(whole, names, keep_missing=keep_missing)
    columns = [table.column(name) for name in names]
    single = bool(names) and not levels and all(_is_type(column, nw.Float32, np.float32) for column in columns)
    widths = [max(len(levels[name]) - 1, 0) if name in levels else 1 for name in names]
    coded = np.empty((table.n_rows, sum(widths)), dtype=np.float32 if single else np.float64)
    starts = np.cumsum([0, *widths]).tolist()
    gaps = []
    numeric: list[int] = []
    for name, column, start in zip(names, columns, starts, strict=False):
        if name in levels:
            gap = column_gap(name, column)
            gaps.extend([] if gap is None else [gap])
        else:
            coded[:, start] = as_numbers(name, column)
            numeric.append(start)
    if not all_finite(coded, numeric):
        numeric_names = [name for name in names if name not in levels]
        gaps = refused(find_gaps(coded, numeric_names, numeric), keep_missing) + gaps
    if gaps:
        raise missing_values_error(gaps)
    for name, column, start in zip(names, columns, starts, strict=False):
        if name in levels:
            codes = codes_of(name, column, levels[name], unseen, owner)
            for code in range(1, len(levels[name])):
                coded[:, start + code - 1] = codes == code
    return coded


def _block(table: Table, names: Sequence[str]) -> NDArray[Any] | None:
    if not names or list(names) != table.names or isinstance(table.native, np.ndarray):
        return None
    if not any(
        all(_is_type(column, dtype, scalar) for column in table.columns)
        for dtype, scalar in ((nw.Float64, np.float64), (nw.Float32, np.float32))
    ):
        return None
    values = nw.from_native(table.native, eager_only=True).to_numpy()
    return values if values.dtype in (np.float64, np.float32) else None


def _is_type(column: Column, dtype: Any, scalar: Any) -> bool:
    return bool(column.dtype == (scalar if isinstance(column, np.ndarray) else dtype))
