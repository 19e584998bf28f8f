"""Many scalar equations at once: Chandrupatla's root finder on arrays.

Inverse quadratic interpolation where it can be trusted, bisection where it cannot, so a bracket never fails.
T. R. Chandrupatla, A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function without
using derivatives, Advances in Engineering Software 28 (1997) 145-149.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from classicmoe.distributions.components import Array, Index

Equations = Callable[[Index, Array], Array]
State = tuple[Array, Array, Array, Array, Array, Array]  # a, b, c and their values

_EPS = float(np.finfo(np.float64).eps)
# Bisection alone needs 133 halvings to come from a bracket to 1e-40 of its width, the narrowest that is asked for.
_MAX_ITER = 400


def bracketed_roots(function: Equations, lower: Array, upper: Array, f_tol: Array | float = 0.0) -> Array:
    """Solve m equations, each with one sign change between its own finite bounds.

    Parameters
    ----------
    function : callable
        ``function(index, y)`` returns the finite values of the equations ``index`` at ``y``, all of one length. It is
        asked for the equations that are still open only.
    lower, upper : arrays of shape (m,)
        Bounds. Where the signs at both do not differ (rounding), the bound with the smaller value is the answer.
    f_tol : float or array of shape (m,)
        An equation is solved when the absolute value is not above ``f_tol``, or when the bracket is as narrow as
        rounding allows.

    Returns
    -------
    array of shape (m,)
    """
    index = np.arange(len(lower))
    f_tol = np.broadcast_to(np.asarray(f_tol, dtype=np.float64), lower.shape)
    a, b = np.array(upper, dtype=np.float64), np.array(lower, dtype=np.float64)
    fa, fb = function(index, a), function(index, b)
    root = np.where(np.abs(fa) < np.abs(fb), a, b)
    x_tol = 1e-40 * np.abs(a - b)
    still = (np.sign(fa) * np.sign(fb) < 0) & (np.minimum(np.abs(fa), np.abs(fb)) > f_tol)
    index = index[still]
    state = _narrowed(function, index, _pick((a, b, a, fa, fb, fa), still))
    x_tol[index] = 1e-40 * np.abs(state[0] - state[1])
    t = np.full(len(index), 0.5)
    for _ in range(_MAX_ITER):
        if not len(index):
            break
        state = _advance(function, index, t, state)
        a, b, _, fa, fb, _ = state
        best, f_best = np.where(np.abs(fa) < np.abs(fb), (a, fa), (b, fb))
        root[index] = best
        t_min = (2.0 * _EPS * np.abs(best) + x_tol[index]) / np.abs(b - a)
        still = (t_min < 0.5) & (np.abs(f_best) > f_tol[index])
        index, state = index[still], _pick(state, still)
        t = _fraction(state, t_min[still])
    return root


def _pick(state: State, still: NDArray[np.bool_]) -> State:
    a, b, c, fa, fb, fc = (v[still] for v in state)
    return a, b, c, fa, fb, fc


def _narrowed(function: Equations, index: Index, state: State) -> State:
    """Halve brackets over very many powers of ten by the place among the floats, until plain halving can do the rest.

    Tails of powers and densities that rise at 0 have such brackets; halving their length would end far from the root.
    """
    a, b, _, fa, fb, _ = state
    for _ in range(64):
        small, large = np.minimum(np.abs(a), np.abs(b)), np.maximum(np.abs(a), np.abs(b))
        same = np.sign(a) * np.sign(b) > 0.0
        wide = np.flatnonzero(np.where(same, large > 1e30 * small, large > 1e20))
        if not len(wide):
            break
        middle = _floats((_places(a[wide]) >> 1) + (_places(b[wide]) >> 1))
        value = function(index[wide], middle)
        first = np.sign(value) == np.sign(fa[wide])
        a[wide], fa[wide] = np.where(first, middle, a[wide]), np.where(first, value, fa[wide])
        b[wide], fb[wide] = np.where(first, b[wide], middle), np.where(first, fb[wide], value)
    return a, b, a, fa, fb, fa


def _places(x: Array) -> Index:
    """Return the place of every number among the floats: integers in the same order."""
    bits = np.asarray(x, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _floats(places: Index) -> Array:
    """Return the numbers at these places."""
    return np.where(places < 0, np.iinfo(np.int64).min - places, places).view(np.float64)


def first_true(condition: Callable[[Array], NDArray[np.bool_]], lower: Array, upper: Array) -> Array:
    """Return the smallest float in [lower, upper] at which a condition that stays true becomes true; else ``upper``."""
    low, high = _places(lower + 0.0), _places(upper + 0.0)
    high = np.where(condition(lower), low, high)
    while (open_ := high - 1 > low).any():
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        found = condition(_floats(middle))
        high, low = np.where(open_ & found, middle, high), np.where(open_ & ~found, middle, low)
    return _floats(high)


def _advance(function: Equations, index: Index, t: Array, state: State) -> State:
    """Evaluate at the fraction t of the bracket and keep (a newest, b opposite sign, c dropped) with their values."""
    a, b, _, fa, fb, _ = state
    x = a + t * (b - a)
    fx = function(index, x)
    same = np.sign(fx) == np.sign(fa)
    c, fc = np.where(same, a, b), np.where(same, fa, fb)
    b, fb = np.where(same, b, a), np.where(same, fb, fa)
    return x, b, c, fx, fb, fc


def _fraction(state: State, t_min: Array) -> Array:
    """Return where in the bracket to look next: by inverse quadratic interpolation if it is safe, else the middle."""
    a, b, c, fa, fb, fc = state
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        safe = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
        t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return np.clip(np.where(safe & np.isfinite(t), t, 0.5), t_min, 1.0 - t_min)
