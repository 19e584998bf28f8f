"""What options mean that are more than a word: ranges, kinds of gates, windows; what does not go together is said.

Nothing heavy is imported here, as in the options.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import typer

from classicmoe.cli.options import CLASS_FAMILIES, GATES, LASSO_FAMILIES

_FOR_SLOPE = 10  # slope.table.LEAST, which would load NumPy
_PATH_CRITERIA = ("bic", "ebic", "aic", "cv", "slope")
_LASSO_DEFAULTS = {"starts": 10, "max_iter": 5000}  # those of LassoMoERegressor


def counts_of_experts(text: str) -> list[int]:
    """Read ``3``, ``1:8`` (both ends included), ``1:9:2`` or ``1,2,5`` as a sorted list.

    Raises
    ------
    typer.BadParameter
        Anything else.

    Examples
    --------
    >>> counts_of_experts("1:4"), counts_of_experts("2,5,3"), counts_of_experts("1:9:4")
    ([1, 2, 3, 4], [2, 3, 5], [1, 5, 9])
    """
    found: set[int] = set()
    for part in text.split(","):
        try:
            numbers = [int(number) for number in part.split(":")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3 or min(numbers) < 1:
            raise typer.BadParameter(
                f"{text!r} is no list of numbers of experts: write 3, 1:8, 1:9:2 or 1,2,5.", param_hint="-k"
            )
        low, high, step = numbers[0], numbers[min(1, len(numbers) - 1)], numbers[2] if len(numbers) == 3 else 1
        if high < low:
            raise typer.BadParameter(f"{part!r} is empty: {low} is more than {high}.", param_hint="-k")
        found.update(range(low, high + 1, step))
    return sorted(found)


def range_for(criterion: str, text: str | None) -> list[int]:
    """Return the numbers of experts to try: those asked for, or as many as the criterion needs.

    Raises
    ------
    typer.BadParameter
        Fewer than the slope heuristic can be asked of.

    Examples
    --------
    >>> range_for("bic", None), len(range_for("slope", None)), range_for("bic", "2,3")
    ([1, 2, 3, 4, 5, 6, 7, 8], 20, [2, 3])
    """
    numbers = counts_of_experts(text or ("1:20" if criterion == "slope" else "1:8"))
    if criterion == "slope" and len(numbers) < _FOR_SLOPE:
        raise typer.BadParameter(
            f"{text!r} makes {len(numbers)} models; --criterion slope needs at least {_FOR_SLOPE}, better 15 or more. "
            "Write 1:20, or leave -k out.",
            param_hint="-k",
        )
    return numbers


def contrast_for(criterion: str, contrast: str | None) -> str:
    """Return the contrast of the slope heuristic.

    Raises
    ------
    typer.BadParameter
        It was given for another criterion.
    """
    if contrast is not None and criterion != "slope":
        raise typer.BadParameter(f"goes with --criterion slope, not {criterion}.", param_hint="--contrast")
    return contrast or "conditional"


def gate_of(terms: str | None, kind: str) -> tuple[str | None, str]:
    """Return columns and kind of the gate: ``--gate tree`` names the kind (``--gate tree,`` a column)."""
    if terms in GATES:
        return None, terms
    if terms is not None and kind == "gaussian":
        raise typer.BadParameter("a Gaussian gate sees the columns of the experts.", param_hint="--gate")
    return terms, kind


def temperature_for(kind: str, temperature: float | None) -> float | None:
    """Return the temperature of a gate that has one.

    Raises
    ------
    typer.BadParameter
        Not a positive number, or another gate.
    """
    if temperature is None:
        return None
    if kind not in ("softmax", "activation"):
        raise typer.BadParameter(f"goes with a softmax or activation gate, not {kind}.", param_hint="--temperature")
    if not 0.0 < temperature < float("inf"):
        raise typer.BadParameter(f"{temperature:g} is not a number > 0.", param_hint="--temperature")
    return temperature


def window_of(text: str | None) -> tuple[float | None, float | None] | None:
    """Read ``500:``, ``:100`` or ``0:100``.

    Raises
    ------
    typer.BadParameter
        Anything else.

    Examples
    --------
    >>> window_of("500:"), window_of(":100"), window_of("-1:2.5"), window_of(None)
    ((500.0, None), (None, 100.0), (-1.0, 2.5), None)
    """
    if text is None:
        return None
    low, colon, high = (part.strip() for part in text.partition(":"))
    try:
        ends = float(low) if low else None, float(high) if high else None
    except ValueError:
        ends = None, None
    if not colon or ends == (None, None) or any(end != end for end in ends):
        raise typer.BadParameter(f"{text!r} is no window: write 500:, :100 or 0:100.", param_hint="--truncate")
    if ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]:
        raise typer.BadParameter(f"{text!r} is empty: {low} is not less than {high}.", param_hint="--truncate")
    return ends


def window_for(family: str, upper: str | None, truncate: str | None) -> tuple[float | None, float | None] | None:
    """Return the window of responses that are numbers.

    Raises
    ------
    typer.BadParameter
        Classes have neither intervals nor windows.
    """
    if family in CLASS_FAMILIES and (upper or truncate):
        name = "--upper" if upper else "--truncate"
        raise typer.BadParameter(f"is for numbers; --family {family} is for classes.", param_hint=name)
    return window_of(truncate)


class Lasso(NamedTuple):
    """Penalties of a Lasso: numbers, or None for those that a criterion chooses along a path."""

    experts: float | None
    gate: float | None
    criterion: str | None = None  # None: the one that chooses the number of experts, or BIC
    scaled: bool = False  # slopes over standard deviations are penalised


def lasso_of(text: str | None) -> Lasso | None:
    """Read ``path``, ``path:ebic``, ``5`` or ``5,3`` (experts, gate), with ``:scaled`` behind it or not.

    Raises
    ------
    typer.BadParameter
        Anything else.

    Examples
    --------
    >>> lasso_of("path:ebic:scaled")
    Lasso(experts=None, gate=None, criterion='ebic', scaled=True)
    >>> lasso_of("5").gate, lasso_of("5,3").gate, lasso_of(None)
    (5.0, 3.0, None)
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(":")]
    scaled = parts[-1] == "scaled" and len(parts) > 1
    word, criterion = parts[0], ":".join(parts[1 : len(parts) - scaled])
    if word == "path":
        if criterion not in ("", *_PATH_CRITERIA):
            raise typer.BadParameter(
                f"{criterion!r} chooses no penalty; {', '.join(_PATH_CRITERIA)} do.", param_hint="--lasso"
            )
        return Lasso(None, None, criterion or None, scaled)
    try:
        numbers = [float(part) for part in word.split(",")]
    except ValueError:
        numbers = []
    if criterion or not 1 <= len(numbers) <= 2 or not all(0.0 <= number < float("inf") for number in numbers):
        raise typer.BadParameter(
            f"{text!r} is no penalty: write path, path:ebic, a number >= 0 for both, or two: experts,gate.",
            param_hint="--lasso",
        )
    return Lasso(numbers[0], numbers[-1], scaled=scaled)


def lasso_for(
    text: str | None, gate: str, family: str, *, criterion: str = "bic", temperature: Any = None, observed: bool = False
) -> Lasso | None:
    """Return the penalties of a Lasso that goes with the other options.

    ``observed``: whether responses are intervals, or rows were seen through a window.

    Raises
    ------
    typer.BadParameter
        It does not; with what to do.
    """
    found = lasso_of(text)
    if found is None:
        return None
    why = None
    if gate != "softmax":
        why = f"needs a softmax gate, not {gate}. Leave --gate-type out; a gate without columns is --gate 1."
    elif family not in LASSO_FAMILIES:
        known = ", ".join(LASSO_FAMILIES)
        why = f"needs a family with one linear predictor, and {family} has none. Take one of {known}, or no --lasso."
    elif found.scaled and family != "gaussian":
        why = f"scaled is for --family gaussian, not {family}: leave :scaled out."
    elif temperature is not None:
        why = "has no --temperature: leave it out."
    elif observed:
        why = "takes exact responses: leave --upper and --truncate out."
    elif criterion == "slope":
        why = "does not go with --criterion slope, which counts parameters that are not penalised. Use bic."
    elif found.experts is None and found.criterion is None and criterion not in ("bic", "aic", "cv"):
        why = f"path chooses penalties by bic or aic, not {criterion}: name both, as in --lasso path:bic."
    if why is not None:
        raise typer.BadParameter(why, param_hint="--lasso")
    same = criterion if found.experts is None and criterion != "cv" else "bic"
    return found._replace(criterion=found.criterion or same)


def or_lasso_default(ctx: typer.Context, lasso: Lasso | None, name: str, value: int) -> int:
    """Return the value of an option; of a Lasso its own default where the user gave none."""
    given = getattr(ctx.get_parameter_source(name), "name", "")
    return _LASSO_DEFAULTS[name] if lasso is not None and given == "DEFAULT" else value
