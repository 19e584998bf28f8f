"""From options to an unfitted estimator, and whether the response suits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from classicmoe.cli.options import CLASS_FAMILIES
from classicmoe.cli.task import Task
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts import EXPERTS
from classicmoe.gates import GATES
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.models.beside import Beside, check_family, check_support
from classicmoe.models.classifier import MoEClassifier
from classicmoe.models.gaussian_gated import GaussianGatedMoERegressor
from classicmoe.models.observed import known
from classicmoe.models.regressor import MoERegressor

_COVARIANCES = {
    "diag": ("diag", "own"),
    "spherical": ("spherical", "own"),
    "full": ("full", "own"),
    "tied": ("full", "shared"),
    "tied_diag": ("diag", "shared"),
    "tied_spherical": ("spherical", "shared"),
}


def estimator_for(task: Task, settings: dict[str, Any], **more: Any) -> MixtureOfExperts:
    """Return the unfitted estimator that the options describe.

    Raises
    ------
    ConfigurationError
        Options that do not go together.
    """
    family = settings["family"]
    common = {
        "expert_features": task.expert_features,
        "n_init": settings["starts"],
        "max_iter": settings["max_iter"],
        "weight_type": settings["weight_type"],
        "unseen": settings["unseen"],
        "random_state": settings["seed"],
        **more,
    }
    if settings.get("lasso"):
        return _lasso(task, settings, common)
    joint = settings["gate"] == "gaussian"
    if joint and family == "gaussian" and not task.carried.partly_known:
        return GaussianGatedMoERegressor(noise_covariance=settings["structure"], n_latent=settings["latent"], **common)
    estimator = MoEClassifier if family in CLASS_FAMILIES else MoERegressor
    gate_features = None if settings["gate"] == "constant" else task.gate_features
    return estimator(gate=_gate(settings), expert=family, gate_features=gate_features, **common)


def _lasso(task: Task, settings: dict[str, Any], common: dict[str, Any]) -> MixtureOfExperts:
    """Return the estimator with penalised slopes; only these need its modules."""
    from classicmoe.models.lasso import LassoMoERegressor
    from classicmoe.models.lasso_classifier import LassoMoEClassifier

    lasso, family = settings["lasso"], settings["family"]
    more = {"parametrisation": "scaled"} if lasso["scaled"] else {}
    return (LassoMoEClassifier if family in CLASS_FAMILIES else LassoMoERegressor)(
        alpha_gate=lasso["gate"],
        alpha_expert=lasso["experts"],
        expert=family,
        criterion=lasso["criterion"],
        gate_features=task.gate_features,
        **more,
        **common,
    )


def _gate(settings: dict[str, Any]) -> Any:
    """Return the gate by name, or as an object where it has arguments."""
    name, temperature, structure = settings["gate"], settings.get("temperature"), settings["structure"]
    if temperature is not None:
        return GATES[name](temperature=temperature)
    if name != "gaussian":
        return name
    if structure not in _COVARIANCES or settings["latent"]:
        raise ConfigurationError(
            "--structure block and --latent need --gate gaussian with --family gaussian and exact responses."
        )
    covariance, scale = _COVARIANCES[structure]
    return GATES["gaussian"](covariance=covariance, scale=scale)


def check_response(task: Task, settings: dict[str, Any], warn: Callable[[str], None]) -> None:
    """Say what is wrong with the response or with what rows carry, by the names of their columns.

    ``warn`` takes a sentence about what may be wrong.

    Raises
    ------
    ConfigurationError
        The family has no place for exposures or offsets.
    DataError
        Responses that the family cannot have, with rows.
    """
    expert = EXPERTS[settings["family"]]()
    beside = Beside(**task.beside)
    check_family(expert, beside)
    if task.carried.partly_known:
        check_support(expert, known(task.y).y, beside, task.weight, task.response)
    if settings["family"] == "ordinal":
        labels = sorted({str(label) for label in task.y.to_list() if isinstance(label, str)})
        if labels:
            warn(
                f"The classes are taken in alphabetical order: {' < '.join(labels)}. If {task.response!r} has another "
                "order, number its classes."
            )
