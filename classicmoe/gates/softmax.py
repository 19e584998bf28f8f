r"""Softmax gating network.

.. math::

    g_k(x) = \frac{\exp(a_k^\top \tilde x)}{\sum_l \exp(a_l^\top \tilde x)},\qquad \tilde x = (1, x)

Adding one vector to every :math:`a_k` changes nothing; inside, the columns of :math:`A` sum to zero over experts
(the symmetric form, which is what the ridge penalises and which knows no reference expert).

Source: Jordan & Jacobs (1994); Boehning & Lindsay (1988) for the bound on the curvature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import Array, Block, Design, Ground, Step
from classicmoe.gates._log_odds import LogOdds
from classicmoe.symmetric import unpack_symmetric, upper_triangle


class SoftmaxParameters(NamedTuple):
    """Coefficients (K, p) in symmetric form, the intercept first."""

    coef: Array


class SoftmaxStatistics(NamedTuple):
    """Gradient (K, p) and packed curvature (K(K-1)/2, p(p+1)/2), sums of w g_k g_l x x' over k < l."""

    gradient: Array
    curvature: Array | None


class SoftmaxGate(LogOdds, BaseEstimator):
    r"""Softmax (multinomial logit) gating network.

    One step per pass on the concave objective
    :math:`\sum_i \sum_k r_{ik} \log g_k(x_i) - \tfrac{\lambda}{2}\sum_k\lVert a_{k,\mathrm{slopes}}\rVert^2`.

    Parameters
    ----------
    solver : {"newton", "mm"}, default="newton"
        ``"newton"``: one Newton step, halved or replaced by the MM step when the objective would fall.
        ``"mm"``: always the step of the fixed Boehning-Lindsay bound, which cannot lower the objective and needs no
        curvature; many more, cheaper passes.
    ridge : float >= 0, default=1e-10
        :math:`\lambda`, on the symmetric slopes of standardised columns, in log-likelihood units. The default only
        keeps perfectly separating gates finite: on the ethanol data with three constant experts 1e-8 would cost
        1.9e-3 log-likelihood units, 1e-3 much more. 0 is allowed. The intercepts are not penalised.

    References
    ----------
    Jordan, M. I. and Jacobs, R. A. (1994). Hierarchical mixtures of experts and the EM algorithm. Neural
    Computation 6, 181-214.

    Boehning, D. and Lindsay, B. G. (1988). Monotonicity of quadratic-approximation algorithms. Annals of the
    Institute of Statistical Mathematics 40, 641-663.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.gates import SoftmaxGate
    >>> X, y = load_dataset("ethanol", return_X_y=True)
    >>> m = MoERegressor(2, gate=SoftmaxGate(solver="mm", ridge=0.1), random_state=0).fit(X, y)
    >>> bool(m.converged_)
    True
    """

    name = "softmax"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"solver": ("newton", "mm")}

    def __init__(self, solver: Literal["newton", "mm"] = "newton", ridge: float = 1e-10):
        self.solver = solver
        self.ridge = ridge

    def start(self, n_experts: int, width: int) -> SoftmaxParameters:
        """Return the gate that asks all experts alike."""
        return SoftmaxParameters(np.zeros((n_experts, width)))

    def softened(self, ridge: float) -> SoftmaxGate:
        """Return the gate with a larger ridge."""
        return SoftmaxGate(self.solver, max(ridge, self.ridge))

    def log_prob(self, params: SoftmaxParameters, block: Block) -> Array:
        """Return log g_k(x), (K, m)."""
        n_experts = len(params.coef)

        def compute() -> Array:
            out = block.scratch("gate log", n_experts)
            np.dot(params.coef, block.gate_columns, out=out)
            total, log_total = block.scratch("gate rows", 2)
            kernels.softmax.shift(out, total)
            prob = np.exp(out, out=block.scratch("gate prob", n_experts))
            kernels.mixture.sum_over_experts(prob, total)
            np.log(total, out=log_total)
            kernels.softmax.normalise(out, prob, total, log_total)
            return out

        return block.once("gate log", params, compute)

    def _prob(self, params: SoftmaxParameters, block: Block) -> Array:
        self.log_prob(params, block)
        return block.scratch("gate prob", len(params.coef))

    def _gradient_rows(self, params: SoftmaxParameters, block: Block, resp: Array) -> Array:
        rows = block.scratch("gradient rows", len(resp))
        kernels.softmax.gradient_rows(resp, self._prob(params, block), block.weight, rows)
        return rows

    def statistics(self, params: SoftmaxParameters, block: Block, resp: Array) -> SoftmaxStatistics:
        """Return the gradient and, for Newton, the curvature."""
        n_experts, width = params.coef.shape
        if n_experts == 1:
            return SoftmaxStatistics(np.zeros((1, width)), None)
        gradient = np.dot(self._gradient_rows(params, block, resp), block.gate_columns.T)
        if self.solver == "mm":
            return SoftmaxStatistics(gradient, None)
        pairs = block.scratch("gate curvature", n_experts * (n_experts - 1) // 2)
        kernels.softmax.curvature_rows(self._prob(params, block), block.weight, pairs)
        curvature = np.zeros((len(pairs), width * (width + 1) // 2))
        kernels.moments.add_second_moments(pairs, block.gate_columns, curvature)
        return SoftmaxStatistics(gradient, curvature)

    def update(
        self, params: SoftmaxParameters, statistics: SoftmaxStatistics, ground: Ground, step: Step = "full"
    ) -> SoftmaxParameters:
        """Return the parameters after one Newton step ("full", "half") or one MM step ("safe")."""
        if len(params.coef) == 1:
            return params
        gradient = statistics.gradient - self._ridge_gradient(params)
        if self.solver == "mm" or step == "safe":
            return self._centred(params.coef + self._mm_direction(gradient, ground))
        direction = self._newton_direction(params, statistics, gradient)
        if direction is None:
            direction = self._mm_direction(gradient, ground)
        return self._centred(params.coef + (0.5 if step == "half" else 1.0) * direction)

    def _centred(self, coef: Array) -> SoftmaxParameters:
        return SoftmaxParameters(coef - coef.mean(axis=0))

    def _ridge_gradient(self, params: SoftmaxParameters) -> Array:
        pull = self.ridge * params.coef
        pull[:, 0] = 0.0
        return pull

    def _mm_direction(self, gradient: Array, ground: Ground) -> Array:
        # diag(g) - g g' is below (I - 11'/K)/2 for every g, hence half the Gram matrix bounds every curvature.
        bound = 0.5 * ground.gate_gram
        bound[np.arange(1, len(bound)), np.arange(1, len(bound))] += self.ridge
        return np.linalg.solve(bound, gradient.T).T

    def _newton_direction(
        self, params: SoftmaxParameters, statistics: SoftmaxStatistics, gradient: Array
    ) -> Array | None:
        """Solve in reference form (last expert zero); None when the curvature is not positive definite."""
        n_experts, width = params.coef.shape
        free = n_experts - 1
        assert statistics.curvature is not None
        blocks = np.zeros((n_experts, n_experts, width, width))
        i, j = upper_triangle(n_experts, 1)
        pairs = unpack_symmetric(statistics.curvature, width)
        blocks[i, j] = blocks[j, i] = -pairs
        for k in range(n_experts):
            blocks[k, k] = -blocks[k].sum(axis=0)
        slopes = self.ridge * np.eye(width)
        slopes[0, 0] = 0.0
        hessian = blocks[:free, :free] + (np.eye(free) - 1.0 / n_experts)[:, :, None, None] * slopes
        hessian = hessian.transpose(0, 2, 1, 3).reshape(free * width, free * width)
        hessian[np.diag_indices_from(hessian)] += 1e-12 * np.trace(hessian) / len(hessian)
        try:
            factor = np.linalg.cholesky(hessian)
        except np.linalg.LinAlgError:
            return None
        half = np.linalg.solve(factor, gradient[:free].ravel())
        direction = np.zeros_like(params.coef)
        direction[:free] = np.linalg.solve(factor.T, half).reshape(free, width)
        return direction if np.isfinite(direction).all() else None

    def penalty(self, params: SoftmaxParameters) -> float:
        """Return half the ridge times the squared symmetric slopes."""
        return 0.5 * self.ridge * float(np.sum(params.coef[:, 1:] ** 2))

    def score(self, params: SoftmaxParameters, statistics: SoftmaxStatistics) -> Array:
        """Return the derivative in the contrasts with the last expert."""
        gradient = statistics.gradient - self._ridge_gradient(params)
        return gradient[:-1].ravel()

    def scores(self, params: SoftmaxParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in the contrasts, (m, (K-1) p)."""
        rows = self._gradient_rows(params, block, resp)[:-1]
        return (rows[:, None, :] * block.gate_columns[None]).reshape(-1, rows.shape[1]).T

    def n_free(self, params: SoftmaxParameters) -> int:
        """Return (K - 1) p."""
        return (len(params.coef) - 1) * params.coef.shape[1]

    def pack(self, params: SoftmaxParameters) -> Array:
        """Return the contrasts with the last expert."""
        return (params.coef[:-1] - params.coef[-1]).ravel()

    def unpack(self, vector: Array, like: SoftmaxParameters) -> SoftmaxParameters:
        """Return symmetric coefficients from contrasts."""
        n_experts, width = like.coef.shape
        return self._centred(np.vstack([vector.reshape(n_experts - 1, width), np.zeros((1, width))]))

    def permute(self, params: SoftmaxParameters, order: NDArray[np.intp]) -> SoftmaxParameters:
        """Return the coefficients with experts in another order."""
        return SoftmaxParameters(params.coef[order])

    def to_raw(self, params: SoftmaxParameters, design: Design) -> SoftmaxParameters:
        """Translate to the user's columns."""
        return SoftmaxParameters(design.to_raw(params.coef))

    def from_raw(self, params: SoftmaxParameters, design: Design) -> SoftmaxParameters:
        """Translate from the user's columns."""
        return self._centred(design.from_raw(params.coef))

    def attributes(self, params: SoftmaxParameters) -> dict[str, Array]:
        """Return coefficients, last expert zero; in the symmetric form when the ridge shapes them.

        Under a ridge beyond the default the coefficients are estimates in the symmetric form; re-zeroing them would
        hide what was penalised.
        """
        coef = params.coef if self.ridge > 1e-8 else params.coef - params.coef[-1]
        return {"gate_coef_": coef[:, 1:].copy(), "gate_intercept_": coef[:, 0].copy()}

    def from_attributes(self, attributes: Mapping[str, Array]) -> SoftmaxParameters:
        """Rebuild the parameters from the fitted attributes."""
        return SoftmaxParameters(np.column_stack([attributes["gate_intercept_"], attributes["gate_coef_"]]))
