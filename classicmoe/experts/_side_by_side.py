"""Fitted attributes of experts of different families: one array per name, with gaps where a family has none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from classicmoe.contracts import Array, Expert

DERIVED = "expert_covariances_"  # the squares of the scales, which are published


def published(each: Sequence[tuple[Expert, Any]]) -> dict[str, Array]:
    """Return the attributes of families and their parameters, expert after expert; NaN where there is none."""
    own = [expert.attributes(part) for expert, part in each]
    width = max((len(one["expert_coef_"][0]) for one in own if "expert_coef_" in one), default=0)
    names = dict.fromkeys(name for one in own for name in one if name != DERIVED)
    out: dict[str, Array] = {}
    for name in ("expert_coef_", *names):
        missing = np.zeros((1, width)) if name == "expert_coef_" else np.full(1, np.nan)
        out[name] = np.concatenate([one.get(name, missing) for one in own])
    return out


def rebuilt(families: Sequence[Any], place: Array, attributes: Mapping[str, Array]) -> tuple[Any, ...]:
    """Return the parameters of every expert; ``place`` (K,) says of which family it is."""
    parts = []
    for k, j in enumerate(place):
        own = {name: value[k : k + 1] for name, value in attributes.items() if _per_expert(name, value, len(place))}
        if "expert_scale_" in own:
            own[DERIVED] = np.square(own["expert_scale_"])[:, None, None]
        parts.append(families[int(j)].from_attributes(own))
    return tuple(parts)


def _per_expert(name: str, value: Any, n_experts: int) -> bool:
    return name.startswith("expert_") and name.endswith("_") and np.shape(value)[:1] == (n_experts,)
