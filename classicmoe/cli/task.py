"""From options to rows: read the table, take out response and weights, settle missing values once for all models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.cli.carried import NOTHING, Carried, known_text
from classicmoe.cli.output import Console
from classicmoe.cli.read import TableInfo, read_table, require_column
from classicmoe.exceptions import ConfigurationError, DataError, MissingValuesError, WeightError
from classicmoe.messages import count_text, name_list, row_numbering, rows_text
from classicmoe.models.feature_specs import plan_of, required_columns
from classicmoe.models.formula import split_formula
from classicmoe.models.formula_terms import parse_terms
from classicmoe.models.missing import Gap, drop_missing, missing_report
from classicmoe.models.observed import known
from classicmoe.models.response import check_weights

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Question:
    """What the user asked about a table; the fields are the options of ``select`` and ``fit``."""

    data: str
    response: str | None = None
    formula: str | None = None
    expert: str | None = None
    gate: str | None = None
    weights: str | None = None
    drop: Sequence[str] | None = None
    na: str = "error"
    input_format: str | None = None
    carried: Carried = NOTHING


@dataclass(frozen=True)
class Task:
    """Rows that are ready for every model of a grid.

    Attributes
    ----------
    info : TableInfo
        What was read.
    X, y, weight
        Features, response and weights (or None) of the rows in use.
    expert_features, gate_features
        For the estimator.
    kept, dropped : ndarray of int
        Positions in the file of the rows in use and of those left out, counted from 0.
    gaps : list of Gap
        Missing values that made rows go.
    left_out : list of str
        Columns named by ``--drop``.
    weight_name : str or None
    response : str
        Name of the response.
    carried : Carried
        Columns that are neither features, response nor weight, and the window.
    beside : dict
        Exposures and offsets, as keyword arguments of ``fit``.
    """

    info: TableInfo
    X: pd.DataFrame
    y: Any
    weight: NDArray[np.float64] | None
    expert_features: Any
    gate_features: Any
    kept: NDArray[np.intp]
    dropped: NDArray[np.intp]
    gaps: list[Gap]
    left_out: list[str]
    weight_name: str | None
    response: str
    carried: Carried = NOTHING
    beside: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> Any:
        """The response as a column: of intervals some number inside."""
        import pandas as pd

        return pd.Series(known(self.y).y, name=self.response) if self.carried.partly_known else self.y

    def numbering(self) -> AbstractContextManager[None]:
        """Let messages count data rows of the file, from 1."""
        return row_numbering(1, self.kept)

    def summary(self) -> dict[str, Any]:
        """Return what there is to say about the rows, for JSON and the report; rows count from 1."""
        return {
            "source": self.info.source,
            "format": self.info.format,
            "rows_read": self.info.rows,
            "rows_used": len(self.kept),
            "rows_dropped": len(self.dropped),
            "dropped_rows": (self.dropped + 1).tolist(),
            "response": self.response,
            "weights": self.weight_name,
            **self.carried.state(),
            "known": known_text(self.y) if self.carried.partly_known else None,
            "columns_left_out": self.left_out,
            "features": list(self.X.columns),
        }


def prepare(question: Question, console: Console) -> Task:
    """Read and check the rows that a question is about.

    Raises
    ------
    ConfigurationError
        No response, or options that do not go together.
    DataError
        A table that cannot be read, columns that are not there, missing values without ``--na drop``.
    """
    frame, info = read_table(question.data, input_format=question.input_format)
    console.note(str(info))
    response, expert, gate = _terms(question, list(frame.columns), info.source)
    left_out, carried = columns_of(question.drop), question.carried
    roles = {response: "response", **({question.weights: "weight"} if question.weights else {})}
    beside = [name for _, name in carried.columns()]
    for name in (*roles, *beside, *left_out):
        require_column(frame, name, info.source)
    _check_roles(response, question.weights, left_out)
    carried.check_roles(roles, left_out)
    out = {*roles, *beside, *left_out}
    features = frame[[name for name in frame.columns if name not in out]]
    if not len(features.columns) and None in (expert, gate):
        raise DataError(f"{info.source} has no column besides the response {response!r} to explain it with.")
    # A missing upper end is one: the response was censored on the right.
    used = [*_used(features, expert, gate), *roles, *(name for name in beside if name != carried.upper)]
    gaps = [gap for gap in _gaps(frame, used) if gap.missing]
    _, dropped = drop_missing(frame, used) if gaps else (None, np.empty(0, np.intp))
    if gaps:
        _settle(question.na, gaps, dropped, info.rows, [gap.column for gap in gaps if gap.column not in out], console)
    kept = np.setdiff1d(np.arange(len(frame)), dropped)
    rows = frame.iloc[kept].reset_index(drop=True) if len(dropped) else frame
    with row_numbering(1, kept):
        weight = _weights(rows[question.weights], question.weights) if question.weights else None
        y, given = carried.responses(rows, response, info.source), carried.beside(rows, info.source)
    if carried.partly_known:
        console.note(known_text(y))
    return Task(
        info, rows[list(features.columns)], y, weight, expert, gate, kept, dropped, gaps, left_out, question.weights,
        response, carried, given,
    )  # fmt: skip


def columns_of(given: Iterable[str] | None) -> list[str]:
    """Split ``--drop a,b --drop c`` into names."""
    return [name.strip() for entry in given or [] for name in entry.split(",") if name.strip()]


def _terms(question: Question, columns: list[str], source: str) -> tuple[str, Any, Any]:
    """Return the response and what experts and gate see."""
    if question.formula is not None:
        if question.response or question.expert is not None or question.gate is not None:
            raise ConfigurationError("--formula names response, experts and gate: leave -y, --expert and --gate out.")
        others = {*columns_of(question.drop), question.weights, *(name for _, name in question.carried.columns())}
        parts = split_formula(question.formula, [name for name in columns if name not in others])
        return parts.response, parts.expert, parts.gate
    if question.response is None:
        raise ConfigurationError(
            f"Which column of {source} is to be explained? Name it with -y (or --formula).\n"
            f"columns: {name_list(columns, quote=False)}"
        )
    expert = specification(question.expert)
    return question.response, expert, expert if question.gate is None else specification(question.gate)


def specification(text: str | None) -> Any:
    """Return what ``--expert`` or ``--gate`` says: None, a list of columns or a formula's right-hand side.

    Examples
    --------
    >>> specification("age, body mass"), specification("age + C(region)"), specification("1"), specification(None)
    (['age', 'body mass'], 'age + C(region)', [], None)
    """
    if text is None:
        return None
    if text.strip() == "1":
        return []
    return columns_of([text]) if "," in text and "(" not in text else text


def _check_roles(response: str, weights: str | None, left_out: list[str]) -> None:
    if response == weights:
        raise ConfigurationError(f"{response!r} cannot be response and weight at once.")
    for name in (response, weights):
        if name in left_out:
            raise ConfigurationError(f"{name!r} is used, and named by --drop as well.")


def _used(features: pd.DataFrame, *specs: Any) -> list[str]:
    """Return the columns that some model of the grid looks at."""
    needed = required_columns(features, *specs)
    names = list(features.columns)
    if needed is None:
        return names
    used = dict.fromkeys(needed)
    for plan in (plan_of(spec, names) for spec in specs):
        if plan.kind == "formula":
            used.update(dict.fromkeys(use.name for use in parse_terms(plan.what)[1]))
    for name in used:
        require_column(features, name, "the features")
    return list(used)


def _gaps(frame: pd.DataFrame, used: list[str]) -> list[Gap]:
    with row_numbering(1):
        return missing_report(frame[used])


def _settle(
    na: str, gaps: list[Gap], dropped: NDArray[np.intp], n_rows: int, features: list[str], console: Console
) -> None:
    """Refuse missing values, or say which rows go."""
    with row_numbering(1):
        where = rows_text(dropped, limit=5)
        counts = [f"{gap.column!r} has {count_text(gap.missing, 'missing value')}" for gap in gaps]
    what = ", ".join(counts[:6]) + (f", and {len(counts) - 6} more columns" if len(counts) > 6 else "")
    share = f"{len(dropped)} of {n_rows} rows"
    if na != "drop":
        raise MissingValuesError(
            f"{what}.\n{share} miss a value: {where}.\n"
            "Options: --na drop leaves these rows out"
            + (f" · --drop {features[0]} leaves the column out" if features else "")
            + " · impute first."
        )
    if len(dropped) == n_rows:
        raise MissingValuesError(f"{what}: no row is complete. Leave such columns out with --drop.")
    console.note(f"--na drop: {share} left out ({what}), {n_rows - len(dropped)} remain; {where}")


def _weights(column: pd.Series, name: str) -> NDArray[np.float64] | None:
    try:
        return check_weights(column.to_numpy(), len(column))
    except WeightError as error:
        raise WeightError(f"--weights {name}: {error}") from error
