r"""Dense covariances of many outputs: everything is computed from whitened residuals.

With the factor :math:`\Sigma_k = L_k L_k^\top` the whitened residuals :math:`w_k = L_k^{-1}(y - B_k\tilde x)` of all
experts are one matrix product, the log-density is :math:`-\tfrac12\lvert w_k\rvert^2` and a constant, and the moments
of :math:`(\tilde x, w_k)` hold all statistics: :math:`\sum r\,e\tilde x^\top = L_k \sum r\,w\tilde x^\top` and
:math:`\sum r\,ee^\top = L_k (\sum r\,ww^\top) L_k^\top`. Residuals are never multiplied by responsibilities in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import Array, Block
from classicmoe.covariances.sharing import invert_factors, log_constants

BLAS = 40  # columns and outputs from which matrix products beat sums over pairs


def log_density(params: Any, block: Block, white: Array, out: Array) -> None:
    """Write whitened residuals (K * q, m) and log-densities (K, m); params have ``coef`` and ``noise.factor``."""

    def prepare() -> tuple[Array, Array]:
        whitener, constant = invert_factors(params.noise.factor), log_constants(params.noise.factor)
        product = np.concatenate([-whitener @ params.coef, whitener], axis=2)
        return product.reshape(-1, product.shape[2]), constant

    product, constant = block.prepared("whitener", params, prepare)
    np.dot(product, block.stacked, out=white)
    kernels.whitened.minus_half_squares(white, constant, out)


def moments(factor: Array, block: Block, white: Array, resp: Array) -> tuple[Array, Array, Array]:
    """Return the sums of r x x' (K, p, p), of r e x' (K, q, p) and of r e e' (K, q, q)."""
    p = len(block.expert_columns)
    sums = _by_products(block, white, resp) if p + factor.shape[1] >= BLAS else _by_pairs(block, white, resp)
    gram, cross, scatter = sums[:, :p, :p], sums[:, :p, p:], sums[:, p:, p:]
    gradient = factor @ cross.transpose(0, 2, 1)
    return gram, gradient, factor @ scatter @ factor.transpose(0, 2, 1)


def _by_pairs(block: Block, white: Array, resp: Array) -> Array:
    """Return the moments of columns and whitened residuals (K, p + q, p + q)."""
    n_experts, p = len(resp), len(block.expert_columns)
    size = p + len(white) // n_experts
    side = -(-size // 4) * 4
    sums = np.zeros((n_experts, side, side))
    kernels.whitened.add_moments(resp, block.expert_columns, white, sums)
    upper = np.triu(sums[:, :size, :size])
    below = np.tril(upper.transpose(0, 2, 1), -1)
    return np.asarray(upper + below)


def _by_products(block: Block, white: Array, resp: Array) -> Array:
    """Return the same from matrix products with weighted copies, one expert after the other."""
    n_experts, p = len(resp), len(block.expert_columns)
    q = len(white) // n_experts
    sums = np.empty((n_experts, p + q, p + q))
    both, weighted = block.scratch("columns and residuals", p + q), block.scratch("weighted", p + q)
    both[:p] = block.expert_columns
    for k in range(n_experts):
        both[p:] = white[k * q : (k + 1) * q]
        np.multiply(both, resp[k], out=weighted)
        np.dot(weighted, both.T, out=sums[k])
    return sums
