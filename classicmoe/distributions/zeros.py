"""More zeros than a family has: zero-inflated and hurdle expert distributions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions._family import RowFamily
from classicmoe.distributions.components import Array
from classicmoe.exceptions import ConfigurationError


class _WithZeros(RowFamily, ABC):
    """P(Y = 0) = zero and, given Y > 0, the law of the base given that it is positive; both wrappers are of this form.

    ``_zero`` is P(Y = 0) and ``_factor`` = P(Y > 0) / P(base > 0), so that sf(y) = factor * sf_base(y) for y >= 0.
    """

    base: Any
    extra: Array

    def __init__(self, base: Any, extra: ArrayLike, name: str):
        owner = type(self).__name__
        if not isinstance(base, RowFamily) or base.support[0] != 0.0 or base.kind == "mixed":
            raise ConfigurationError(f"{owner} needs components of counts or of positive outputs as its base.")
        self.base = base
        self.extra = np.asarray(extra, dtype=np.float64)
        shape = base.mean.shape
        if self.extra.shape not in (shape, shape[1:]) or not ((self.extra >= 0.0) & (self.extra <= 1.0)).all():
            raise ConfigurationError(
                f"{owner} needs {name} of shape (K,) or (n, K) with probabilities in [0, 1]; got shape "
                f"{self.extra.shape}."
            )

    @property
    def kind(self) -> str:
        """What the law is: discrete for a base of counts, mixed (an atom at 0 and a density) for a positive one."""
        return "discrete" if self.base.kind == "discrete" else "mixed"

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the support, those of the base."""
        return self.base.support

    @property
    @abstractmethod
    def _zero(self) -> Array: ...

    @property
    @abstractmethod
    def _factor(self) -> Array: ...

    @property
    def mean(self) -> Array:
        """Expert means factor * mean_base, (n, K)."""
        return self._factor * self.base.mean

    @property
    def variance(self) -> Array:
        """Expert variances factor * (variance_base + mean_base^2) - mean^2, without cancellation, (n, K)."""
        factor, mean = self._factor, self.base.mean
        return factor * (self.base.variance + (1.0 - factor) * mean**2)

    def _changed(self, change: Callable[[Array], Array]) -> Self:
        part = object.__new__(type(self))
        part.base, part.extra = self.base._changed(change), change(self.extra)
        return part

    def _ends(self) -> tuple[Any, Any]:
        return 0.0, self.base._ends()[1]

    def _base_zero(self) -> Array:
        """Return P(base = 0), (n, K)."""
        return self.base.cdf(np.zeros(len(self.base.mean)))

    def _base_positive(self) -> Array:
        """Return P(base > 0), (n, K)."""
        return self.base.sf(np.zeros(len(self.base.mean)))

    def logpmf(self, y: ArrayLike) -> Array:
        """Return log P(Y = y), (n, K), for y of shape (n,)."""
        y = np.asarray(y, dtype=np.float64)
        with np.errstate(divide="ignore"):
            zero, factor = np.log(self._zero), np.log(self._factor)
        if self.kind == "discrete":
            above = factor + self.base.logpmf(y)
        else:
            above = np.where(np.isnan(y), np.nan, -np.inf)[:, None] + np.zeros_like(self.base.mean)
        return np.where(y[:, None] == 0.0, zero, above)

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the log of the density that the continuous part has, (n, K); -inf at 0, where the atom is."""
        y = np.asarray(y, dtype=np.float64)
        with np.errstate(divide="ignore"):
            value = np.log(self._factor) + self.base.logpdf(y)
        return np.where(y[:, None] == 0.0, -np.inf, value)

    def _dlogpdf(self, y: Array) -> Array:
        return self.base._dlogpdf(y)

    def _cdf(self, y: Array) -> Array:
        # both forms of the wrappers: a sum of positive terms, so that a small value keeps its digits
        y = np.floor(y) if self.kind == "discrete" else y
        positive = np.maximum(self.base._cdf(y) - self._base_zero(), 0.0)
        return np.minimum(self._zero + self._factor * positive, 1.0)

    def _sf(self, y: Array) -> Array:
        return self._factor * self.base._sf(np.floor(y) if self.kind == "discrete" else y)

    def _partial(self, y: Array, upper: bool) -> Array:
        return self._factor * self.base._partial(np.floor(y) if self.kind == "discrete" else y, upper)

    def _quantile(self, p: Array, upper: bool) -> Array:
        factor, zero = self._factor, self._zero
        if upper:
            at_zero, rest = p >= factor * self._base_positive(), p / factor
        else:
            # F_base(y) - F_base(0) = (p - zero) / factor
            at_zero, rest = p <= zero, (p - zero) / factor + self._base_zero()
        shape = np.broadcast_shapes(rest.shape, self.base.mean.shape)
        rest = np.where(at_zero, 0.5, np.broadcast_to(rest, shape))
        return np.where(at_zero, 0.0, self.base._quantiles(rest, upper))


class ZeroInflatedComponents(_WithZeros):
    r"""With probability ``inflation`` zero, else from the base: P(y) = w [y = 0] + (1 - w) P_base(y).

    Mean (1 - w) m, variance (1 - w) v + w (1 - w) m^2, distribution function w + (1 - w) F(y) for y >= 0 and quantile 0
    for p <= w + (1 - w) F(0), else F^{-1}((p - w) / (1 - w)) (D. Lambert, Technometrics 34 (1992) 1-14). A continuous
    positive base gives an atom at 0 and a density, as :class:`HurdleComponents` does.

    Parameters
    ----------
    base : components of counts or of positive outputs
        The family that is inflated.
    inflation : array of shape (K,) or (n, K)
        Probabilities w, in [0, 1].

    Raises
    ------
    ConfigurationError
        If the base is of another kind, or ``inflation`` has another shape or range.
    """

    def __init__(self, base: Any, inflation: ArrayLike):
        super().__init__(base, inflation, "inflation")

    @property
    def inflation(self) -> Array:
        """Probabilities of the extra zero, (K,) or (n, K)."""
        return self.extra

    @property
    def _zero(self) -> Array:
        return self.extra + (1.0 - self.extra) * self._base_zero()

    @property
    def _factor(self) -> Array:
        return 1.0 - self.extra

    def _draw(self, rng: Any) -> Array:
        drawn = self.base._draw(rng)
        return np.where(rng.random(drawn.shape) < self.extra, 0.0, drawn)


class HurdleComponents(_WithZeros):
    r"""With probability ``zero`` zero, else from the base given that it is positive.

    P(0) = z, and for y > 0 the density or probability is (1 - z) f_base(y) / P_base(Y > 0); for a continuous positive
    base the law has an atom at 0 and a density (J. Mullahy, Journal of Econometrics 33 (1986) 341-365).

    Parameters
    ----------
    base : components of counts or of positive outputs
        The family beyond the hurdle.
    zero : array of shape (K,) or (n, K)
        Probabilities of zero, in [0, 1].

    Raises
    ------
    ConfigurationError
        If the base is of another kind, or ``zero`` has another shape or range.
    """

    def __init__(self, base: Any, zero: ArrayLike):
        super().__init__(base, zero, "zero")

    @property
    def zero(self) -> Array:
        """Probabilities of zero, (K,) or (n, K)."""
        return self.extra

    @property
    def _zero(self) -> Array:
        return np.broadcast_to(self.extra, self.base.mean.shape)

    @property
    def _factor(self) -> Array:
        return (1.0 - self.extra) / self._base_positive()

    def _draw(self, rng: Any) -> Array:
        drawn = np.array(self.base._draw(rng), dtype=np.float64)
        uniform = 1.0 - rng.random(drawn.shape)  # in (0, 1]
        again = np.flatnonzero((drawn[:, 0] == 0.0) & (self.base.kind == "discrete"))
        if len(again):  # a zero of the base is replaced by a positive draw: the upper tail below P(base > 0) inverted
            part = self.base._changed(lambda a: a[again])
            drawn[again] = part._quantiles(uniform[again] * part.sf(np.zeros(len(again))), True)
        return np.where(rng.random(drawn.shape) < self.extra, 0.0, drawn)
