"""Kernels of independent noise against NumPy, with entries that are missing."""

import numpy as np
import pytest

from classicmoe import kernels

SHAPES = [(1, 1, 1), (2, 1, 7), (3, 4, 100), (2, 5, 300)]


def draw(n_experts, q, m, seed, share):
    """Responses with a share missing, means, variances and responsibilities."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(q, m))
    y[rng.random(y.shape) < share] = np.nan
    return y, rng.normal(size=(n_experts, q, m)), np.exp(rng.normal(size=(n_experts, q))), rng.random((n_experts, m))


@pytest.mark.parametrize("share", (0.0, 0.4, 1.0))
@pytest.mark.parametrize(("n_experts", "q", "m"), SHAPES)
def test_log_density_and_residuals(n_experts, q, m, share, seed):
    y, means, variance, _ = draw(n_experts, q, m, seed, share)
    residual, out = means.reshape(-1, m).copy(), np.full((n_experts, m), np.nan)
    kernels.diagonal.log_density(y, residual, 1.0 / variance, np.log(2.0 * np.pi * variance), out)
    error = y - means
    assert np.array_equal(residual, error.reshape(-1, m), equal_nan=True)
    terms = -0.5 * (error**2 / variance[..., None] + np.log(2.0 * np.pi * variance)[..., None])
    expected = np.where(np.isnan(error), 0.0, terms).sum(axis=1)
    assert np.allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("share", (0.0, 0.4, 1.0))
@pytest.mark.parametrize(("n_experts", "q", "m"), SHAPES)
def test_weighted_residuals_and_expected_squares(n_experts, q, m, share, seed):
    y, means, variance, resp = draw(n_experts, q, m, seed, share)
    error = y - means
    rows, squares = np.full((n_experts * q, m), np.nan), np.full((n_experts, q), 2.0)
    kernels.diagonal.residual_rows(resp, error.reshape(-1, m), variance, squares, rows)
    assert np.allclose(rows, (resp[:, None] * np.nan_to_num(error)).reshape(-1, m), rtol=1e-15, atol=0)
    expected = np.einsum("km,kqm->kq", resp, np.where(np.isnan(error), variance[..., None], error**2))
    assert np.allclose(squares - 2.0, expected, rtol=1e-13, atol=1e-14)
    again = np.full((n_experts, q), 2.0)
    kernels.diagonal.add_squares(resp, error.reshape(-1, m), variance, again)
    assert np.allclose(again, squares, rtol=1e-14, atol=0)


def test_a_response_beyond_all_bounds_has_density_zero():
    y, residual, out = np.array([[1e200, np.nan, 0.0]]), np.zeros((1, 3)), np.empty((1, 3))
    kernels.diagonal.log_density(y, residual, np.ones((1, 1)), np.zeros((1, 1)), out)
    assert out[0].tolist() == [-np.inf, 0.0, 0.0]
