r"""Experts without coefficients: a point mass and uniform noise, to stand beside other families in a list.

.. math::

    P_k(y = a) = 1 \qquad\text{or}\qquad f_k(y) = \frac{1}{b - a}\;[a \le y \le b]

Source: Banfield & Raftery (1993) for uniform noise beside clusters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Design, Ground, Measure, Response, Scaling, Step
from classicmoe.distributions.mixed import PointMassComponents
from classicmoe.distributions.uniform import UniformComponents
from classicmoe.experts._support import Misfit


class FixedParameters(NamedTuple):
    """Nothing but the number of experts, as an empty array (K, 0)."""

    nothing: Array


class FixedStatistics(NamedTuple):
    """Sum of r (K,)."""

    mass: Array


class FixedExpert(ABC):
    """A distribution that does not depend on x and has nothing to estimate."""

    scaling: ClassVar[Scaling] = "none"
    one_unit: ClassVar[bool] = False
    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False
    damped: ClassVar[bool] = False
    takes_offset: ClassVar[bool] = True
    exposure_is: ClassVar[Any] = "rate"  # whatever it is, it changes nothing

    @abstractmethod
    def center(self) -> float:
        """Return the mean."""

    def working(self, y: Array) -> Array:
        """Return the responses as they are."""
        return y

    def start(self, n_experts: int, ground: Ground) -> FixedParameters:
        """Return parameters without content."""
        return FixedParameters(np.zeros((n_experts, 0)))

    def location(self, params: FixedParameters, block: Block) -> Array:
        """Return the means, (K, 1, m)."""
        return np.full((len(params.nothing), 1, len(block.weight)), self.center())

    def mean(self, params: FixedParameters, block: Block) -> Array:
        """Return the means, (K, 1, m)."""
        return self.location(params, block)

    def spread(self, params: FixedParameters) -> Array:
        """Return ones."""
        return np.ones(len(params.nothing))

    def at_floor(self, params: FixedParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return False."""
        return np.zeros(len(params.nothing), dtype=bool)

    def statistics(self, params: FixedParameters, block: Block, resp: Array) -> FixedStatistics:
        """Return the mass."""
        return FixedStatistics(resp.sum(axis=1))

    def update(
        self, params: FixedParameters, statistics: FixedStatistics, ground: Ground, step: Step = "full"
    ) -> FixedParameters:
        """Return the parameters as they are."""
        return params

    def penalty(self, params: FixedParameters) -> float:
        """Return 0."""
        return 0.0

    def score(self, params: FixedParameters, statistics: FixedStatistics) -> Array:
        """Return no derivatives."""
        return np.zeros(0)

    def scores(self, params: FixedParameters, block: Block, resp: Array) -> Array:
        """Return no derivatives."""
        return np.zeros((len(block.weight), 0))

    def n_free(self, params: FixedParameters) -> int:
        """Return 0."""
        return 0

    def pack(self, params: FixedParameters) -> Array:
        """Return nothing."""
        return np.zeros(0)

    def unpack(self, vector: Array, like: FixedParameters) -> FixedParameters:
        """Return the parameters as they are."""
        return like

    def permute(self, params: FixedParameters, order: NDArray[np.intp]) -> FixedParameters:
        """Return as many experts."""
        return FixedParameters(params.nothing[order])

    def to_raw(self, params: FixedParameters, design: Design, response: Response) -> FixedParameters:
        """Return the parameters as they are: these experts are given in the user's units."""
        return params

    from_raw = to_raw

    def attributes(self, params: FixedParameters) -> dict[str, Array]:
        """Return the means as intercepts."""
        return {"expert_intercept_": np.full(len(params.nothing), self.center())}

    def from_attributes(self, attributes: Mapping[str, Array]) -> FixedParameters:
        """Return parameters without content."""
        return FixedParameters(np.zeros((len(attributes["expert_intercept_"]), 0)))

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        return {"expert_intercept_": (n_experts,)}

    def sort_keys(self, params: FixedParameters) -> Array:
        """Return the means."""
        return np.full((1, len(params.nothing)), self.center())


class PointMass(FixedExpert, BaseEstimator):
    """An expert that always says the same number.

    Parameters
    ----------
    at : float, default=0
        The number. Beside continuous families exactly this value belongs to the point mass alone.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoERegressor
    >>> from classicmoe.experts import GammaExpert, PointMass
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> y = rng.gamma(4.0, 1.0, 300) * (rng.random(300) < 1.0 / (1.0 + np.exp(-x[:, 0])))
    >>> m = MoERegressor(2, expert=[PointMass(0.0), GammaExpert()], n_init=5, random_state=0).fit(x, y)
    >>> bool(abs(m.expert_mass_[0] - (y == 0).sum()) < 1e-9)
    True
    """

    name: ClassVar[str] = "point_mass"
    measure: ClassVar[Measure] = "counting"

    def __init__(self, at: float = 0.0):
        self.at = at

    def center(self) -> float:
        """Return the number."""
        return float(self.at)

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return the responses that are another number."""
        rows = np.flatnonzero(y != self.at)
        return Misfit(rows, f"not {self.at:g}", "Another expert must explain it.") if len(rows) else None

    @property
    def harmless(self) -> float:
        """A response that it has."""
        return float(self.at)

    def log_density(self, params: FixedParameters, block: Block) -> Array:
        """Return 0 where y is the number, else minus infinity."""
        own = np.where(block.y[0] == self.at, 0.0, -np.inf)
        return np.tile(own, (len(params.nothing), 1))

    def conditional(self, params: FixedParameters, location: Array, exposure: Array | None) -> Any:
        """Return the point masses."""
        return PointMassComponents(location[..., 0])


class UniformExpert(FixedExpert, BaseEstimator):
    """Noise that is spread evenly over an interval.

    Parameters
    ----------
    low, high : float
        Ends of the interval, in the units of y.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.experts import GaussianExpert, UniformExpert
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> noise = UniformExpert(float(y.min()), float(y.max()))
    >>> m = MoERegressor(2, expert=[GaussianExpert(), noise], n_init=5, random_state=0).fit(X, y)
    >>> m.expert_mass_.shape
    (2,)
    """

    name: ClassVar[str] = "uniform"
    measure: ClassVar[Measure] = "lebesgue"

    def __init__(self, low: float = 0.0, high: float = 1.0):
        self.low = low
        self.high = high

    def center(self) -> float:
        """Return the middle."""
        return 0.5 * (float(self.low) + float(self.high))

    @property
    def harmless(self) -> float:
        """A response that it has."""
        return self.center()

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        if self.low < self.high:
            return None
        return f"low must be below high, not {self.low!r} and {self.high!r}"

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return the responses outside the interval."""
        rows = np.flatnonzero((y < self.low) | (y > self.high))
        return Misfit(rows, f"outside [{self.low:g}, {self.high:g}]", "Widen the interval.") if len(rows) else None

    def log_density(self, params: FixedParameters, block: Block) -> Array:
        """Return minus the logarithm of the length inside, else minus infinity."""
        inside = (block.y[0] >= self.low) & (block.y[0] <= self.high)
        own = np.where(inside, -np.log(self.high - self.low), -np.inf)
        return np.tile(own, (len(params.nothing), 1))

    def conditional(self, params: FixedParameters, location: Array, exposure: Array | None) -> Any:
        """Return the uniform distributions."""
        shape = location.shape[:2]
        return UniformComponents(np.full(shape, float(self.low)), np.full(shape, float(self.high)))
