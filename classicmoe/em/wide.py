r"""Tables of very many columns, of which few matter: derivatives in all of them, and the few by themselves.

With penalties most coefficients are zero. The passes then read a narrow table of the columns that are not; the wide
one is read only to see whether a zero should stay one, which takes sums over rows of a number per row times every
column,

.. math:: g_{lj} = \sum_i r_{li} \, (x_{ij} - c_j) / s_j
                 = \Bigl(\sum_i r_{li} x_{ij} - c_j \sum_i r_{li}\Bigr) / s_j.

On the right the columns are taken as they lie: one matrix product, dense or sparse, and no centred copy. It loses the
digits by which the center exceeds the scale, so that columns which lie far from zero are centred first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe.contracts import Array, Design
from classicmoe.em.source import CHUNK, ArraySource, Table, rows_of

BLOCK = (1024, 256)  # rows and columns that are copied at once, two megabytes
GATHERED = 8  # times as long takes a column that is copied by itself as one that is read with its neighbours
FAR = 1e4  # scales between zero and the center of a column that is centred first


def gradient_of_all(rows: Array, table: Table, design: Design) -> Array:
    """Return sums over rows of a number per row times each column of a design, centred and scaled.

    Parameters
    ----------
    rows : ndarray of shape (L, m)
        A number for each of the table's rows, L times over; 0 where a row does not matter.
    table : ndarray or CSR matrix of shape (m, d)
        A chunk of rows, finite in these columns. No more than two megabytes of an array are copied at once; SciPy
        copies what a sparse one stores.
    design : Design

    Returns
    -------
    ndarray of shape (L, design.width)
        The intercept's sums come first.
    """
    out = np.empty((len(rows), design.width))
    out[:, 0] = total = rows.sum(axis=1)
    sums = out[:, 1:]
    products = _products(rows, table, design.columns)
    by_block = np.arange(len(design.columns))
    if products is not None:
        np.subtract(products, np.multiply.outer(total, design.center), out=sums)
        by_block = np.flatnonzero(np.abs(design.center) > FAR * design.scale)
    for start in range(0, len(by_block), BLOCK[1]):
        some = by_block[start : start + BLOCK[1]]
        sums[:, some] = _centred_products(rows, table, design.columns[some], design.center[some])
    sums /= design.scale
    return out


def _products(rows: Array, table: Table, columns: NDArray[np.intp]) -> Array | None:
    """Return ``rows @ table[:, columns]`` where the table can be multiplied as it lies, else None."""
    n_columns = table.shape[1]
    if issparse(table):
        products = rows @ table
    else:
        # BLAS takes rows or columns that lie in one piece; NumPy would copy anything else as a whole.
        in_place = table.dtype == np.float64 and table.itemsize in table.strides and min(table.strides) > 0
        if not in_place or GATHERED * len(columns) < n_columns:
            return None
        with np.errstate(invalid="ignore"):  # columns that nothing uses may hold infinity; they are not taken
            products = np.dot(rows, table)
    return products if np.array_equal(columns, np.arange(n_columns)) else products[:, columns]


def _centred_products(rows: Array, table: Table, columns: NDArray[np.intp], center: Array) -> Array:
    """Return ``rows @ (table[:, columns] - center)`` for a few columns."""
    out = np.zeros((len(rows), len(columns)))
    together = columns[-1] - columns[0] == len(columns) - 1 and (np.diff(columns) == 1).all()
    taken = slice(columns[0], columns[-1] + 1) if together else columns  # a slice takes half the time
    for start in range(0, table.shape[0], BLOCK[0]):
        stop = min(start + BLOCK[0], table.shape[0])
        part = rows_of(table, start, stop)[:, taken]
        out += np.dot(rows[:, start:stop], (part.toarray() if issparse(part) else part) - center)
    return out


def narrowed(
    source: ArraySource, designs: Sequence[Design], columns: Sequence[NDArray[np.intp]]
) -> tuple[ArraySource, list[Design]]:
    """Return the same rows with tables of the chosen columns only, and the designs that read these there.

    Parameters
    ----------
    source : ArraySource
    designs : sequence of Design
        Those of gate and experts, of any number of columns.
    columns : sequence of ndarray of int
        For every design the positions among its columns of those chosen.

    Returns
    -------
    source : ArraySource
        A table for each one that the designs read: a dense copy of the columns that any of them chose (float32 stays
        float32) if those are less than a quarter of its columns or if it is sparse, otherwise the table itself.
    designs : list of Design
        The chosen columns, for which ``to_raw`` gives zeros to the others. Equal choices from equal designs make equal
        designs.
    """
    chosen = [design.columns[at] for design, at in zip(designs, columns, strict=True)]
    numbers = list(dict.fromkeys(design.table for design in designs))
    tables, places = [], {}
    for number in numbers:
        union = np.unique(np.concatenate([c for c, d in zip(chosen, designs, strict=True) if d.table == number]))
        table = source.tables[number]
        if issparse(table) or 4 * len(union) < table.shape[1]:
            tables.append(_columns_of(table, union))
            places[number] = union
        else:
            tables.append(table)
            places[number] = np.arange(table.shape[1])
    made = [
        Design(
            numbers.index(design.table),
            np.searchsorted(places[design.table], wanted),
            design.center[at],
            design.scale[at],
            design.kept[at],
            design.n_columns,
        )
        for design, at, wanted in zip(designs, columns, chosen, strict=True)
    ]
    _, y, weight, *beside = source.all
    return ArraySource(tuple(tables), y, weight, source.chunk_rows, *beside), made


def _columns_of(table: Table, columns: NDArray[np.intp]) -> Array:
    """Return columns of a table as a dense one whose rows lie in one piece."""
    n = table.shape[0]
    out = np.empty((n, len(columns)), dtype=np.float32 if table.dtype == np.float32 else np.float64)
    for start in range(0, n, CHUNK):
        part = rows_of(table, start, min(start + CHUNK, n))[:, columns]
        out[start : start + CHUNK] = part.toarray() if issparse(part) else part
    return out
