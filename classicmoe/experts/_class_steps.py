r"""Steps of a weighted multinomial logit regression, one expert at a time.

The objective :math:`\sum_i r_i \log P(y_i \mid x_i) - \tfrac{\lambda}{2}\lVert B_{\mathrm{slopes}}\rVert^2` is concave
in the coefficients B (C, p), which sum to zero over classes and have the intercept first. A step is an array like B.
"""

from __future__ import annotations

import numpy as np

from classicmoe.contracts import Array
from classicmoe.covariances.linear import solve
from classicmoe.symmetric import unpack_symmetric, upper_triangle

LONGEST = 4.0  # of a Newton step of one class, in standardised columns: logits moved further are a guess


def mm_step(gradient: Array, gram: Array, ridge: float) -> Array:
    """Return the step of the Boehning-Lindsay bound, (C, p), which cannot lower the objective."""
    # diag(p) - p p' is below (I - 11'/C)/2 for every p, hence half the expert's Gram matrix bounds its curvature; the
    # gradient sums to zero over classes, so that each class can be solved for alone.
    bound = 0.5 * unpack_symmetric(gram, gradient.shape[1])
    slopes = np.arange(1, len(bound))
    bound[slopes, slopes] += ridge
    return np.asarray(solve(bound[None], gradient[None])[0])


def newton_step(gradient: Array, curvature: Array, ridge: float) -> Array | None:
    """Return the Newton step (C, p), at most :data:`LONGEST`; None when the curvature is not positive definite.

    Solved with the last class as reference. ``curvature`` (C(C-1)/2, p(p+1)/2) are packed sums of r p_c p_d x x'.
    """
    n_classes, width = gradient.shape
    free = n_classes - 1
    blocks = np.zeros((n_classes, n_classes, width, width))
    i, j = upper_triangle(n_classes, 1)
    blocks[i, j] = blocks[j, i] = -unpack_symmetric(curvature, width)
    for c in range(n_classes):
        blocks[c, c] = -blocks[c].sum(axis=0)
    slopes = ridge * np.eye(width)
    slopes[0, 0] = 0.0
    hessian = blocks[:free, :free] + (np.eye(free) - 1.0 / n_classes)[:, :, None, None] * slopes
    hessian = hessian.transpose(0, 2, 1, 3).reshape(free * width, free * width)
    hessian[np.diag_indices_from(hessian)] += 1e-12 * np.trace(hessian) / len(hessian)
    try:
        factor = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    step = np.zeros_like(gradient)
    step[:free] = np.linalg.solve(factor.T, np.linalg.solve(factor, gradient[:free].ravel())).reshape(free, width)
    step -= step.mean(axis=0)
    if not np.isfinite(step).all():
        return None
    longest = float(np.sqrt(np.square(step).sum(axis=1)).max())
    return np.asarray(step * min(1.0, LONGEST / max(longest, 1e-300)))
