"""Kernels of block-diagonal covariances against dense NumPy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from classicmoe import kernels
from classicmoe.covariances.block import _layout

# Rows below, at and above a strip; blocks of 1 to 11 columns, so that pairs in fours and what is left both occur.
SHAPES = [(2, [1], 5), (1, [3, 1, 2], 256), (3, [4, 1, 6, 5], 67), (2, [11, 1, 9], 600)]


def draw(n_experts, sizes, seed):
    """Labels, block-diagonal covariances and their lower Cholesky factors, the columns of a block apart."""
    rng = np.random.default_rng(seed)
    q = sum(sizes)
    labels = np.stack([rng.permutation(np.repeat(np.arange(len(sizes)), sizes)) for _ in range(n_experts)]).astype(
        float
    )
    half = rng.normal(size=(n_experts, q, q))
    within = labels[:, :, None] == labels[:, None, :]
    covariance = np.where(within, half @ half.transpose(0, 2, 1) + 0.3 * np.eye(q), 0.0)
    return rng, labels, within, covariance, np.linalg.cholesky(covariance)


@pytest.mark.parametrize(("n_experts", "sizes", "m"), SHAPES)
def test_log_density_and_residuals(n_experts, sizes, m, seed):
    rng, labels, _, covariance, factor = draw(n_experts, sizes, seed)
    at, q = _layout(labels), sum(sizes)
    y, means = rng.normal(size=(q, m)), rng.normal(size=(n_experts, q, m))
    whitener = np.zeros_like(factor)
    kernels.blocks.invert(factor, at.order, at.begin, whitener)
    assert np.allclose(whitener, np.linalg.inv(factor), rtol=1e-9, atol=1e-12)
    constant = np.log(np.diagonal(whitener, axis1=1, axis2=2)).sum(axis=1) - 0.5 * q * np.log(2.0 * np.pi)
    residual, out = means.reshape(-1, m).copy(), np.empty((n_experts, m))
    kernels.blocks.log_density(y, residual, whitener, at.order, at.begin, constant, out)
    expected = [multivariate_normal(np.zeros(q), covariance[k]).logpdf((y - means[k]).T) for k in range(n_experts)]
    assert np.allclose(out, np.reshape(expected, (n_experts, m)), rtol=1e-10, atol=1e-10)
    assert np.array_equal(residual, (y - means).reshape(-1, m))


@pytest.mark.parametrize(("n_experts", "sizes", "m"), SHAPES)
def test_residual_rows_and_scatter(n_experts, sizes, m, seed):
    rng, labels, within, _, _ = draw(n_experts, sizes, seed)
    at, q = _layout(labels), sum(sizes)
    residual, resp = rng.normal(size=(n_experts, q, m)), rng.random((n_experts, m))
    scatter, rows = np.full((n_experts, q, q), 2.0), np.empty((n_experts * q, m))
    kernels.blocks.residual_rows(resp, residual.reshape(-1, m), at.order, at.begin, scatter, rows)
    assert np.allclose(rows, (resp[:, None] * residual).reshape(-1, m), rtol=1e-15, atol=0)
    expected = np.einsum("km,kim,kjm->kij", resp, residual, residual) * within
    magnitude = np.einsum("km,kim,kjm->kij", resp, np.abs(residual), np.abs(residual))
    assert (np.abs(scatter - 2.0 - expected) <= 1e-14 * (magnitude + 2.0)).all()
    assert np.array_equal(scatter, scatter.transpose(0, 2, 1))
    assert (scatter[~within] == 2.0).all()
    again = np.full((n_experts, q, q), 2.0)
    kernels.blocks.residual_rows(resp, residual.reshape(-1, m), at.order, at.begin, again, np.empty((0, m)))
    assert np.array_equal(again, scatter)


@pytest.mark.parametrize(("n_experts", "sizes", "m"), SHAPES)
def test_factors_their_products_and_the_score(n_experts, sizes, m, seed):
    rng, labels, within, covariance, factor = draw(n_experts, sizes, seed)
    at = _layout(labels)
    q, shift = sum(sizes), 0.01
    ours, failed = np.zeros_like(factor), np.zeros(labels.shape, dtype=bool)
    noise = np.where(within, 0.0, rng.normal(size=within.shape))  # what is between blocks is not read
    kernels.blocks.cholesky(covariance + noise, at.order, at.begin, shift, ours, failed)
    assert not failed.any() and (ours[~within] == 0.0).all()
    assert np.allclose(ours, np.linalg.cholesky(covariance - shift * np.eye(q)), rtol=1e-9, atol=1e-12)
    product = np.zeros_like(factor)
    kernels.blocks.outer(factor, at.order, at.begin, product)
    assert np.allclose(product, covariance, rtol=1e-12, atol=1e-13) and (product[~within] == 0.0).all()
    scatter = rng.normal(size=factor.shape)
    scatter, inverse, out = scatter + scatter.transpose(0, 2, 1), np.linalg.inv(factor), np.zeros_like(factor)
    kernels.blocks.score(inverse, scatter + noise, at.order, at.begin, out)
    left = inverse.transpose(0, 2, 1) @ inverse @ (scatter * within) @ inverse.transpose(0, 2, 1)
    expected = np.where(within, np.tril(left), 0.0)
    assert np.allclose(out, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_block_that_is_not_positive_definite_is_named(seed):
    _, labels, _, covariance, _ = draw(2, [3, 4, 1], seed)
    at = _layout(labels)
    bad = np.flatnonzero(labels[1] == labels[1, -1])
    covariance[1][np.ix_(bad, bad)] = 1.0 if len(bad) > 1 else -1.0  # of rank one
    failed, ours = np.zeros(labels.shape, dtype=bool), np.zeros_like(covariance)
    kernels.blocks.cholesky(covariance, at.order, at.begin, 1e-9, ours, failed)
    assert failed.sum() == 1 and set(at.order[1][at.begin[1] == np.flatnonzero(failed[1])[0]]) == set(bad)
    covariance[0, 0, 0] = np.nan
    kernels.blocks.cholesky(covariance, at.order, at.begin, 1e-9, ours, failed)
    assert failed[0].sum() == 1
