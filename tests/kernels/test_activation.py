"""Weights of the curvature of a softmax over an activation against the product of dense matrices, row by row."""

import numpy as np
import pytest

from classicmoe import kernels


@pytest.mark.parametrize(("n_experts", "m"), ((1, 5), (2, 1), (2, 33), (5, 130)))
def test_rows_of_the_curvature(n_experts, m):
    rng = np.random.default_rng(n_experts * m)
    prob = np.ascontiguousarray(rng.dirichlet(np.ones(n_experts), m).T)
    weight, factor = rng.random(m), 0.7
    first, bend = rng.normal(size=(2, n_experts, m))
    fisher = np.array([factor * w * (np.diag(p) - np.outer(p, p)) for w, p in zip(weight, prob.T, strict=True)])
    inner = np.einsum("rkl,kr,lr->klr", fisher, first, first)
    inner[np.arange(n_experts), np.arange(n_experts)] += np.maximum(bend, 0.0)
    out = np.empty((n_experts * (n_experts + 1) // 2, m))
    kernels.activation.inner_rows(prob, weight, factor, first, bend, out)
    assert np.allclose(out, inner[np.triu_indices(n_experts)], rtol=1e-13, atol=1e-15)
    rows, total = np.empty((n_experts, m)), np.empty(n_experts)
    for k in range(n_experts):
        kernels.activation.outer_rows(prob, weight, factor, first, k, rows, total)
        assert np.allclose(rows, fisher[:, k].T * first[k], rtol=1e-13, atol=1e-15)
        assert np.allclose(total, fisher[:, k].sum(axis=0), rtol=1e-12, atol=1e-14)
