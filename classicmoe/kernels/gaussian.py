"""Gaussian experts: log-densities from residuals, and the residual rows of their statistics."""

from numba import njit


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
            for r in range(m):
                out[k, r] = constant[k]
            for j in range(q):
                for r in range(m):
                    z = 0.0
                    for i in range(j + 1):
                        z += whitener[k, j, i] * residual[k * q + i, r]
                    out[k, r] -= 0.5 * z * z


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def residual_rows(resp, residual, scatter, out):
    """Write resp_k * residual_kj to ``out`` (K * q, m) and add sum_r resp_k r_ki r_kj to ``scatter`` (K, q, q)."""
    n_experts, m = resp.shape
    q = scatter.shape[1]
    for k in range(n_experts):
        for j in range(q):
            row = k * q + j
            s = 0.0
            for r in range(m):
                v = resp[k, r] * residual[row, r]
                out[row, r] = v
                s += v * residual[row, r]
            scatter[k, j, j] += s
            for i in range(j):
                s = 0.0
                for r in range(m):
                    s += out[row, r] * residual[k * q + i, r]
                scatter[k, i, j] += s
                scatter[k, j, i] += s
