"""Softmax gating network: shifted logits and the weights of its gradient and curvature."""

from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def shift(logits, top):
    """Subtract the row maximum over experts (first axis) in place; ``top`` (m,) receives it."""
    n_experts, m = logits.shape
    for r in range(m):
        top[r] = logits[0, r]
    for k in range(1, n_experts):
        for r in range(m):
            top[r] = max(top[r], logits[k, r])
    for k in range(n_experts):
        for r in range(m):
            logits[k, r] -= top[r]


@njit(cache=True, nogil=True, error_model="numpy")
def normalise(logits, prob, total, log_total):
    """Turn shifted logits into log-probabilities and their exponentials into probabilities, in place."""
    n_experts, m = logits.shape
    for r in range(m):
        total[r] = 1.0 / total[r]
    for k in range(n_experts):
        for r in range(m):
            logits[k, r] -= log_total[r]
            prob[k, r] *= total[r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def gradient_rows(resp, prob, weight, out):
    """Write resp - weight * prob, the derivative of the gate's objective in its logits."""
    for k in range(resp.shape[0]):
        for r in range(resp.shape[1]):
            out[k, r] = resp[k, r] - weight[r] * prob[k, r]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def curvature_rows(prob, weight, out):
    """Write weight * prob_k * prob_l for all k < l, row by row of ``out`` (K(K-1)/2, m)."""
    n_experts, m = prob.shape
    pair = 0
    for k in range(n_experts):
        for j in range(k + 1, n_experts):
            for r in range(m):
                out[pair, r] = weight[r] * prob[k, r] * prob[j, r]
            pair += 1
