r"""Gaussian-gated mixtures of experts, fitted by inverse regression: GLoME, hybrid GLLiM and BLoME."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from classicmoe.contracts import Array, Response
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents
from classicmoe.em.evaluate import Evaluator, raw_design
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import ArraySource
from classicmoe.em.split import SplitStart
from classicmoe.em.threads import count_workers
from classicmoe.exceptions import DataError
from classicmoe.models._base import BaseMoERegressor
from classicmoe.models.gaussian_fit import Asked, as_inverse, fit_inverse
from classicmoe.models.gaussian_publishing import ARRAYS, check_arrays, publish_joint, rebuild_joint
from classicmoe.models.inverse_regression import (
    ForwardExpert,
    ForwardGate,
    ForwardParameters,
    Joint,
    forward,
    inverse_law,
    row_components,
)
from classicmoe.models.noise import DIAGONAL, NOISE, noise_structure
from classicmoe.models.partitions import block_names
from classicmoe.models.publishing import warn_about_outcome
from classicmoe.models.response import check_response
from classicmoe.models.rows import rows_of_arrays
from classicmoe.models.settings import check_settings, integer, seeds
from classicmoe.models.swapped import chunk_rows
from classicmoe.predictive import MixtureDistribution


class GaussianGatedMoERegressor(BaseMoERegressor):
    r"""Mixture of linear Gaussian experts with Gaussian gates, by inverse regression.

    The joint law of x and y,

    .. math::

        p(x, y) = \sum_{k=1}^K \pi_k\, \mathcal N(y; c_k, G_k)\, \mathcal N(x; A_k y + b_k, S_k),

    is maximised over all rows by EM, closed form in every step. It implies Gaussian gates and linear Gaussian experts,

    .. math::

        p(y \mid x) = \sum_k \frac{\pi_k \mathcal N(x; m_k, V_k)}{\sum_l \pi_l \mathcal N(x; m_l, V_l)}\,
        \mathcal N(y; B_k x + a_k, T_k).

    With ``noise_covariance="diag"`` the cost of a pass is O(n K d q), so that thousands of columns can be used.

    Parameters
    ----------
    n_experts : int >= 1, default=2
        Number of experts K.
    noise_covariance : {"diag", "spherical", "full", "tied", "tied_diag", "tied_spherical", "block"}, default="diag"
        Structure of S_k, the noise of x given y; tied: one for all experts. ``"full"`` without latent factors is the
        general Gaussian mixture of (x, y). ``"block"``: block-diagonal, one partition of the columns per expert.
        ``"spherical"``: all columns in one unit; they are not rescaled.
    n_latent : int >= 0, default=0
        Latent causes of x beside y (hybrid model): S_k becomes S_k + L_k L_k' with L_k of ``n_latent`` columns.
    blocks : list, optional
        For ``"block"``: the label of every column's block, one list for all experts or one per expert. Default: chosen
        from a path of partitions, see Notes.
    expert_features : None, list, transformer or str, default=None
        The columns of X that gate and experts see.
    n_init, n_refine, tol, max_iter, acceleration, weight_type, init, unseen, random_state, n_jobs, warm_start, verbose
        As in :class:`MoERegressor`.

    Attributes
    ----------
    gate_weights_, gate_means_, gate_variances_ : ndarray of shape (K,), (K, d), (K, d)
        :math:`\pi_k, m_k` and the diagonal of :math:`V_k`; ``gate_covariances_`` is V_k itself, made when asked for.
    expert_coef_, expert_intercept_, expert_covariances_, expert_scale_ : ndarray
        :math:`B_k, a_k, T_k` and the square roots of the diagonal of T_k.
    response_means_, response_covariances_ : ndarray of shape (K, q), (K, q, q)
        :math:`c_k, G_k`.
    inverse_coef_, inverse_intercept_ : ndarray of shape (K, d, q), (K, d)
        :math:`A_k, b_k`.
    noise_variances_ or noise_covariances_, latent_loadings_ : ndarray of shape (K, d) or (K, d, d), (K, d, n_latent)
        :math:`S_k` and L_k.
    blocks_ : list of list of list of str
        For ``"block"``: the names of the columns in every block of every expert.
    block_labels_ : ndarray of shape (K, d)
        For ``"block"``: the number of the block of every column.
    block_path_ : list of dict
        For ``"block"`` without ``blocks``: the partitions that were compared, sparsest first: ``partition`` (number of
        merges), ``n_blocks`` (per expert), ``largest_block``, ``df``, ``log_likelihood`` (joint) and ``bic`` (None if
        it was ruled out before the fit), ``valid``, ``chosen``. ``pandas.DataFrame(m.block_path_)`` shows them.
    joint_log_likelihood_, log_likelihood_ : float
        log p(x, y), which EM maximises, and log p(y | x) of the training rows at the same parameters.
    objective_path_, starts_, verdict_, converged_, ... :
        As in :class:`MoERegressor`.

    Notes
    -----
    Criteria are of the joint likelihood. Missing entries of X (NaN) are integrated out, in the fit and in predictions,
    when the noise is diagonal or spherical and ``n_latent=0``; otherwise they are an error.

    Blocks are chosen as in BLLiM: a fit with diagonal noise from all starts; for every expert the correlations of its
    weighted residuals, thresholded at every value, so that a path of nested partitions leads from single columns to one
    block; an EM fit for every step of the path, continued from a sparser one; the least BIC. Partitions with a block of
    more than :math:`r_k - q - 2` columns, :math:`r_k` the weight of the expert's rows, are ruled out: their likelihood
    is unbounded. Of long paths 40 steps are fitted, then all around the best. ``starts_`` and ``verdict_`` are of
    the diagonal fit, the chosen one is the start ``"blocks"``.

    References
    ----------
    Devijver, E., Gallopin, M. and Perthame, E. (2017). Nonlinear network-based quantitative trait prediction from
    transcriptomic data. arXiv:1701.07899.

    Deleforge, A., Forbes, F. and Horaud, R. (2015). High-dimensional regression with Gaussian mixtures and partially
    latent response variables. Statistics and Computing 25, 893-911.

    Nguyen, T. T., Nguyen, H. D., Chamroukhi, F. and Forbes, F. (2022). A non-asymptotic approach for model selection
    via penalization in high-dimensional mixture of experts models. Electronic Journal of Statistics 16, 4742-4822.

    Examples
    --------
    >>> from classicmoe import GaussianGatedMoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = GaussianGatedMoERegressor(2, noise_covariance="full", random_state=0).fit(X, y)
    >>> m.predict(X[:3]).shape, m.inverse_predict(y[:3]).shape
    ((3,), (3, 1))
    """

    def __init__(
        self,
        n_experts: int = 2,
        noise_covariance: str = "diag",
        n_latent: int = 0,
        *,
        blocks: Any = None,
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
        self.noise_covariance = noise_covariance
        self.n_latent = n_latent
        self.blocks = blocks
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
        """Declare several outputs and, where the noise is diagonal, missing values."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self._integrates_missing
        return tags

    @property
    def _integrates_missing(self) -> bool:
        return self.noise_covariance in DIAGONAL and not self.n_latent

    @property
    def _structure(self) -> Any:
        return noise_structure(self.noise_covariance, self.n_latent, getattr(self, "block_labels_", None))

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> GaussianGatedMoERegressor:
        """Fit the joint law.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features)
            NaN marks missing entries where the structure allows them.
        y : array-like of shape (n,) or (n, q)
        sample_weight : array-like of shape (n,), optional
            A weight of k counts as k rows; 0 leaves the row out.

        Returns
        -------
        GaussianGatedMoERegressor
            Itself.

        Raises
        ------
        ConfigurationError, DataError, MissingValuesError, ColumnError, WeightError, TooFewRowsError
            Each names the argument, the column or the rows, and what to do.

        Warns
        -----
        NoBlocksWarning
            Blocks were to be chosen, but only single columns could be.
        """
        check_settings(self)
        integer("n_latent", self.n_latent, 0)
        noise_structure(self.noise_covariance, self.n_latent)
        rows = rows_of_arrays(
            X,
            y,
            sample_weight,
            self.expert_features,
            self.expert_features,
            self.unseen,
            self.weight_type,
            type(self).__name__,
            self._integrates_missing,
        )
        asked = Asked(
            self.n_experts,
            self.noise_covariance,
            self.n_latent,
            self.blocks,
            Control(self.tol, self.max_iter, self.acceleration == "squarem"),
            seeds(self.random_state, 1 if self.n_experts == 1 else self.n_init),
            self.n_refine,
            self.init,
            self._parameters().gate.joint if self.warm_start and hasattr(self, "expert_mass_") else None,
            count_workers(self.n_jobs),
        )
        result = fit_inverse(rows, asked)
        publish_joint(self, result, rows)
        warn_about_outcome(self)
        if result.result.fit.interrupted:
            raise KeyboardInterrupt
        return self

    # -- the mixture behind the fitted attributes -----------------------------------------------------------------

    def _mixture(self) -> Mixture:
        structure = self._structure
        return Mixture(ForwardGate(structure), ForwardExpert(structure))  # type: ignore[arg-type]  # not fitted itself

    def _parameters(self) -> MixtureParameters:
        joint = rebuild_joint(vars(self), self._structure)
        params = ForwardParameters(joint, forward(joint, self._structure))
        return MixtureParameters(params, params)

    def _evaluator(self) -> Evaluator:
        view = self._reader.views()[1]
        design = raw_design(view.table, view.columns[self.gate_kept_])
        response = Response(np.zeros(self.n_outputs_), np.ones(self.n_outputs_))
        return Evaluator(self._mixture(), self._parameters(), design, design, response)

    def _rows(self, X: Any, y: Any = None, sample_weight: Any = None, *, needs_y: bool = False) -> ArraySource:
        source = super()._rows(X, y, sample_weight, needs_y=needs_y)
        source.chunk_rows = min(source.chunk_rows, chunk_rows(self._k, len(self.gate_kept_)))
        return source

    # -- what only the joint law can answer -------------------------------------------------------------------------

    @property
    def gate_covariances_(self) -> Array:
        """Covariances V_k of x given the expert, (K, d, d); made when asked for."""
        check_is_fitted(self, "expert_mass_")
        joint = self._parameters().gate.joint
        return self._structure.dense(joint.noise) + joint.slope @ joint.spread @ joint.slope.transpose(0, 2, 1)

    def joint_score_samples(self, X: Any, y: Any) -> Array:
        """Return log p(x, y) per row, (n,); ``score_samples`` is log p(y | x)."""
        return self._evaluator().log_densities(self._rows(X, y, needs_y=True))[0]

    def joint_log_likelihood(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return sum_i w_i log p(x_i, y_i); ``log_likelihood`` is of y given x."""
        return self._totals(X, y, sample_weight).maximised

    def predict_dist(self, X: Any) -> MixtureDistribution:
        """Return the distribution of y given x, parameters taken as known.

        Returns
        -------
        classicmoe.predictive.MixtureDistribution
        """
        source, evaluator = self._rows(X), self._evaluator()
        log_weights = evaluator.gate(source, self._k)
        means = evaluator.means(source, self._k)
        if not any(np.isnan(table).any() for table in source.tables):
            components = self._mixture().expert.conditional(evaluator.params.expert, means)
        else:
            params, q = evaluator.params.expert, self.n_outputs_
            expert = ForwardExpert(self._structure)
            flat = evaluator.collect(
                source, self._k * q * q, lambda block: expert.covariances(params, block).reshape(block.m, -1).T
            )
            components = row_components(means, flat.reshape(-1, self._k, q, q))
        return MixtureDistribution(log_weights, components, log=True)

    def inverse_predict(self, y: Any) -> Array:
        r"""Return E[x | y], the experts' means of x weighted by how well they explain y.

        Parameters
        ----------
        y : array-like of shape (n,) or (n, q)

        Returns
        -------
        ndarray of shape (n, d)
            d counts the columns that vary, ``gate_kept_``.
        """
        log_weights, means = inverse_law(self._fitted_joint(), self._responses(y))
        return np.einsum("nk,nkd->nd", np.exp(log_weights), means)

    def inverse_predict_dist(self, y: Any) -> MixtureDistribution:
        """Return the distribution of x given y; its covariances are d x d."""
        joint = self._fitted_joint()
        log_weights, means = inverse_law(joint, self._responses(y))
        covariances = self._structure.dense(joint.noise)
        if means.shape[2] == 1:
            components: Any = GaussianComponents(means[..., 0], np.sqrt(covariances[:, 0, 0]))
        else:
            components = JointGaussianComponents(means, covariances)
        return MixtureDistribution(log_weights, components, log=True)

    def _fitted_joint(self) -> Joint:
        check_is_fitted(self, "expert_mass_")
        return rebuild_joint(vars(self), self._structure)

    def _responses(self, y: Any) -> Array:
        values = check_response(y, vary=False, owner=type(self).__name__)
        values = values if values.ndim == 2 else values[:, None]
        if values.shape[1] != self.n_outputs_:
            raise DataError(f"y has {values.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        return values

    @property
    def blocks_(self) -> list[list[list[str]]]:
        """Names of the columns in every block of every expert, largest blocks first."""
        check_is_fitted(self, "block_labels_")
        names = [self.expert_features_.names_out[i] for i in self.gate_kept_]
        return [block_names(labels, names) for labels in self.block_labels_]

    # -- order and files --------------------------------------------------------------------------------------------

    def split_start(self) -> SplitStart:
        """Return this solution as ``init=`` of a model with one expert more; see :meth:`MoERegressor.split_start`."""
        return SplitStart(as_inverse(self._fitted_joint()), self._k)

    def relabel(self, order: Any) -> GaussianGatedMoERegressor:
        """Put the experts in another order, everywhere, without refitting; see :meth:`MoERegressor.relabel`."""
        order = self._checked_order(order)
        for name in (*ARRAYS, *NOISE):
            if hasattr(self, name):
                setattr(self, name, getattr(self, name)[order])
        for row in getattr(self, "block_path_", []):
            row["n_blocks"] = [row["n_blocks"][i] for i in order]
        self.verdict_ = self.verdict_.moved({int(old): new for new, old in enumerate(order)})
        return self

    def _array_names(self) -> list[str]:
        return [*ARRAYS, *(name for name in NOISE if hasattr(self, name))]

    def _check_loaded(self) -> None:
        check_arrays(self)
