r"""Multinomial logit experts: which of C classes, for classifiers.

.. math::

    P(y = c \mid x, k) = \frac{\exp(b_{kc}^\top \tilde x)}{\sum_d \exp(b_{kd}^\top \tilde x)},\qquad \tilde x = (1, x)

Adding one vector to all :math:`b_{kc}` of an expert changes nothing; they sum to zero over classes (the symmetric
form, which is what the ridge penalises and which knows no reference class).

Source: Jordan & Jacobs (1994); Boehning & Lindsay (1988) for the bound on the curvature; Nguyen, Akbarian, Nguyen & Ho
(2024) for what is identified.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Ground, Measure, Scaling, Step
from classicmoe.contrasts import mm_direction, newton_direction, ridge_gradient, shortened
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts._class_logits import ClassLogits, MultinomialParameters
from classicmoe.symmetric import unpack_symmetric

EMPTY = 1e-10  # share of all weight below which an expert has no rows
LONGEST = 4.0  # of a Newton step of one class, in standardised columns: logits moved further are a guess


class MultinomialStatistics(NamedTuple):
    """Sums of r (K,), the gradient (K, C, p), sums of r x x' (K, p(p+1)/2) and of r p_c p_d x x' over c < d.

    The last, the curvature (K, C(C-1)/2, p(p+1)/2), is of Newton's step only.
    """

    mass: Array
    gradient: Array
    gram: Array
    curvature: Array | None


class MultinomialExpert(ClassLogits, BaseEstimator):
    r"""Multinomial logit experts.

    One step per pass on the concave objectives
    :math:`\sum_i r_{ik} \log P(y_i \mid x_i, k) - \tfrac{\lambda}{2}\sum_c\lVert b_{kc,\mathrm{slopes}}\rVert^2`.

    With one label per row a mixture of several such experts is identified by its class probabilities alone, and its
    coefficients often are not: an expert with a constant probability can be split in many ways. Trust predictions;
    look at the verdict before reading coefficients.

    Parameters
    ----------
    n_classes : int >= 2, optional
        Number of classes C; classifiers set it from the labels. Responses are the codes 0, 1, ..., C - 1.
    solver : {"newton", "mm"}, default="newton"
        ``"newton"``: one Newton step, halved or replaced by the MM step when the objective would fall. ``"mm"``:
        always the step of the Boehning-Lindsay bound, which cannot lower the objective and needs neither the
        C(C-1)/2 curvatures nor the solution of (C-1) p equations: for p (C-1) beyond some 200.
    ridge : float >= 0, default=1e-10
        :math:`\lambda`, on the symmetric slopes of standardised columns, in log-likelihood units; intercepts are not
        penalised. Where an expert can tell classes apart, only the ridge keeps its slopes finite. The default does
        that and no more: with two experts on the sepals of the iris data it costs 7e-6 log-likelihood units (1.4e-7
        of all), 1e-8 costs 5e-5, 1e-6 3e-3 and 1e-3 0.8. Take 1e-3 to 1 where coefficients are to be read or slopes
        of pure regions are to stay moderate.

    References
    ----------
    Boehning, D. and Lindsay, B. G. (1988). Monotonicity of quadratic-approximation algorithms. Annals of the
    Institute of Statistical Mathematics 40, 641-663.

    Nguyen, H., Akbarian, P., Nguyen, T. and Ho, N. (2024). A general theory for softmax gating multinomial logistic
    mixture of experts. ICML 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from classicmoe import MoEClassifier
    >>> from classicmoe.experts import MultinomialExpert
    >>> X, y = load_iris(return_X_y=True)
    >>> m = MoEClassifier(1, expert=MultinomialExpert(ridge=1e-2)).fit(X, y)
    >>> m.expert_coef_.shape
    (1, 3, 4)
    """

    name: ClassVar[str] = "multinomial"
    measure: ClassVar[Measure] = "counting"
    scaling: ClassVar[Scaling] = "none"
    one_unit: ClassVar[bool] = False
    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False
    damped: ClassVar[bool] = False  # the MM step is a bound: if half of Newton's is too long, it cannot be
    classifies: ClassVar[bool] = True  # responses are codes of labels
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"solver": ("newton", "mm")}

    def __init__(self, n_classes: int | None = None, solver: Literal["newton", "mm"] = "newton", ridge: float = 1e-10):
        self.n_classes = n_classes
        self.solver = solver
        self.ridge = ridge

    def softened(self, ridge: float) -> MultinomialExpert:
        """Return the family with a larger ridge, for the first passes of a start."""
        return MultinomialExpert(self.n_classes, self.solver, max(ridge, self.ridge))

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        n = self.n_classes
        if n is None or (isinstance(n, Integral) and not isinstance(n, bool) and n >= 2):
            return None
        return f"n_classes must be a whole number >= 2 or None, not {n!r}"

    @property
    def _known_classes(self) -> int:
        if self.n_classes is None:
            raise ConfigurationError("The number of classes is not known: set n_classes, or use MoEClassifier.")
        return self.n_classes

    # -- densities --------------------------------------------------------------------------------------------------

    def working(self, y: Array) -> Array:
        """Return one row per class, 1 where y is of that class, minus its mean, (C, m)."""
        members = (y[0] == np.arange(self._known_classes)[:, None]).astype(float)
        return np.asarray(members - members.mean(axis=1, keepdims=True))

    def start(self, n_experts: int, ground: Ground) -> MultinomialParameters:
        """Return equal probabilities for all classes; the mean of class codes says nothing about their shares."""
        return MultinomialParameters(np.zeros((n_experts, self._known_classes, len(ground.expert_gram))))

    def _both(self, params: MultinomialParameters, block: Block) -> tuple[Array, Array]:
        """Return log P(y | x, k), (K, m), and all probabilities, (K * C, m), computed together."""
        n_experts, n_classes, width = params.coef.shape
        out = block.scratch("log density", n_experts)
        prob = block.scratch("class probabilities", n_experts * n_classes)

        def compute() -> Array:
            total = block.scratch("class totals", n_experts)
            np.dot(params.coef.reshape(-1, width), block.expert_columns, out=prob)
            kernels.multinomial.shift(prob, block.y[0], out, total[0])
            np.exp(prob, out=prob)
            kernels.multinomial.normalise(prob, total)
            np.log(total, out=total)
            return np.subtract(out, total, out=out)

        block.once("multinomial", params, compute)
        return out, prob

    def log_density(self, params: MultinomialParameters, block: Block) -> Array:
        """Return log P(y | x, k), (K, m)."""
        return self._both(params, block)[0]

    def location(self, params: MultinomialParameters, block: Block) -> Array:
        """Return the logits, (K, C, m)."""
        n_experts, n_classes, width = params.coef.shape
        return np.dot(params.coef.reshape(-1, width), block.expert_columns).reshape(n_experts, n_classes, -1)

    def mean(self, params: MultinomialParameters, block: Block) -> Array:
        """Return the class probabilities, (K, C, m)."""
        return self._both(params, block)[1].reshape(*params.coef.shape[:2], -1).copy()

    def spread(self, params: MultinomialParameters) -> Array:
        """Return ones: without a scale there are no spikes."""
        return np.ones(len(params.coef))

    def at_floor(self, params: MultinomialParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return False for every expert."""
        return np.zeros(len(params.coef), dtype=bool)

    # -- steps ------------------------------------------------------------------------------------------------------

    def _gradient_rows(self, params: MultinomialParameters, block: Block, resp: Array) -> Array:
        """Return r (1[y = c] - p_c) for all classes but the last, (K * (C - 1), m)."""
        _, prob = self._both(params, block)
        rows = block.scratch("class gradient", len(prob) - len(resp))
        kernels.multinomial.gradient_rows(resp, prob, block.y[0], rows)
        return rows

    def statistics(self, params: MultinomialParameters, block: Block, resp: Array) -> MultinomialStatistics:
        """Return mass, gradient, Gram matrices and, for Newton, curvature."""
        n_experts, n_classes, width = params.coef.shape
        free = np.dot(self._gradient_rows(params, block, resp), block.expert_columns.T)
        free = free.reshape(n_experts, n_classes - 1, width)
        gradient = np.concatenate([free, -free.sum(axis=1, keepdims=True)], axis=1)
        packed = width * (width + 1) // 2
        gram = np.zeros((n_experts, packed))
        kernels.moments.add_second_moments(resp, block.expert_columns, gram)
        curvature = None
        if self.solver == "newton":
            n_pairs = n_classes * (n_classes - 1) // 2
            curvature = np.zeros((n_experts, n_pairs, packed))
            prob = self._both(params, block)[1].reshape(n_experts, n_classes, -1)
            pairs = block.scratch("class pairs", n_pairs)  # one expert at a time: K times less scratch
            for k in range(n_experts):
                kernels.multinomial.curvature_rows(resp[k], prob[k], pairs)
                kernels.moments.add_second_moments(pairs, block.expert_columns, curvature[k])
        return MultinomialStatistics(resp.sum(axis=1), gradient, gram, curvature)

    def update(
        self, params: MultinomialParameters, statistics: MultinomialStatistics, ground: Ground, step: Step = "full"
    ) -> MultinomialParameters:
        """Return the parameters after a share of the Newton step, or after one MM step ("safe")."""
        gradient = statistics.gradient - ridge_gradient(params.coef, self.ridge)
        alive = statistics.mass > EMPTY * ground.weight
        change = np.zeros_like(gradient)
        for k in np.flatnonzero(alive):
            direction = None
            if statistics.curvature is not None and step != "safe":
                direction = newton_direction(gradient[k], statistics.curvature[k], self.ridge)
            if direction is None:
                gram = unpack_symmetric(statistics.gram[k], gradient.shape[-1])
                change[k] = mm_direction(gradient[k], gram, self.ridge)
            else:
                change[k] = SHARE[step] * shortened(direction, LONGEST)
        return self._centred(params.coef + change)

    def score(self, params: MultinomialParameters, statistics: MultinomialStatistics) -> Array:
        """Return the derivative in the contrasts with the last class."""
        return (statistics.gradient - ridge_gradient(params.coef, self.ridge))[:, :-1].ravel()

    def scores(self, params: MultinomialParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in the contrasts, (m, K (C-1) p)."""
        rows = self._gradient_rows(params, block, resp)
        return (rows[:, None, :] * block.expert_columns[None]).reshape(-1, rows.shape[1]).T

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        size = (n_experts, self._known_classes)
        return {"expert_coef_": (*size, n_columns), "expert_intercept_": size}

    def conditional(self, params: MultinomialParameters, location: Array, exposure: Array | None) -> Any:
        """Return categorical distributions at logits (n, K, C)."""
        from classicmoe.distributions.categorical import CategoricalComponents

        return CategoricalComponents(np.asarray(location, dtype=np.float64))
