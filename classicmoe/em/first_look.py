"""The first pass over the rows: how many, how much they weigh, where columns and response lie and how they scatter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from classicmoe.contracts import Array, Response
from classicmoe.em.lowest import Lowest
from classicmoe.em.source import Source
from classicmoe.exceptions import DataError

ROBUST_ROWS = 20_000  # distinct responses from which median and median absolute deviation are taken
NORMAL_MAD = 0.6744897501960817  # median absolute deviation of a standard normal variable
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

    Raises
    ------
    DataError
        If values are so large that their squares overflow.
    """
    rows, weight, exposure, unsharp = 0, 0.0, 0.0, 0.0
    origin: list[Array] = []
    first: list[Array] = []
    second: list[Array] = []
    missing: Array = np.zeros(0)
    for task in source.tasks():
        for chunk in task:
            w = np.ones(len(chunk.y)) if chunk.weight is None else chunk.weight
            if not w.any():
                continue  # not even the origin may come from rows of weight zero
            parts = (*chunk.tables, chunk.y)
            if not origin:
                lead = int(np.argmax(w > 0))
                origin = [np.asarray(part[lead], float) for part in chunk.tables] + [np.full(chunk.y.shape[1], np.nan)]
                first = [np.zeros(part.shape[1]) for part in parts]
                second = [np.zeros(part.shape[1]) for part in parts]
                missing = np.zeros(chunk.y.shape[1])
            _add_first_seen(origin[-1], chunk.y, w)
            empty = w == 0.0
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow is refused below
                for i, part in enumerate(parts):
                    shifted = np.subtract(part, origin[i], order="C")  # or sums would depend on the memory layout
                    if empty.any():
                        shifted[empty] = 0.0
                    if i == len(parts) - 1:
                        gaps = np.isnan(shifted)
                        shifted[gaps] = 0.0
                        missing += w @ gaps
                    first[i] += w @ shifted
                    second[i] += w @ np.square(shifted, out=shifted)
            rows += int(np.count_nonzero(w))
            exposure += float(w.sum() if chunk.exposure is None else w @ np.where(empty, 0.0, chunk.exposure))
            weight += float(w.sum())
            unsharp += 0.0 if chunk.bounds is None else float(w @ (chunk.bounds[:, 0] < chunk.bounds[:, 1]))
    if not all(np.isfinite(t).all() for t in second):
        raise DataError("Some values are so large that their squares overflow; rescale the columns or y.")
    origin[-1] = np.nan_to_num(origin[-1])
    means, scales = [], []
    for i, (o, s, t) in enumerate(zip(origin, first, second, strict=True)):
        there = np.maximum(weight - missing, 1e-300) if i == len(origin) - 1 else weight
        mean = s / there
        variance = t / there - mean**2
        # What rounding leaves of a constant column is not variation.
        noise = 1e-14 * t / there + 1e-28 * (o + mean) ** 2
        means.append(o + mean)
        scales.append(np.sqrt(np.where(variance > noise, variance, 0.0)))
    response = Response(means[-1], np.where(scales[-1] > 0, scales[-1], 1.0))
    dense = weight - missing - unsharp
    return Moments(rows, weight, tuple(means[:-1]), tuple(scales[:-1]), response, dense, exposure / weight, response)


def _add_first_seen(origin: Array, y: Array, weight: Array) -> None:
    """Fill the outputs that no row had so far with their first entry that is there; far from zero, 0 is no origin."""
    for j in np.flatnonzero(np.isnan(origin)):
        seen = np.flatnonzero((weight > 0.0) & ~np.isnan(y[:, j]))
        if len(seen):
            origin[j] = y[seen[0], j]


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
