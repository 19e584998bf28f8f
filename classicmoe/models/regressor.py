r"""The public estimator: any gate x any expert family, fitted by EM."""

from __future__ import annotations

import sys
from typing import Any, Literal, NoReturn

import numpy as np
from sklearn.utils import Tags

from classicmoe.contracts import Array, Expert, Gate
from classicmoe.em.loop import Control
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.multistart import Run
from classicmoe.em.source import ArraySource, Batches
from classicmoe.em.threads import count_workers
from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.models._base import BaseMoERegressor
from classicmoe.models.beside import Beside, check_family
from classicmoe.models.fitting import Plan, fit_mixture
from classicmoe.models.formula import split_formula
from classicmoe.models.frames import as_table
from classicmoe.models.publishing import publish, warn_about
from classicmoe.models.rows import NOTHING, Rows, rows_of_arrays, rows_of_batches
from classicmoe.models.settings import check_settings, seeds


class MoERegressor(BaseMoERegressor):
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
    acceleration : {"squarem", "none"}, default="squarem"
        Extrapolation of the EM map.
    weight_type : {"frequency", "sampling"}, default="frequency"
        ``"frequency"``: a weight of k is k rows. ``"sampling"``: weights are rescaled to mean one.
    init : str or array of shape (n, n_experts), default="auto"
        ``"auto"``: seven kinds of starts in rotation; one kind by name; responsibilities to start from; or
        ``split_start()`` of a fitted model with one expert fewer, on top of the random starts.
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

    def __init__(
        self,
        n_experts: int = 2,
        gate: str | Gate = "softmax",
        expert: str | Expert = "gaussian",
        *,
        gate_features: Any = None,
        expert_features: Any = None,
        n_init: int = 20,
        n_refine: int | None = None,
        tol: float = 1e-8,
        max_iter: int = 1000,
        acceleration: Literal["squarem", "none"] = "squarem",
        weight_type: Literal["frequency", "sampling"] = "frequency",
        init: str | Array = "auto",
        unseen: Literal["error", "reference"] = "error",
        random_state: Any = None,
        n_jobs: int | None = None,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.n_experts = n_experts
        self.gate = gate
        self.expert = expert
        self.gate_features = gate_features
        self.expert_features = expert_features
        self.n_init = n_init
        self.n_refine = n_refine
        self.tol = tol
        self.max_iter = max_iter
        self.acceleration = acceleration
        self.weight_type = weight_type
        self.init = init
        self.unseen = unseen
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.verbose = verbose

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
        beside = Beside(exposure, offset)
        check_family(mixture.expert, beside)
        rows = self._read(X, y, sample_weight, data, beside)
        gate, expert = rows.reader.views()
        plan = Plan(
            mixture,
            self.n_experts,
            gate,
            expert,
            Control(self.tol, self.max_iter, self.acceleration == "squarem"),
            seeds(self.random_state, 1 if self.n_experts == 1 else self.n_init),
            self.n_refine,
            self.init,
            self._warm_parameters(rows),
            count_workers(self.n_jobs),
            self._progress if self.verbose else None,
        )
        result = fit_mixture(rows.source, plan)
        publish(self, result, plan, rows)
        self.exposure_used_, self.offset_used_ = exposure is not None, offset is not None
        warn_about(self, result, rows)
        if result.fit.interrupted:
            raise KeyboardInterrupt
        return self

    def _warm_parameters(self, rows: Rows) -> MixtureParameters | None:
        """Return the parameters of the previous fit when this one is to continue it."""
        if not self.warm_start or not hasattr(self, "expert_mass_"):
            return None
        n_outputs = rows.source.y.shape[1] if isinstance(rows.source, ArraySource) else self.n_outputs_
        before = (self.gate_features_.names_out, self.expert_features_.names_out, self._k, self.n_outputs_)
        now = (rows.reader.gate.names_out, rows.reader.expert.names_out, self.n_experts, n_outputs)
        try:
            return self._parameters() if before == now else self._refuse_warm_start()
        except KeyError:  # the attributes of another gate
            return self._refuse_warm_start()

    @staticmethod
    def _refuse_warm_start() -> NoReturn:
        raise ConfigurationError(
            "warm_start=True continues a fit with the same columns, outputs, gate and n_experts; set warm_start=False."
        )

    def _read(self, X: Any, y: Any, sample_weight: Any, data: Any, beside: Beside) -> Rows:
        gate, expert = self.gate_features, self.expert_features
        owner = type(self).__name__
        if isinstance(X, str):
            X, y, expert, gate = self._formula(X, y, data)
        elif data is not None:
            raise ConfigurationError('data= goes with a formula: fit("y ~ a + b | a", data=df).')
        if getattr(self._mixture().gate, "name", "") == "constant":
            # A formula without a bar gives both sides the same text.
            same = isinstance(gate, str) and (gate == "1" or (isinstance(expert, str) and gate == expert))
            if gate is not None and np.size(gate) > 0 and not same:
                raise ConfigurationError("A constant gate sees no columns: leave gate_features (or the bar) out.")
            gate = []
        if isinstance(X, Batches):
            if y is not None or sample_weight is not None or beside != NOTHING:
                raise ConfigurationError(
                    "Batches carry y and weights themselves; pass them there. They have no exposures and offsets."
                )
            return rows_of_batches(X, gate, expert, self.unseen, self.weight_type, owner)
        family = self._mixture().expert
        return rows_of_arrays(
            X, y, sample_weight, gate, expert, self.unseen, self.weight_type, owner, beside=beside, family=family
        )

    def _formula(self, formula: str, y: Any, data: Any) -> tuple[Any, Any, Any, Any]:
        if data is None or y is not None:
            raise ConfigurationError('A formula takes its columns from data=: fit("y ~ a + b | a", data=df).')
        if self.gate_features is not None or self.expert_features is not None:
            raise ConfigurationError("Give the features either in the formula or in gate_features/expert_features.")
        table = as_table(data)
        if table is None:
            raise ColumnError("data= must be a data frame with named columns.")
        parts = split_formula(formula, table.names)
        table.require([parts.response], owner=type(self).__name__)
        frame = table.native
        return (
            frame.drop(columns=[parts.response]) if hasattr(frame, "iloc") else frame.drop(parts.response),
            frame[parts.response],
            parts.expert,
            parts.gate,
        )

    def _progress(self, run: Run) -> None:
        value = "" if not np.isfinite(run.objective) else f"  objective {run.objective:.6g}"
        print(f"start {run.number}: {run.kind}, {run.status.name}{value}, {run.n_passes} passes", file=sys.stderr)
