"""A known mixture of experts, as plain NumPy.

The model is

    p(y | x) = sum_k g_k(x) N(y; b_k + B_k x, S_k),    g_k(x) = exp(a_k + c_k . x) / sum_l exp(a_l + c_l . x)

with gate intercepts a_k and coefficients c_k (zero for the last expert), expert intercepts b_k, coefficients B_k and
noise covariance S_k (for one output the variance scale_k^2): Jacobs, Jordan, Nowlan and Hinton (1991), "Adaptive
mixtures of local experts", Neural Computation 3, 79-87. This module shares no line with the code that fits, on purpose:
a test may compare the two.
"""

from typing import NamedTuple

import numpy as np


class SimulatedMoE(NamedTuple):
    """A simulated data set together with the model that it was drawn from.

    K experts, p features, q outputs; shapes for one output in brackets. They are those of the fitted attributes of
    ``MoERegressor`` (``gate_coef`` here is ``gate_coef_`` there), and so is the convention that the last expert's gate
    is zero. The experts keep the order in which they were given or drawn.
    """

    X: np.ndarray
    """(n, p) features."""
    y: np.ndarray
    """(n, q) responses [(n,)]."""
    labels: np.ndarray
    """(n,) the expert that drew each row, 0 to K - 1."""
    gate_coef: np.ndarray
    """(K, p), last row zero."""
    gate_intercept: np.ndarray
    """(K,), last entry zero."""
    expert_coef: np.ndarray
    """(K, q, p) [(K, p)]."""
    expert_intercept: np.ndarray
    """(K, q) [(K,)]."""
    covariances: np.ndarray
    """(K, q, q) noise covariances [(K, 1, 1)]."""
    scale: np.ndarray
    """(K, q) standard deviations of the noise [(K,)]."""
    log_likelihood: float
    """sum_i log p(y_i | x_i) of the simulated rows at the true parameters."""

    def predict_gate(self, X):
        """Return the true P(expert | x), (n, K)."""
        return np.exp(self._log_gate(np.asarray(X, dtype=np.float64)))

    def predict_experts(self, X):
        """Return the true E[y | x, expert], (n, K, q) [(n, K)]."""
        X = np.asarray(X, dtype=np.float64)
        means = np.stack([X @ coef.T for coef in self.expert_coef], axis=1)
        return means + self.expert_intercept

    def predict(self, X):
        """Return the true E[y | x], (n, q) [(n,)]."""
        return np.einsum("nk,nk...->n...", self.predict_gate(X), self.predict_experts(X))

    def score_samples(self, X, y):
        """Return the true log p(y | x) of each row, (n,)."""
        return _log_sum_exp(self._log_joint(X, y))

    def responsibilities(self, X, y):
        """Return the true P(expert | x, y), (n, K)."""
        log_joint = self._log_joint(X, y)
        return np.exp(log_joint - _log_sum_exp(log_joint)[:, None])

    def _log_gate(self, X):
        scores = X @ self.gate_coef.T + self.gate_intercept
        return scores - _log_sum_exp(scores)[:, None]

    def _log_joint(self, X, y):
        """Return log g_k(x) + log N(y; mean_k, S_k), (n, K)."""
        X = np.asarray(X, dtype=np.float64)
        n_rows, n_experts = X.shape[0], self.gate_intercept.size
        residuals = np.asarray(y, dtype=np.float64).reshape(n_rows, 1, -1) - self.predict_experts(X).reshape(
            n_rows, n_experts, -1
        )
        log_joint = self._log_gate(X)
        for k, covariance in enumerate(self.covariances):
            factor = np.linalg.cholesky(covariance)
            whitened = np.linalg.solve(factor, residuals[:, k].T)
            log_norm = np.log(np.diag(factor)).sum() + 0.5 * len(factor) * np.log(2.0 * np.pi)
            log_joint[:, k] -= 0.5 * np.einsum("qn,qn->n", whitened, whitened) + log_norm
        return log_joint


def _log_sum_exp(values):
    """Return log sum_k exp(values[:, k]) without overflow, (n,)."""
    top = values.max(axis=1)
    return top + np.log(np.exp(values - top[:, None]).sum(axis=1))
