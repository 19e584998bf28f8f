"""What gate_features and expert_features may be: taken apart before anything is fitted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np

from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.messages import did_you_mean, name_list
from classicmoe.models.arrays import as_array
from classicmoe.models.formula import expand_dot, simple_terms
from classicmoe.models.frames import array_names, as_table

MapKind = Literal["columns", "transformer", "formula"]


class Plan(NamedTuple):
    """A specification with columns resolved to names: ``what`` is a list (None: all), a transformer or a formula."""

    kind: MapKind
    what: Any


def required_columns(X: Any, *specs: Any) -> list[str] | None:
    """Tell which columns of X have to be coded for these specifications; None when all of them have to.

    Columns that only a transformer or a formula uses are not among them: those read X themselves. Hand the result to
    ``ColumnCoder.fit(X, only=...)``, so that a text column that nothing uses does no harm.

    Parameters
    ----------
    X : array-like or data frame
    *specs
        ``gate_features``, ``expert_features``.

    Raises
    ------
    ColumnError
        Unknown names or indices.
    ConfigurationError
        Something that is none of the four kinds of specification.
    """
    if any(spec is None for spec in specs):
        return None
    table = as_table(X)
    names = array_names(_width(X)) if table is None else table.names
    known = set(names)
    needed: dict[str, None] = {}
    for spec in specs:
        kind, what = plan_of(spec, names)
        for entry in what if kind == "columns" else []:
            source = entry if entry in known else _source_of(entry, known)
            if source is None:
                raise unknown_column(entry, names)
            needed[source] = None
    return list(needed)


def _width(X: Any) -> int:
    shape = X.shape if hasattr(X, "shape") else as_array(X).shape
    return shape[1] if len(shape) == 2 else 0  # whatever else X is, the coder has words for it


def plan_of(spec: Any, names: Sequence[str]) -> Plan:
    """Sort a specification into one of its kinds; ``names`` are the columns of X.

    Raises
    ------
    ColumnError
        An index out of range, a mask of the wrong length.
    ConfigurationError
        None of the kinds.
    """
    if spec is None:
        return Plan("columns", None)
    if isinstance(spec, str):
        if spec in names:
            return Plan("columns", [spec])
        rhs = expand_dot(spec, names)
        terms = simple_terms(rhs)
        return Plan("formula", rhs) if terms is None else Plan("columns", terms)
    if hasattr(spec, "fit") and hasattr(spec, "transform"):
        return Plan("transformer", spec)
    if not isinstance(spec, Iterable) or isinstance(spec, Mapping | bytes):
        raise ConfigurationError(
            "gate_features and expert_features take None, a list of column names or indices, a formula's right-hand "
            f"side or a scikit-learn transformer, not {spec!r}."
        )
    entries = list(spec)
    if entries and all(isinstance(entry, bool | np.bool_) for entry in entries):
        if len(entries) != len(names):
            raise ColumnError(f"A mask of {len(entries)} columns was given, but X has {len(names)}.")
        return Plan("columns", [name for name, chosen in zip(names, entries, strict=True) if chosen])
    return Plan("columns", [_entry(entry, names) for entry in entries])


def _entry(entry: Any, names: Sequence[str]) -> str:
    if isinstance(entry, str):
        return str(entry)
    if isinstance(entry, Integral) and not isinstance(entry, bool):
        position = int(entry)
        if not -len(names) <= position < len(names):
            raise ColumnError(f"There is no column {position}: X has {len(names)} columns, counted from 0.")
        return names[position]
    raise ConfigurationError(f"Columns are given by name or index, not {entry!r}.")


def _source_of(entry: str, known: Container[str]) -> str | None:
    """Return the column whose coded name (``"region[N]"``) this may be; of several the one with the longest name."""
    places = [i for i, letter in enumerate(entry) if letter == "["] if entry.endswith("]") else []
    return next((entry[:i] for i in reversed(places) if entry[:i] in known), None)


def unknown_column(entry: str, known: Sequence[str]) -> ColumnError:
    """Build the error for a name that is not among the ``known`` ones."""
    distinct = list(dict.fromkeys(known))
    return ColumnError(
        f"There is no column {entry!r} in X.{did_you_mean(entry, distinct)} Columns there: "
        f"{name_list(distinct, quote=False)}."
    )
