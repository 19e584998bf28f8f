"""Rows with the roles of x and y exchanged: what the inverse regression is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.em.source import CHUNK, ArraySource, Chunk, Source
from classicmoe.em.survey import View

WIDE = 1 << 17  # numbers that a chunk may hold per array of (experts x columns)
FEWEST = 64


def chunk_rows(n_experts: int, n_columns: int) -> int:
    """Return how many rows a chunk has, so that arrays of experts x columns x rows stay in the cache."""
    return int(np.clip(WIDE // max(n_experts * n_columns, 1), FEWEST, CHUNK))


def swapped(source: Source, view: View, kept: NDArray[np.intp], rows: int) -> Source:
    """Return a source whose only table is y and whose response is x (``kept`` columns of the view)."""
    columns = view.columns[kept]
    if isinstance(source, ArraySource):
        table = source.tables[view.table]
        whole = np.array_equal(columns, np.arange(table.shape[1]))
        x = table if whole else table[:, columns]
        return ArraySource((source.y,), x, source.weight, rows)
    return SwappedStream(source, lambda chunk: Chunk((chunk.y,), chunk.tables[view.table][:, columns], chunk.weight))


class SwappedStream:
    """A stream with every chunk turned round."""

    def __init__(self, source: Source, turn: Callable[[Chunk], Chunk]):
        self.source, self.turn, self.chunk_rows = source, turn, source.chunk_rows

    def tasks(self) -> Iterator[list[Chunk]]:
        """Yield lists of chunks."""
        for task in self.source.tasks():
            yield [self.turn(chunk) for chunk in task]


def varying_columns(source: Source, view: View) -> NDArray[np.intp]:
    """Return the positions in the view of columns that take two different values at least (missing ones aside)."""
    low: Array | None = None
    high: Array | None = None
    for task in source.tasks():
        for chunk in task:
            x: Any = chunk.tables[view.table][:, view.columns]
            x = x if chunk.weight is None else x[chunk.weight > 0.0]
            if len(x) == 0:
                continue
            with np.errstate(invalid="ignore"):
                least, most = np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)
            low = least if low is None else np.fmin(low, least)
            high = most if high is None else np.fmax(high, most)
    if low is None or high is None:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(high > low)
