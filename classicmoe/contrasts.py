r"""Steps of a softmax regression with given weights: of gates, and of experts for classes.

With responsibilities, or indicators of classes times a weight, :math:`r_{ik}` the objective

.. math::

    \sum_i \sum_k r_{ik} \log\frac{\exp(a_k^\top \tilde x_i)}{\sum_l \exp(a_l^\top \tilde x_i)}
    - \tfrac{\lambda}{2}\lVert A_{\mathrm{slopes}}\rVert^2

is concave in the coefficients A (K, p), which sum to zero over k and have the intercept first. A direction is an array
like A; the gradient sums to zero over k, too.

Source: Boehning & Lindsay (1988) for the bound on the curvature.
"""

from __future__ import annotations

import numpy as np

from classicmoe.contracts import Array
from classicmoe.covariances.linear import solve
from classicmoe.penalties import Majoriser, maximise, violation
from classicmoe.symmetric import unpack_symmetric, upper_triangle

EXACT = 1e-3
JITTER = 1e-12  # of the mean curvature, added to every coordinate: where the rows say nothing the step is zero


def ridge_gradient(coef: Array, ridge: float) -> Array:
    """Return the derivative of the ridge penalty in coefficients (..., p); the intercepts are not penalised."""
    pull = ridge * coef
    pull[..., 0] = 0.0
    return np.asarray(pull)


def mm_direction(gradient: Array, gram: Array, ridge: float) -> Array:
    """Return the step of the Boehning-Lindsay bound, which cannot lower the objective.

    ``gram`` (p, p) is the sum of w x x', with the weights w of the rows, or anything above it.
    """
    # diag(g) - g g' is below (I - 11'/K)/2 for every g, hence half the Gram matrix bounds every curvature; the
    # gradient sums to zero, so that each k can be solved for alone.
    bound = 0.5 * gram
    slopes = np.arange(1, len(bound))
    bound[slopes, slopes] += ridge
    return np.asarray(solve(bound[None], gradient[None])[0])


def newton_direction(gradient: Array, curvature: Array, ridge: float) -> Array | None:
    """Return the Newton step in symmetric form; None when the curvature is not positive definite.

    ``curvature`` (K(K-1)/2, p(p+1)/2) are the packed sums of w g_k g_l x x' over k < l. Solved with the last k as
    reference.
    """
    hessian = _reference_form(unpack_symmetric(curvature, gradient.shape[1]), len(gradient), ridge)
    hessian[np.diag_indices_from(hessian)] += JITTER * np.trace(hessian) / len(hessian)
    try:
        factor = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.solve(factor, gradient[:-1].ravel())
    direction = np.zeros_like(gradient)
    direction[:-1] = np.linalg.solve(factor.T, half).reshape(gradient[:-1].shape)
    direction -= direction.mean(axis=0)
    return direction if np.isfinite(direction).all() else None


def shortened(step: Array, longest: float) -> Array:
    """Return a step (K, p), or as much of it that no line is longer than ``longest``."""
    size = max(float(np.abs(step).max()), 1e-300)  # squares of a step without a maximum overflow
    length = size * np.linalg.norm(step / size, axis=1).max()
    return step * min(1.0, longest / max(length, 1e-300))


def penalised_direction(
    coef: Array, gradient: Array, curvature: Array | None, gram: Array, majoriser: Majoriser
) -> Array:
    """Return the step to the maximum of a quadratic minus a penalty, in the coefficients of the first n k, (n, p).

    The quadratic is Newton's, or without ``curvature`` the Boehning-Lindsay bound, whose step cannot lower the
    objective. It is maximised until the conditions of optimality hold to a share :data:`EXACT` of how far they are off.
    """
    wrong = np.abs(violation(majoriser, gradient, coef)).max()
    if curvature is None:  # alike for all lines
        hessian = np.broadcast_to(0.5 * gram, (len(coef), *gram.shape))
    else:
        hessian = minus_hessian(curvature, coef.shape)
    return maximise(majoriser, hessian, gradient, coef, EXACT * wrong) - coef


def minus_hessian(curvature: Array, shape: tuple[int, ...]) -> Array:
    """Return minus the second derivative in the coefficients of the first n of all k, (n * p, n * p), from its pairs.

    ``shape`` is (n, p); fewer than all if the others' are held.
    """
    n, width = shape
    n_all = round((1.0 + np.sqrt(1.0 + 8.0 * len(curvature))) / 2.0)  # of which there are so many pairs
    blocks = _blocks(unpack_symmetric(curvature, width), n_all)[:n, :n]
    return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(n * width, n * width))


def _blocks(pairs: Array, n: int) -> Array:
    """Return minus the second derivative in all coefficients by pairs of k, (K, K, p, p)."""
    width, k = pairs.shape[1], np.arange(n)
    blocks = np.zeros((n, n, width, width))
    i, j = upper_triangle(n, 1)
    blocks[i, j] = blocks[j, i] = -pairs
    blocks[k, k] = -blocks.sum(axis=1)
    return blocks


def _reference_form(pairs: Array, n: int, ridge: float) -> Array:
    """Return minus the second derivative in the contrasts with the last k, ((K-1)p, (K-1)p)."""
    width, free = pairs.shape[1], n - 1
    blocks = _blocks(pairs, n)
    slopes = ridge * np.eye(width)
    slopes[0, 0] = 0.0
    hessian = blocks[:free, :free] + (np.eye(free) - 1.0 / n)[:, :, None, None] * slopes
    return np.asarray(hessian.transpose(0, 2, 1, 3).reshape(free * width, free * width))
