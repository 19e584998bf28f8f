r"""The public classifier: any gate x multinomial logit experts, fitted by EM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from classicmoe.contracts import Array, Expert, Gate
from classicmoe.em.source import ArraySource, Batches
from classicmoe.models._classification import BaseMoEClassifier
from classicmoe.models._fitted_by_em import Asked, FittedByEM
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.labels import Classes, class_weights, encode, learn_classes
from classicmoe.models.response import response_names
from classicmoe.models.rows import NOTHING, Rows
from classicmoe.models.settings import check_settings


class MoEClassifier(BaseMoEClassifier, FittedByEM):
    r"""Mixture of experts for classification.

    Maximises the penalised log-likelihood

    .. math::

        \sum_i w_i \log \sum_{k=1}^K g_k(x_i)\, P_k(y_i \mid x_i) \;-\; \mathrm{penalty}

    with a gating network :math:`g` and multinomial logit experts :math:`P_k`, as :class:`MoERegressor` does.

    Parameters
    ----------
    n_experts : int >= 1, default=2
        Number of experts K; one is multinomial logistic regression.
    gate : {"softmax", "constant", "gaussian", "tree", ...} or Gate object, default="softmax"
        The gating network.
    expert : {"multinomial", "ordinal"} or object of these families, default="multinomial"
        The family of the experts; an object carries another ridge or solver.
    gate_features, expert_features, n_init, n_refine, tol, max_iter, acceleration, weight_type, init, unseen
        As in :class:`MoERegressor`.
    class_weight : None, "balanced" or dict of positive numbers by label, default=None
        What a row of a class weighs, on top of ``sample_weight``; labels that are left out weigh 1. Only ratios
        matter. ``"balanced"`` gives all classes one total weight. :meth:`predict` decides as if errors cost so much;
        probabilities are corrected back to the classes' shares in the sample. The likelihood that is maximised is one
        of reweighted rows then, so that there are no criteria.
    random_state, n_jobs, warm_start, verbose
        As in :class:`MoERegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The labels, in order.
    class_weight_ : ndarray of shape (C,)
        The weights of the classes that were used; 1 without ``class_weight``.
    expert_coef_, expert_intercept_ : ndarray of shape (K, C, p_expert), (K, C)
        They sum to zero over classes.
    log_likelihood_, n_parameters_ : float, int
        Unpenalised log-likelihood of the (reweighted) training rows, and the number of free parameters.
    gate_coef_, gate_intercept_, objective_, converged_, starts_, verdict_, expert_mass_, ...
        As in :class:`MoERegressor`.

    Notes
    -----
    With one label per row only the class probabilities are identified, not always the coefficients: see
    :class:`classicmoe.experts.MultinomialExpert`. Experts are ordered by the probability of the first class where x is
    average.

    References
    ----------
    Jordan, M. I. and Jacobs, R. A. (1994). Hierarchical mixtures of experts and the EM algorithm. Neural
    Computation 6, 181-214.

    Nguyen, H., Akbarian, P., Nguyen, T. and Ho, N. (2024). A general theory for softmax gating multinomial logistic
    mixture of experts. ICML 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoEClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=400) > 0, "same", "differ")
    >>> m = MoEClassifier(2, n_init=8, random_state=0).fit(X, y)
    >>> m.predict([[2.0, 2.0], [2.0, -2.0]]).tolist()
    ['same', 'differ']
    """

    def __init__(
        self,
        n_experts: int = 2,
        gate: str | Gate = "softmax",
        expert: str | Expert = "multinomial",
        *,
        gate_features: Any = None,
        expert_features: Any = None,
        n_init: int = 20,
        n_refine: int | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        acceleration: Literal["squarem", "anderson", "none"] = "squarem",
        weight_type: Literal["frequency", "sampling"] = "frequency",
        init: str | Array = "auto",
        unseen: Literal["error", "reference"] = "error",
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        super().__init__(
            n_experts,
            gate,
            expert,
            gate_features=gate_features,
            expert_features=expert_features,
            n_init=n_init,
            n_refine=n_refine,
            tol=tol,
            max_iter=max_iter,
            acceleration=acceleration,
            weight_type=weight_type,
            init=init,
            unseen=unseen,
            random_state=random_state,
            n_jobs=n_jobs,
            warm_start=warm_start,
            verbose=verbose,
        )
        self.class_weight = class_weight

    # -- the fit ----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, data: Any = None) -> MoEClassifier:
        """Fit the mixture of experts.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features), Batches, or str
            A formula ``"y ~ experts | gate"`` goes with ``data=``; ``Batches`` carry their own y and weights.
        y : array-like of shape (n,)
            Labels of one type: text, whole numbers, booleans.
        sample_weight : array-like of shape (n,), optional
            A weight of k counts as k rows; 0 leaves the row out.
        data : data frame, optional
            Where a formula finds its columns.

        Returns
        -------
        MoEClassifier
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
        check_settings(self)
        self._check_family()
        asked = self._asked(X, y, data)
        classes, weight = self._classes(asked, sample_weight)
        if self.warm_start and hasattr(self, "classes_") and not np.array_equal(self.classes_, classes.labels):
            self._refuse_warm_start()
        rows = self._read_labelled(asked, sample_weight, classes, weight)
        self._learnt = classes.labels, weight
        try:
            self._climb(rows, self._mixture_of(len(classes.labels)))
        finally:
            del self._learnt
        return self

    def _classes(self, asked: Asked, sample_weight: Any) -> tuple[Classes, Array]:
        """Return the classes of the rows and what a row of each weighs."""
        labels = asked.X if isinstance(asked.X, Batches) else asked.y
        classes = learn_classes(labels, sample_weight, type(self).__name__)
        return classes, class_weights(self.class_weight, classes)

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, exposure: Any = None, offset: Any = None) -> Rows:
        check_family(self._mixture().expert, Beside(exposure, offset))
        self._check_family()
        asked = self._asked(X, y, None)
        return self._read_labelled(asked, sample_weight, *self._classes(asked, sample_weight))

    def _publish(self, result: Any, plan: Any, rows: Rows) -> None:
        super()._publish(result, plan, rows)
        self.classes_, self.class_weight_ = self._learnt

    def _read_labelled(self, asked: Asked, sample_weight: Any, classes: Classes, weight: Array) -> Rows:
        """Return the rows with codes in the place of labels, weighted by class."""
        owner, names = type(self).__name__, None
        if isinstance(asked.X, Batches):
            batches = asked.X
            first = next(iter(batches))[1]

            def coded() -> Any:
                for X, y, given in batches:
                    codes = encode(y, classes.labels, owner, given)
                    by_class = weight[codes.astype(int)]
                    yield X, codes, by_class if given is None else by_class * np.asarray(given)

            rows, names = self._read(asked._replace(X=Batches(coded)), sample_weight, NOTHING), response_names(first)
        else:
            codes = encode(asked.y, classes.labels, owner, sample_weight)
            rows, names = self._read(asked._replace(y=codes), sample_weight, NOTHING), response_names(asked.y)
            if self.class_weight is not None:
                source = rows.source
                assert isinstance(source, ArraySource)
                given = 1.0 if source.weight is None else source.weight
                rows = rows._replace(source=ArraySource(source.tables, source.y, weight[codes.astype(int)] * given))
        return rows._replace(response_names=names)
