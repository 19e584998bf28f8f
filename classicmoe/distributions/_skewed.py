"""Distribution functions of the standard skew normal and skew t, elementwise.

Both are Z = X given Y <= slope * X for a spherical pair (X, Y), normal or t. In polar coordinates the probability of
a half plane beyond a line is one integral with a positive integrand,

    G(z, s) = (1/pi) int_s^inf R(|z| sqrt(1 + u^2)) du / (1 + u^2),    R(r) = P(radius > r),

with R(r) = exp(-r^2/2) for the normal and (1 + r^2/df)^(-df/2) for t. P(Z <= z) = G(z, slope) for z <= 0 <= slope, and
the other three cases follow by reflection and G(z, s) + G(z, -s) = 2 P(X <= z). Nothing is subtracted in a small tail.
For the normal G is a difference of Owen's T; the reduction to polar coordinates is the one of D. B. Owen, Annals of
Mathematical Statistics 27 (1956) 1075-1090.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_ndtr, ndtr, ndtri, owens_t

from classicmoe.distributions import _student
from classicmoe.distributions._family import inverted
from classicmoe.distributions.components import Array, Index

# Gauss-Legendre nodes on [0, 1] in t = asinh u: there the integrand has no small scales, whatever z and s are.
_X, _W = np.polynomial.legendre.leggauss(96)
_NODES, _WEIGHTS = 0.5 * (_X + 1.0), 0.5 * _W
_CUT = 38.0  # the integrand has fallen by the factor exp(-38), below rounding, where it is cut off
_BLOCK = 1 << 11  # integrals at once


def _half_plane(size: Array, slope: Array, df: Array | None) -> Array:
    """Return G at ``size`` = |z| and ``slope`` >= 0, all of one shape; df None: the normal."""
    out = np.empty(size.shape)
    flat, z, s = out.reshape(-1), size.reshape(-1), slope.reshape(-1)
    nu = None if df is None else df.reshape(-1)
    for start in range(0, len(z), _BLOCK):
        part = slice(start, start + _BLOCK)
        flat[part] = _integral(z[part, None], s[part, None], None if nu is None else nu[part, None])
    return out


def _integral(z: Array, s: Array, nu: Array | None) -> Array:
    square = 1.0 + s**2
    if nu is None:
        log_front = -0.5 * z**2 * square
        share = rate = -log_front
    else:
        # R = B^(-nu/2) (1 + share m)^(-nu/2) with u^2 - s^2 = square m, written so that z^2 may overflow
        log_q = 2.0 * np.log(z) - np.log(nu) + np.log(square)
        log_front, share = -0.5 * nu * np.logaddexp(0.0, log_q), expit(log_q)
        rate = 0.5 * nu * share
    last = np.minimum(_CUT / np.maximum(rate, 1e-30), np.expm1(2.0 * _CUT))  # of m; linear decay, or that of 1 / cosh
    if nu is not None:
        last = np.minimum(last + np.expm1(np.minimum(2.0 * _CUT / nu, 600.0)) / share, np.expm1(2.0 * _CUT))
    edge = np.sqrt(s**2 + square * last)
    width = np.arcsinh(square * last / (edge * np.sqrt(square) + s * np.sqrt(1.0 + edge**2)))
    away = width * _NODES
    m = np.sinh(away) * np.sinh(away + 2.0 * np.arcsinh(s)) / square  # sinh^2(t) - s^2, by factors
    decay = rate * m if nu is None else 0.5 * nu * np.log1p(share * m)
    total = (np.exp(-decay) / np.sqrt(1.0 + m)) @ _WEIGHTS
    return np.exp(log_front[:, 0]) * (width / np.sqrt(square))[:, 0] * total / np.pi


def _beyond(size: Array, df: Array | None) -> Array:
    return ndtr(-size) if df is None else _student.tail(size, df)


def distribution(z: Array, slope: Array, df: Array | None) -> Array:
    """Return P(Z <= z) of the standard skew normal (df None) or skew t, arrays of any shapes that fit."""
    given = [z, slope] if df is None else [z, slope, df]
    z, slope, *rest = (np.array(a, dtype=np.float64) for a in np.broadcast_arrays(*given))
    nu: Any = rest[0] if rest else None
    size, steep = np.abs(z), np.abs(slope)
    beyond = _beyond(size, nu)
    if nu is None:
        light = np.maximum(beyond - 2.0 * owens_t(size, steep), 0.0)
        hard = light < 0.2 * beyond  # where the difference loses digits
        light[hard] = _half_plane(size[hard], steep[hard], None)
    else:
        light = _half_plane(size, steep, nu)
    tail = np.where((z <= 0.0) == (slope >= 0.0), light, 2.0 * beyond - light)
    return np.where(z <= 0.0, tail, 1.0 - tail)


def log_density(z: Array, slope: Array, df: Array | None) -> Array:
    """Return log of 2 g(z) G(A): g and G of the symmetric law, A = slope z, for t times sqrt((df+1) / (df + z^2))."""
    if df is None:
        return np.log(2.0) - 0.5 * (z**2 + np.log(2.0 * np.pi)) + log_ndtr(slope * z)
    return np.log(2.0) + _student.log_density(z, df) + _student.log_distribution(bend(z, slope, df), df + 1.0)


def bend(z: Array, slope: Array, df: Array) -> Array:
    """Return A = slope z sqrt((df + 1) / (df + z^2)), also where z^2 overflows."""
    return slope * np.sqrt(df + 1.0) * z / np.hypot(np.sqrt(df), z)


def quantile(p: Array, slope: Array, df: Array | None) -> Array:
    """Return the z with P(Z <= z) = p, 0 < p < 1, (n, K)."""
    shape = np.broadcast_shapes(p.shape, slope.shape, () if df is None else df.shape)
    p, slope = (np.broadcast_to(a, shape).ravel() for a in (p, slope))
    nu: Any = None if df is None else np.broadcast_to(df, shape).ravel()
    turn = np.where(p > 0.5, -1.0, 1.0)  # an upper quantile is minus the lower one of the reflected law
    p, slope = np.where(p > 0.5, 1.0 - p, p), turn * slope
    # P(Z <= z) lies between the symmetric distribution F and its limits for infinite slope, 2F - 1 and 2F
    first = _symmetric(np.where(slope >= 0.0, p, 0.5 * p), nu)
    last = _symmetric(np.where(slope >= 0.0, 0.5 + 0.5 * p, p), nu)
    log_p = np.log(p)

    def excess(index: Index, x: Array) -> tuple[Array, Array]:
        # x = asinh z: there the log of a tail of powers is nearly a straight line
        z, some = np.sinh(x), (None if nu is None else nu[index])
        below = distribution(z, slope[index], some)
        density = np.exp(log_density(z, slope[index], some))
        return np.log(below) - log_p[index], density * np.cosh(x) / below

    lower, upper = np.arcsinh(first), np.arcsinh(last)
    x = inverted(excess, lower, upper, np.where(slope >= 0.0, 0.5 * (lower + upper), lower))
    return (turn * np.sinh(x)).reshape(shape)


def _symmetric(p: Array, df: Array | None) -> Array:
    return ndtri(p) if df is None else _student.quantile(p, df)
