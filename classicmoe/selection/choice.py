"""Which model of a table wins, and why others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from classicmoe.criteria import CRITERIA
from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import did_you_mean

Row = Mapping[str, Any]
NAMES = (*CRITERIA, "slope", "cv")


def check_criterion(criterion: Any) -> None:
    """Refuse a criterion that is not known."""
    if not isinstance(criterion, str) or criterion not in NAMES:
        known = ", ".join(map(repr, NAMES))
        raise ConfigurationError(
            f"criterion={criterion!r} is not known.{did_you_mean(criterion, NAMES)} Known: {known}."
        )


def badness(row: Row, criterion: str) -> float:
    """Return the criterion with its sign such that smaller is better."""
    return -row["cv"] if criterion == "cv" else row[criterion]


def why_not(row: Row, criterion: str) -> str | None:
    """Return why a model cannot be chosen, or None when it can."""
    if row["verdict"] == "FAILED":
        return str(row["error"])
    if row["verdict"] == "DEGENERATE":
        return f"DEGENERATE: {row['sentence']}"
    if criterion == "slope" and row["excluded"] is not None:
        return f"{row['verdict']}: {row['sentence']} (the slope heuristic does not count it)"
    if not isfinite(row[criterion]):
        return str(row["error"] or f"{criterion} is {row[criterion]}")
    return None


def choose(rows: Sequence[Row], criterion: str) -> int | None:
    """Return the position of the best model, or None when no model can be chosen.

    A model that failed, is DEGENERATE or has no finite value of the criterion cannot be chosen. One that rests on a
    spike (SUSPECT) loses to every model that does not, whatever the criterion says: its likelihood is high because the
    spike is narrow. Then the criterion decides, then fewer parameters, then the earlier place.
    """
    able = [i for i, row in enumerate(rows) if why_not(row, criterion) is None]
    if not able:
        return None
    return min(able, key=lambda i: (rows[i]["suspect"], badness(rows[i], criterion), rows[i]["n_parameters"], i))
