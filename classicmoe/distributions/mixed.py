"""Experts of different families side by side, and experts that know y for certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions._family import RowFamily, checked
from classicmoe.distributions.components import Array, Rows
from classicmoe.exceptions import ConfigurationError


class PointMassComponents(RowFamily):
    """K point masses per row: y is ``at`` with probability one.

    ``kind`` is "discrete" where all places are whole numbers, so that they fit beside counts, else "mixed".

    Parameters
    ----------
    at : array of shape (n, K)
        The places, finite.

    Raises
    ------
    ConfigurationError
        If the shape does not fit or a place is not finite.
    """

    _names = ("at",)
    at: Array

    def __init__(self, at: ArrayLike):
        (self.at,) = checked("PointMassComponents", (), at=at)
        self.kind = "discrete" if (self.at == np.floor(self.at)).all() else "mixed"

    def _changed(self, change: Callable[[Array], Array]) -> Self:
        part = super()._changed(change)
        part.kind = self.kind  # some rows of a mixed law are a mixed law
        return part

    @property
    def mean(self) -> Array:
        """Expert means, the places, (n, K)."""
        return self.at

    @property
    def variance(self) -> Array:
        """Expert variances, zero, (n, K)."""
        return np.zeros_like(self.at)

    @property
    def support(self) -> tuple[float, float]:
        """The lowest and the highest place of all rows and experts."""
        return float(self.at.min(initial=np.inf)), float(self.at.max(initial=-np.inf))

    def _ends(self) -> tuple[Any, Any]:
        return self.at, self.at

    def logpmf(self, y: ArrayLike) -> Array:
        """Return log P(Y = y), (n, K), for y of shape (n,): 0 at the place, -inf elsewhere."""
        y = np.asarray(y, dtype=np.float64)[:, None]
        return np.where(np.isnan(y), np.nan, np.where(y == self.at, 0.0, -np.inf))

    def _logpdf(self, y: Array) -> Array:
        return np.full(np.broadcast_shapes(y.shape, self.at.shape), -np.inf)

    def _dlogpdf(self, y: Array) -> Array:
        return np.zeros(np.broadcast_shapes(y.shape, self.at.shape))

    def _cdf(self, y: Array) -> Array:
        return np.where(y >= self.at, 1.0, 0.0)

    def _sf(self, y: Array) -> Array:
        return np.where(y < self.at, 1.0, 0.0)

    def _partial(self, y: Array, upper: bool) -> Array:
        return self.at * (self._sf(y) if upper else self._cdf(y))

    def _quantile(self, p: Array, upper: bool) -> Array:
        return np.broadcast_to(self.at, np.broadcast_shapes(p.shape, self.at.shape))

    def _draw(self, rng: Any) -> Array:
        return self.at


class MixedComponents:
    """Experts of different families side by side: each part gives some of the K columns.

    ``kind`` is "continuous" if all parts are, "discrete" if all are, else "mixed": then :meth:`logpdf` is the density
    of the continuous parts and :meth:`logpmf` the probability of single values.

    Parameters
    ----------
    parts : sequence of components
        Families of one output at the same n rows.
    which : sequence of arrays of int
        For each part the experts (columns) that its own columns are; together every one of 0, ..., K - 1 once.

    Raises
    ------
    ConfigurationError
        If the rows differ, or the columns are not every expert once.

    Examples
    --------
    >>> from classicmoe.distributions.counts import PoissonComponents
    >>> from classicmoe.distributions.mixed import MixedComponents, PointMassComponents
    >>> parts = [PoissonComponents([[2.0, 7.0]]), PointMassComponents([[0.0]])]
    >>> MixedComponents(parts, [[0, 2], [1]]).mean
    array([[2., 0., 7.]])
    """

    def __init__(self, parts: Sequence[Any], which: Sequence[ArrayLike]):
        self.parts = list(parts)
        self.which = [np.asarray(columns, dtype=np.intp).reshape(-1) for columns in which]
        shapes = [part.mean.shape for part in self.parts]
        fits = len(self.which) == len(shapes) > 0 and all(len(shape) == 2 for shape in shapes)
        if not fits or any(len(c) != s[1] or s[0] != shapes[0][0] for c, s in zip(self.which, shapes, strict=True)):
            raise ConfigurationError(
                "MixedComponents needs parts of one output at the same rows, and as many columns in `which` as each "
                f"part has experts; the parts have shapes {shapes}."
            )
        if not np.array_equal(np.sort(np.concatenate(self.which)), np.arange(sum(s[1] for s in shapes))):
            raise ConfigurationError("MixedComponents: `which` must name every expert 0, ..., K - 1 exactly once.")

    @property
    def kind(self) -> str:
        """What the law is: continuous, discrete or mixed."""
        kinds = {getattr(part, "kind", "continuous") for part in self.parts}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the smallest interval that holds the supports of all parts."""
        return min(part.support[0] for part in self.parts), max(part.support[1] for part in self.parts)

    @property
    def breaks(self) -> Array | None:
        """Values of y, (n, B), where a density may jump: those of the parts, and ends of their supports inside ours."""
        rows, columns, ends = len(self.parts[0].mean), [], self.support
        for part in self.parts:
            own = getattr(part, "breaks", None)
            if own is not None:
                columns.append(own)
            else:
                columns += [np.full((rows, 1), end) for end in part.support if np.isfinite(end) and end not in ends]
        return np.concatenate(columns, axis=1) if columns else None

    def _columns(self, values: list[Array]) -> Array:
        out = np.empty((len(values[0]), sum(len(columns) for columns in self.which)))
        for columns, value in zip(self.which, values, strict=True):
            out[:, columns] = value
        return out

    @property
    def mean(self) -> Array:
        """Expert means, (n, K)."""
        return self._columns([part.mean for part in self.parts])

    @property
    def variance(self) -> Array:
        """Expert variances, (n, K)."""
        return self._columns([part.variance for part in self.parts])

    def take(self, rows: Rows) -> MixedComponents:
        """Return the components of some rows; an index array may repeat rows."""
        taken = object.__new__(MixedComponents)
        taken.parts, taken.which = [part.take(rows) for part in self.parts], self.which
        return taken

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the expert log-densities, (n, K), for y of shape (n,); -inf for counts and atoms."""
        return self._columns([part.logpdf(y) for part in self.parts])

    def logpmf(self, y: ArrayLike) -> Array:
        """Return log P(Y = y), (n, K), for y of shape (n,); -inf for continuous parts."""
        none = np.where(np.isnan(np.asarray(y, dtype=np.float64)), np.nan, -np.inf)[:, None]
        return self._columns([part.logpmf(y) if hasattr(part, "logpmf") else none for part in self.parts])

    def dlogpdf(self, y: ArrayLike) -> Array:
        """Return the derivatives of the expert log-densities in y, (n, K), for y of shape (n,)."""
        return self._columns([part.dlogpdf(y) for part in self.parts])

    def cdf(self, y: ArrayLike) -> Array:
        """Return the expert distribution functions, (n, K), for y of shape (n,)."""
        return self._columns([part.cdf(y) for part in self.parts])

    def sf(self, y: ArrayLike) -> Array:
        """Return the expert survival functions, (n, K), for y of shape (n,)."""
        return self._columns([part.sf(y) for part in self.parts])

    def partial_mean(self, y: ArrayLike, upper: bool = False) -> Array:
        """Return E[Y; Y <= y], or E[Y; Y > y] if ``upper``, (n, K), for y of shape (n,)."""
        return self._columns([part.partial_mean(y, upper) for part in self.parts])

    def quantile(self, p: ArrayLike, upper: bool = False) -> Array:
        """Return the expert quantiles, (n, K), for lower (or upper) tail probabilities p of shape (n,)."""
        return self._columns([part.quantile(p, upper) for part in self.parts])

    def sample(self, which: ArrayLike, rng: Any) -> Array:
        """Draw one y from expert ``which`` for every entry of ``which``, (n,) or (n, size)."""
        which = np.asarray(which)
        flat, out = which.ravel(), np.empty(which.size)
        rows = np.repeat(np.arange(len(which)), which.size // max(1, len(which)))
        for part, columns in zip(self.parts, self.which, strict=True):
            drawn = np.flatnonzero(np.isin(flat, columns))
            own = np.argsort(columns)[np.searchsorted(np.sort(columns), flat[drawn])]
            out[drawn] = part.take(rows[drawn]).sample(own, rng)
        return out.reshape(which.shape)
