"""Questions asked of a fitted classifier: class probabilities, labels, likelihoods, files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from classicmoe.contracts import Array
from classicmoe.em.block import RowBlock
from classicmoe.em.evaluate import Totals
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import ArraySource
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.labels import Labels, encode, labels_from_state, labels_state
from classicmoe.models.rows import NOTHING
from classicmoe.predictive import CategoricalDistribution

LEAST = -700.0  # of a logarithm whose exponential is a number


class BaseMoEClassifier(ClassifierMixin, MixtureOfExperts):
    """Prediction, scoring and files of a fitted mixture of experts for classes."""

    classes_: Labels
    class_weight_: Array

    # -- the mixture behind the fitted attributes -------------------------------------------------------------------

    def _check_family(self) -> None:
        family = super()._mixture().expert
        if not getattr(family, "classifies", False):
            raise ConfigurationError(
                f"expert={getattr(family, 'name', family)!r} is a family for numbers: use MoERegressor. Classes have "
                "'multinomial' experts, or 'ordinal' ones if they have an order."
            )

    def _mixture_of(self, n_classes: int) -> Mixture:
        mixture = super()._mixture()
        mixture.expert.set_params(n_classes=n_classes)  # type: ignore[attr-defined]  # a fresh one
        return mixture

    def _mixture(self) -> Mixture:
        return self._mixture_of(len(self.classes_)) if hasattr(self, "classes_") else super()._mixture()

    def _rows(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, needs_y: bool = False, beside: Beside = NOTHING
    ) -> ArraySource:
        check_is_fitted(self, "expert_mass_")
        check_family(self._mixture().expert, beside)
        codes = None if y is None else encode(y, self.classes_, type(self).__name__, sample_weight)
        return super()._rows(X, codes, sample_weight, needs_y=needs_y)

    # -- prediction -------------------------------------------------------------------------------------------------

    def _joint(self, params: MixtureParameters, block: RowBlock, mixture: Mixture) -> Array:
        """Return log P(expert, class | x), (K, C, m)."""
        log_gate, _ = mixture.gate_given_x(params, block)
        joint = log_gate[:, None] + log_softmax(mixture.expert.location(params.expert, block), axis=1)
        if self._reweighted:
            # What rows of a class weighed multiplies its odds in all that was learnt.
            joint -= np.log(self.class_weight_)[:, None]
            joint -= logsumexp(joint, axis=(0, 1))
        return np.asarray(joint)

    def _ask(self, X: Any, width: int, answer: Callable[[Array], Array]) -> Array:
        """Return what ``answer`` (width, m) makes of the blocks' log P(expert, class | x), (n, width)."""
        source, evaluator = self._rows(X), self._evaluator()
        mixture, params = evaluator.mixture, evaluator.params
        return evaluator.collect(source, width, lambda block: answer(self._joint(params, block, mixture)))

    @property
    def _reweighted(self) -> bool:
        return bool((self.class_weight_ != 1.0).any())

    @property
    def _n_classes(self) -> int:
        check_is_fitted(self, "expert_mass_")
        return len(self.classes_)

    def predict(self, X: Any) -> Labels:
        """Return the most likely label, (n,); the first of those that are equally likely.

        Under ``class_weight`` it is the label with the largest product of weight and probability.
        """
        proba = self.predict_proba(X)
        return self.classes_[(proba * self.class_weight_).argmax(axis=1)]

    def predict_log_proba(self, X: Any) -> Array:
        """Return log P(class | x), (n, C), classes in the order of ``classes_``; -700 where it is less.

        Below, probabilities are no numbers that a computer has; :meth:`score_samples` goes on.
        """
        return np.maximum(self._log_proba(X), LEAST)

    def _log_proba(self, X: Any) -> Array:
        return np.asarray(log_softmax(self._ask(X, self._n_classes, lambda joint: logsumexp(joint, axis=0)), axis=1))

    def predict_proba(self, X: Any) -> Array:
        """Return P(class | x), (n, C), classes in the order of ``classes_``: the experts' weighted by the gate."""
        return np.exp(self.predict_log_proba(X))

    def predict_gate(self, X: Any) -> Array:
        """Return P(expert | x), the gate's probabilities before y is known, (n, K)."""
        check_is_fitted(self, "expert_mass_")
        return np.exp(self._ask(X, self._k, lambda joint: logsumexp(joint, axis=1)))

    def predict_experts(self, X: Any) -> Array:
        """Return P(class | x, expert), (n, K, C)."""
        c, k = self._n_classes, self._k
        flat = self._ask(X, k * c, lambda joint: log_softmax(joint, axis=1).reshape(k * c, -1))
        return np.exp(flat).reshape(-1, k, c)

    def predict_dist(self, X: Any) -> CategoricalDistribution:
        """Return the distribution of the label given x, parameters taken as known.

        Returns
        -------
        classicmoe.predictive.CategoricalDistribution
            With ``pmf logpmf mode sample``.
        """
        return CategoricalDistribution(self._log_proba(X), self.classes_)

    def sample(self, X: Any, random_state: Any = None) -> Labels:
        """Draw one label per row of X, (n,)."""
        return self.predict_dist(X).sample(random_state=random_state)

    # -- scores and criteria ----------------------------------------------------------------------------------------

    def score_samples(self, X: Any, y: Any) -> Array:
        """Return log P(y | x) per row, (n,)."""
        return self._own(X, y, None)[0]

    def log_likelihood(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the unpenalised log-likelihood sum_i w_i log P(y_i | x_i), without class weights."""
        scores, weight = self._own(X, y, sample_weight)
        return float(scores.sum() if weight is None else weight[weight > 0.0] @ scores[weight > 0.0])

    def _own(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array | None]:
        """Return log P(y | x) per row, (n,), and the checked weights."""
        source = self._rows(X, y, sample_weight, needs_y=True)
        codes = source.y[:, 0].astype(np.intp)
        return self._log_proba(X)[np.arange(len(codes)), codes], source.weight

    def _totals(self, X: Any, y: Any, sample_weight: Any, beside: Beside) -> Totals:
        if hasattr(self, "class_weight_") and self._reweighted:
            raise ConfigurationError(
                "There are no criteria under class_weight: what was maximised is the likelihood of rows reweighted by "
                "their class, not that of the rows. Fit without class_weight to choose a model, or compare "
                "metrics.log_score on held-out rows."
            )
        return super()._totals(X, y, sample_weight, beside)

    # -- files ------------------------------------------------------------------------------------------------------

    def _array_names(self) -> list[str]:
        return [*super()._array_names(), "class_weight_"]

    def _more_state(self) -> dict[str, Any]:
        return {"classes": labels_state(self.classes_)}

    def _restore_more(self, state: dict[str, Any]) -> None:
        self.classes_ = labels_from_state(state["classes"])

    def _check_loaded(self) -> None:
        super()._check_loaded()
        if self.class_weight_.shape != self.classes_.shape or not (self.class_weight_ > 0.0).all():
            raise ModelFileError(
                f"'class_weight_' does not hold a positive weight for each of {len(self.classes_)} classes"
            )
