"""The predictive distribution of a fitted mixture of experts, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from classicmoe.distributions.components import Array, Components, DiscreteComponents, JointComponents
from classicmoe.exceptions import ConfigurationError
from classicmoe.predictive._counts import highest_probability_sets
from classicmoe.predictive._given import checked_log_weights, checked_probabilities, pairs_shape
from classicmoe.predictive._mixing import RowMixture
from classicmoe.predictive._quantile import quantiles_of_rows
from classicmoe.predictive._regions import highest_density_regions
from classicmoe.predictive._tail_risk import TailRisk


class MixtureDistribution(TailRisk):
    r"""Distribution of y given x at n rows: p(y | x_i) = sum_k g_k(x_i) f_k(y | x_i).

    A plug-in distribution: the parameters are taken as known, so that intervals cover less than they say when the
    model was fitted to few rows.

    Parameters
    ----------
    weights : array of shape (n, K)
        Gate probabilities g_k(x_i): not negative, rows adding up to 1 (to 1e-6; they are then rescaled to add up
        exactly). With ``log=True`` their logarithms.
    components : Components, DiscreteComponents or JointComponents
        The expert distributions at the same rows, for one output or for q > 1.
    log : bool, default=False
        Whether ``weights`` are logarithms, which keeps probabilities below 1e-308.

    Attributes
    ----------
    weights : array of shape (n, K)
        Gate probabilities.
    n_experts, n_outputs : int
        K and q.
    support : tuple of float
        Ends of the support of y (one output only).
    kind : str
        "continuous" (:meth:`pdf`), "discrete" (whole numbers: :meth:`pmf`) or "mixed" (both: :meth:`pdf` is the density
        of the continuous part, :meth:`pmf` the probability of single values).

    Notes
    -----
    **Where y is asked for**, and what comes back, for a distribution of n rows:

    ======================== ============ ==================================================================
    y                        result       meaning
    ======================== ============ ==================================================================
    scalar                   (n,)         the same value for every row
    (n,)                     (n,)         one value per row
    (n, m)                   (n, m)       m values per row
    (1, m)                   (n, m)       the same grid for every row: ``dist.pdf(grid[None, :])``
    (m,), if n = 1           (m,)         a grid for the only row: ``dist[i].pdf(grid)``
    ======================== ============ ==================================================================

    A one-dimensional y of another length is an error, never a grid: with m = n it would silently mean something else.
    With q > 1 outputs y has one more axis of length q at the end, :meth:`pdf` and :meth:`logpdf` are of the joint
    density and drop that axis, whereas :meth:`cdf`, :meth:`sf`, :meth:`quantile` and :meth:`interval` are of the q
    marginal distributions and keep it. NaN in y gives NaN.

    Work goes through the rows in chunks: beyond its result no call needs more than some ten megabytes.

    Examples
    --------
    >>> from classicmoe.predictive import GaussianComponents, MixtureDistribution
    >>> dist = MixtureDistribution([[0.5, 0.5], [0.9, 0.1]], GaussianComponents([[0.0, 10.0], [0.0, 10.0]], [1.0, 1.0]))
    >>> dist.mean()
    array([5., 1.])
    >>> dist.interval(0.9).round(3)
    array([[-1.282, 11.282],
           [-1.593, 10.   ]])
    >>> dist.interval(0.9, kind="hdr")[0].round(3)
    array([[-1.645,  1.645],
           [ 8.355, 11.645]])
    """

    components: Any

    def __init__(
        self, weights: ArrayLike, components: Components | DiscreteComponents | JointComponents, *, log: bool = False
    ):
        self.components = components
        self._log_weights = checked_log_weights(weights, log)
        if self._log_weights.shape != components.mean.shape[:2]:
            raise ConfigurationError(
                f"weights have shape {self._log_weights.shape}, the components have shape {components.mean.shape[:2]}; "
                "both must be (rows, experts)."
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._log_weights)

    def __repr__(self) -> str:
        """Name the sizes."""
        return f"MixtureDistribution(n_rows={len(self)}, n_experts={self.n_experts}, n_outputs={self.n_outputs})"

    def __getitem__(self, rows: Any) -> MixtureDistribution:
        """Return the distribution of some rows: an index (one row), a slice, a list of indices or a boolean mask."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        part = object.__new__(MixtureDistribution)  # rows of checked arrays need no second check
        part._log_weights, part.components = self._log_weights[index], self.components.take(index)
        return part

    @property
    def weights(self) -> Array:
        """Gate probabilities, (n, K)."""
        return np.exp(self._log_weights)

    @property
    def n_experts(self) -> int:
        """Number of experts K."""
        return self._log_weights.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs q."""
        return self.components.mean.shape[2] if self._joint else 1

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the support of y."""
        self._needs_one_output("support")
        return self.components.support

    @property
    def kind(self) -> str:
        """What the law is: continuous, discrete or mixed."""
        return self._mixture.kind

    @property
    def _outputs(self) -> tuple[int, ...]:
        return self.components.mean.shape[2:]

    @property
    def _joint(self) -> bool:
        return self.components.mean.ndim == 3

    @property
    def _mixture(self) -> RowMixture:
        return RowMixture(self._log_weights, self.components)

    def marginal(self, output: int) -> MixtureDistribution:
        """Return the distribution of one of several outputs, 0 <= output < q."""
        if not self._joint:
            raise ConfigurationError("marginal(output) is for several outputs; this distribution has one.")
        if not 0 <= output < self.n_outputs:
            raise ConfigurationError(f"output must be from 0 to {self.n_outputs - 1}, got {output}.")
        part = object.__new__(MixtureDistribution)
        part._log_weights, part.components = self._log_weights, self.components.marginal(output)
        return part

    def mean(self) -> Array:
        """Return E[y | x], (n,) or (n, q)."""
        return self._mixture.mean()

    def var(self) -> Array:
        """Return Var[y | x], (n,) or, output by output, (n, q): within experts plus between their means."""
        if self._joint:
            return np.einsum("ijj->ij", self.cov()).copy()
        return self._mixture.variance()

    def std(self) -> Array:
        """Return the standard deviation of y given x, (n,) or (n, q)."""
        return np.sqrt(self.var())

    def cov(self) -> Array:
        """Return the covariance matrices of the outputs given x, (n, q, q)."""
        if not self._joint:
            return self.var()[:, None, None]
        return self._mixture.covariance()

    def pdf(self, y: ArrayLike) -> Array:
        """Return the (joint) density at y; for the shapes see the notes of the class."""
        return np.exp(self.logpdf(y))

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the (joint) density at y; -inf outside the support."""
        if self.kind == "discrete":
            raise ConfigurationError("This distribution is of counts and has no density: ask for pmf or logpmf.")
        return self._mixture.at_all("logpdf", y)

    def pmf(self, y: ArrayLike) -> Array:
        """Return P(Y = y | x); for the shapes see the notes of the class."""
        return np.exp(self.logpmf(y))

    def logpmf(self, y: ArrayLike) -> Array:
        """Return log P(Y = y | x); -inf where the probability is zero."""
        if self.kind == "continuous":
            raise ConfigurationError("This distribution is continuous, single values have no probability: ask for pdf.")
        return self._mixture.at_all("logpmf", y)

    def cdf(self, y: ArrayLike) -> Array:
        """Return P(Y <= y | x); accurate in the lower tail. Several outputs: of each marginal."""
        return self._marginals("cdf", y) if self._joint else self._mixture.at_all("cdf", y)

    def sf(self, y: ArrayLike) -> Array:
        """Return P(Y > y | x); accurate in the upper tail. Several outputs: of each marginal."""
        return self._marginals("sf", y) if self._joint else self._mixture.at_all("sf", y)

    def quantile(self, p: ArrayLike) -> Array:
        """Return the y with P(Y <= y | x) = p, to rounding; the smallest with P(Y <= y | x) >= p where there are jumps.

        Parameters
        ----------
        p : float or array of shape (m,)
            Probabilities in [0, 1]; 0 and 1 give the ends of the support.

        Returns
        -------
        array
            (n,) for a scalar p, (n, m) for an array; several outputs: (n, q) or (n, m, q), of each marginal.

        Raises
        ------
        ConfigurationError
            If a probability is outside [0, 1] or NaN, or p has more than one axis.
        """
        p = checked_probabilities(p)
        if self._joint:
            return np.stack([self.marginal(j).quantile(p) for j in range(self.n_outputs)], axis=-1)
        return quantiles_of_rows(self._mixture, p)

    def interval(self, level: float = 0.9, kind: str = "equal") -> Any:
        """Return where y lies with probability ``level``.

        Parameters
        ----------
        level : float, default=0.9
            Probability, strictly between 0 and 1.
        kind : {"equal", "hdr"}, default="equal"
            "equal": between the quantiles (1 - level) / 2 and (1 + level) / 2. "hdr": the highest-density region
            {y : p(y | x) >= c} with that probability, the shortest region there is; it may be several intervals. Where
            the density is flat at c (uniform), the smallest such region with at least that probability (R. J. Hyndman,
            The American Statistician 50 (1996) 120-126). Counts: the smallest set of whole numbers with at least that
            probability, as runs from the first to the last number.

        Returns
        -------
        array or list
            "equal": lower and upper ends, (n, 2); several outputs: of each marginal, (n, 2, q). "hdr": a list of n
            arrays (m_i, 2), the intervals of row i from left to right.

        Raises
        ------
        ConfigurationError
            If ``level`` or ``kind`` is not one of these, or for "hdr" with several outputs, whose region is no
            interval: ask ``dist.marginal(j).interval(level, kind="hdr")``; or for "hdr" where atoms stand beside
            densities.
        """
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"level must be strictly between 0 and 1, got {level}.")
        if kind == "equal":
            return self.quantile([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
        if kind == "hdr":
            self._needs_one_output('interval(kind="hdr")')
            if self.kind == "mixed":
                raise ConfigurationError(
                    'interval(kind="hdr") has no meaning where atoms stand beside densities: ask for kind="equal".'
                )
            find = highest_probability_sets if self.kind == "discrete" else highest_density_regions
            return find(self._mixture, level)
        raise ConfigurationError(f'kind must be "equal" or "hdr", got {kind!r}.')

    def sample(self, size: int | None = None, random_state: Any = None) -> Array:
        """Draw y given x.

        Parameters
        ----------
        size : int, optional
            Draws per row.
        random_state : int, RandomState, Generator or None, optional
            As in scikit-learn; a ``numpy.random.Generator`` is used as it is.

        Returns
        -------
        array
            (n,) without ``size``, else (n, size); several outputs: with q appended.
        """
        rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
        return self._mixture.sample(() if size is None else (size,), rng)

    def _needs_one_output(self, what: str) -> None:
        if self._joint:
            raise ConfigurationError(
                f"{what} is for one output, this distribution has {self.n_outputs}: ask for it of marginal(output)."
            )

    def _marginals(self, method: str, y: ArrayLike) -> Array:
        """Evaluate a method of every marginal distribution at its own column of y."""
        y = np.asarray(y, dtype=np.float64)
        pairs_shape(y, len(self), self._outputs)
        return np.stack([getattr(self.marginal(j), method)(y[..., j]) for j in range(self.n_outputs)], axis=-1)
