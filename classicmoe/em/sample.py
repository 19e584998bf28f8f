"""A small stand-in for the rows on which starts are made and short runs are run.

At most 20 000 rows, taken at equal steps of cumulative weight; equal rows are merged and put in a canonical order,
so that a weight of k, k copies of a row and any order of the rows give the same sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.em.block import RowBlock
from classicmoe.em.source import ArraySource, Chunk, Source
from classicmoe.em.survey import Survey

SAMPLE_ROWS = 20_000


class Sample(NamedTuple):
    """Distinct rows with their weights, and the same as one block of scaled columns and responses."""

    source: ArraySource
    block: RowBlock
    weight: Array

    @property
    def n_rows(self) -> int:
        """Number of distinct rows."""
        return len(self.weight)


def draw_sample(source: Source, survey: Survey, size: int = SAMPLE_ROWS) -> Sample:
    """Draw the sample; one pass over the rows when there are more than ``size``."""
    ground = survey.ground
    step = ground.weight / size if ground.rows > size else 0.0
    kept: list[Chunk] = []
    passed = 0.0
    for task in source.tasks():
        for chunk in task:
            weight = np.ones(len(chunk.y)) if chunk.weight is None else np.asarray(chunk.weight, float)
            if step:
                # How many of the points (j + 1/2) step fall into the row's stretch of cumulative weight.
                ends = np.floor((passed + np.cumsum(weight)) / step + 0.5)
                picks = np.diff(ends, prepend=np.floor(passed / step + 0.5))
                passed += float(weight.sum())
                weight = picks * step
            rows = np.flatnonzero(weight)
            if len(rows):
                kept.append(Chunk(tuple(t[rows] for t in chunk.tables), chunk.y[rows], weight[rows]))
    tables = [np.concatenate([c.tables[i] for c in kept]).astype(float) for i in range(len(kept[0].tables))]
    y = np.concatenate([c.y for c in kept]).astype(float)
    first, weight = _distinct([*tables, y], np.concatenate([np.asarray(c.weight) for c in kept]))
    merged = ArraySource(tuple(table[first] for table in tables), y[first], weight, chunk_rows=len(first))
    block = RowBlock(survey.gate_design, survey.expert_design, survey.response, len(first))
    block.load(Chunk(merged.tables, merged.y, weight))
    return Sample(ArraySource(merged.tables, merged.y, weight), block, weight)


def _distinct(parts: list[Array], weight: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the first occurrence of every distinct row, in lexicographic order, and the summed weights."""
    rows = np.hstack(parts) + 0.0  # -0.0 and 0.0 are one value
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    return order[new], np.add.reduceat(weight[order], np.flatnonzero(new))
