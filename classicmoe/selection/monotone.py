"""Does the likelihood grow along models that contain each other? Where not, sentences that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from classicmoe.em.runs import REACHED

Row = Mapping[str, Any]
_NOT_COUNTED = ("FAILED", "DEGENERATE", "SUSPECT", "NOT CONVERGED")
_CONDITIONAL, _JOINT = "log_likelihood", "joint_log_likelihood"


def excluded(row: Row) -> str | None:
    """Return the verdict for which the slope heuristic does not count a model, or None when it does.

    A likelihood that is no maximum, or has none, would bend the line that the slope is read off.
    """
    if row["verdict"] in _NOT_COUNTED:
        return str(row["verdict"])
    return "SUSPECT" if row["suspect"] else None


def about_maximum(rows: Sequence[Row], names: Sequence[str], chains: Sequence[Sequence[int]]) -> str | None:
    """Return the sentence about models whose maximised log-likelihood is below that of a smaller one, or None."""
    joint = any(_JOINT in row for row in rows)
    found = _falls(rows, names, chains, _JOINT if joint else _CONDITIONAL)
    if not found:
        return None
    what = "joint log-likelihood" if joint else "log-likelihood"
    return (
        f"The {what}, which the fits maximise, falls where experts are added: {'; '.join(found)}. These larger models "
        "are not fitted as well as the smaller ones. The jump ignores them, the regressions do not. Use more starts "
        "(n_init)."
    )


def about_conditional(rows: Sequence[Row], names: Sequence[str], chains: Sequence[Sequence[int]]) -> str | None:
    """Return the remark about falls of a likelihood of y given x that the fits do not maximise, or None."""
    if not any(_JOINT in row for row in rows):
        return None
    found = _falls(rows, names, chains, _CONDITIONAL)
    if not found:
        return None
    return (
        f"The log-likelihood of y given x falls where experts are added: {'; '.join(found)}. That is normal here: the "
        "fits maximise the joint one, of x and y."
    )


def _falls(rows: Sequence[Row], names: Sequence[str], chains: Sequence[Sequence[int]], column: str) -> list[str]:
    """Name the steps between models that count at which a column falls by more than solutions of one model differ."""
    found = []
    for chain in chains:
        counted = [i for i in chain if excluded(rows[i]) is None and column in rows[i]]
        for one, other in pairwise(counted):
            fall = rows[one][column] - rows[other][column]
            if fall > REACHED and rows[other]["n_parameters"] > rows[one]["n_parameters"]:
                found.append(f"{names[one]} to {names[other]} by {fall:.4g}")
    return found
