r"""Penalised-likelihood criteria as pure functions; smaller is better.

With :math:`\ell` the unpenalised log-likelihood, :math:`k` the number of free parameters, :math:`n` the sum of the
frequency weights, :math:`E = -\sum_i w_i \sum_k \tau_{ik}\log\tau_{ik} \ge 0` the entropy of the responsibilities and,
of a model that was chosen among many columns, :math:`s` slopes of :math:`p` candidates:

====== ==========================================
AIC    :math:`-2\ell + 2k`
AICc   :math:`\mathrm{AIC} + 2k(k+1)/(n-k-1)`
BIC    :math:`-2\ell + k\log n`
SABIC  :math:`-2\ell + k\log((n+2)/24)`
CAIC   :math:`-2\ell + k(\log n + 1)`
ICL    :math:`\mathrm{BIC} + 2E`
EBIC   :math:`\mathrm{BIC} + 2\gamma\log\binom{p}{s}`
====== ==========================================
"""

from collections.abc import Callable
from math import inf, lgamma, log


def aic(log_likelihood: float, n_parameters: float) -> float:
    """Akaike's criterion."""
    return -2.0 * log_likelihood + 2.0 * n_parameters


def aicc(log_likelihood: float, n_parameters: float, n: float) -> float:
    """Akaike's criterion with the small-sample term; infinite when n <= k + 1."""
    room = n - n_parameters - 1.0
    if room <= 0.0:
        return inf
    return aic(log_likelihood, n_parameters) + 2.0 * n_parameters * (n_parameters + 1.0) / room


def bic(log_likelihood: float, n_parameters: float, n: float) -> float:
    """Schwarz's criterion."""
    return -2.0 * log_likelihood + n_parameters * log(n)


def sabic(log_likelihood: float, n_parameters: float, n: float) -> float:
    """Schwarz's criterion with Sclove's adjusted sample size (n + 2) / 24."""
    return -2.0 * log_likelihood + n_parameters * log((n + 2.0) / 24.0)


def caic(log_likelihood: float, n_parameters: float, n: float) -> float:
    """Bozdogan's consistent AIC."""
    return -2.0 * log_likelihood + n_parameters * (log(n) + 1.0)


def icl(log_likelihood: float, n_parameters: float, n: float, entropy: float) -> float:
    """Integrated completed likelihood: BIC plus twice the entropy of the responsibilities."""
    return bic(log_likelihood, n_parameters, n) + 2.0 * entropy


def ebic(
    log_likelihood: float, n_parameters: float, n: float, n_slopes: int, n_candidates: int, gamma: float = 1.0
) -> float:
    r"""Return the extended BIC: BIC plus what it costs to say which slopes of the candidates are not zero.

    .. math::

        -2\ell + k\log n + 2\gamma\log\binom{p}{s}

    There are :math:`\binom{p}{s}` models with :math:`s` slopes. BIC gives each of them the same prior probability, and
    so favours sizes of which there are many; :math:`\gamma = 1` gives every size the same one; :math:`\gamma = 0` is
    BIC.

    Parameters
    ----------
    log_likelihood : float
        Unpenalised.
    n_parameters : int
        Free parameters, the slopes that are not zero among them.
    n : float
        Sum of the frequency weights.
    n_slopes, n_candidates : int
        Slopes that are not zero, and slopes that might be; 0 <= n_slopes <= n_candidates.
    gamma : float, default=1.0
        From 0 to 1.

    References
    ----------
    Chen, J. and Chen, Z. (2008). Extended Bayesian information criteria for model selection with large model spaces.
    Biometrika 95, 759-771.

    Examples
    --------
    >>> from math import comb, log
    >>> from classicmoe.criteria import bic, ebic
    >>> round(ebic(-120.0, 6, 100, 2, 50) - bic(-120.0, 6, 100) - 2 * log(comb(50, 2)), 9)
    0.0
    """
    log_models = lgamma(n_candidates + 1.0) - lgamma(n_slopes + 1.0) - lgamma(n_candidates - n_slopes + 1.0)
    return bic(log_likelihood, n_parameters, n) + 2.0 * gamma * log_models


def normalised_entropy(entropy: float, n: float, n_experts: int) -> float:
    """Return 1 - E / (n log K): 1 for experts that are told apart perfectly, 0 for none; nan when K = 1."""
    return 1.0 - entropy / (n * log(n_experts)) if n_experts > 1 else float("nan")


CRITERIA: dict[str, Callable[[float, int, float, float], float]] = {
    "aic": lambda ll, k, n, e: aic(ll, k),
    "aicc": lambda ll, k, n, e: aicc(ll, k, n),
    "bic": lambda ll, k, n, e: bic(ll, k, n),
    "sabic": lambda ll, k, n, e: sabic(ll, k, n),
    "caic": lambda ll, k, n, e: caic(ll, k, n),
    "icl": lambda ll, k, n, e: icl(ll, k, n, e),
}
