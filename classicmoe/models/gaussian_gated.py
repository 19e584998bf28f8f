r"""Gaussian-gated mixtures of experts, fitted by inverse regression: GLoME, hybrid GLLiM and BLoME."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.utils import Tags

from classicmoe.contracts import Array
from classicmoe.em.loop import Control
from classicmoe.em.source import ArraySource
from classicmoe.em.threads import count_workers
from classicmoe.exceptions import ConfigurationError, MissingValuesError
from classicmoe.models._joint_law import JointLawRegressor
from classicmoe.models.cautions import warn_about_outcome
from classicmoe.models.gaussian_fit import fit_inverse
from classicmoe.models.gaussian_publishing import publish_joint
from classicmoe.models.gaussian_terms import Asked
from classicmoe.models.inverse_regression import Joint
from classicmoe.models.noise import DIAGONAL, holds, noise_structure
from classicmoe.models.partitions import check_labels
from classicmoe.models.rows import Rows, rows_of_arrays
from classicmoe.models.settings import check_settings, integer, seeds


class GaussianGatedMoERegressor(JointLawRegressor):
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
        acceleration: Literal["squarem", "anderson", "none"] = "squarem",
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
        rows = self._read(X, y, sample_weight)
        asked = Asked(
            self.n_experts,
            self.noise_covariance,
            self.n_latent,
            self.blocks,
            Control(self.tol, self.max_iter, self.acceleration),
            seeds(self.random_state, 1 if self.n_experts == 1 else self.n_init),
            self.n_refine,
            self.init,
            self._warm_joint(rows),
            count_workers(self.n_jobs),
        )
        result = fit_inverse(rows, asked)
        publish_joint(self, result, rows)
        warn_about_outcome(self)
        if result.result.fit.interrupted:
            raise KeyboardInterrupt
        return self

    def _warm_joint(self, rows: Rows) -> Joint | None:
        """Return the law of the previous fit when this one is to continue it."""
        if not self.warm_start or not hasattr(self, "expert_mass_"):
            return None
        n_outputs = rows.source.y.shape[1] if isinstance(rows.source, ArraySource) else self.n_outputs_
        before = (self.expert_features_.names_out, self._k, self.n_outputs_)
        now = (rows.reader.expert.names_out, self.n_experts, n_outputs)
        labels = None
        if self.blocks is not None:
            labels = check_labels(self.blocks, self.n_experts, len(now[0]), np.array(self.gate_kept_))
        if before != now or not holds(noise_structure(self.noise_covariance, self.n_latent, labels), vars(self)):
            raise ConfigurationError(
                "warm_start=True continues a fit with the same columns, outputs, n_experts, noise_covariance, n_latent "
                "and blocks; set warm_start=False."
            )
        joint: Joint = self._parameters().gate.joint
        return joint

    def _check_rows(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        return self._read(X, y, sample_weight)

    def _read(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        """Check and code the rows."""
        features = self.expert_features
        weight_type, owner, integrates = self.weight_type, type(self).__name__, self._integrates_missing
        try:
            return rows_of_arrays(X, y, sample_weight, features, features, self.unseen, weight_type, owner, integrates)
        except MissingValuesError as error:
            if integrates or "infinite" in str(error):
                raise
            raise MissingValuesError(
                f"{error} Or choose noise_covariance='diag' without latent factors: it integrates missing entries out."
            ) from None
