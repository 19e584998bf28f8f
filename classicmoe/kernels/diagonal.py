"""Gaussian experts with independent noise: entries of y that are NaN are missing and integrated out."""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def log_density(y, residual, precision, log_variance, out):
    """Turn means into residuals in place and write the log-densities of the entries that are there.

    y (q, m); residual (K * q, m), on entry the means; precision (K, q); log_variance (K, q), with log 2 pi; out (K, m)
    = -sum_j (precision_kj residual_kj^2 + log_variance_kj) / 2.
    """
    n_experts, q = precision.shape
    m = y.shape[1]
    for k in range(n_experts):
        for r in range(m):
            out[k, r] = 0.0
        for j in range(q):
            row, p, c = k * q + j, -0.5 * precision[k, j], -0.5 * log_variance[k, j]
            for r in range(m):
                e = y[j, r] - residual[row, r]
                residual[row, r] = e
                t = p * e * e + c
                out[k, r] += t if e == e else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def residual_rows(resp, residual, variance, squares, out):
    """Write resp_k * residual_kj to ``out`` (K * q, m), 0 where it is missing; add its expected squares.

    ``squares`` (K, q) gains sum_r resp_k (residual_kj^2, or the variance where it is missing).
    """
    n_experts, m = resp.shape
    q = squares.shape[1]
    for k in range(n_experts):
        for j in range(q):
            row, s, gap = k * q + j, 0.0, variance[k, j]
            for r in range(m):
                e = residual[row, r]
                here = e == e
                v = resp[k, r] * (e if here else 0.0)
                out[row, r] = v
                s += v * e if here else resp[k, r] * gap
            squares[k, j] += s


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def add_squares(resp, residual, variance, squares):
    """Add sum_r resp_k (residual_kj^2, or the variance where it is missing) to ``squares`` (K, q)."""
    n_experts, m = resp.shape
    q = squares.shape[1]
    for k in range(n_experts):
        for j in range(q):
            row, s, gap = k * q + j, 0.0, variance[k, j]
            for r in range(m):
                e = residual[row, r]
                s += resp[k, r] * (e * e if e == e else gap)
            squares[k, j] += s
