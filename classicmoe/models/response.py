"""The response and the weights: checked once, returned as float64 arrays, wrong values named by row."""

from __future__ import annotations

import warnings
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning

from classicmoe.exceptions import DataError, TooFewRowsError, WeightError
from classicmoe.messages import rows_text, wrong_numbers
from classicmoe.models.frames import Table, as_table, kind_of, numbers_of
from classicmoe.models.missing import find_gaps, missing_values_error
from classicmoe.parsing import parse_numbers

COLUMN_VECTOR = (
    "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples, ), for "
    "example using ravel()."
)


def response_names(y: Any) -> list[str] | None:
    """Return the names that a Series or a data frame gives its responses; None for arrays and unnamed series."""
    table = _as_table(y)
    return table.names if table is not None and table.named else None


def check_response(
    y: Any,
    *,
    n_rows: int | None = None,
    sample_weight: NDArray[np.float64] | None = None,
    vary: bool = True,
    owner: str = "MoERegressor",
) -> NDArray[np.float64]:
    """Return the response as a float64 array, (n,) or (n, q) for q >= 2 outputs.

    Parameters
    ----------
    y : array-like, Series or data frame of shape (n,) or (n, q)
    n_rows : int, optional
        Number of rows of X.
    sample_weight : ndarray of shape (n,), optional
        Checked weights; rows of weight zero do not count as variation.
    vary : bool, default=True
        Ask for at least two different values of every output (at fit; not when rows are scored).
    owner : str
        The estimator that the messages name.

    Raises
    ------
    DataError
        No y, text, complex numbers, more than two dimensions, another number of rows than X, one distinct value.
    MissingValuesError
        NaN or infinite values, with counts and first rows.
    TooFewRowsError
        A single row.

    Warns
    -----
    sklearn.exceptions.DataConversionWarning
        y is a single column, (n, 1); it is taken as (n,).
    """
    if y is None:
        raise DataError(f"{owner} requires y to be passed, but the target y is None.")
    table = _as_table(y)
    if table is not None:
        names = table.names if table.named else _names(len(table.names))
        values = np.column_stack([_numbers(name, col, owner) for name, col in zip(names, table.columns, strict=True)])
        if nw.dependencies.is_into_series(y):
            values = values[:, 0]
    else:
        values = _from_array(y, owner)
        names = _names(1 if values.ndim == 1 else values.shape[1])
    if n_rows is not None and len(values) != n_rows:
        raise DataError(f"Found input variables with inconsistent numbers of samples: [{n_rows}, {len(values)}].")
    if values.ndim == 2 and values.shape[1] == 1:
        warnings.warn(COLUMN_VECTOR, DataConversionWarning, stacklevel=3)
        values = values[:, 0]
    flat = values.reshape(len(values), -1)
    gaps = find_gaps(flat, names)
    if gaps:
        raise missing_values_error(gaps, "y")
    if vary:
        _check_variation(flat if sample_weight is None else flat[sample_weight > 0.0], names)
    return values


def _as_table(y: Any) -> Table | None:
    if nw.dependencies.is_into_series(y):
        series = nw.from_native(y, series_only=True)
        named = isinstance(series.name, str) and series.name != ""
        return Table([series.name if named else "y"], [series], named, len(series), y)
    return as_table(y)


def _names(n_outputs: int) -> list[str]:
    return ["y"] if n_outputs == 1 else [f"y{j}" for j in range(n_outputs)]


def _numbers(name: str, column: Any, owner: str) -> NDArray[np.float64]:
    kind = kind_of(column)
    if kind in ("number", "boolean"):
        return numbers_of(column).astype(np.float64, copy=False)
    if kind not in ("text", "mixed", "category"):
        raise DataError(f"{name!r} has type {column.dtype}; {owner} needs a numeric response.")
    values = column.to_list()
    raise DataError(_text_response(name, parse_numbers(values)[1], values, owner))


def _text_response(name: str, wrong: NDArray[np.intp], values: list[Any], owner: str) -> str:
    if len(wrong) == 0:
        return f"{name!r} is text but holds numbers; convert it first (for example y.astype(float))."
    message = wrong_numbers(name, wrong, values)
    if len(wrong) > len(values) / 2:
        return f"{message} {owner} needs a numeric response; labels are a task for a classifier."
    return f"{message} Correct these values or drop their rows."


def _from_array(y: Any, owner: str) -> NDArray[np.float64]:
    if issparse(y):
        raise DataError("Sparse y is not supported; pass y.toarray().")
    array = np.asarray(y)
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise DataError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.dtype.kind == "c":
        raise DataError(f"Complex data not supported\n{array}\n")
    if array.dtype.kind in "mMV":
        raise DataError(f"y has type {array.dtype}; {owner} needs a numeric response.")
    if array.dtype.kind in "USO":
        columns = array.reshape(len(array), -1).T
        names = _names(len(columns))
        numbers = [_object_numbers(name, column, owner) for name, column in zip(names, columns, strict=True)]
        array = numbers[0] if array.ndim == 1 else np.column_stack(numbers)
    return array.astype(np.float64, copy=False)


def _object_numbers(name: str, column: NDArray[Any], owner: str) -> NDArray[np.float64]:
    values = column.tolist()
    numbers, wrong = parse_numbers(values)
    if len(wrong) or any(issubclass(t, str | bytes) for t in set(map(type, values))):
        raise DataError(_text_response(name, wrong, values, owner))
    return numbers


def _check_variation(values: NDArray[np.float64], names: list[str]) -> None:
    if len(values) <= 1:
        raise TooFewRowsError(f"Found 1 sample (n_samples = {len(values)}); a mixture of experts needs more rows.")
    constant = [
        name for name, low, high in zip(names, values.min(axis=0), values.max(axis=0), strict=True) if low == high
    ]
    if constant:
        what = " and ".join(map(repr, constant))
        raise DataError(
            f"{what} has one distinct value ({values[0, names.index(constant[0])]:g}) in all {len(values)} rows, so "
            "there is nothing to explain. Is it the right column, and were rows filtered by it?"
        )


def check_weights(sample_weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Return the weights as a float64 array of shape (n_rows,), or None when there are none.

    Raises
    ------
    WeightError
        Another shape, values that are not numbers, NaN or infinite, negative, or zero in every row; with rows.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WeightError(f"sample_weight must hold numbers: {error}") from error
    if weights.shape != (n_rows,):
        raise WeightError(f"sample_weight.shape == {weights.shape}, expected ({n_rows},): one weight for every row.")
    bad = np.flatnonzero(~np.isfinite(weights))
    if len(bad):
        raise WeightError(f"sample_weight contains NaN or infinity in {len(bad)} rows: {rows_text(bad)}.")
    bad = np.flatnonzero(weights < 0.0)
    if len(bad):
        raise WeightError(
            f"{len(bad)} of {n_rows} sample weights are negative: {rows_text(bad)}; the smallest is {weights.min():g}."
        )
    if not weights.any():
        raise WeightError("All sample weights are zero; at least one row needs a positive weight.")
    return weights
