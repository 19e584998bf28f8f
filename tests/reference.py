"""Slow, obvious twins: the formulas of the model in NumPy and SciPy, row by row, and nothing of the engine.

Everything is in the user's units. ``X`` carries no intercept; coefficients carry it first.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal


class Parameters(NamedTuple):
    """A mixture: gate (K, 1 + p_gate), experts (K, q, 1 + p_expert), covariances (K, q, q)."""

    gate: np.ndarray
    experts: np.ndarray
    covariances: np.ndarray


def with_intercept(X):
    X = np.asarray(X, dtype=float)
    return np.column_stack([np.ones(len(X)), X])


def log_softmax(X, coef):
    """log of exp(a_k . x) / sum_l exp(a_l . x), (n, K)."""
    logits = with_intercept(X) @ np.asarray(coef).T
    return logits - logsumexp(logits, axis=1, keepdims=True)


def gaussian_log_density(X, Y, coef, covariances):
    """log N(y; B_k x, S_k), (n, K), one call of SciPy per row and expert."""
    design, Y = with_intercept(X), as_columns(Y)
    out = np.empty((len(Y), len(coef)))
    for i in range(len(Y)):
        for k in range(len(coef)):
            out[i, k] = multivariate_normal.logpdf(Y[i], coef[k] @ design[i], covariances[k])
    return out


def as_columns(Y):
    Y = np.asarray(Y, dtype=float)
    return Y if Y.ndim == 2 else Y[:, None]


def joint_log_density(params, X_gate, X_expert, Y):
    """log g_k(x) + log f_k(y | x), (n, K)."""
    experts = gaussian_log_density(X_expert, Y, params.experts, params.covariances)
    return log_softmax(X_gate, params.gate) + experts


def log_density(params, X_gate, X_expert, Y):
    """log p(y | x), (n,)."""
    return logsumexp(joint_log_density(params, X_gate, X_expert, Y), axis=1)


def responsibilities(params, X_gate, X_expert, Y):
    """P(expert | x, y), (n, K)."""
    joint = joint_log_density(params, X_gate, X_expert, Y)
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def means(params, X):
    """E[y | x, expert], (n, K, q)."""
    return np.einsum("ip,kqp->ikq", with_intercept(X), params.experts)


def mean(params, X_gate, X_expert):
    """E[y | x], (n, q)."""
    return np.einsum("ik,ikq->iq", np.exp(log_softmax(X_gate, params.gate)), means(params, X_expert))


def second_moments(weights, columns):
    """sum_r weights[w, r] columns[i, r] columns[j, r] for i <= j, packed row by row, (W, p(p+1)/2)."""
    p = len(columns)
    return np.array([[np.sum(w * columns[i] * columns[j]) for i in range(p) for j in range(i, p)] for w in weights])


def parameters_of(estimator):
    """Parameters of a fitted estimator, from its public attributes only."""
    intercept, coef = estimator.expert_intercept_, estimator.expert_coef_
    if intercept.ndim == 1:
        intercept, coef = intercept[:, None], coef[:, None, :]
    return Parameters(
        np.column_stack([estimator.gate_intercept_, estimator.gate_coef_]),
        np.concatenate([intercept[..., None], coef], axis=2),
        estimator.expert_covariances_,
    )


def least_squares(X, Y, weight=None):
    """Coefficients (q, p), intercept first, residual covariance / n and log-likelihood of the Gaussian linear model."""
    design, Y = with_intercept(X), as_columns(Y)
    weight = np.ones(len(Y)) if weight is None else np.asarray(weight, float)
    root = np.sqrt(weight)[:, None]
    coef = np.linalg.lstsq(root * design, root * Y, rcond=None)[0].T
    residual = Y - design @ coef.T
    covariance = (weight[:, None] * residual).T @ residual / weight.sum()
    density = multivariate_normal(np.zeros(Y.shape[1]), covariance).logpdf(residual)
    return coef, covariance, float(weight @ density)


def entropy(resp, weight=None):
    """-sum_i w_i sum_k tau_ik log tau_ik."""
    weight = np.ones(len(resp)) if weight is None else weight
    positive = resp > 0
    terms = np.where(positive, resp * np.log(np.where(positive, resp, 1.0)), 0.0)
    return -float(weight @ terms.sum(axis=1))
