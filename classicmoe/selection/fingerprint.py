"""Recognise data and settings again: SHA-256 of values, not of Python objects."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.models.frames import as_table

_CHUNK = 1 << 16  # rows
_NOT_THE_MODEL = ("n_jobs", "verbose")


def fingerprint_data(*parts: Any) -> str:
    """Return a hash of tables, responses and weights: names, types, shapes and every value."""
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    if part is None:
        digest.update(b"none;")
        return
    table = as_table(part)
    if table is not None:
        digest.update(f"table {table.n_rows} {table.names!r};".encode())
        for column in table.columns:
            _feed_column(digest, column)
    elif nw.dependencies.is_into_series(part):
        series = nw.from_native(part, series_only=True)
        digest.update(f"series {series.name!r};".encode())
        _feed_column(digest, series)
    else:
        _feed_array(digest, np.asarray(part))


def _feed_column(digest: Any, column: Any) -> None:
    digest.update(f"{column.dtype!r};".encode())
    if column.dtype in (nw.Categorical, nw.Enum):
        digest.update(repr(column.cat.get_categories().to_list()).encode())  # their order makes the reference level
        digest.update(repr(column.to_list()).encode())
    else:
        _feed_array(digest, column.to_numpy())


def _feed_array(digest: Any, array: Any) -> None:
    digest.update(f"array {array.dtype.str} {array.shape};".encode())
    if array.dtype == object or array.ndim == 0:
        digest.update(repr(array.tolist()).encode())
        return
    for start in range(0, len(array), _CHUNK):  # a memory map is never whole in memory
        digest.update(np.ascontiguousarray(array[start : start + _CHUNK]).tobytes())


def fingerprint_model(estimator: Any, splits: Any) -> str:
    """Return a hash of an unfitted estimator's arguments and of the folds.

    Raises
    ------
    ConfigurationError
        An argument is of a kind whose value cannot be told.
    """
    arguments = {
        name: _plain(value, name)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _NOT_THE_MODEL
    }
    folds = None if splits is None else fingerprint_data(*(part for split in splits for part in split))
    text = json.dumps([type(estimator).__name__, arguments, folds], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any, where: str) -> Any:
    """Return what JSON can hold and two equal values share."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray):
        return ["array", fingerprint_data(value)]
    if isinstance(value, list | tuple | range):
        return [type(value).__name__, *(_plain(entry, where) for entry in value)]
    if isinstance(value, dict):
        return ["dict", *([_plain(key, where), _plain(entry, where)] for key, entry in value.items())]
    if hasattr(value, "get_params") and not isinstance(value, type):
        return [type(value).__qualname__, _plain(value.get_params(deep=False), where)]
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "<nameless>")
    if callable(value) and "<" not in name:  # a function that can be imported again, not a lambda
        return ["function", str(getattr(value, "__module__", None)), name]
    raise ConfigurationError(
        f"resume= cannot tell whether {where}={value!r} is the same as in an earlier run; give it as a plain value, an "
        "array, an object with get_params or a named function."
    )
