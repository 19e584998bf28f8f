"""The public selector: fit a grid of mixtures of experts, rank them, and stand in for the best one."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import Any

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from classicmoe.exceptions import ConfigurationError, NoAdmissibleModelError, NotComparableError, TooFewModelsError
from classicmoe.models._estimator import MixtureOfExperts
from classicmoe.models.regressor import MoERegressor
from classicmoe.selection.best import BestModel
from classicmoe.selection.by_slope import check_contrast
from classicmoe.selection.choice import check_criterion
from classicmoe.selection.results import as_frame, selection_summary
from classicmoe.selection.rows import resolve
from classicmoe.selection.runner import Callback
from classicmoe.selection.search import Search
from classicmoe.summary import Summary


class MoESelector(BestModel, MetaEstimatorMixin, BaseEstimator):
    r"""Choose the number of experts, or any other argument, by a criterion; all criteria side by side.

    Every model of a grid is fitted to the same rows, and one table says what each is worth and whether its starts can
    be trusted. The selector then predicts as its best model does.

    Parameters
    ----------
    estimator : unfitted mixture of experts, optional
        What is varied; ``MoERegressor()`` by default.
    param_grid : dict or list of dict, optional
        Arguments and the values to try, in the syntax of :class:`sklearn.model_selection.ParameterGrid`. Arguments of
        an object are reached by two underscores: ``gate__ridge`` with ``gate=SoftmaxGate()``. Default: 1 to 5 experts,
        1 to 20 for ``criterion="slope"``.
    criterion : {"bic", "icl", "aic", "aicc", "sabic", "caic", "slope", "cv"}, default="bic"
        What decides. ``"cv"``: the mean log density of held-out responses (larger is better; it alone ranks penalties,
        since a penalty does not change the number of parameters that the other criteria count). ``"slope"``: the
        dimension jump, see Notes; it needs at least 10 models, many of them far larger than the answer.
    contrast : {"conditional", "joint"}, default="conditional"
        For ``criterion="slope"``: minus the log-likelihood of y given x, or of x and y (Gaussian gates only).
    cv : int, splitter or iterable of (train, test), optional
        Folds. Given with another criterion, the held-out score stands beside it. An integer (``criterion="cv"``
        alone: 5) shuffles the rows, those of every class for itself; for grouped rows pass
        ``list(GroupKFold().split(X, y, groups))``.
    n_jobs : int, optional
        Number of processes; the table and the models do not depend on it. They take some seconds to start. None: one
        model after the other, here.
    resume : str or path-like, optional
        A file to which every finished model is written at once, and from which it is taken when the same grid (or one
        that shares models with it) is fitted again to the same data. Only the table is stored: the best model, and
        models from which larger ones are still to be started, are fitted once more if they came from the file.
    verbose : int, default=0
        1: one line per step on stderr, with the time left.
    callback : callable, optional
        Called as ``callback(done, total, row, seconds_left)`` after every step: the independent starts of a model, and
        later its starts from a smaller one. ``row`` is its row of the table, and ``seconds_left`` is None as long as
        it cannot be told. It may raise KeyboardInterrupt to stop.

    Attributes
    ----------
    results_ : pandas.DataFrame
        One row per model: ``n_experts``, the grid's arguments (objects by what tells them apart: ``"degree 2"`` for
        ``PolynomialFeatures(2)`` beside other degrees), ``n_parameters``, ``log_likelihood`` (of y given x),
        ``joint_log_likelihood`` (of x and y, Gaussian gates only; then the criteria are of it), the criteria
        ``aic aicc bic sabic caic icl`` and ``slope`` (smaller is better), ``cv`` and ``cv_se`` (the mean over folds,
        weighted by their weights, and its standard error from their scatter), ``entropy`` (normalised: 1 for experts
        told apart perfectly, 0 for not at all, NaN for one expert), ``smallest`` (share of the smallest expert, per
        cent), ``verdict`` on the fit (or "FAILED"), ``excluded`` (the verdict for which the slope heuristic does not
        count a model, else None), ``reached``, ``finished``, ``begun`` (independent starts), ``start`` (where the
        solution comes from: "independent" starts, the "split" of a smaller model, or one "nested" in it), ``seconds``,
        ``status``, ``error`` (None or why it failed), ``sentence`` (the verdict in words), ``suspect`` (rests on a
        spike), ``n`` (of the criteria: the sum of weights), ``n_rows``.
    best_index_, best_params_, best_score_ : int, dict, float
        The best model's row of ``results_``, its arguments in the grid and its criterion.
    best_estimator_ : fitted estimator
    slope_ : SlopeHeuristic
        For ``criterion="slope"``: the dimension jump, which chose, and data-driven slope estimation beside it, with
        what speaks against them. Rows are those of ``results_``.
    estimators_ : list of fitted estimators
        As ``results_``; None for one that failed or whose row came from the ``resume`` file.
    interrupted_ : bool
        Whether the grid was left early (Ctrl-C); the other attributes are then of the models that had ended.
    n_features_in_, feature_names_in_ : int, ndarray
    classes_ : ndarray of shape (C,)
        The labels, of classifiers only.

    Notes
    -----
    **The rule.** Models that failed or are DEGENERATE cannot be chosen. A SUSPECT one (it rests on a spike: an expert
    with few rows and hardly any scatter) loses to every model that is not, whatever its criterion. Among the rest the
    criterion decides, then fewer parameters, then the earlier place in the grid. NOT REPLICATED, WEAK and NOT CONVERGED
    models may win, with a warning that says so: more starts or passes could only raise their likelihood, or that of
    their rivals. The table always shows every model with its verdict.

    **The slope heuristic** (``criterion="slope"``) takes the number of parameters C as complexity and minus the
    log-likelihood as contrast, and chooses by :func:`classicmoe.selection.slope.dimension_jump`. The column ``slope``
    is :math:`-2 \ell + 2 \kappa_{opt} C`, AIC with the constant that the models themselves show in place of 1. Models
    that failed, are DEGENERATE, SUSPECT or NOT CONVERGED do not count: their log-likelihoods would bend the line. Of
    models with equally many parameters the most likely counts. By the conditional contrast one expert with a Gaussian
    gate is linear regression, and C counts the parameters of that; ``n_parameters`` and other criteria are of x and y.

    **Comparable or not.** The rows are fixed and checked before the first fit; missing values are an error even where
    only some models use the column. Models with joint and conditional likelihoods, with joint likelihoods of different
    columns, with different ``weight_type`` or on different rows are not ranked: NotComparableError says why. Nor are
    probabilities of counts and densities, by any criterion: log p depends on the unit of y for one and not for the
    other. Under ``class_weight`` there are no criteria; ``"cv"`` works.

    **A collection.** When the independent starts of all models have ended, every model whose sibling with one expert
    fewer (all other arguments equal) is in the grid is started again from that sibling's best solution, in ascending
    order of size: its two experts that explain their rows worst are split in two, each along two directions. Where a
    grid varies ``expert_features`` (lists of columns, formulas, ``PolynomialFeatures`` of several degrees), every model
    of two experts or more is also started from the solution with as many experts on the most of its columns, the
    coefficients of the others being zero. What leads to more than 0.01 above the independent starts (the objective;
    regular solutions before spikes before collapses) replaces their model. None of them reached it then, so it is NOT
    REPLICATED at best, and ``start`` is "split" or "nested"; other models stay as they are. Held-out scores are those
    of independent starts. There are no splits of blocks chosen by the fit, nor for an ``init`` of responsibilities.

    **Reproducible.** All models get the same seed: that of the estimator, or one drawn once for the grid. A model from
    smaller ones cannot be had from its own arguments alone: it needs the grid.

    Examples
    --------
    >>> from classicmoe import MoERegressor, MoESelector, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> selector = MoESelector(MoERegressor(random_state=0), {"n_experts": [1, 2]}, criterion="icl").fit(X, y)
    >>> selector.results_[["n_experts", "n_parameters", "verdict"]].values.tolist()
    [[1, 3, 'OK'], [2, 8, 'OK']]
    >>> selector.best_params_
    {'n_experts': 2}
    >>> selector.predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        estimator: Any = None,
        param_grid: Any = None,
        criterion: str = "bic",
        *,
        contrast: str = "conditional",
        cv: Any = None,
        n_jobs: int | None = None,
        resume: str | os.PathLike[str] | None = None,
        verbose: int = 0,
        callback: Callback | None = None,
    ):
        self.estimator = estimator
        self.param_grid = param_grid
        self.criterion = criterion
        self.contrast = contrast
        self.cv = cv
        self.n_jobs = n_jobs
        self.resume = resume
        self.verbose = verbose
        self.callback = callback

    def __sklearn_tags__(self) -> Tags:
        """Declare what the estimator inside declares."""
        tags, inner = super().__sklearn_tags__(), get_tags(self._inner())
        tags.estimator_type = inner.estimator_type
        tags.regressor_tags, tags.classifier_tags = inner.regressor_tags, inner.classifier_tags
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        return tags

    def _inner(self) -> Any:
        estimator = MoERegressor() if self.estimator is None else self.estimator
        if not isinstance(estimator, MixtureOfExperts):
            raise ConfigurationError(
                "estimator must be a mixture of experts such as MoERegressor() or MoEClassifier(), not "
                f"{estimator!r}. To prepare columns, put the selector at the end of a pipeline, or pass a transformer "
                "as gate_features and expert_features."
            )
        return estimator

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        data: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> MoESelector:
        """Fit all models of the grid and choose the best.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features), Batches, or str
            A formula ``"y ~ experts | gate"`` goes with ``data=``.
        y : array-like of shape (n,) or (n, q)
        sample_weight : array-like of shape (n,), optional
            A weight of k counts as k rows; 0 leaves the row out.
        data : data frame, optional
            Where a formula finds its columns.
        exposure, offset : array-like of shape (n,), optional
            As the estimator takes them.

        Returns
        -------
        MoESelector
            Itself.

        Raises
        ------
        ConfigurationError, DataError
            An argument of the selector, of the grid or the data cannot be used; raised before the first fit.
        NotComparableError
            The grid holds models that cannot be ranked.
        NoAdmissibleModelError
            All models failed or are degenerate; ``results_`` is there all the same.
        TooFewModelsError
            Fewer than 10 models for the slope heuristic, in the grid or of those that count.
        KeyboardInterrupt
            After Ctrl-C, once the attributes hold what has ended.

        Warns
        -----
        NotReplicatedWarning, SuspectSolutionWarning, NotConvergedWarning
            The best model is not trustworthy. What a model says about the data is said once.
        DroppedModelsWarning, DoubtfulSlopeWarning
            The slope heuristic does not count some models, or something speaks against its answer.
        """
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)  # what an earlier fit found
        check_criterion(self.criterion)
        check_contrast(self.contrast)
        inner, rows = resolve(self._inner(), X, y, sample_weight, data, exposure, offset)
        search = Search(inner, self.param_grid, self.criterion, self.cv, self.resume, rows, self.contrast)
        try:
            search.run(self.n_jobs, self.verbose, self.callback)
        except BaseException:  # Ctrl-C above all; hours of finished models are worth keeping whatever it was
            self.interrupted_ = True
            with suppress(NoAdmissibleModelError, NotComparableError, TooFewModelsError):
                self._publish(search)
            raise
        self.interrupted_ = False
        best = self._publish(search)
        for category, message in search.remarks(best):
            warnings.warn(message, category, stacklevel=2)
        return self

    def _publish(self, search: Search) -> int:
        """Set the fitted attributes; return the number of the best candidate."""
        self._n_models = len(search.candidates)
        self.results_ = as_frame(search.rows)
        self.estimators_ = [search.trials[number].model for number in search.numbers]
        best = search.winner()
        if search.slope is not None:
            self.slope_ = search.slope
        self.results_ = as_frame(search.rows)  # the winner may have been fitted again
        self.estimators_ = [search.trials[number].model for number in search.numbers]
        self.best_index_ = search.numbers.index(best)
        self.best_params_ = search.candidates[best].params
        self.best_estimator_ = search.trials[best].model
        self.best_score_ = float(self.results_[self.criterion].iloc[self.best_index_])
        self.n_features_in_ = self.best_estimator_.n_features_in_
        for name in ("feature_names_in_", "classes_"):
            if hasattr(self.best_estimator_, name):
                setattr(self, name, getattr(self.best_estimator_, name))
        return best

    def summary(self, warnings: bool = True) -> Summary:
        """Return the table of models as text: criteria, starts, verdicts, every criterion's choice.

        Parameters
        ----------
        warnings : bool, default=True
            Whether to say again what speaks against the slope heuristic, which ``fit`` said as warnings.
        """
        check_is_fitted(self, "results_")
        remarks = []
        if self.interrupted_:
            whole = len(self.results_) == self._n_models
            rest = (
                "larger models were not all started from smaller ones"
                if whole
                else "the rest of the grid was not fitted"
            )
            remarks.append(f"interrupted: {rest}")
        if any(model is not None and model.weight_type == "sampling" for model in self.estimators_):
            remarks.append("sampling weights, rescaled to mean 1: log-likelihoods and criteria are pseudo")
        text = selection_summary(self.results_, self.criterion, getattr(self, "best_index_", None), remarks)
        return Summary(f"{text}\n\n{self.slope_.summary(warnings)}") if hasattr(self, "slope_") else text
