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
                _add_weighted(w, residual[k * q : (k + 1) * q, lo:hi], order[k, begin[k, p] : p], z)
                for r in range(n):
                    out[k, lo + r] -= 0.5 * z[r] * z[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _add_weighted(weight, rows, chosen, out):
    """Add sum_j weight[j] rows[j] over the chosen j to ``out``."""
    n = rows.shape[1]
    i = 0
    while i + 4 <= len(chosen):
        s, t, u, v = chosen[i], chosen[i + 1], chosen[i + 2], chosen[i + 3]
        a, b, c, d = weight[s], weight[t], weight[u], weight[v]
        f, g, h, x = rows[s], rows[t], rows[u], rows[v]
        for r in range(n):
            out[r] += a * f[r] + b * g[r] + c * h[r] + d * x[r]
        i += 4
    for s in chosen[i:]:
        a, f = weight[s], rows[s]
        for r in range(n):
            out[r] += a * f[r]


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
                _add_products(v, residual[k * q : (k + 1) * q, lo:hi], order[k, begin[k, p] : p], scatter[k, j])
        for p in range(q):
            j = order[k, p]
            for i in range(begin[k, p], p):
                scatter[k, order[k, i], j] = scatter[k, j, order[k, i]]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _add_products(v, rows, chosen, out):
    """Add sum_r v[r] rows[j, r] to out[j] for the chosen j."""
    n = rows.shape[1]
    i = 0
    while i + 4 <= len(chosen):
        s, t, u, o = chosen[i], chosen[i + 1], chosen[i + 2], chosen[i + 3]
        a, b, c, d = rows[s], rows[t], rows[u], rows[o]
        one = two = three = four = 0.0
        for r in range(n):
            one += v[r] * a[r]
            two += v[r] * b[r]
            three += v[r] * c[r]
            four += v[r] * d[r]
        out[s] += one
        out[t] += two
        out[u] += three
        out[o] += four
        i += 4
    for s in chosen[i:]:
        a, one = rows[s], 0.0
        for r in range(n):
            one += v[r] * a[r]
        out[s] += one


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
    for k in range(n_experts):
        first = 0
        while first < q:
            last = first + 1
            while last < q and begin[k, last] == first:
                last += 1
            members, size = order[k, first:last], last - first
            for a in range(size):
                for b in range(size):
                    work[0, a, b] = whitener[k, members[a], members[b]] if b <= a else 0.0
                    work[1, a, b] = scatter[k, members[a], members[b]]
            _score_of_block(work[:, :size, :size])
            for a in range(size):
                for b in range(a + 1):
                    out[k, members[a], members[b]] = work[3, a, b]
            first = last


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _score_of_block(work):
    """Write the lower triangle of W'(W S W') to work[3], with W (lower) in work[0] and S in work[1]; both are lost."""
    w, s, t, z = work[0], work[1], work[2], work[3]
    size = len(w)
    t[:] = 0.0
    z[:] = 0.0
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
