"""From a grid of constructor arguments to one estimator per model, all with the same seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from classicmoe.em.split import N_SPLITS
from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import did_you_mean
from classicmoe.models.settings import check_settings, seeds
from classicmoe.selection.labels import labels

DEFAULT = {"n_experts": range(1, 6)}
FOR_SLOPE = {"n_experts": range(1, 21)}
"""Without a grid, for the slope heuristic: it needs models far larger than the one that it selects."""


class Candidate(NamedTuple):
    """One model of the grid: its arguments as the grid has them, and the estimator that they make."""

    params: dict[str, Any]
    estimator: Any
    texts: dict[str, Any]  # the arguments as tables hold them

    @property
    def name(self) -> str:
        """How messages call the model."""
        return ", ".join(f"{key}={value!r}" for key, value in self.labels.items())

    @property
    def short_name(self) -> str:
        """How tables call the model."""
        labels = self.labels
        return ", ".join([f"K={labels.pop('n_experts')}", *(f"{key}={value}" for key, value in labels.items())])

    @property
    def labels(self) -> dict[str, Any]:
        """Number of experts and arguments as a row of a table holds them."""
        return {"n_experts": int(self.estimator.n_experts)} | self.texts

    @property
    def cost(self) -> float:
        """Roughly proportional to the time that the fit takes: a pass and the number of passes grow with K."""
        k = self.estimator.n_experts
        return 1.0 if k == 1 else float(k * k * self.estimator.n_init)

    @property
    def split_cost(self) -> float:
        """The same for starts from splits of a model with one expert fewer."""
        return N_SPLITS * self.nested_cost

    @property
    def nested_cost(self) -> float:
        """The same for the one start from a model on fewer columns."""
        return float(self.estimator.n_experts) ** 2


def grid_seed(random_state: Any, remembered: int | None = None) -> int:
    """Return the one seed of all models: the user's integer, or the one remembered, or a new one."""
    if isinstance(random_state, Integral):
        return int(random_state)
    if remembered is not None:
        return remembered
    return int(seeds(random_state, 1)[0].generate_state(1)[0])


def expand(estimator: Any, param_grid: Any, seed: int) -> list[Candidate]:
    """Return the models of a grid in scikit-learn's order, every argument checked.

    Parameters
    ----------
    estimator : unfitted estimator
    param_grid : dict, list of dict or None
        In the syntax of :class:`sklearn.model_selection.ParameterGrid`.
    seed : int
        For every model whose ``random_state`` is no integer.

    Raises
    ------
    ConfigurationError
        The grid is empty or malformed, or an argument is unknown or has a value that it cannot have.
    """
    try:
        settings = list(ParameterGrid(DEFAULT if param_grid is None else param_grid))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"param_grid must map arguments to lists of values, as in {{'n_experts': [1, 2, 3]}}: {error}"
        ) from error
    if not settings:
        raise ConfigurationError("param_grid is empty: there is no model to fit.")
    texts = _texts(settings)
    return [_candidate(estimator, params, own, seed) for params, own in zip(settings, texts, strict=True)]


def _texts(settings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the arguments of all models as tables hold them."""
    texts: list[dict[str, Any]] = [{} for _ in settings]
    for name in {name for params in settings for name in params}:
        places = [i for i, params in enumerate(settings) if name in params]
        for i, text in zip(places, labels([settings[i][name] for i in places]), strict=True):
            texts[i][name] = text
    return [{name: text[name] for name in params} for params, text in zip(settings, texts, strict=True)]


def _candidate(estimator: Any, params: dict[str, Any], texts: dict[str, Any], seed: int) -> Candidate:
    _check_names(estimator, params)
    try:
        model = clone(estimator).set_params(**clone(params, safe=False))
    except ValueError as error:
        raise ConfigurationError(f"param_grid: {error}") from error
    if not isinstance(model.random_state, Integral):
        model.set_params(random_state=seed)
    check_settings(model)
    return Candidate(params, model, texts)


def _check_names(estimator: Any, params: Mapping[str, Any]) -> None:
    known = estimator.get_params(deep=False)
    for name in params:
        head, nested, _ = name.partition("__")
        if head not in known:
            raise ConfigurationError(
                f"param_grid names {name!r}, which {type(estimator).__name__} does not have.{did_you_mean(head, known)}"
            )
        owner = params.get(head, known[head])
        if nested and not hasattr(owner, "set_params"):
            raise ConfigurationError(
                f"param_grid names {name!r}, but {head} is {owner!r} and not an object with arguments; pass one, for "
                "example gate=SoftmaxGate()."
            )
