r"""Linear Gaussian experts, one or several outputs.

.. math::

    f_k(y \mid x) = \mathcal N\bigl(y;\; B_k \tilde x,\; \Sigma_k\bigr),\qquad \tilde x = (1, x)

Source: DeSarbo & Cron (1988) for mixtures of regressions; Jordan & Jacobs (1994) with a gating network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Ground, Step
from classicmoe.covariances import Dense, Diagonal
from classicmoe.covariances.linear import GaussianParameters, GaussianStatistics, LinearGaussian
from classicmoe.covariances.sharing import Scale, share_free
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents
from classicmoe.experts._linear import LinearParameters
from classicmoe.symmetric import unpack_symmetric

ATTRIBUTES = ("expert_coef_", "expert_intercept_", "expert_scale_", "expert_covariances_")
Structure = Literal["full", "diag", "spherical"]


class GaussianExpert(LinearGaussian, BaseEstimator):
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
    ridge: ClassVar[float] = 0.0
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"scale": get_args(Scale), "covariance": get_args(Structure)}

    def __init__(self, scale: Scale = "own", covariance: Structure = "full"):
        self.scale = scale
        self.covariance = covariance

    @property
    def structure(self) -> Dense | Diagonal:
        """The structure of the covariance."""
        if self.covariance == "full":
            return Dense(self.scale)
        return Diagonal(self.scale, self.covariance == "spherical")

    @property
    def one_unit(self) -> bool:
        """Whether outputs must be scaled alike: a spherical covariance is not spherical in other units."""
        return self.covariance == "spherical"

    def attributes(self, params: GaussianParameters) -> dict[str, Array]:
        """Return coefficients, standard deviations and covariances; without the axis of outputs when there is one."""
        covariances = self.covariances(params)
        scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        if params.coef.shape[1] > 1:
            slopes, intercept = params.coef[..., 1:], params.coef[..., 0]
        else:
            slopes, intercept, scale = params.coef[:, 0, 1:], params.coef[:, 0, 0], scale[:, 0]
        return dict(zip(ATTRIBUTES, (slopes.copy(), intercept.copy(), scale.copy(), covariances), strict=True))

    def from_attributes(self, attributes: Mapping[str, Array]) -> GaussianParameters:
        """Rebuild the parameters from the fitted attributes."""
        slopes, intercept = attributes["expert_coef_"], attributes["expert_intercept_"]
        if intercept.ndim == 1:
            slopes, intercept = slopes[:, None, :], intercept[:, None]
        coef = np.concatenate([intercept[..., None], slopes], axis=-1)
        return GaussianParameters(coef, self.structure.from_dense(attributes["expert_covariances_"]))

    @property
    def shared(self) -> tuple[bool, ...]:
        """Whether the experts share their one standard deviation."""
        return (self.scale == "shared",)

    def as_line(self, params: GaussianParameters) -> LinearParameters:
        """Return coefficients (K, p) and log standard deviations (K, 1) of one output."""
        return LinearParameters(params.coef[:, 0], 0.5 * np.log(self.structure.variances(params.noise)))

    def from_line(self, line: LinearParameters, like: GaussianParameters, floor: float = 0.0) -> GaussianParameters:
        """Invert :meth:`as_line`, with variances above the floor."""
        variance = np.maximum(np.exp(2.0 * np.clip(line.more, -40.0, 40.0)), floor)
        return GaussianParameters(line.coef[:, None], self.structure.from_dense(variance[..., None]))

    def quadratic(self, params: GaussianParameters, statistics: GaussianStatistics) -> tuple[Array, Array]:
        """Return derivative (K, p) and curvature (K, p, p) of the weighted log-density of one output."""
        precision = 1.0 / self.structure.variances(params.noise)
        gram = unpack_symmetric(statistics.gram, params.coef.shape[2])
        return precision * statistics.gradient[:, 0], precision[:, :, None] * gram

    def moved(
        self, params: GaussianParameters, statistics: GaussianStatistics, change: Array, ground: Ground, step: Step
    ) -> GaussianParameters:
        """Return the parameters after a change (K, p) of the coefficients of one output."""
        gram = unpack_symmetric(statistics.gram, params.coef.shape[2])
        return self._moved(params, statistics, change[:, None], gram, ground)

    def row_slopes(self, params: GaussianParameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives in the means of one output, times the responsibilities, (K, m)."""
        residual = block.y - self.mean(params, block)[:, 0]
        return np.asarray(resp * residual / self.structure.variances(params.noise))

    def pack_slopes(self, by_coef: Array, by_more: Array) -> Array:
        """Return derivatives in coefficients (..., K, p) and log standard deviations (..., K, 1) in packed order."""
        by_scale = share_free(by_more, self.scale, True)
        return np.concatenate([by_coef.reshape(*by_coef.shape[:-2], -1), by_scale], axis=-1)

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        each = (n_experts,) if n_outputs == 1 else (n_experts, n_outputs)
        covariances = (n_experts, n_outputs, n_outputs)
        slopes = (*each, n_columns)
        return dict(zip(ATTRIBUTES, (slopes, each, each, covariances), strict=True))

    def conditional(
        self, params: GaussianParameters, mean: Array, exposure: Array | None = None
    ) -> GaussianComponents | JointGaussianComponents:
        """Return normal distributions at the given means (n, K, q)."""
        if mean.shape[2] == 1:
            return GaussianComponents(mean[..., 0], np.sqrt(self.structure.variances(params.noise)[:, 0]))
        return JointGaussianComponents(mean, self.covariances(params))
