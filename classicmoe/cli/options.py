"""The options that several commands share, in one place so that they mean the same everywhere.

Nothing heavy is imported here: ``classicmoe --help`` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated

import typer

_DATA, _MODEL, _SEARCH, _OUTPUT = "Data", "Model", "Search", "Output"

# Those of classicmoe.experts and classicmoe.gates; a test compares. The command line starts without loading them.
CLASS_FAMILIES = ("multinomial", "ordinal")
GATES = ("softmax", "constant", "gaussian", "tree", "activation")
LASSO_FAMILIES = (  # with one linear predictor
    "gaussian laplace student_t poisson negative_binomial binomial gamma inverse_gaussian log_normal multinomial"
).split()
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
Lasso = Annotated[
    str | None,
    typer.Option(
        "--lasso",
        metavar="PENALTY",
        help="Penalise slopes, so that columns drop out. path: BIC (in select the criterion) chooses how much, or "
        "another as in path:ebic; or numbers, 5 for both or 5,3 for experts and gate. :scaled behind it penalises "
        "slopes over standard deviations. Unless given, --starts is 10 and --max-iter 5000.",
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
