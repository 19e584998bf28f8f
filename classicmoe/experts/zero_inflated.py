r"""Zero-inflated counts: more zeros than the counts themselves would have.

.. math::

    P_k(y \mid x) = \omega_k [y = 0] + (1 - \omega_k)\, f_k(y \mid x)

Source: Lambert (1992) for Poisson; the second latent level (which zeros are extra) is integrated in the same E-step.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Expert
from classicmoe.distributions.zeros import ZeroInflatedComponents
from classicmoe.experts._zeros import ZeroMixture, ZeroParameters, ZeroStatistics, log_probability, probability
from classicmoe.experts.poisson import PoissonExpert


class ZeroInflatedExpert(ZeroMixture, BaseEstimator):
    r"""A family of counts with extra zeros, of probability :math:`\omega_k` in expert k.

    The shares of extra zeros are exact maxima; the base family takes its step on rows weighted by the probability that
    they are no extra zeros.

    Parameters
    ----------
    base : Expert object, optional
        The family of counts; ``PoissonExpert()`` by default. By name: ``"zero_inflated_poisson"``,
        ``"zero_inflated_negative_binomial"``, ``"zero_inflated_binomial"``.

    Notes
    -----
    With several experts a zero-inflated one and one whose mean is nearly zero can stand for each other.

    References
    ----------
    Lambert, D. (1992). Zero-inflated Poisson regression, with an application to defects in manufacturing.
    Technometrics 34, 1-14.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> y = rng.poisson(np.exp(1.0 + 0.3 * x[:, 0])) * (rng.random(500) < 0.7)
    >>> m = MoERegressor(1, expert="zero_inflated_poisson", random_state=0).fit(x, y)
    >>> bool(0.2 < m.expert_inflation_[0] < 0.4)
    True
    """

    attribute: ClassVar[str] = "expert_inflation_"

    def __init__(self, base: Any = None):
        self.base = base

    @property
    def family(self) -> Expert:
        """The family of counts."""
        return PoissonExpert() if self.base is None else self.base

    @property
    def name(self) -> str:
        """The name under which the family is known."""
        return f"zero_inflated_{getattr(self.family, 'name', '')}"

    def log_density(self, params: ZeroParameters, block: Block) -> Array:
        """Return the log-probabilities, (K, m)."""

        def compute() -> Array:
            out = self.family.log_density(params.base, block) + log_probability(-params.log_odds)[:, None]
            zero = block.y[0] == 0.0
            out[:, zero] = np.logaddexp(out[:, zero], log_probability(params.log_odds)[:, None])
            return np.asarray(out)

        return block.once("zero-inflated density", params, compute)

    def _extra(self, params: ZeroParameters, block: Block) -> Array:
        """Return the probability that a row's zero is an extra one, (K, m)."""
        density, zero = self.log_density(params, block), block.y[0] == 0.0
        out = np.zeros(density.shape)
        out[:, zero] = np.exp(log_probability(params.log_odds)[:, None] - density[:, zero])
        return out

    def mean(self, params: ZeroParameters, block: Block) -> Array:
        """Return (1 - omega) times the base family's means."""
        return self.family.mean(params.base, block) * probability(-params.log_odds)[:, None, None]

    def statistics(self, params: ZeroParameters, block: Block, resp: Array) -> ZeroStatistics:
        """Return mass, extra zeros and the base family's statistics of all other rows."""
        extra = resp * self._extra(params, block)
        base = self.family.statistics(params.base, block, resp - extra)
        return ZeroStatistics(resp.sum(axis=1), extra.sum(axis=1), base)

    def scores(self, params: ZeroParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        extra = resp * self._extra(params, block)
        by_odds = extra - resp * probability(params.log_odds)[:, None]
        return np.hstack([by_odds.T, self.family.scores(params.base, block, resp - extra)])

    def conditional(self, params: ZeroParameters, location: Array, exposure: Array | None) -> Any:
        """Return the zero-inflated distributions."""
        base = self.family.conditional(params.base, location, exposure)
        return ZeroInflatedComponents(base, probability(params.log_odds))
