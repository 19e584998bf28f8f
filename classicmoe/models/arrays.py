"""Arrays, lists, sparse matrices: two-dimensional float tables without a copy where none is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from classicmoe.exceptions import ColumnError, DataError
from classicmoe.messages import name_list
from classicmoe.models.frames import array_names

_PASS_A_FRAME = "Pass a data frame (pandas, polars): its text columns are coded, their levels stored with the model."


def check_array_input(X: Any, owner: str = "MoERegressor", sparse: bool = False) -> Any:
    """Return X as a two-dimensional float64 or float32 table; NaN and infinities are not looked for here.

    float64 and float32 arrays, read-only ones and memory maps included, are not copied. If ``sparse``, SciPy's sparse
    matrices and arrays may be passed: they come back in CSR format, column indices sorted and none twice; what is like
    that already is not copied.

    Raises
    ------
    ColumnError
        Text, dates, records; sparse matrices unless ``sparse``.
    DataError
        Complex numbers, other than two dimensions, no rows or no columns.
    """
    if X is None:
        raise DataError(f"{owner} needs a table X (an array or a data frame of shape (n, n_features)), got None.")
    if issparse(X):
        if not sparse:
            raise ColumnError(
                f"Sparse data was passed, but {owner} needs dense data; use X.toarray(). LassoMoERegressor and "
                "LassoMoEClassifier take sparse tables as they are."
            )
        return _csr(X)
    array = X
    if not (isinstance(X, np.ndarray) and X.dtype.kind in "fiub"):
        array = as_array(X)
        _refuse_text(array)
    return _checked(array)


def _checked(X: Any, accept: Any = False) -> Any:
    try:
        return check_array(
            X, accept_sparse=accept, dtype=[np.float64, np.float32], ensure_all_finite=False, input_name="X"
        )
    except ValueError as error:
        raise DataError(str(error)) from error


def _csr(X: Any) -> Any:
    if X.ndim != 2:
        raise DataError(f"X must be a table of shape (n, n_features), not a sparse array of shape {X.shape}.")
    table = _checked(X, "csr")
    if table.has_canonical_format:
        return table
    table = table.copy()  # the caller's matrix stays as it is
    table.sum_duplicates()
    return table


def as_array(X: Any) -> Any:
    """Make an array of lists and the like; a DataError when rows differ in length."""
    if isinstance(X, np.ndarray) or hasattr(X, "iloc"):
        return X  # check_array has its own words for a Series
    try:
        return np.asarray(X)
    except ValueError as error:
        raise DataError(f"X cannot be made an array: its rows differ in length ({error}).") from error


def _refuse_text(array: Any) -> None:
    if not isinstance(array, np.ndarray):
        return
    kind = array.dtype.kind
    if kind in "mM":
        raise ColumnError(f"X is an array of dates or times ({array.dtype}); turn them into numbers first.")
    if kind == "V":
        raise ColumnError(f"X is an array of records ({array.dtype}). {_PASS_A_FRAME}")
    if kind in "USO" and array.ndim == 2:
        names = array_names(array.shape[1])
        text = [name for name, column in zip(names, array.T, strict=True) if kind != "O" or _holds_text(column)]
        if text:
            raise ColumnError(f"X is an array with text in {name_list(text)}. {_PASS_A_FRAME}")
    elif kind in "US":
        raise ColumnError(f"X is text. {_PASS_A_FRAME}")


def _holds_text(column: np.ndarray) -> bool:
    return any(issubclass(kind, str | bytes) for kind in set(map(type, column)))
