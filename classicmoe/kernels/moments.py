"""Weighted second moments of a block of columns: sums over rows of w x x', many weights at once.

Products of two columns are formed in registers and shared by all weights, so that neither a weighted copy of the
columns nor the packed outer products (m x p(p+1)/2) are ever written to memory.
"""

from numba import njit

STRIP = 512  # rows whose columns stay in the first-level cache while all pairs of columns are visited


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _four(weights, columns, first, lo, hi, out):
    """Add the moments of weight rows first..first+3 over the rows lo..hi."""
    p = columns.shape[0]
    w0, w1 = weights[first, lo:hi], weights[first + 1, lo:hi]
    w2, w3 = weights[first + 2, lo:hi], weights[first + 3, lo:hi]
    pair = 0
    for i in range(p):
        a = columns[i, lo:hi]
        j = i
        while j + 1 < p:
            b, c = columns[j, lo:hi], columns[j + 1, lo:hi]
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = 0.0
            for r in range(hi - lo):
                u, v = a[r] * b[r], a[r] * c[r]
                s0 += w0[r] * u
                s1 += w1[r] * u
                s2 += w2[r] * u
                s3 += w3[r] * u
                t0 += w0[r] * v
                t1 += w1[r] * v
                t2 += w2[r] * v
                t3 += w3[r] * v
            out[first, pair] += s0
            out[first + 1, pair] += s1
            out[first + 2, pair] += s2
            out[first + 3, pair] += s3
            out[first, pair + 1] += t0
            out[first + 1, pair + 1] += t1
            out[first + 2, pair + 1] += t2
            out[first + 3, pair + 1] += t3
            pair += 2
            j += 2
        if j < p:
            b = columns[j, lo:hi]
            s0 = s1 = s2 = s3 = 0.0
            for r in range(hi - lo):
                u = a[r] * b[r]
                s0 += w0[r] * u
                s1 += w1[r] * u
                s2 += w2[r] * u
                s3 += w3[r] * u
            out[first, pair] += s0
            out[first + 1, pair] += s1
            out[first + 2, pair] += s2
            out[first + 3, pair] += s3
            pair += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _two(weights, columns, first, lo, hi, out):
    """Add the moments of weight rows first and first+1 over the rows lo..hi."""
    p = columns.shape[0]
    w0, w1 = weights[first, lo:hi], weights[first + 1, lo:hi]
    pair = 0
    for i in range(p):
        a = columns[i, lo:hi]
        j = i
        while j + 2 < p:
            b, c, d = columns[j, lo:hi], columns[j + 1, lo:hi], columns[j + 2, lo:hi]
            s0 = s1 = t0 = t1 = q0 = q1 = 0.0
            for r in range(hi - lo):
                u, v, z = a[r] * b[r], a[r] * c[r], a[r] * d[r]
                s0 += w0[r] * u
                s1 += w1[r] * u
                t0 += w0[r] * v
                t1 += w1[r] * v
                q0 += w0[r] * z
                q1 += w1[r] * z
            out[first, pair] += s0
            out[first + 1, pair] += s1
            out[first, pair + 1] += t0
            out[first + 1, pair + 1] += t1
            out[first, pair + 2] += q0
            out[first + 1, pair + 2] += q1
            pair += 3
            j += 3
        while j < p:
            b = columns[j, lo:hi]
            s0 = s1 = 0.0
            for r in range(hi - lo):
                u = a[r] * b[r]
                s0 += w0[r] * u
                s1 += w1[r] * u
            out[first, pair] += s0
            out[first + 1, pair] += s1
            pair += 1
            j += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _one(weights, columns, first, lo, hi, out):
    """Add the moments of one weight row over the rows lo..hi."""
    p = columns.shape[0]
    w0 = weights[first, lo:hi]
    pair = 0
    for i in range(p):
        a = columns[i, lo:hi]
        j = i
        while j + 1 < p:
            b, c = columns[j, lo:hi], columns[j + 1, lo:hi]
            s = t = 0.0
            for r in range(hi - lo):
                u = w0[r] * a[r]
                s += u * b[r]
                t += u * c[r]
            out[first, pair] += s
            out[first, pair + 1] += t
            pair += 2
            j += 2
        if j < p:
            b = columns[j, lo:hi]
            s = 0.0
            for r in range(hi - lo):
                s += w0[r] * a[r] * b[r]
            out[first, pair] += s
            pair += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def add_second_moments(weights, columns, out):
    """Add sum_r weights[w, r] columns[i, r] columns[j, r] to out[w, pair(i <= j)].

    weights (W, m), columns (p, m), out (W, p(p+1)/2) in the order (0,0), (0,1), ..., (1,1), ...
    """
    n_weights, m = weights.shape
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        first = 0
        while first + 4 <= n_weights:
            _four(weights, columns, first, lo, hi, out)
            first += 4
        if first + 2 <= n_weights:
            _two(weights, columns, first, lo, hi, out)
            first += 2
        if first < n_weights:
            _one(weights, columns, first, lo, hi, out)
