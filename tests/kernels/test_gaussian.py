import numpy as np
import pytest
from scipy.stats import multivariate_normal

from classicmoe import kernels

SHAPES = [(n_experts, q, m) for n_experts in range(1, 6) for q in (1, 2, 3) for m in (1, 5, 67)]


def draw(n_experts, q, m):
    rng = np.random.default_rng(100 * n_experts + 10 * q + m)
    half = rng.normal(size=(n_experts, q, q))
    covariances = half @ half.transpose(0, 2, 1) + 0.3 * np.eye(q)
    return rng.normal(size=(q, m)), rng.normal(size=(n_experts, q, m)), covariances


@pytest.mark.parametrize(("n_experts", "q", "m"), SHAPES)
def test_log_density_and_residuals(n_experts, q, m):
    y, means, covariances = draw(n_experts, q, m)
    whitener = np.linalg.inv(np.linalg.cholesky(covariances))
    constant = np.log(whitener[:, range(q), range(q)]).sum(axis=1) - 0.5 * q * np.log(2.0 * np.pi)
    residual, out = means.reshape(-1, m).copy(), np.empty((n_experts, m))
    if q == 1:
        kernels.gaussian.log_density(y, residual, whitener, constant, out)
    else:
        kernels.gaussian.subtract(y, residual)
        white = (whitener @ residual.reshape(n_experts, q, m)).reshape(-1, m)
        kernels.whitened.minus_half_squares(white, constant, out)
    expected = [
        [multivariate_normal.logpdf(y[:, r], means[k, :, r], covariances[k]) for r in range(m)]
        for k in range(n_experts)
    ]
    assert np.allclose(out, expected, rtol=1e-11, atol=1e-11)
    assert np.array_equal(residual, (y - means).reshape(-1, m))


@pytest.mark.parametrize(("n_experts", "q", "m"), SHAPES)
def test_residual_rows_and_scatter(n_experts, q, m):
    _, residual, _ = draw(n_experts, q, m)
    resp = np.random.default_rng(0).random((n_experts, m))
    scatter, rows = np.full((n_experts, q, q), 2.0), np.empty((n_experts * q, m))
    kernels.gaussian.residual_rows(resp, residual.reshape(-1, m), scatter, rows)
    assert np.allclose(rows, (resp[:, None] * residual).reshape(-1, m), rtol=1e-15, atol=0)
    expected = np.einsum("km,kim,kjm->kij", resp, residual, residual)
    magnitude = np.einsum("km,kim,kjm->kij", resp, np.abs(residual), np.abs(residual))
    assert (np.abs(scatter - 2.0 - expected) <= 1e-14 * (magnitude + 2.0)).all()
    assert np.array_equal(scatter, scatter.transpose(0, 2, 1))
