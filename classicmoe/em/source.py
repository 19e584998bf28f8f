"""Where the rows are: arrays in memory or on disk, or batches that can be read again and again.

A source hands out *tasks*: short lists of chunks of at most :data:`CHUNK` rows, always cut at the same places, so
that sums do not depend on how many threads add them up. Nothing outside ``em`` knows where the rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, vstack

from classicmoe.contracts import Array
from classicmoe.exceptions import DataError

CHUNK = 8192
STORED = 1 << 18  # entries of a sparse table that are looked at one by one at once
TASKS = 64  # an array is cut into about this many tasks at most; enough for any sensible number of threads
Table = Any  # Array (m, d) of any layout, or a SciPy CSR matrix or array of that shape, no entry stored twice


class Chunk(NamedTuple):
    """Rows as they lie: tables (m, d) of any float type, responses (m, q) and, each or None, what else rows have.

    Tables are arrays or SciPy's CSR matrices; ask for their ``shape``, the latter have no length.
    ``weight`` (m,) counts the row; ``offset`` (m,) is added to every expert's linear predictor; ``exposure`` (m,) is
    what a count grew on (its expectation is proportional to it) or, for binomial experts, the number of trials.
    ``bounds`` (m, 2) say between what the response lies, lower < y <= upper, where it is not known exactly (both equal
    where it is; y is then some value in between); ``window`` (m, 2) between what it had to lie to become a row.
    """

    tables: tuple[Table, ...]
    y: Array
    weight: Array | None = None
    offset: Array | None = None
    exposure: Array | None = None
    bounds: Array | None = None
    window: Array | None = None

    @property
    def partly_known(self) -> bool:
        """Whether responses are intervals or could not have been seen everywhere."""
        return self.bounds is not None or self.window is not None

    def map(self, change: Callable[[Table], Table]) -> Chunk:
        """Return the chunk with every array changed."""
        beside = (None if part is None else change(part) for part in self[2:])
        return Chunk(tuple(change(table) for table in self.tables), change(self.y), *beside)


class Source(Protocol):
    """Rows that can be read any number of times, in the same order."""

    chunk_rows: int

    def tasks(self) -> Iterator[list[Chunk]]:
        """Yield the rows, always cut alike."""
        ...


class ArraySource:
    """Rows of arrays (or memory maps); only slices are ever taken."""

    def __init__(
        self,
        tables: tuple[Table, ...],
        y: Array,
        weight: Array | None = None,
        chunk_rows: int = CHUNK,
        offset: Array | None = None,
        exposure: Array | None = None,
        bounds: Array | None = None,
        window: Array | None = None,
    ):
        self.all = Chunk(tables, y if y.ndim == 2 else y[:, None], weight, offset, exposure, bounds, window)
        self.tables, self.y, self.weight = self.all[:3]
        self.n_rows = len(self.y)
        self.chunk_rows = min(chunk_rows, max(1, self.n_rows))

    def _chunk(self, start: int) -> Chunk:
        return _cut(self.all, start, min(start + self.chunk_rows, self.n_rows))

    def tasks(self) -> Iterator[list[Chunk]]:
        """Yield lists of chunks."""
        starts = range(0, self.n_rows, self.chunk_rows)
        per_task = -(-len(starts) // TASKS)
        for first in range(0, len(starts), per_task):
            yield [self._chunk(start) for start in starts[first : first + per_task]]

    def take(self, rows: np.ndarray) -> Chunk:
        """Return the given rows as one chunk."""
        return self.all.map(lambda part: part[rows])


class Batches:
    """Rows that arrive in batches and can be read again: pass one to ``fit`` in the place of ``X``.

    Parameters
    ----------
    batches : iterable or callable
        A re-iterable of ``(X, y)`` or ``(X, y, weight)`` with any numbers of rows, or a callable that returns a fresh
        iterator over them. Every pass of EM reads it once. A generator is refused: it can be read only once.
        Each batch is copied before the next is asked for, so one buffer may be filled again and again.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import Batches, MoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> parts = [(X[i : i + 30], y[i : i + 30]) for i in range(0, len(X), 30)]
    >>> m = MoERegressor(2, random_state=0).fit(Batches(parts))
    >>> whole = MoERegressor(2, random_state=0).fit(X, y)
    >>> bool(np.isclose(m.log_likelihood_, whole.log_likelihood_))
    True
    """

    def __init__(self, batches: Iterable[Any] | Callable[[], Iterable[Any]]):
        if not callable(batches) and iter(batches) is batches:
            raise DataError(
                "Batches got an iterator that can be read only once, but every pass reads all rows. "
                "Pass a list, an object whose __iter__ starts anew, or a function that returns a fresh iterator."
            )
        self.batches = batches

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        """Iterate over (X, y, weight or None)."""
        source = self.batches() if callable(self.batches) else self.batches
        for batch in source:
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise DataError("Every batch must be a tuple (X, y) or (X, y, weight).")
            X, y, *rest = batch
            yield X, y, (rest[0] if rest else None)


class StreamSource:
    """Rows of batches, cut anew into chunks of equal size whatever the sizes of the batches."""

    PER_TASK = 4

    def __init__(self, batches: Batches, prepare: Callable[[Any, Any, Any], Chunk], chunk_rows: int = CHUNK):
        self.batches = batches
        self.prepare = prepare
        self.chunk_rows = chunk_rows

    def _chunks(self) -> Iterator[Chunk]:
        held: list[Chunk] = []
        n_held = 0
        for X, y, weight in self.batches:
            held.append(self.prepare(X, y, weight).map(_copied))
            n_held += len(held[-1].y)
            if n_held < self.chunk_rows:
                continue
            whole = _join(held)
            for start in range(0, n_held - self.chunk_rows + 1, self.chunk_rows):
                yield _cut(whole, start, start + self.chunk_rows)
            done = n_held - n_held % self.chunk_rows
            held, n_held = [_cut(whole, done, n_held)], n_held - done
        if n_held:
            yield _join(held)

    def tasks(self) -> Iterator[list[Chunk]]:
        """Yield lists of chunks."""
        task: list[Chunk] = []
        for chunk in self._chunks():
            task.append(chunk)
            if len(task) == self.PER_TASK:
                yield task
                task = []
        if task:
            yield task


def _join(chunks: list[Chunk]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    tables = tuple(_stacked(parts) for parts in zip(*(c.tables for c in chunks), strict=True))
    y = np.concatenate([c.y for c in chunks])
    beside: list[Array | None] = []
    for parts, absent in zip(zip(*(c[2:5] for c in chunks), strict=True), (1.0, 0.0, 1.0), strict=True):
        if all(part is None for part in parts):
            beside.append(None)
            continue
        filled = [np.full(len(c.y), absent) if p is None else p for p, c in zip(parts, chunks, strict=True)]
        beside.append(np.concatenate(filled))
    return Chunk(tables, y, *beside)


def _cut(chunk: Chunk, start: int, stop: int) -> Chunk:
    return chunk.map(lambda part: rows_of(part, start, stop))


def rows_of(table: Table, start: int, stop: int) -> Table:
    """Return some rows of an array or a CSR matrix; neither is copied."""
    if not issparse(table):
        return table[start:stop]
    first, last = table.indptr[start], table.indptr[stop]
    rows = csr_array((stop - start, table.shape[1]), dtype=table.dtype)  # SciPy would copy parts that were handed to it
    rows.data, rows.indices = table.data[first:last], table.indices[first:last]
    rows.indptr = table.indptr[start : stop + 1] - first
    return rows


def stored(table: Table) -> Iterator[tuple[NDArray[np.intp], NDArray[np.integer[Any]], Array]]:
    """Yield rows, columns and values of what a CSR matrix stores, a quarter of a million at a time."""
    n, ends = table.shape[0], table.indptr
    tall = max(1, n * STORED // max(1, int(ends[-1])))
    for top in range(0, n, tall):
        stop = min(top + tall, n)
        entries = slice(ends[top], ends[stop])
        rows = np.repeat(np.arange(top, stop), np.diff(ends[top : stop + 1]))
        yield rows, table.indices[entries], table.data[entries]


def _copied(part: Table) -> Table:
    return csr_array(part, copy=True) if issparse(part) else np.array(part)


def _stacked(parts: tuple[Table, ...]) -> Table:
    if any(issparse(part) for part in parts):
        return vstack([csr_array(part) for part in parts], format="csr")
    return np.concatenate(parts)
