"""What a selector answers with its best model."""

from __future__ import annotations

import os
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from classicmoe.contracts import Array


def _classifies(selector: Any) -> bool:
    """Return whether the models of a selector have probabilities of classes."""
    return is_classifier(selector)


class BestModel:
    """Questions that the best model of a grid answers; see the estimator's own methods for details.

    ``beside``: exposures and offsets of the rows.
    """

    @property
    def _best(self) -> Any:
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_  # type: ignore[attr-defined]  # the selector sets it

    def predict(self, X: Any, **beside: Any) -> Array:
        """Return E[y | x], (n,) or (n, q); of classifiers the most likely labels, (n,)."""
        return self._best.predict(X, **beside)

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> Array:
        """Return P(class | x), (n, C), classes in the order of ``classes_``; classifiers only."""
        return self._best.predict_proba(X)

    @available_if(_classifies)
    def predict_log_proba(self, X: Any) -> Array:
        """Return log P(class | x), (n, C); classifiers only."""
        return self._best.predict_log_proba(X)

    def predict_gate(self, X: Any, **beside: Any) -> Array:
        """Return P(expert | x), the gate's probabilities before y is known, (n, K)."""
        return self._best.predict_gate(X, **beside)

    def predict_experts(self, X: Any, **beside: Any) -> Array:
        """Return E[y | x, expert], (n, K) or (n, K, q); of classifiers P(class | x, expert), (n, K, C)."""
        return self._best.predict_experts(X, **beside)

    def predict_dist(self, X: Any, **beside: Any) -> Any:
        """Return the distribution of y given x, the model and its parameters taken as known."""
        return self._best.predict_dist(X, **beside)

    def responsibilities(self, X: Any, y: Any, **beside: Any) -> Array:
        """Return P(expert | x, y), the posterior once y is known, (n, K)."""
        return self._best.responsibilities(X, y, **beside)

    def sample(self, X: Any, random_state: Any = None, **beside: Any) -> Array:
        """Draw one y per row of X, (n,) or (n, q)."""
        return self._best.sample(X, random_state, **beside)

    def score_samples(self, X: Any, y: Any, **beside: Any) -> Array:
        """Return log p(y | x) per row, (n,)."""
        return self._best.score_samples(X, y, **beside)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return R^2 of the predicted means, or the accuracy of a classifier."""
        return self._best.score(X, y, sample_weight, **beside)

    def log_likelihood(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return the unpenalised conditional log-likelihood of the given rows."""
        return self._best.log_likelihood(X, y, sample_weight, **beside)

    def aic(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return Akaike's criterion on the given rows; smaller is better."""
        return self._best.aic(X, y, sample_weight, **beside)

    def bic(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return Schwarz's criterion on the given rows; smaller is better."""
        return self._best.bic(X, y, sample_weight, **beside)

    def icl(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return BIC plus twice the entropy of the responsibilities on the given rows; smaller is better."""
        return self._best.icl(X, y, sample_weight, **beside)

    def icl_hard(self, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
        """Return ICL with every row given to its most likely expert; smaller is better."""
        return self._best.icl_hard(X, y, sample_weight, **beside)

    def coefficients(self) -> Any:
        """Return all coefficients of the best model as a pandas data frame."""
        return self._best.coefficients()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the best model to one file; ``classicmoe.load`` returns the model, not the selector."""
        self._best.save(path)
