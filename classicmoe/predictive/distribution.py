"""The predictive distribution of a fitted mixture of experts, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from classicmoe.distributions.components import Array, Components, JointComponents
from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.predictive._mixing import RowMixture, in_chunks
from classicmoe.predictive._quantile import mixture_quantiles
from classicmoe.predictive._regions import highest_density_regions


class MixtureDistribution:
    r"""Distribution of y given x at n rows: p(y | x_i) = sum_k g_k(x_i) f_k(y | x_i).

    A plug-in distribution: the parameters are taken as known, so that intervals cover less than they say when the
    model was fitted to few rows.

    Parameters
    ----------
    weights : array of shape (n, K)
        Gate probabilities g_k(x_i): not negative, rows adding up to 1 (to 1e-6; they are then rescaled to add up
        exactly). With ``log=True`` their logarithms.
    components : Components or JointComponents
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

    def __init__(self, weights: ArrayLike, components: Components | JointComponents, *, log: bool = False):
        self.components = components
        self._log_weights = _checked_log_weights(weights, log)
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
        return np.einsum("ik,ik...->i...", self.weights, self.components.mean)

    def var(self) -> Array:
        """Return Var[y | x], (n,) or, output by output, (n, q): within experts plus between their means."""
        if self._joint:
            return np.einsum("ijj->ij", self.cov()).copy()
        weights, mean = self.weights, self.components.mean
        between = (mean - self.mean()[:, None]) ** 2
        return (weights * (self.components.variance + between)).sum(axis=1)

    def std(self) -> Array:
        """Return the standard deviation of y given x, (n,) or (n, q)."""
        return np.sqrt(self.var())

    def cov(self) -> Array:
        """Return the covariance matrices of the outputs given x, (n, q, q)."""
        if not self._joint:
            return self.var()[:, None, None]
        weights, away = self.weights, self.components.mean - self.mean()[:, None, :]
        within = np.einsum("ik,ikab->iab", weights, self.components.variance)
        return within + np.einsum("ik,ika,ikb->iab", weights, away, away)

    def pdf(self, y: ArrayLike) -> Array:
        """Return the (joint) density at y; for the shapes see the notes of the class."""
        return np.exp(self.logpdf(y))

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the logarithm of the (joint) density at y; -inf outside the support."""
        return self._at("logpdf", y, 1 if self._joint else 0)

    def cdf(self, y: ArrayLike) -> Array:
        """Return P(Y <= y | x); accurate in the lower tail. Several outputs: of each marginal."""
        return self._marginals("cdf", y) if self._joint else self._at("cdf", y)

    def sf(self, y: ArrayLike) -> Array:
        """Return P(Y > y | x); accurate in the upper tail. Several outputs: of each marginal."""
        return self._marginals("sf", y) if self._joint else self._at("sf", y)

    def quantile(self, p: ArrayLike) -> Array:
        """Return the y with P(Y <= y | x) = p, to rounding.

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
        p = np.asarray(p, dtype=np.float64)
        if p.ndim > 1:
            raise ConfigurationError(f"p must be a number or one-dimensional, got shape {p.shape}.")
        if not ((p >= 0.0) & (p <= 1.0)).all():
            raise ConfigurationError(f"p must be in [0, 1], got {p}.")
        if self._joint:
            return np.stack([self.marginal(j).quantile(p) for j in range(self.n_outputs)], axis=-1)
        n_pairs, m = len(self) * p.size, p.size
        flat, mixture = np.atleast_1d(p), self._mixture

        def work(chunk: slice) -> Array:
            pair = np.arange(chunk.start, chunk.stop)
            return mixture_quantiles(mixture.take(pair // m), flat[pair % m])

        return in_chunks(n_pairs, self.n_experts, work, np.empty(n_pairs)).reshape(len(self), *p.shape)

    def interval(self, level: float = 0.9, kind: str = "equal") -> Any:
        """Return where y lies with probability ``level``.

        Parameters
        ----------
        level : float, default=0.9
            Probability, strictly between 0 and 1.
        kind : {"equal", "hdr"}, default="equal"
            "equal": between the quantiles (1 - level) / 2 and (1 + level) / 2. "hdr": the highest-density region
            {y : p(y | x) >= c} with that probability, the shortest region there is; it may be several intervals.

        Returns
        -------
        array or list
            "equal": lower and upper ends, (n, 2); several outputs: of each marginal, (n, 2, q). "hdr": a list of n
            arrays (m_i, 2), the intervals of row i from left to right.

        Raises
        ------
        ConfigurationError
            If ``level`` or ``kind`` is not one of these, or for "hdr" with several outputs, whose region is no
            interval: ask ``dist.marginal(j).interval(level, kind="hdr")``.
        """
        if not 0.0 < level < 1.0:
            raise ConfigurationError(f"level must be strictly between 0 and 1, got {level}.")
        if kind == "equal":
            return self.quantile([0.5 * (1.0 - level), 0.5 * (1.0 + level)])
        if kind == "hdr":
            self._needs_one_output('interval(kind="hdr")')
            return highest_density_regions(self._mixture, level)
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
        shape = (len(self),) if size is None else (len(self), size)
        outputs = self.components.mean.shape[2:]

        def work(chunk: slice) -> Array:
            part = self._mixture.take(chunk)
            bounds = np.cumsum(np.exp(part.log_weights), axis=1)[:, :-1]  # the last is 1 but for rounding
            uniform = rng.random((chunk.stop - chunk.start, *shape[1:]))
            which = np.zeros(uniform.shape, dtype=np.intp)
            for bound in bounds.T:
                which += uniform >= bound.reshape((-1,) + (1,) * (uniform.ndim - 1))
            return part.components.sample(which, rng)

        width = self.n_experts + int(np.prod(shape[1:] + outputs))
        return in_chunks(len(self), width, work, np.empty(shape + outputs))

    def _needs_one_output(self, what: str) -> None:
        if self._joint:
            raise ConfigurationError(
                f"{what} is for one output, this distribution has {self.n_outputs}: ask for it of marginal(output)."
            )

    def _marginals(self, method: str, y: ArrayLike) -> Array:
        """Evaluate a method of every marginal distribution at its own column of y."""
        y = np.asarray(y, dtype=np.float64)
        self._pairs_shape(y, 1)
        return np.stack([getattr(self.marginal(j), method)(y[..., j]) for j in range(self.n_outputs)], axis=-1)

    def _pairs_shape(self, y: Array, n_trailing: int) -> tuple[int, ...]:
        """Return the shape (n,) or (n, m) that the rows of y are broadcast to, or say what y should have been."""
        n, shape, trailing = len(self), y.shape[: y.ndim - n_trailing], y.shape[y.ndim - n_trailing :]
        fits = len(shape) == 0 or (len(shape) <= 2 and shape[0] in (1, n)) or (n == 1 and len(shape) == 1)
        if y.ndim < n_trailing or (n_trailing and trailing != (self.n_outputs,)) or not fits:
            tail = f", each with {self.n_outputs} outputs at the end of its shape" if n_trailing else ""
            raise DataError(
                f"y has shape {y.shape}, the distribution {n} rows: give a scalar, ({n},) for one value per row, "
                f"({n}, m) for m values per row or (1, m) for the same m values at every row (y[None, :]){tail}."
            )
        return np.broadcast_shapes(shape, (n,) if len(shape) < 2 else (n, 1))

    def _at(self, method: str, y: ArrayLike, n_trailing: int = 0) -> Array:
        """Evaluate a method of the mixture at all pairs of a row and a value of y, chunk by chunk."""
        y = np.asarray(y, dtype=np.float64)
        shape = self._pairs_shape(y, n_trailing)
        outputs = y.shape[y.ndim - n_trailing :]
        values = np.broadcast_to(y, shape + outputs).reshape(-1, *outputs)
        rows = np.repeat(np.arange(len(self)), len(values) // max(1, len(self)))
        return self._mixture.at(method, rows, values).reshape(shape)


def _checked_log_weights(weights: ArrayLike, log: bool) -> Array:
    """Return the logarithms of the gate probabilities, (n, K), rescaled to add up to 1 exactly."""
    given = np.asarray(weights, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] == 0:
        raise ConfigurationError(f"weights must have shape (n, K), got {given.shape}.")
    probabilities = np.exp(given) if log else given
    total = probabilities.sum(axis=1)
    if not (probabilities >= 0.0).all() or not (np.abs(total - 1.0) <= 1e-6).all():
        raise ConfigurationError(
            "weights must be probabilities (with log=True: their logarithms) that add up to 1 in every row."
        )
    with np.errstate(divide="ignore"):
        logarithms = given if log else np.log(given)
    return logarithms - np.log(total)[:, None]
