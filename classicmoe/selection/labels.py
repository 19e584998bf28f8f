"""How a grid calls the values of its arguments in tables: scalars as they are, objects by what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

LONGEST = 40  # characters of an object's own text


def label(value: Any) -> Any:
    """Return a scalar as it is and anything else as one line of text."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    return " ".join(repr(value).split())


def labels(values: Sequence[Any]) -> list[Any]:
    """Return a label for every value that a grid has for one argument.

    Objects of one class are told apart by the arguments in which they differ: ``PolynomialFeatures(2)`` beside
    ``PolynomialFeatures(3)`` is "degree 2". Different objects never share a label.
    """
    kinds: dict[Any, list[int]] = {}
    for i, value in enumerate(values):
        if hasattr(value, "get_params") and not isinstance(value, type):
            kinds.setdefault((_kind(value), tuple(value.get_params())), []).append(i)
    out = [label(value) for value in values]
    for (kind, _), places in kinds.items():
        for i, text in zip(places, _differences([values[i] for i in places]), strict=True):
            out[i] = text or (out[i] if len(out[i]) <= LONGEST else kind)
    distinct = len({id(value) for value in values if hasattr(value, "get_params")})
    told = len({text for value, text in zip(values, out, strict=True) if hasattr(value, "get_params")})
    return out if told == distinct else [label(value) for value in values]


def _kind(value: Any) -> str:
    """Return the name of an object's class, of a pipeline those of its steps."""
    if isinstance(value, Pipeline):
        return " + ".join(_kind(step) for _, step in value.steps)
    return type(value).__name__


def _differences(objects: Sequence[Any]) -> list[str]:
    """Return the arguments in which objects of one kind differ, "" for all where they do not."""
    given = [value.get_params(deep=True) for value in objects]
    plain = {name for name in given[0] if not any(_has_parts(params[name]) for params in given)}
    varying = [name for name in given[0] if name in plain and len({str(label(params[name])) for params in given}) > 1]
    last = [name.rpartition("__")[2] for name in varying]
    short = last if len(set(last)) == len(last) else varying
    return [
        ", ".join(f"{text} {label(params[name])}" for name, text in zip(varying, short, strict=True))
        for params in given
    ]


def _has_parts(value: Any) -> bool:
    """Return whether arguments of this argument stand for themselves: objects, and steps of a pipeline."""
    if isinstance(value, list | tuple):
        return any(_has_parts(part) for part in value)
    return hasattr(value, "get_params")
