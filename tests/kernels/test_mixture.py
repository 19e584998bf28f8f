import numpy as np
import pytest
from scipy.special import logsumexp

from classicmoe import kernels

SHAPES = [(n_experts, m) for n_experts in range(1, 6) for m in (1, 2, 7, 64, 513)]


def blocks(n_experts, m):
    rng = np.random.default_rng(10 * n_experts + m)
    return rng.normal(size=(n_experts, m)), 50.0 * rng.normal(size=(n_experts, m)), rng.random(m)


@pytest.mark.parametrize(("n_experts", "m"), SHAPES)
def test_log_sum_exp_and_responsibilities(n_experts, m):
    log_gate, log_density, weight = blocks(n_experts, m)
    shifted, top, total = np.empty((n_experts, m)), np.empty(m), np.empty(m)
    kernels.mixture.add_and_shift(log_gate, log_density, shifted, top)
    joint = log_gate + log_density
    assert np.array_equal(top, joint.max(axis=0))
    assert np.allclose(shifted, joint - joint.max(axis=0), rtol=1e-15, atol=1e-13)
    assert (shifted <= 0.0).all() and (shifted.max(axis=0) == 0.0).all()
    values = np.exp(shifted)
    kernels.mixture.sum_over_experts(values, total)
    assert np.allclose(total, values.sum(axis=0), rtol=1e-15, atol=0)
    expected = logsumexp(joint, axis=0)
    assert np.allclose(top + np.log(total), expected, rtol=1e-14, atol=1e-13)
    mass = np.full(n_experts, 3.0)
    kernels.mixture.responsibilities(values, total.copy(), weight, mass)
    assert np.allclose(values, weight * np.exp(joint - expected), rtol=1e-12, atol=1e-300)
    assert np.allclose(values.sum(axis=0), weight, rtol=1e-14, atol=0)
    assert np.allclose(mass - 3.0, values.sum(axis=1), rtol=1e-13, atol=1e-13)


def test_densities_that_underflow_keep_their_ratios():
    log_density = np.array([[-2000.0, -1e6], [-2001.0, -1e6 - 700.0]])
    shifted, top, total = np.empty((2, 2)), np.empty(2), np.empty(2)
    kernels.mixture.add_and_shift(np.zeros((2, 2)), log_density, shifted, top)
    values = np.exp(shifted)
    kernels.mixture.sum_over_experts(values, total)
    kernels.mixture.responsibilities(values, total, np.ones(2), np.zeros(2))
    assert values[0, 0] == pytest.approx(1.0 / (1.0 + np.exp(-1.0)), rel=1e-14)
    assert values[1, 1] == pytest.approx(np.exp(-700.0), rel=1e-12)


@pytest.mark.parametrize("m", (1, 5, 64, 1001))
def test_weighted_sum(m):
    rng = np.random.default_rng(m)
    weight, first, second = rng.random(m), rng.normal(size=m), rng.normal(size=m)
    expected = np.sum(weight * (first + second))
    magnitude = np.sum(weight * np.abs(first + second))
    assert abs(kernels.mixture.weighted_sum(weight, first, second) - expected) < 1e-14 * magnitude
