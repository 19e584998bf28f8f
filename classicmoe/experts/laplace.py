r"""Laplace experts: medians instead of means.

.. math::

    f_k(y \mid x) = \frac{1}{2 s_k} \exp\Bigl(-\frac{|y - b_k^\top \tilde x|}{s_k}\Bigr)

Source: Nguyen & McLachlan (2016), with their minorisation :math:`|r| \le r^2/(2|r_0|) + |r_0|/2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe.contracts import Array, Block, Ground, Step
from classicmoe.covariances.sharing import pool
from classicmoe.distributions.symmetric import LaplaceComponents
from classicmoe.experts._linear import LinearParameters, Sharing
from classicmoe.experts._location_scale import LocationScaleFamily
from classicmoe.experts._scoring import LinearStatistics, ScoredExpert, gain

CLOSE = 1e-7  # residuals, in scales, below which the weight of a row grows no more


class LaplaceExpert(LocationScaleFamily, ScoredExpert, BaseEstimator):
    r"""Laplace experts: the weighted least absolute deviations of every expert, by reweighted least squares.

    A row at distance :math:`|r|` has weight :math:`1/|r|`, so gross errors count little. Every pass is one step of an
    MM algorithm: it cannot lower the likelihood, but its last digits come slowly where rows lie on a line.

    Parameters
    ----------
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own scale :math:`s` (mean absolute deviation) or all share one.
    ridge : float >= 0, default=0
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    Nguyen, H. D. and McLachlan, G. J. (2016). Laplace mixture of linear experts. Computational Statistics and Data
    Analysis 93, 177-191.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(2, expert="laplace", random_state=0).fit(X, y)
    >>> bool((m.expert_scale_ > 0).all())
    True
    """

    name: ClassVar[str] = "laplace"
    smooth: ClassVar[bool] = False

    def __init__(self, scale: Sharing = "own", ridge: float = 0.0):
        self.scale = scale
        self.ridge = ridge

    @property
    def shared(self) -> tuple[bool, ...]:
        """Whether the experts share the scale."""
        return (self.scale == "shared",)

    def start_more(self, ground: Ground) -> Array:
        """Return the logarithm of the scale."""
        return np.array([self.start_scale(ground)])

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return ``-|r| / s - log 2 s``."""
        out = np.abs(self.residual(params, block))
        out *= -np.exp(-params.more)
        out -= params.more + np.log(2.0)
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return ``sign(r) / s`` and ``1 / (s |r|)``."""
        residual, scale = self.residual(params, block), np.exp(params.more)
        weight = 1.0 / (scale * np.maximum(np.abs(residual), CLOSE * scale))
        return weight * residual, weight

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return the derivatives in log s and the absolute residuals."""
        size = np.abs(self.residual(params, block))
        return [size * np.exp(-params.more) - 1.0, size]

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the scales that are best for the bound on the absolute residuals at the new coefficients."""
        mass, scale = statistics.mass, np.exp(params.more[:, 0])
        alive = mass > 1e-10 * ground.weight
        left = statistics.more[:, 1] - 0.5 * scale * gain(statistics, change)
        size = np.where(alive, left / np.maximum(mass, 1e-300), scale)
        if self.scale == "shared":
            size = pool(size, np.where(alive, mass, 0.0))
        return np.log(np.maximum(size, np.sqrt(ground.floor)))[:, None]

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the scales."""
        return {"expert_scale_": np.exp(params.more[:, 0])}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return the logarithms of the scales."""
        return np.asarray(np.log(attributes["expert_scale_"])[:, None])

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return Laplace distributions."""
        return LaplaceComponents(location[..., 0], np.exp(params.more[:, 0]))
