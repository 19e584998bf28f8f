"""Highest-density regions {y : p(y | x) >= c} of mixtures, row by row.

For every row the stationary points of the density are found first. Between two of them the density is monotone, so a
level c is crossed at most once there, and the region is known from the crossings. Its probability falls as c rises;
log c is solved for, all rows of a chunk at once. Where a density jumps (components with ``breaks``) the pieces end on
either side of the jump, and the region may begin or end in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.distributions.components import Array, Index
from classicmoe.predictive._mixing import RowMixture
from classicmoe.predictive._roots import bracketed_roots
from classicmoe.predictive._search import FAR, SCORES, breaks_of, search_grid, sides, spans, with_hidden_changes

_EPS = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).smallest_subnormal)
_GRID_POINTS = 1 << 18  # at a time
_SOLVED_TOGETHER = 1 << 15  # rows times experts: the pieces of a row are few, so more rows than have their grid at once


class _Pieces(NamedTuple):
    """Stretches of y on which the density of a row is monotone, sorted by row and from left to right."""

    row: Index
    lower: Array
    upper: Array
    log_lower: Array  # log-density at the lower end
    log_upper: Array


# Rows, ends, whether the region begins there (else it ends), and the piece, -1 for a jump.
_Boundary = tuple[Index, Array, NDArray[np.bool_], Index]


def highest_density_regions(mixture: RowMixture, level: float) -> list[Array]:
    """Return for every row its highest-density region of probability ``level``: (m_i, 2), from left to right."""
    n, n_experts = mixture.log_weights.shape
    step = max(1, _SOLVED_TOGETHER // n_experts)
    regions: list[Array] = []
    for start in range(0, n, step):
        regions += _regions(mixture.take(slice(start, start + step)), level)
    return regions


def _regions(mixture: RowMixture, level: float) -> list[Array]:
    n, n_experts = mixture.log_weights.shape
    step = max(1, _GRID_POINTS // (n_experts * len(SCORES)))
    parts = [_monotone_pieces(mixture.take(slice(start, start + step)), start) for start in range(0, n, step)]
    pieces = _Pieces(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    log_c, flat = _solve_level(mixture, pieces, level)
    row, ends, rising, active = _boundary(mixture, pieces, log_c)
    ends = _correct(mixture, pieces, (row, ends, rising, active), level, ~flat)
    # A support with an end at which the density is above c (an exponential at 0) closes the region there.
    first, last = _inside_ends(pieces, log_c)
    lowest, highest = mixture.components.support
    row = np.concatenate([row, first, last])
    ends = np.concatenate([ends, np.full(len(first), lowest), np.full(len(last), highest)])
    ordered = ends[np.lexsort((ends, row))].reshape(-1, 2)
    return np.split(ordered, np.cumsum(np.bincount(row, minlength=n) // 2)[:-1])


def _monotone_pieces(mixture: RowMixture, first_row: int) -> _Pieces:
    """Cut the support of every row at the stationary points of its density; rows are numbered from ``first_row``."""
    grid = search_grid(mixture)
    n, m = grid.shape
    row, x = np.repeat(np.arange(n), m), grid.ravel()
    slope = mixture.at("slope", row, x)
    row, x, slope = with_hidden_changes(mixture, row, x, slope)
    # A slope of exactly zero counts as rising: the stationary point is then the end of a bracket, where it is found.
    breaks = breaks_of(mixture)
    whole = (row[1:] == row[:-1]) & ~spans(breaks, row[1:], x[:-1], x[1:])
    changes = np.flatnonzero(whole & ((slope[1:] >= 0.0) != (slope[:-1] >= 0.0)))
    at = row[changes]
    stationary = bracketed_roots(lambda i, y: mixture.at("slope", at[i], y), x[changes], x[changes + 1])
    every = np.arange(n)
    cuts = np.concatenate(sides(breaks), axis=1) if breaks is not None else np.empty((n, 0))
    row = np.concatenate([every, at, every, np.repeat(every, cuts.shape[1])])
    x = np.concatenate([grid[:, 0], stationary, grid[:, -1], cuts.ravel()])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]
    log_density = mixture.at("logpdf", row, x)
    piece = np.flatnonzero((row[1:] == row[:-1]) & ~spans(breaks, row[1:], x[:-1], x[1:]))
    return _Pieces(first_row + row[piece], x[piece], x[piece + 1], log_density[piece], log_density[piece + 1])


def _solve_level(mixture: RowMixture, pieces: _Pieces, level: float) -> tuple[Array, NDArray[np.bool_]]:
    """Return log c for every row, (n,): the level above which the density has probability ``level``.

    And whether the density is flat there, so that no c has just that probability: then c is just below, and the
    region has more.
    """
    n = len(mixture.log_weights)
    highest = np.full(n, -np.inf)
    np.maximum.at(highest, pieces.row, np.maximum(pieces.log_lower, pieces.log_upper))
    log_outside = np.log1p(-level)

    def excess(index: Index, log_c: Array) -> Array:
        """Return the log of the probability below the level, less that asked for."""
        every = np.full(n, np.nan)
        every[index] = log_c
        row, ends, rising, _ = _boundary(mixture, pieces, every)
        return np.log(np.maximum(_outside(mixture, row, ends, rising, n)[index], _TINY)) - log_outside

    # To 1e-9 here, and the Newton step of _correct squares it.
    log_c = bracketed_roots(excess, _level_floor(mixture, level), highest, 1e-9)
    flat = np.zeros(n, dtype=bool)
    if breaks_of(mixture) is not None:  # only families with jumps have flat stretches
        missing = excess(np.arange(n), log_c)
        flat = np.abs(missing) > 1e-6
        log_c = np.where(missing > 1e-6, log_c - 1e-12 * (1.0 + np.abs(log_c)), log_c)
    return log_c, flat


def _level_floor(mixture: RowMixture, level: float) -> Array:
    """Return a lower bound of log c, (n,).

    Between two quantiles that hold (1 + level) / 2 a density below c = (1 - level) / 2 / (their distance) has at most
    the probability (1 - level) / 2; with what lies outside, at most 1 - level is below c.
    """
    tail = np.full(len(mixture.log_weights), 0.25 * (1.0 - level))
    a, b = mixture.component_quantiles(tail, False)[0], mixture.component_quantiles(tail, True)[1]
    return np.log(0.5 * (1.0 - level)) - np.log(np.clip(b, -FAR, FAR) - np.clip(a, -FAR, FAR))


def _boundary(mixture: RowMixture, pieces: _Pieces, log_c: Array) -> _Boundary:
    """Return where the density crosses its row's level, on pieces and in jumps, by row and from left to right."""
    active, ends = _crossings(mixture, pieces, log_c)
    row, rising = pieces.row[active], _rising(pieces, active)
    if breaks_of(mixture) is None:
        return row, ends, rising, active
    asked = log_c[pieces.row[1:]]
    before, after = pieces.log_upper[:-1] >= asked, pieces.log_lower[1:] >= asked
    jump = np.flatnonzero((pieces.row[1:] == pieces.row[:-1]) & (before != after))
    row, rising = np.append(row, pieces.row[jump]), np.append(rising, after[jump])
    ends = np.append(ends, 0.5 * pieces.upper[jump] + 0.5 * pieces.lower[jump + 1])
    active = np.append(active, np.full(len(jump), -1))
    order = np.lexsort((ends, row))
    return row[order], ends[order], rising[order], active[order]


def _crossings(mixture: RowMixture, pieces: _Pieces, log_c: Array) -> tuple[Index, Array]:
    """Return the pieces on which the density crosses its row's level (NaN: none), and where."""
    asked = log_c[pieces.row]
    active = np.flatnonzero((pieces.log_lower >= asked) != (pieces.log_upper >= asked))
    row, asked = pieces.row[active], asked[active]

    def difference(index: Index, y: Array) -> Array:
        return mixture.at("logpdf", row[index], y) - asked[index]

    f_tol = 4.0 * _EPS * (1.0 + np.abs(asked))
    return active, bracketed_roots(difference, pieces.lower[active], pieces.upper[active], f_tol)


def _rising(pieces: _Pieces, active: Index) -> NDArray[np.bool_]:
    """Return which of the active pieces rise through the level: there the region begins, on the others it ends."""
    return pieces.log_upper[active] > pieces.log_lower[active]


def _outside(mixture: RowMixture, row: Index, ends: Array, rising: NDArray[np.bool_], n: int) -> Array:
    """Return the probability outside the region of every row, (n,), both outer tails with their relative accuracy."""
    below = mixture.at("cdf", row, ends)
    part = np.where(rising, below, -below)
    last = ~rising & np.append(row[1:] != row[:-1], True)[: len(row)]
    part[last] = mixture.at("sf", row[last], ends[last])
    return np.asarray(np.bincount(row, part, minlength=n), dtype=np.float64)


def _inside_ends(pieces: _Pieces, log_c: Array) -> tuple[Index, Index]:
    """Return the rows whose density is above the level at the left and at the right end of the support."""
    first = np.flatnonzero(np.append(True, pieces.row[1:] != pieces.row[:-1]))
    last = np.append(first[1:], len(pieces.row)) - 1
    return (
        pieces.row[first[pieces.log_lower[first] >= log_c[pieces.row[first]]]],
        pieces.row[last[pieces.log_upper[last] >= log_c[pieces.row[last]]]],
    )


def _correct(
    mixture: RowMixture, pieces: _Pieces, boundary: _Boundary, level: float, asked: NDArray[np.bool_]
) -> Array:
    """Move the ends by the one Newton step in log c that is left, so that the probability is right to rounding.

    Near a stationary point of the density an end is known only to the square root of the rounding error, and the
    probability with it. The step moves just such ends: by its share 1 / |slope| of what is missing. Ends in a jump and
    rows that are not ``asked`` stay.
    """
    row, ends, rising, active = boundary
    missing = _outside(mixture, row, ends, rising, len(asked)) - (1.0 - level)
    free = np.flatnonzero((active >= 0) & asked[row])
    row, own, piece = row[free], ends[free], active[free]
    slope = mixture.at("slope", row, own)
    flatness = 1.0 / np.maximum(np.abs(slope), 1e-300)
    share = flatness / np.bincount(row, flatness, minlength=len(asked))[row]
    moved = own - np.sign(slope) * share * missing[row] / np.exp(mixture.at("logpdf", row, own))
    out = ends.copy()
    out[free] = np.clip(moved, pieces.lower[piece], pieces.upper[piece])
    return out
