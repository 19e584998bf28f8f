r"""Skew normal experts: linear regression whose errors lean to one side.

.. math::

    f_k(y \mid x) = \frac{2}{\sigma_k}\, \varphi(d_k)\, \Phi(\lambda_k d_k),\qquad
    d_k = \frac{y - b_k^\top \tilde x}{\sigma_k}

The mean is :math:`b_k^\top \tilde x + \psi_k \sqrt{2/\pi}` with
:math:`\psi = \lambda\sigma/\sqrt{1 + \lambda^2}`, not :math:`b_k^\top \tilde x`.

Source: Azzalini (1985); Lin, Lee & Yen (2007) for mixtures.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy.special import erfcx, log_ndtr
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block
from classicmoe.covariances.sharing import LOG_2PI
from classicmoe.distributions.skewed import SkewNormalComponents
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._skew import SkewExpert


class SkewNormalExpert(SkewExpert, BaseEstimator):
    r"""Skew normal experts; every step is an exact step of EM.

    References
    ----------
    Azzalini, A. (1985). A class of distributions which includes the normal ones. Scandinavian Journal of Statistics
    12, 171-178.

    Lin, T. I., Lee, J. C. and Yen, S. Y. (2007). Finite mixture modelling using the skew normal distribution.
    Statistica Sinica 17, 909-927.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> y = x[:, 0] + np.abs(rng.normal(size=500)) + 0.3 * rng.normal(size=500)
    >>> m = MoERegressor(1, expert="skew_normal", random_state=0).fit(x, y)
    >>> bool(m.expert_skewness_[0] > 1)
    True
    """

    name: ClassVar[str] = "skew_normal"

    def _log_ratio(self, params: LinearParameters, block: Block) -> tuple[Array, Array, Array]:
        """Return d, lambda d and log Phi(lambda d), (K, m) each."""

        def compute() -> tuple[Array, Array, Array]:
            sigma, psi, gamma = self._sigma(params.more)
            d = self.residual(params, block) / sigma
            slanted = d * (psi / gamma)
            return d, slanted, np.asarray(log_ndtr(slanted))

        return block.once("skew normal", params, compute)

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-density."""
        d, _, log_cdf = self._log_ratio(params, block)
        sigma = self._sigma(params.more)[0]
        return np.asarray(np.log(2.0 / sigma) - 0.5 * (LOG_2PI + np.square(d)) + log_cdf)

    def latent(self, params: LinearParameters, block: Block) -> tuple[Array, Array, Array]:
        """Return 1, E[T | y] and E[T^2 | y]."""
        d, slanted, _ = self._log_ratio(params, block)
        sigma, psi, gamma = self._sigma(params.more)
        mean, deviation = psi / sigma * d, gamma / sigma
        hazard = np.sqrt(2.0 / np.pi) / erfcx(-slanted / np.sqrt(2.0))  # phi / Phi, exact far below
        first = mean + deviation * hazard
        return np.ones_like(d), first, np.square(deviation) + mean * first

    def shift(self, params_more: Array) -> Array:
        """Return sqrt(2 / pi)."""
        return np.full((len(params_more), 1), np.sqrt(2.0 / np.pi))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return skew normal distributions."""
        return SkewNormalComponents(location[..., 0], params.more[:, 1], np.exp(params.more[:, 0]))
