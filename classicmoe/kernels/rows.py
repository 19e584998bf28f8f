"""Rows as they lie in a table, turned into centred and scaled expert-major columns."""

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
