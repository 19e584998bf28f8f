r"""Binomial experts (Bernoulli without exposure): successes among trials, with a logit link.

.. math::

    f_k(y \mid x) = \binom{m}{y} p_k^y (1 - p_k)^{m - y},\qquad
    \log\frac{p_k}{1 - p_k} = b_k^\top \tilde x + \text{offset}

Source: McCullagh & Nelder (1989); Follmann & Lambert (1991) for mixtures of logistic regressions.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Measure
from classicmoe.distributions.counts import BinomialComponents
from classicmoe.experts._counts import log_binomial
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._scoring import ScoredExpert
from classicmoe.experts._support import Misfit, successes

LEAST = 1e-10  # curvature of a trial that is kept where a probability is 0 or 1 to rounding


class BinomialExpert(ScoredExpert, BaseEstimator):
    r"""Binomial experts with a logit link; the number of trials per row is its exposure (1 without).

    One Newton step per pass on :math:`\sum_i r_{ik}\,(y_i \zeta_{ik} - m_i \log(1 + e^{\zeta_{ik}}))`.

    With one trial per row mixtures of several binomial experts are identified by the gate and the columns alone, and
    often weakly: look at the verdict and at the standard errors before reading the coefficients.

    Parameters
    ----------
    trials : int >= 1, default=1
        Number of trials of every row where no exposure is given.
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

    def __init__(self, trials: int = 1, ridge: float = 1e-10):
        self.trials = trials
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

    def link(self, mean: Array) -> Array:
        """Return the log-odds."""
        return np.asarray(logit(np.clip(mean, 1e-6, 1.0 - 1e-6)))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return log of the number of ways + y zeta - m log(1 + exp(zeta))."""
        y, trials, predictor = block.y[0], self._trials(block), self.predictor(params, block)
        out = y * predictor
        out -= trials * np.logaddexp(0.0, predictor)
        if block.exposure is not None or self.trials > 1:
            out += log_binomial(np.broadcast_to(trials, y.shape), y)
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return y - m p and m p (1 - p)."""
        trials, p = self._trials(block), expit(self.predictor(params, block))
        return block.y[0] - trials * p, trials * np.maximum(p * (1.0 - p), LEAST)

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return m p."""
        return np.asarray(expit(predictor) * (self.trials if exposure is None else exposure))

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return binomial distributions."""
        trials = np.full(len(location), float(self.trials)) if exposure is None else exposure
        return BinomialComponents(expit(location[..., 0]), trials)
