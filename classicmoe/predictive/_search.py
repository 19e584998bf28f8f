"""Where the density of a mixture is looked at, so that no stationary point and no jump is missed."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from classicmoe.distributions.components import Array, Index
from classicmoe.predictive._mixing import RowMixture

# Normal scores at which every expert is looked at: steps of a quarter standard deviation where it has mass, and the
# ends where its tail is 1e-149. In units of each expert, so that a spike on a wide expert is seen as well as any other.
SCORES = np.concatenate([[-26.0], np.arange(-10.0, 10.01, 0.25), [26.0]])
FAR = 1e300
_NEAR_ZERO = 1e-290  # stands in for 0, where a density may be infinite or have no logarithm
_GOLDEN = 0.5 * (np.sqrt(5.0) - 1.0)


def search_grid(mixture: RowMixture) -> Array:
    """Return increasing points, (n, K * len(SCORES)), that resolve the density of every expert at every row."""
    n, n_experts = mixture.log_weights.shape
    grid = np.empty((n, len(SCORES), n_experts))
    for g, score in enumerate(SCORES):
        grid[:, g] = mixture.components.quantile(np.full(n, ndtr(-abs(score))), upper=score > 0.0)
    # An expert that is never asked has no say where the density ends: the most probable one stands in for it.
    top = np.argmax(mixture.log_weights, axis=1)[:, None, None]
    unasked = mixture.log_weights[:, None, :] == -np.inf
    stood_in = np.where(unasked, np.take_along_axis(grid, top, axis=2), grid)
    flat = np.clip(stood_in, -FAR, FAR).reshape(n, -1)
    if mixture.components.support[0] == 0.0:
        flat = np.maximum(flat, _NEAR_ZERO)
    breaks = breaks_of(mixture)
    if breaks is not None:
        below, above = sides(breaks)
        for low, high in zip(below.T[..., None], above.T[..., None], strict=True):
            flat = np.where((flat > low) & (flat < high), high, flat)
        flat = np.concatenate([flat, below, above], axis=1)
    return np.sort(flat, axis=1)


def breaks_of(mixture: RowMixture) -> Array | None:
    """Return where the density of each row may jump, (n, B), or None."""
    return getattr(mixture.components, "breaks", None)


def sides(breaks: Array) -> tuple[Array, Array]:
    """Return where the density is looked at to the left and to the right of every jump."""
    near_zero = np.abs(breaks) < _NEAR_ZERO
    below = np.where(near_zero, -_NEAR_ZERO, np.nextafter(breaks, -np.inf))
    return below, np.where(near_zero, _NEAR_ZERO, np.nextafter(breaks, np.inf))


def spans(breaks: Array | None, row: Index, lower: Array, upper: Array) -> NDArray[np.bool_]:
    """Return which stretches of y have a jump of their row's density strictly inside."""
    if breaks is None:
        return np.zeros(len(row), dtype=bool)
    return functools.reduce(np.logical_or, ((b[row] > lower) & (b[row] < upper) for b in breaks.T))


def with_hidden_changes(mixture: RowMixture, row: Index, x: Array, slope: Array) -> tuple[Index, Array, Array]:
    """Add points where the slope touches the other sign between two grid points of one sign.

    Only where the absolute slope has a local minimum can that be; there it is minimised by golden section, until it
    changes sign (then two stationary points lie to both sides) or is known not to.
    """
    size = np.abs(slope)
    inner = np.flatnonzero((row[:-2] == row[2:]) & (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])) + 1
    sign = np.where(slope >= 0.0, 1.0, -1.0)
    inner = inner[(sign[inner - 1] == sign[inner]) & (sign[inner + 1] == sign[inner]) & (size[inner] > 0.0)]
    inner = inner[~spans(breaks_of(mixture), row[inner], x[inner - 1], x[inner + 1])]
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
