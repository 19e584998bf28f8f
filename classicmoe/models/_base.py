"""What all regressors of this package share: predictions of numbers and their distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.models.beside import Beside
from classicmoe.models.observed import is_observed
from classicmoe.models.response import check_response, check_weights
from classicmoe.predictive import MixtureDistribution


class BaseMoERegressor(RegressorMixin, MixtureOfExperts):
    """Prediction and scoring of a fitted mixture of experts for numbers."""

    def _plain(self, values: Array) -> Array:
        return values[..., 0] if self.n_outputs_ == 1 else values

    def predict(self, X: Any, *, exposure: Any = None, offset: Any = None) -> Array:
        """Return E[y | x], the experts' means weighted by the gate.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n,) or (n, q)
        """
        source = self._rows(X, beside=Beside(exposure, offset))
        evaluator = self._evaluator()
        gate = np.exp(evaluator.gate(source, self._k))
        return self._plain((gate[..., None] * evaluator.means(source, self._k)).sum(axis=1))

    def predict_experts(self, X: Any, *, exposure: Any = None, offset: Any = None) -> Array:
        """Return E[y | x, expert], (n, K) or (n, K, q)."""
        source = self._rows(X, beside=Beside(exposure, offset))
        return self._plain(self._evaluator().means(source, self._k))

    def predict_dist(self, X: Any, *, exposure: Any = None, offset: Any = None) -> MixtureDistribution:
        """Return the distribution of y given x, parameters taken as known.

        Returns
        -------
        classicmoe.predictive.MixtureDistribution
            With ``mean var std pdf logpdf cdf quantile interval sample``.
        """
        source = self._rows(X, beside=Beside(exposure, offset))
        evaluator = self._evaluator()
        log_weights = evaluator.gate(source, self._k)
        locations = evaluator.locations(source, self._k)
        exposures = source.all.exposure
        components = self._mixture().expert.conditional(evaluator.params.expert, locations, exposures)
        return MixtureDistribution(log_weights, components, log=True)

    def sample(self, X: Any, random_state: Any = None, *, exposure: Any = None, offset: Any = None) -> Array:
        """Draw one y per row of X, (n,) or (n, q)."""
        return self.predict_dist(X, exposure=exposure, offset=offset).sample(random_state=random_state)

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, exposure: Any = None, offset: Any = None) -> float:
        """Return R^2 of the predicted means; ``classicmoe.metrics.log_score`` is the scorer that chooses models."""
        if is_observed(y):
            raise ConfigurationError(
                "R^2 compares with exact responses, and these are intervals or truncated: use "
                "scoring=classicmoe.metrics.log_score or score_samples."
            )
        predicted = self.predict(X, exposure=exposure, offset=offset)
        values = check_response(y, n_rows=len(predicted), vary=False, owner=type(self).__name__)
        return float(r2_score(values, predicted, sample_weight=check_weights(sample_weight, len(predicted))))
