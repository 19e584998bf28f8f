"""One line per column of a table: type, missing values, range or levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from classicmoe.cli.words import number
from classicmoe.messages import count_text, name_list
from classicmoe.models.frames import as_table, kind_of, nulls_of, numbers_of

if TYPE_CHECKING:
    import pandas as pd

HEADER = ["column", "type", "missing", "values"]


def columns_of_table(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return name, type, number of missing values and a word on the values of every column."""
    table = as_table(frame)
    assert table is not None
    rows = []
    for name, column in zip(table.names, table.columns, strict=True):
        kind = kind_of(column)
        missing = int(nulls_of(column).sum())
        rows.append({"column": name, "type": kind, "missing": missing, "values": _values(kind, column)})
    return rows


def _values(kind: str, column: Any) -> str:
    if kind == "number":
        values = numbers_of(column)
        values = values[np.isfinite(values)]
        if not len(values):
            return "none"
        return f"{number(float(values.min()))} to {number(float(values.max()))}"
    levels = sorted({str(value) for value in column.drop_nulls().unique().to_list()})
    if kind == "date" and levels:
        return f"{levels[0]} to {levels[-1]}"
    return f"{count_text(len(levels), 'level')}: {name_list(levels, 4, quote=False)}" if levels else "none"
