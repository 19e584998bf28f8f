"""What the families of one output share: arrays of rows, the ends of the support, draws, and inversion of tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc

from classicmoe.distributions.components import Array, Index, Rows
from classicmoe.exceptions import ConfigurationError

_MAX = float(np.finfo(np.float64).max)
_EPS = float(np.finfo(np.float64).eps)


class RowFamily:
    """K distributions per row whose parameters are arrays of shape (K,), shared by the rows, or (n, K).

    A family gives ``_names``, the names of its arrays, and methods with an underscore that take y as a column (n, 1)
    or as (n, K), inside the support and finite; infinite values and values outside are answered here.
    """

    kind: str = "continuous"
    support: Any = (-np.inf, np.inf)
    _names: ClassVar[tuple[str, ...]] = ()
    _logpdf: Callable[[Array], Array]
    _dlogpdf: Callable[[Array], Array]
    _cdf: Callable[[Array], Array]
    _sf: Callable[[Array], Array]
    _partial: Callable[[Array, bool], Array]
    _quantile: Callable[[Array, bool], Array]
    _draw: Callable[[Any], Array]
    mean: Any

    @property
    def breaks(self) -> Array | None:
        """Values of y, (n, B), where the density of an expert may jump; None where it never does."""
        return None

    def _changed(self, change: Callable[[Array], Array]) -> Self:
        part = object.__new__(type(self))  # rows of checked arrays need no second check
        for name in self._names:
            setattr(part, name, change(getattr(self, name)))
        return part

    def take(self, rows: Rows) -> Self:
        """Return the components of some rows; an index array may repeat rows."""
        return self._changed(lambda a: a if a.ndim == 1 else a[rows])

    def pick(self, rows: Index, which: Index) -> Self:
        """Return one expert per row, K = 1: expert ``which[i]`` of row ``rows[i]``."""
        return self._changed(lambda a: (a[which] if a.ndim == 1 else a[rows, which])[:, None])

    def _asked(self, method: Callable[[Array], Array], y: ArrayLike, below: Any, above: Any) -> Array:
        """Return a method at the column y, with ``below`` and ``above`` outside the support and at infinite y."""
        column = np.asarray(y, dtype=np.float64)[:, None]
        lowest, highest = self.support
        with np.errstate(all="ignore"):  # far out, terms may overflow on their way to the right limit
            value = method(np.clip(column, max(lowest, -_MAX), min(highest, _MAX)))
        low, high = (column < lowest) | (column == -np.inf), (column > highest) | (column == np.inf)
        if low.any() or high.any():
            value = np.where(low, below, np.where(high, above, value))
        return np.where(np.isnan(column), np.nan, value) if np.isnan(column).any() else value

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the expert log-densities, (n, K), for y of shape (n,); -inf outside the support."""
        return self._asked(self._logpdf, y, -np.inf, -np.inf)

    def dlogpdf(self, y: ArrayLike) -> Array:
        """Return the derivatives of the expert log-densities in y, (n, K), for y of shape (n,); 0 outside."""
        return self._asked(self._dlogpdf, y, 0.0, 0.0)

    def cdf(self, y: ArrayLike) -> Array:
        """Return the expert distribution functions, (n, K), for y of shape (n,)."""
        return self._asked(self._cdf, y, 0.0, 1.0)

    def sf(self, y: ArrayLike) -> Array:
        """Return the expert survival functions, (n, K), for y of shape (n,)."""
        return self._asked(self._sf, y, 1.0, 0.0)

    def partial_mean(self, y: ArrayLike, upper: bool = False) -> Array:
        """Return E[Y; Y <= y], or E[Y; Y > y] if ``upper``, (n, K), for y of shape (n,)."""
        below, above = (self.mean, 0.0) if upper else (0.0, self.mean)
        return self._asked(lambda column: self._partial(column, upper), y, below, above)

    def quantile(self, p: ArrayLike, upper: bool = False) -> Array:
        """Return the expert quantiles, (n, K), for lower (or upper) tail probabilities p of shape (n,)."""
        return self._quantiles(np.asarray(p, dtype=np.float64)[:, None], upper)

    def _quantiles(self, p: Array, upper: bool) -> Array:
        """Return the quantiles of orders p, (n, 1) or (n, K), the ends of the support for 0 and 1."""
        first, last = self._ends()[::-1] if upper else self._ends()
        with np.errstate(all="ignore"):
            inner = self._quantile(np.clip(p, 1e-320, 1.0 - 0.5 * _EPS), upper)
        return np.where(p <= 0.0, first, np.where(p >= 1.0, last, inner))

    def _ends(self) -> tuple[Any, Any]:
        return self.support

    def sample(self, which: ArrayLike, rng: Any) -> Array:
        """Draw one y from expert ``which`` for every entry of ``which``, (n,) or (n, size)."""
        which = np.asarray(which)
        rows = np.repeat(np.arange(len(which)), which.size // max(1, len(which)))
        return np.asarray(self.pick(rows, which.ravel())._draw(rng), dtype=np.float64).reshape(which.shape)


def checked(owner: str, positive: tuple[str, ...], **given: ArrayLike) -> list[Array]:
    """Return parameters as arrays: the first (n, K), the others (K,) or (n, K); finite, and ``positive`` where said."""
    arrays = [np.asarray(value, dtype=np.float64) for value in given.values()]
    shape = arrays[0].shape
    for name, array in zip(given, arrays, strict=True):
        if len(shape) != 2 or array.shape not in (shape, shape[1:]) or (array is arrays[0] and array.ndim != 2):
            raise ConfigurationError(
                f"{owner} needs {next(iter(given))} of shape (n, K) and the others of shape (K,) or (n, K); "
                f"{name} has shape {array.shape}."
            )
        if not np.isfinite(array).all() or (name in positive and not (array > 0.0).all()):
            rule = "positive and finite" if name in positive else "finite"
            raise ConfigurationError(f"{owner}: every entry of {name} must be {rule}.")
    return arrays


def inverted(excess: Callable[[Index, Array], tuple[Array, Array]], lower: Array, upper: Array, start: Array) -> Array:
    """Solve m increasing equations, (m,), by Newton's method inside brackets that shrink.

    ``excess(index, x)`` returns the equations ``index`` at x and their derivatives. A step that would leave the
    bracket, or a derivative that is lost to rounding, is replaced by a bisection.
    """
    a, b, x = np.minimum(lower, upper), np.maximum(lower, upper), np.array(start, dtype=np.float64)
    index = np.flatnonzero(np.isfinite(x))
    for step in range(200):
        if not len(index):
            break
        at = x[index]
        value, slope = excess(index, at)
        a[index] = np.where(value <= 0.0, at, a[index])
        b[index] = np.where(value >= 0.0, at, b[index])
        newton = at - value / slope
        middle = 0.5 * (a[index] + b[index])
        # Every fourth step is a bisection: a Newton sequence that creeps from one side cannot then go on for long.
        safe = (newton > a[index]) & (newton < b[index]) & ((step % 4 != 3) | (np.abs(value) < 1e-2))
        tiny = 2.0 * _EPS * np.abs(at)
        done = (np.abs(value) <= 1e-16) | (np.abs(newton - at) <= tiny) | (b[index] - a[index] <= tiny)
        x[index] = np.where(done, at, np.where(safe, newton, middle))
        index = index[~done]
    return x


def regularised_beta(a: Array, b: Array, x: Array, rest: Array) -> Array:
    """Return the regularised incomplete beta function I_x(a, b), given ``rest`` = 1 - x without cancellation."""
    a, b, x, rest = np.broadcast_arrays(a, b, x, rest)
    small = x <= rest
    out = np.empty(small.shape)
    betainc(a, b, x, where=small, out=out)
    betaincc(b, a, rest, where=~small, out=out)
    return out
