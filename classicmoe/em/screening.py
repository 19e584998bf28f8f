r"""Which of many columns starts should see: those in which a single expert fails.

A mixture leaves traces in the fit of one expert. Columns of experts and gate move the mean; columns of the gate, and
those that the experts use with opposite signs, move the scatter about it: with :math:`e_i` the derivative of row i's
log-density in its predictor, :math:`\sum_i w_i (e_i^2 - \bar{e^2})\, x_{ij}` and the same with :math:`x_{ij}^2`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe.contracts import Array, Design
from classicmoe.em.block import RowBlock
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import Table, rows_of
from classicmoe.em.wide import gradient_of_all
from classicmoe.em.working_set import Columns, Sums, WideProblem, parts_of

BY_LEVEL, BY_BEND = 4, 6  # columns taken for each of the two sums
JOINING = 10  # columns of gate and of experts that join at once
SLICE = 1 << 21  # numbers that are squared at once


class Noise(NamedTuple):
    """Standard deviations of the derivatives in slopes of zero that standardised columns of no effect would have.

    ``gate`` (K,) and ``expert`` (L,), one for each line of coefficients.
    """

    gate: Array
    expert: Array


def noise(problem: WideProblem, mixture: Mixture, params: MixtureParameters, columns: Columns) -> Noise:
    """Return how large derivatives are by chance, from one pass over the narrow table."""
    of_gate, of_experts = parts_of(mixture)

    def squares(block: RowBlock, _tables: tuple[Table, ...]) -> Sums:
        resp, *_ = mixture.e_step(params, block)
        gate = of_gate.row_slopes(params.gate, block, resp) if len(resp) > 1 else np.zeros((1, block.m))
        per_copy = 1.0 / np.maximum(block.weight, 1e-300)  # slopes carry the weight: w copies are w squares, not w^2
        return np.square(gate) @ per_copy, np.square(of_experts.row_slopes(params.expert, block, resp)) @ per_copy

    gate, expert = problem.add_up(columns, squares)
    return Noise(np.sqrt(gate), np.sqrt(expert))


def outstanding(gradient: tuple[Array, Array], chance: Noise, columns: Columns) -> Columns | None:
    """Return the columns outside a set whose derivatives are larger than the largest of so many would be by chance.

    Of gate and experts :data:`JOINING` each at most, the largest first; None if there are none.
    """
    found = []
    for slopes, level, own in zip(gradient, chance, columns, strict=True):
        size = np.abs(slopes[:, 1:]) / np.maximum(level, 1e-300)[:, None]
        largest = size.max(axis=0)
        largest[own] = 0.0
        order = np.argsort(-largest, kind="stable")[:JOINING]
        found.append(order[largest[order] > np.sqrt(2.0 * np.log(max(size.size, 2)))])
    return (np.sort(found[0]), np.sort(found[1])) if len(found[0]) + len(found[1]) else None


def by_scatter(
    problem: WideProblem, mixture: Mixture, params: MixtureParameters, columns: Columns, design: Design
) -> NDArray[np.intp]:
    """Return the positions of the columns of a design that the scatter about one expert depends on most."""
    _, expert = parts_of(mixture)

    def sums(block: RowBlock, tables: tuple[Table, ...]) -> Sums:
        slopes = expert.row_slopes(params.expert, block, block.weight[None])
        squares = np.square(slopes).sum(axis=0) / np.maximum(block.weight, 1e-300)
        table = tables[design.table]
        level = gradient_of_all(squares[None], table, design)[0, 1:]
        # The mean of a squared standardised column is one.
        return level, _bends(squares, table, design) - squares.sum()

    level, bend = problem.add_up(columns, sums)
    taken = [np.argsort(-np.abs(score), kind="stable")[:n] for score, n in ((level, BY_LEVEL), (bend, BY_BEND))]
    return np.unique(np.concatenate(taken))


def _bends(rows: Array, table: Table, design: Design) -> Array:
    """Return the sums of a number per row times the squares of the centred and scaled columns, (P,)."""
    if issparse(table):
        part = table[:, design.columns]
        first, second = rows @ part, rows @ part.multiply(part)
        return np.asarray((second - 2.0 * design.center * first + design.center**2 * rows.sum()) / design.scale**2)
    out = np.zeros(len(design.columns))
    step = max(1, SLICE // max(table.shape[1], 1))
    for start in range(0, table.shape[0], step):
        part = rows_of(table, start, min(start + step, table.shape[0]))[:, design.columns] - design.center
        out += rows[start : start + step] @ np.square(part)
    return np.asarray(out / design.scale**2)
