r"""The public estimator: any gate x any expert family, fitted by EM."""

from __future__ import annotations

from typing import Any

from sklearn.utils import Tags

from classicmoe.exceptions import ConfigurationError
from classicmoe.models._base import BaseMoERegressor
from classicmoe.models._fitted_by_em import FittedByEM
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.settings import check_settings


class MoERegressor(BaseMoERegressor, FittedByEM):
    r"""Mixture of experts for regression.

    Maximises the penalised log-likelihood

    .. math::

        \sum_i w_i \log \sum_{k=1}^K g_k(x_i)\, f_k(y_i \mid x_i) \;-\; \mathrm{penalty}

    with a gating network :math:`g` (softmax of linear scores by default) and experts :math:`f_k` (linear Gaussian by
    default) by generalised EM: one pass over the rows per iteration, safeguarded so that the objective never falls,
    accelerated by SQUAREM, from many starts.

    Parameters
    ----------
    n_experts : int >= 1, default=2
        Number of experts K.
    gate : {"softmax", "constant", "gaussian"} or Gate object, default="softmax"
        The gating network. A Gaussian gate models x too: the joint likelihood is maximised, criteria are of it.
    expert : {"gaussian"} or Expert object, default="gaussian"
        The family of the experts.
    gate_features, expert_features : None, list, transformer or str, default=None
        What each side sees: None for all columns, a list of names or indices (``[]``: intercept only), a scikit-learn
        transformer, or the right-hand side of a formula.
    n_init : int >= 1, default=20
        Number of starts.
    n_refine : int, optional
        Carry only the best ``n_refine`` short runs on to the end. Default: all, above 100 000 rows 5.
    tol : float > 0, default=1e-8
        Stop when the gain still to come is below ``min(tol * sum of weights, 1e-3)`` log-likelihood units in two
        consecutive cycles.
    max_iter : int >= 2, default=1000
        Limit on passes over all rows per start.
    acceleration : {"squarem", "anderson", "none"}, default="squarem"
        Extrapolation of the EM map; ``"anderson"`` where many directions are slow.
    weight_type : {"frequency", "sampling"}, default="frequency"
        ``"frequency"``: a weight of k is k rows. ``"sampling"``: weights are rescaled to mean one.
    init : str or array of shape (n, n_experts), default="auto"
        ``"auto"``: seven kinds of starts in rotation; one kind by name; responsibilities to start from; or
        ``split_start()`` of a fitted model with one expert fewer or ``nested_start(columns)`` of one whose experts see
        fewer columns, on top of the random starts.
    unseen : {"error", "reference"}, default="error"
        What to do with a level of a categorical column that was not there at fit.
    random_state : int, RandomState or None, default=None
        Makes starts reproducible. Results do not depend on ``n_jobs``.
    n_jobs : int or None, default=None
        Threads over chunks of rows (large tables) or starts (small ones).
    warm_start : bool, default=False
        Continue from the previous fit instead of random starts.
    verbose : int, default=0
        1: one line per start on stderr.

    Attributes
    ----------
    gate_coef_, gate_intercept_ : ndarray of shape (K, p_gate), (K,)
        The last expert is all zero (symmetric form under a ridge beyond the default).
    gate_weights_, gate_means_, gate_covariances_ : ndarray of shape (K,), (K, p_gate), (K, p_gate, p_gate)
        Of a Gaussian gate, in the place of slopes and intercepts.
    joint_log_likelihood_ : float
        Of a Gaussian gate: the log-likelihood of x and y together, which EM maximises.
    expert_coef_, expert_intercept_, expert_scale_ : ndarray of shape (K, p_expert), (K,), (K,)
        With q > 1 outputs (K, q, p_expert), (K, q), (K, q). Scales are standard deviations.
    expert_covariances_ : ndarray of shape (K, q, q)
    log_likelihood_, n_parameters_ : float, int
        Unpenalised conditional log-likelihood of the training rows, and the number of free parameters.
    objective_, objective_path_ : float, ndarray
        What EM maximised, and its values at all accepted steps; the path never falls.
    converged_, status_, n_iter_ : bool, Status, int
    starts_ : list of dict
        One row per start: kind, seed, objective, passes, seconds, status, whether it reached the best, path.
    verdict_ : Verdict
        Whether the fit can be trusted and why not.
    expert_mass_ : ndarray of shape (K,)
        Sums of responsibilities, in rows.
    gate_features_, expert_features_ : FeatureMap
    n_features_in_, feature_names_in_ : int, ndarray

    Notes
    -----
    Experts are ordered by their mean where x is average. Columns are centred and scaled inside; results are in the
    units given. An expert's variance cannot fall below 1e-6 of the variance of y; solutions at that floor lose to all
    others and are reported.

    References
    ----------
    Jacobs, R. A., Jordan, M. I., Nowlan, S. J. and Hinton, G. E. (1991). Adaptive mixtures of local experts. Neural
    Computation 3, 79-87.

    Jordan, M. I. and Jacobs, R. A. (1994). Hierarchical mixtures of experts and the EM algorithm. Neural
    Computation 6, 181-214.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(n_experts=2, random_state=0).fit(X, y)
    >>> m.predict(X[:3]).shape
    (3,)
    >>> m.verdict_.trustworthy
    True
    """

    def __sklearn_tags__(self) -> Tags:
        """Declare several outputs; nothing else departs from scikit-learn's defaults."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        data: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> MoERegressor:
        """Fit the mixture of experts.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features), Batches, or str
            A formula ``"y ~ experts | gate"`` goes with ``data=``; ``Batches`` carry their own y and weights.
        y : array-like of shape (n,) or (n, q)
        sample_weight : array-like of shape (n,), optional
            A weight of k counts as k rows; 0 leaves the row out.
        data : data frame, optional
            Where a formula finds its columns.
        exposure : array-like of shape (n,), optional
            Counts: what they grew on (person-years, distance), positive; expected counts are proportional to it and
            :meth:`predict` gives rates. Binomial experts: the number of trials.
        offset : array-like of shape (n,), optional
            Added to the linear predictors of all experts, on the scale of the link.

        Returns
        -------
        MoERegressor
            Itself.

        Raises
        ------
        ConfigurationError, DataError, MissingValuesError, ColumnError, WeightError, TooFewRowsError
            Each names the argument, the column or the rows, and what to do.
        """
        check_settings(self)
        mixture = self._mixture()
        for family in getattr(mixture.expert, "experts", [mixture.expert]):
            if getattr(family, "classifies", False):
                raise ConfigurationError(f"expert={family.name!r} is a family for classes: use MoEClassifier.")
        beside = Beside(exposure, offset)
        check_family(mixture.expert, beside)
        self._climb(self._read(self._asked(X, y, data), sample_weight, beside), mixture, beside)
        return self
