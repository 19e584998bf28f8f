r"""Ordinal experts: cumulative logits for classes that have an order.

.. math::

    P(y \le c \mid x, k) = \sigma(t_{kc} - b_k^\top \tilde x),\qquad
    0 = t_{k0} < t_{k1} < \dots < t_{k,C-2}

with the logistic function :math:`\sigma`: one slope per column, whatever the number of classes. The first threshold is
zero, since the intercept moves all of them; the others have logarithms of their distances as coordinates.

Source: McCullagh (1980), Regression models for ordinal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator

from classicmoe.contracts import SHARE, Array, Block, Ground, Measure, Step
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._scoring import LinearStatistics, ScoredExpert, newton_1d

NARROWEST, WIDEST = -12.0, 5.0  # log distances of neighbouring thresholds


class OrdinalExpert(ScoredExpert, BaseEstimator):
    r"""Cumulative logit (proportional odds) experts for classifiers.

    The classes are taken in the order of ``classes_``: ascending, so that 1 < 2 < 3, but text by the alphabet: give
    ordered classes as numbers.

    Parameters
    ----------
    n_classes : int >= 2, optional
        Number of classes C; classifiers set it from the labels. Responses are the codes 0, 1, ..., C - 1.
    ridge : float >= 0, default=1e-10
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood: it keeps the
        slopes of experts finite that tell classes apart.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B 42, 109-142.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoEClassifier
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> y = np.digitize(2.0 * x[:, 0] + rng.logistic(size=300), [-1.0, 0.0, 2.0])
    >>> m = MoEClassifier(1, expert="ordinal").fit(x, y)
    >>> m.expert_coef_.shape, m.expert_thresholds_.shape
    ((1, 1), (1, 3))
    """

    name: ClassVar[str] = "ordinal"
    measure: ClassVar[Measure] = "counting"
    takes_offset: ClassVar[bool] = False
    classifies: ClassVar[bool] = True

    def __init__(self, n_classes: int | None = None, ridge: float = 1e-10):
        self.n_classes = n_classes
        self.ridge = ridge

    @property
    def _classes(self) -> int:
        if self.n_classes is None:
            raise ConfigurationError("The number of classes is not known: set n_classes, or use MoEClassifier.")
        return self.n_classes

    @property
    def shared(self) -> tuple[bool, ...]:
        """Every expert has its own distances, one less than there are thresholds."""
        return (False,) * (self._classes - 2)

    # -- the family -------------------------------------------------------------------------------------------------

    def working(self, y: Array) -> Array:
        """Return the codes."""
        return y

    def predictor_of(self, mean: Array) -> Array:
        """Return 0: codes have no mean on the scale of the predictor."""
        return np.zeros_like(mean)

    def start(self, n_experts: int, ground: Ground) -> LinearParameters:
        """Return thresholds one apart, centred."""
        params = super().start(n_experts, ground)
        params.coef[:, 0] = 0.5 * (self._classes - 2)
        return params

    def start_more(self, ground: Ground) -> Array:
        """Return distances of one."""
        return np.zeros(self.n_more)

    def thresholds(self, params: LinearParameters) -> Array:
        """Return the thresholds, (K, C - 1), the first of them 0."""
        steps = np.exp(params.more)
        return np.hstack([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)])

    def _ends(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return the distances of the predictor from the upper and the lower threshold of y, (K, m) each."""

        def compute() -> tuple[Array, Array]:
            inner = self.thresholds(params)
            edge = np.full((len(inner), 1), np.inf)
            all_ends = np.hstack([-edge, inner, edge])
            codes, predictor = block.y[0].astype(np.intp), self.predictor(params, block)
            return all_ends[:, codes + 1] - predictor, all_ends[:, codes] - predictor

        return block.once("ordinal ends", params, compute)

    def _excess(self, params: LinearParameters, block: Block) -> Array:
        """Return exp(-w) / (1 - exp(-w)) of the distances w of the two thresholds, (K, m); 0 where one is infinite."""
        upper, lower = self._ends(params, block)
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / np.expm1(upper - lower))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return log P(y | x, k) as log s(a) + log s(-b) + log(1 - exp(b - a)), which cancels nothing."""
        upper, lower = self._ends(params, block)
        return np.asarray(log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(lower - upper)))

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return s(a) + s(b) - 1 and the exact curvature."""
        upper, lower = self._ends(params, block)
        above, below = expit(-upper), expit(lower)
        return below - above, above * (1.0 - above) + below * (1.0 - below)

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return first derivatives in the log distances, then second ones."""
        upper, _ = self._ends(params, block)
        slope, curvature = self.derivatives(params, block)
        excess, above = self._excess(params, block), expit(-upper)
        at_upper = above + excess  # in the upper threshold alone
        bend = above * (1.0 - above) + excess * (1.0 + excess)
        first, second = [], []
        for j in range(1, self.n_more + 1):
            # A longer distance moves threshold j and all above it: both ends of y, the upper one, or none.
            both, one = block.y[0] > j, block.y[0] == j
            step = np.exp(params.more[:, j - 1 : j])
            slopes = step * np.where(both, -slope, np.where(one, at_upper, 0.0))
            first.append(slopes)
            second.append(slopes - step**2 * np.where(both, curvature, np.where(one, bend, 0.0)))
        return first + second

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the log distances after a share of a Newton step in each."""
        more, s = params.more.copy(), self.n_more
        alive = statistics.mass > 1e-10 * ground.weight
        for j in range(s if step != "safe" else 0):
            first, second = np.where(alive, statistics.more[:, [j, s + j]].T, 0.0)
            more[:, j] += SHARE[step] * newton_1d(first, second, False)
        return self._within(more)

    def _within(self, more: Array) -> Array:
        return np.clip(more, NARROWEST, WIDEST)

    # -- classes ----------------------------------------------------------------------------------------------------

    def location(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-probabilities of all classes, (K, C, m)."""
        ends = self.thresholds(params)[:, :, None] - self.predictor(params, block)[:, None]
        edge = np.full_like(ends[:, :1], np.inf)
        upper, lower = np.concatenate([ends, edge], axis=1), np.concatenate([-edge, ends], axis=1)
        return np.asarray(log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(lower - upper)))

    def mean(self, params: LinearParameters, block: Block) -> Array:
        """Return the class probabilities, (K, C, m)."""
        return np.exp(self.location(params, block))

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return the predictor: codes have no mean, and experts are put in order by it."""
        return predictor

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the thresholds; minus the intercept they are those of models without one."""
        return {"expert_thresholds_": self.thresholds(params)}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return the log distances."""
        return np.log(np.diff(attributes["expert_thresholds_"], axis=1))

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        thresholds = {"expert_thresholds_": (n_experts, self._classes - 1)}
        return {"expert_coef_": (n_experts, n_columns), "expert_intercept_": (n_experts,)} | thresholds

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return categorical distributions at log-probabilities (n, K, C)."""
        from classicmoe.distributions.categorical import CategoricalComponents

        return CategoricalComponents(np.asarray(location, dtype=np.float64))
