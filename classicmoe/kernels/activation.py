"""Softmax over an activation of linear scores: the weights of the moments that its curvature consists of.

Derivatives of the activation are of the K linear scores of a row; log-odds are differences of activations times a
number, the square of which is ``factor``.
"""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def inner_rows(prob, weight, factor, first, bend, out):
    """Write the weights of x x' for the coefficients inside, of experts k <= l, row by row of ``out`` (K(K+1)/2, m).

    They are factor * weight * prob_k (1[k = l] - prob_l) first_k first_l, and on the diagonal the part of ``bend``
    (K, m) that is positive.
    """
    n_experts, m = prob.shape
    pair = 0
    for k in range(n_experts):
        a, f, b, o = prob[k], first[k], bend[k], out[pair]
        for r in range(m):
            o[r] = factor * weight[r] * a[r] * (1.0 - a[r]) * f[r] * f[r] + (b[r] if b[r] > 0.0 else 0.0)
        pair += 1
        for j in range(k + 1, n_experts):
            c, g, o = prob[j], first[j], out[pair]
            for r in range(m):
                o[r] = -factor * weight[r] * (a[r] * f[r]) * (c[r] * g[r])
            pair += 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def outer_rows(prob, weight, factor, first, k, out, total):
    """Write the weights of x for the coefficients inside of expert k and the intercepts outside of all, ``out`` (K, m).

    They are factor * weight * prob_k (1[k = l] - prob_l) first_k; ``total`` (K,) receives the sums of the same without
    first_k.
    """
    n_experts, m = prob.shape
    a, f = prob[k], first[k]
    for j in range(n_experts):
        c, o = prob[j], out[j]
        s = 0.0
        if j == k:
            for r in range(m):
                t = factor * weight[r] * a[r] * (1.0 - a[r])
                s += t
                o[r] = t * f[r]
        else:
            for r in range(m):
                t = -factor * weight[r] * a[r] * c[r]
                s += t
                o[r] = t * f[r]
        total[j] = s
