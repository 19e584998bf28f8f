r"""Poisson experts: counts, with a logarithmic link.

.. math::

    f_k(y \mid x) = \frac{\mu_k^y e^{-\mu_k}}{y!},\qquad \log \mu_k = b_k^\top \tilde x + \text{offset} + \log e

with an exposure e: predictions are rates per unit of exposure unless one is given.

Source: McCullagh & Nelder (1989); Wang, Puterman, Cockburn & Le (1996) for mixtures of Poisson regressions.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Measure
from classicmoe.distributions.counts import PoissonComponents
from classicmoe.experts._counts import log_factorial
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._scoring import ScoredExpert
from classicmoe.experts._support import Support, counts


class PoissonExpert(ScoredExpert, BaseEstimator):
    r"""Poisson experts with a logarithmic link.

    One step of Fisher scoring per pass on :math:`\sum_i r_{ik} (y_i \zeta_{ik} - e^{\zeta_{ik}})`.

    Parameters
    ----------
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood: it keeps
        experts without events finite.

    References
    ----------
    Wang, P., Puterman, M. L., Cockburn, I. and Le, N. (1996). Mixed Poisson regression models with covariate
    dependent rates. Biometrics 52, 381-400.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x, years = rng.normal(size=(400, 1)), rng.uniform(1.0, 5.0, 400)
    >>> y = rng.poisson(years * np.exp(np.where(rng.random(400) < 0.5, 1.0, -1.0) + 0.3 * x[:, 0]))
    >>> m = MoERegressor(2, expert="poisson", gate="constant", random_state=0).fit(x, y, exposure=years)
    >>> m.predict_experts([[0.0]]).round(0)
    array([[0., 3.]])
    """

    name: ClassVar[str] = "poisson"
    measure: ClassVar[Measure] = "counting"
    exposure_is: ClassVar[Literal["rate", "trials", None]] = "rate"
    support: ClassVar[Support] = counts

    def __init__(self, ridge: float = 1e-10):
        self.ridge = ridge

    def working(self, y: Array) -> Array:
        """Return log(y + 1/2)."""
        return np.asarray(np.log(y + 0.5))

    def predictor_of(self, mean: Array) -> Array:
        """Return the logarithm."""
        return np.asarray(np.log(np.maximum(mean, 1e-8)))

    def _rate(self, params: LinearParameters, block: Block) -> Array:
        return block.once("poisson mean", params, lambda: np.exp(self.predictor(params, block)))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return y log mu - mu - log y!."""
        y = block.y[0]
        out = y * self.predictor(params, block)
        out -= self._rate(params, block)
        out -= log_factorial(y)
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return y - mu and mu."""
        rate = self._rate(params, block)
        return block.y[0] - rate, rate.copy()

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return mu; the exposure is in the predictor."""
        return np.asarray(np.exp(predictor))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return Poisson distributions."""
        return PoissonComponents(np.exp(location[..., 0]))
