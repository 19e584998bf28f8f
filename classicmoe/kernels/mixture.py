"""Row-wise log-sum-exp and responsibilities over expert-major blocks (K, m).

The exponentials themselves are left to ``np.exp`` on whole blocks, which is four times faster than a scalar one.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def add_and_shift(log_gate, log_density, shifted, top):
    """Write the joint log-density minus its row maximum to ``shifted``, the maximum to ``top``; return its lowest."""
    n_experts, m = log_gate.shape
    for r in range(m):
        top[r] = log_gate[0, r] + log_density[0, r]
    for k in range(1, n_experts):
        for r in range(m):
            a = log_gate[k, r] + log_density[k, r]
            top[r] = a if a > top[r] else top[r]
    for k in range(n_experts):
        for r in range(m):
            shifted[k, r] = log_gate[k, r] + log_density[k, r] - top[r]
    lowest = np.inf
    for r in range(m):
        lowest = min(lowest, top[r])
    return lowest


@njit(cache=True, nogil=True, error_model="numpy")
def sum_over_experts(values, total):
    """Write the sum over experts (first axis) to ``total``."""
    n_experts, m = values.shape
    for r in range(m):
        total[r] = values[0, r]
    for k in range(1, n_experts):
        for r in range(m):
            total[r] += values[k, r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def responsibilities(values, total, weight, mass):
    """Turn exponentials into responsibilities that sum to the row's weight; add their sums to ``mass``."""
    n_experts, m = values.shape
    for r in range(m):
        total[r] = weight[r] / total[r]
    for k in range(n_experts):
        s = 0.0
        for r in range(m):
            v = values[k, r] * total[r]
            values[k, r] = v
            s += v
        mass[k] += s


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def weighted_sum(weight, first, second):
    """Return sum_r weight[r] (first[r] + second[r]), rows of weight zero left out."""
    s = 0.0
    for r in range(weight.shape[0]):
        s += weight[r] * (first[r] + second[r]) if weight[r] > 0.0 else 0.0
    return s
