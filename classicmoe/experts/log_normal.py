r"""Log-normal experts: the logarithm of a positive response is Gaussian.

.. math::

    f_k(y \mid x) = \frac{1}{y}\, \mathcal N\bigl(\log y;\; b_k^\top \tilde x + \text{offset},\; \sigma_k^2\bigr),\qquad
    \mathrm E[y \mid x] = e^{\zeta_k + \sigma_k^2/2}

Source: the Gaussian mixture of regressions of log y (DeSarbo & Cron, 1988), with its Jacobian.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Ground, Step
from classicmoe.covariances.sharing import LOG_2PI
from classicmoe.distributions.positive import LogNormalComponents
from classicmoe.experts._dispersed import DispersedExpert
from classicmoe.experts._linear import LinearParameters, Sharing
from classicmoe.experts._scoring import LinearStatistics
from classicmoe.symmetric import unpack_symmetric

LARGEST = 60.0


class LogNormalExpert(DispersedExpert, BaseEstimator):
    r"""Log-normal experts; every update is an exact maximum.

    The precision here is :math:`1/\sigma^2`; ``expert_scale_`` holds :math:`\sigma`, the standard deviation of log y.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own standard deviation of log y or all share one.
    ridge : float >= 0, default=0
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    DeSarbo, W. S. and Cron, W. L. (1988). A maximum likelihood methodology for clusterwise linear regression. Journal
    of Classification 5, 249-282.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("geyser", return_X_y=True)
    >>> m = MoERegressor(2, expert="log_normal", random_state=0).fit(X, y)
    >>> bool(m.converged_)
    True
    """

    name: ClassVar[str] = "log_normal"
    longest: ClassVar[float] = np.inf

    def __init__(self, scale: Sharing = "own", ridge: float = 0.0):
        self.scale = scale
        self.ridge = ridge

    def start_more(self, ground: Ground) -> Array:
        """Return the precision of log y that goes with the moments of y."""
        ratio = ground.response_variance[0] / max(ground.response_mean[0] ** 2, 1e-300)
        return np.array([-np.log(np.log1p(max(ratio, 1e-12)))])

    def _bounded(self, predictor: Array) -> Array:
        return predictor

    def _residual(self, params: LinearParameters, block: Block) -> Array:
        return block.once("log normal residual", params, lambda: np.log(block.y[0]) - self.predictor(params, block))

    def deviance(self, params: LinearParameters, block: Block) -> Array:
        """Return the squared residuals of log y."""
        return np.asarray(np.square(self._residual(params, block)))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-density of y."""
        out = -0.5 * np.exp(params.more) * self.deviance(params, block)
        out += 0.5 * (params.more - LOG_2PI)
        out -= np.log(block.y[0])
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return residual / sigma^2 and 1 / sigma^2."""
        residual, precision = self._residual(params, block), np.exp(params.more)
        return precision * residual, np.broadcast_to(precision, residual.shape).copy()

    def precision_slope(self, params: LinearParameters, deviance: Array) -> Array:
        """Return (1 - deviance / sigma^2) / 2."""
        return np.asarray(0.5 - 0.5 * np.exp(params.more) * deviance)

    def log_precision(self, deviance: Array) -> Array:
        """Return the logarithm of 1 / deviance."""
        return np.asarray(np.clip(-np.log(deviance), -LARGEST, LARGEST))

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the log precisions that are best at the new coefficients."""
        curvature = unpack_symmetric(statistics.curvature, change.shape[1])
        gain = 2.0 * (change * statistics.gradient).sum(axis=1) - np.einsum("kp,kpr,kr->k", change, curvature, change)
        left = statistics.more.copy()
        left[:, 1] -= gain * np.exp(-params.more[:, 0])
        return super().update_more(params, statistics._replace(more=left), change, ground, step)

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the standard deviations of log y."""
        return {"expert_scale_": np.exp(-0.5 * params.more[:, 0])}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return the log precisions."""
        return np.asarray(-2.0 * np.log(attributes["expert_scale_"])[:, None])

    def at_floor(self, params: LinearParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which experts are (all but) exact."""
        return np.asarray(params.more[:, 0] >= self.start_more(ground)[0] + np.log(1e6))

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return exp(zeta + sigma^2 / 2)."""
        return np.asarray(np.exp(np.minimum(predictor + 0.5 * np.exp(-more), 700.0)))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return log-normal distributions."""
        return LogNormalComponents(location[..., 0], np.exp(-0.5 * params.more[:, 0]))
