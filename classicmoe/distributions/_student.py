"""The standard Student t distribution in both far tails, elementwise: density, tail, its logarithm, quantile."""

from __future__ import annotations

import numpy as np
from scipy.special import betainccinv, betaincinv, betaln, hyp2f1

from classicmoe.distributions._family import regularised_beta
from classicmoe.distributions.components import Array


def log_beta_half(a: Array) -> Array:
    """Return log B(a, 1/2); from a = 20 on by the series of a ratio of gamma functions, whose logarithms are large."""
    inverse = 1.0 / np.maximum(a, 20.0)
    square = inverse**2
    series = inverse * (1.0 / 8.0 - square * (1.0 / 192.0 - square * (1.0 / 640.0 - square * (17.0 / 14336.0))))
    return np.where(a < 20.0, betaln(np.minimum(a, 20.0), 0.5), 0.5 * np.log(np.pi * inverse) + series)


def log_density(z: Array, df: Array) -> Array:
    """Return the log-density of t with ``df`` degrees of freedom at z; z^2 may overflow."""
    constant = -log_beta_half(0.5 * df) - 0.5 * np.log(df)
    ratio = np.abs(z) / np.sqrt(df)
    far = ratio > 1e100
    decay = np.where(far, 2.0 * np.log(np.where(far, ratio, 1.0)), np.log1p(np.where(far, 1.0, ratio) ** 2))
    return constant - 0.5 * (df + 1.0) * decay


def tail(z: Array, df: Array) -> Array:
    """Return P(T > z) for z >= 0, with full relative accuracy: half of I_x(df/2, 1/2) at x = df / (df + z^2)."""
    ratio = z**2 / df
    inner = 0.5 * regularised_beta(0.5 * df, np.asarray(0.5), 1.0 / (1.0 + ratio), 1.0 / (1.0 + 1.0 / ratio))
    far = z > 1e100 * np.sqrt(df)  # where z^2 may overflow only the leading term is left
    return np.where(far, np.exp(_log_far(np.where(far, z, 1.0), df)), inner)


def survival(z: Array, df: Array) -> Array:
    """Return P(T > z)."""
    beyond = tail(np.abs(z), df)
    return np.where(z >= 0.0, beyond, 1.0 - beyond)


def log_distribution(z: Array, df: Array) -> Array:
    """Return log P(T <= z), also where the probability underflows."""
    below = survival(-z, df)
    lost = below < 1e-290
    z_lost, df_lost = np.where(lost, -z, 1e3), np.where(lost, df, 3.0)
    return np.where(lost, _log_series(z_lost, df_lost), np.log(np.where(lost, 1.0, below)))


def _log_far(z: Array, df: Array) -> Array:
    """Return the logarithm of the leading term of the tail, (df / z^2)^(df/2) / (df B(df/2, 1/2))."""
    return df * (0.5 * np.log(df) - np.log(z)) - np.log(df) - log_beta_half(0.5 * df)


def _log_series(z: Array, df: Array) -> Array:
    """Return the log of the tail beyond z by I_x(a, 1/2) = x^a (1-x)^(1/2) F(a + 1/2, 1; a + 1; x) / (a B(a, 1/2))."""
    a = 0.5 * df
    ratio = df / z**2
    log_x = np.log(ratio) - np.log1p(ratio)
    hyper = hyp2f1(a + 0.5, 1.0, a + 1.0, np.exp(log_x))
    return a * log_x - 0.5 * np.log1p(ratio) + np.log(hyper) - np.log(2.0 * a) - log_beta_half(a)


def quantile_below(p: Array, df: Array) -> Array:
    """Return the z <= 0 with P(T <= z) = p, for 0 < p <= 1/2."""
    a = 0.5 * df
    x = betaincinv(a, 0.5, 2.0 * p)
    w = betainccinv(0.5, a, 2.0 * p)  # 1 - x, without cancellation where x is close to 1
    z = np.where(w < 0.5, np.sqrt(df * w / (1.0 - w)), np.sqrt(df * (1.0 - x) / x))
    lost = x < 1e-200
    z = np.where(lost, np.exp((_log_far(np.ones_like(z), df) - np.log(p)) / df), z)
    # one Newton step on the log of the tail: the inverse beta functions are right to some 1e-13 only
    beyond = tail(z, df)
    step = (np.log(beyond) - np.log(p)) * beyond / np.exp(log_density(z, df))
    return -np.where(lost | ~np.isfinite(step), z, np.maximum(z + step, 0.0))


def quantile(p: Array, df: Array) -> Array:
    """Return the z with P(T <= z) = p, 0 < p < 1."""
    lower = quantile_below(np.minimum(p, 1.0 - p), df)
    return np.where(p <= 0.5, lower, -lower)
