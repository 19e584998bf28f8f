"""Multinomial experts: shifted logits, probabilities and the rows of gradient and curvature.

Rows k * C + c of (K * C, m) arrays are of expert k and class c; ``y`` (m,) holds class codes 0, 1, ..., C - 1.
"""

from numba import njit

STRIP = 512  # rows whose logits of one expert stay in the first-level cache


@njit(cache=True, nogil=True, error_model="numpy")
def shift(logits, y, picked, top):
    """Subtract each expert's maximum over classes in place; ``picked`` (K, m) receives the logits of the rows' classes.

    ``top`` (m,) is scratch.
    """
    n_experts, m = picked.shape
    n_classes = logits.shape[0] // n_experts
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        n, t, code = hi - lo, top[lo:hi], y[lo:hi]
        for k in range(n_experts):
            first = logits[k * n_classes, lo:hi]
            for r in range(n):
                t[r] = first[r]
            for c in range(1, n_classes):
                z = logits[k * n_classes + c, lo:hi]
                for r in range(n):
                    t[r] = z[r] if z[r] > t[r] else t[r]
            own = picked[k, lo:hi]
            for c in range(n_classes):
                z = logits[k * n_classes + c, lo:hi]
                for r in range(n):
                    s = z[r] - t[r]
                    z[r] = s
                    own[r] = s if code[r] == c else own[r]


@njit(cache=True, nogil=True, error_model="numpy")
def normalise(prob, total):
    """Divide exponentials (K * C, m) by each expert's sum over classes, in place; ``total`` (K, m) receives it."""
    n_experts, m = total.shape
    n_classes = prob.shape[0] // n_experts
    for lo in range(0, m, STRIP):
        hi = min(m, lo + STRIP)
        n = hi - lo
        for k in range(n_experts):
            s, first = total[k, lo:hi], prob[k * n_classes, lo:hi]
            for r in range(n):
                s[r] = first[r]
            for c in range(1, n_classes):
                p = prob[k * n_classes + c, lo:hi]
                for r in range(n):
                    s[r] += p[r]
            for c in range(n_classes):
                p = prob[k * n_classes + c, lo:hi]
                for r in range(n):
                    p[r] /= s[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def gradient_rows(resp, prob, y, out):
    """Write resp_k (1[y = c] - prob_kc) for all classes but the last, row by row of ``out`` (K * (C - 1), m)."""
    n_experts, m = resp.shape
    n_classes = prob.shape[0] // n_experts
    for k in range(n_experts):
        w = resp[k]
        for c in range(n_classes - 1):
            p, o = prob[k * n_classes + c], out[k * (n_classes - 1) + c]
            for r in range(m):
                o[r] = w[r] * ((1.0 if y[r] == c else 0.0) - p[r])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def curvature_rows(resp, prob, out):
    """Write resp * prob_c * prob_d of one expert for all c < d, row by row of ``out`` (C(C-1)/2, m).

    resp (m,), prob (C, m).
    """
    n_classes, m = prob.shape
    pair = 0
    for c in range(n_classes):
        for d in range(c + 1, n_classes):
            a, b, o = prob[c], prob[d], out[pair]
            for r in range(m):
                o[r] = resp[r] * a[r] * b[r]
            pair += 1
