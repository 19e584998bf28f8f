import numpy as np
import pytest

from classicmoe import kernels
from classicmoe.kernels.moments import STRIP
from tests import reference

SIZES = (1, 2, 3, 7, 63, 64, 65, STRIP - 1, STRIP, STRIP + 1, 3 * STRIP + 17)


def error(result, expected, magnitude):
    """Largest error relative to the sum of absolute terms, which is what rounding can spoil."""
    return np.max(np.abs(result - expected) / magnitude)


@pytest.mark.parametrize("p", range(1, 13))
@pytest.mark.parametrize("n_weights", (1, 2, 3, 4, 5, 6, 7, 10))
def test_equals_the_plain_sum(n_weights, p):
    rng = np.random.default_rng(100 * n_weights + p)
    for m in SIZES:
        weights, columns = rng.random((n_weights, m)), rng.normal(size=(p, m))
        out = np.zeros((n_weights, p * (p + 1) // 2))
        kernels.moments.add_second_moments(weights, columns, out)
        magnitude = reference.second_moments(weights, np.abs(columns))
        assert error(out, reference.second_moments(weights, columns), magnitude) < 1e-14


def test_adds_to_what_is_there():
    rng = np.random.default_rng(0)
    weights, columns = rng.random((3, 50)), rng.normal(size=(4, 50))
    once = np.zeros((3, 10))
    kernels.moments.add_second_moments(weights, columns, once)
    twice = np.full((3, 10), 7.0)
    kernels.moments.add_second_moments(weights, columns, twice)
    assert np.allclose(twice - 7.0, once, rtol=0, atol=1e-13)


def test_a_row_of_weight_zero_adds_nothing():
    rng = np.random.default_rng(1)
    weights, columns = rng.random((5, 40)), rng.normal(size=(3, 40))
    weights[:, 10] = 0.0
    moved = columns.copy()
    moved[:, 10] = 1e100
    a, b = np.zeros((5, 6)), np.zeros((5, 6))
    kernels.moments.add_second_moments(weights, columns, a)
    kernels.moments.add_second_moments(weights, moved, b)
    assert np.array_equal(a, b)


def test_negative_weights_and_order_of_the_packing():
    columns = np.array([[1.0, 1.0], [2.0, 3.0], [5.0, 7.0]])
    out = np.zeros((1, 6))
    kernels.moments.add_second_moments(np.array([[1.0, -2.0]]), columns, out)
    full = columns @ np.diag([1.0, -2.0]) @ columns.T
    assert out[0].tolist() == full[np.triu_indices(3)].tolist()
