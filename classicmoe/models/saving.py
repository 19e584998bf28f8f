"""A fitted estimator as a header of JSON and plain arrays, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.archive import write_archive
from classicmoe.em.status import Status
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.experts import STORED, MixedExpert
from classicmoe.gates import GATES
from classicmoe.models.columns import ColumnCoder
from classicmoe.models.features import FeatureMap
from classicmoe.models.saved_lasso import ARGUMENTS, path_state, restore_path
from classicmoe.models.verdict import Verdict
from classicmoe.transformers_io import dump_transformer, load_transformer

_NUMBERS = (
    "n_outputs_ n_rows_ weight_sum_ n_parameters_ gate_rank_ expert_rank_ objective_ log_likelihood_ entropy_ "
    "joint_log_likelihood_ gate_kept_ gate_separated_ gradient_norm_ converged_ n_iter_ response_names_ response_name_ "
    "block_path_ exposure_used_ offset_used_ run_"
).split()
_OPTIONAL = ("joint_log_likelihood_", "gate_kept_", "block_path_", "exposure_used_", "offset_used_", "run_")
_SIDES = ("gate", "expert")


def save(estimator: Any, target: str | os.PathLike[str]) -> None:
    """Write a fitted estimator; everything is put together before the file is touched."""
    names = [*estimator._array_names(), "objective_path_", "response_center_", "response_scale_"]
    arrays = {name: getattr(estimator, name) for name in names}
    path, along = path_state(estimator) if hasattr(estimator, "path_") else (None, {})
    blobs: dict[str, bytes] = {}
    sides = {side: _side_state(getattr(estimator, f"{side}_features_"), side, blobs) for side in _SIDES}
    header = {
        "estimator": type(estimator).__name__,
        "settings": _settings(estimator),
        "coder": estimator.coder_.to_state(),
        "features": sides,
        "numbers": {name: _plain(getattr(estimator, name, None)) for name in _NUMBERS},
        **({"lasso": path} if path else {}),
        **estimator._more_state(),
        "status": estimator.status_.name,
        "verdict": asdict(estimator.verdict_),
        # Equal fits give equal files: neither times nor the number of threads are stored.
        "starts": [{**{k: _plain(v) for k, v in start.items()}, "seconds": None} for start in estimator.starts_],
    }
    members = {name: np.asarray(value, dtype=float) for name, value in arrays.items()}
    write_archive(target, header, members | along, blobs)


def _side_state(side: FeatureMap, name: str, blobs: dict[str, bytes]) -> dict[str, Any]:
    state = side.to_state()
    if side.kind == "transformer":
        state["part"] = dict(state["part"])
        blobs[name] = dump_transformer(state["part"].pop("transformer"))
    return state


def _settings(estimator: Any) -> dict[str, Any]:
    """Return the constructor's arguments that shape predictions or can be stored as JSON."""
    settings: dict[str, Any] = {}
    for name, value in estimator.get_params(deep=False).items():
        if name == "expert" and isinstance(value, list | tuple):
            settings[name] = _component_state(estimator._mixture().expert)
        elif isinstance(value, BaseEstimator) and name in _SIDES:
            settings[name] = _component_state(value)
        elif name in ("gate_features", "expert_features"):
            # What they select lives in the feature maps; a transformer among them is stored there.
            settings[name] = _listed(value)
        elif name == "class_weight" and isinstance(value, Mapping):
            settings[name] = [[_plain(label), float(weight)] for label, weight in value.items()]  # JSON: text keys only
        elif name == "random_state":
            settings[name] = int(value) if isinstance(value, int | np.integer) else None
        elif name in ("n_jobs", "verbose"):
            settings[name] = None if name == "n_jobs" else 0
        elif name in ARGUMENTS:
            settings[name] = ARGUMENTS[name][0](value)
        elif name == "init":
            settings[name] = value if isinstance(value, str) else "auto"
        else:
            settings[name] = _plain(value)
    return settings


def _component_state(component: Any) -> dict[str, Any]:
    """Return a gate or an expert family by name, with its arguments; those may be families themselves."""
    arguments = {name: _argument_state(value) for name, value in component.get_params(deep=False).items()}
    return {"name": component.name, "arguments": arguments}


def _argument_state(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        return _component_state(value)
    if isinstance(value, list) and any(isinstance(part, BaseEstimator) for part in value):
        return [_component_state(part) for part in value]
    return _plain(value)


def _component(state: dict[str, Any], known: Mapping[str, Any]) -> Any:
    def argument(value: Any) -> Any:
        if isinstance(value, dict):
            return _component(value, known)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [_component(part, known) for part in value]
        return value

    return known[state["name"]](**{name: argument(value) for name, value in state["arguments"].items()})


def _listed(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ConfigurationError(f"{value!r} cannot be stored in a model file; set it to a plain value before saving.")


def _settings_from(state: Mapping[str, Any]) -> dict[str, Any]:
    """Invert :func:`_settings`."""
    settings = dict(state)
    for side, known in (("gate", GATES), ("expert", STORED)):
        if isinstance(settings.get(side), dict):
            settings[side] = _component(settings[side], known)
    if isinstance(settings.get("class_weight"), list):
        settings["class_weight"] = dict(settings["class_weight"])
    for name, (_, back) in ARGUMENTS.items():
        if name in settings:
            settings[name] = back(settings[name])
    return settings


def rebuild(estimator: Any, header: dict[str, Any], arrays: dict[str, Any], blobs: dict[str, bytes]) -> Any:
    """Fill an unfitted estimator from a header and arrays."""
    estimator.set_params(**_settings_from(header["settings"]))
    several = isinstance(getattr(estimator, "expert", None), MixedExpert)
    along = {name: arrays.pop(name) for name in list(arrays) if header.get("lasso") and name.startswith("path_")}
    for name, array in arrays.items():
        # Experts of different families have not the same further parameters: NaN where there is none.
        usable = ~np.isinf(array) if several and name.startswith("expert_") else np.isfinite(array)
        if not name.endswith("_") or name.startswith("_") or not usable.all():
            raise ModelFileError(f"array {name!r} is not one that a fitted model has")
        setattr(estimator, name, array)
    estimator.coder_ = ColumnCoder.from_state(header["coder"])
    estimator.n_features_in_ = estimator.coder_.n_features_in_
    if estimator.coder_.feature_names_in_ is not None:
        estimator.feature_names_in_ = estimator.coder_.feature_names_in_
    for side in _SIDES:
        state = header["features"][side]
        if state["kind"] == "transformer":
            state["part"]["transformer"] = load_transformer(blobs[side])
        setattr(estimator, f"{side}_features_", FeatureMap.from_state(state))
    for name in _NUMBERS:
        value = header["numbers"].get(name)
        if value is not None or name not in _OPTIONAL:
            setattr(estimator, name, value)
    if header.get("lasso"):
        restore_path(estimator, header["lasso"], along)
    estimator._restore_more(header)
    estimator.status_ = Status[header["status"]]
    estimator.verdict_ = Verdict(**header["verdict"])
    # JSON knows no infinity: a start that was not run has no objective.
    estimator.starts_ = [
        {**start, "objective": -np.inf if start["objective"] is None else start["objective"]}
        for start in header["starts"]
    ]
    estimator._check_loaded()
    return estimator


def check_arrays(estimator: Any) -> None:
    """Refuse arrays whose shapes do not fit each other or the columns."""
    k, q = len(estimator.expert_mass_), estimator.n_outputs_
    expert = estimator._mixture().expert
    wanted = {
        **expert.shapes(k, q, len(estimator.expert_features_.names_out)),
        "expert_mass_": (k,),
        **_gate_shapes(estimator, k),
    }
    for name, shape in wanted.items():
        if getattr(estimator, name).shape != shape:
            raise ModelFileError(f"array {name!r} has shape {getattr(estimator, name).shape}, expected {shape}")
    check_covariances(estimator, ("expert_covariances_", "gate_covariances_"))
    check_gate(estimator)


def check_covariances(estimator: Any, names: Sequence[str]) -> None:
    """Refuse matrices that are no covariances, where the model has them."""
    for name in names:
        matrix = getattr(estimator, name, None)
        if matrix is None:
            continue
        if np.abs(matrix - matrix.transpose(0, 2, 1)).max(initial=0.0) > 1e-8 * np.abs(matrix).max(initial=0.0):
            raise ModelFileError(f"array {name!r} is not symmetric")
        if matrix.size and np.linalg.eigvalsh(matrix).min() <= 0.0:
            raise ModelFileError(f"array {name!r} is not positive definite")


def check_gate(estimator: Any) -> None:
    """Refuse mixing weights that are none and columns that the gate does not have."""
    weights = getattr(estimator, "gate_weights_", None)
    if weights is not None and (weights.min() < 0.0 or abs(weights.sum() - 1.0) > 1e-6):
        raise ModelFileError("array 'gate_weights_' does not hold positive weights that sum to 1")
    kept, columns = getattr(estimator, "gate_kept_", None), len(estimator.gate_features_.names_out)
    if kept is not None and kept != sorted({int(j) for j in kept if 0 <= j < columns}):
        raise ModelFileError(f"'gate_kept_' is {kept}, which are not columns among the gate's {columns}")


def _gate_shapes(estimator: Any, k: int) -> dict[str, tuple[int, ...]]:
    columns = len(estimator.gate_features_.names_out)
    gate = estimator._mixture().gate
    if hasattr(gate, "shapes"):
        return dict(gate.shapes(vars(estimator), k, columns))
    if hasattr(estimator, "gate_means_"):
        columns = len(estimator.gate_kept_)
        return {"gate_weights_": (k,), "gate_means_": (k, columns), "gate_covariances_": (k, columns, columns)}
    width = estimator.gate_coef_.shape[1]
    if width not in (0, columns):
        raise ModelFileError(f"array 'gate_coef_' has {width} columns, expected {columns}")
    shapes: dict[str, tuple[int, ...]] = {"gate_coef_": (k, width), "gate_intercept_": (k,)}
    if hasattr(estimator, "gate_coef_effective_"):
        shapes |= {"gate_coef_effective_": (k, width), "gate_intercept_effective_": (k,)}
    return shapes
