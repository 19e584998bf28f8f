r"""Binomial experts (Bernoulli without exposure): successes among trials, with a logit, probit or cloglog link.

.. math::

    f_k(y \mid x) = \binom{m}{y} p_k^y (1 - p_k)^{m - y},\qquad
    g(p_k) = b_k^\top \tilde x + \text{offset}

Source: McCullagh & Nelder (1989); Follmann & Lambert (1991) for mixtures of logistic regressions.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Measure
from classicmoe.distributions.counts import BinomialComponents
from classicmoe.experts._counts import log_binomial
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._probability_links import LINKS, ProbabilityLink
from classicmoe.experts._scoring import ScoredExpert
from classicmoe.experts._support import Misfit, successes

LEAST = 1e-10  # curvature of a trial that is kept where a probability is 0 or 1 to rounding


class BinomialExpert(ScoredExpert, BaseEstimator):
    r"""Binomial experts; the number of trials per row is its exposure (1 without).

    One scoring step per pass on :math:`\sum_i r_{ik}\,(y_i \log p_{ik} + (m_i - y_i) \log(1 - p_{ik}))`.

    With one trial per row mixtures of several binomial experts are identified by the gate and the columns alone, and
    often weakly: look at the verdict and at the standard errors before reading the coefficients.

    Parameters
    ----------
    trials : int >= 1, default=1
        Number of trials of every row where no exposure is given.
    link : {"logit", "probit", "cloglog"}, default="logit"
        :math:`\log\frac{p}{1-p}`, :math:`\Phi^{-1}(p)` or :math:`\log(-\log(1-p))`; the last is that of a count with a
        Poisson law of which is known only whether it is zero.
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood: it keeps
        experts finite whose rows are all successes or all failures.

    References
    ----------
    Follmann, D. A. and Lambert, D. (1991). Identifiability of finite mixtures of logistic regression models. Journal
    of Statistical Planning and Inference 27, 375-381.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> rng = np.random.default_rng(0)
    >>> x, trials = rng.normal(size=(200, 1)), np.full(200, 10)
    >>> y = rng.binomial(trials, 1.0 / (1.0 + np.exp(np.where(rng.random(200) < 0.5, -2.0, 2.0) - x[:, 0])))
    >>> m = MoERegressor(2, expert="binomial", gate="constant", random_state=0).fit(x, y, exposure=trials)
    >>> m.predict_experts([[0.0]]).round(1)
    array([[0.1, 0.9]])
    """

    name: ClassVar[str] = "binomial"
    measure: ClassVar[Measure] = "counting"
    exposure_is: ClassVar[Literal["rate", "trials", None]] = "trials"

    choices: ClassVar[dict[str, tuple[str, ...]]] = {"link": tuple(LINKS)}

    def __init__(self, trials: int = 1, link: Literal["logit", "probit", "cloglog"] = "logit", ridge: float = 1e-10):
        self.trials = trials
        self.link = link
        self.ridge = ridge

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return which responses are no numbers of successes."""
        return successes(y, exposure, self.trials)

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        if isinstance(self.trials, Integral) and self.trials >= 1:
            return None
        return f"trials must be a whole number >= 1, not {self.trials!r}"

    def _trials(self, block: Block) -> Any:
        return float(self.trials) if block.exposure is None else block.exposure

    @property
    def _link(self) -> ProbabilityLink:
        return LINKS[self.link]

    def predictor_of(self, mean: Array) -> Array:
        """Return the link of a probability."""
        return self._link.predictor(np.clip(mean, 1e-6, 1.0 - 1e-6))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return log of the number of ways + y log p + (m - y) log(1 - p)."""
        y, trials, predictor = block.y[0], self._trials(block), self.predictor(params, block)
        out = y * self._link.log_p(predictor)
        out += (trials - y) * self._link.log_q(predictor)
        if block.exposure is not None or self.trials > 1:
            out += log_binomial(np.broadcast_to(trials, y.shape), y)
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return the slope and the information m p'^2 / (p (1 - p))."""
        y, trials, predictor = block.y[0], self._trials(block), self.predictor(params, block)
        rise, fall = self._link.rise(predictor), self._link.fall(predictor)
        return y * rise - (trials - y) * fall, trials * np.maximum(rise * fall, LEAST)

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return m p."""
        return np.asarray(self._link.p(predictor) * (self.trials if exposure is None else exposure))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return binomial distributions."""
        trials = np.full(len(location), float(self.trials)) if exposure is None else exposure
        return BinomialComponents(self._link.p(location[..., 0]), trials)
