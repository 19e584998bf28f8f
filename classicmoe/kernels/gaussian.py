"""Gaussian experts with dense covariances: log-densities from residuals, and what their statistics need."""

import numpy as np
from numba import njit

STRIP = 256  # rows whose residuals stay in the first-level cache while all pairs of outputs are visited


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def log_density(y, residual, whitener, constant, out):
    """Turn means into residuals in place and write the log-densities.

    y (q, m); residual (K * q, m), on entry the means; whitener (K, q, q) inverse Cholesky factors (lower);
    constant (K,); out (K, m) = constant_k - |whitener_k (y - mean_k)|^2 / 2.
    """
    n_experts, q = whitener.shape[0], whitener.shape[1]
    m = y.shape[1]
    for k in range(n_experts):
        for j in range(q):
            for r in range(m):
                residual[k * q + j, r] = y[j, r] - residual[k * q + j, r]
        if q == 1:
            half = -0.5 * whitener[k, 0, 0] * whitener[k, 0, 0]
            for r in range(m):
                out[k, r] = constant[k] + half * residual[k, r] * residual[k, r]
        else:
            _whitened(residual[k * q : (k + 1) * q], whitener[k], constant[k], out[k])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _whitened(residual, whitener, constant, out):
    """Write constant - |whitener residual|^2 / 2 for one expert, strip by strip."""
    q, m = residual.shape
    z = np.empty(STRIP)
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        n = hi - lo
        for r in range(lo, hi):
            out[r] = constant
        for j in range(q):
            for r in range(n):
                z[r] = whitener[j, j] * residual[j, lo + r]
            i = 0
            while i + 4 <= j:
                a, b, c, d = whitener[j, i], whitener[j, i + 1], whitener[j, i + 2], whitener[j, i + 3]
                e, f = residual[i, lo:hi], residual[i + 1, lo:hi]
                g, h = residual[i + 2, lo:hi], residual[i + 3, lo:hi]
                for r in range(n):
                    z[r] += a * e[r] + b * f[r] + c * g[r] + d * h[r]
                i += 4
            while i < j:
                a, e = whitener[j, i], residual[i, lo:hi]
                for r in range(n):
                    z[r] += a * e[r]
                i += 1
            for r in range(n):
                out[lo + r] -= 0.5 * z[r] * z[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def residual_rows(resp, residual, scatter, out):
    """Write resp_k * residual_kj to ``out`` (K * q, m) and add sum_r resp_k r_ki r_kj to ``scatter`` (K, q, q)."""
    n_experts, m = resp.shape
    q = scatter.shape[1]
    for k in range(n_experts):
        first = k * q
        for lo in range(0, m, STRIP):
            hi = min(m, lo + STRIP)
            w = resp[k, lo:hi]
            for j in range(q):
                a, v = residual[first + j, lo:hi], out[first + j, lo:hi]
                s = 0.0
                for r in range(hi - lo):
                    t = w[r] * a[r]
                    v[r] = t
                    s += t * a[r]
                scatter[k, j, j] += s
                _pairs(v, residual[first : first + j, lo:hi], scatter[k, j])
        for j in range(q):
            for i in range(j):
                scatter[k, i, j] = scatter[k, j, i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _pairs(v, others, out):
    """Add sum_r v[r] others[i, r] to out[i]."""
    n, m = others.shape
    i = 0
    while i + 4 <= n:
        a, b, c, d = others[i], others[i + 1], others[i + 2], others[i + 3]
        s = t = u = z = 0.0
        for r in range(m):
            s += v[r] * a[r]
            t += v[r] * b[r]
            u += v[r] * c[r]
            z += v[r] * d[r]
        out[i] += s
        out[i + 1] += t
        out[i + 2] += u
        out[i + 3] += z
        i += 4
    while i < n:
        a = others[i]
        s = 0.0
        for r in range(m):
            s += v[r] * a[r]
        out[i] += s
        i += 1
