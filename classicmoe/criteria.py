r"""Penalised-likelihood criteria as pure functions; smaller is better.

With :math:`\ell` the unpenalised log-likelihood, :math:`k` the number of free parameters, :math:`n` the sum of the
frequency weights and :math:`E = -\sum_i w_i \sum_k \tau_{ik}\log\tau_{ik} \ge 0` the entropy of the responsibilities:

====== ==========================================
AIC    :math:`-2\ell + 2k`
AICc   :math:`\mathrm{AIC} + 2k(k+1)/(n-k-1)`
BIC    :math:`-2\ell + k\log n`
SABIC  :math:`-2\ell + k\log((n+2)/24)`
CAIC   :math:`-2\ell + k(\log n + 1)`
ICL    :math:`\mathrm{BIC} + 2E`
====== ==========================================
"""

from collections.abc import Callable
from math import inf, log


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike's criterion."""
    return -2.0 * log_likelihood + 2.0 * n_parameters


def aicc(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Akaike's criterion with the small-sample term; infinite when n <= k + 1."""
    room = n - n_parameters - 1.0
    if room <= 0.0:
        return inf
    return aic(log_likelihood, n_parameters) + 2.0 * n_parameters * (n_parameters + 1.0) / room


def bic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Schwarz's criterion."""
    return -2.0 * log_likelihood + n_parameters * log(n)


def sabic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Schwarz's criterion with Sclove's adjusted sample size (n + 2) / 24."""
    return -2.0 * log_likelihood + n_parameters * log((n + 2.0) / 24.0)


def caic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Bozdogan's consistent AIC."""
    return -2.0 * log_likelihood + n_parameters * (log(n) + 1.0)


def icl(log_likelihood: float, n_parameters: int, n: float, entropy: float) -> float:
    """Integrated completed likelihood: BIC plus twice the entropy of the responsibilities."""
    return bic(log_likelihood, n_parameters, n) + 2.0 * entropy


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
