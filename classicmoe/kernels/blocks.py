"""Block-diagonal covariances: every loop stays within the blocks.

``order`` (K, q) lists each expert's responses block after block, ascending within a block; ``begin`` (K, q) holds, for
every place in that list, the place where its block begins. Matrices (K, q, q) keep the responses in their own order;
entries between blocks are neither read nor written.
"""

import numpy as np
from numba import njit

STRIP = 256  # rows whose residuals stay in the first-level cache while all pairs within a block are visited


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def log_density(y, residual, whitener, order, begin, constant, out):
    """Turn means into residuals in place and write the log-densities.

    y (q, m); residual (K * q, m), on entry the means; whitener (K, q, q) inverse Cholesky factors (lower);
    constant (K,); out (K, m) = constant_k - |whitener_k (y - mean_k)|^2 / 2.
    """
    n_experts, q = order.shape
    m = y.shape[1]
    z = np.empty(STRIP)
    for k in range(n_experts):
        for lo in range(0, m, STRIP):
            hi = min(m, lo + STRIP)
            n = hi - lo
            for r in range(lo, hi):
                out[k, r] = constant[k]
            for p in range(q):
                j = order[k, p]
                w, own, value = whitener[k, j], residual[k * q + j, lo:hi], y[j, lo:hi]
                for r in range(n):
                    e = value[r] - own[r]
                    own[r] = e
                    z[r] = w[j] * e
                i = begin[k, p]
                while i + 4 <= p:
                    s, t, u, v = order[k, i], order[k, i + 1], order[k, i + 2], order[k, i + 3]
                    a, b, c, d = w[s], w[t], w[u], w[v]
                    f, g = residual[k * q + s, lo:hi], residual[k * q + t, lo:hi]
                    h, x = residual[k * q + u, lo:hi], residual[k * q + v, lo:hi]
                    for r in range(n):
                        z[r] += a * f[r] + b * g[r] + c * h[r] + d * x[r]
                    i += 4
                while i < p:
                    s = order[k, i]
                    a, f = w[s], residual[k * q + s, lo:hi]
                    for r in range(n):
                        z[r] += a * f[r]
                    i += 1
                for r in range(n):
                    out[k, lo + r] -= 0.5 * z[r] * z[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def residual_rows(resp, residual, order, begin, scatter, out):
    """Add the sums of resp_k r_ki r_kj to ``scatter`` (K, q, q), which must be symmetric on entry.

    ``out`` (K * q, m) receives resp_k * residual_kj; not so if it has no rows.
    """
    n_experts, m = resp.shape
    q = scatter.shape[1]
    v = np.empty(STRIP)
    for k in range(n_experts):
        for lo in range(0, m, STRIP):
            hi = min(m, lo + STRIP)
            n, w = hi - lo, resp[k, lo:hi]
            for p in range(q):
                j = order[k, p]
                a, total = residual[k * q + j, lo:hi], 0.0
                for r in range(n):
                    x = w[r] * a[r]
                    v[r] = x
                    total += x * a[r]
                scatter[k, j, j] += total
                if len(out) > 0:
                    out[k * q + j, lo:hi] = v[:n]
                i = begin[k, p]
                while i + 4 <= p:
                    s, t, u, o = order[k, i], order[k, i + 1], order[k, i + 2], order[k, i + 3]
                    b, c = residual[k * q + s, lo:hi], residual[k * q + t, lo:hi]
                    d, f = residual[k * q + u, lo:hi], residual[k * q + o, lo:hi]
                    one = two = three = four = 0.0
                    for r in range(n):
                        one += v[r] * b[r]
                        two += v[r] * c[r]
                        three += v[r] * d[r]
                        four += v[r] * f[r]
                    scatter[k, j, s] += one
                    scatter[k, j, t] += two
                    scatter[k, j, u] += three
                    scatter[k, j, o] += four
                    i += 4
                while i < p:
                    s = order[k, i]
                    b = residual[k * q + s, lo:hi]
                    one = 0.0
                    for r in range(n):
                        one += v[r] * b[r]
                    scatter[k, j, s] += one
                    i += 1
        for p in range(q):
            j = order[k, p]
            for i in range(begin[k, p], p):
                scatter[k, order[k, i], j] = scatter[k, j, order[k, i]]


@njit(cache=True, nogil=True, error_model="numpy")
def cholesky(covariance, order, begin, shift, out, failed):
    """Write lower Cholesky factors of covariance_k - shift I, block by block, to ``out`` (K, q, q).

    ``failed`` (K, q) becomes True at the first place of every block that has none; its part of ``out`` is of no use.
    """
    n_experts, q = order.shape
    for k in range(n_experts):
        for p in range(q):
            first, j = begin[k, p], order[k, p]
            for a in range(first, p + 1):
                i = order[k, a]
                s = covariance[k, j, i]
                for b in range(first, a):
                    s -= out[k, j, order[k, b]] * out[k, i, order[k, b]]
                if a < p:
                    out[k, j, i] = s / out[k, i, i]
                elif s > shift:
                    out[k, j, j] = np.sqrt(s - shift)
                else:  # a NaN comes here as well
                    out[k, j, j] = 1.0
                    failed[k, first] = True


@njit(cache=True, nogil=True, error_model="numpy")
def invert(factor, order, begin, out):
    """Write the inverses of lower triangular factors (K, q, q), block by block, to ``out``."""
    n_experts, q = order.shape
    for k in range(n_experts):
        for p in range(q):
            first, j = begin[k, p], order[k, p]
            out[k, j, j] = 1.0 / factor[k, j, j]
            for a in range(first, p):
                i = order[k, a]
                s = 0.0
                for b in range(a, p):
                    s += factor[k, j, order[k, b]] * out[k, order[k, b], i]
                out[k, j, i] = -s * out[k, j, j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def outer(factor, order, begin, out):
    """Write factor_k factor_k' of lower triangular factors (K, q, q), block by block, to ``out``."""
    n_experts, q = order.shape
    for k in range(n_experts):
        for p in range(q):
            first, j = begin[k, p], order[k, p]
            for a in range(first, p + 1):
                i = order[k, a]
                s = 0.0
                for b in range(first, a + 1):
                    s += factor[k, j, order[k, b]] * factor[k, i, order[k, b]]
                out[k, j, i] = s
                out[k, i, j] = s


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def score(whitener, scatter, order, begin, out):
    """Write the lower triangles of W'(W S W') with W = whitener_k and S = scatter_k, block by block, to ``out``.

    That is the derivative of the log-likelihood in the Cholesky factor, but for the part of the determinant.
    """
    n_experts, q = order.shape
    work = np.empty((4, q, q))
    w, s, t, z = work[0], work[1], work[2], work[3]
    for k in range(n_experts):
        first = 0
        while first < q:
            last = first
            while last < q and begin[k, last] == first:
                last += 1
            size = last - first
            for a in range(size):
                for b in range(size):
                    i, j = order[k, first + a], order[k, first + b]
                    w[a, b] = whitener[k, i, j] if b <= a else 0.0
                    s[a, b] = scatter[k, i, j]
                    t[a, b] = 0.0
                    z[a, b] = 0.0
            for a in range(size):  # t = W S
                for b in range(a + 1):
                    for c in range(size):
                        t[a, c] += w[a, b] * s[b, c]
            for a in range(size):  # s = t W'
                for c in range(size):
                    x = 0.0
                    for b in range(c + 1):
                        x += t[a, b] * w[c, b]
                    s[a, c] = x
            for b in range(size):  # z = W' s
                for a in range(b + 1):
                    for c in range(a + 1):
                        z[a, c] += w[b, a] * s[b, c]
            for a in range(size):
                for b in range(a + 1):
                    out[k, order[k, first + a], order[k, first + b]] = z[a, b]
            first = last
