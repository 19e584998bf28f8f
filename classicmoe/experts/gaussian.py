r"""Linear Gaussian experts, one or several outputs.

.. math::

    f_k(y \mid x) = \mathcal N\bigl(y;\; B_k \tilde x,\; \Sigma_k\bigr),\qquad \tilde x = (1, x)

The statistics are taken about the current means: with residuals :math:`e_k = y - B_k\tilde x`, the sums of
:math:`r\,e\tilde x^\top`, :math:`r\,\tilde x\tilde x^\top` and :math:`r\,ee^\top` give the exact weighted least-squares
update, and repeated passes refine it like iterative refinement does, so that normal equations cost no accuracy.

Source: DeSarbo & Cron (1988) for mixtures of regressions; Jordan & Jacobs (1994) with a gating network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import Array, Block, Design, Ground, Response, Step, unpack_symmetric
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents
from classicmoe.experts._covariance import CovarianceForm, Scale, Structure, factor_score

LOG_2PI = float(np.log(2.0 * np.pi))


class GaussianParameters(NamedTuple):
    """Coefficients (K, q, p), intercept first, and lower Cholesky factors of the covariances (K, q, q)."""

    coef: Array
    factor: Array


class GaussianStatistics(NamedTuple):
    """Sums of r (K,), r e x' (K, q, p), packed r x x' (K, p(p+1)/2) and r e e' (K, q, q)."""

    mass: Array
    gradient: Array
    gram: Array
    scatter: Array


class GaussianExpert(BaseEstimator):
    r"""Linear Gaussian experts.

    The update maximises :math:`\sum_i r_{ik} \log \mathcal N(y_i; B_k\tilde x_i, \Sigma_k)` exactly.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own covariance (variance) or all share one.
    covariance : {"full", "diag", "spherical"}, default="full"
        Structure of the covariance between several outputs; all the same for one output.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.experts import GaussianExpert
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(2, expert=GaussianExpert(scale="shared"), random_state=0).fit(X, y)
    >>> bool(m.expert_scale_[0] == m.expert_scale_[1])
    True
    """

    name = "gaussian"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"scale": get_args(Scale), "covariance": get_args(Structure)}

    def __init__(self, scale: Scale = "own", covariance: Structure = "full"):
        self.scale = scale
        self.covariance = covariance

    @property
    def _form(self) -> CovarianceForm:
        return CovarianceForm(self.scale, self.covariance)

    @property
    def one_unit(self) -> bool:
        """Whether outputs must be scaled alike: a spherical covariance is not spherical in other units."""
        return self.covariance == "spherical"

    def start(self, n_experts: int, ground: Ground) -> GaussianParameters:
        """Return ordinary least squares over all rows, the same for every expert."""
        coef = _solve(ground.expert_gram[None], ground.expert_cross[None])[0]
        scatter = ground.response_gram - ground.expert_cross @ coef.T
        covariance = self._form.impose(scatter[None] / ground.weight, np.array([ground.weight]), ground.floor)
        shape = (n_experts, *coef.shape)
        factor = np.linalg.cholesky(covariance)
        return GaussianParameters(np.broadcast_to(coef, shape).copy(), np.repeat(factor, n_experts, axis=0))

    def _residual(self, params: GaussianParameters, block: Block) -> tuple[Array, Array]:
        """Return residuals (K * q, m) and log-densities (K, m), computed together."""
        n_experts, q, width = params.coef.shape
        residual = block.scratch("residual", n_experts * q)
        out = block.scratch("log density", n_experts)

        def compute() -> Array:
            np.dot(params.coef.reshape(-1, width), block.expert_columns, out=residual)
            whitener = np.linalg.inv(params.factor) if q > 1 else 1.0 / params.factor
            constant = np.log(whitener[:, np.arange(q), np.arange(q)]).sum(axis=1) - 0.5 * q * LOG_2PI
            kernels.gaussian.log_density(block.y, residual, whitener, constant, out)
            return out

        block.once("gaussian", params, compute)
        return residual, out

    def log_density(self, params: GaussianParameters, block: Block) -> Array:
        """Return log f_k(y | x), (K, m)."""
        return self._residual(params, block)[1]

    def mean(self, params: GaussianParameters, block: Block) -> Array:
        """Return the experts' means, (K, q, m)."""
        n_experts, q, width = params.coef.shape
        return np.dot(params.coef.reshape(-1, width), block.expert_columns).reshape(n_experts, q, -1)

    def covariances(self, params: GaussianParameters) -> Array:
        """Return the covariances, (K, q, q)."""
        return params.factor @ params.factor.transpose(0, 2, 1)

    def spread(self, params: GaussianParameters) -> Array:
        """Return the geometric mean of the standard deviations along the covariance's factor, (K,)."""
        return np.exp(np.log(np.diagonal(params.factor, axis1=1, axis2=2)).mean(axis=1))

    def at_floor(self, params: GaussianParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return whether the smallest eigenvalue of the covariance sits on the floor, (K,)."""
        smallest = np.linalg.eigvalsh(self.covariances(params))[:, 0]
        return np.asarray(smallest <= ground.floor * 1.0001)

    def statistics(self, params: GaussianParameters, block: Block, resp: Array) -> GaussianStatistics:
        """Return mass, gradient, Gram matrices and scatter about the current means."""
        n_experts, q, width = params.coef.shape
        residual, _ = self._residual(params, block)
        rows = block.scratch("residual rows", n_experts * q)
        scatter = np.zeros((n_experts, q, q))
        kernels.gaussian.residual_rows(resp, residual, scatter, rows)
        gradient = np.dot(rows, block.expert_columns.T).reshape(n_experts, q, width)
        gram = np.zeros((n_experts, width * (width + 1) // 2))
        kernels.moments.add_second_moments(resp, block.expert_columns, gram)
        return GaussianStatistics(gram[:, 0].copy(), gradient, gram, scatter)

    def update(
        self, params: GaussianParameters, statistics: GaussianStatistics, ground: Ground, step: Step = "full"
    ) -> GaussianParameters:
        """Return the weighted least-squares fits; every step is exact, so "half" and "safe" are the same."""
        mass, gradient, packed, scatter = statistics
        gram = unpack_symmetric(packed, params.coef.shape[2])
        alive = mass > 1e-10 * ground.weight
        change = np.zeros_like(params.coef)
        change[alive] = _solve(gram[alive], gradient[alive])
        cross = change @ gradient.transpose(0, 2, 1)
        left = scatter - cross - cross.transpose(0, 2, 1) + change @ gram @ change.transpose(0, 2, 1)
        covariance = self.covariances(params)
        covariance[alive] = left[alive] / mass[alive, None, None]
        covariance = self._form.impose(covariance, np.where(alive, mass, 0.0), ground.floor)
        return GaussianParameters(params.coef + change, np.linalg.cholesky(covariance))

    def penalty(self, params: GaussianParameters) -> float:
        """Return 0."""
        return 0.0

    def score(self, params: GaussianParameters, statistics: GaussianStatistics) -> Array:
        """Return the derivative in the coefficients and the (log-Cholesky) factors."""
        precision, by_factor = factor_score(params.factor, statistics.scatter, statistics.mass)
        return np.concatenate([(precision @ statistics.gradient).ravel(), self._form.pack_score(by_factor)])

    def scores(self, params: GaussianParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        n_experts, q, width = params.coef.shape
        residual = self._residual(params, block)[0].reshape(n_experts, q, -1).transpose(2, 0, 1)
        weighted = resp.T[:, :, None] * residual
        precision, by_factor = factor_score(params.factor, weighted[..., :, None] * residual[..., None, :], resp.T)
        by_mean = (precision @ weighted[..., None])[..., 0]
        by_coef = by_mean[..., None] * block.expert_columns.T[:, None, None, :]
        return np.hstack([by_coef.reshape(-1, n_experts * q * width), self._form.pack_score(by_factor)])

    def n_free(self, params: GaussianParameters) -> int:
        """Return K q p plus the free entries of the covariances."""
        return params.coef.size + self._form.n_free(params.factor)

    def pack(self, params: GaussianParameters) -> Array:
        """Return coefficients and log-Cholesky entries of the free covariances."""
        return np.concatenate([params.coef.ravel(), self._form.pack(params.factor)])

    def unpack(self, vector: Array, like: GaussianParameters) -> GaussianParameters:
        """Invert :meth:`pack`."""
        n_experts, q, _ = like.coef.shape
        coef = vector[: like.coef.size].reshape(like.coef.shape)
        return GaussianParameters(coef, self._form.unpack(vector[like.coef.size :], n_experts, q))

    def permute(self, params: GaussianParameters, order: NDArray[np.intp]) -> GaussianParameters:
        """Return the parameters with experts in another order."""
        return GaussianParameters(params.coef[order], params.factor[order])

    def to_raw(self, params: GaussianParameters, design: Design, response: Response) -> GaussianParameters:
        """Translate to the user's columns and response."""
        coef = design.to_raw(params.coef) * response.scale[:, None]
        coef[..., 0] += response.center
        return GaussianParameters(coef, params.factor * response.scale[:, None])

    def from_raw(self, params: GaussianParameters, design: Design, response: Response) -> GaussianParameters:
        """Translate from the user's columns and response."""
        coef = params.coef.copy()
        coef[..., 0] -= response.center
        return GaussianParameters(
            design.from_raw(coef / response.scale[:, None]), params.factor / response.scale[:, None]
        )

    def attributes(self, params: GaussianParameters) -> dict[str, Array]:
        """Return coefficients, standard deviations and covariances; without the axis of outputs when there is one."""
        covariances = self.covariances(params)
        scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        if params.coef.shape[1] > 1:
            slopes, intercept = params.coef[..., 1:], params.coef[..., 0]
        else:
            slopes, intercept, scale = params.coef[:, 0, 1:], params.coef[:, 0, 0], scale[:, 0]
        return {
            "expert_coef_": slopes.copy(),
            "expert_intercept_": intercept.copy(),
            "expert_scale_": scale.copy(),
            "expert_covariances_": covariances,
        }

    def from_attributes(self, attributes: Mapping[str, Array]) -> GaussianParameters:
        """Rebuild the parameters from the fitted attributes."""
        slopes, intercept = attributes["expert_coef_"], attributes["expert_intercept_"]
        if intercept.ndim == 1:
            slopes, intercept = slopes[:, None, :], intercept[:, None]
        coef = np.concatenate([intercept[..., None], slopes], axis=-1)
        return GaussianParameters(coef, np.linalg.cholesky(attributes["expert_covariances_"]))

    def sort_keys(self, params: GaussianParameters) -> Array:
        """Return intercepts (the means where scaled columns are zero) by output, then all coefficients."""
        n_experts = len(params.coef)
        return np.vstack([params.coef[..., 0].T, params.coef.reshape(n_experts, -1).T])

    def conditional(self, params: GaussianParameters, mean: Array) -> GaussianComponents | JointGaussianComponents:
        """Return normal distributions at the given means (n, K, q)."""
        if mean.shape[2] == 1:
            return GaussianComponents(mean[..., 0], params.factor[:, 0, 0])
        return JointGaussianComponents(mean, self.covariances(params))


def _solve(gram: Array, right: Array) -> Array:
    """Solve change_k gram_k = right_k for all experts; a singular one takes the smallest change that solves it."""
    try:
        np.linalg.cholesky(gram)
        return np.linalg.solve(gram, right.transpose(0, 2, 1)).transpose(0, 2, 1)
    except np.linalg.LinAlgError:
        # An expert on fewer rows than coefficients: old coefficients stay where the rows say nothing.
        return right @ np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
