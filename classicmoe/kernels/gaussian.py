"""Gaussian experts with dense covariances: log-densities from residuals, and what their statistics need."""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def log_density(y, residual, whitener, constant, out):
    """Turn means into residuals in place and write the log-densities of one response.

    y (1, m); residual (K, m), on entry the means; whitener (K, 1, 1) inverse standard deviations; constant (K,);
    out (K, m) = constant_k - |whitener_k (y - mean_k)|^2 / 2.
    """
    n_experts, m = residual.shape
    for k in range(n_experts):
        for r in range(m):
            residual[k, r] = y[0, r] - residual[k, r]
        half = -0.5 * whitener[k, 0, 0] * whitener[k, 0, 0]
        for r in range(m):
            out[k, r] = constant[k] + half * residual[k, r] * residual[k, r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def subtract(y, residual):
    """Turn means (K * q, m) into residuals y - mean in place; y (q, m)."""
    q, m = y.shape
    for row in range(residual.shape[0]):
        j = row % q
        for r in range(m):
            residual[row, r] = y[j, r] - residual[row, r]


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
