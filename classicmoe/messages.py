"""How messages name rows and columns.

One rule for row numbers, and every message states it: rows of arrays and data frames are positions counted from 0, as
in ``X[i]`` and ``df.iloc[i]``. The command line, whose users think of data rows of a file, counts from 1 and skips
the rows that it dropped itself; it says so once with :func:`row_numbering`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

_numbering: ContextVar[tuple[int, NDArray[np.intp] | None]] = ContextVar("row_numbering", default=(0, None))


@contextmanager
def row_numbering(first: int = 0, positions: ArrayLike | None = None) -> Iterator[None]:
    """Change how messages number rows inside a ``with`` block.

    Parameters
    ----------
    first : int, default=0
        The number of the first row: 1 for the data rows of a file.
    positions : array-like of int, optional
        Where the rows at hand were in the original table (counted from 0), when some of its rows were dropped.

    Examples
    --------
    >>> with row_numbering(first=1):
    ...     rows_text([2, 5])
    'rows 3, 6 (counted from 1)'
    """
    kept = None if positions is None else np.asarray(positions, dtype=np.intp)
    token = _numbering.set((first, kept))
    try:
        yield
    finally:
        _numbering.reset(token)


def row_numbers(rows: ArrayLike, limit: int | None = None) -> list[int]:
    """Translate positions into the row numbers that the reader knows; at most ``limit`` of them."""
    first, positions = _numbering.get()
    rows = np.asarray(rows, dtype=np.intp)[:limit]
    if positions is not None:
        rows = positions[rows]
    return [int(row) + first for row in rows]


def counted_from() -> str:
    """Return the remark that makes a row number unambiguous."""
    return f"counted from {_numbering.get()[0]}"


def rows_text(rows: ArrayLike, limit: int = 3, total: int | None = None, note: bool = True) -> str:
    """Name the first rows among ``rows``: ``'first rows 3, 17, 20 (counted from 0)'``.

    ``total`` is the number of rows concerned when ``rows`` holds the first of them only.
    """
    rows = np.asarray(rows, dtype=np.intp)
    total = len(rows) if total is None else total
    numbers = ", ".join(str(number) for number in row_numbers(rows, limit))
    head = "row" if total == 1 else "rows" if total <= limit else "first rows"
    return f"{head} {numbers} ({counted_from()})" if note else f"{head} {numbers}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'region'?"`` with the nearest known name, or nothing when none is near."""
    candidates = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    near = get_close_matches(str(name).casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def name_list(names: Sequence[object], limit: int = 8, quote: bool = True) -> str:
    """Join names for a message and count those left out: ``"'a', 'b', … (12 more)"``."""
    shown = ", ".join(repr(name) if quote else str(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names) - limit} more)"


def count_text(number: int, one: str, many: str | None = None) -> str:
    """Return ``'1 row'``, ``'2 rows'``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def wrong_numbers(name: str, rows: NDArray[np.intp], values: Sequence[object]) -> str:
    """Return the sentence for values (of all rows) that should have been numbers and in ``rows`` are not."""
    seen = name_list(list(dict.fromkeys(values[row] for row in rows[:100])), limit=3)
    verb = "is not a number" if len(rows) == 1 else "are not numbers"
    return f"{len(rows)} of {len(values)} values of {name!r} {verb}; {rows_text(rows)}, for example {seen}."
