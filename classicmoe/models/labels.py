"""Labels of classes: read from any kind of y, coded as 0, 1, ..., C - 1, and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets

from classicmoe.contracts import Array
from classicmoe.em.source import Batches
from classicmoe.exceptions import (
    ConfigurationError,
    DataError,
    MissingValuesError,
    ModelFileError,
    RareClassWarning,
    UnseenLabelError,
)
from classicmoe.messages import count_text, name_list, rows_text
from classicmoe.models.frames import as_table
from classicmoe.models.observed import is_observed
from classicmoe.models.response import COLUMN_VECTOR, check_weights

Labels = NDArray[Any]
KINDS = "biufUO"  # of label arrays that a model file can hold


class Classes(NamedTuple):
    """Classes in order (C,), the number of rows of each that weigh anything, and their weights (C,)."""

    labels: Labels
    rows: Array
    weight: Array


def read_labels(y: Any, owner: str) -> Labels:
    """Return y as an array of labels, (n,).

    Raises
    ------
    DataError
        No y, several columns, labels of different types, or numbers that are no labels (continuous).
    MissingValuesError
        NaN or None, with rows.
    """
    if y is None:
        raise DataError(f"{owner} requires y to be passed, but the target y is None.")
    if issparse(y):
        raise DataError("Sparse y is not supported; pass y.toarray().")
    values = _as_array(y)
    if values.ndim == 2 and values.shape[1] == 1:
        warnings.warn(COLUMN_VECTOR, DataConversionWarning, stacklevel=4)
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
    _check_missing(values)
    if values.dtype == object and len(values) and all(isinstance(value, bool | np.bool_) for value in values):
        values = values.astype(bool)
    if values.dtype.kind == "c":
        raise DataError(f"Complex data not supported\n{values}\n")
    try:
        sorted(set(values.tolist()))
    except TypeError as error:
        raise DataError(f"y mixes labels that cannot be put in order ({error}); {owner} needs one type.") from error
    try:
        check_classification_targets(values)
    except ValueError as error:
        raise DataError(f"{error} {owner} needs labels of classes; numbers are a task for MoERegressor.") from error
    return values


def _as_array(y: Any) -> Labels:
    if nw.dependencies.is_into_series(y):
        return np.asarray(nw.from_native(y, series_only=True).to_numpy())
    table = as_table(y)
    if table is None:
        return np.asarray(y)
    return np.stack([column.to_numpy() for column in table.columns], axis=1)


def _check_missing(values: Labels) -> None:
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
    elif values.dtype == object:
        bad = np.array([_is_missing(value) for value in values.tolist()], dtype=bool)
    else:
        return
    rows = np.flatnonzero(bad)
    if len(rows):
        raise MissingValuesError(
            f"Input y contains NaN. {count_text(len(rows), 'label')} missing or infinite: {rows_text(rows)}. Drop "
            "these rows, or give what is not known a label of its own."
        )


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and not np.isfinite(value)


def learn_classes(y: Any, sample_weight: Any, owner: str) -> Classes:
    """Return the classes of the rows that weigh anything; ``y`` are labels, or ``Batches`` that carry them.

    Raises
    ------
    DataError
        A single class.

    Warns
    -----
    RareClassWarning
        A class with a single row.
    """
    mass: dict[Any, list[float]] = {}
    kind: np.dtype[Any] | None = None
    for labels, weight in _parts(y, sample_weight, owner):
        kind = labels.dtype if kind is None else np.promote_types(kind, labels.dtype)
        here = labels[weight > 0.0]
        for label, code in zip(*_distinct(here), strict=True):
            known = mass.setdefault(label, [0.0, 0.0])
            known[0] += float(code.size)
            known[1] += float(weight[weight > 0.0][code].sum())
    if len(mass) < 2:
        held = f"; all labels are {next(iter(mass))!r}" if mass else ""
        raise DataError(
            f"{owner} needs labels of at least two classes, and y holds only {'one class' if mass else 'none'}{held}. "
            "Is it the right column, and were rows filtered by it?"
        )
    ordered = sorted(mass)
    classes = Classes(np.array(ordered, dtype=kind), *np.array([mass[label] for label in ordered]).T)
    single = [label for label in ordered if mass[label][0] == 1 and mass[label][1] <= 1.0]
    if single:
        one = len(single) == 1
        warnings.warn(
            f"{'Class' if one else 'Classes'} {name_list(single)} {'has' if one else 'have'} a single row: nothing can "
            "be learnt of what it depends on, and no fold of a cross-validation will hold it twice. Leave it out or "
            "join it with another class.",
            RareClassWarning,
            stacklevel=4,
        )
    return classes


def _parts(y: Any, sample_weight: Any, owner: str) -> Iterator[tuple[Labels, Array]]:
    given = y if isinstance(y, Batches) else [(None, y, sample_weight)]
    for _, labels, weight in given:
        if is_observed(labels):
            raise DataError(f"{owner} needs labels, and y holds intervals; MoERegressor takes them.")
        values = read_labels(labels, owner)
        weights = check_weights(weight, len(values))
        yield values, np.ones(len(values)) if weights is None else weights


def _distinct(labels: Labels) -> tuple[list[Any], list[NDArray[np.intp]]]:
    """Return the distinct labels as Python values, and the rows of each."""
    found, inverse = np.unique(labels, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(inverse, minlength=len(found)))[:-1]) if len(found) else []
    return found.tolist(), rows


def encode(y: Any, classes: Labels, owner: str, sample_weight: Any = None) -> Array:
    """Return the codes of labels as floats, (n,).

    Raises
    ------
    UnseenLabelError
        A label that is not among ``classes``; it is named with its rows. Rows of weight zero may have any.
    """
    ((values, weight),) = _parts(y, sample_weight, owner)
    known = {label: float(code) for code, label in enumerate(classes.tolist())}
    codes = np.array([known.get(value, -1.0) for value in values.tolist()])
    unseen = np.flatnonzero((codes < 0.0) & (weight > 0.0))
    if len(unseen):
        label = values[unseen[:1]].tolist()[0]
        rows = np.flatnonzero([value == label for value in values.tolist()])
        raise UnseenLabelError(
            f"y holds the label {label!r} in {count_text(len(rows), 'row')} ({rows_text(rows)}), which was not there "
            f"when the model was fitted. Classes: {name_list(classes.tolist())}."
        )
    return np.maximum(codes, 0.0)


def class_weights(asked: Any, classes: Classes) -> Array:
    """Return the weights of the classes, (C,), scaled so that the sum over all rows stays what it was.

    Raises
    ------
    ConfigurationError
        Another argument than None, "balanced" or a dictionary of positive numbers by label.
    """
    if asked is None:
        return np.ones(len(classes.labels))
    if isinstance(asked, str) and asked == "balanced":
        weights = 1.0 / classes.weight
    elif isinstance(asked, Mapping):
        labels = classes.labels.tolist()
        strange = [label for label in asked if label not in labels]
        if strange:
            raise ConfigurationError(f"class_weight names {name_list(strange)}; the classes are {name_list(labels)}.")
        try:
            weights = np.array([float(asked.get(label, 1.0)) for label in labels])
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"class_weight must hold numbers: {error}") from error
        if not (np.isfinite(weights) & (weights > 0.0)).all():
            raise ConfigurationError(f"class_weight must hold positive numbers, not {dict(asked)!r}.")
    else:
        raise ConfigurationError(f'class_weight must be None, "balanced" or a dictionary by label, not {asked!r}.')
    return np.asarray(weights * classes.weight.sum() / (weights @ classes.weight))


def labels_state(labels: Labels) -> dict[str, Any]:
    """Return labels as JSON: what they are and their values."""
    plain = all(isinstance(value, str | bool | int | float) for value in labels.tolist())
    if labels.dtype.kind not in KINDS or not plain:
        raise ConfigurationError(
            f"Labels of type {type(labels.tolist()[0]).__name__} cannot be stored in a model file; fit with text, "
            "numbers or booleans."
        )
    return {"dtype": labels.dtype.str, "values": labels.tolist()}


def labels_from_state(state: Mapping[str, Any]) -> Labels:
    """Invert :func:`labels_state`."""
    dtype = np.dtype(state["dtype"])
    labels = np.array(state["values"], dtype=dtype)
    if dtype.kind not in KINDS or labels.ndim != 1 or len(set(labels.tolist())) != len(labels):
        raise ModelFileError("the classes are not distinct labels")
    return labels
