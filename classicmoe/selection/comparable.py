"""Refusals: a criterion ranks models only if their likelihoods are of the same thing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from classicmoe.exceptions import ConfigurationError, NotComparableError
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.selection.results import as_frame, model_row


def refuse_different_settings(models: Sequence[Any], names: Sequence[str]) -> None:
    """Raise when arguments alone tell that likelihoods are of different things; the models need not be fitted.

    Raises
    ------
    NotComparableError
    """
    joint = [model._mixture().gate.joint for model in models]
    kinds = ["joint" if is_joint else "conditional" for is_joint in joint]
    _refuse(
        kinds,
        names,
        "their likelihoods are of different things: the joint likelihood is the density of x and y, the conditional "
        "one that of y given x. Rank within one kind, or by criterion='cv', which takes log p(y given x) from every "
        "model.",
    )
    _refuse(
        [model.weight_type for model in models],
        names,
        "they take the weights differently (weight_type): frequency weights count rows, sampling weights are rescaled "
        "to mean one, so the likelihoods are sums over different numbers of rows. Give all models one weight_type.",
    )


def refuse_different_measures(models: Sequence[Any], names: Sequence[str]) -> None:
    """Raise when log p(y | x) itself is of different things; the models need not be fitted.

    Held-out scores do not help: a probability of a number has no unit, a density is per unit of y.

    Raises
    ------
    NotComparableError
    """
    _refuse(
        [_measure(model._mixture().expert) for model in models],
        names,
        "a probability has no unit and a density is per unit of y, so that which is larger depends on the unit, on "
        "held-out rows too. Rank counts among counts, densities among densities, and densities with probabilities at "
        "some numbers among those with the same; across them compare predictions (predict, predict_dist(X).cdf).",
    )


def _measure(expert: Any) -> str:
    if expert.measure == "mixed":
        at = ", ".join(f"{atom:g}" if isinstance(atom, float) else atom for atom in expert.atoms)
        return f"a density, and probabilities at {at}"
    return {"counting": "probabilities", "lebesgue": "a density"}[expert.measure]


def refuse_different_columns(models: Sequence[Any], names: Sequence[str], columns: Sequence[Sequence[str]]) -> None:
    """Raise when joint likelihoods are of different x; ``columns`` are those that each model's gate describes.

    Raises
    ------
    NotComparableError
    """
    joint = [i for i, model in enumerate(models) if model._mixture().gate.joint]
    _refuse(
        [", ".join(columns[i]) or "no columns" for i in joint],
        [names[i] for i in joint],
        "joint likelihoods are densities of x and y, and they describe different columns of x. Rank within one set of "
        "columns, or by criterion='cv', which takes log p(y given x) from every model.",
    )


def refuse_class_weights(models: Sequence[Any], names: Sequence[str], criterion: str) -> None:
    """Raise when models maximise the likelihood of rows reweighted by class; the models need not be fitted.

    Raises
    ------
    ConfigurationError
    """
    for model, name in zip(models, names, strict=True):
        if getattr(model, "class_weight", None) is not None:
            raise ConfigurationError(
                f"criterion={criterion!r} is of the likelihood of the rows, and {name} has "
                f"class_weight={model.class_weight!r}: it maximises that of rows reweighted by their class. Use "
                "criterion='cv' (the held-out log probability, corrected to the classes' shares), or choose without "
                "class_weight."
            )


def refuse_different_rows(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    """Raise when models stand on different rows, by their rows of the table.

    Raises
    ------
    NotComparableError
    """
    _refuse(
        # Weights that are added in another order differ by rounding.
        [f"{row['n_rows']} rows, weights sum to {row['n']:.10g}" for row in rows],
        names,
        "they were fitted to different rows, and a log-likelihood is a sum over rows. Fit all models to the same rows "
        "(drop rows with missing values before the grid).",
    )


def refuse_different_responses(models: Sequence[Any], names: Sequence[str]) -> None:
    """Raise when fitted models describe different responses.

    Raises
    ------
    NotComparableError
    """
    _refuse(
        [f"{model.n_outputs_} output(s)" for model in models],
        names,
        "they describe different numbers of responses, and densities of different dimension have different units.",
    )
    classes = [", ".join(map(str, model.classes_)) if hasattr(model, "classes_") else "numbers" for model in models]
    _refuse(classes, names, "they describe different labels. Fit all models to the same response.")
    given = [(model.response_names_, name) for model, name in zip(models, names, strict=True) if model.response_names_]
    _refuse(
        [", ".join(responses) for responses, _ in given],
        [name for _, name in given],
        "they describe different responses (or transformations of one), and a density changes with the scale of its "
        "variable. Fit all models to the same response.",
    )
    _refuse(
        [", ".join(f"mean {c:.6g}, sd {s:.6g}" for c, s in _moments(model)) for model in models],
        names,
        "their responses have different means or spreads, so they are not the same numbers (a transformation, or other "
        "rows), and a density changes with the scale of its variable. Fit all models to the same response.",
    )


def _moments(model: Any) -> list[tuple[float, float]]:
    return list(zip(model.response_center_, model.response_scale_, strict=True))


def _refuse(values: Sequence[Hashable], names: Sequence[str], why: str) -> None:
    first: dict[Hashable, str] = {}
    for value, name in zip(values, names, strict=True):
        first.setdefault(value, name)
    if len(first) > 1:
        examples = "; ".join(f"{name}: {value}" for value, name in first.items())
        raise NotComparableError(f"These models cannot be ranked ({examples}): {why}")


def compare(models: Sequence[Any], names: Sequence[str] | None = None) -> Any:
    """Return fitted models side by side: criteria, entropy, smallest expert, verdict on the starts.

    Parameters
    ----------
    models : sequence of fitted mixtures of experts
        Fitted to the same rows; loaded ones will do.
    names : sequence of str, optional
        What to call them; "model 0", "model 1", ... by default.

    Returns
    -------
    pandas.DataFrame
        One row per model, indexed by ``names``, with the columns of :attr:`MoESelector.results_` that a fitted model
        knows. Every criterion is smaller for better models.

    Raises
    ------
    NotComparableError
        Different rows, weights or responses, joint against conditional likelihoods, or probabilities of counts against
        densities; the message says which.
    ConfigurationError
        No models, something else than mixtures of experts, or another number of names.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.selection import compare
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> two, three = (MoERegressor(k, random_state=0).fit(X, y) for k in (2, 3))
    >>> compare([two, three], names=["two", "three"])["n_parameters"].tolist()
    [8, 13]
    """
    models = list(models)
    names = [f"model {i}" for i in range(len(models))] if names is None else [str(name) for name in names]
    if not models or len(names) != len(models):
        raise ConfigurationError(f"compare needs models and one name for each, not {len(models)} and {len(names)}.")
    for model in models:
        if not isinstance(model, MixtureOfExperts):
            raise ConfigurationError(f"compare takes fitted mixtures of experts, not {type(model).__name__}.")
        check_is_fitted(model, "log_likelihood_")
    rows = [{"n_experts": len(model.expert_mass_)} | model_row(model) for model in models]
    refuse_different_rows(rows, names)
    refuse_different_measures(models, names)
    refuse_different_responses(models, names)
    refuse_different_settings(models, names)
    refuse_different_columns(models, names, [model.gate_features_.names_out for model in models])
    table = as_frame(rows)
    table.index = np.asarray(names, dtype=object)
    return table
