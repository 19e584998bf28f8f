"""Which models of a grid contain which: families differ in the number of experts, nested ones in their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from classicmoe.selection.grid import Candidate
from classicmoe.selection.labels import label
from classicmoe.selection.rows import Columns

SIDE = "expert_features"  # what its arguments and those of the transformer in it begin with


def families(candidates: Sequence[Candidate]) -> list[list[int]]:
    """Return the numbers of the candidates of every family, in ascending order of their number of experts."""
    found: dict[Any, list[int]] = {}
    for number, candidate in enumerate(candidates):
        rest = {name: _value(value) for name, value in candidate.params.items() if name != "n_experts"}
        found.setdefault(tuple(sorted(rest.items())), []).append(number)
    return [sorted(family, key=lambda number: candidates[number].estimator.n_experts) for family in found.values()]


def nested(candidates: Sequence[Candidate], columns: Sequence[Columns]) -> dict[int, int]:
    """Return, for every candidate that contains others on fewer columns of the experts, the number of the largest.

    Both have as many experts, two at least, and all other arguments in common. Columns are told by their names; where a
    transformer calls different ones alike, the smaller model makes a start like any other.
    """
    found: dict[Any, list[int]] = {}
    for number, (candidate, seen) in enumerate(zip(candidates, columns, strict=True)):
        model = candidate.estimator
        if model.n_experts == 1 or not isinstance(model.init, str):
            continue
        rest = {name: _value(value) for name, value in candidate.params.items() if not name.startswith(SIDE)}
        rest["n_experts"] = _value(int(model.n_experts))
        found.setdefault((tuple(sorted(rest.items())), tuple(seen[0])), []).append(number)
    inside = {}
    for group in found.values():
        names = {number: set(columns[number][1]) for number in group}
        for number in group:
            smaller = [other for other in group if names[other] < names[number]]
            if smaller:
                inside[number] = max(smaller, key=lambda other: (len(names[other]), -other))
    return inside


def siblings(candidates: Sequence[Candidate]) -> dict[int, int]:
    """Return, for every candidate that can be started from a model with one expert fewer, the number of that model.

    Small models come first. Who gave responsibilities as ``init`` wants that start and no other.
    """
    found = {}
    for family in families(candidates):
        first: dict[int, int] = {}
        for number in family:
            first.setdefault(candidates[number].estimator.n_experts, number)
        for number in family:
            below = first.get(candidates[number].estimator.n_experts - 1)
            if below is not None and isinstance(candidates[number].estimator.init, str):
                found[number] = below
    return dict(sorted(found.items(), key=lambda pair: (candidates[pair[0]].estimator.n_experts, pair[0])))


def _value(value: Any) -> tuple[str, str]:
    """Return what two equal arguments share; objects are equal if they are the same one, as within one grid."""
    plain = label(value) if not isinstance(value, str) else value
    is_scalar = plain is None or isinstance(value, str) or not isinstance(plain, str)
    return type(plain).__name__ if is_scalar else "object", repr(plain) if is_scalar else str(id(value))
