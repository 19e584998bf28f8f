r"""Linear location and a scale: families of :math:`(y - b_k^\top \tilde x)/\sigma_k` that outliers do not spoil.

The response is scaled by median and median absolute deviation, since one gross error would shrink everything else to
nothing under a standard deviation.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Block, Design, Ground, Response, Scaling
from classicmoe.experts._linear import LinearFamily, LinearParameters

LOG_SCALES = (-300.0, 300.0)  # squares of their exponentials, and products with these, are finite


class LocationScaleFamily(LinearFamily):
    """A family with an identity link whose first further parameter ``more[:, 0]`` is the logarithm of a scale."""

    scaling: ClassVar[Scaling] = "robust"
    takes_offset: ClassVar[bool] = False
    longest: ClassVar[float] = np.inf
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("own", "shared")}
    scale: str

    def predictor_of(self, mean: Array) -> Array:
        """Return the mean."""
        return mean

    def start(self, n_experts: int, ground: Ground) -> LinearParameters:
        """Return the center of the response and a typical deviation, the same for all experts."""
        params = super().start(n_experts, ground)
        return params if ground.unit != 1.0 else params._replace(coef=np.zeros_like(params.coef))

    def start_scale(self, ground: Ground) -> float:
        """Return the logarithm of a typical deviation."""
        return float(np.log(ground.unit))

    def _bounded(self, predictor: Array) -> Array:
        return predictor

    def residual(self, params: LinearParameters, block: Block) -> Array:
        """Return y - b' x, (K, m)."""
        return block.once(f"{self.name} residual", params, lambda: block.y[0] - self.predictor(params, block))

    def spread(self, params: LinearParameters) -> Array:
        """Return the scales."""
        return np.asarray(np.exp(params.more[:, 0]))

    def at_floor(self, params: LinearParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which scales are at the floor."""
        return np.asarray(np.exp(2.0 * params.more[:, 0]) <= 1.0001 * ground.floor)

    def _within(self, more: Array) -> Array:
        return np.column_stack([np.clip(more[:, :1], *LOG_SCALES), more[:, 1:]])

    def from_line(self, line: LinearParameters, like: LinearParameters, floor: float = 0.0) -> LinearParameters:
        """Return parameters whose scales are not below the floor."""
        more = self._within(line.more)
        if floor > 0.0:
            more[:, 0] = np.maximum(more[:, 0], 0.5 * np.log(floor))
        return line._replace(more=more)

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return the location."""
        return predictor

    def to_raw(self, params: LinearParameters, design: Design, response: Response) -> LinearParameters:
        """Translate to the user's columns and response."""
        coef = design.to_raw(params.coef) * response.scale[0]
        coef[:, 0] += response.center[0]
        return LinearParameters(coef, self.rescale(params.more, response.scale[0]))

    def from_raw(self, params: LinearParameters, design: Design, response: Response) -> LinearParameters:
        """Translate from the user's columns and response."""
        coef = params.coef.copy()
        coef[:, 0] -= response.center[0]
        coef = design.from_raw(coef / response.scale[0])
        return LinearParameters(coef, self.rescale(params.more, 1.0 / response.scale[0]))

    def rescale(self, more: Array, factor: float) -> Array:
        """Return the further parameters of a response that is multiplied by a factor."""
        out = more.copy()
        out[:, 0] += np.log(factor)
        return out
