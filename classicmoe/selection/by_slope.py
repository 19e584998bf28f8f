"""Choosing from a grid by the slope heuristic: which models count, and what the table says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np

from classicmoe.exceptions import ConfigurationError, TooFewModelsError
from classicmoe.messages import did_you_mean
from classicmoe.selection.monotone import about_conditional, about_maximum, excluded
from classicmoe.selection.results import N_CONDITIONAL
from classicmoe.slope.both import SlopeHeuristic, heuristic_of
from classicmoe.slope.table import LEAST, read_models

Row = Mapping[str, Any]

CONTRASTS = {"conditional": "log_likelihood", "joint": "joint_log_likelihood"}
"""Column of the table of models whose negative is the contrast."""


def check_contrast(contrast: Any) -> None:
    """Refuse a contrast that is not known."""
    if not isinstance(contrast, str) or contrast not in CONTRASTS:
        raise ConfigurationError(
            f"contrast={contrast!r} is not known.{did_you_mean(contrast, CONTRASTS)} Known: 'conditional' (minus the "
            "log-likelihood of y given x), 'joint' (minus that of x and y)."
        )


def refuse_before_fitting(models: Sequence[Any], names: Sequence[str], contrast: str) -> None:
    """Raise when no fit could change that the slope heuristic cannot be used.

    Raises
    ------
    TooFewModelsError
        The grid is too small.
    ConfigurationError
        A joint contrast of models that have none.
    """
    if len(models) < LEAST:
        raise TooFewModelsError(
            f"The slope heuristic needs at least {LEAST} models of different size, and the grid has {len(models)}: "
            "extend it, for example to n_experts=range(1, 21), or use another criterion."
        )
    for model, name in zip(models, names, strict=True):
        if contrast == "joint" and not model._mixture().gate.joint:
            raise ConfigurationError(_no_joint(type(model).__name__, name))


def _no_joint(owner: str, name: str) -> str:
    return (
        f"contrast='joint' needs models of x and y with joint_log_likelihood_, and {owner}({name}) describes y given x "
        "only. Use a Gaussian gate (GaussianGatedMoERegressor), or contrast='conditional'."
    )


def complexity_of(row: Row, contrast: str) -> int:
    """Return the number of parameters of the density whose likelihood is the contrast."""
    own = row.get(N_CONDITIONAL) if contrast == "conditional" else None
    return int(row["n_parameters"] if own is None else own)


def heuristic_of_rows(
    rows: Sequence[Row], names: Sequence[str], contrast: str, chains: Sequence[Sequence[int]]
) -> SlopeHeuristic:
    """Ask the slope heuristic of the rows of a table of models.

    ``chains`` are the positions of models that contain each other, small ones first.

    Raises
    ------
    TooFewModelsError
        Fewer than ten models count; with the reason for each of the others.
    ConfigurationError
        A model has no likelihood of the kind asked for.
    """
    counted = np.array([i for i, row in enumerate(rows) if excluded(row) is None], dtype=np.intp)
    complexity = [complexity_of(rows[i], contrast) for i in counted]
    if len(set(complexity)) < LEAST:
        raise TooFewModelsError(_too_few(rows, names, len(set(complexity))))
    column = CONTRASTS[contrast]
    values = [rows[i].get(column, nan) for i in counted]
    for i, value in zip(counted, values, strict=True):
        if isnan(value):
            raise ConfigurationError(_no_joint("the model", names[i]))
    table = read_models(complexity, np.negative(values), names=[names[i] for i in counted])
    # Only within a chain, and only of what the fits maximise, is a fall of the likelihood a failure.
    table = replace(table, rows=counted[table.rows], merged=counted[table.merged], nested=False)
    heuristic = heuristic_of(table)
    said = [text for text in (not_counted(rows, names), about_maximum(rows, names, chains)) if text]
    remark = about_conditional(rows, names, chains) if contrast == "conditional" else None
    return replace(heuristic, warnings=(*said, *heuristic.warnings), remarks=(remark,) if remark else ())


def not_counted(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """Return the sentence about models that the slope heuristic leaves out, or None when there are none."""
    out: dict[str, list[str]] = {}
    for row, name in zip(rows, names, strict=True):
        why = excluded(row)
        if why is not None:
            out.setdefault(why, []).append(name)
    if not out:
        return None
    count, listed = sum(map(len, out.values())), "; ".join(f"{why}: {', '.join(models)}" for why, models in out.items())
    return (
        f"The slope heuristic does not count {count} of {len(rows)} models ({listed}). More starts (n_init), more "
        "passes (max_iter) or experts of one common scale may bring them back."
    )


def _too_few(rows: Sequence[Row], names: Sequence[str], found: int) -> str:
    reasons = [
        f"  {name}: {excluded(row)}: {row['error'] or row['sentence']}"
        for row, name in zip(rows, names, strict=True)
        if excluded(row)
    ]
    head = (
        f"The slope heuristic needs at least {LEAST} models of different size that can be counted, and of {len(rows)} "
        f"models of the grid {found} can. Add larger models, give those that do not count more starts (n_init), more "
        "passes (max_iter) or experts of one common scale, or use another criterion."
    )
    return "\n".join([head, *reasons])


def with_slope(rows: Sequence[Row], heuristic: SlopeHeuristic | None, contrast: str) -> list[dict[str, Any]]:
    """Return rows with ``slope``, the criterion -2 log L + 2 kappa_opt n_parameters, and ``excluded``.

    The criterion is NaN for models that do not count, and for all without a heuristic. Where there is no jump every
    penalty selects the same model, and kappa_opt is taken as 0.
    """
    out = [dict(row) | {"slope": nan, "excluded": excluded(row)} for row in rows]
    if heuristic is not None:
        kappa = 0.0 if heuristic.jump.jump is None else heuristic.kappa_opt
        for row in out:
            if row["excluded"] is None:
                row["slope"] = 2.0 * (kappa * complexity_of(row, contrast) - row[CONTRASTS[contrast]])
    return out
