"""What a Lasso estimator's file holds beside that of every estimator: penalties, and the path of solutions.

Coefficients along the path are mostly zero and are stored by place and value. Times are not stored, so that equal fits
give equal files, nor are the paths of other ratios of the penalties than the chosen one: a loaded model has ``NaN`` in
``path_.seconds`` and the one path in ``paths_``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from math import prod
from typing import Any

import numpy as np

from classicmoe.archive import MAX_BYTES
from classicmoe.exceptions import ConfigurationError, ModelFileError

WEIGHTS = ("gate_weights", "expert_weights")
_FOLDS = 5  # in place of a splitter, which has no place in a file
_LIMITS = ("equals", "lower", "upper")
_CONSTRAINTS = ("Sign", "Bounds", "Sum", "Increasing", "Ordered", "Linear")
_TIMES = "seconds"
_PREFIX, _PLACES, _VALUES = "path_", "_at", "_values"
_LARGEST = 4 * MAX_BYTES  # bytes of coefficients along a path


def exact(value: Any) -> Any:
    """Return a number or an array of numbers as JSON; infinities, which JSON has not, are text."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [exact(entry) for entry in value]
    if value is None or isinstance(value, str):
        return value
    return float(value) if np.isfinite(value) else str(float(value))


def from_exact(state: Any) -> Any:
    """Invert :func:`exact`; lists come back as arrays."""
    if isinstance(state, list):
        return np.array([from_exact(entry) for entry in state], dtype=float)
    return None if state is None else float(state)


def constraints_state(listed: Any) -> list[dict[str, Any]] | None:
    """Return linear constraints by name, with their arguments."""
    if listed is None:
        return None
    return [
        {
            "name": type(own).__name__,
            "arguments": {f.name: _argument(getattr(own, f.name), f.name in _LIMITS) for f in fields(own)},
        }
        for own in listed
    ]


def constraints_from(state: Any) -> list[Any] | None:
    """Invert :func:`constraints_state`; tuples come back as lists."""
    if state is None:
        return None
    from classicmoe import penalties

    return [
        getattr(penalties, _CONSTRAINTS[_CONSTRAINTS.index(own["name"])])(
            **{name: from_exact(value) if name in _LIMITS else value for name, value in own["arguments"].items()}
        )
        for own in state
    ]


def _argument(value: Any, is_limit: bool) -> Any:
    if is_limit:
        return exact(value)
    if isinstance(value, list | tuple | range | np.ndarray):
        return [_argument(entry, False) for entry in value]
    return value.item() if isinstance(value, np.generic) else value


def _folds(cv: Any) -> int:
    return int(cv) if isinstance(cv, int | np.integer) else _FOLDS


ARGUMENTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    **dict.fromkeys((*WEIGHTS, "alpha_gate", "alpha_expert"), (exact, from_exact)),
    "constraints": (constraints_state, constraints_from),
    "cv": (_folds, int),
}
"""Arguments that are not stored as they are: their way to JSON and back."""


def path_state(estimator: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return penalties and path of a fitted Lasso estimator as JSON and as arrays.

    Raises
    ------
    ConfigurationError
        The path is too large for a file.
    """
    path = estimator.path_
    state = {name: exact(getattr(estimator, f"{name}_")) for name in ("alpha_gate", "alpha_expert", "optimality")}
    plain: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for own in fields(path) if path is not None else ():
        value, name = getattr(path, own.name), _PREFIX + own.name
        if own.name == _TIMES:
            continue
        if isinstance(value, Mapping):
            plain[own.name] = list(value)
            arrays |= {f"{name}_{key}": np.asarray(entry) for key, entry in value.items()}
        elif np.ndim(value) >= 3:
            if 8 * value.size > _LARGEST:
                raise ConfigurationError(
                    f"path_ holds {value.size} coefficients, too many for a model file: set path_ to None before "
                    "saving (the chosen solution stays), or fit with fewer points (n_alphas)."
                )
            plain[own.name] = list(value.shape)
            places = np.flatnonzero(value)
            arrays |= {name + _PLACES: places, name + _VALUES: value.ravel()[places]}
        elif isinstance(value, np.ndarray):
            arrays[name] = value
        else:
            plain[own.name] = value
    return state | {"path": plain if path is not None else None}, arrays


def restore_path(estimator: Any, state: Mapping[str, Any], arrays: dict[str, Any]) -> None:
    """Set what a Lasso estimator has beside the attributes of every estimator; its arrays leave ``arrays``.

    Raises
    ------
    ModelFileError
        The parts of the path do not fit each other or the model.
    """
    for name in ("alpha_gate", "alpha_expert", "optimality"):
        setattr(estimator, f"{name}_", from_exact(state[name]))
    estimator._publish_support()
    path = None if state["path"] is None else _path(dict(state["path"]), arrays)
    estimator.path_, estimator.paths_ = path, [] if path is None else [path]
    if path is not None:
        _check_path(estimator, path)
    if arrays:
        raise ModelFileError(f"array {min(arrays)!r} is not one that a path has")


def _path(plain: dict[str, Any], arrays: dict[str, Any]) -> Any:
    from classicmoe.lasso.path import LassoPath

    values: dict[str, Any] = {}
    for own in fields(LassoPath):
        name = _PREFIX + own.name
        stored = plain.get(own.name)
        if name in arrays:
            values[own.name] = arrays.pop(name)
        elif name + _PLACES in arrays:
            values[own.name] = _dense(stored, arrays.pop(name + _PLACES), arrays.pop(name + _VALUES), own.name)
        elif own.name == "criteria":
            values[own.name] = {key: arrays.pop(f"{name}_{key}") for key in stored}
        elif own.name != _TIMES:
            values[own.name] = stored
    values[_TIMES] = np.full(len(values["alpha_expert"]), np.nan)
    return LassoPath(**values)


def _dense(shape: Any, places: Any, values: Any, name: str) -> Any:
    """Return an array from the places and values of what is not zero."""
    sound = isinstance(shape, list) and all(isinstance(n, int) and n >= 0 for n in shape)
    size = prod(shape) if sound else 0
    inside = places.dtype.kind == "i" and ((places >= 0) & (places < size)).all()
    if 8 * size > _LARGEST or not inside or places.shape != values.shape or not np.isfinite(values).all():
        raise ModelFileError(f"the path's {name} are not coefficients at places of an array of shape {shape}")
    out = np.zeros(size)
    out[places] = values
    return out.reshape(shape)


def _check_path(estimator: Any, path: Any) -> None:
    """Refuse a path whose parts have other lengths, or other experts and columns than the model."""
    from classicmoe.lasso.path import ENDS

    n = len(path.alpha_expert)
    for own in fields(path):
        value = getattr(path, own.name)
        for part in value.values() if isinstance(value, Mapping) else [value]:
            if own.name not in ("chosen", "ended") and len(part) != n:
                raise ModelFileError(f"the path has {n} points, but {len(part)} of {own.name}")
    for name in ("gate_coef", "expert_coef", "expert_intercept"):
        shape, wanted = getattr(path, name).shape[1:], getattr(estimator, f"{name}_").shape
        if shape != wanted:
            raise ModelFileError(f"the path's {name} have shape {shape} at a point, expected {wanted}")
    if not isinstance(path.chosen, int) or not 0 <= path.chosen < n:
        raise ModelFileError(f"the chosen point of the path is {path.chosen!r}, but there are {n}")
    if path.ended not in ENDS:
        raise ModelFileError(f"the path ended by {path.ended!r}, not one of {', '.join(ENDS)}")
