"""Columns that say the same: a Lasso takes one of them, and which one means nothing."""

from __future__ import annotations

import numpy as np

from classicmoe.contracts import Array, Design
from classicmoe.em.source import ArraySource
from classicmoe.em.wide import gradient_of_all

SAME = 1e-9  # of a standardised column: what rounding may leave between copies


def copies(source: ArraySource, design: Design) -> list[tuple[int, int]]:
    """Return pairs of columns of a design that are linear functions of each other: a column and its first copy.

    One random sum over rows per column brings copies together; these are then compared row by row.
    """
    table, n = source.tables[design.table], source.n_rows
    weights = np.random.default_rng(0).normal(size=(1, n))
    sums = np.abs(gradient_of_all(weights - weights.mean(), table, design)[0, 1:])
    order = np.argsort(sums, kind="stable")
    close = np.diff(sums[order]) <= SAME * np.sqrt(n)
    found = []
    for i in np.flatnonzero(close).tolist():
        first, second = sorted((int(order[i]), int(order[i + 1])))
        a, b = (_standardised(source, design, j) for j in (first, second))
        if min(np.abs(a - b).max(), np.abs(a + b).max()) <= SAME * np.abs(a).max():
            found.append((int(design.kept[first]), int(design.kept[second])))
    return sorted(found, key=lambda pair: pair[1])


def _standardised(source: ArraySource, design: Design, j: int) -> Array:
    """Return one column of a design, (n,)."""
    column = source.tables[design.table][:, [int(design.columns[j])]]
    dense = column.toarray() if hasattr(column, "toarray") else column
    return np.asarray((np.asarray(dense, dtype=float)[:, 0] - design.center[j]) / design.scale[j])
