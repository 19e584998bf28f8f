"""What can be asked of a model about every row, and the columns that the answers are called by.

=================== ============================ ======================================================
``--what``          columns                      meaning
=================== ============================ ======================================================
mean                mean                         E[y given x]
class               class                        the most likely class
proba               proba_yes, proba_no, ...     P(class given x), for every class
std                 std                          standard deviation of y given x
gate                gate_0, gate_1, ...          P(expert given x), y unknown
experts             expert_0, expert_1, ...      E[y given x, expert]
quantile:0.05,0.95  quantile_0.05, quantile_0.95 quantiles of y given x
interval:0.9        lower_90, upper_90           equal-tailed interval
hdr:0.9             hdr_90                       highest-density region, a JSON list of [lower, upper]
logprob             logprob                      log p(y given x); needs the response
responsibility      responsibility_0, ...        P(expert given x and y); needs the response
=================== ============================ ======================================================

For a model of several responses the name of the response is added: ``mean_y0``, ``expert_0_y0``; for one of classes
``experts`` are P(class given x, expert), ``expert_0_yes``. With exposures mean, std, experts, quantiles and regions are
of the count, without them of the rate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import did_you_mean
from classicmoe.models.tables import response_names

_PLAIN = ("mean", "class", "proba", "std", "gate", "experts", "logprob", "responsibility")
_OF_CLASSES = ("class", "proba")
_OF_BOTH = ("gate", "experts", "logprob", "responsibility")
_WITH_NUMBERS = {"quantile": (0.05, 0.5, 0.95), "interval": (0.9,), "hdr": (0.9,)}
NEEDS_RESPONSE = ("logprob", "responsibility")


class Item(NamedTuple):
    """One thing that was asked, with its numbers."""

    kind: str
    numbers: tuple[float, ...] = ()


def parse_what(text: str) -> list[Item]:
    """Read ``--what``; a number belongs to the word before it.

    Raises
    ------
    ConfigurationError
        Unknown words, numbers where none belong, probabilities outside (0, 1).

    Examples
    --------
    >>> parse_what("mean,quantile:0.05,0.95")
    [Item(kind='mean', numbers=()), Item(kind='quantile', numbers=(0.05, 0.95))]
    """
    items: list[Item] = []
    for token in filter(None, (part.strip() for part in text.split(","))):
        word, colon, rest = token.partition(":")
        if not colon and _is_number(word) and items and items[-1].kind in _WITH_NUMBERS:
            items[-1] = Item(items[-1].kind, (*items[-1].numbers, _probability(word)))
            continue
        if word not in _PLAIN and word not in _WITH_NUMBERS:
            known = [*_PLAIN, *_WITH_NUMBERS]
            raise ConfigurationError(
                f"--what does not know {word!r}.{did_you_mean(word, known)} Known: {', '.join(known)}."
            )
        if colon and word in _PLAIN:
            raise ConfigurationError(f"--what {word} takes no number ({token!r}).")
        items.append(Item(word, (_probability(rest),) if colon else ()))
    if not items:
        raise ConfigurationError("--what is empty; ask for mean, for example.")
    return [Item(item.kind, item.numbers or _WITH_NUMBERS.get(item.kind, ())) for item in dict.fromkeys(items)]


def default_for(model: Any) -> str:
    """Return what is asked of a model when nothing is said."""
    return "class,proba" if hasattr(model, "classes_") else "mean"


def check_items(model: Any, items: list[Item]) -> None:
    """Refuse questions about numbers to models of classes, and the other way round.

    Raises
    ------
    ConfigurationError
    """
    classes = hasattr(model, "classes_")
    for item in items:
        if item.kind not in _OF_BOTH and (item.kind in _OF_CLASSES) is not classes:
            what, cure = ("classes", "class or proba") if classes else ("numbers", "mean, std, interval:0.9 ...")
            raise ConfigurationError(f"--what {item.kind}: this is a model of {what}; ask for {cure}.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _probability(text: str) -> float:
    value = float(text) if _is_number(text) else -1.0
    if not 0.0 < value < 1.0:
        raise ConfigurationError(f"--what: {text!r} is not a probability between 0 and 1.")
    return value


def names(model: Any, item: Item) -> list[str]:
    """Return what the columns of an answer are called."""
    outputs = [""] if model.n_outputs_ == 1 else [f"_{name}" for name in response_names(model)]
    if hasattr(model, "classes_"):
        outputs = [f"_{label}" for label in model.classes_.tolist()]
    experts = range(len(model.expert_mass_))
    percent = [f"{100.0 * level:.10g}" for level in item.numbers]
    match item.kind:
        case "gate" | "responsibility":
            return [f"{item.kind}_{k}" for k in experts]
        case "experts":
            return [f"expert_{k}{name}" for k in experts for name in outputs]
        case "quantile":
            return [f"quantile_{p:.10g}{name}" for p in item.numbers for name in outputs]
        case "interval":
            return [f"{end}_{p}{name}" for p in percent for end in ("lower", "upper") for name in outputs]
        case "hdr":
            return [f"hdr_{p}" for p in percent]
        case "logprob" | "class":
            return [item.kind]
    return [f"{item.kind}{name}" for name in outputs]


def answers(
    model: Any, X: Any, y: Any, items: list[Item], beside: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the columns that were asked for, by name.

    Parameters
    ----------
    model : fitted estimator
    X : data frame of n rows
    y : array of shape (n,) or (n, q), or None
    items : list of Item
    beside : dict
        Exposures and offsets of the rows.

    Returns
    -------
    dict of str to array of shape (n,)
    """
    of_distribution = any(item.kind in ("std", *_WITH_NUMBERS) for item in items)
    dist = model.predict_dist(X, **beside) if of_distribution else None
    columns: dict[str, Any] = {}
    for item in items:
        labels = names(model, item)
        values = _values(model, X, y, dist, item, beside)
        columns.update(zip(labels, values.reshape(-1, len(labels)).T, strict=True))
    return columns


def _values(model: Any, X: Any, y: Any, dist: Any, item: Item, beside: Mapping[str, Any]) -> Any:
    match item.kind:
        case "mean" | "class":
            return model.predict(X, **beside)
        case "proba":
            return model.predict_proba(X)
        case "std":
            return dist.std()
        case "gate":
            return model.predict_gate(X, **beside)
        case "experts":
            return model.predict_experts(X, **beside)
        case "quantile":
            return dist.quantile(list(item.numbers))
        case "interval":
            return np.stack([dist.interval(level) for level in item.numbers], axis=1)
        case "logprob":
            return model.score_samples(X, y, **beside)
        case "responsibility":
            return model.responsibilities(X, y, **beside)
    regions = [dist.interval(level, kind="hdr") for level in item.numbers]
    return np.array(
        [[json.dumps(region.tolist()) for region in row] for row in zip(*regions, strict=True)], dtype=object
    )
