"""Checks of the arguments of Lasso estimators, before any row is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from classicmoe.exceptions import ConfigurationError
from classicmoe.models.settings import integer, one_of, positive
from classicmoe.penalties import check_constraints


def check_lasso_settings(estimator: Any) -> None:
    """Check the arguments of a Lasso estimator.

    Raises
    ------
    ConfigurationError
        Naming the argument, what it may be and what it is.
    """
    for name, least in (("n_experts", 1), ("n_init", 1), ("n_alphas", 1), ("max_iter", 2)):
        integer(name, getattr(estimator, name), least)
    positive("tol", estimator.tol)
    if estimator.alpha_min_ratio is not None:
        positive("alpha_min_ratio", estimator.alpha_min_ratio, 1.0)
        if estimator.alpha_min_ratio == 1.0 and estimator.n_alphas > 1:
            raise ConfigurationError("alpha_min_ratio=1.0 leaves a path of one penalty: set n_alphas=1, or lower it.")
    if estimator.gate_ratio is not None and not np.size(estimator.gate_ratio):
        raise ConfigurationError("gate_ratio is empty: give a positive number, several of them, or None.")
    for ratio in np.ravel(estimator.gate_ratio if estimator.gate_ratio is not None else ()).tolist():
        positive("gate_ratio", ratio)
    if not isinstance(estimator.standardize, bool | np.bool_):
        raise ConfigurationError(f"standardize must be True or False, not {estimator.standardize!r}.")
    one_of(estimator, "criterion", "bic", "ebic", "aic", "cv", "slope")
    if estimator.criterion == "cv":
        try:
            check_cv(estimator.cv)
        except ValueError as error:
            raise ConfigurationError(f"cv={estimator.cv!r} cannot be used: {error}") from error
    one_of(estimator, "gate_form", "symmetric", "reference")
    one_of(estimator, "parametrisation", "sigma", "scaled")
    one_of(estimator, "weight_type", "frequency", "sampling")
    one_of(estimator, "unseen", "error", "reference")
    check_constraints(estimator.constraints, estimator.n_experts)
    _check_penalty(estimator)


def _check_penalty(estimator: Any) -> None:
    """Check the kind of penalty and what goes with it."""
    one_of(estimator, "penalty", "l1", "group", "mcp", "scad")
    positive("l1_ratio", estimator.l1_ratio, 1.0)
    if estimator.l1_ratio != 1.0 and estimator.penalty != "l1":
        raise ConfigurationError(
            f'l1_ratio goes with penalty="l1" (it makes the elastic net of it), not with {estimator.penalty!r}.'
        )
    if estimator.parametrisation == "scaled":
        name = getattr(estimator.expert, "name", estimator.expert)
        if name != "gaussian":
            raise ConfigurationError(f'parametrisation="scaled" is for expert="gaussian", not {name!r}: leave it out.')
        if estimator.penalty != "l1" or estimator.l1_ratio != 1.0:
            raise ConfigurationError('parametrisation="scaled" goes with the plain Lasso: penalty="l1", l1_ratio=1.0.')
