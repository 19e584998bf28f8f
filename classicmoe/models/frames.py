"""The boundary to data frames: any frame that narwhals knows becomes a :class:`Table` of named columns.

Nothing above this module knows pandas or polars, and nothing here converts a column before it is asked for.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from classicmoe.exceptions import ColumnError, DataError
from classicmoe.messages import did_you_mean, name_list

Kind = Literal["number", "boolean", "text", "category", "date", "mixed", "other"]
Column = Any  # a narwhals Series, or a one-dimensional float array

_DATE_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


@dataclass(frozen=True)
class Table:
    """Columns by name: ``columns[j]`` (narwhals Series or float arrays) is called ``names[j]``.

    ``named`` is False when the names were made up here (arrays; frames whose column labels are not text): such
    tables are matched by position. ``native`` is what the caller gave.
    """

    names: list[str]
    columns: list[Column]
    named: bool
    n_rows: int
    native: Any

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: j for j, name in enumerate(self.names)}

    def column(self, name: str) -> Column:
        """Return one column; a ColumnError proposes the nearest name when there is none."""
        return self.columns[self.index(name)]

    def index(self, name: str) -> int:
        """Return the position of a column; a ColumnError proposes the nearest name when there is none."""
        if name not in self._positions:
            self.require([name])
        return self._positions[name]

    def require(self, names: Sequence[str], owner: str = "the model") -> None:
        """Raise a ColumnError that names every column among ``names`` which this table lacks."""
        missing = [name for name in names if name not in self._positions]
        if not missing:
            return
        hints = "".join(did_you_mean(name, self.names) for name in missing[:3])
        verb = "is" if len(missing) == 1 else "are"
        raise ColumnError(
            f"{owner} needs {'column' if len(missing) == 1 else 'columns'} {name_list(missing)}, which {verb} not in "
            f"the data.{hints} Columns there: {name_list(self.names, quote=False)}."
        )

    def select_native(self, names: Sequence[str]) -> Any:
        """Return the caller's kind of frame with these columns only, in this order."""
        if not self.named or list(names) == self.names:
            return self.native
        self.require(names)
        return nw.from_native(self.native, eager_only=True).select(list(names)).to_native()


def as_table(X: Any) -> Table | None:
    """Wrap a data frame; None when ``X`` is not one (arrays, lists, series, sparse matrices).

    Raises
    ------
    ColumnError
        Repeated column names, a mix of text and other column labels, or a lazy frame.
    """
    try:
        frame = nw.from_native(X, pass_through=True)
    except DuplicateError as error:
        repeated = str(error).splitlines()[1:]
        raise ColumnError(f"Column names must differ; repeated: {'; '.join(repeated).replace('- ', '')}.") from error
    if isinstance(frame, nw.LazyFrame):
        raise ColumnError(f"X is a lazy frame ({type(X).__name__}); call .collect() or .compute() on it first.")
    if not isinstance(frame, nw.DataFrame):
        return None
    labels = list(frame.columns)
    text = [isinstance(label, str) for label in labels]
    if any(text) and not all(text):
        odd = [label for label, is_text in zip(labels, text, strict=True) if not is_text]
        raise ColumnError(f"Column names must all be text; these are not: {name_list(odd)}. Use X.columns.astype(str).")
    named = all(text)
    names = labels if named else array_names(len(labels))
    return Table(names, list(frame.iter_columns()), named, frame.shape[0], frame.to_native())


def array_table(X: NDArray[Any]) -> Table:
    """Wrap a two-dimensional float array; its columns are called x0, x1, ..."""
    return Table(array_names(X.shape[1]), list(X.T), False, X.shape[0], X)


def array_names(n_columns: int) -> list[str]:
    """Return the names of the columns of an array."""
    return [f"x{j}" for j in range(n_columns)]


def kind_of(column: Column) -> Kind:
    """Say what a column holds; columns of Python objects are looked at value by value (in C)."""
    if isinstance(column, np.ndarray):
        return "number"
    dtype = column.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == nw.Boolean:
        return "boolean"
    if dtype == nw.String:
        return "text"
    if dtype in (nw.Categorical, nw.Enum):
        return "category"
    if dtype.is_temporal():
        return "date"
    if dtype in (nw.Object, nw.Unknown):
        return _kind_of_objects(column)
    return "other"


def _kind_of_objects(column: Any) -> Kind:
    types = set(map(type, column.drop_nulls().to_list()))
    if not types:
        return "number"
    if all(issubclass(t, bool | np.bool_) for t in types):
        return "boolean"
    if all(issubclass(t, Real | Decimal | np.bool_) for t in types):
        return "number"
    if all(issubclass(t, str) for t in types):
        return "text"
    if all(issubclass(t, _DATE_TYPES) or t.__name__ == "Period" for t in types):
        return "date"
    if all(issubclass(t, Real | Decimal | str) for t in types):
        return "mixed"
    return "other"


def nulls_of(column: Column) -> NDArray[np.bool_]:
    """Return the mask of missing values (null, None, NA, NaN) of any column."""
    if isinstance(column, np.ndarray):
        return np.isnan(column)
    mask = column.is_null().to_numpy().astype(bool)
    if column.dtype.is_float():
        mask = mask | np.isnan(column.to_numpy())
    return mask


def numbers_of(column: Column) -> NDArray[Any]:
    """Return a numeric or boolean column as floats, missing values as NaN; float32 and float64 are not copied."""
    values = column if isinstance(column, np.ndarray) else column.to_numpy()
    if values.dtype in (np.float32, np.float64):
        return values
    if values.dtype == object:
        values = np.where(nulls_of(column), np.nan, values)
    return values.astype(np.float64)


def check_size(n_rows: int, n_columns: int, owner: str) -> None:
    """Refuse tables without rows or columns, in scikit-learn's words."""
    for count, what in ((n_rows, "sample"), (n_columns, "feature")):
        if count == 0:
            shape = (n_rows, n_columns)
            raise DataError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is required by {owner}."
            )
