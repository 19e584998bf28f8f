"""Fitted attributes: written once at the end of a fit, all plain arrays, numbers and lists."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from classicmoe.contracts import Response
from classicmoe.em.evaluate import Totals
from classicmoe.em.runs import Run
from classicmoe.em.status import Status
from classicmoe.em.survey import Dependence
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ConstantColumnWarning,
    DegenerateComponentWarning,
    EndOfPathWarning,
    GateSeparatedWarning,
    NotConvergedWarning,
    NotReplicatedWarning,
    SuspectSolutionWarning,
)
from classicmoe.models.fitting import Plan, Result
from classicmoe.models.rows import Rows
from classicmoe.models.verdict import judge

TOLD = 5  # columns that depend on others and are told one by one
LISTED = 10  # names in a list
POWERS = (
    " Powers of a column far from 0 look like that in double precision: scale it first, as in "
    "make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(3))."
)

GATE = (
    *("gate_coef_", "gate_intercept_", "gate_coef_effective_", "gate_intercept_effective_"),
    *("gate_weights_", "gate_means_", "gate_covariances_", "gate_kept_"),
    *("gate_paths_", "gate_branch_node_", "gate_branch_coef_", "gate_branch_intercept_"),
    *("gate_inner_coef_", "gate_inner_intercept_", "gate_outer_intercept_"),
)


def publish(estimator: Any, result: Result, plan: Plan, rows: Rows) -> None:
    """Set all fitted attributes of an estimator."""
    look, joint = result.survey, plan.mixture.gate.joint
    before = [name for name, value in vars(estimator).items() if name.startswith("expert_") and name.endswith("_")]
    for name in (*GATE, "joint_log_likelihood_", *before):
        vars(estimator).pop(name, None)  # those of another gate or family, fitted before
    publish_columns(estimator, rows, look.response)
    for name, value in plan.mixture.gate.attributes(result.params.gate).items():
        setattr(estimator, name, value)
    for name, value in plan.mixture.expert.attributes(result.params.expert).items():
        setattr(estimator, name, value)
    estimator.n_parameters_ = result.n_free
    estimator.gate_rank_ = look.gate_design.width
    estimator.expert_rank_ = look.expert_design.width
    publish_outcome(estimator, result, result.totals, joint)
    if joint:
        estimator.gate_kept_ = look.gate_design.kept.tolist()
        estimator.log_likelihood_ = result.totals.log_likelihood - look.ground.weight * _units(result)


def publish_columns(estimator: Any, rows: Rows, response: Response) -> None:
    """Set what is known of the columns of X and of y."""
    coder = rows.reader.coder
    estimator.n_features_in_ = coder.n_features_in_
    if coder.feature_names_in_ is not None:
        estimator.feature_names_in_ = coder.feature_names_in_
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    estimator.coder_ = coder
    estimator.gate_features_ = rows.reader.gate
    estimator.expert_features_ = rows.reader.expert
    estimator.n_outputs_ = len(response.center)
    estimator.response_center_, estimator.response_scale_ = response.center, response.scale
    estimator.response_names_ = rows.response_names
    estimator.response_name_ = rows.response_names[0] if rows.response_names else None


def publish_outcome(estimator: Any, result: Result, totals: Totals, joint: bool) -> None:
    """Set how the fit went; experts in the order of ``result.order``."""
    fit, best, ground = result.fit, result.fit.best, result.survey.ground
    n_experts = len(totals.mass)
    estimator.n_rows_ = ground.rows
    estimator.weight_sum_ = ground.weight
    estimator.objective_ = best.objective + result.shift
    estimator.objective_path_ = np.asarray(best.path) + result.shift
    estimator.log_likelihood_ = estimator.objective_ + result.penalty
    if joint:
        estimator.joint_log_likelihood_ = estimator.log_likelihood_
    estimator.entropy_ = totals.entropy
    estimator.expert_mass_ = totals.mass
    estimator.gate_separated_ = n_experts > 1 and not joint and totals.gate_separated
    estimator.gradient_norm_ = best.gradient_norm
    estimator.status_ = best.status
    estimator.converged_ = best.status is Status.CONVERGED
    estimator.n_iter_ = best.n_passes
    estimator.starts_ = [start_record(run, result.shift) for run in fit.runs]
    place = {int(old): new for new, old in enumerate(result.order)}
    estimator.verdict_ = judge(fit, n_experts, place)


def _units(result: Result) -> float:
    return float(np.log(result.survey.response.scale).sum())


def start_record(run: Run, shift: float) -> dict[str, Any]:
    """Return one row of ``starts_``."""
    return {
        "start": run.number,
        "kind": run.kind,
        "seed": run.seed,
        "objective": run.objective + shift,
        "n_iter": run.n_passes,
        "seconds": run.seconds,
        "status": run.status.name,
        "degenerate": run.status is Status.DEGENERATE,
        "suspect": run.suspect,
        "reached": run.reached,
        "reseeded": run.reseeded,
        "path": [value + shift for value in run.path],
    }


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
        _warn(f"Every start collapsed. {verdict.sentence}.{_too_wide(estimator)}", DegenerateComponentWarning)
    elif verdict.level == "SUSPECT":
        _warn(
            f"The solution is SUSPECT: {verdict.sentence}. Use fewer experts or a shared scale.", SuspectSolutionWarning
        )
    elif verdict.level == "NOT CONVERGED":
        _warn(
            f"The fit did not converge: {estimator.status_.sentence} (n_iter_ = {estimator.n_iter_})",
            NotConvergedWarning,
        )
    elif verdict.level == "WEAK":
        cure = _too_wide(estimator) or " Use fewer experts or columns."
        _warn(f"The solution is WEAK: {verdict.sentence}.{cure}", SuspectSolutionWarning)
    elif verdict.level == "NOT REPLICATED" and verdict.finished > 1:
        _warn(f"Not replicated: {verdict.sentence}.", NotReplicatedWarning)
    if estimator.gate_separated_:
        _warn(
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
        _warn(f"Constant column(s) left out of {side}: {_listed(constant)} (coefficient 0).", ConstantColumnWarning)
    for d in dependent[:TOLD]:
        on = _listed([names[i] for i in d.on])
        _warn(
            f"Column '{names[d.column]}' is a linear combination of {on}; left out of {side} (coefficient 0).{cure}",
            CollinearColumnsWarning,
        )
    if len(dependent) > TOLD:
        others = _listed([names[d.column] for d in dependent[TOLD:]])
        _warn(
            f"{len(dependent) - TOLD} more columns depend on others and are left out of {side}: {others}.",
            CollinearColumnsWarning,
        )


def warn_copies(pairs: list[tuple[int, int]], names: list[str]) -> None:
    """Say which columns of a penalised fit are copies of others."""
    if not pairs:
        return
    told = [f"'{names[second]}' of '{names[first]}'" for first, second in pairs]
    _warn(
        f"{len(pairs)} column(s) are linear functions of others: {_listed(told)}. How the penalty shares a slope "
        "between copies means nothing: leave all but one out.",
        CollinearColumnsWarning,
    )


def warn_end_of_path(path: Any, criterion: str) -> None:
    """Say that a criterion took the weakest penalty of a path, if it had others."""
    if not 0 < path.chosen == len(path.objective) - 1:
        return
    cure = {
        "grid": "give a smaller alpha_min_ratio",
        "rows": "beyond it fewer than five rows were left for each degree of freedom, or an expert collapsed; fewer "
        "experts, fewer columns or criterion='ebic' may stop earlier",
    }[path.ended]
    side = "alpha_expert" if path.alpha_expert[0] != path.alpha_expert[-1] else "alpha_gate"
    _warn(
        f"criterion={criterion!r} takes the weakest penalty of the path ({side} = {getattr(path, side)[-1]:.4g}), "
        f"and a weaker one might be better still: {cure}.",
        EndOfPathWarning,
    )


def _listed(names: list[str]) -> str:
    """Return a list that stays readable with many names."""
    more = len(names) - LISTED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:LISTED])} and {more} more"


def _warn(message: str, category: type[Warning]) -> None:
    level, frame = 2, sys._getframe(1)  # the line that called the estimator, however many of ours are between
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("classicmoe."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
