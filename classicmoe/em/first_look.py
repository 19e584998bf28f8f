"""The first pass over the rows: how many, how much they weigh, where columns and response lie and how they scatter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe.contracts import Array, Response
from classicmoe.em.lowest import Lowest
from classicmoe.em.source import Source, Table, stored
from classicmoe.exceptions import DataError
from classicmoe.messages import rows_text

ROBUST_ROWS = 20_000  # distinct responses from which median and median absolute deviation are taken
NORMAL_MAD = 0.6744897501960817  # median absolute deviation of a standard normal variable
AT_ONCE = 1 << 21  # values of a chunk that are shifted at once; a larger one is taken apart
BLOCK = (256, 512)  # into blocks of rows and columns, a megabyte each
MIN_ROBUST = 1e-8  # of the standard deviation; below, more than half of the responses are one value


class Moments(NamedTuple):
    """Sums of the first look; ``response`` is how the engine scales y, ``spread`` its mean and standard deviation."""

    rows: int
    weight: float
    table_means: tuple[Array, ...]
    table_scales: tuple[Array, ...]
    response: Response
    response_weight: Array
    mean_exposure: float
    spread: Response


def first_look(source: Source) -> Moments:
    """Return weighted means and standard deviations of every table's columns and of y.

    Columns that hold NaN or infinity have no moments (NaN, and 0 for the deviation): the reader has seen to it that
    neither gate nor experts use them.

    Raises
    ------
    DataError
        If values are so large that their squares overflow.
    """
    rows, weight, exposure, unsharp = 0, 0.0, 0.0, 0.0
    sums: list[_Sums] = []
    missing, unseen = np.zeros(0), np.zeros(0, bool)
    for chunk in (chunk for task in source.tasks() for chunk in task):
        w = np.ones(len(chunk.y)) if chunk.weight is None else chunk.weight
        if not w.any():
            continue  # not even the origin may come from rows of weight zero
        if not sums:
            lead = int(np.argmax(w > 0))
            sums = [_Sums(_row(table, lead)) for table in chunk.tables] + [_Sums(np.zeros(chunk.y.shape[1]))]
            missing, unseen = np.zeros(chunk.y.shape[1]), np.ones(chunk.y.shape[1], bool)
        _add_first_seen(sums[-1].origin, unseen, chunk.y, w)
        gaps = np.isnan(chunk.y)
        missing += w @ gaps
        y = np.where(gaps, sums[-1].origin, chunk.y) if gaps.any() else chunk.y
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow is refused below
            for part, own in zip((*chunk.tables, y), sums, strict=True):
                own.add(part, w)
        rows += int(np.count_nonzero(w))
        exposure += float(w.sum() if chunk.exposure is None else w @ np.where(w == 0.0, 0.0, chunk.exposure))
        weight += float(w.sum())
        unsharp += 0.0 if chunk.bounds is None else float(w @ (chunk.bounds[:, 0] < chunk.bounds[:, 1]))
    if not all(np.isfinite(own.second).all() for own in sums):
        _refuse_overflow(source, sums)
    tables = [own.center_and_scale(weight) for own in sums[:-1]]
    center, spread = sums[-1].center_and_scale(np.maximum(weight - missing, 1e-300))
    response = Response(center, np.where(spread > 0, spread, 1.0))
    return Moments(
        rows,
        weight,
        tuple(mean for mean, _ in tables),
        tuple(scale for _, scale in tables),
        response,
        weight - missing - unsharp,
        exposure / weight,
        response,
    )


class _Sums:
    """Weighted sums of one table's deviations from an origin, its first row, and of their squares."""

    def __init__(self, origin: Array):
        self.origin = origin
        self.first, self.second = np.zeros(len(origin)), np.zeros(len(origin))

    def add(self, part: Table, weight: Array) -> None:
        """Add a chunk; rows of weight zero do not matter, whatever they hold."""
        if issparse(part):
            self._add_stored(part, weight)
            return
        m, p = part.shape
        tall, broad = (m, p) if m * p <= AT_ONCE else BLOCK
        for top in range(0, m, tall):
            rows = slice(top, top + tall)
            w = weight[rows]
            empty = w == 0.0
            for left in range(0, p, max(broad, 1)):
                columns = slice(left, left + broad)
                # In rows whatever the memory layout, or sums would depend on it.
                shifted = np.subtract(part[rows, columns], self.origin[columns], order="C")
                if empty.any():
                    shifted[empty] = 0.0
                self.first[columns] += w @ shifted
                self.second[columns] += w @ np.square(shifted, out=shifted)

    def _add_stored(self, part: Table, weight: Array) -> None:
        """Add a CSR chunk: what it stores one by one, the zeros that it does not store by their weight in all.

        Squares of deviations from the origin are all positive, so that nothing cancels, whatever the origin.
        """
        p = part.shape[1]
        times, there = np.zeros(p, dtype=np.intp), np.zeros(p)
        for rows, columns, values in stored(part):
            w = weight[rows]
            if not w.all():
                counts = w > 0.0
                columns, values, w = columns[counts], values[counts], w[counts]
            shifted = values - self.origin[columns]
            self.first += np.bincount(columns, w * shifted, p)
            self.second += np.bincount(columns, w * np.square(shifted), p)
            there += np.bincount(columns, w, p)
            times += np.bincount(columns, minlength=p)
        # Rounding must not make zeros where there are none: times the square of a far origin they would be many.
        absent = np.where(times < np.count_nonzero(weight), np.maximum(weight.sum() - there, 0.0), 0.0)
        self.first -= absent * self.origin
        self.second += absent * np.square(self.origin)

    def center_and_scale(self, weight: Array | float) -> tuple[Array, Array]:
        """Return means and standard deviations."""
        mean, square = self.first / weight, self.second / weight
        variance = square - mean**2
        # What rounding leaves of a constant column is not variation.
        noise = 1e-14 * square + 1e-28 * (self.origin + mean) ** 2
        return self.origin + mean, np.sqrt(np.where(variance > noise, variance, 0.0))


def _refuse_overflow(source: Source, sums: list[_Sums]) -> None:
    """Raise the error that names a value whose square overflows; columns that are not finite lose their sums instead.

    One more look at the columns concerned, in rows that count.
    """
    wrong = [np.flatnonzero(~np.isfinite(own.second)) for own in sums]
    largest, where, endless = ([np.zeros(len(own), kind) for own in wrong] for kind in (float, np.intp, bool))
    start = 0
    for chunk in (chunk for task in source.tasks() for chunk in task):
        counts = np.flatnonzero(np.ones(len(chunk.y)) if chunk.weight is None else chunk.weight)
        for i, part in enumerate((*chunk.tables, chunk.y)):
            if not len(wrong[i]) or not len(counts):
                continue
            values = part[counts][:, wrong[i]]
            values = np.abs(values.toarray() if issparse(values) else values)
            if i == len(sums) - 1:
                values = np.nan_to_num(values, nan=0.0)  # outputs that are missing
            endless[i] |= ~np.isfinite(values).all(axis=0)
            row, top = values.argmax(axis=0), values.max(axis=0)
            where[i] = np.where(top > largest[i], start + counts[row], where[i])
            largest[i] = np.fmax(largest[i], top)
        start += len(chunk.y)
    for i, own in enumerate(sums):
        finite = np.flatnonzero(~endless[i])
        if len(finite):
            at = finite[np.argmax(largest[i][finite])]
            raise DataError(
                f"Some values are so large that their squares overflow: {largest[i][at]:g} in "
                f"{rows_text(where[i][[at]])}, for example. Correct these values, or rescale the columns or y."
            )
        own.first[wrong[i]] = own.second[wrong[i]] = np.nan


def _row(table: Table, row: int) -> Array:
    values = table[[row]].toarray()[0] if issparse(table) else table[row]
    return np.array(values, dtype=float)


def _add_first_seen(origin: Array, unseen: NDArray[np.bool_], y: Array, weight: Array) -> None:
    """Fill the outputs that no row had so far with their first entry that is there; far from zero, 0 is no origin."""
    for j in np.flatnonzero(unseen):
        seen = np.flatnonzero((weight > 0.0) & ~np.isnan(y[:, j]))
        if len(seen):
            origin[j], unseen[j] = y[seen[0], j], False


def identity(n_outputs: int) -> Response:
    """Return the scaling that changes nothing."""
    return Response(np.zeros(n_outputs), np.ones(n_outputs))


def robust(source: Source, moments: Moments) -> Response:
    """Return median and median absolute deviation of one response, from the rows with the lowest hashes of it.

    A single gross error would shrink everything else to nothing under a standard deviation.
    """
    lowest = Lowest(ROBUST_ROWS)
    for task in source.tasks():
        for chunk in task:
            weight = np.ones(len(chunk.y)) if chunk.weight is None else np.asarray(chunk.weight, float)
            lowest.add(np.ascontiguousarray(chunk.y, float) + 0.0, weight)
    values, weight, _ = lowest.rows_in_order()
    center = _median(values[:, 0], weight)
    scale = _median(np.abs(values[:, 0] - center), weight) / NORMAL_MAD
    least = MIN_ROBUST * moments.response.scale[0]
    return Response(np.array([center]), np.array([scale if scale > least else moments.response.scale[0]]))


def _median(values: Array, weight: Array) -> float:
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weight[order]) - 0.5 * weight[order]
    return float(np.interp(0.5 * weight.sum(), middle, values[order]))


def in_one_unit(response: Response) -> Response:
    """Return the scaling with one scale for all outputs."""
    common = np.sqrt(np.mean(np.square(response.scale)))
    return response._replace(scale=np.full_like(response.scale, common))
