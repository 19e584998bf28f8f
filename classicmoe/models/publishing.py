"""Fitted attributes: written once at the end of a fit, all plain arrays, numbers and lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.contracts import Response
from classicmoe.em.evaluate import Totals
from classicmoe.em.runs import Run
from classicmoe.em.status import Status
from classicmoe.models.fitting import Plan, Result
from classicmoe.models.rows import Rows
from classicmoe.models.verdict import judge

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
