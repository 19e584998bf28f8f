"""Gaussian experts with dense covariances of many outputs: sums of squares and moments of whitened residuals."""

from numba import njit

STRIP = 1024  # rows whose columns and residuals stay in a near cache while all pairs are visited


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def minus_half_squares(white, constant, out):
    """Write constant_k - |white_k|^2 / 2 to out (K, m); white (K * q, m), constant (K,)."""
    n_experts, m = out.shape
    q = white.shape[0] // n_experts
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        for k in range(n_experts):
            o = out[k, lo:hi]
            o[:] = constant[k]
            for j in range(0, q - 1, 2):
                a, b = white[k * q + j, lo:hi], white[k * q + j + 1, lo:hi]
                for r in range(hi - lo):
                    o[r] -= 0.5 * (a[r] * a[r] + b[r] * b[r])
            if q % 2:
                a = white[k * q + q - 1, lo:hi]
                for r in range(hi - lo):
                    o[r] -= 0.5 * a[r] * a[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _tile(w, a, b, c0, c1, c2, c3, out, i, j):
    """Add the moments of two rows with four to out[i : i + 2, j : j + 4]: eight sums stay in registers."""
    s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = 0.0
    for r in range(len(w)):
        u, v = w[r] * a[r], w[r] * b[r]
        s0 += u * c0[r]
        s1 += u * c1[r]
        s2 += u * c2[r]
        s3 += u * c3[r]
        t0 += v * c0[r]
        t1 += v * c1[r]
        t2 += v * c2[r]
        t3 += v * c3[r]
    out[i, j] += s0
    out[i, j + 1] += s1
    out[i, j + 2] += s2
    out[i, j + 3] += s3
    out[i + 1, j] += t0
    out[i + 1, j + 1] += t1
    out[i + 1, j + 2] += t2
    out[i + 1, j + 3] += t3


@njit(cache=True, nogil=True, error_model="numpy")
def add_moments(resp, columns, white, out):
    """Add sum_r resp_k u_ki u_kj, j >= i, to ``out``, where u_k are the columns and below them the k-th residuals.

    resp (K, m), columns (p, m), white (K * q, m), out (K, s, s): s is the first multiple of 4 from p + q on. What
    stands below the diagonal or beyond p + q is no moment.
    """
    n_experts, m = resp.shape
    p, side = columns.shape[0], out.shape[1]
    q = white.shape[0] // n_experts
    last = p + q - 1
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        for k in range(n_experts):
            shift = k * q - p
            for i in range(0, last + 1, 2):
                i1 = min(i + 1, last)
                a = columns[i, lo:hi] if i < p else white[shift + i, lo:hi]
                b = columns[i1, lo:hi] if i1 < p else white[shift + i1, lo:hi]
                for j in range(i - i % 4, side, 4):
                    j1, j2, j3 = min(j + 1, last), min(j + 2, last), min(j + 3, last)
                    c0 = columns[j, lo:hi] if j < p else white[shift + j, lo:hi]
                    c1 = columns[j1, lo:hi] if j1 < p else white[shift + j1, lo:hi]
                    c2 = columns[j2, lo:hi] if j2 < p else white[shift + j2, lo:hi]
                    c3 = columns[j3, lo:hi] if j3 < p else white[shift + j3, lo:hi]
                    _tile(resp[k, lo:hi], a, b, c0, c1, c2, c3, out[k], i, j)
