"""Criteria along a path of penalties."""

from __future__ import annotations

from classicmoe import criteria
from classicmoe.lasso.problem import Answer


def criteria_of(answer: Answer, n: float, n_candidates: int) -> dict[str, float]:
    """Return AIC, BIC and extended BIC of a solution; smaller is better."""
    fit, degrees = answer.log_likelihood, answer.degrees
    return {
        "aic": criteria.aic(fit, degrees),
        "bic": criteria.bic(fit, degrees, n),
        "ebic": criteria.ebic(fit, degrees, n, answer.n_slopes, n_candidates),
    }
