"""A first look at the rows, once per fit: location, scale, cross products, constant and collinear columns.

Two passes: means and variances about the first row, then cross products of the centred and scaled columns. From
these come the designs of gate and experts, the pooled least-squares start and the fixed bound of the MM step.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from classicmoe import kernels
from classicmoe.contracts import Array, Design, Ground, Response, unpack_symmetric
from classicmoe.em.block import RowBlock
from classicmoe.em.passes import Workers
from classicmoe.em.source import Chunk, Source
from classicmoe.exceptions import DataError

MIN_VARIANCE = 1e-6  # floor of an expert's variance, as a share of the variance of y
ALIASED = 1e-11  # a column is collinear when less than this share of its variance is its own


class View(NamedTuple):
    """Columns of a table that one side (gate or experts) asks for."""

    table: int
    columns: NDArray[np.intp]


class Dependence(NamedTuple):
    """A column that was left out: its position in the view and those it depends on (none: it is constant)."""

    column: int
    on: tuple[int, ...]


class Survey(NamedTuple):
    """What one look at the rows gives: designs, response scale, fixed sums, columns left out by side."""

    gate_design: Design
    expert_design: Design
    response: Response
    ground: Ground
    gate_dropped: list[Dependence]
    expert_dropped: list[Dependence]


class _Moments(NamedTuple):
    rows: int
    weight: float
    table_means: tuple[Array, ...]
    table_scales: tuple[Array, ...]
    response: Response
    response_weight: Array


class Family(Protocol):
    """What the first look must know of an expert family, see :class:`classicmoe.contracts.Expert`."""

    @property
    def one_unit(self) -> bool:
        """Whether outputs are scaled alike."""
        ...

    @property
    def diagonal_only(self) -> bool:
        """Whether cross products of outputs are not needed."""
        ...


def survey(source: Source, gate: View, expert: View, family: Family, n_workers: int = 1) -> Survey:
    """Look at all rows twice and return designs and fixed sums.

    Missing entries of y (NaN) do not count in means and scales and are taken as the mean in the cross products, from
    which only starts are made.

    Raises
    ------
    DataError
        If values are so large that their squares overflow.
    """
    moments = _first_look(source)
    if family.one_unit:
        moments = moments._replace(response=_in_one_unit(moments.response))
    designs, dropped = [], []
    for view in (gate, expert):
        design, constant = _varying(view, moments)
        designs.append(design)
        dropped.append(constant)
    ground = _second_look(source, designs[0], designs[1], moments, family, n_workers)
    kept = []
    for side, gram in ((0, ground.gate_gram), (1, ground.expert_gram)):
        independent, more = _independent(gram / ground.weight, designs[side])
        kept.append(independent)
        dropped[side] = sorted(dropped[side] + more)
    return Survey(
        _subset(designs[0], kept[0]),
        _subset(designs[1], kept[1]),
        moments.response,
        ground._replace(
            gate_gram=ground.gate_gram[np.ix_(kept[0], kept[0])],
            expert_gram=ground.expert_gram[np.ix_(kept[1], kept[1])],
            expert_cross=ground.expert_cross[:, kept[1]],
        ),
        dropped[0],
        dropped[1],
    )


def _first_look(source: Source) -> _Moments:
    """Weighted means and standard deviations of every table's columns and of y."""
    rows, weight = 0, 0.0
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
            weight += float(w.sum())
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
    return _Moments(rows, weight, tuple(means[:-1]), tuple(scales[:-1]), response, weight - missing)


def _add_first_seen(origin: Array, y: Array, weight: Array) -> None:
    """Fill the outputs that no row had so far with their first entry that is there; far from zero, 0 is no origin."""
    for j in np.flatnonzero(np.isnan(origin)):
        seen = np.flatnonzero((weight > 0.0) & ~np.isnan(y[:, j]))
        if len(seen):
            origin[j] = y[seen[0], j]


def _in_one_unit(response: Response) -> Response:
    common = np.sqrt(np.mean(np.square(response.scale)))
    return response._replace(scale=np.full_like(response.scale, common))


def _varying(view: View, moments: _Moments) -> tuple[Design, list[Dependence]]:
    center, scale = moments.table_means[view.table][view.columns], moments.table_scales[view.table][view.columns]
    kept = np.flatnonzero(scale > 0)
    constant = [Dependence(int(i), ()) for i in np.flatnonzero(scale == 0)]
    design = Design(view.table, view.columns[kept], center[kept], scale[kept], kept, len(view.columns))
    return design, constant


def _subset(design: Design, kept: NDArray[np.intp]) -> Design:
    """Keep the given positions of the design, the intercept (0) always among them."""
    i = kept[1:] - 1
    return design._replace(
        columns=design.columns[i], center=design.center[i], scale=design.scale[i], kept=design.kept[i]
    )


def _second_look(
    source: Source, gate: Design, expert: Design, moments: _Moments, family: Family, n_workers: int
) -> Ground:
    workers = Workers(source, lambda: RowBlock(gate, expert, moments.response, source.chunk_rows), n_workers)
    q = len(moments.response.center)

    def work(block: RowBlock, task: list[Chunk]) -> list[Array]:
        grams = [np.zeros((1, d.width * (d.width + 1) // 2)) for d in (gate, expert)]
        cross, squares = np.zeros((q, expert.width)), np.zeros(q if family.diagonal_only else (q, q))
        for chunk in task:
            block.load(chunk)
            kernels.moments.add_second_moments(block.weight[None], block.expert_columns, grams[1])
            if block.gate_columns is not block.expert_columns:
                kernels.moments.add_second_moments(block.weight[None], block.gate_columns, grams[0])
            y = np.nan_to_num(block.y, copy=False, nan=0.0)
            weighted = block.weight * y
            cross += np.dot(weighted, block.expert_columns.T)
            squares += (weighted * y).sum(axis=1) if family.diagonal_only else np.dot(weighted, y.T)
        if block.gate_columns is block.expert_columns:
            grams[0] = grams[1]
        return [grams[0], grams[1], cross, squares]

    total: list[Array] | None = None
    for part in workers.run(work):
        total = part if total is None else [a + b for a, b in zip(total, part, strict=True)]
    workers.close()
    assert total is not None
    squares = total[3]
    return Ground(
        moments.rows,
        moments.weight,
        unpack_symmetric(total[0][0], gate.width),
        unpack_symmetric(total[1][0], expert.width),
        total[2],
        squares if family.diagonal_only else np.diag(squares).copy(),
        None if family.diagonal_only else squares,
        moments.response_weight,
        MIN_VARIANCE,
    )


def _independent(gram: Array, design: Design) -> tuple[NDArray[np.intp], list[Dependence]]:
    """Go through the columns in order and leave out those that earlier ones determine."""
    kept: list[int] = [0]
    aliased: list[Dependence] = []
    factor = np.zeros(gram.shape)  # lower Cholesky factor of the Gram matrix of the columns kept so far
    factor[0, 0] = np.sqrt(gram[0, 0])
    for j in range(1, len(gram)):
        n = len(kept)
        explained = solve_triangular(factor[:n, :n], gram[kept, j], lower=True, check_finite=False)
        left = gram[j, j] - explained @ explained
        if left > ALIASED * gram[j, j]:
            factor[n, :n], factor[n, n] = explained, np.sqrt(left)
            kept.append(j)
            continue
        coef = solve_triangular(factor[:n, :n], explained, lower=True, trans=1, check_finite=False)
        on = [design.kept[kept[i] - 1] for i in range(1, n) if abs(coef[i]) > 1e-5]
        aliased.append(Dependence(int(design.kept[j - 1]), tuple(int(i) for i in on)))
    return np.array(kept, dtype=np.intp), aliased
