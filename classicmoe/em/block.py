"""The block of rows that a worker fills anew for every chunk, with its scratch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe import kernels
from classicmoe.contracts import Array, Design, Parameters, Response
from classicmoe.em.source import Chunk, Table, stored

T = TypeVar("T")


class RowBlock:
    """One chunk of rows, expert-major: centred and scaled columns with the intercept first, responses, weights.

    Buffers are allocated once per worker for the largest chunk; X itself is never copied, converted or centred.
    """

    def __init__(self, gate_design: Design, expert_design: Design, response: Response, rows: int):
        self._gate, self._expert = _Reading(gate_design), _Reading(expert_design)
        self._same = _same_columns(gate_design, expert_design)
        self._response = response
        self._per_unit = 1.0 / response.scale
        self._rows = rows
        self._buffers: dict[str, Array] = {}
        self._views: dict[str, Array] = {}
        self._done: dict[str, tuple[Parameters, Any]] = {}
        self._prepared: dict[str, tuple[Parameters, Any]] = {}
        self._unseen: RowBlock | None = None
        self.outside = False
        self.m = 0

    def load(self, chunk: Chunk) -> RowBlock:
        """Fill the block with a chunk of rows."""
        if len(chunk.y) != self.m:
            self.m = len(chunk.y)
            self._views.clear()
        self._done.clear()
        self.weight = self.scratch("weight", 1)[0]
        self.weight[:] = 1.0 if chunk.weight is None else chunk.weight
        empty = None if chunk.weight is None or self.weight.all() else self.weight == 0.0
        width = self._expert.design.width
        self.stacked = self.scratch("expert columns and y", width + len(self._response.center))
        self.expert_columns, self.y = self.stacked[:width], self.stacked[width:]
        self._read(self._expert, chunk, empty, self.expert_columns)
        self.gate_columns = self.expert_columns
        if not self._same:
            self.gate_columns = self.scratch("gate columns", self._gate.design.width)
            self._read(self._gate, chunk, empty, self.gate_columns)
        kernels.rows.load(chunk.y, self._response.center, self._per_unit, self.y)
        if empty is not None:
            self.y[:, empty] = 1.0  # every family has it in its support
        self.offset = self._beside("offset", chunk.offset, empty, 0.0)
        self.exposure = self._beside("exposure", chunk.exposure, empty, 1.0)
        self.bounds = self._ends("bounds", chunk.bounds, empty, (1.0, 1.0))
        self.window = self._ends("window", chunk.window, empty, (-np.inf, np.inf))
        return self

    def _ends(
        self, name: str, ends: Array | None, empty: np.ndarray | None, harmless: tuple[float, float]
    ) -> Array | None:
        if ends is None:
            return None
        out = self.scratch(name, 2)
        np.multiply(ends.T - self._response.center, self._per_unit, out=out)
        if empty is not None:
            out[:, empty] = np.array(harmless)[:, None]
        return out

    def unseen(self) -> RowBlock:
        """Return a block of rows with the same columns whose responses were outside the window; weights to be set."""
        if self._unseen is None:
            self._unseen = RowBlock(self._gate.design, self._expert.design, self._response, self._rows)
        other = self._unseen
        other.m, other.weight, other.outside = self.m, self.weight, True
        other._views.clear()
        other._done.clear()
        other.stacked, other.y = self.stacked, self.y
        other.expert_columns, other.gate_columns = self.expert_columns, self.gate_columns
        other.offset, other.exposure, other.bounds, other.window = self.offset, self.exposure, None, self.window
        return other

    def _beside(self, name: str, values: Array | None, empty: np.ndarray | None, harmless: float) -> Array | None:
        if values is None:
            return None
        out = self.scratch(name, 1)[0]
        out[:] = values
        if empty is not None:
            out[empty] = harmless
        return out

    def _read(self, reading: _Reading, chunk: Chunk, empty: np.ndarray | None, out: Array) -> None:
        design = reading.design
        out[0] = 1.0
        table = chunk.tables[design.table]
        if issparse(table):
            _scatter(reading, table, out[1:])
        else:
            if not (reading.leading and len(design.columns) == table.shape[1]):
                table = table[:, design.columns]
            kernels.rows.load(table, design.center, reading.factor, out[1:])
        if empty is not None:
            # A row of weight zero must not matter, whatever it holds; 0 * inf would.
            out[1:, empty] = 0.0

    def scratch(self, name: str, rows: int) -> Array:
        """Return a reusable contiguous (rows, m) array."""
        view = self._views.get(name)
        if view is None or len(view) != rows:
            view = self._views[name] = self._view(name, rows)
        return view

    def _view(self, name: str, rows: int) -> Array:
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < rows * self.m:
            buffer = self._buffers[name] = np.empty(rows * self._rows)
        return buffer[: rows * self.m].reshape(rows, self.m)

    def once(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for this chunk and these parameters."""
        return _remembered(self._done, name, params, compute)

    def prepared(self, name: str, params: Parameters, compute: Callable[[], T]) -> T:
        """Return ``compute()``, computed once for these parameters, whatever the chunk."""
        return _remembered(self._prepared, name, params, compute)


def _remembered(memory: dict[str, tuple[Parameters, T]], name: str, params: Parameters, compute: Callable[[], T]) -> T:
    known = memory.get(name)
    if known is not None and known[0] is params:
        return known[1]
    value = compute()
    memory[name] = (params, value)
    return value


class _Reading:
    """A design and what would be computed from it anew for every chunk."""

    def __init__(self, design: Design):
        self.design = design
        self.factor = 1.0 / design.scale
        self.leading = np.array_equal(design.columns, np.arange(len(design.columns)))
        self._place: NDArray[np.intp] | None = None

    def place(self, n_columns: int) -> NDArray[np.intp]:
        """Return where in the block each column of the table goes, -1: nowhere."""
        if self._place is None or len(self._place) != n_columns:
            self._place = np.full(n_columns, -1)
            self._place[self.design.columns] = np.arange(len(self.design.columns))
        return self._place


def _scatter(reading: _Reading, table: Table, out: Array) -> None:
    """Write the design's columns of a CSR chunk to out (d, m); what is not stored is 0, to be centred like the rest."""
    center, factor = reading.design.center, reading.factor
    out[:] = ((0.0 - center) * factor)[:, None]
    place = reading.place(table.shape[1])
    for rows, columns, values in stored(table):
        at = place[columns]
        if len(center) < table.shape[1]:
            seen = at >= 0
            rows, at, values = rows[seen], at[seen], values[seen]
        out[at, rows] = (values - center[at]) * factor[at]


def _same_columns(a: Design, b: Design) -> bool:
    return a.table == b.table and np.array_equal(a.columns, b.columns)
