r"""Steps of a softmax regression on given responsibilities, shared by the gates that have one.

The objective :math:`\sum_i \sum_k r_{ik} \log g_k(x_i) - \tfrac{\lambda}{2}\lVert A_{\mathrm{slopes}}\rVert^2` is
concave in the coefficients A (K, p), the intercept first. A direction is an array like A.
"""

from __future__ import annotations

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.symmetric import unpack_symmetric, upper_triangle


def log_softmax(logits: Array, prob: Array, total: Array, log_total: Array, parts: list[slice]) -> None:
    """Turn logits into log-probabilities, in place, and write the probabilities; each part sums to one.

    ``total`` and ``log_total`` (number of parts, m) are scratch. All exponentials are one call.
    """
    for top, part in zip(total, parts, strict=True):
        kernels.softmax.shift(logits[part], top)
    np.exp(logits, out=prob)
    for out, part in zip(total, parts, strict=True):
        kernels.mixture.sum_over_experts(prob[part], out)
    np.log(total, out=log_total)
    for i, part in enumerate(parts):
        kernels.softmax.normalise(logits[part], prob[part], total[i], log_total[i])


def ridge_gradient(coef: Array, ridge: float) -> Array:
    """Return the derivative of the ridge penalty; the intercepts are not penalised."""
    pull = ridge * coef
    pull[:, 0] = 0.0
    return pull


def mm_direction(gradient: Array, gram: Array, ridge: float) -> Array:
    """Return the step of the Boehning-Lindsay bound, which cannot lower the objective.

    ``gram`` (p, p) is the sum of w x x', or anything above it.
    """
    # diag(g) - g g' is below (I - 11'/K)/2 for every g, hence half the Gram matrix bounds every curvature.
    bound = 0.5 * gram
    bound[np.arange(1, len(bound)), np.arange(1, len(bound))] += ridge
    return np.linalg.solve(bound, gradient.T).T


def newton_direction(gradient: Array, curvature: Array, ridge: float) -> Array | None:
    """Solve in reference form (last expert zero); None when the curvature is not positive definite.

    ``curvature`` (K(K-1)/2, p(p+1)/2) are the packed sums of w g_k g_l x x' over k < l.
    """
    n_experts, width = gradient.shape
    free = n_experts - 1
    blocks = np.zeros((n_experts, n_experts, width, width))
    i, j = upper_triangle(n_experts, 1)
    pairs = unpack_symmetric(curvature, width)
    blocks[i, j] = blocks[j, i] = -pairs
    for k in range(n_experts):
        blocks[k, k] = -blocks[k].sum(axis=0)
    slopes = ridge * np.eye(width)
    slopes[0, 0] = 0.0
    hessian = blocks[:free, :free] + (np.eye(free) - 1.0 / n_experts)[:, :, None, None] * slopes
    hessian = hessian.transpose(0, 2, 1, 3).reshape(free * width, free * width)
    hessian[np.diag_indices_from(hessian)] += 1e-12 * np.trace(hessian) / len(hessian)
    try:
        factor = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.solve(factor, gradient[:free].ravel())
    direction = np.zeros_like(gradient)
    direction[:free] = np.linalg.solve(factor.T, half).reshape(free, width)
    return direction if np.isfinite(direction).all() else None
