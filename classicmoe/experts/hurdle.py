r"""Hurdles: whether there is anything at all, and how much if there is.

.. math::

    P_k(y = 0 \mid x) = \omega_k,\qquad
    f_k(y \mid x) = (1 - \omega_k)\, \frac{f_k(y \mid x)}{1 - f_k(0 \mid x)} \quad (y > 0)

with :math:`f(0) = 0` for families of positive numbers. Counts are truncated at zero by as many latent zeros as the
family would have had, :math:`f(0)/(1 - f(0))` per row: their expectation joins the statistics, so that the step of the
base family stays what it is.

Source: Mullahy (1986) for counts; Duan et al. (1983) for two-part models.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Expert, Statistics
from classicmoe.distributions.zeros import HurdleComponents
from classicmoe.experts._views import WithResponse
from classicmoe.experts._zeros import ZeroMixture, ZeroParameters, ZeroStatistics, log_probability, probability
from classicmoe.experts.poisson import PoissonExpert


class HurdleExpert(ZeroMixture, BaseEstimator):
    r"""A family with a hurdle at zero: zeros have a probability of their own, positive values come from the family.

    Parameters
    ----------
    base : Expert object, optional
        The family of the positive values; ``PoissonExpert()`` by default. By name: ``"hurdle_poisson"``,
        ``"hurdle_negative_binomial"``, ``"hurdle_gamma"``, ``"hurdle_inverse_gaussian"``, ``"hurdle_log_normal"``.

    References
    ----------
    Mullahy, J. (1986). Specification and testing of some modified count data models. Journal of Econometrics 33,
    341-365.

    Duan, N., Manning, W. G., Morris, C. N. and Newhouse, J. P. (1983). A comparison of alternative models for the
    demand for medical care. Journal of Business and Economic Statistics 1, 115-126.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 1))
    >>> y = rng.gamma(4.0, np.exp(1.0 + 0.3 * x[:, 0]) / 4.0) * (rng.random(500) < 0.6)
    >>> m = MoERegressor(1, expert="hurdle_gamma", random_state=0).fit(x, y)
    >>> bool(abs(m.expert_zero_[0] - (y == 0).mean()) < 1e-6)
    True
    """

    attribute: ClassVar[str] = "expert_zero_"

    def __init__(self, base: Any = None):
        self.base = base

    @property
    def family(self) -> Expert:
        """The family of the positive values."""
        return PoissonExpert() if self.base is None else self.base

    @property
    def name(self) -> str:
        """The name under which the family is known."""
        return f"hurdle_{getattr(self.family, 'name', '')}"

    @property
    def _counts(self) -> bool:
        return self.family.measure == "counting"

    def _positive(self, block: Block) -> Block:
        """Return the block with zeros replaced by ones, which no base family minds."""
        return WithResponse(block, np.where(block.y > 0.0, block.y, 1.0), "positive")

    def _at_zero(self, block: Block) -> Block:
        return WithResponse(block, np.zeros_like(block.y), "zero")

    def _log_positive(self, params: ZeroParameters, block: Block) -> Array:
        """Return log(1 - f(0)) of the base family, (K, m)."""
        if not self._counts:
            return np.zeros((len(params.log_odds), len(block.weight)))
        at_zero = np.minimum(self.family.log_density(params.base, self._at_zero(block)), -1e-300)
        # Both branches are computed: where zeros are nearly certain the second must not see them.
        rare = np.log1p(-np.exp(np.minimum(at_zero, -0.5)))
        return np.asarray(np.where(at_zero > -0.7, np.log(-np.expm1(at_zero)), rare))

    def log_density(self, params: ZeroParameters, block: Block) -> Array:
        """Return the log-densities, (K, m)."""

        def compute() -> Array:
            out = self.family.log_density(params.base, self._positive(block)) - self._log_positive(params, block)
            out += log_probability(-params.log_odds)[:, None]
            out[:, block.y[0] == 0.0] = log_probability(params.log_odds)[:, None]
            return np.asarray(out)

        return block.once("hurdle density", params, compute)

    def mean(self, params: ZeroParameters, block: Block) -> Array:
        """Return (1 - omega) m / (1 - f(0))."""
        above = np.exp(-self._log_positive(params, block)) * probability(-params.log_odds)[:, None]
        return self.family.mean(params.base, block) * above[:, None]

    def _parts(self, params: ZeroParameters, block: Block, resp: Array) -> tuple[Array, Array, Array | None]:
        """Return responsibilities of zeros, of positive rows, and of latent zeros, (K, m) each."""
        positive = block.y[0] > 0.0
        above = resp * positive
        if not self._counts:
            return resp - above, above, None
        log_positive = self._log_positive(params, block)
        return resp - above, above, above * np.expm1(-log_positive)

    def statistics(self, params: ZeroParameters, block: Block, resp: Array) -> ZeroStatistics:
        """Return mass, zeros and the base family's statistics of positive rows and latent zeros."""
        zeros, above, latent = self._parts(params, block, resp)
        base = self.family.statistics(params.base, self._positive(block), above)
        if latent is not None:
            base = _sum(base, self.family.statistics(params.base, self._at_zero(block), latent))
        return ZeroStatistics(resp.sum(axis=1), zeros.sum(axis=1), base)

    def scores(self, params: ZeroParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        zeros, above, latent = self._parts(params, block, resp)
        base = self.family.scores(params.base, self._positive(block), above)
        if latent is not None:
            base = base + self.family.scores(params.base, self._at_zero(block), latent)
        return np.hstack([(zeros - resp * probability(params.log_odds)[:, None]).T, base])

    def conditional(self, params: ZeroParameters, location: Array, exposure: Array | None) -> Any:
        """Return the distributions with their atom at zero."""
        base = self.family.conditional(params.base, location, exposure)
        return HurdleComponents(base, probability(params.log_odds))


def _sum(a: Statistics, b: Statistics) -> Statistics:
    return type(a)(*(x + y for x, y in zip(a, b, strict=True)))
