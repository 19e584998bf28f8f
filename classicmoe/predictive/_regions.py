"""Highest-density regions {y : p(y | x) >= c} of mixtures, row by row.

For every row the stationary points of the density are found first. Between two of them the density is monotone, so a
level c is crossed at most once there, and the region is known from the crossings. Its probability falls as c rises;
log c is solved for, all rows of a chunk at once. Where a density jumps (components with ``breaks``) the pieces end on
either side of the jump, and the region may begin or end in it.
"""

from __future__ import annotations

import functools
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
_FAR = 1e300
_NEAR_ZERO = 1e-290  # stands in for 0, where a density may be infinite or have no logarithm
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


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
    step = max(1, _GRID_POINTS // (n_experts * len(_SCORES)))
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
    grid = _grid(mixture)
    n, m = grid.shape
    row, x = np.repeat(np.arange(n), m), grid.ravel()
    slope = mixture.at("slope", row, x)
    row, x, slope = _with_hidden_changes(mixture, row, x, slope)
    # A slope of exactly zero counts as rising: the stationary point is then the end of a bracket, where it is found.
    breaks = _breaks(mixture)
    whole = (row[1:] == row[:-1]) & ~_spans(breaks, row[1:], x[:-1], x[1:])
    changes = np.flatnonzero(whole & ((slope[1:] >= 0.0) != (slope[:-1] >= 0.0)))
    at = row[changes]
    stationary = bracketed_roots(lambda i, y: mixture.at("slope", at[i], y), x[changes], x[changes + 1])
    every = np.arange(n)
    cuts = np.concatenate(_sides(breaks), axis=1) if breaks is not None else np.empty((n, 0))
    row = np.concatenate([every, at, every, np.repeat(every, cuts.shape[1])])
    x = np.concatenate([grid[:, 0], stationary, grid[:, -1], cuts.ravel()])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]
    log_density = mixture.at("logpdf", row, x)
    piece = np.flatnonzero((row[1:] == row[:-1]) & ~_spans(breaks, row[1:], x[:-1], x[1:]))
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
    grid = np.clip(grid, -_FAR, _FAR).reshape(n, -1)
    if mixture.components.support[0] == 0.0:
        grid = np.maximum(grid, _NEAR_ZERO)
    breaks = _breaks(mixture)
    if breaks is not None:
        below, above = _sides(breaks)
        for low, high in zip(below.T[..., None], above.T[..., None], strict=True):
            grid = np.where((grid > low) & (grid < high), high, grid)
        grid = np.concatenate([grid, below, above], axis=1)
    return np.sort(grid, axis=1)


def _breaks(mixture: RowMixture) -> Array | None:
    return getattr(mixture.components, "breaks", None)


def _sides(breaks: Array) -> tuple[Array, Array]:
    """Return where the density is looked at to the left and to the right of every jump."""
    near_zero = np.abs(breaks) < _NEAR_ZERO
    below = np.where(near_zero, -_NEAR_ZERO, np.nextafter(breaks, -np.inf))
    return below, np.where(near_zero, _NEAR_ZERO, np.nextafter(breaks, np.inf))


def _spans(breaks: Array | None, row: Index, lower: Array, upper: Array) -> NDArray[np.bool_]:
    """Return which stretches of y have a jump of their row's density strictly inside."""
    if breaks is None:
        return np.zeros(len(row), dtype=bool)
    return functools.reduce(np.logical_or, ((b[row] > lower) & (b[row] < upper) for b in breaks.T))


def _with_hidden_changes(mixture: RowMixture, row: Index, x: Array, slope: Array) -> tuple[Index, Array, Array]:
    """Add points where the slope touches the other sign between two grid points of one sign.

    Only where the absolute slope has a local minimum can that be; there it is minimised by golden section, until it
    changes sign (then two stationary points lie to both sides) or is known not to.
    """
    size = np.abs(slope)
    inner = np.flatnonzero((row[:-2] == row[2:]) & (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    sign = np.where(slope >= 0.0, 1.0, -1.0)
    inner = inner[(sign[inner - 1] == sign[inner]) & (sign[inner + 1] == sign[inner]) & (size[inner] > 0.0)]
    inner = inner[~_spans(_breaks(mixture), row[inner], x[inner - 1], x[inner + 1])]
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
    if _breaks(mixture) is not None:  # only families with jumps have flat stretches
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
    return np.log(0.5 * (1.0 - level)) - np.log(np.clip(b, -_FAR, _FAR) - np.clip(a, -_FAR, _FAR))


def _boundary(mixture: RowMixture, pieces: _Pieces, log_c: Array) -> _Boundary:
    """Return where the density crosses its row's level, on pieces and in jumps, by row and from left to right."""
    active, ends = _crossings(mixture, pieces, log_c)
    row, rising = pieces.row[active], _rising(pieces, active)
    if _breaks(mixture) is None:
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
