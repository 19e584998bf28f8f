"""Slow, obvious twins: the formulas of the model in NumPy and SciPy, row by row, and nothing of the engine.

Everything is in the user's units. ``X`` carries no intercept; coefficients carry it first. Entries of ``Y`` that are
NaN are missing: a density is the marginal one of the others.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm


class Regions(NamedTuple):
    """A Gaussian gate: weights (K,), means (K, d) and covariances (K, d, d)."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


class Tree(NamedTuple):
    """A tree of softmax gates: paths (K, E), nodes (E,) and coefficients (E, 1 + p_gate) of its branches."""

    paths: np.ndarray
    node: np.ndarray
    coef: np.ndarray

    @property
    def shape(self):
        return self.coef.shape


class Activated(NamedTuple):
    """Scores are (function(inner score) + outer) / temperature: inner (K, 1 + p_gate), outer (K,)."""

    function: Any
    inner: np.ndarray
    outer: np.ndarray
    temperature: float

    @property
    def shape(self):
        return self.inner.shape


ACTIVATIONS = {
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
    "tanh": np.tanh,
    "gelu": lambda z: z * norm.cdf(z),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "identity": lambda z: z,
}


class Parameters(NamedTuple):
    """A mixture: gate (coefficients (K, 1 + p_gate) or regions), experts (K, q, 1 + p_expert), covariances."""

    gate: Any
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
    out = np.zeros((len(Y), len(coef)))
    for i in range(len(Y)):
        seen = np.flatnonzero(~np.isnan(Y[i]))
        for k in range(len(coef)):
            if len(seen):
                mean, covariance = (coef[k] @ design[i])[seen], covariances[k][np.ix_(seen, seen)]
                out[i, k] = multivariate_normal.logpdf(Y[i, seen], mean, covariance)
    return out


def log_regions(X, regions):
    """log of pi_k N(x; m_k, V_k) = log p(x, expert), (n, K)."""
    out = np.empty((len(X), len(regions.weights)))
    for k, weight in enumerate(regions.weights):
        out[:, k] = np.log(weight) + multivariate_normal(regions.means[k], regions.covariances[k]).logpdf(X)
    return out


def log_tree(X, tree):
    """log of the product of the split probabilities along every expert's path, (n, K)."""
    log_branch = np.empty((len(X), len(tree.node)))
    for v in np.unique(tree.node):
        log_branch[:, tree.node == v] = log_softmax(X, tree.coef[tree.node == v])
    return np.stack([log_branch[:, path > 0.0].sum(axis=1) for path in tree.paths], axis=1)


def log_gate(X, gate):
    """log p(expert | x), (n, K)."""
    if isinstance(gate, Tree):
        return log_tree(X, gate)
    if isinstance(gate, Activated):
        scores = (gate.function(with_intercept(X) @ gate.inner.T) + gate.outer) / gate.temperature
        return scores - logsumexp(scores, axis=1, keepdims=True)
    if not isinstance(gate, Regions):
        return log_softmax(X, gate)
    joint = log_regions(X, gate)
    return joint - logsumexp(joint, axis=1, keepdims=True)


def log_density_of_x(X, gate):
    """log p(x), (n,); 0 for a gate that does not model x."""
    return logsumexp(log_regions(X, gate), axis=1) if isinstance(gate, Regions) else np.zeros(len(X))


def as_columns(Y):
    Y = np.asarray(Y, dtype=float)
    return Y if Y.ndim == 2 else Y[:, None]


def joint_log_density(params, X_gate, X_expert, Y):
    """log g_k(x) + log f_k(y | x), (n, K)."""
    experts = gaussian_log_density(X_expert, Y, params.experts, params.covariances)
    return log_gate(X_gate, params.gate) + experts


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
    return np.einsum("ik,ikq->iq", np.exp(log_gate(X_gate, params.gate)), means(params, X_expert))


def second_moments(weights, columns):
    """sum_r weights[w, r] columns[i, r] columns[j, r] for i <= j, packed row by row, (W, p(p+1)/2)."""
    p = len(columns)
    return np.array([[np.sum(w * columns[i] * columns[j]) for i in range(p) for j in range(i, p)] for w in weights])


def parameters_of(estimator):
    """Parameters of a fitted estimator, from its public attributes only."""
    intercept, coef = estimator.expert_intercept_, estimator.expert_coef_
    if intercept.ndim == 1:
        intercept, coef = intercept[:, None], coef[:, None, :]
    experts = np.concatenate([intercept[..., None], coef], axis=2)
    return Parameters(gate_of(vars(estimator), estimator.gate), experts, estimator.expert_covariances_)


def gate_of(attributes, gate=None):
    """Gate of public attributes, by name; an activation is an argument of the gate."""
    if "gate_inner_coef_" in attributes:
        inner = np.column_stack([attributes["gate_inner_intercept_"], attributes["gate_inner_coef_"]])
        return Activated(ACTIVATIONS[gate.activation], inner, attributes["gate_outer_intercept_"], gate.temperature)
    if "gate_means_" in attributes:
        return Regions(*(attributes[f"gate_{name}_"] for name in Regions._fields))
    if "gate_paths_" in attributes:
        coef = np.column_stack([attributes["gate_branch_intercept_"], attributes["gate_branch_coef_"]])
        return Tree(attributes["gate_paths_"], attributes["gate_branch_node_"], coef)
    # Under a temperature the effective coefficients are those of the probabilities.
    kind = "effective_" if "gate_coef_effective_" in attributes else ""
    return np.column_stack([attributes[f"gate_intercept_{kind}"], attributes[f"gate_coef_{kind}"]])


def gate_columns(gate, X):
    """The columns that a gate of all columns sees: none if it is constant."""
    return X[:, : gate.means.shape[1] if isinstance(gate, Regions) else gate.shape[1] - 1]


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
