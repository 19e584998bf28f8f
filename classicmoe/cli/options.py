"""The options that several commands share, in one place so that they mean the same everywhere.

Nothing heavy is imported here: ``classicmoe --help`` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated

import typer

_FOR_SLOPE = 10  # selection.slope.table.LEAST, which would load NumPy
_DATA, _MODEL, _SEARCH, _OUTPUT = "Data", "Model", "Search", "Output"

# Those of classicmoe.experts and classicmoe.gates; a test compares. The command line starts without loading them.
CLASS_FAMILIES = ("multinomial", "ordinal")
GATES = ("softmax", "constant", "gaussian", "tree", "activation")
FAMILIES = (
    "gaussian laplace student_t skew_normal skew_t poisson negative_binomial binomial gamma inverse_gaussian "
    "log_normal zero_inflated_poisson zero_inflated_negative_binomial zero_inflated_binomial hurdle_poisson "
    "hurdle_negative_binomial hurdle_gamma hurdle_inverse_gaussian hurdle_log_normal"
).split()


def one_of(*values: str) -> Callable[[str | None], str | None]:
    """Return a callback that accepts these words only, and proposes the nearest one."""

    def check(value: str | None) -> str | None:
        if value is None or value in values:
            return value
        near = get_close_matches(value, values, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(values)}.{hint}")

    return check


def at_least(least: int) -> Callable[[int], int]:
    """Return a callback that accepts integers from ``least`` on."""

    def check(value: int) -> int:
        if value < least:
            raise typer.BadParameter(f"{value} is less than {least}.")
        return value

    return check


Data = Annotated[
    str, typer.Argument(metavar="DATA", help="CSV or TSV (also .gz) or Parquet file; - is standard input.")
]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL", help="A model file (.cmoe).")]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        help="csv, tsv or parquet; guessed when not given.",
        callback=one_of("csv", "tsv", "parquet"),
        rich_help_panel=_DATA,
    ),
]
Response = Annotated[
    str | None, typer.Option("-y", "--response", metavar="COL", help="Column to explain.", rich_help_panel=_DATA)
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", metavar="COL", help="Column of weights; never a feature.", rich_help_panel=_DATA),
]
WeightType = Annotated[
    str,
    typer.Option(
        "--weight-type",
        help="frequency: a weight of k is k rows; sampling: rescaled to mean 1.",
        callback=one_of("frequency", "sampling"),
        rich_help_panel=_DATA,
    ),
]
Exposure = Annotated[
    str | None,
    typer.Option(
        "--exposure",
        metavar="COL",
        help="Column of what counts grew on (years, distance), or of numbers of trials; never a feature.",
        rich_help_panel=_DATA,
    ),
]
Offset = Annotated[
    str | None,
    typer.Option(
        "--offset",
        metavar="COL",
        help="Column that is added to the linear predictors, on the scale of the link; never a feature.",
        rich_help_panel=_DATA,
    ),
]
Upper = Annotated[
    str | None,
    typer.Option(
        "--upper",
        metavar="COL",
        help="Upper end of the response, -y being the lower one; empty or inf: censored on the right.",
        rich_help_panel=_DATA,
    ),
]
Truncate = Annotated[
    str | None,
    typer.Option(
        "--truncate",
        metavar="LOW:HIGH",
        help="Only rows with LOW < response <= HIGH could enter the table; either may be left out, as in 500:.",
        rich_help_panel=_DATA,
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        "--drop",
        metavar="COL",
        help="Column that is no feature; may be repeated, or a list a,b,c.",
        rich_help_panel=_DATA,
    ),
]
Na = Annotated[
    str,
    typer.Option(
        "--na",
        help="Missing values: error, or drop their rows (the same ones for every model).",
        callback=one_of("error", "drop"),
        rich_help_panel=_DATA,
    ),
]
Formula = Annotated[
    str | None,
    typer.Option(
        "--formula",
        metavar="TEXT",
        help="'y ~ a + b | c': response, terms of the experts, terms of the gate; in place of -y, --expert, --gate.",
        rich_help_panel=_MODEL,
    ),
]
ExpertTerms = Annotated[
    str | None,
    typer.Option(
        "--expert",
        metavar="TERMS",
        help="Columns of the experts: 'a,b' or 'a + C(b)'. Default: all.",
        rich_help_panel=_MODEL,
    ),
]
GateTerms = Annotated[
    str | None,
    typer.Option(
        "--gate",
        metavar="TERMS",
        help="Columns of the gate; 1 for none. Default: those of the experts. Or its kind, as --gate-type.",
        rich_help_panel=_MODEL,
    ),
]
GateType = Annotated[
    str,
    typer.Option(
        "--gate-type",
        help="softmax, constant, gaussian, tree or activation.",
        callback=one_of(*GATES),
        rich_help_panel=_MODEL,
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="NUMBER",
        help="Divides the scores of a softmax or activation gate; 1 when not given.",
        rich_help_panel=_MODEL,
    ),
]
Structure = Annotated[
    str,
    typer.Option(
        "--structure",
        metavar="NAME",
        help="Gaussian gate: noise of x given y: diag, spherical, full, tied, tied_diag, tied_spherical, block.",
        callback=one_of("diag", "spherical", "full", "tied", "tied_diag", "tied_spherical", "block"),
        rich_help_panel=_MODEL,
    ),
]
Latent = Annotated[
    int,
    typer.Option("--latent", min=0, help="Gaussian gate: latent factors of x beside y.", rich_help_panel=_MODEL),
]
Family = Annotated[
    str,
    typer.Option(
        "--family",
        help="Family of the experts: gaussian, student_t, poisson, gamma, zero_inflated_poisson, hurdle_gamma ...; of "
        "classes multinomial or, if they have an order, ordinal.",
        callback=one_of(*FAMILIES, *CLASS_FAMILIES),
        rich_help_panel=_MODEL,
    ),
]
Unseen = Annotated[
    str,
    typer.Option(
        "--unseen",
        help="Levels that the fit did not see: error, or score them as the reference level.",
        callback=one_of("error", "reference"),
        rich_help_panel=_MODEL,
    ),
]
Starts = Annotated[
    int,
    typer.Option("--starts", help="Starts of every fit.", callback=at_least(1), rich_help_panel=_SEARCH),
]
MaxIter = Annotated[
    int,
    typer.Option(
        "--max-iter", help="Limit on passes over the rows per start.", callback=at_least(2), rich_help_panel=_SEARCH
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the starts.", callback=at_least(0), rich_help_panel=_SEARCH)]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", help="Processors to use; -1 for all. Results do not depend on it.", rich_help_panel=_SEARCH),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with 4 when the (chosen) model is not trustworthy.", rich_help_panel=_SEARCH),
]
Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write an HTML page about it.", rich_help_panel=_OUTPUT),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.", rich_help_panel=_OUTPUT)]
Plain = Annotated[
    bool, typer.Option("--plain", help="No colour, no progress bar (as does NO_COLOR).", rich_help_panel=_OUTPUT)
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_OUTPUT)]


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
    if None not in ends and not ends[0] < ends[1]:  # type: ignore[operator]
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
