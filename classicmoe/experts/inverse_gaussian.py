r"""Inverse Gaussian experts: positive responses with a heavier right tail than gamma's.

.. math::

    f_k(y \mid x) = \sqrt{\frac{\lambda_k}{2\pi y^3}} \exp\Bigl(-\frac{\lambda_k (y - \mu_k)^2}{2 \mu_k^2 y}\Bigr),
    \qquad \log \mu_k = b_k^\top \tilde x + \text{offset}

Source: McCullagh & Nelder (1989); Tweedie (1957).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Ground
from classicmoe.covariances.sharing import LOG_2PI
from classicmoe.distributions.inverse_gaussian import InverseGaussianComponents
from classicmoe.experts._dispersed import DispersedExpert
from classicmoe.experts._linear import LinearParameters, Sharing

LARGEST = 60.0  # of the logarithm of lambda, which has the unit of y


class InverseGaussianExpert(DispersedExpert, BaseEstimator):
    r"""Inverse Gaussian experts with a logarithmic link.

    One step of Fisher scoring per pass for the coefficients (the observed curvature is indefinite where
    :math:`2y < \mu`) and the exact maximum :math:`1/\lambda` = mean of :math:`(y - \mu)^2/(\mu^2 y)`.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own dispersion :math:`1/\lambda` or all share one.
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    Tweedie, M. C. K. (1957). Statistical properties of inverse Gaussian distributions. Annals of Mathematical
    Statistics 28, 362-377.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("geyser", return_X_y=True)
    >>> m = MoERegressor(2, expert="inverse_gaussian", random_state=0).fit(X, y)
    >>> bool((m.expert_scale_ > 0).all())
    True
    """

    name: ClassVar[str] = "inverse_gaussian"

    def __init__(self, scale: Sharing = "own", ridge: float = 1e-10):
        self.scale = scale
        self.ridge = ridge

    def start_more(self, ground: Ground) -> Array:
        """Return the precision of the moments."""
        precision = ground.response_mean[0] ** 3 / max(ground.response_variance[0], 1e-300)
        return np.array([np.clip(np.log(max(precision, 1e-300)), -LARGEST, LARGEST)])

    def _mean(self, params: LinearParameters, block: Block) -> Array:
        return block.once("inverse gaussian mean", params, lambda: np.exp(self.predictor(params, block)))

    def deviance(self, params: LinearParameters, block: Block) -> Array:
        """Return (y - mu)^2 / (mu^2 y)."""

        def compute() -> Array:
            mean = self._mean(params, block)
            return np.asarray(np.square((block.y[0] - mean) / mean) / block.y[0])

        return block.once("inverse gaussian deviance", params, compute)

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-density."""
        log_y = np.log(block.y[0])
        out = -0.5 * np.exp(params.more) * self.deviance(params, block)
        out += 0.5 * (params.more - LOG_2PI)
        out -= 1.5 * log_y
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return lambda (y - mu) / mu^2 and lambda / mu."""
        mean, precision = self._mean(params, block), np.exp(params.more)
        weight = precision / mean
        return weight * (block.y[0] / mean - 1.0), weight

    def precision_slope(self, params: LinearParameters, deviance: Array) -> Array:
        """Return (1 - lambda deviance) / 2."""
        return np.asarray(0.5 - 0.5 * np.exp(params.more) * deviance)

    def log_precision(self, deviance: Array) -> Array:
        """Return the logarithm of 1 / deviance."""
        return np.asarray(np.clip(-np.log(deviance), -LARGEST, LARGEST))

    def at_floor(self, params: LinearParameters, ground: Ground) -> np.ndarray:
        """Return which experts are (all but) exact: precision times mean beyond 1e6."""
        return np.asarray(params.more[:, 0] - params.coef[:, 0] >= np.log(1e6))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return inverse Gaussian distributions."""
        return InverseGaussianComponents(np.exp(location[..., 0]), np.exp(params.more[:, 0]))
