"""Kernels of the multinomial experts against SciPy."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from classicmoe import kernels


def logits_of(n_experts, n_classes, m, scale=3.0):
    rng = np.random.default_rng(n_experts + 10 * n_classes)
    return scale * rng.normal(size=(n_experts, n_classes, m)), rng.integers(n_classes, size=m).astype(float)


@pytest.mark.parametrize("n_experts, n_classes, m", ((1, 2, 1), (2, 3, 700), (3, 5, 1025)))
@pytest.mark.parametrize("scale", (3.0, 1e3))
def test_shift_and_normalise_are_a_softmax_over_classes(n_experts, n_classes, m, scale):
    logits, y = logits_of(n_experts, n_classes, m, scale)
    flat, picked, total = logits.reshape(-1, m).copy(), np.full((n_experts, m), np.nan), np.empty((n_experts, m))
    kernels.multinomial.shift(flat, y, picked, total[0])
    np.exp(flat, out=flat)
    kernels.multinomial.normalise(flat, total)
    expected = log_softmax(logits, axis=1)
    own = expected[:, y.astype(int), np.arange(m)]
    assert np.allclose(picked - np.log(total), own, rtol=1e-13, atol=1e-13)
    assert np.allclose(flat.reshape(logits.shape), softmax(logits, axis=1), rtol=1e-12, atol=1e-300)
    assert np.abs(flat.reshape(logits.shape).sum(axis=1) - 1.0).max() < 1e-15 * n_classes


@pytest.mark.parametrize("n_experts, n_classes", ((1, 2), (3, 4)))
def test_rows_of_gradient_and_curvature(n_experts, n_classes):
    m = 33
    logits, y = logits_of(n_experts, n_classes, m)
    prob, resp = softmax(logits, axis=1), np.random.default_rng(0).random((n_experts, m))
    out = np.empty((n_experts * (n_classes - 1), m))
    kernels.multinomial.gradient_rows(resp, prob.reshape(-1, m), y, out)
    expected = resp[:, None] * ((y == np.arange(n_classes)[:, None]) - prob)
    assert np.allclose(out.reshape(n_experts, -1, m), expected[:, :-1], rtol=1e-14, atol=1e-16)
    pairs = np.empty((n_classes * (n_classes - 1) // 2, m))
    kernels.multinomial.curvature_rows(resp[0], prob[0], pairs)
    c, d = np.triu_indices(n_classes, 1)
    assert np.allclose(pairs, resp[0] * prob[0, c] * prob[0, d], rtol=1e-14)
