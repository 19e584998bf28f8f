r"""Lasso mixtures of experts for regression."""

from __future__ import annotations

from typing import Any, Literal

from sklearn.utils import Tags

from classicmoe.contracts import Array, Expert
from classicmoe.lasso.terms import check_base
from classicmoe.models._base import BaseMoERegressor
from classicmoe.models._lasso import Criterion, FittedByLasso
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.lasso_settings import check_lasso_settings


class LassoMoERegressor(BaseMoERegressor, FittedByLasso):
    r"""Softmax-gated mixture of linear experts with penalised slopes, for many columns.

    Maximises

    .. math::

        \sum_i w_i \log \sum_{k=1}^K g_k(x_i)\, f_k(y_i \mid x_i)
        \;-\; \gamma \sum_{k}\lVert a_k\rVert_1 \;-\; \sum_k \lambda_k \lVert b_k\rVert_1

    in the slopes :math:`a_k` of the gate and :math:`b_k` of the experts on standardised columns; intercepts and scales
    are free. Generalised EM by coordinate descent on the quadratic that one pass leaves, on a working set of columns;
    a solution is reported when the conditions of optimality hold for *all* columns.

    Parameters
    ----------
    n_experts : int >= 1, default=2
        Number of experts K; one is the Lasso.
    alpha_gate, alpha_expert : float >= 0, (K,) or None, default=None
        :math:`\gamma` and :math:`\lambda`, on the scale of the summed log-likelihood: n times scikit-learn's penalty
        per row, divided by the variance for Gaussian experts. None: chosen along a path.
    expert : {"gaussian", "poisson", "binomial", ...} or Expert object, default="gaussian"
        A family with one linear predictor.
    penalty : {"l1", "group", "mcp", "scad"}, default="l1"
        ``"group"``: a column enters all experts (all regions of the gate) or none.
    l1_ratio : float in (0, 1], default=1.0
        Share of the l1 norm; below 1 the elastic net.
    gate_weights, expert_weights : array of shape (p,) or (K, p), default=None
        Multipliers of the penalty per column (adaptive Lasso): 0 leaves a slope free, infinity keeps it at zero.
    parametrisation : {"sigma", "scaled"}, default="sigma"
        ``"scaled"``: slopes over standard deviations are penalised, so that fits to y and c y are the same and a
        collapsing expert does not escape its penalty (Gaussian experts).
    gate_form : {"symmetric", "reference"}, default="symmetric"
        Whether all K rows of the gate are penalised, which treats all experts alike, or the last one is zero.
    constraints : list of constraints, optional
        Linear constraints on coefficients in the user's units, such as ``[Sign("price", "-"), Sum(["a", "b"],
        equals=1.0)]``; see :mod:`classicmoe.penalties.constraints`. With constraints that name experts these keep their
        order. Needs cvxpy: ``pip install "classicmoe[constraints]"``.
    criterion : {"bic", "ebic", "aic", "cv", "slope"}, default="bic"
        What chooses along the path.
    cv : int, splitter or iterable, default=5
        Folds of ``criterion="cv"``, the held-out mean log p(y | x).
    n_alphas : int, default=30
        Points of the path (of two experts or more: down to where columns without effect would fill half of the room
        that the rows leave, and as many beyond).
    alpha_min_ratio : float, optional
        Weakest penalty as a share of the one at which nothing enters. If None it is 1e-3, or 1e-2 with more columns
        than rows; the path of two experts or more ends some points after the best value of the criterion ("bic",
        "ebic", "aic").
    gate_ratio : float > 0 or sequence of them, optional
        :math:`\gamma / \lambda` along the path, for a response of unit deviation; of several the criterion takes one.
        Default: the one at which derivatives that are noise reach both thresholds alike, and with more than 20 columns
        one and a half times as much.
    refit : bool, default=False
        Whether the slopes of the chosen solution are fitted once more without penalty; the others stay zero. The path
        and its criteria are those of the penalised solutions.
    standardize : bool, default=True
        Whether slopes of standardised columns are penalised or those of the columns as they are.
    gate_features, expert_features, tol, weight_type, unseen, random_state, n_jobs, verbose
        As in :class:`MoERegressor`.
    n_init : int, default=10
        Starts at every place where many are run.
    max_iter : int, default=5000
        Limit on passes per solution.

    Attributes
    ----------
    alpha_gate_, alpha_expert_ : float or ndarray
        The penalties of the published solution.
    gate_coef_, gate_intercept_, expert_coef_, expert_intercept_, expert_scale_ : ndarray
        In the user's units. The median of every column of ``gate_coef_`` is zero (even K: the lower middle value).
    support_ : dict
        ``"gate"`` and ``"expert"``: which slopes are not zero, (K, p) each.
    path_, paths_ : LassoPath or None, list of LassoPath
        All solutions of the path with their criteria, and the paths of all ratios; None if both penalties were given.
    optimality_ : float
        Largest violation of an optimality condition over all columns, as a share of the weaker penalty (without
        penalties: of the derivative).
    n_parameters_ : int
        Degrees of freedom: free parameters and non-zero slopes, of a column of the gate K - 1 at most.
    log_likelihood_, objective_, starts_, verdict_, ...
        As in :class:`MoERegressor`; along a path ``starts_`` are those on a few columns under a weak penalty, with
        objectives of their own, marked where they lead to the published solution.

    References
    ----------
    Chamroukhi, F. and Huynh, B.-T. (2019). Regularized maximum likelihood estimation and feature selection in
    mixtures-of-experts models. Journal de la Societe Francaise de Statistique 160, 57-85.

    Khalili, A. (2010). New estimation and feature selection methods in mixture-of-experts models. Canadian Journal of
    Statistics 38, 519-539.

    Staedler, N., Buehlmann, P. and van de Geer, S. (2010). l1-penalization for mixture regression models. TEST 19,
    209-256.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import LassoMoERegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 20))
    >>> first = rng.random(300) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    >>> y = np.where(first, 2.0 * X[:, 1], -2.0 * X[:, 2]) + 0.5 * rng.normal(size=300)
    >>> m = LassoMoERegressor(2, n_init=4, random_state=0).fit(X, y)
    >>> bool(m.support_["expert"][:, 1:3].any())
    True
    """

    def __init__(
        self,
        n_experts: int = 2,
        alpha_gate: float | Array | None = None,
        alpha_expert: float | Array | None = None,
        *,
        expert: str | Expert = "gaussian",
        penalty: str = "l1",
        l1_ratio: float = 1.0,
        gate_weights: Array | None = None,
        expert_weights: Array | None = None,
        parametrisation: Literal["sigma", "scaled"] = "sigma",
        gate_form: Literal["symmetric", "reference"] = "symmetric",
        constraints: Any = None,
        criterion: Criterion = "bic",
        cv: Any = 5,
        n_alphas: int = 30,
        alpha_min_ratio: float | None = None,
        gate_ratio: Any = None,
        refit: bool = False,
        standardize: bool = True,
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
        self.parametrisation = parametrisation
        self.gate_form = gate_form
        self.constraints = constraints
        self.criterion = criterion
        self.cv = cv
        self.n_alphas = n_alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.gate_ratio = gate_ratio
        self.refit = refit
        self.standardize = standardize
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
        """Declare sparse tables."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
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
    ) -> LassoMoERegressor:
        """Fit along the path, or at the given penalties.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n, n_features), or str
            A formula ``"y ~ experts | gate"`` goes with ``data=``.
        y : array-like of shape (n,)
        sample_weight, data, exposure, offset
            As in :meth:`MoERegressor.fit`.

        Returns
        -------
        LassoMoERegressor
            Itself.

        Raises
        ------
        ConfigurationError, DataError, MissingValuesError, ColumnError, WeightError, TooFewRowsError
            Each names the argument, the column or the rows, and what to do.
        """
        check_lasso_settings(self)
        beside = Beside(exposure, offset)
        check_base(self._terms().base)
        check_family(self._terms().base, beside)
        self._search(self._read(self._asked(X, y, data), sample_weight, beside), beside)
        return self
