r"""Lasso mixtures of experts for classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sklearn.utils import Tags

from classicmoe.contracts import Array, Expert
from classicmoe.em.mixture import Mixture
from classicmoe.em.source import ArraySource, Batches
from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.experts import EXPERTS, MultinomialExpert
from classicmoe.lasso.classes import ClassesProblem
from classicmoe.lasso.problem import Answer, LassoProblem
from classicmoe.lasso.terms import Terms
from classicmoe.models._classification import BaseMoEClassifier
from classicmoe.models._fitted_by_em import Asked
from classicmoe.models._lasso import Criterion, FittedByLasso
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.labels import Classes, class_weights, encode, learn_classes
from classicmoe.models.lasso_settings import check_lasso_settings
from classicmoe.models.response import response_names
from classicmoe.models.rows import NOTHING, Rows
from classicmoe.models.settings import component


class LassoMoEClassifier(BaseMoEClassifier, FittedByLasso):
    r"""Softmax-gated mixture of multinomial logit experts with penalised slopes, for many columns.

    Maximises

    .. math::

        \sum_i w_i \log \sum_{k=1}^K g_k(x_i)\, P_k(y_i \mid x_i)
        \;-\; \gamma \sum_{k}\lVert a_k\rVert_1 \;-\; \sum_k \lambda_k \sum_{c=1}^C \lVert b_{kc}\rVert_1

    in the slopes :math:`a_k` of the gate and :math:`b_{kc}` of class c in expert k on standardised columns; intercepts
    are free. As :class:`LassoMoERegressor` does.

    Parameters
    ----------
    n_experts : int >= 1, default=2
        Number of experts K; one is logistic regression with an l1 penalty.
    alpha_gate, alpha_expert : float >= 0, (K,) or None, default=None
        :math:`\gamma` and :math:`\lambda`, on the scale of the summed log-likelihood: scikit-learn's ``1 / C``. None:
        chosen along a path.
    expert : {"multinomial"} or MultinomialExpert object, default="multinomial"
        The family of the experts; an object carries another solver, or a ridge that is added to the penalty.
    penalty : {"l1", "group", "mcp", "scad"}, default="l1"
        ``"group"``: a column enters all classes of an expert (all regions of the gate) or none.
    class_weight : None, "balanced" or dict of positive numbers by label, default=None
        As in :class:`MoEClassifier`; the criterion along the path is one of reweighted rows then.
    gate_weights, expert_weights : array of shape (p,) or (K, p), default=None
        Multipliers of the penalty per column (adaptive Lasso), the same for all classes: 0 leaves slopes free, infinity
        keeps them at zero.
    constraints : list of constraints, optional
        As in :class:`LassoMoERegressor`, on the gate (``side="gate"``) only.
    l1_ratio, gate_form, criterion, cv, n_alphas, alpha_min_ratio, gate_ratio, refit, standardize
        As in :class:`LassoMoERegressor`.
    gate_features, expert_features, n_init, tol, max_iter, weight_type, unseen, random_state, n_jobs, verbose
        As in :class:`LassoMoERegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The labels, in order.
    class_weight_ : ndarray of shape (C,)
        The weights of the classes that were used; 1 without ``class_weight``.
    expert_coef_, expert_intercept_ : ndarray of shape (K, C, p), (K, C)
        In the user's units. All classes are penalised and none is the reference: the median of the slopes of a column
        in an expert is zero (even C: the lower middle one; of two classes the slope is that of the favoured one).
    support_ : dict
        ``"gate"`` and ``"expert"``: which slopes are not zero, (K, p) and (K, C, p).
    n_parameters_ : int
        Degrees of freedom: intercepts and non-zero slopes, of a column C - 1 at most in an expert and K - 1 in the
        gate.
    alpha_gate_, alpha_expert_, gate_coef_, gate_intercept_, path_, paths_, optimality_, log_likelihood_, ...
        As in :class:`LassoMoERegressor`.

    Notes
    -----
    Without columns the experts cannot be told apart; a penalty that lets none in leaves them all alike, at the classes'
    frequencies. With as many experts as classes the gate may do all the work, with experts that say one class each:
    look at ``support_`` before reading a gate as regions.

    The scatter of a class about its probability says nothing that the probability does not. Columns that the experts
    use with opposite signs, so that one expert would not use them, are found by starts only, and these see some twenty
    of very many columns.

    References
    ----------
    Huynh, B.-T. and Chamroukhi, F. (2019). Estimation and feature selection in mixtures of generalized linear experts
    models. arXiv:1907.06994.

    Friedman, J., Hastie, T. and Tibshirani, R. (2010). Regularization paths for generalized linear models via
    coordinate descent. Journal of Statistical Software 33(1).

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import LassoMoEClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 8))
    >>> up = np.where(X[:, 0] > 0, 3.0 * X[:, 1], -3.0 * X[:, 1]) + rng.logistic(size=600) > 0
    >>> m = LassoMoEClassifier(2, 3.0, 3.0, n_init=4, random_state=0).fit(X, np.where(up, "up", "down"))
    >>> int(np.abs(m.gate_coef_).max(axis=0).argmax()), int(np.abs(m.expert_coef_).max(axis=(0, 1)).argmax())
    (0, 1)
    >>> m.support_["expert"].shape
    (2, 2, 8)
    """

    _problem_type = ClassesProblem
    parametrisation = "sigma"

    def __init__(
        self,
        n_experts: int = 2,
        alpha_gate: float | Array | None = None,
        alpha_expert: float | Array | None = None,
        *,
        expert: str | Expert = "multinomial",
        penalty: str = "l1",
        l1_ratio: float = 1.0,
        gate_weights: Array | None = None,
        expert_weights: Array | None = None,
        gate_form: Literal["symmetric", "reference"] = "symmetric",
        constraints: Any = None,
        criterion: Criterion = "bic",
        cv: Any = 5,
        n_alphas: int = 30,
        alpha_min_ratio: float | None = None,
        gate_ratio: Any = None,
        refit: bool = False,
        standardize: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        gate_features: Any = None,
        expert_features: Any = None,
        n_init: int = 10,
        tol: float = 1e-8,
        max_iter: int = 5000,
        weight_type: Literal["frequency", "sampling"] = "frequency",
        unseen: Literal["error", "reference"] = "error",
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.n_experts = n_experts
        self.alpha_gate = alpha_gate
        self.alpha_expert = alpha_expert
        self.expert = expert
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.gate_weights = gate_weights
        self.expert_weights = expert_weights
        self.gate_form = gate_form
        self.constraints = constraints
        self.criterion = criterion
        self.cv = cv
        self.n_alphas = n_alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.gate_ratio = gate_ratio
        self.refit = refit
        self.standardize = standardize
        self.class_weight = class_weight
        self.gate_features = gate_features
        self.expert_features = expert_features
        self.n_init = n_init
        self.tol = tol
        self.max_iter = max_iter
        self.weight_type = weight_type
        self.unseen = unseen
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        """Say that X may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- the mixture behind the fitted attributes -------------------------------------------------------------------

    def _check_family(self) -> None:
        family = component(self.expert, EXPERTS, "expert")
        if not isinstance(family, MultinomialExpert):
            raise ConfigurationError(
                f"expert={family.name!r} has no penalised form for classes; LassoMoEClassifier takes 'multinomial'. "
                "MoEClassifier takes 'ordinal' as well, LassoMoERegressor families for numbers."
            )

    def _terms(self) -> Terms:
        terms = super()._terms()
        labels = self._learnt[0] if hasattr(self, "_learnt") else getattr(self, "classes_", None)
        if labels is not None:
            terms.base.set_params(n_classes=len(labels))  # a fresh one
        return terms

    def _mixture(self) -> Mixture:
        return FittedByLasso._mixture(self)

    # -- the fit ----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, data: Any = None) -> LassoMoEClassifier:
        """Fit along the path, or at the given penalties.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features), or str
            A formula ``"y ~ experts | gate"`` goes with ``data=``.
        y : array-like of shape (n,)
            Labels of one type: text, whole numbers, booleans.
        sample_weight, data
            As in :meth:`MoEClassifier.fit`.

        Returns
        -------
        LassoMoEClassifier
            Itself.

        Raises
        ------
        ConfigurationError, DataError, MissingValuesError, ColumnError, WeightError, TooFewRowsError
            Each names the argument, the column or the rows, and what to do.

        Warns
        -----
        RareClassWarning
            A class with a single row.
        """
        check_lasso_settings(self)
        self._check_family()
        asked = self._asked(X, y, data)
        classes, weight = self._classes(asked, sample_weight)
        self._learnt = classes.labels, weight
        try:
            self._search(self._read_labelled(asked, sample_weight, classes, weight), NOTHING)
        finally:
            del self._learnt
        return self

    def _classes(self, asked: Asked, sample_weight: Any) -> tuple[Classes, Array]:
        """Return the classes of the rows and what a row of each weighs."""
        if isinstance(asked.X, Batches):
            raise DataError("LassoMoEClassifier takes arrays and tables, not Batches: it looks at all columns often.")
        classes = learn_classes(asked.y, sample_weight, type(self).__name__)
        return classes, class_weights(self.class_weight, classes)

    def _read_labelled(self, asked: Asked, sample_weight: Any, classes: Classes, weight: Array) -> Rows:
        """Return the rows with codes in the place of labels, weighted by class."""
        codes = encode(asked.y, classes.labels, type(self).__name__, sample_weight)
        rows = self._read(asked._replace(y=codes), sample_weight, NOTHING)
        if self.class_weight is not None:
            source = rows.source
            assert isinstance(source, ArraySource)
            given = 1.0 if source.weight is None else source.weight
            rows = rows._replace(source=ArraySource(source.tables, source.y, weight[codes.astype(int)] * given))
        return rows._replace(response_names=response_names(asked.y))

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, exposure: Any = None, offset: Any = None) -> Rows:
        self._check_family()
        check_family(self._mixture().expert, Beside(exposure, offset))
        asked = self._asked(X, y, None)
        return self._read_labelled(asked, sample_weight, *self._classes(asked, sample_weight))

    def _candidates(self, rows: Rows) -> int:
        k, n_classes = self.n_experts, len(self._learnt[0])
        by_gate, by_expert = (len(side.names_out) for side in (rows.reader.gate, rows.reader.expert))
        return (k - 1) * by_gate + k * (n_classes - 1) * by_expert

    def _publish_answer(
        self, problem: LassoProblem, rows: Rows, answer: Answer, fit: Any, alphas: tuple[Any, Any]
    ) -> None:
        super()._publish_answer(problem, rows, answer, fit, alphas)
        self.classes_, self.class_weight_ = self._learnt
