r"""Negative binomial experts: counts that scatter more than Poisson's, with a logarithmic link.

.. math::

    f_k(y \mid x) = \frac{\Gamma(y + \theta_k)}{\Gamma(\theta_k)\, y!}
    \Bigl(\frac{\theta_k}{\theta_k + \mu_k}\Bigr)^{\theta_k} \Bigl(\frac{\mu_k}{\theta_k + \mu_k}\Bigr)^{y},
    \qquad \log \mu_k = b_k^\top \tilde x + \text{offset} + \log e

with variance :math:`\mu + \mu^2/\theta`. The free coordinate of the size is :math:`\log\theta`.

Source: Lawless (1987); Hilbe (2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import SHARE, Array, Block, Ground, Measure, Step
from classicmoe.distributions.counts import NegativeBinomialComponents
from classicmoe.experts._counts import GammaSums, log_factorial
from classicmoe.experts._linear import LinearParameters, Sharing
from classicmoe.experts._scoring import LinearStatistics, ScoredExpert, newton_1d
from classicmoe.experts._support import Support, counts

LOWEST, HIGHEST = float(np.log(1e-3)), float(np.log(1e6))  # of log theta; at the upper end the family is Poisson's


class NegativeBinomialExpert(ScoredExpert, BaseEstimator):
    r"""Negative binomial experts (NB2) with a logarithmic link; the size is estimated.

    One step of Fisher scoring for the coefficients and one Newton step for :math:`\log\theta` per pass: their
    information is orthogonal.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own size or all share one.
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    Lawless, J. F. (1987). Negative binomial and mixed Poisson regression. Canadian Journal of Statistics 15, 209-225.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> y = rng.poisson(np.exp(1.0 + 0.5 * x[:, 0]) * rng.gamma(2.0, 0.5, 500))
    >>> m = MoERegressor(1, expert="negative_binomial", random_state=0).fit(x, y)
    >>> bool(1.0 < m.expert_size_[0] < 4.0)
    True
    """

    name: ClassVar[str] = "negative_binomial"
    measure: ClassVar[Measure] = "counting"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("own", "shared")}
    exposure_is: ClassVar[Literal["rate", "trials", None]] = "rate"
    support: ClassVar[Support] = counts

    def __init__(self, scale: Sharing = "own", ridge: float = 1e-10):
        self.scale = scale
        self.ridge = ridge

    @property
    def shared(self) -> tuple[bool, ...]:
        """Whether the experts share the size."""
        return (self.scale == "shared",)

    def working(self, y: Array) -> Array:
        """Return log(y + 1/2)."""
        return np.asarray(np.log(y + 0.5))

    def predictor_of(self, mean: Array) -> Array:
        """Return the logarithm."""
        return np.asarray(np.log(np.maximum(mean, 1e-8)))

    def start_more(self, ground: Ground) -> Array:
        """Return the size of the moments."""
        mean, variance = ground.response_mean[0], ground.response_variance[0]
        excess = max(variance - mean, 0.01 * mean, 1e-8)
        return np.array([np.clip(np.log(max(mean, 1e-4) ** 2 / excess), LOWEST, HIGHEST)])

    def _parts(self, params: LinearParameters, block: Block) -> tuple[Array, Array, GammaSums]:
        """Return means (K, m), sizes (K, 1) and the sums over 0 .. y - 1."""

        def compute() -> Array:
            return np.asarray(np.exp(self.predictor(params, block)))

        size = np.exp(params.more)
        sums = block.prepared("gamma sums", params, lambda: GammaSums(size[:, 0]))
        return block.once("negative binomial mean", params, compute), size, sums

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-probabilities in a form that keeps its digits as the size grows."""
        y = block.y[0]
        mean, size, sums = self._parts(params, block)
        out = y * self.predictor(params, block)
        out += sums(0, y)
        out -= (y + size) * np.log1p(mean / size)
        out -= log_factorial(y)
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return theta (y - mu) / (theta + mu) and theta mu / (theta + mu)."""
        mean, size, _ = self._parts(params, block)
        share = size / (size + mean)
        return (block.y[0] - mean) * share, mean * share

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return first and second derivatives in log theta."""
        y = block.y[0]
        mean, size, sums = self._parts(params, block)
        total = size + mean
        first = size * (sums(1, y) - np.log1p(mean / size) + (mean - y) / total)
        second = first + size * size * (mean / (size * total) - sums(2, y) - (mean - y) / (total * total))
        return [first, second]

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return log theta after (a share of) a Newton step."""
        if step == "safe":
            return params.more
        first, second = statistics.more.T
        moved = params.more[:, 0] + SHARE[step] * newton_1d(first, second, self.scale == "shared")
        return self._within(moved[:, None])

    def _within(self, more: Array) -> Array:
        return np.clip(more, LOWEST, HIGHEST)

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the sizes."""
        return {"expert_size_": np.exp(params.more[:, 0])}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return the logarithms of the sizes."""
        return np.asarray(np.log(attributes["expert_size_"])[:, None])

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return mu; the exposure is in the predictor."""
        return np.asarray(np.exp(predictor))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return negative binomial distributions."""
        return NegativeBinomialComponents(np.exp(location[..., 0]), np.exp(params.more[:, 0]))
