"""Checks of hyperparameters: in ``fit``, never in ``__init__``, and the arguments are never rewritten."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone

from classicmoe.em.acceleration import ACCELERATORS
from classicmoe.em.split import SplitStart
from classicmoe.em.starts import PARAMETERS, PARTITIONS
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts import EXPERT_CLASSES, EXPERTS, MixedExpert
from classicmoe.gates import GATES
from classicmoe.messages import did_you_mean

CLASSES = {"gate": tuple(GATES.values()), "expert": EXPERT_CLASSES}


def component(value: Any, known: dict[str, Any], what: str) -> Any:
    """Return a fresh gate or expert family from a name, an object or (experts) a list of them."""
    if what == "expert" and isinstance(value, list | tuple):
        return MixedExpert([component(part, known, what) for part in value])
    if isinstance(value, str):
        if value not in known:
            names = ", ".join(repr(name) for name in known)
            raise ConfigurationError(f"{what}={value!r} is not known.{did_you_mean(value, known)} Known: {names}.")
        return known[value]()
    if not isinstance(value, CLASSES[what]):
        names = ", ".join(repr(name) for name in known)
        raise ConfigurationError(f"{what} must be one of {names} or such an object, not {value!r}.")
    return clone(value)


def integer(name: str, value: Any, least: int) -> int:
    """Check an integer hyperparameter."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ConfigurationError(f"{name} must be an integer >= {least}, not {value!r}.")
    return int(value)


def positive(name: str, value: Any, most: float = np.inf) -> None:
    """Check a positive hyperparameter that is finite and at most so large."""
    if isinstance(value, bool) or not isinstance(value, Real) or not (0.0 < value <= most and value < np.inf):
        limit = "a positive number" if most == np.inf else f"a number > 0 and <= {most:g}"
        raise ConfigurationError(f"{name} must be {limit}, not {value!r}.")


def one_of(estimator: Any, name: str, *allowed: str) -> None:
    """Check a hyperparameter that is one of a few words."""
    value = getattr(estimator, name)
    if not isinstance(value, str) or value not in allowed:
        raise ConfigurationError(
            f"{name} must be {' or '.join(map(repr, allowed))}, not {value!r}.{did_you_mean(str(value), allowed)}"
        )


def check_settings(estimator: Any) -> None:
    """Check the arguments of an estimator that fits mixtures of experts.

    Raises
    ------
    ConfigurationError
        Naming the argument, what it may be and what it is.
    """
    integer("n_experts", estimator.n_experts, 1)
    integer("n_init", estimator.n_init, 1)
    integer("max_iter", estimator.max_iter, 2)
    if estimator.n_refine is not None:
        integer("n_refine", estimator.n_refine, 1)
    positive("tol", estimator.tol)
    one_of(estimator, "acceleration", *ACCELERATORS)
    one_of(estimator, "weight_type", "frequency", "sampling")
    one_of(estimator, "unseen", "error", "reference")
    if isinstance(estimator.init, str) and estimator.init not in ("auto", PARAMETERS, *PARTITIONS):
        kinds = ", ".join(repr(kind) for kind in ("auto", PARAMETERS, *PARTITIONS))
        raise ConfigurationError(
            f"init must be one of {kinds}, an (n, n_experts) array, split_start() of a fitted model with one expert "
            f"fewer or nested_start() of one on fewer columns, not {estimator.init!r}."
        )
    for side, known in (("gate", GATES), ("expert", EXPERTS)):
        if not hasattr(estimator, side):
            continue
        part = component(getattr(estimator, side), known, side)
        _check_component(part, side)
        if isinstance(part, MixedExpert):
            _check_list(part, estimator)


def _check_list(mixed: MixedExpert, estimator: Any) -> None:
    """Check a list of families, one for each expert."""
    if len(mixed.experts) != estimator.n_experts:
        raise ConfigurationError(
            f"expert is a list of {len(mixed.experts)} families, but n_experts={estimator.n_experts}: give one for "
            "each expert."
        )
    if isinstance(estimator.init, SplitStart):
        raise ConfigurationError("init= cannot split an expert when expert is a list of families.")
    for part in mixed.experts:
        _check_component(part, "expert")


def _check_component(part: Any, side: str) -> None:
    """Check the arguments of a gate or expert family; ``choices`` lists those that are one of a few words."""
    for name, allowed in getattr(part, "choices", {}).items():
        if getattr(part, name) not in allowed:
            words = " or ".join(map(repr, allowed))
            raise ConfigurationError(f"The {side}'s {name} must be {words}, not {getattr(part, name)!r}.")
    wrong = part.check_arguments() if hasattr(part, "check_arguments") else None
    if wrong:
        raise ConfigurationError(f"The {side}'s {wrong}.")
    ridge = getattr(part, "ridge", 0.0)
    if not isinstance(ridge, Real) or not 0.0 <= ridge < np.inf:
        raise ConfigurationError(f"The {side}'s ridge must be a number >= 0, not {ridge!r}.")
    temperature = getattr(part, "temperature", 1.0)
    if not isinstance(temperature, Real) or not 0.0 < temperature < np.inf:
        raise ConfigurationError(f"The {side}'s temperature must be a number > 0, not {temperature!r}.")


def seeds(random_state: Any, n: int) -> list[np.random.SeedSequence]:
    """Return one seed per start, whatever kind of random state scikit-learn's users pass."""
    if random_state is None:
        return np.random.SeedSequence().spawn(n)
    if isinstance(random_state, Integral) and random_state >= 0:
        return np.random.SeedSequence(int(random_state)).spawn(n)
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(int(random_state.randint(2**31 - 1))).spawn(n)
    raise ConfigurationError(f"random_state must be None, an integer >= 0 or a RandomState, not {random_state!r}.")
