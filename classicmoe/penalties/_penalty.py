r"""What a penalty on coefficients promises, and what is done with every penalty alike.

Coefficients :math:`c` (L, p) belong to L *lines* (experts, classes or gates); column 0 is the intercept, which is never
penalised, the others are those of standardised columns. A penalty is subtracted from the log-likelihood, a sum over
rows, and is known to the engine by a majoriser that touches it at the current :math:`b` and lies nowhere below it,

.. math::

    P(c) \le \mathrm{const} + \sum_{lj} t_{lj} |c_{lj}| + \tfrac12 \sum_{lj} \rho_{lj} c_{lj}^2,

or with :math:`\sum_j t_j \lVert c_{\cdot j}\rVert_2` for the first sum. Maximising log-likelihood minus majoriser
cannot lower log-likelihood minus penalty (MM), and at a point where the first has no slope the second has none.

Source: Friedman, Hastie & Tibshirani (2010) for coordinate descent on a quadratic; Zou & Li (2008) for the majoriser of
concave penalties.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import Array

MAX_SWEEPS = 10_000
Same = TypeVar("Same", bound="Penalty")


class Majoriser(NamedTuple):
    """Thresholds (L, p), or (p,) when ``grouped`` over lines, and ridges (L, p); 0 in column 0.

    A threshold may be infinite: the coefficient is then held at 0.
    """

    threshold: Array
    ridge: Array
    grouped: bool = False


class Penalty(BaseEstimator, ABC):
    """A penalty on slopes: hyperparameters only, on the scale of a log-likelihood that is a sum over rows."""

    name: ClassVar[str]
    per_line: ClassVar[tuple[str, ...]] = ("alpha",)  # hyperparameters that may be one number or (L,)
    weights: Any

    @abstractmethod
    def value(self, coef: Array) -> float:
        """Return what is subtracted from the log-likelihood at coefficients (L, p)."""

    @abstractmethod
    def majoriser(self, coef: Array) -> Majoriser:
        """Return the majoriser that touches the penalty at coefficients (L, p)."""

    @abstractmethod
    def in_units(self: Same, scale: float | Array) -> Same:
        """Return the same penalty for coefficients c / scale; one scale > 0 or one per line, (L,)."""

    @abstractmethod
    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""

    def restricted(self: Same, columns: NDArray[Any]) -> Same:
        """Return the penalty for some of the slopes, chosen by indices or a mask that do not count the intercept."""
        return self if self.weights is None else self._with(weights=np.asarray(self.weights)[..., columns])

    def permuted(self: Same, order: NDArray[np.intp]) -> Same:
        """Return the penalty with lines in another order."""
        changed = {name: value[order] for name in self.per_line if (value := np.asarray(getattr(self, name))).ndim}
        if np.ndim(self.weights) >= 2:
            changed["weights"] = np.asarray(self.weights)[order]
        return self._with(**changed) if changed else self

    def _with(self: Same, **changed: Any) -> Same:
        """Return a copy with other hyperparameters."""
        return type(self)(**(self.get_params(deep=False) | changed))


def multipliers(weights: Any, shape: tuple[int, ...]) -> Array:
    """Return the multipliers of all coefficients, (L, p) or (p,); 0 for the intercepts."""
    out = np.ones(shape)
    if weights is not None:
        out[..., 1:] = weights
    out[..., 0] = 0.0
    return out


def as_column(number: Any) -> Array:
    """Return one number as it is and one per line as a column, (L, 1)."""
    out = np.asarray(number, dtype=float)
    return out[:, None] if out.ndim else out


def times(number: Any, weights: Array) -> Array:
    """Return number * weights; an infinite weight is infinite times 0, too."""
    infinite = np.isinf(weights)
    return np.asarray(np.where(infinite, np.inf, as_column(number) * np.where(infinite, 0.0, weights)))


def total(penalties: Array, coef: Array) -> float:
    """Return the sum of the penalties of all coefficients; 0 costs nothing, even where the threshold is infinite."""
    return float(np.sum(penalties, where=coef != 0.0))


def soft(values: Array, threshold: Array | float) -> Array:
    r"""Return :math:`\operatorname{sign}(v)\max(|v| - t, 0)`."""
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - threshold, 0.0))


def shrunk(values: Array, threshold: Array) -> Array:
    r"""Return :math:`v_{\cdot j}\max(1 - t_j / \lVert v_{\cdot j}\rVert, 0)` for the columns of (L, p) values."""
    length = np.sqrt(np.square(values).sum(axis=0))
    kept = np.maximum(length - threshold, 0.0) / np.where(length > 0.0, length, 1.0)
    return np.asarray(values * kept)


def violation(majoriser: Majoriser, gradient: Array, coef: Array) -> Array:
    r"""Return the shortest subgradient of log-likelihood minus majoriser, (L, p); 0 where nothing is left to gain.

    :math:`g - \rho c - t \operatorname{sign}(c)` where a coefficient is not zero and the soft-thresholded gradient
    where it is; with :math:`c_{\cdot j} / \lVert c_{\cdot j} \rVert` for the sign when grouped.

    Parameters
    ----------
    majoriser : Majoriser
        That of ``coef``; the result is then the same for the penalty itself.
    gradient, coef : (L, p)
        Derivative of the log-likelihood at ``coef``, and ``coef``.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import L1, violation
    >>> coef = np.array([[0.5, 2.0, 0.0]])
    >>> violation(L1(3.0).majoriser(coef), np.array([[0.0, 4.0, 2.0]]), coef)
    array([[0., 1., 0.]])
    """
    threshold, ridge, grouped = majoriser
    if not grouped:
        pulled = gradient - ridge * coef - np.where(coef == 0.0, 0.0, threshold) * np.sign(coef)
        return np.asarray(np.where(coef == 0.0, soft(gradient, threshold), pulled))
    length = np.sqrt(np.square(coef).sum(axis=0))
    some = length > 0.0
    pull = np.where(some, threshold, 0.0) / np.where(some, length, 1.0)
    return np.asarray(np.where(some, gradient - (ridge + pull) * coef, shrunk(gradient, threshold)))


def prox(majoriser: Majoriser, values: Array, step: float) -> Array:
    r"""Return :math:`\arg\min_u \tfrac{1}{2\tau}\lVert u - v\rVert^2` plus the majoriser at u, (L, p).

    :math:`u = S(v, \tau t) / (1 + \tau\rho)` with the soft threshold S; a grouped column has one ridge for all lines.
    """
    threshold, ridge, grouped = majoriser
    short = shrunk(values, step * threshold) if grouped else soft(values, step * threshold)
    return short / (1.0 + step * ridge)


def maximise(majoriser: Majoriser, hessian: Array, gradient: Array, coef: Array, tol: float) -> Array:
    r"""Return the c that maximises :math:`g^\top(c-b) - \tfrac12 (c-b)^\top H (c-b)` minus the majoriser, (L, p).

    Parameters
    ----------
    majoriser : Majoriser
    hessian : (L * p, L * p) or (L, p, p)
        H, positive semidefinite, at index l * p + j; or its blocks, if it has only blocks for one line each.
    gradient, coef : (L, p)
        g and b; b is not changed.
    tol : float
        Largest violation of an optimality condition, as in :func:`violation`, on the scale of the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import L1, maximise
    >>> coef = np.zeros((1, 3))
    >>> maximise(L1(3.0).majoriser(coef), 2.0 * np.eye(3)[None], np.array([[1.0, 4.0, -2.0]]), coef, 1e-9)
    array([[0.5, 0.5, 0. ]])
    """
    out, n_lines = np.array(coef, dtype=float, order="C"), len(coef)
    threshold, ridge, hessian, gradient = map(np.ascontiguousarray, (*majoriser[:2], hessian, gradient))
    if majoriser.grouped:
        if hessian.ndim == 3:
            hessian = _dense(hessian)
        flat = out.reshape(-1)
        kernels.descent.grouped(
            hessian, gradient.reshape(-1), flat, threshold, ridge.reshape(-1), n_lines, tol, MAX_SWEEPS
        )
    elif hessian.ndim == 3:
        for line in range(n_lines):
            kernels.descent.separable(
                hessian[line], gradient[line], out[line], threshold[line], ridge[line], tol, MAX_SWEEPS
            )
    else:
        flat = out.reshape(-1)
        kernels.descent.separable(
            hessian, gradient.reshape(-1), flat, threshold.reshape(-1), ridge.reshape(-1), tol, MAX_SWEEPS
        )
    return out


def _dense(blocks: Array) -> Array:
    """Return the (L * p, L * p) matrix with the given blocks on its diagonal."""
    n_lines, width, _ = blocks.shape
    out = np.zeros((n_lines, width, n_lines, width))
    line = np.arange(n_lines)
    out[line, :, line] = blocks
    return out.reshape(n_lines * width, n_lines * width)
