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
from classicmoe.contracts import Array, Design, Ground, Response, Scaling
from classicmoe.em.block import RowBlock
from classicmoe.em.first_look import Moments, first_look, identity, in_one_unit, robust
from classicmoe.em.passes import Workers
from classicmoe.em.source import Chunk, Source
from classicmoe.symmetric import unpack_symmetric

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


class Family(Protocol):
    """What the first look must know of an expert family, see :class:`classicmoe.contracts.Expert`."""

    @property
    def scaling(self) -> Scaling:
        """How the response is scaled."""
        ...

    def working(self, y: Array) -> Array:
        """Return responses (q, m) as starts see them."""
        ...

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
    moments = scaled_moments(source, family)
    designs, dropped = [], []
    for view in (gate, expert):
        design, constant = varying(view, moments)
        designs.append(design)
        dropped.append(constant)
    ground = second_look(source, designs[0], designs[1], moments, family, n_workers)
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


def scaled_moments(source: Source, family: Family) -> Moments:
    """Return the first look at the rows, with the scale of the response that the family asks for."""
    moments = first_look(source)
    if family.one_unit:
        return moments._replace(response=in_one_unit(moments.response))
    if family.scaling == "standard":
        return moments
    own = robust(source, moments) if family.scaling == "robust" else identity(len(moments.response.center))
    return moments._replace(response=own)


def varying(view: View, moments: Moments) -> tuple[Design, list[Dependence]]:
    """Return the design of the columns that vary, and those that do not."""
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


def second_look(
    source: Source, gate: Design, expert: Design, moments: Moments, family: Family, n_workers: int
) -> Ground:
    """Return the fixed sums over all rows; their size is the square of the number of columns."""
    workers = Workers(source, lambda: RowBlock(gate, expert, moments.response, source.chunk_rows), n_workers)
    response = moments.response
    q = len(response.center)

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
    unit = 1.0 if family.scaling != "none" else float(moments.spread.scale.mean())
    return Ground(
        moments.rows,
        moments.weight,
        unpack_symmetric(total[0][0], gate.width),
        unpack_symmetric(total[1][0], expert.width),
        total[2],
        squares if family.diagonal_only else np.diag(squares).copy(),
        None if family.diagonal_only else squares,
        moments.response_weight,
        MIN_VARIANCE * unit**2,
        (moments.spread.center - response.center) / response.scale / moments.mean_exposure,
        np.square(moments.spread.scale / response.scale),
        unit,
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
