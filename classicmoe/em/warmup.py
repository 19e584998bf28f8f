"""Compile (or load from the cache) the kernels that a fit uses, before it matters."""

from __future__ import annotations

import time

import numpy as np

from classicmoe import kernels


def warmup() -> float:
    """Compile the common signatures of all kernels and return the seconds that it took.

    Numba compiles a kernel when it is first called and keeps the machine code on disk; after a first call of this
    function, later processes only load it.

    Examples
    --------
    >>> import classicmoe
    >>> classicmoe.warmup() >= 0.0
    True
    """
    began = time.perf_counter()
    m = 16
    for n_experts in (1, 2):
        a, b, row = np.zeros((n_experts, m)), np.zeros((n_experts, m)), np.ones(m)
        kernels.mixture.add_and_shift(a, b, np.empty_like(a), np.empty(m))
        kernels.mixture.sum_over_experts(a, np.empty(m))
        kernels.mixture.responsibilities(np.ones_like(a), np.ones(m), row, np.zeros(n_experts))
        kernels.mixture.weighted_sum(row, row, row)
        kernels.softmax.shift(a, row)
        kernels.softmax.normalise(a, b, np.ones(m), np.zeros(m))
        kernels.rows.hash_rows(np.zeros((m, 2), np.uint64), np.empty(m, np.uint64))
        kernels.rows.load(np.ones((m, 2)), np.zeros(2), np.ones(2), np.empty((2, m)))
        kernels.softmax.gradient_rows(a, b, row, np.empty_like(a))
        kernels.softmax.curvature_rows(a, row, np.empty((1, m)))
        kernels.multinomial.shift(np.zeros((2 * n_experts, m)), row - 1.0, a.copy(), np.empty(m))
        kernels.multinomial.normalise(np.ones((2 * n_experts, m)), np.empty((n_experts, m)))
        kernels.multinomial.gradient_rows(a, np.ones((2 * n_experts, m)), row, a.copy())
        kernels.multinomial.curvature_rows(row, np.ones((2, m)), np.empty((1, m)))
        kernels.moments.add_second_moments(a, np.ones((2, m)), np.zeros((n_experts, 3)))
        whitener = np.ones((n_experts, 1, 1))
        kernels.gaussian.log_density(np.zeros((1, m)), a.copy(), whitener, np.zeros(n_experts), np.empty_like(a))
        kernels.gaussian.residual_rows(a, b, np.zeros((n_experts, 1, 1)), np.empty_like(a))
        kernels.gaussian.subtract(np.zeros((1, m)), a.copy())
        kernels.whitened.minus_half_squares(a.copy(), np.zeros(n_experts), np.empty_like(a))
        kernels.whitened.add_moments(a, np.ones((2, m)), b, np.zeros((n_experts, 4, 4)))
        unit, square = np.ones((n_experts, 1)), np.zeros((n_experts, 1))
        kernels.diagonal.log_density(np.zeros((1, m)), a.copy(), unit, square.copy(), np.empty_like(a))
        kernels.diagonal.residual_rows(a, b, unit, square, np.empty_like(a))
        kernels.diagonal.add_squares(a, b, unit, square)
        order, matrix = np.zeros((n_experts, 1), dtype=np.intp), np.ones((n_experts, 1, 1))
        kernels.blocks.log_density(
            np.zeros((1, m)), a.copy(), matrix, order, order, np.zeros(n_experts), np.empty_like(a)
        )
        kernels.blocks.residual_rows(a, b, order, order, matrix.copy(), np.empty_like(a))
        kernels.blocks.cholesky(matrix, order, order, 0.0, matrix.copy(), np.zeros((n_experts, 1), dtype=bool))
        for kernel in (kernels.blocks.invert, kernels.blocks.outer):
            kernel(matrix, order, order, matrix.copy())
        kernels.blocks.score(matrix, matrix, order, order, matrix.copy())
    vector, hessian = np.zeros(2), np.eye(2)
    kernels.descent.separable(hessian, vector, vector.copy(), vector, vector, 1.0, 0)
    kernels.descent.grouped(hessian, vector, vector.copy(), vector[:1], vector, 2, 1.0, 0)
    return time.perf_counter() - began
