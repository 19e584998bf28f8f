"""Highest-density regions {y : p(y | x) >= c} of mixtures, row by row.

For every row the stationary points of the density are found first. Between two of them the density is monotone, so a
level c is crossed at most once there, and the region is known from the crossings. Its probability falls as c rises;
log c is solved for, all rows of a chunk at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from classicmoe.distributions.components import Array, Index
from classicmoe.predictive._mixing import RowMixture
from classicmoe.predictive._roots import bracketed_roots

_EPS = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).smallest_subnormal)
# Normal scores at which every expert is looked at: steps of a quarter standard deviation where it has mass, and the
# ends where its tail is 1e-149. In units of each expert, so that a spike on a wide expert is seen as well as any other.
_SCORES = np.concatenate([[-26.0], np.arange(-10.0, 10.01, 0.25), [26.0]])
_GRID_POINTS = 1 << 18  # at a time
_SOLVED_TOGETHER = 1 << 15  # rows times experts: the pieces of a row are few, so more rows than have their grid at once
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


class _Pieces(NamedTuple):
    """Stretches of y on which the density of a row is monotone, sorted by row and from left to right."""

    row: Index
    lower: Array
    upper: Array
    log_lower: Array  # log-density at the lower end
    log_upper: Array


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
    step = max(1, _GRID_POINTS // (n_experts * len(_SCORES)))
    parts = [_monotone_pieces(mixture.take(slice(start, start + step)), start) for start in range(0, n, step)]
    pieces = _Pieces(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    log_c = _solve_level(mixture, pieces, level)
    active, ends = _crossings(mixture, pieces, log_c)
    ends = _correct(mixture, pieces, log_c, active, ends, level)
    # A support with an end at which the density is above c (an exponential at 0) closes the region there.
    first, last = _inside_ends(pieces, log_c)
    lowest, highest = mixture.components.support
    row = np.concatenate([pieces.row[active], first, last])
    ends = np.concatenate([ends, np.full(len(first), lowest), np.full(len(last), highest)])
    ordered = ends[np.lexsort((ends, row))].reshape(-1, 2)
    return np.split(ordered, np.cumsum(np.bincount(row, minlength=n) // 2)[:-1])


def _monotone_pieces(mixture: RowMixture, first_row: int) -> _Pieces:
    """Cut the support of every row at the stationary points of its density; rows are numbered from ``first_row``."""
    grid = _grid(mixture)
    n, m = grid.shape
    row, x = np.repeat(np.arange(n), m), grid.ravel()
    slope = mixture.at("slope", row, x)
    row, x, slope = _with_hidden_changes(mixture, row, x, slope)
    # A slope of exactly zero counts as rising: the stationary point is then the end of a bracket, where it is found.
    changes = np.flatnonzero((row[1:] == row[:-1]) & ((slope[1:] >= 0.0) != (slope[:-1] >= 0.0)))
    at = row[changes]
    stationary = bracketed_roots(lambda i, y: mixture.at("slope", at[i], y), x[changes], x[changes + 1])
    row = np.concatenate([np.arange(n), at, np.arange(n)])
    x = np.concatenate([grid[:, 0], stationary, grid[:, -1]])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]
    log_density = mixture.at("logpdf", row, x)
    piece = np.flatnonzero(row[1:] == row[:-1])
    return _Pieces(first_row + row[piece], x[piece], x[piece + 1], log_density[piece], log_density[piece + 1])


def _grid(mixture: RowMixture) -> Array:
    """Return increasing points, (n, K * len(_SCORES)), that resolve the density of every expert at every row."""
    n, n_experts = mixture.log_weights.shape
    grid = np.empty((n, len(_SCORES), n_experts))
    for g, score in enumerate(_SCORES):
        grid[:, g] = mixture.components.quantile(np.full(n, ndtr(-abs(score))), upper=score > 0.0)
    # An expert that is never asked has no say where the density ends: the most probable one stands in for it.
    top = np.argmax(mixture.log_weights, axis=1)[:, None, None]
    unasked = mixture.log_weights[:, None, :] == -np.inf
    grid = np.where(unasked, np.take_along_axis(grid, top, axis=2), grid)
    return np.sort(grid.reshape(n, -1), axis=1)


def _with_hidden_changes(mixture: RowMixture, row: Index, x: Array, slope: Array) -> tuple[Index, Array, Array]:
    """Add points where the slope touches the other sign between two grid points of one sign.

    Only where the absolute slope has a local minimum can that be; there it is minimised by golden section, until it
    changes sign (then two stationary points lie to both sides) or is known not to.
    """
    size = np.abs(slope)
    inner = np.flatnonzero((row[:-2] == row[2:]) & (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    sign = np.where(slope >= 0.0, 1.0, -1.0)
    inner = inner[(sign[inner - 1] == sign[inner]) & (sign[inner + 1] == sign[inner])]
    at, sign, a, b = row[inner], sign[inner], x[inner - 1], x[inner + 1]
    u, v = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)

    def signed(where: Index, y: Array) -> Array:
        return sign[where] * mixture.at("slope", at[where], y)

    everywhere = np.arange(len(inner))
    fu, fv = signed(everywhere, u), signed(everywhere, v)
    for _ in range(30):
        open_ = np.flatnonzero(np.minimum(fu, fv) > 0.0)
        left = fu[open_] < fv[open_]
        go_left, go_right = open_[left], open_[~left]
        b[go_left], v[go_left], fv[go_left] = v[go_left], u[go_left], fu[go_left]
        a[go_right], u[go_right], fu[go_right] = u[go_right], v[go_right], fv[go_right]
        u[go_left] = b[go_left] - _GOLDEN * (b[go_left] - a[go_left])
        v[go_right] = a[go_right] + _GOLDEN * (b[go_right] - a[go_right])
        fu[go_left], fv[go_right] = signed(go_left, u[go_left]), signed(go_right, v[go_right])
    found = np.minimum(fu, fv) < 0.0
    row, x = np.append(row, at[found]), np.append(x, np.where(fu < fv, u, v)[found])
    slope = np.append(slope, (sign * np.minimum(fu, fv))[found])
    order = np.lexsort((x, row))
    return row[order], x[order], slope[order]


def _solve_level(mixture: RowMixture, pieces: _Pieces, level: float) -> Array:
    """Return log c for every row, (n,): the level above which the density has probability ``level``."""
    n = len(mixture.log_weights)
    highest = np.full(n, -np.inf)
    np.maximum.at(highest, pieces.row, np.maximum(pieces.log_lower, pieces.log_upper))
    log_outside = np.log1p(-level)

    def excess(index: Index, log_c: Array) -> Array:
        """Return the log of the probability below the level, less that asked for."""
        every = np.full(n, np.nan)
        every[index] = log_c
        active, ends = _crossings(mixture, pieces, every)
        outside = _outside(mixture, pieces.row[active], ends, _rising(pieces, active), n)[index]
        return np.log(np.maximum(outside, _TINY)) - log_outside

    # To 1e-9 here, and the Newton step of _correct squares it.
    return bracketed_roots(excess, _level_floor(mixture, pieces, level), highest, 1e-9)


def _level_floor(mixture: RowMixture, pieces: _Pieces, level: float) -> Array:
    """Return a lower bound of log c, (n,): the least log-density on an interval that holds at least ``level``."""
    n = len(mixture.log_weights)
    tail = np.full(n, 0.5 * (1.0 - level))
    a, b = mixture.component_quantiles(tail, False)[0], mixture.component_quantiles(tail, True)[1]
    floor = np.minimum(mixture.logpdf(a), mixture.logpdf(b))
    within = (pieces.lower > a[pieces.row]) & (pieces.lower < b[pieces.row])
    np.minimum.at(floor, pieces.row[within], pieces.log_lower[within])
    return floor


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


def _correct(mixture: RowMixture, pieces: _Pieces, log_c: Array, active: Index, ends: Array, level: float) -> Array:
    """Move the ends by the one Newton step in log c that is left, so that the probability is right to rounding.

    Near a stationary point of the density an end is known only to the square root of the rounding error, and the
    probability with it. The step moves just such ends: by its share 1 / |slope| of what is missing.
    """
    row = pieces.row[active]
    outside = _outside(mixture, row, ends, _rising(pieces, active), len(log_c))
    missing = outside - (1.0 - level)
    slope = mixture.at("slope", row, ends)
    flatness = 1.0 / np.maximum(np.abs(slope), 1e-300)
    share = flatness / np.bincount(row, flatness, minlength=len(log_c))[row]
    moved = ends - np.sign(slope) * share * missing[row] / np.exp(mixture.at("logpdf", row, ends))
    return np.clip(moved, pieces.lower[active], pieces.upper[active])
