r"""The M-step of a Lasso mixture as convex programs on the rows themselves, for a conic solver; nothing of the engine.

With responsibilities :math:`r_{ik}` held fixed the gate and the experts of a mixture are concave problems,

.. math::

    \max_c\; \ell(c) - \alpha \sum_l \lVert c_l \rVert_1
    \qquad\text{or}\qquad
    \max_c\; \ell(c) \quad\text{subject to}\quad \sum_l \lVert c_l \rVert_1 \le m

over lines of coefficients c (L, p), whose intercepts, in the first column of x (n, p), are free. The second form is
that of the oracle inequalities for the Lasso (Nguyen, Nguyen, Chamroukhi & McLachlan, 2020); at m equal to the norm of
a solution of the first it has the same solution, and the multiplier of its constraint is :math:`\alpha`.
"""

import warnings
from abc import ABC, abstractmethod
from typing import NamedTuple

import cvxpy as cp
import numpy as np
from scipy.special import expit, gammaln, log_softmax
from scipy.stats import norm

ACCURACY = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}


class Term(ABC):
    """A log-likelihood with weights: as a concave expression, as a number, and its curvature (L * p, L * p)."""

    @abstractmethod
    def expression(self, coef): ...

    @abstractmethod
    def value(self, coef): ...

    @abstractmethod
    def curvature(self, coef): ...


class Softmax(Term):
    """Sum of targets (n, L) times log-probabilities: gates, with responsibilities, and classes, with indicators."""

    def __init__(self, x, target):
        self.x, self.target = x, target

    def expression(self, coef):
        scores = self.x @ coef.T
        return cp.sum(cp.multiply(self.target, scores)) - self.target.sum(axis=1) @ cp.log_sum_exp(scores, axis=1)

    def value(self, coef):
        return float(np.sum(self.target * log_softmax(self.x @ coef.T, axis=1)))

    def curvature(self, coef):
        prob = np.exp(log_softmax(self.x @ coef.T, axis=1))
        bend = self.target.sum(axis=1)[:, None, None] * prob[:, :, None] * (np.eye(len(coef)) - prob[:, None, :])
        return np.einsum("nab,ni,nj->aibj", bend, self.x, self.x).reshape(coef.size, coef.size)


class Lines(Term):
    """One predictor per expert, with the weights (K, n) of the rows: Gaussian of known variances, Poisson, binomial."""

    def __init__(self, family, x, y, weights, variance=None):
        self.x, self.y, self.weights, self.variance = x, y, weights, variance
        self.family = family

    def expression(self, coef):
        return sum(weight @ self._row(self.x @ coef[k], k) for k, weight in enumerate(self.weights))

    def _row(self, eta, k):
        if self.family == "gaussian":
            scale = np.sqrt(self.variance[k])
            constant = -0.5 * np.log(2.0 * np.pi * self.variance[k])
            return constant - 0.5 * cp.square((self.y - eta) / scale)
        if self.family == "poisson":
            return cp.multiply(self.y, eta) - cp.exp(eta) - gammaln(self.y + 1.0)
        return cp.multiply(self.y, eta) - cp.logistic(eta)

    def value(self, coef):
        eta = coef @ self.x.T
        rows = {
            "gaussian": lambda: norm.logpdf(self.y, eta, np.sqrt(self.variance)[:, None]),
            "poisson": lambda: self.y * eta - np.exp(eta) - gammaln(self.y + 1.0),
            "binomial": lambda: self.y * eta - np.logaddexp(0.0, eta),
        }[self.family]()
        return float(np.sum(self.weights * rows))

    def curvature(self, coef):
        eta = coef @ self.x.T
        bend = {
            "gaussian": lambda: np.ones_like(eta) / np.asarray(self.variance)[:, None],
            "poisson": lambda: np.exp(eta),
            "binomial": lambda: expit(eta) * expit(-eta),
        }[self.family]()
        k, p = coef.shape
        out = np.zeros((k, p, k, p))
        out[np.arange(k), :, np.arange(k)] = np.einsum("kn,ni,nj->kij", self.weights * bend, self.x, self.x)
        return out.reshape(coef.size, coef.size)


class Answer(NamedTuple):
    """Coefficients (L, p), and the multiplier of the ball: nan where there is none."""

    coef: np.ndarray
    multiplier: float


def slopes_norm(coef, grouped=False):
    """The l1 norm of the slopes, or sqrt(L) times the sum of the lengths of their columns."""
    slopes = coef[:, 1:]
    return float(np.sqrt(len(slopes)) * np.linalg.norm(slopes, axis=0).sum() if grouped else np.abs(slopes).sum())


def solve(term, n_lines, alpha=0.0, radius=None, reference=False, grouped=False):
    """The maximum with a penalty, or in the ball; in the reference form the last line is zero and in no norm."""
    coef = cp.Variable((n_lines, term.x.shape[1]))
    slopes = coef[:-1, 1:] if reference else coef[:, 1:]
    size = np.sqrt(slopes.shape[0]) * cp.sum(cp.norm(slopes, 2, axis=0)) if grouped else cp.sum(cp.abs(slopes))
    limits = [coef[-1] == 0.0] if reference else []
    ball = [] if radius is None else [size <= radius]
    problem = cp.Problem(cp.Maximize(term.expression(coef) - alpha * size), ball + limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": asked for more than it reaches, it gives what it can
        problem.solve(solver="CLARABEL", **ACCURACY)
    return Answer(coef.value, float(ball[0].dual_value) if ball else np.nan)
