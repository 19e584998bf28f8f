"""A small stand-in for the rows on which starts are made and short runs are run.

At most 20 000 distinct rows (fewer of more than 200 columns) with the weight of all their copies. Which ones is decided
by a hash of a row's own values, so that a weight of k, k copies of a row and any order of the rows give the same
sample, whatever their number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.block import RowBlock
from classicmoe.em.lowest import Lowest
from classicmoe.em.source import ArraySource, Source
from classicmoe.em.survey import Family, Survey

SAMPLE_ROWS = 20_000
SAMPLE_VALUES = 4_000_000  # of many columns a sample has fewer rows,
FEWEST_ROWS = 2_000  # but not fewer than these


class Sample(NamedTuple):
    """Distinct rows with their weights, and the same as one block of scaled columns and responses."""

    source: ArraySource
    block: RowBlock
    weight: Array
    response: Array  # (q, n) as starts see them: missing entries are the mean, counts are on the log scale
    distinct: float  # distinct rows in the whole table: counted if all are in the sample, otherwise estimated

    @property
    def n_rows(self) -> int:
        """Number of distinct rows in the sample."""
        return len(self.weight)


def draw_sample(source: Source, survey: Survey, family: Family, size: int | None = None) -> Sample:
    """Draw the sample in one pass over the rows."""
    width = survey.gate_design.width + survey.expert_design.width + len(survey.response.center)
    lowest = Lowest(size or int(np.clip(SAMPLE_VALUES // width, FEWEST_ROWS, SAMPLE_ROWS)))
    widths: list[int] = []
    there: list[bool] = []
    for task in source.tasks():
        for chunk in task:
            beside = [None if part is None else part.reshape(len(part), -1) for part in chunk[3:]]
            parts = [*chunk.tables, chunk.y, *(part for part in beside if part is not None)]
            widths, there = [part.shape[1] for part in parts], [part is not None for part in beside]
            weight = np.ones(len(chunk.y)) if chunk.weight is None else np.asarray(chunk.weight, float)
            values = np.hstack(parts, dtype=float)
            values += 0.0  # -0.0 and 0.0 are one value
            values[np.isnan(values)] = np.nan  # and so are all kinds of NaN
            lowest.add(values, weight)
    rows, weight, distinct = lowest.rows_in_order()
    if distinct > len(rows):
        weight *= survey.ground.weight / weight.sum()
    split = [np.ascontiguousarray(part) for part in np.split(rows, np.cumsum(widths[:-1]), axis=1)]
    window, bounds, exposure, offset = (split.pop() if is_there else None for is_there in there[::-1])
    *tables, y = split
    offset, exposure = (None if part is None else part[:, 0] for part in (offset, exposure))
    merged = ArraySource(tuple(tables), y, weight, source.chunk_rows, offset, exposure, bounds, window)
    block = RowBlock(survey.gate_design, survey.expert_design, survey.response, len(rows))
    block.load(merged.all)
    response = family.working(np.nan_to_num(block.y, nan=0.0))
    if family.scaling == "none":
        center = response @ weight / weight.sum()
        spread = np.sqrt(np.square(response - center[:, None]) @ weight / weight.sum())
        response = (response - center[:, None]) / np.where(spread > 0.0, spread, 1.0)[:, None]
    return Sample(merged, block, weight, response, distinct)
