"""The distinct rows with the lowest hashes: a sample that no order, weight or copy of a row can change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array

LARGEST = np.iinfo(np.uint64).max


class Lowest:
    """The distinct rows with the lowest hashes among all that were added, at most ``size``."""

    def __init__(self, size: int):
        self.size = size
        self.limit = LARGEST
        self.held: list[tuple[NDArray[np.uint64], Array, Array]] = []
        self.n_held = 0

    def add(self, rows: Array, weight: Array) -> None:
        """Add rows (m, d), contiguous, with their weights (m,)."""
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
