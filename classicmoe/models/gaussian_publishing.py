"""Fitted attributes of a Gaussian-gated mixture, and the joint law rebuilt from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe.contracts import Array, Response
from classicmoe.exceptions import ModelFileError
from classicmoe.models.gaussian_terms import Fitted
from classicmoe.models.inverse_regression import Joint, forward
from classicmoe.models.noise import NOISE, noise_attributes, noise_parameters, redundant
from classicmoe.models.publishing import publish_columns, publish_outcome
from classicmoe.models.rows import Rows
from classicmoe.models.saving import check_covariances, check_gate

# Arrays with one entry per expert; all that a model file and relabel() must know.
ARRAYS = (
    "gate_weights_ gate_means_ gate_variances_ expert_coef_ expert_intercept_ expert_scale_ expert_covariances_ "
    "response_means_ response_covariances_ inverse_coef_ inverse_intercept_ expert_mass_"
).split()


def publish_joint(estimator: Any, fitted: Fitted, rows: Rows) -> None:
    """Set all fitted attributes of an estimator."""
    result, joint = fitted.result, fitted.joint
    gate_design = result.survey.gate_design
    publish_columns(estimator, rows, Response(gate_design.center, gate_design.scale))
    for name in (*NOISE, "block_path_"):
        vars(estimator).pop(name, None)
    if fitted.path is not None:
        estimator.block_path_ = fitted.path
    for name, value in noise_attributes(fitted.structure, joint.noise).items():
        setattr(estimator, name, value)
    estimator.gate_kept_ = fitted.kept.tolist()
    estimator.gate_weights_ = np.exp(joint.log_weight)
    # Copies, not views of the coefficients: a product's last digit depends on the layout, which a file does not keep.
    estimator.response_means_, estimator.response_covariances_ = joint.center.copy(), joint.spread
    estimator.inverse_coef_, estimator.inverse_intercept_ = joint.slope.copy(), joint.intercept.copy()
    _publish_forward(estimator, fitted, len(rows.reader.expert.names_out))
    estimator.n_parameters_ = result.n_free - redundant(fitted.structure, len(joint.log_weight))
    estimator.gate_rank_ = estimator.expert_rank_ = len(fitted.kept) + 1
    publish_outcome(estimator, result, fitted.totals, joint=True)
    estimator.log_likelihood_ = fitted.totals.log_likelihood


def _publish_forward(estimator: Any, fitted: Fitted, n_columns: int) -> None:
    joint, structure = fitted.joint, fitted.structure
    law = forward(joint, structure)
    k, q, _ = law.coef.shape
    coef = np.zeros((k, q, n_columns))
    coef[..., fitted.kept] = law.coef
    scale = np.sqrt(np.diagonal(law.covariance, axis1=1, axis2=2))
    only = 0 if q == 1 else slice(None)
    estimator.gate_means_ = law.mean
    explained = np.einsum("kdq,kqr,kdr->kd", joint.slope, joint.spread, joint.slope)
    estimator.gate_variances_ = structure.variances(joint.noise) + explained
    estimator.expert_coef_ = coef[:, only].copy()
    estimator.expert_intercept_ = law.intercept[:, only].copy()
    estimator.expert_scale_ = scale[:, only].copy()
    estimator.expert_covariances_ = law.covariance


def rebuild_joint(attributes: dict[str, Any], structure: Any) -> Joint:
    """Return the joint law that the fitted attributes describe."""
    return Joint(
        np.log(attributes["gate_weights_"]),
        attributes["response_means_"],
        attributes["response_covariances_"],
        attributes["inverse_coef_"],
        attributes["inverse_intercept_"],
        noise_parameters(structure, attributes),
    )


def check_arrays(estimator: Any) -> None:
    """Refuse arrays of a model file whose shapes do not fit each other."""
    k, q, d = len(estimator.expert_mass_), estimator.n_outputs_, len(estimator.gate_kept_)
    each = (k,) if q == 1 else (k, q)
    loadings = getattr(estimator, "latent_loadings_", None)
    wanted: dict[str, tuple[int, ...]] = {
        "gate_weights_": (k,),
        "gate_means_": (k, d),
        "gate_variances_": (k, d),
        "expert_coef_": (*each, len(estimator.expert_features_.names_out)),
        "expert_intercept_": each,
        "expert_scale_": each,
        "expert_covariances_": (k, q, q),
        "response_means_": (k, q),
        "response_covariances_": (k, q, q),
        "inverse_coef_": (k, d, q),
        "inverse_intercept_": (k, d),
        "noise_variances_": (k, d),
        "noise_covariances_": (k, d, d),
        "block_labels_": (k, d),
        "latent_loadings_": (k, d, 0 if loadings is None else loadings.shape[-1]),
    }
    for name, shape in wanted.items():
        found: Array | None = getattr(estimator, name, None)
        if found is None and name not in NOISE:
            raise ModelFileError(f"array {name!r} is missing")
        if found is not None and found.shape != shape:
            raise ModelFileError(f"array {name!r} has shape {found.shape}, expected {shape}")
    check_covariances(estimator, ("expert_covariances_", "response_covariances_", "noise_covariances_"))
    check_gate(estimator)
    if min(getattr(estimator, "noise_variances_", np.ones(1)).min(), estimator.gate_weights_.min()) <= 0.0:
        raise ModelFileError("variances and weights must be positive")
