r"""Factor-analytic covariances: a few latent causes of correlation on top of independent noise.

.. math::

    \Sigma_k = \Lambda_k \Lambda_k^\top + S_k,\qquad S_k\ \text{diagonal or spherical},\quad \Lambda_k\ (q \times p)

The loadings are free up to a rotation. The update is the exact EM step with the latent factors w as missing data: the
coefficients and the loadings are regressed together (Deleforge, Forbes & Horaud 2015, there "hybrid GLLiM").
Everything costs O(q p); no q x q matrix is formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.covariances.diagonal import Diagonal, DiagonalParameters
from classicmoe.covariances.linear import solve
from classicmoe.covariances.sharing import LOG_2PI, Scale


class FactorParameters(NamedTuple):
    """Loadings (K, q, p) and noise variances (K, q)."""

    loadings: Array
    variance: Array


class FactorStatistics(NamedTuple):
    """Sums of r e^2 (K, q) and r e w' (K, q, p), w the expectation of the latent factors."""

    squares: Array
    cross: Array


@dataclass(frozen=True)
class Factor:
    """Diagonal (or spherical) noise plus ``n_latent`` factors of each expert's own."""

    n_latent: int = 1
    scale: Scale = "own"
    spherical: bool = False

    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False

    @property
    def _noise(self) -> Diagonal:
        return Diagonal(self.scale, self.spherical)

    def start(self, variance: Array, gram: Array | None, n_experts: int, floor: float) -> FactorParameters:
        """Return small loadings that differ between the latent factors, the same for all experts."""
        q = len(variance)
        angle = np.outer(np.arange(1, q + 1), np.arange(1, self.n_latent + 1))
        loadings = 0.5 * np.sqrt(variance)[:, None] * np.cos(angle)
        noise = self._noise.start(0.75 * variance, None, n_experts, floor).variance
        return FactorParameters(np.broadcast_to(loadings, (n_experts, *loadings.shape)).copy(), noise)

    def log_density(self, params: FactorParameters, y: Array, residual: Array, out: Array) -> None:
        """Turn means into residuals (K * q, m) in place and write the log-densities (K, m)."""
        k, q, _ = params.loadings.shape
        noise = np.log(params.variance) + LOG_2PI
        kernels.diagonal.log_density(y, residual, 1.0 / params.variance, noise, out)
        posterior = self.posterior(params)
        factor = np.linalg.cholesky(posterior)  # S_w = L L'
        scaled = (params.loadings / params.variance[..., None]).transpose(0, 2, 1)  # Lambda' S^-1
        half_log = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        to_white = factor.transpose(0, 2, 1) @ scaled
        lost = np.isneginf(out)  # rows so far away that the squares overflow
        for i in range(k):
            z = np.dot(to_white[i], residual[i * q : (i + 1) * q])
            z[:, lost[i]] = 0.0
            out[i] += half_log[i] + 0.5 * np.square(z, out=z).sum(axis=0)

    def posterior(self, params: FactorParameters) -> Array:
        """Return the covariance of the latent factors given a response, (K, p, p)."""
        scaled = params.loadings / params.variance[..., None]
        inner = np.eye(self.n_latent) + params.loadings.transpose(0, 2, 1) @ scaled
        inverse = np.linalg.inv(inner)
        return 0.5 * (inverse + inverse.transpose(0, 2, 1))

    def _regression(self, params: FactorParameters) -> Array:
        """Return beta (K, p, q): the expectation of the latent factors is beta e."""
        return self.posterior(params) @ (params.loadings / params.variance[..., None]).transpose(0, 2, 1)

    def statistics(
        self, params: FactorParameters, residual: Array, resp: Array, rows: Array | None
    ) -> FactorStatistics:
        """Return squares and cross products; ``rows`` (K * q, m), if given, gets residuals x responsibilities."""
        k, q, p = params.loadings.shape
        squares, cross = np.zeros((k, q)), np.zeros((k, q, p))
        if rows is None:
            kernels.diagonal.add_squares(resp, residual, params.variance, squares)
        else:
            kernels.diagonal.residual_rows(resp, residual, params.variance, squares, rows)
        beta = self._regression(params)
        for i in range(k):
            own = residual[i * q : (i + 1) * q]
            latent = np.dot(beta[i], own)
            np.dot(own, np.multiply(latent, resp[i], out=latent).T, out=cross[i])
        return FactorStatistics(squares, cross)

    def update(
        self,
        params: FactorParameters,
        statistics: FactorStatistics,
        change: Array,
        gradient: Array,
        gram: Array,
        mass: Array,
        floor: float,
    ) -> tuple[Array, FactorParameters]:
        """Regress the residuals on columns and latent factors together; ``change`` is for experts without rows."""
        width, p = gradient.shape[2], self.n_latent
        beta = self._regression(params)
        alive = mass > 0.0
        joint = np.zeros((len(mass), width + p, width + p))
        joint[:, :width, :width] = gram
        joint[:, width:, :width] = beta @ gradient
        joint[:, :width, width:] = joint[:, width:, :width].transpose(0, 2, 1)
        joint[:, width:, width:] = beta @ statistics.cross + mass[:, None, None] * self.posterior(params)
        right = np.concatenate([gradient, statistics.cross], axis=2)
        coef = np.concatenate([change, params.loadings], axis=2)
        coef[alive] = solve(joint[alive], right[alive])
        # At the solution the residual sum of squares is what the regression leaves.
        left = statistics.squares - (coef * (2.0 * right - coef @ joint)).sum(axis=2)
        variance = params.variance.copy()
        variance[alive] = np.maximum(left[alive], 0.0) / mass[alive, None]
        noise = self._noise.impose(variance, mass, floor)
        return coef[..., :width].copy(), FactorParameters(coef[..., width:].copy(), noise.variance)

    def precision_times(self, params: FactorParameters, right: Array) -> Array:
        """Return Sigma_k^-1 right_k for right (..., K, q, p) by Woodbury's identity."""
        scaled = right / params.variance[..., None]
        by_loadings = params.loadings / params.variance[..., None]
        return scaled - by_loadings @ (self.posterior(params) @ (params.loadings.transpose(0, 2, 1) @ scaled))

    def score(self, params: FactorParameters, statistics: FactorStatistics, mass: Array) -> Array:
        """Return the derivative in the loadings and the logarithms of the noise's standard deviations."""
        beta = self._regression(params)
        second = beta @ statistics.cross  # sum of r w w'
        return self._score(params, statistics.squares, statistics.cross, second, mass)

    def _score(self, params: FactorParameters, squares: Array, cross: Array, second: Array, mass: Array) -> Array:
        """Return derivatives from sums (..., K, q), (..., K, q, p), (..., K, p, p) and masses (..., K)."""
        loadings, variance = params.loadings, params.variance[..., None]
        second = second + mass[..., None, None] * self.posterior(params)
        by_loadings = (cross - loadings @ second) / variance
        explained = (loadings * (2.0 * cross - loadings @ second)).sum(axis=-1)
        by_noise = (squares - explained) / params.variance - mass[..., None]
        lead = by_loadings.shape[:-3]
        return np.concatenate([by_loadings.reshape(*lead, -1), self._noise.collect(by_noise, True)], axis=-1)

    def scores(self, params: FactorParameters, residual: Array, resp: Array) -> Array:
        """Return each row's derivatives (m, n_free); residual (K, q, m), resp (K, m)."""
        e = residual.transpose(2, 0, 1)
        w = (self._regression(params) @ e[..., None])[..., 0]
        r = resp.T[:, :, None]
        cross = (r * e)[..., :, None] * w[..., None, :]
        second = (r * w)[..., :, None] * w[..., None, :]
        return self._score(params, r * np.square(e), cross, second, resp.T)

    def n_free(self, params: FactorParameters) -> int:
        """Return the number of coordinates of :meth:`pack`, rotations included."""
        return params.loadings.size + self._noise.n_free(DiagonalParameters(params.variance))

    def pack(self, params: FactorParameters) -> Array:
        """Return loadings and logarithms of the free standard deviations."""
        return np.concatenate([params.loadings.ravel(), self._noise.pack(DiagonalParameters(params.variance))])

    def unpack(self, vector: Array, like: FactorParameters) -> FactorParameters:
        """Invert :meth:`pack`."""
        cut = like.loadings.size
        noise = self._noise.unpack(vector[cut:], DiagonalParameters(like.variance))
        return FactorParameters(vector[:cut].reshape(like.loadings.shape), noise.variance)

    def permute(self, params: FactorParameters, order: NDArray[np.intp]) -> FactorParameters:
        """Return the parameters with experts in another order."""
        return FactorParameters(params.loadings[order], params.variance[order])

    def rescale(self, params: FactorParameters, unit: Array) -> FactorParameters:
        """Return the covariances of responses multiplied by ``unit`` (q,)."""
        return FactorParameters(params.loadings * unit[:, None], params.variance * np.square(unit))

    def dense(self, params: FactorParameters) -> Array:
        """Return the covariances (K, q, q)."""
        noise = params.variance[:, :, None] * np.eye(params.variance.shape[1])
        return params.loadings @ params.loadings.transpose(0, 2, 1) + noise

    def variances(self, params: FactorParameters) -> Array:
        """Return the diagonals (K, q)."""
        return params.variance + np.square(params.loadings).sum(axis=2)

    def spread(self, params: FactorParameters) -> Array:
        """Return the geometric mean of the noise's standard deviations, (K,)."""
        return self._noise.spread(DiagonalParameters(params.variance))

    def at_floor(self, params: FactorParameters, floor: float) -> NDArray[np.bool_]:
        """Return whether a noise variance sits on the floor, (K,)."""
        return self._noise.at_floor(DiagonalParameters(params.variance), floor)
