"""Rows as they lie in a table: turned into centred and scaled expert-major columns, or into keys."""

import numpy as np
from numba import njit

STRIP = 64  # rows of the table that stay in the first-level cache while the columns are written one by one


@njit(cache=True, nogil=True, error_model="numpy")
def load(table, center, factor, out):
    """Write (table[r, j] - center[j]) * factor[j] to out[j, r]; table (m, d) of any float type, out (d, m)."""
    m, d = table.shape
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        for j in range(d):
            c, f = center[j], factor[j]
            for r in range(lo, hi):
                out[j, r] = (table[r, j] - c) * f


@njit(cache=True, nogil=True, error_model="numpy")
def hash_rows(bits, out):
    """Mix the bits (m, d) of each row's values to one key (the finaliser of splitmix64 after every column)."""
    m, d = bits.shape
    for r in range(m):
        mixed = np.uint64(0x9E3779B97F4A7C15)
        for j in range(d):
            mixed ^= bits[r, j]
            mixed ^= mixed >> np.uint64(30)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(27)
            mixed *= np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
        out[r] = mixed
    return out
