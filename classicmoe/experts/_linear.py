r"""Experts of one response that see x through one linear predictor: parameters, units and moments.

.. math::

    f_k(y \mid x) = f(y;\, \zeta_k,\, u_k),\qquad \zeta_k = b_k^\top \tilde x + o,\qquad \tilde x = (1, x)

with an offset :math:`o` and further parameters :math:`u_k` (dispersion, degrees of freedom) in unconstrained
coordinates. How a family climbs is another matter: by scoring (:mod:`classicmoe.experts._scoring`) or by an EM step of
its own (:mod:`classicmoe.experts._skew`).

Source: McCullagh & Nelder (1989).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Block, Design, Ground, Measure, Response, Scaling
from classicmoe.experts._support import Misfit, Support, anything

LARGEST_PREDICTOR = 40.0  # of a logarithm or log-odds, below which exponentials and their products are finite
Sharing = Literal["own", "shared"]


class LinearParameters(NamedTuple):
    """Coefficients (K, p), the intercept first, and further parameters (K, s) in unconstrained coordinates."""

    coef: Array
    more: Array


class LinearFamily(ABC):
    """One linear predictor per expert; a family gives its link, density, means and further parameters."""

    scaling: ClassVar[Scaling] = "none"
    one_unit: ClassVar[bool] = False
    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False
    damped: ClassVar[bool] = True
    exposure_is: ClassVar[Literal["rate", "trials", None]] = None
    name: ClassVar[str]
    takes_offset: ClassVar[bool] = True
    measure: ClassVar[Measure] = "lebesgue"
    support: ClassVar[Support] = anything
    smooth: ClassVar[bool] = True  # the log-density has a derivative everywhere
    ridge: float

    @property
    def shared(self) -> tuple[bool, ...]:
        """Which of the further parameters all experts share, (s,)."""
        return ()

    @property
    def n_more(self) -> int:
        """Number of further parameters per expert, s."""
        return len(self.shared)

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return which responses (n,) the family does not have, and why."""
        return type(self).support(y, exposure)

    # -- what a family gives ----------------------------------------------------------------------------------------

    @abstractmethod
    def predictor_of(self, mean: Array) -> Array:
        """Return the linear predictor of a mean."""

    def start_more(self, ground: Ground) -> Array:
        """Return the further parameters of a pooled fit without columns, (s,)."""
        return np.zeros(0)

    @abstractmethod
    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return log f, (K, m); :meth:`predictor` is known."""

    @abstractmethod
    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return E[y] at predictors (K, m)."""

    @abstractmethod
    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return the distributions of y at predictors (n, K, 1)."""

    # -- the engine's side ------------------------------------------------------------------------------------------

    def working(self, y: Array) -> Array:
        """Return the responses as starts see them."""
        return y

    def start(self, n_experts: int, ground: Ground) -> LinearParameters:
        """Return the pooled fit without columns, the same for all experts."""
        coef = np.zeros((n_experts, len(ground.expert_gram)))
        coef[:, 0] = self.predictor_of(ground.response_mean)[0]
        return LinearParameters(coef, np.tile(self.start_more(ground), (n_experts, 1)))

    def location(self, params: LinearParameters, block: Block) -> Array:
        """Return the linear predictors, offsets and log exposures included, (K, 1, m)."""
        return self.predictor(params, block)[:, None].copy()

    def predictor(self, params: LinearParameters, block: Block) -> Array:
        """Return the linear predictors with offsets and log exposures, (K, m)."""

        def compute() -> Array:
            out = block.scratch("predictor", len(params.coef))
            np.dot(params.coef, block.expert_columns, out=out)
            if block.offset is not None:
                out += block.offset
            if block.exposure is not None and self.exposure_is == "rate":
                out += np.log(block.exposure)
            return self._bounded(out)

        return block.once(f"{self.name} predictor", params, compute)

    def _bounded(self, predictor: Array) -> Array:
        """Clip logarithms and log-odds, in place."""
        return np.clip(predictor, -LARGEST_PREDICTOR, LARGEST_PREDICTOR, out=predictor)

    def log_density(self, params: LinearParameters, block: Block) -> Array:
        """Return log f_k(y | x), (K, m)."""
        return block.once(f"{self.name} density", params, lambda: self.density(params, block))

    def mean(self, params: LinearParameters, block: Block) -> Array:
        """Return the experts' means, (K, 1, m)."""
        return self.mean_of(self.predictor(params, block), params.more, block.exposure)[:, None]

    def spread(self, params: LinearParameters) -> Array:
        """Return ones: without a scale there are no spikes."""
        return np.ones(len(params.coef))

    def at_floor(self, params: LinearParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return False for every expert."""
        return np.zeros(len(params.coef), dtype=bool)

    def penalty(self, params: LinearParameters) -> float:
        """Return half the ridge times the squared slopes of standardised columns."""
        return 0.5 * self.ridge * float(np.square(params.coef[:, 1:]).sum())

    # -- free coordinates -------------------------------------------------------------------------------------------

    def _share(self, more: Array, is_score: bool) -> Array:
        """Turn (..., K, s) further parameters, or derivatives in them, into free coordinates (..., n)."""
        parts = [np.zeros((*more.shape[:-2], 0))]
        for j, shared in enumerate(self.shared):
            column = more[..., j]
            parts.append((column.sum(axis=-1, keepdims=True) if is_score else column[..., :1]) if shared else column)
        return np.concatenate(parts, axis=-1)

    def pack_slopes(self, by_coef: Array, by_more: Array) -> Array:
        """Return derivatives in coefficients (..., K, p) and further parameters (..., K, s) in packed order."""
        return np.concatenate([by_coef.reshape(*by_coef.shape[:-2], -1), self._share(by_more, True)], axis=-1)

    def as_line(self, params: LinearParameters) -> LinearParameters:
        """Return coefficients and all further parameters: what :class:`PartlyKnown` moves."""
        return params

    def from_line(self, line: LinearParameters, like: LinearParameters, floor: float = 0.0) -> LinearParameters:
        """Invert :meth:`as_line`, with further parameters inside their bounds and variances above the floor."""
        return line._replace(more=self._within(line.more))

    def n_free(self, params: LinearParameters) -> int:
        """Return K p plus the free further parameters."""
        k = len(params.coef)
        return params.coef.size + sum(1 if shared else k for shared in self.shared)

    def pack(self, params: LinearParameters) -> Array:
        """Return coefficients and further parameters."""
        return np.concatenate([params.coef.ravel(), self._share(params.more, False)])

    def unpack(self, vector: Array, like: LinearParameters) -> LinearParameters:
        """Invert :meth:`pack`."""
        k, cut = len(like.coef), like.coef.size
        more = np.empty_like(like.more)
        for j, shared in enumerate(self.shared):
            size = 1 if shared else k
            more[:, j] = vector[cut : cut + size]
            cut += size
        return LinearParameters(vector[: like.coef.size].reshape(like.coef.shape), self._within(more))

    def _within(self, more: Array) -> Array:
        """Return further parameters that a leap of the accelerator has not taken beyond their bounds."""
        return more

    def permute(self, params: LinearParameters, order: NDArray[np.intp]) -> LinearParameters:
        """Return the parameters with experts in another order."""
        return LinearParameters(params.coef[order], params.more[order])

    # -- the user's units -------------------------------------------------------------------------------------------

    def to_raw(self, params: LinearParameters, design: Design, response: Response) -> LinearParameters:
        """Translate to the user's columns."""
        return params._replace(coef=design.to_raw(params.coef))

    def from_raw(self, params: LinearParameters, design: Design, response: Response) -> LinearParameters:
        """Translate from the user's columns."""
        return params._replace(coef=design.from_raw(params.coef))

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return the further parameters as public attributes, (K,) each."""
        return {}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Invert :meth:`named_more`, (K, s)."""
        return np.zeros((len(attributes["expert_intercept_"]), 0))

    def attributes(self, params: LinearParameters) -> dict[str, Array]:
        """Return slopes, intercepts and further parameters as fitted attributes."""
        slopes, intercept = params.coef[:, 1:].copy(), params.coef[:, 0].copy()
        return {"expert_coef_": slopes, "expert_intercept_": intercept} | self.named_more(params)

    def from_attributes(self, attributes: Mapping[str, Array]) -> LinearParameters:
        """Rebuild the parameters from the fitted attributes."""
        coef = np.column_stack([attributes["expert_intercept_"], attributes["expert_coef_"]])
        return LinearParameters(coef, self.more_from(attributes))

    def shapes(self, n_experts: int, n_outputs: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes."""
        more = self.named_more(LinearParameters(np.zeros((n_experts, 1)), np.zeros((n_experts, self.n_more))))
        shapes: dict[str, tuple[int, ...]] = {name: (n_experts,) for name in more}
        return {"expert_coef_": (n_experts, n_columns), "expert_intercept_": (n_experts,)} | shapes

    def sort_keys(self, params: LinearParameters) -> Array:
        """Return the predictors where x is average, then coefficients and further parameters."""
        return np.concatenate([params.coef, params.more], axis=1).T
