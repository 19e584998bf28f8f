r"""Experts that climb by scoring: one linear predictor, one step per pass, whatever the family.

One pass adds up the derivative of the weighted log-density in the coefficients :math:`b_k` and a positive definite
curvature; the update is one scoring step. It is never longer than :data:`LONGEST`, and the engine tries shares of it
when the objective would fall: :math:`b_k` moves uphill, hence a share that is small enough cannot fail. The safe step
leaves :math:`b_k` and takes the further parameters to their maximum, where the family knows it.

Source: Jordan & Jacobs (1994); McCullagh & Nelder (1989) for the scoring step.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Ground, Step
from classicmoe.covariances.linear import solve
from classicmoe.experts._linear import LinearFamily, LinearParameters
from classicmoe.symmetric import unpack_symmetric

LONGEST = 4.0  # of a step, in standardised columns: a predictor moved further is a guess


class LinearStatistics(NamedTuple):
    """Sums of r (K,), of r times the derivative in the coefficients (K, p), packed curvature, and what ``more`` needs.

    The first s columns of ``more`` (K, t) are the derivatives in the further parameters.
    """

    mass: Array
    gradient: Array
    curvature: Array
    more: Array


class ScoredExpert(LinearFamily):
    """A linear family that gives two derivatives of its log-density in the predictor."""

    longest: ClassVar[float] = LONGEST

    @abstractmethod
    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return the derivative of log f in the predictor and a positive curvature, (K, m) each, in fresh arrays."""

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return the rows whose weighted sums ``more`` needs, (K, m) each; first the derivatives of log f."""
        return []

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the next further parameters, (K, s); ``change`` (K, p) is that of the coefficients."""
        return params.more

    def statistics(self, params: LinearParameters, block: Block, resp: Array) -> LinearStatistics:
        """Return mass, gradient, curvature and the sums of the further parameters."""
        slope, weight = self.derivatives(params, block)
        rows = self.more_rows(params, block)
        more = np.array([(resp * row).sum(axis=1) for row in rows]).T.reshape(len(resp), len(rows))
        gradient = np.dot(np.multiply(resp, slope, out=slope), block.expert_columns.T)
        width = params.coef.shape[1]
        curvature = np.zeros((len(resp), width * (width + 1) // 2))
        kernels.moments.add_second_moments(np.multiply(resp, weight, out=weight), block.expert_columns, curvature)
        return LinearStatistics(resp.sum(axis=1), gradient, curvature, more)

    def update(
        self, params: LinearParameters, statistics: LinearStatistics, ground: Ground, step: Step = "full"
    ) -> LinearParameters:
        """Return the parameters after (a share of) one scoring step."""
        change = SHARE[step] * direction(params.coef, statistics, self.ridge, self.longest, ground)
        return self.moved(params, statistics, change, ground, step)

    def quadratic(self, params: LinearParameters, statistics: LinearStatistics) -> tuple[Array, Array]:
        """Return derivative (K, p) and curvature (K, p, p) of the weighted log-density in the coefficients."""
        return statistics.gradient, unpack_symmetric(statistics.curvature, params.coef.shape[1])

    def moved(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> LinearParameters:
        """Return the parameters after a change (K, p) of the coefficients and the step of the further parameters."""
        return LinearParameters(params.coef + change, self.update_more(params, statistics, change, ground, step))

    def row_slopes(self, params: LinearParameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives in the predictors, times the responsibilities, (K, m)."""
        return np.asarray(resp * self.derivatives(params, block)[0])

    def score(self, params: LinearParameters, statistics: LinearStatistics) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters."""
        gradient = statistics.gradient - self.ridge * (params.coef @ slopes_only(params.coef.shape[1]))
        return self.pack_slopes(gradient, statistics.more[:, : self.n_more])

    def scores(self, params: LinearParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        slope, _ = self.derivatives(params, block)
        by_coef = (resp * slope).T[..., None] * block.expert_columns.T[:, None]  # (m, K, p)
        by_more = np.zeros((*by_coef.shape[:2], self.n_more))
        for j, row in enumerate(self.more_rows(params, block)[: self.n_more]):
            by_more[..., j] = (resp * row).T
        return self.pack_slopes(by_coef, by_more)


def slopes_only(width: int) -> Array:
    """Return the identity without the intercept's entry."""
    eye = np.eye(width)
    eye[0, 0] = 0.0
    return eye


def direction(coef: Array, statistics: LinearStatistics, ridge: float, longest: float, ground: Ground) -> Array:
    """Return the scoring step of the coefficients (K, p), no longer than ``longest``; 0 for experts without rows."""
    width = coef.shape[1]
    curvature = unpack_symmetric(statistics.curvature, width) + ridge * slopes_only(width)
    gradient = statistics.gradient - ridge * (coef @ slopes_only(width))
    alive = statistics.mass > 1e-10 * ground.weight
    change = np.zeros_like(coef)
    change[alive] = solve(curvature[alive], gradient[alive][:, None])[:, 0]
    length = np.sqrt(np.square(change).sum(axis=1))
    return np.asarray(change * np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, None])


def gain(statistics: LinearStatistics, change: Array) -> Array:
    """Return by how much twice the weighted log-density rises with the coefficients, to second order, (K,)."""
    curvature = unpack_symmetric(statistics.curvature, change.shape[1])
    by_slope = 2.0 * (change * statistics.gradient).sum(axis=1)
    return np.asarray(by_slope - np.einsum("kp,kpr,kr->k", change, curvature, change))


def newton_1d(first: Array, second: Array, shared: bool, longest: float = 1.0) -> Array:
    """Return a Newton step uphill in one coordinate per expert, (K,), from sums of two derivatives."""
    if shared:
        first, second = np.full_like(first, first.sum()), np.full_like(second, second.sum())
    bent = np.maximum(np.abs(second), 1e-300)  # where it is not concave: the same length uphill
    return np.asarray(np.clip(first / bent, -longest, longest))
