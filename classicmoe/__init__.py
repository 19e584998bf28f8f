"""Mixtures of experts as statistical models: a gating network, experts, EM, selection.

The names below are imported when they are first used, so that ``import classicmoe`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classicmoe import criteria, datasets, exceptions, metrics, plot, selection
    from classicmoe.datasets import load_dataset
    from classicmoe.em.source import Batches
    from classicmoe.em.warmup import warmup
    from classicmoe.models.classifier import MoEClassifier
    from classicmoe.models.cross_validation import cross_val_gate
    from classicmoe.models.gaussian_gated import GaussianGatedMoERegressor
    from classicmoe.models.lasso import LassoMoERegressor
    from classicmoe.models.lasso_classifier import LassoMoEClassifier
    from classicmoe.models.observed import observed
    from classicmoe.models.regressor import MoERegressor
    from classicmoe.persistence import load
    from classicmoe.selection.selector import MoESelector

__version__ = "0.1.0"

__all__ = [
    "Batches",
    "GaussianGatedMoERegressor",
    "LassoMoEClassifier",
    "LassoMoERegressor",
    "MoEClassifier",
    "MoERegressor",
    "MoESelector",
    "criteria",
    "cross_val_gate",
    "datasets",
    "exceptions",
    "load",
    "load_dataset",
    "metrics",
    "observed",
    "plot",
    "selection",
    "warmup",
]

_HOMES = {
    "Batches": "classicmoe.em.source",
    "GaussianGatedMoERegressor": "classicmoe.models.gaussian_gated",
    "LassoMoEClassifier": "classicmoe.models.lasso_classifier",
    "LassoMoERegressor": "classicmoe.models.lasso",
    "MoEClassifier": "classicmoe.models.classifier",
    "MoERegressor": "classicmoe.models.regressor",
    "MoESelector": "classicmoe.selection.selector",
    "cross_val_gate": "classicmoe.models.cross_validation",
    "load": "classicmoe.persistence",
    "load_dataset": "classicmoe.datasets",
    "observed": "classicmoe.models.observed",
    "warmup": "classicmoe.em.warmup",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in __all__:
        value = import_module(f"classicmoe.{name}")
    else:
        raise AttributeError(f"module 'classicmoe' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
