r"""Experts of one response that see x through one linear predictor.

.. math::

    f_k(y \mid x) = f(y;\, \zeta_k,\, u_k),\qquad \zeta_k = b_k^\top \tilde x + o,\qquad \tilde x = (1, x)

with an offset :math:`o` and further parameters :math:`u_k` (dispersion, degrees of freedom) in unconstrained
coordinates. One pass adds up the derivative of the weighted log-density in :math:`b_k` and a positive definite
curvature; the update is one scoring step. It is never longer than :data:`LONGEST`, and the engine tries shares of it
when the objective would fall: :math:`b_k` moves uphill, hence a share that is small enough cannot fail. The safe step
leaves :math:`b_k` and takes the further parameters to their maximum, where the family knows it.

Source: Jordan & Jacobs (1994); McCullagh & Nelder (1989) for the scoring step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Design, Ground, Response, Scaling, Step
from classicmoe.covariances.linear import solve
from classicmoe.experts._support import Misfit, Support, anything
from classicmoe.symmetric import unpack_symmetric

LONGEST = 4.0  # of a step, in standardised columns: a predictor moved further is a guess
LARGEST_PREDICTOR = 40.0  # of a logarithm or log-odds, below which exponentials and their products are finite
Sharing = Literal["own", "shared"]


class LinearParameters(NamedTuple):
    """Coefficients (K, p), the intercept first, and further parameters (K, s) in unconstrained coordinates."""

    coef: Array
    more: Array


class LinearStatistics(NamedTuple):
    """Sums of r (K,), of r times the derivative in the coefficients (K, p), packed curvature, and what ``more`` needs.

    The first s columns of ``more`` (K, t) are the derivatives in the further parameters.
    """

    mass: Array
    gradient: Array
    curvature: Array
    more: Array


class LinearExpert:
    """One linear predictor per expert; a family gives its density, derivatives and further parameters."""

    scaling: ClassVar[Scaling] = "none"
    one_unit: ClassVar[bool] = False
    diagonal_only: ClassVar[bool] = True
    tolerates_missing: ClassVar[bool] = False
    damped: ClassVar[bool] = True
    longest: ClassVar[float] = LONGEST
    n_more: ClassVar[int] = 0  # further parameters per expert
    exposure_is: ClassVar[Literal["rate", "trials", None]] = None
    name: ClassVar[str]
    takes_offset: ClassVar[bool] = True
    support: ClassVar[Support] = anything
    smooth: ClassVar[bool] = True  # the log-density has a derivative everywhere
    ridge: float

    @property
    def shared(self) -> tuple[bool, ...]:
        """Which of the further parameters all experts share, (s,)."""
        return (False,) * self.n_more

    def check(self, y: Array, exposure: Array | None) -> Misfit | None:
        """Return which responses (n,) the family does not have, and why."""
        return type(self).support(y, exposure)

    # -- what a family gives ----------------------------------------------------------------------------------------

    def link(self, mean: Array) -> Array:
        """Return the linear predictor of a mean."""
        raise NotImplementedError

    def start_more(self, ground: Ground) -> Array:
        """Return the further parameters of a pooled fit without columns, (s,)."""
        return np.zeros(0)

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return log f, (K, m); :meth:`predictor` is known."""
        raise NotImplementedError

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return the derivative of log f in the predictor and a positive curvature, (K, m) each, in fresh arrays."""
        raise NotImplementedError

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return the rows whose weighted sums ``more`` needs, (K, m) each; first the derivatives of log f."""
        return []

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the next further parameters, (K, s); ``change`` (K, p) is that of the coefficients."""
        return params.more

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return E[y] at predictors (K, m)."""
        raise NotImplementedError

    # -- the engine's side ------------------------------------------------------------------------------------------

    def working(self, y: Array) -> Array:
        """Return the responses as starts see them."""
        return y

    def start(self, n_experts: int, ground: Ground) -> LinearParameters:
        """Return the pooled fit without columns, the same for all experts."""
        coef = np.zeros((n_experts, len(ground.expert_gram)))
        coef[:, 0] = self.link(ground.response_mean)[0]
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

    def statistics(self, params: LinearParameters, block: Block, resp: Array) -> LinearStatistics:
        """Return mass, gradient, curvature and the sums of the further parameters."""
        slope, weight = self.derivatives(params, block)
        rows = self.more_rows(params, block)
        more = np.array([(resp * row).sum(axis=1) for row in rows]).T.reshape(len(resp), len(rows))
        gradient = np.dot(np.multiply(resp, slope, out=slope), block.expert_columns.T)
        width = params.coef.shape[1]
        curvature = np.zeros((len(resp), width * (width + 1) // 2))
        kernels.moments.add_second_moments(np.multiply(resp, weight, out=weight), block.expert_columns, curvature)
        return LinearStatistics(resp.sum(axis=1), gradient, curvature, more)

    def update(
        self, params: LinearParameters, statistics: LinearStatistics, ground: Ground, step: Step = "full"
    ) -> LinearParameters:
        """Return the parameters after (a share of) one scoring step."""
        change = SHARE[step] * self._direction(params, statistics, ground)
        return LinearParameters(params.coef + change, self.update_more(params, statistics, change, ground, step))

    def _direction(self, params: LinearParameters, statistics: LinearStatistics, ground: Ground) -> Array:
        width = params.coef.shape[1]
        curvature = unpack_symmetric(statistics.curvature, width) + self.ridge * _slopes_only(width)
        gradient = statistics.gradient - self.ridge * (params.coef @ _slopes_only(width))
        alive = statistics.mass > 1e-10 * ground.weight
        change = np.zeros_like(params.coef)
        change[alive] = solve(curvature[alive], gradient[alive][:, None])[:, 0]
        length = np.sqrt(np.square(change).sum(axis=1))
        return change * np.minimum(1.0, self.longest / np.maximum(length, 1e-300))[:, None]

    def penalty(self, params: LinearParameters) -> float:
        """Return half the ridge times the squared slopes of standardised columns."""
        return 0.5 * self.ridge * float(np.square(params.coef[:, 1:]).sum())

    def score(self, params: LinearParameters, statistics: LinearStatistics) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters."""
        gradient = statistics.gradient - self.ridge * (params.coef @ _slopes_only(params.coef.shape[1]))
        return np.concatenate([gradient.ravel(), self._share(statistics.more[:, : self.n_more], True)])

    def scores(self, params: LinearParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        slope, _ = self.derivatives(params, block)
        by_coef = ((resp * slope)[:, None] * block.expert_columns[None]).reshape(-1, block.weight.size).T
        rows = self.more_rows(params, block)[: self.n_more]
        if not rows:
            return by_coef
        by_more = np.stack([(resp * row).T for row in rows], axis=2)  # (m, K, s)
        return np.hstack([by_coef, np.array([self._share(row, True) for row in by_more])])

    # -- free coordinates -------------------------------------------------------------------------------------------

    def _share(self, more: Array, is_score: bool) -> Array:
        """Turn (K, s) further parameters, or derivatives in them, into free coordinates."""
        parts = []
        for j, shared in enumerate(self.shared):
            column = more[:, j]
            parts.append((column.sum(keepdims=True) if is_score else column[:1]) if shared else column)
        return np.concatenate(parts) if parts else np.zeros(0)

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

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return the distributions of y at predictors (n, K, 1)."""
        raise NotImplementedError


def _slopes_only(width: int) -> Array:
    """Return the identity without the intercept's entry."""
    eye = np.eye(width)
    eye[0, 0] = 0.0
    return eye


def newton_1d(first: Array, second: Array, shared: bool, longest: float = 1.0) -> Array:
    """Return a Newton step uphill in one coordinate per expert, (K,), from sums of two derivatives."""
    if shared:
        first, second = np.full_like(first, first.sum()), np.full_like(second, second.sum())
    bent = np.maximum(np.abs(second), 1e-300)  # where it is not concave: the same length uphill
    return np.asarray(np.clip(first / bent, -longest, longest))
