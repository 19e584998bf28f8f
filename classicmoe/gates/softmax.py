r"""Softmax gating network.

.. math::

    g_k(x) = \frac{\exp(a_k^\top \tilde x / \tau)}{\sum_l \exp(a_l^\top \tilde x / \tau)},\qquad \tilde x = (1, x)

Adding one vector to every :math:`a_k` changes nothing; inside, the columns of :math:`A` sum to zero over experts
(the symmetric form, which is what the ridge penalises and which knows no reference expert).

The temperature :math:`\tau` is given: (A, tau) and (c A, c tau) are one gate for every c > 0, so that only A / tau can
be estimated. Statistics and steps are those of the scores A / tau.

Source: Jordan & Jacobs (1994); Boehning & Lindsay (1988) for the bound on the curvature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Design, Ground, Step
from classicmoe.contrasts import mm_direction, newton_direction, ridge_gradient
from classicmoe.gates._log_odds import LogOdds
from classicmoe.gates._log_softmax import log_softmax


class SoftmaxParameters(NamedTuple):
    """Coefficients (K, p) in symmetric form, the intercept first."""

    coef: Array


class SoftmaxStatistics(NamedTuple):
    """Gradient (K, p) in A / tau and packed curvature (K(K-1)/2, p(p+1)/2), sums of w g_k g_l x x' over k < l."""

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
    temperature : float > 0, default=1.0
        :math:`\tau`, by which the scores are divided; a setting, never estimated. Without a ridge it changes only the
        units of the coefficients; (tau, ridge) is (1, ridge * tau^2) for ``gate_coef_ / tau``, which is published as
        ``gate_coef_effective_``.

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

    def __init__(self, solver: Literal["newton", "mm"] = "newton", ridge: float = 1e-10, temperature: float = 1.0):
        self.solver = solver
        self.ridge = ridge
        self.temperature = temperature

    @property
    def _effective_ridge(self) -> float:
        """The ridge on A / tau."""
        return self.ridge * self.temperature**2

    def start(self, n_experts: int, width: int) -> SoftmaxParameters:
        """Return the gate that asks all experts alike."""
        return SoftmaxParameters(np.zeros((n_experts, width)))

    def softened(self, ridge: float) -> SoftmaxGate:
        """Return the gate with a larger ridge; ``ridge`` is that of the slopes that the probabilities see."""
        return SoftmaxGate(self.solver, max(ridge / self.temperature**2, self.ridge), self.temperature)

    def log_prob(self, params: SoftmaxParameters, block: Block) -> Array:
        """Return log g_k(x), (K, m)."""
        n_experts = len(params.coef)

        def compute() -> Array:
            out = block.scratch("gate log", n_experts)
            np.dot(params.coef / self.temperature, block.gate_columns, out=out)
            total, log_total = block.scratch("gate rows", 2)[:, None]
            log_softmax(out, block.scratch("gate prob", n_experts), total, log_total, [slice(None)])
            return out

        return block.once("gate log", params, compute)

    def _prob(self, params: SoftmaxParameters, block: Block) -> Array:
        self.log_prob(params, block)
        return block.scratch("gate prob", len(params.coef))

    def row_slopes(self, params: SoftmaxParameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives r - w g in the scores A x / tau, (K, m), in scratch."""
        rows = block.scratch("gradient rows", len(resp))
        kernels.softmax.gradient_rows(resp, self._prob(params, block), block.weight, rows)
        return rows

    def statistics(self, params: SoftmaxParameters, block: Block, resp: Array) -> SoftmaxStatistics:
        """Return the gradient and, for Newton, the curvature."""
        n_experts, width = params.coef.shape
        if n_experts == 1:
            return SoftmaxStatistics(np.zeros((1, width)), None)
        gradient = np.dot(self.row_slopes(params, block, resp), block.gate_columns.T)
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
        """Return the parameters after a share of the Newton step, or after one MM step ("safe")."""
        if len(params.coef) == 1:
            return params
        ridge = self._effective_ridge
        gradient = statistics.gradient - ridge_gradient(params.coef / self.temperature, ridge)
        direction, share = None, 1.0
        if statistics.curvature is not None and step != "safe":
            direction, share = newton_direction(gradient, statistics.curvature, ridge), SHARE[step]
        if direction is None:
            direction, share = mm_direction(gradient, ground.gate_gram, ridge), 1.0
        return self._centred(params.coef + self.temperature * share * direction)

    def _centred(self, coef: Array) -> SoftmaxParameters:
        return SoftmaxParameters(coef - coef.mean(axis=0))

    def penalty(self, params: SoftmaxParameters) -> float:
        """Return half the ridge times the squared symmetric slopes."""
        return 0.5 * self.ridge * float(np.sum(params.coef[:, 1:] ** 2))

    def score(self, params: SoftmaxParameters, statistics: SoftmaxStatistics) -> Array:
        """Return the derivative in the contrasts with the last expert."""
        gradient = statistics.gradient / self.temperature - ridge_gradient(params.coef, self.ridge)
        return gradient[:-1].ravel()

    def scores(self, params: SoftmaxParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in the contrasts, (m, (K-1) p)."""
        rows = self.row_slopes(params, block, resp)[:-1] / self.temperature
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
        coef = params.coef if self._effective_ridge > 1e-8 else params.coef - params.coef[-1]
        attributes = {"gate_coef_": coef[:, 1:].copy(), "gate_intercept_": coef[:, 0].copy()}
        if self.temperature != 1.0:
            attributes["gate_coef_effective_"] = coef[:, 1:] / self.temperature
            attributes["gate_intercept_effective_"] = coef[:, 0] / self.temperature
        return attributes

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        told = super().meaning(attributes)
        return told if self.temperature == 1.0 else f"{told}; to be divided by the temperature {self.temperature:g}"

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters, (p_gate,)."""
        return super().influence(attributes) / self.temperature

    def from_attributes(self, attributes: Mapping[str, Array]) -> SoftmaxParameters:
        """Rebuild the parameters from the fitted attributes."""
        return SoftmaxParameters(np.column_stack([attributes["gate_intercept_"], attributes["gate_coef_"]]))
