"""What an expert family must offer so that its mixtures have quantiles, intervals and samples.

Letters: n rows, K experts, q outputs. Expert k at row i has density f_k(y | x_i) and distribution function
F_k(y | x_i). Every method that takes ``y`` takes ONE value per row, (n,), and answers for all experts, (n, K); grids
of values are made by the caller, who repeats rows through :meth:`Components.take` in chunks of bounded size.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Rows = slice | Index


@runtime_checkable
class Components(Protocol):
    """The K expert distributions of one continuous output at n rows.

    The families are continuous, and the density of each is positive throughout ``support``. Densities may have corners
    (Laplace) and be infinite at an end of the support (gamma). Where a density jumps inside the support (uniform), a
    property ``breaks`` gives those values, (n, B).

    Components may also have ``partial_mean(y, upper=False)``, E[Y; Y <= y] or E[Y; Y > y], (n, K), which tail
    expectations ask for, and ``kind`` = "continuous", the default.
    """

    @property
    def mean(self) -> Array:
        """Expert means, (n, K)."""
        ...

    @property
    def variance(self) -> Array:
        """Expert variances, (n, K)."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the support shared by all experts, infinite ones included."""
        ...

    def take(self, rows: Rows) -> Components:
        """Return the components of some rows; an index array may repeat rows."""
        ...

    def logpdf(self, y: Array) -> Array:
        """Return log f_k(y_i | x_i), (n, K), for y of shape (n,)."""
        ...

    def dlogpdf(self, y: Array) -> Array:
        """Return the derivative of log f_k in y, (n, K), for finite y of shape (n,)."""
        ...

    def cdf(self, y: Array) -> Array:
        """Return F_k(y_i | x_i), (n, K), with full relative accuracy in the lower tail."""
        ...

    def sf(self, y: Array) -> Array:
        """Return 1 - F_k(y_i | x_i), (n, K), with full relative accuracy in the upper tail."""
        ...

    def quantile(self, p: Array, upper: bool = False) -> Array:
        """Return the y, (n, K), with F_k(y) = p_i, or with 1 - F_k(y) = p_i if ``upper``; p has shape (n,).

        Finite for p from 1e-149 to 1/2, where :meth:`logpdf` must not underflow either.
        """
        ...

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw y from expert ``which``, an array (n,) or (n, size) of expert indices; same shape as ``which``.

        ``rng`` is a ``numpy.random.Generator`` or ``RandomState``; only methods that both have may be used.
        """
        ...


@runtime_checkable
class DiscreteComponents(Protocol):
    """The K expert distributions of one output of counts, or of values with atoms, at n rows.

    ``kind`` is "discrete" where all values are whole numbers and "mixed" where atoms stand beside densities; then
    ``logpdf`` is the density of the continuous part and ``logpmf`` the probability of single values.
    """

    kind: str

    @property
    def mean(self) -> Array:
        """Expert means, (n, K)."""
        ...

    @property
    def variance(self) -> Array:
        """Expert variances, (n, K)."""
        ...

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the support shared by all experts, infinite ones included."""
        ...

    def take(self, rows: Rows) -> DiscreteComponents:
        """Return the components of some rows; an index array may repeat rows."""
        ...

    def logpmf(self, y: Array) -> Array:
        """Return log P_k(Y = y_i | x_i), (n, K), for y of shape (n,); -inf where the probability is 0."""
        ...

    def cdf(self, y: Array) -> Array:
        """Return P_k(Y <= y_i | x_i), (n, K)."""
        ...

    def sf(self, y: Array) -> Array:
        """Return P_k(Y > y_i | x_i), (n, K)."""
        ...

    def quantile(self, p: Array, upper: bool = False) -> Array:
        """Return the smallest y, (n, K), with F_k(y) >= p_i, or with 1 - F_k(y) <= p_i if ``upper``."""
        ...

    def partial_mean(self, y: Array, upper: bool = False) -> Array:
        """Return E[Y; Y <= y_i], or E[Y; Y > y_i] if ``upper``, (n, K)."""
        ...

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw y from expert ``which``, an array (n,) or (n, size) of expert indices; same shape as ``which``."""
        ...


@runtime_checkable
class JointComponents(Protocol):
    """The K expert distributions of q > 1 outputs at n rows."""

    @property
    def mean(self) -> Array:
        """Expert means, (n, K, q)."""
        ...

    @property
    def variance(self) -> Array:
        """Expert covariance matrices, (n, K, q, q); a view where rows share them."""
        ...

    def take(self, rows: Rows) -> JointComponents:
        """Return the components of some rows; an index array may repeat rows."""
        ...

    def logpdf(self, y: Array) -> Array:
        """Return the joint log-densities, (n, K), for y of shape (n, q)."""
        ...

    def marginal(self, output: int) -> Components:
        """Return the components of one output."""
        ...

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw y from expert ``which``, (n,) or (n, size); the shape of ``which`` with q appended."""
        ...
