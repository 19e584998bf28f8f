import numpy as np
import pytest
from scipy.special import log_softmax

from classicmoe import kernels

SHAPES = [(n_experts, m) for n_experts in range(1, 6) for m in (1, 2, 9, 130)]


def normalised(logits):
    """Log-probabilities and probabilities as the gate obtains them from the kernels."""
    log_prob, total = logits.copy(), np.empty(logits.shape[1])
    kernels.softmax.shift(log_prob, total)
    prob = np.exp(log_prob)
    kernels.mixture.sum_over_experts(prob, total)
    kernels.softmax.normalise(log_prob, prob, total.copy(), np.log(total))
    return log_prob, prob


@pytest.mark.parametrize(("n_experts", "m"), SHAPES)
@pytest.mark.parametrize("size", (1.0, 300.0))
def test_log_softmax(n_experts, m, size):
    logits = size * np.random.default_rng(m + n_experts).normal(size=(n_experts, m))
    log_prob, prob = normalised(logits)
    expected = log_softmax(logits, axis=0)
    assert np.allclose(log_prob, expected, rtol=1e-14, atol=1e-13)
    assert np.allclose(prob, np.exp(expected), rtol=1e-12, atol=1e-300)
    assert np.allclose(prob.sum(axis=0), 1.0, rtol=1e-15, atol=0)


def test_adding_a_number_to_all_logits_of_a_row_changes_nothing():
    rng = np.random.default_rng(0)
    logits = rng.integers(-8, 8, size=(4, 50)).astype(float)
    a, b = normalised(logits), normalised(logits + 512.0 * rng.integers(-3, 4, size=50))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])


@pytest.mark.parametrize(("n_experts", "m"), SHAPES)
def test_gradient_and_curvature_rows(n_experts, m):
    rng = np.random.default_rng(n_experts * m)
    resp, prob = rng.dirichlet(np.ones(n_experts), m).T, rng.dirichlet(np.ones(n_experts), m).T
    resp, prob, weight = np.ascontiguousarray(resp), np.ascontiguousarray(prob), rng.random(m)
    rows = np.empty((n_experts, m))
    kernels.softmax.gradient_rows(resp, prob, weight, rows)
    assert np.allclose(rows, resp - weight * prob, rtol=1e-14, atol=1e-16)
    pairs = np.empty((n_experts * (n_experts - 1) // 2, m))
    kernels.softmax.curvature_rows(prob, weight, pairs)
    expected = [weight * prob[k] * prob[j] for k in range(n_experts) for j in range(k + 1, n_experts)]
    assert np.allclose(pairs, np.array(expected).reshape(pairs.shape), rtol=1e-14, atol=0)
