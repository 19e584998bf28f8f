"""Is this table fit to model? Types, missing values, constant, collinear and id-like columns, rows per parameter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ClassicMoEError, ClassicMoEWarning, DataError
from classicmoe.messages import count_text, did_you_mean, name_list, rows_text
from classicmoe.models.coding import code_table, learn_levels
from classicmoe.models.frames import Table, as_table, kind_of, numbers_of
from classicmoe.models.missing import Gap, column_gap, drop_missing
from classicmoe.models.response import check_response

Severity = Literal["error", "warning", "info"]
_FEW = 10.0
_DEPENDENT = 1e-9


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    column : str or None
        The column concerned; None when it is about the table.
    severity : {"error", "warning", "info"}
        Errors stop a fit.
    message, cure : str
        What it is and what to do; the cure may be empty.
    """

    column: str | None
    severity: Severity
    message: str
    cure: str = ""


def preflight(frame: Any, response: str | None = None) -> list[Finding]:
    """Look a data frame over before anything is fitted; nothing is raised for what is found.

    Parameters
    ----------
    frame : data frame
    response : str, optional
        Name of the response; all other columns are taken as features.

    Returns
    -------
    list of Finding
        The response first, then the columns in their order, then the table as a whole.

    Examples
    --------
    >>> import pandas as pd
    >>> findings = preflight(pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [1.0, 1.0, 1.0]}))
    >>> [(f.column, f.severity, f.message) for f in findings][0]
    ('b', 'warning', "'b' is 1 in every row.")
    """
    table = as_table(frame)
    if table is None:
        raise TypeError(f"preflight needs a data frame, not {type(frame).__name__}.")
    findings: list[Finding] = []
    names = list(table.names)
    if response is not None:
        findings.extend(_response(table, response))
        names = [name for name in names if name != response]
    usable: dict[str, list[Any] | None] = {}
    for name in names:
        found, levels, use = _column(name, table.column(name))
        findings.extend(found)
        if use:
            usable[name] = levels
    target = [response] if response in table.names else []
    complete, dropped = drop_missing(frame, [*usable, *target])
    if len(dropped):
        share = f"{len(dropped)} of {table.n_rows} rows ({100 * len(dropped) / max(1, table.n_rows):.1f} %)"
        findings.append(
            Finding(None, "warning", f"{share} miss a value: {rows_text(dropped)}.", "--na drop leaves them out.")
        )
    rest = as_table(complete)
    if rest is not None and rest.n_rows and usable:
        findings.extend(_together(rest, usable))
    return findings


def _response(table: Table, response: str) -> Iterator[Finding]:
    if response not in table.names:
        hint = did_you_mean(response, table.names).strip()
        yield Finding(
            response, "error", f"There is no column {response!r}.", hint or f"Columns: {name_list(table.names)}."
        )
        return
    column = table.column(response)
    values = np.empty(0)
    if kind_of(column) in ("number", "boolean"):
        values = numbers_of(column)
        gap = column_gap(response, column)
        if gap is not None:
            yield from _gap(response, gap, len(column), response=True)
        values = values[np.isfinite(values)]
    try:
        values = check_response(values if len(values) else column.to_native())
    except DataError as error:
        yield Finding(response, "error", str(error).replace("'y'", repr(response)))
        return
    yield Finding(response, "info", f"{response!r} is the response: numeric, {len(np.unique(values))} distinct values.")


def _gap(name: str, gap: Gap, n_rows: int, response: bool = False) -> Iterator[Finding]:
    rows = "--na drop leaves these rows out."
    drop = "" if response else f"--drop {name} leaves the column out."
    for count, what, cure in (
        (gap.missing, "missing value", drop if gap.missing == n_rows else f"{rows} {drop}".strip()),
        (gap.infinite, "infinite value", f"Correct them. {drop}".strip()),
    ):
        if count:
            message = f"{name!r} has {count_text(count, what)}: {rows_text(gap.rows, total=count)}."
            yield Finding(name, "error", message, cure)


def _column(name: str, column: Any) -> tuple[list[Finding], list[Any] | None, bool]:
    """Return what there is to say about a feature, its levels (None for numbers) and whether it can be used."""
    gap = column_gap(name, column)
    found = [] if gap is None else list(_gap(name, gap, len(column)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ClassicMoEWarning)
        try:
            levels = learn_levels(name, column, named=True)
        except ClassicMoEError as error:
            return [*found, Finding(name, "error", str(error))], None, False
    found.extend(Finding(name, "warning", str(warning.message)) for warning in caught)
    if levels is None:
        usable = gap is None or (gap.infinite == 0 and gap.missing < len(column))
        return found, None, usable
    if len(levels) > 1:
        shown = name_list(levels, quote=False)
        message = f"{name!r} is categorical: {shown} ({str(levels[0])!r} is the reference)."
        found.append(Finding(name, "info", message))
    return found, levels, len(levels) > 1


def _together(table: Table, usable: dict[str, list[Any] | None]) -> Iterator[Finding]:
    levels = {name: found for name, found in usable.items() if found is not None}
    coded = code_table(table, list(usable), levels, "reference", "check")
    names = [
        label
        for name, found in usable.items()
        for label in ([name] if found is None else [f"{name}[{level}]" for level in found[1:]])
    ]
    varies = np.ptp(coded, axis=0) > 0.0
    for j in np.flatnonzero(~varies).tolist():
        yield Finding(
            names[j],
            "warning",
            f"{names[j]!r} is {coded[0, j]:g} in every row.",
            f"It is left out; or --drop {names[j]}.",
        )
    kept = np.flatnonzero(varies).tolist()
    dependent = collinear(coded, kept)
    for j, others in dependent.items():
        sum_of = " + ".join(f"{weight:.4g} {names[k]!r}" for k, weight in others).replace("+ -", "- ")
        yield Finding(
            names[j],
            "warning",
            f"{names[j]!r} is a linear combination of other columns: a constant + {sum_of}.",
            f"It is left out; or --drop {names[j]}.",
        )
    yield from _rows_per_parameter(table.n_rows, len(kept) - len(dependent))


def _rows_per_parameter(n_rows: int, width: int) -> Iterator[Finding]:
    for k in range(1, 5):
        parameters = k * (width + 2) + (k - 1) * (width + 1)
        each = n_rows / parameters
        few = each < _FEW
        yield Finding(
            None,
            "warning" if few else "info",
            f"{k} expert{'s' * (k > 1)} on {count_text(width, 'column')}: {parameters} parameters, {each:.1f} rows for "
            "each.",
            "Fewer columns or experts; below 10 rows per parameter solutions are often spurious." if few else "",
        )


def collinear(X: NDArray[Any], columns: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
    """Find columns that are linear combinations of earlier ones (and a constant).

    The standardised columns are reduced to a small triangle, chunk by chunk of rows, and orthogonalised in order.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    columns : sequence of int
        Columns to look at; none of them constant.

    Returns
    -------
    dict of int to list of (int, float)
        For every dependent column the columns it is made of, with coefficients in raw units.
    """
    if len(columns) == 0:
        return {}
    index = np.asarray(columns, dtype=np.intp)
    center = X[:, index].mean(axis=0, dtype=np.float64)
    scale = np.sqrt(((X[:, index] - center) ** 2).mean(axis=0))
    triangle: NDArray[np.float64] = np.empty((0, len(columns)))
    for start in range(0, len(X), 65536):
        block = (X[start : start + 65536][:, index] - center) / scale
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, block]), mode="r"))
    basis = np.empty((triangle.shape[0], 0))
    kept: list[int] = []
    found: dict[int, list[tuple[int, float]]] = {}
    for j in range(len(columns)):
        rest = triangle[:, j] - basis @ (basis.T @ triangle[:, j])
        rest -= basis @ (basis.T @ rest)
        if np.linalg.norm(rest) > _DEPENDENT * np.linalg.norm(triangle[:, j]):
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            kept.append(j)
            continue
        weights = np.linalg.lstsq(triangle[:, kept], triangle[:, j], rcond=None)[0]
        found[int(columns[j])] = [
            (int(columns[k]), float(weight * scale[j] / scale[k]))
            for k, weight in zip(kept, weights, strict=True)
            if abs(weight) > 1e-6
        ]
    return found
