"""What the user should know about a fit, as warnings: what was left out, and what the verdict says against it."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from classicmoe.em.survey import Dependence
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ConstantColumnWarning,
    DegenerateComponentWarning,
    GateSeparatedWarning,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)
from classicmoe.models.fitting import Result
from classicmoe.models.rows import Rows

TOLD = 5  # columns that depend on others and are told one by one
LISTED = 10  # names in a list
POWERS = (
    " Powers of a column far from 0 look like that in double precision: scale it first, as in "
    "make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(3))."
)


def warn_about(estimator: Any, result: Result, rows: Rows) -> None:
    """Say what the user should know about the fit, one warning per cause."""
    look, reader = result.survey, rows.reader
    for side, features, dropped in (
        ("the gate", reader.gate, look.gate_dropped),
        ("the experts", reader.expert, look.expert_dropped),
    ):
        warn_dropped(side, dropped, features.names_out, POWERS if features.kind == "transformer" else "")
    warn_about_outcome(estimator)


def warn_about_outcome(estimator: Any) -> None:
    """Say when a fit is not to be trusted."""
    verdict = estimator.verdict_
    if verdict.level == "DEGENERATE":
        warn(f"Every start collapsed. {verdict.sentence}.{_too_wide(estimator)}", DegenerateComponentWarning)
    elif verdict.level == "SUSPECT":
        warn(
            f"The solution is SUSPECT: {verdict.sentence}. Use fewer experts or a shared scale.", SuspectSolutionWarning
        )
    elif verdict.level == "NOT CONVERGED":
        warn(
            f"The fit did not converge: {estimator.status_.sentence} (n_iter_ = {estimator.n_iter_})",
            NotConvergedWarning,
        )
    elif verdict.level == "WEAK":
        cure = _too_wide(estimator) or " Use fewer experts or columns."
        warn(f"The solution is WEAK: {verdict.sentence}.{cure}", SuspectSolutionWarning)
    elif verdict.level == "NOT REPLICATED" and verdict.finished > 1:
        warn(f"Not replicated: {verdict.sentence}.", NotReplicatedWarning)
    if estimator.gate_separated_:
        warn(
            "The gate separates the experts perfectly; its slopes are held finite by the ridge only and have no "
            "meaning beyond their sign. Predictions are not affected.",
            GateSeparatedWarning,
        )


def _too_wide(estimator: Any) -> str:
    """Return the cure when an unpenalised fit has fewer rows than twice the coefficients of its experts."""
    n_experts, width = len(estimator.expert_mass_), estimator.expert_rank_
    if n_experts == 1 or hasattr(estimator, "alpha_gate_") or estimator.n_rows_ > 2 * n_experts * width:
        return ""
    return (
        f" {estimator.n_rows_} rows are few for {n_experts} experts of {width} coefficients each: use fewer experts, "
        "choose columns (expert_features=, gate_features=), or take LassoMoERegressor or LassoMoEClassifier."
    )


def warn_dropped(side: str, dropped: list[Dependence], names: list[str], cure: str = "") -> None:
    """Say which columns were left out and why, and a cure for dependence."""
    constant, dependent = [names[d.column] for d in dropped if not d.on], [d for d in dropped if d.on]
    if constant:
        warn(f"Constant column(s) left out of {side}: {listed(constant)} (coefficient 0).", ConstantColumnWarning)
    for d in dependent[:TOLD]:
        on = listed([names[i] for i in d.on])
        warn(
            f"Column '{names[d.column]}' is a linear combination of {on}; left out of {side} (coefficient 0).{cure}",
            CollinearColumnsWarning,
        )
    if len(dependent) > TOLD:
        others = listed([names[d.column] for d in dependent[TOLD:]])
        warn(
            f"{len(dependent) - TOLD} more columns depend on others and are left out of {side}: {others}.",
            CollinearColumnsWarning,
        )


def listed(names: list[str]) -> str:
    """Return a list that stays readable with many names."""
    more = len(names) - LISTED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:LISTED])} and {more} more"


def warn(message: str, category: type[Warning]) -> None:
    """Warn with the line that called the estimator, however many of ours are between."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("classicmoe."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
