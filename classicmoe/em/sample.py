"""A small stand-in for the rows on which starts are made and short runs are run.

At most 20 000 distinct rows (fewer of more than 200 columns) with the weight of all their copies. Which ones is decided
by a hash of a row's own values, so that a weight of k, k copies of a row and any order of the rows give the same
sample, whatever their number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.em.block import RowBlock
from classicmoe.em.source import ArraySource, Chunk, Source
from classicmoe.em.survey import Survey

SAMPLE_ROWS = 20_000
SAMPLE_VALUES = 4_000_000  # of many columns a sample has fewer rows,
FEWEST_ROWS = 2_000  # but not fewer than these
LARGEST = np.iinfo(np.uint64).max


class Sample(NamedTuple):
    """Distinct rows with their weights, and the same as one block of scaled columns and responses."""

    source: ArraySource
    block: RowBlock
    weight: Array
    distinct: float  # distinct rows in the whole table: counted if all are in the sample, otherwise estimated

    @property
    def n_rows(self) -> int:
        """Number of distinct rows in the sample."""
        return len(self.weight)


def draw_sample(source: Source, survey: Survey, size: int | None = None) -> Sample:
    """Draw the sample in one pass over the rows."""
    width = survey.gate_design.width + survey.expert_design.width + len(survey.response.center)
    lowest = _Lowest(size or int(np.clip(SAMPLE_VALUES // width, FEWEST_ROWS, SAMPLE_ROWS)))
    widths: list[int] = []
    for task in source.tasks():
        for chunk in task:
            widths = [part.shape[1] for part in (*chunk.tables, chunk.y)]
            weight = np.ones(len(chunk.y)) if chunk.weight is None else np.asarray(chunk.weight, float)
            values = np.hstack([*chunk.tables, chunk.y], dtype=float)
            values += 0.0  # -0.0 and 0.0 are one value
            values[np.isnan(values)] = np.nan  # and so are all kinds of NaN
            lowest.add(values, weight)
    rows, weight, distinct = lowest.rows_in_order()
    if distinct > len(rows):
        weight *= survey.ground.weight / weight.sum()
    *tables, y = (np.ascontiguousarray(part) for part in np.split(rows, np.cumsum(widths[:-1]), axis=1))
    merged = ArraySource(tuple(tables), y, weight, source.chunk_rows)
    block = RowBlock(survey.gate_design, survey.expert_design, survey.response, len(rows))
    block.load(Chunk(merged.tables, merged.y, weight))
    return Sample(merged, block, weight, distinct)


class _Lowest:
    """The distinct rows with the lowest hashes among all that were added, at most ``size``."""

    def __init__(self, size: int):
        self.size = size
        self.limit = LARGEST
        self.held: list[tuple[NDArray[np.uint64], Array, Array]] = []
        self.n_held = 0

    def add(self, rows: Array, weight: Array) -> None:
        keys = kernels.rows.hash_rows(rows.view(np.uint64), np.empty(len(rows), np.uint64))
        low = np.flatnonzero((keys <= self.limit) & (weight > 0.0))
        self.held.append((keys[low], rows[low], weight[low]))
        self.n_held += len(low)
        if self.n_held > 2 * self.size:
            self._merge()

    def _merge(self) -> None:
        keys, rows, weight = (np.concatenate(parts) for parts in zip(*self.held, strict=True))
        kept, first, group = np.unique(keys, return_index=True, return_inverse=True)
        total: Array = np.bincount(group, weight, len(kept))[: self.size].astype(float)
        self.held = [(kept[: self.size], rows[first[: self.size]], total)]
        self.n_held = len(total)
        if len(kept) > self.size:
            self.limit = kept[self.size - 1]

    def rows_in_order(self) -> tuple[Array, Array, float]:
        """Return the rows in lexicographic order, their weights and the number of distinct rows that were added."""
        self._merge()
        _, rows, weight = self.held[0]
        order = _in_order(rows)
        # Below the limit lies the share limit / LARGEST of all hashes, evenly spread.
        distinct = len(rows) if self.limit == LARGEST else (len(rows) - 1) * (float(LARGEST) / float(self.limit))
        return rows[order], weight[order], distinct


def _in_order(rows: Array) -> NDArray[np.intp]:
    """Return the lexicographic order of distinct rows; of many columns the first few decide it."""
    bits = rows.view(np.uint64)
    width = 4
    while True:
        order = np.lexsort(rows[:, :width].T[::-1])
        lead = bits[order, :width]
        if width >= rows.shape[1] or (lead[1:] != lead[:-1]).any(axis=1).all():
            return order
        width *= 4
