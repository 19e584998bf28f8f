"""Levels of categorical columns: found at fit, stored, and compared at every later call."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import repeat
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ColumnError, ManyLevelsWarning, UnseenLevelError
from classicmoe.messages import counted_from, name_list, row_numbers, wrong_numbers
from classicmoe.models.frames import Kind, kind_of, nulls_of
from classicmoe.parsing import parse_numbers

Level = str | int | float | bool
Unseen = Literal["error", "reference"]

MANY_LEVELS = 20
"""More levels than this raise a warning."""
MAX_LEVELS = 200
"""More levels than this, or more than one for every five rows, are an error."""

_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ].*)?\s*$")


def find_levels(column: Any, kind: Kind | None = None) -> list[Level]:
    """List the levels that occur in a column; the first one is the reference.

    Booleans: False, True. Categorical and Enum columns: the order of their categories, without those that do not
    occur (their coefficient could not be estimated). Everything else: sorted. Levels that JSON cannot hold (the
    intervals of ``pandas.cut``) are stored as their text.
    """
    kind = kind or kind_of(column)
    if kind == "boolean":
        return [False, True]
    if isinstance(column, np.ndarray):
        return [_plain(value) for value in np.unique(column[~np.isnan(column)]).tolist()]
    found = set(column.drop_nulls().unique().to_list())
    if kind == "category" and not _unordered(column):
        return [_plain(value) for value in column.cat.get_categories().to_list() if value in found]
    try:
        return [_plain(value) for value in sorted(found)]
    except TypeError:
        return [_plain(value) for value in sorted(found, key=str)]


def _unordered(column: Any) -> bool:
    """Polars' Categorical (unlike Enum and pandas) has no order of its own: it numbers levels as they come in."""
    return bool(column.implementation.is_polars() and column.dtype == nw.Categorical)


def _plain(value: Any) -> Level:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float) else str(value)


def codes_of(
    name: str, column: Any, levels: Sequence[Level], unseen: Unseen, owner: str = "the model"
) -> NDArray[np.int32]:
    """Return the index of every row's level; 0 (the reference) for missing values, which are reported elsewhere.

    Values match a level when they are equal or read the same (the text "1" and the number 1 do).

    Raises
    ------
    UnseenLevelError
        A level that ``levels`` does not hold, unless ``unseen="reference"``.
    """
    index = {level: code for code, level in enumerate(levels)}
    by_text = {str(level): code for code, level in enumerate(levels)}
    values = column.tolist() if isinstance(column, np.ndarray) else column.to_list()
    table = {value: index.get(value, by_text.get(str(value), -1)) for value in dict.fromkeys(values)}
    codes = np.fromiter(map(table.get, values, repeat(-1)), np.int32, len(values))
    strange = np.flatnonzero((codes < 0) & ~nulls_of(column)) if (codes < 0).any() else np.empty(0, np.intp)
    if len(strange) and unseen == "error":
        raise UnseenLevelError(_unseen_message(name, strange, values, levels, owner))
    return np.maximum(codes, 0)


def _unseen_message(
    name: str, rows: NDArray[np.intp], values: Sequence[Any], levels: Sequence[Level], owner: str
) -> str:
    known = ", ".join(map(str, levels[:10])) + (f", … ({len(levels) - 10} more)" if len(levels) > 10 else "")
    numbers = ", ".join(map(str, row_numbers(rows, 3)))
    many = f"{len(rows)} such rows: {numbers}{', …' if len(rows) > 3 else ''}; " if len(rows) > 1 else ""
    first = str(_plain(values[rows[0]]))
    return (
        f"{owner} was fitted with {name} in {{{known}}}; row {row_numbers(rows, 1)[0]} has {first!r} ({many}"
        f"{counted_from()}). Use unseen='reference' (command line: --unseen reference) to score such rows as the "
        f"reference level {str(levels[0])!r}, or refit."
    )


def judge_levels(name: str, column: Any, kind: Kind, levels: Sequence[Level]) -> None:
    """Object to categorical columns that cannot be modelled as such.

    Raises
    ------
    ColumnError
        Every row has its own level; more than 200 levels, or (beyond 20) more than one for every five rows; text
        that is mostly numbers or dates.

    Warns
    -----
    ManyLevelsWarning
        More than 20 levels.
    """
    rows = int(len(column) - nulls_of(column).sum())
    n_levels = len(levels)
    distinct = rows >= 3 and n_levels == rows
    if kind == "boolean" or (n_levels <= MANY_LEVELS and not distinct):
        return
    if kind == "text":
        _numbers_or_dates_in_disguise(name, column, rows, distinct)
    drop = f"Drop it (X.drop(columns=[{name!r}]); command line: --drop {name})"
    if distinct:
        raise ColumnError(f"{name!r} has a different value in each of its {rows} rows, so it explains nothing. {drop}.")
    share = f"{name!r} has {n_levels} levels in {rows} rows (first: {name_list(list(levels), 3)})"
    cure = f"{drop}, or merge its rare levels."
    if n_levels > MAX_LEVELS or n_levels > rows / 5:
        raise ColumnError(
            f"{share}: too many to give each of them a coefficient in every expert. {cure} An encoder as "
            "gate_features or expert_features (such as OneHotEncoder(max_categories=10)) is a third way."
        )
    warnings.warn(
        f"{share}: every one of them gets its own coefficient in every expert. {cure}", ManyLevelsWarning, stacklevel=2
    )


def _numbers_or_dates_in_disguise(name: str, column: Any, rows: int, distinct: bool) -> None:
    values = column.to_list()
    numbers, wrong = parse_numbers(values)
    if len(wrong) == 0:
        if distinct and np.array_equal(numbers, np.floor(numbers), equal_nan=True):
            return  # identifiers such as "00017", not measurements
        raise ColumnError(
            f"{name!r} is text but holds numbers. Convert it (for example pandas.to_numeric), or make it a categorical "
            "column if its numbers are labels."
        )
    if len(wrong) < rows / 2:
        raise ColumnError(
            f"{wrong_numbers(name, wrong, values)} Correct them, mark them as missing, or drop the column (command "
            f"line: --drop {name})."
        )
    sample = column.drop_nulls().head(100).to_list()
    if sample and all(_DATE.match(value) for value in sample):
        raise ColumnError(date_message(name))


def date_message(name: str) -> str:
    """Return the sentence for a column of dates or times."""
    return (
        f"{name!r} holds dates or times, which have no coefficient of their own. Drop it (X.drop(columns=[{name!r}]); "
        f"command line: --drop {name}) or turn it into a number, such as days since the first one or a month."
    )


_ID_NAME = re.compile(
    r"(?:^|[_\W])(?:id|ids|key|uuid|guid|index|idx|nr|rowid|row|rownames?|record|serial)$",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r"[a-z](?:Id|ID)$")
_TIME_NAME = re.compile(
    r"(?:^|[_\W])(?:t|x|time|year|years|date|day|days|week|weeks|month|months|hour|hours|quarter|period|season|age|step|"
    r"epoch|round|wave|dose|rank|order)s?$",
    re.IGNORECASE,
)


def id_reason(name: str, values: NDArray[Any]) -> str | None:
    """Say why a numeric column looks like an identifier; None when it does not.

    All its values must be different whole numbers (20 rows or more), and it must either be called like one (``id``,
    ``customer_id``, ``rowId``) or hold n consecutive numbers without being called like a time or an order (``year``,
    ``week``, ``age``, ``x``).
    """
    n = len(values)
    head = values[:1000]
    if n < 20 or not np.all(np.isfinite(head)) or np.any(head != np.floor(head)) or len(np.unique(head)) < len(head):
        return None
    named = bool(_ID_NAME.search(name) or _CAMEL_ID.search(name))
    consecutive = bool(values.max() - values.min() == n - 1)
    if not named and (not consecutive or _TIME_NAME.search(name)):
        return None
    if len(np.unique(values)) < n:
        return None
    return "its name" if named and not consecutive else f"{n} consecutive whole numbers, one for every row"
