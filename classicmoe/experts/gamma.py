r"""Gamma experts: positive responses whose standard deviation is proportional to their mean.

.. math::

    f_k(y \mid x) = \frac{(\kappa_k/\mu_k)^{\kappa_k}}{\Gamma(\kappa_k)} y^{\kappa_k - 1} e^{-\kappa_k y/\mu_k},\qquad
    \log \mu_k = b_k^\top \tilde x + \text{offset}

Source: McCullagh & Nelder (1989), chapter 8.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import digamma, gammaln, polygamma
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Ground
from classicmoe.distributions.positive import GammaComponents
from classicmoe.experts._dispersed import HIGHEST, LOWEST, DispersedExpert
from classicmoe.experts._linear import LinearParameters, Sharing


class GammaExpert(DispersedExpert, BaseEstimator):
    r"""Gamma experts with a logarithmic link; the shape :math:`\kappa` is estimated by maximum likelihood.

    One step of Fisher scoring per pass for the coefficients, which the shape does not enter, and the exact maximum for
    the shape: :math:`\log\kappa - \psi(\kappa)` = mean of :math:`y/\mu - 1 - \log(y/\mu)`.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own dispersion :math:`1/\kappa` or all share one.
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989). Generalized linear models, 2nd edition. Chapman and Hall.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("geyser", return_X_y=True)
    >>> m = MoERegressor(2, expert="gamma", random_state=0).fit(X, y)
    >>> m.expert_scale_.shape
    (2,)
    """

    name: ClassVar[str] = "gamma"

    def __init__(self, scale: Sharing = "own", ridge: float = 1e-10):
        self.scale = scale
        self.ridge = ridge

    def start_more(self, ground: Ground) -> Array:
        """Return the shape of the moments."""
        shape = ground.response_mean[0] ** 2 / max(ground.response_variance[0], 1e-12)
        return np.array([np.clip(np.log(shape), LOWEST, 8.0)])

    def _ratio(self, params: LinearParameters, block: Block) -> Array:
        """Return y / mu, (K, m)."""

        def compute() -> Array:
            out = np.exp(-self.predictor(params, block))
            return np.asarray(np.multiply(out, block.y[0], out=out))

        return block.once("gamma ratio", params, compute)

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return kappa (log kappa + log(y / mu) - y / mu) - log Gamma(kappa) - log y."""
        log_shape, log_y = params.more, np.log(block.y[0])
        shape = np.exp(log_shape)
        out = log_y - self.predictor(params, block)
        out -= self._ratio(params, block)
        out *= shape
        out += shape * log_shape - gammaln(shape)
        out -= log_y
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return kappa (y / mu - 1) and kappa."""
        ratio, shape = self._ratio(params, block), np.exp(params.more)
        return shape * (ratio - 1.0), np.broadcast_to(shape, ratio.shape).copy()

    def deviance(self, params: LinearParameters, block: Block) -> Array:
        """Return y / mu - 1 - log(y / mu)."""
        return np.asarray(self._ratio(params, block) - 1.0 - np.log(block.y[0]) + self.predictor(params, block))

    def precision_slope(self, params: LinearParameters, deviance: Array) -> Array:
        """Return kappa (log kappa - psi(kappa) - deviance)."""
        shape = np.exp(params.more)
        return np.asarray(shape * (params.more - digamma(shape) - deviance))

    def log_precision(self, deviance: Array) -> Array:
        """Return log kappa with log kappa - psi(kappa) = deviance."""
        s = np.maximum(deviance, 1e-12)
        shape = (3.0 - s + np.sqrt((s - 3.0) ** 2 + 24.0 * s)) / (12.0 * s)
        log_shape = np.clip(np.log(shape), LOWEST, HIGHEST)
        for _ in range(8):  # Newton on the logarithm, from 2 % away
            shape = np.exp(log_shape)
            excess = log_shape - digamma(shape) - s
            slope = 1.0 - shape * polygamma(1, shape)
            log_shape = np.clip(log_shape - np.where(slope < 0.0, excess / slope, 0.0), LOWEST, HIGHEST)
        return np.asarray(log_shape)

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return gamma distributions."""
        return GammaComponents(np.exp(location[..., 0]), np.exp(params.more[:, 0]))
