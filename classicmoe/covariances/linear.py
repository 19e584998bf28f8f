r"""Linear means with Gaussian noise of any structure: density, statistics and update, for experts and for gates.

.. math::

    f_k(y \mid x) = \mathcal N\bigl(y;\; B_k \tilde x,\; \Sigma_k\bigr),\qquad \tilde x = (1, x)

The statistics are taken about the current means: with residuals :math:`e_k = y - B_k\tilde x`, the sums of
:math:`r\,e\tilde x^\top`, :math:`r\,\tilde x\tilde x^\top` and what the covariance asks of :math:`r\,ee^\top` give
the exact weighted least-squares update, and repeated passes refine it like iterative refinement does, so that normal
equations cost no accuracy.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array, Block, Design, Ground, Measure, Response, Scaling, Step
from classicmoe.covariances import whitened
from classicmoe.covariances.dense import FEW, Dense, DenseStatistics
from classicmoe.symmetric import pack_symmetric, unpack_symmetric

EMPTY = 1e-10  # share of all weight below which an expert has no rows
SINGULAR = 1e-12  # share of a column's squares that is its own, below which it is rounding


class GaussianParameters(NamedTuple):
    """Coefficients (K, q, p), intercept first, and the parameters of the covariances."""

    coef: Array
    noise: Any


class GaussianStatistics(NamedTuple):
    """Sums of r (K,), r e x' (K, q, p), packed r x x' (K, p(p+1)/2) and those of the covariances."""

    mass: Array
    gradient: Array
    gram: Array
    noise: Any


class LinearGaussian:
    """Linear means and Gaussian noise; a subclass says which structure the covariance has."""

    structure: Any  # one of those in classicmoe.covariances
    scaling: ClassVar[Scaling] = "standard"
    measure: ClassVar[Measure] = "lebesgue"
    damped: ClassVar[bool] = False  # every step is an exact maximum

    @property
    def diagonal_only(self) -> bool:
        """Whether only variances of the response, not its covariances, are asked of the first look at the rows."""
        return bool(self.structure.diagonal_only)

    @property
    def tolerates_missing(self) -> bool:
        """Whether entries of y may be NaN: they are integrated out."""
        return bool(self.structure.tolerates_missing)

    def start(self, n_experts: int, ground: Ground) -> GaussianParameters:
        """Return ordinary least squares over all rows, the same for every expert."""
        coef = solve(ground.expert_gram[None], ground.expert_cross[None])[0]
        explained = (ground.expert_cross * coef).sum(axis=1)
        variance = (ground.response_squares - explained) / ground.weight
        gram = None
        if ground.response_gram is not None:
            gram = (ground.response_gram - ground.expert_cross @ coef.T) / ground.weight
        noise = self.structure.start(np.maximum(variance, ground.floor), gram, n_experts, ground.floor)
        return GaussianParameters(np.broadcast_to(coef, (n_experts, *coef.shape)).copy(), noise)

    def _whitens(self, params: GaussianParameters) -> bool:
        """Tell whether residuals are kept whitened: for dense covariances of more than a few outputs."""
        return isinstance(self.structure, Dense) and params.coef.shape[1] > FEW

    def _residual(self, params: GaussianParameters, block: Block) -> tuple[Array, Array]:
        """Return residuals, or whitened ones, (K * q, m) and log-densities (K, m), computed together."""
        n_experts, q, width = params.coef.shape
        residual = block.scratch("residual", n_experts * q)
        out = block.scratch("log density", n_experts)

        def compute() -> Array:
            if self._whitens(params):
                whitened.log_density(params, block, residual, out)
            else:
                np.dot(params.coef.reshape(-1, width), block.expert_columns, out=residual)
                self.structure.log_density(params.noise, block.y, residual, out)
            return out

        block.once("gaussian", params, compute)
        return residual, out

    def log_density(self, params: GaussianParameters, block: Block) -> Array:
        """Return log f_k(y | x), (K, m)."""
        return self._residual(params, block)[1]

    def working(self, y: Array) -> Array:
        """Return the responses as they are."""
        return y

    def location(self, params: GaussianParameters, block: Block) -> Array:
        """Return the experts' means, (K, q, m)."""
        return self.mean(params, block)

    def mean(self, params: GaussianParameters, block: Block) -> Array:
        """Return the experts' means, (K, q, m)."""
        n_experts, q, width = params.coef.shape
        return np.dot(params.coef.reshape(-1, width), block.expert_columns).reshape(n_experts, q, -1)

    def covariances(self, params: GaussianParameters) -> Array:
        """Return the covariances, (K, q, q)."""
        return np.asarray(self.structure.dense(params.noise))

    def spread(self, params: GaussianParameters) -> Array:
        """Return a typical standard deviation per expert, (K,)."""
        return np.asarray(self.structure.spread(params.noise))

    def at_floor(self, params: GaussianParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return whether the covariance sits on the floor, (K,)."""
        return np.asarray(self.structure.at_floor(params.noise, ground.floor))

    def statistics(self, params: GaussianParameters, block: Block, resp: Array) -> GaussianStatistics:
        """Return mass, gradient, Gram matrices and the covariances' sums about the current means."""
        n_experts, q, width = params.coef.shape
        residual, _ = self._residual(params, block)
        if self._whitens(params):
            square, gradient, scatter = whitened.moments(params.noise.factor, block, residual, resp)
            gram = pack_symmetric(square)
            return GaussianStatistics(gram[:, 0].copy(), gradient, gram, DenseStatistics(scatter))
        # Products of residuals and columns: the fewer of the two are weighted.
        few = q <= max(width, FEW)
        rows = block.scratch("residual rows", n_experts * q) if few else None
        noise = self.structure.statistics(params.noise, residual, resp, rows)
        if rows is not None:
            gradient = np.dot(rows, block.expert_columns.T).reshape(n_experts, q, width)
        else:
            gradient = self._gradient(residual, block, resp)
        gram = np.zeros((n_experts, width * (width + 1) // 2))
        kernels.moments.add_second_moments(resp, block.expert_columns, gram)
        return GaussianStatistics(gram[:, 0].copy(), gradient, gram, noise)

    def _gradient(self, residual: Array, block: Block, resp: Array) -> Array:
        """Return the sums of r e x' from weighted columns; a missing residual has expectation 0."""
        n_experts, q = len(resp), len(block.y)
        if self.tolerates_missing and np.isnan(block.y).any():
            residual = np.nan_to_num(residual, nan=0.0)
        gradient = np.empty((n_experts, q, len(block.expert_columns)))
        weighted = block.scratch("weighted columns", len(block.expert_columns))
        for k in range(n_experts):
            np.multiply(block.expert_columns, resp[k], out=weighted)
            np.dot(residual[k * q : (k + 1) * q], weighted.T, out=gradient[k])
        return gradient

    def update(
        self, params: GaussianParameters, statistics: GaussianStatistics, ground: Ground, step: Step = "full"
    ) -> GaussianParameters:
        """Return the weighted least-squares fits; every step is exact, so "half" and "safe" are the same."""
        gram = unpack_symmetric(statistics.gram, params.coef.shape[2])
        alive = statistics.mass > EMPTY * ground.weight
        change = np.zeros_like(params.coef)
        change[alive] = solve(gram[alive], statistics.gradient[alive])
        return self._moved(params, statistics, change, gram, ground)

    def _moved(
        self, params: GaussianParameters, statistics: GaussianStatistics, change: Array, gram: Array, ground: Ground
    ) -> GaussianParameters:
        """Return the parameters after a change (K, q, p) of the coefficients, covariances about the new means."""
        mass, gradient, _, sums = statistics
        alive = mass > EMPTY * ground.weight
        change, noise = self.structure.update(
            params.noise, sums, change, gradient, gram, np.where(alive, mass, 0.0), ground.floor
        )
        return GaussianParameters(params.coef + change, noise)

    def penalty(self, params: GaussianParameters) -> float:
        """Return 0."""
        return 0.0

    def score(self, params: GaussianParameters, statistics: GaussianStatistics) -> Array:
        """Return the derivative in the coefficients and the free coordinates of the covariances."""
        by_coef = self.structure.precision_times(params.noise, statistics.gradient)
        by_noise = self.structure.score(params.noise, statistics.noise, statistics.mass)
        return np.concatenate([by_coef.ravel(), by_noise])

    def scores(self, params: GaussianParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        n_experts, q, width = params.coef.shape
        residual = block.y - self.mean(params, block)
        weighted = np.nan_to_num(resp[:, None] * residual, nan=0.0).transpose(2, 0, 1)
        by_mean = self.structure.precision_times(params.noise, weighted[..., None])[..., 0]
        by_coef = by_mean[..., None] * block.expert_columns.T[:, None, None, :]
        by_noise = self.structure.scores(params.noise, residual, resp)
        return np.hstack([by_coef.reshape(-1, n_experts * q * width), by_noise])

    def n_free(self, params: GaussianParameters) -> int:
        """Return K q p plus the free entries of the covariances."""
        return params.coef.size + int(self.structure.n_free(params.noise))

    def pack(self, params: GaussianParameters) -> Array:
        """Return coefficients and free coordinates of the covariances."""
        return np.concatenate([params.coef.ravel(), self.structure.pack(params.noise)])

    def unpack(self, vector: Array, like: GaussianParameters) -> GaussianParameters:
        """Invert :meth:`pack`."""
        coef = vector[: like.coef.size].reshape(like.coef.shape)
        return GaussianParameters(coef, self.structure.unpack(vector[like.coef.size :], like.noise))

    def permute(self, params: GaussianParameters, order: NDArray[np.intp]) -> GaussianParameters:
        """Return the parameters with experts in another order."""
        return GaussianParameters(params.coef[order], self.structure.permute(params.noise, order))

    def to_raw(self, params: GaussianParameters, design: Design, response: Response) -> GaussianParameters:
        """Translate to the user's columns and response."""
        coef = design.to_raw(params.coef) * response.scale[:, None]
        coef[..., 0] += response.center
        return GaussianParameters(coef, self.structure.rescale(params.noise, response.scale))

    def from_raw(self, params: GaussianParameters, design: Design, response: Response) -> GaussianParameters:
        """Translate from the user's columns and response."""
        coef = params.coef.copy()
        coef[..., 0] -= response.center
        coef = design.from_raw(coef / response.scale[:, None])
        return GaussianParameters(coef, self.structure.rescale(params.noise, 1.0 / response.scale))

    def sort_keys(self, params: GaussianParameters) -> Array:
        """Return intercepts (the means where scaled columns are zero) by output, then all coefficients."""
        n_experts = len(params.coef)
        return np.vstack([params.coef[..., 0].T, params.coef.reshape(n_experts, -1).T])


def solve(gram: Array, right: Array) -> Array:
    """Solve change_k gram_k = right_k for all experts; a singular one takes the smallest change that solves it."""
    if _regular(gram):
        return np.linalg.solve(gram, right.transpose(0, 2, 1)).transpose(0, 2, 1)
    # An expert on fewer rows than coefficients: old coefficients stay where the rows say nothing.
    change = [
        np.linalg.solve(g, r.T).T if _regular(g[None]) else r @ np.linalg.pinv(g, rcond=1e-10, hermitian=True)
        for g, r in zip(gram, right, strict=True)
    ]
    return np.array(change)


def _regular(gram: Array) -> bool:
    """Return whether every column has a share of its own; rounding can leave a little more than nothing."""
    try:
        factor = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return False
    own = np.square(np.diagonal(factor, axis1=1, axis2=2))
    return bool((own > SINGULAR * np.diagonal(gram, axis1=1, axis2=2)).all())
