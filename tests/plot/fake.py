"""A mixture of experts with given parameters and the methods that pictures ask of an estimator."""

import numpy as np
from scipy.special import log_softmax, softmax
from scipy.stats import norm

from classicmoe.models.frames import as_table, kind_of, numbers_of


class FakeMoE:
    """Softmax gate and linear Gaussian experts; text columns of frames are coded against their first level."""

    def __init__(self, gate_coef, gate_intercept, expert_coef, expert_intercept, scale, levels=None):
        self.gate_coef, self.gate_intercept = np.asarray(gate_coef), np.asarray(gate_intercept)
        self.expert_coef, self.expert_intercept = np.asarray(expert_coef), np.asarray(expert_intercept)
        self.scale, self.levels = np.asarray(scale), levels or {}
        self.response_name_ = "response"
        self.rows_seen = 0

    def _design(self, X):
        table = as_table(X)
        if table is None:
            design = np.asarray(X, dtype=float)
        else:
            columns = []
            for name in table.names:
                column = table.column(name)
                if kind_of(column) == "number":
                    columns.append(numbers_of(column))
                else:
                    values = column.to_list()
                    columns += [np.array([v == level for v in values], float) for level in self.levels[name][1:]]
            design = np.column_stack(columns)
        self.rows_seen += len(design)
        return design

    def predict_gate(self, X):
        return softmax(self._scores(X), axis=1)

    def _scores(self, X):
        return self.gate_intercept + self._design(X) @ self.gate_coef.T

    def predict_experts(self, X):
        design = self._design(X)
        if self.expert_coef.ndim == 3:  # (K, q, p)
            return self.expert_intercept + np.einsum("ip,kqp->ikq", design, self.expert_coef)
        return self.expert_intercept + design @ self.expert_coef.T

    def predict(self, X):
        return np.einsum("ik,ik...->i...", self.predict_gate(X), self.predict_experts(X))

    def responsibilities(self, X, y):
        experts, y = self.predict_experts(X), np.asarray(y)
        away = y[:, None] - experts
        log_density = norm.logpdf(away, scale=self.scale) if away.ndim == 2 else norm.logpdf(away).sum(axis=2)
        return softmax(log_softmax(self._scores(X), axis=1) + log_density, axis=1)
