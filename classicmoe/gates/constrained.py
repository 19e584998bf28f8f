r"""Softmax gating network with penalised slopes and linear constraints on its coefficients.

.. math::

    \max\; \sum_i \sum_k r_{ik} \log g_k(x_i) - P(a_1, \dots, a_K)
    \quad\text{subject to}\quad \sum_{kj} w_{kj} a_{kj} \le u

In the symmetric form constraints are about differences between experts, which the level of a column does not change:
the penalty alone decides on the level, as without constraints.

Source: Gaines, Kim & Zhou (2018) for the Lasso with linear constraints; Boehning & Lindsay (1988) for the bound of the
step that cannot fall.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import SHARE, Array, Ground, Step
from classicmoe.contrasts import EXACT, minus_hessian
from classicmoe.gates.penalised import Form, PenalisedGate
from classicmoe.gates.softmax import SoftmaxParameters, SoftmaxStatistics
from classicmoe.penalties import Majoriser, Penalty
from classicmoe.penalties._active_set import maximise_within, nearest, shortest
from classicmoe.penalties._limits import MET, ROUNDING, Limits


class ConstrainedGate(PenalisedGate):
    """Softmax gate with a penalty on its slopes and constraints on its coefficients.

    Parameters
    ----------
    on_slopes, form, solver, ridge
        As in :class:`PenalisedGate`.
    limits : Limits
        For the coefficients (K, p) of scaled columns; in the symmetric form the weights of a column sum to zero.
    """

    def __init__(
        self,
        on_slopes: Penalty,
        limits: Limits,
        form: Form = "symmetric",
        solver: Literal["newton", "mm"] = "newton",
        ridge: float = 0.0,
    ):
        super().__init__(on_slopes, form, solver, ridge)
        self.limits = limits

    def softened(self, ridge: float) -> ConstrainedGate:
        """Return the gate with a larger ridge."""
        return ConstrainedGate(self.on_slopes, self.limits, self.form, self.solver, max(ridge, self.ridge))

    def _binds(self, params: SoftmaxParameters) -> bool:
        return len(params.coef) == self.limits.n_lines

    def _of_all(self, coef: Array) -> Majoriser:
        """Return the majoriser of all lines: constraints are about all, and a reference is held at zero."""
        threshold, ridge, grouped = self.majoriser(coef)
        if self.form == "reference":
            threshold = np.pad(np.broadcast_to(threshold, ridge.shape), ((0, 1), (0, 0)), constant_values=np.inf)
        return Majoriser(threshold, self._filled(ridge), grouped)

    # -- coefficients that meet the constraints -----------------------------------------------------------------------

    def penalty(self, params: SoftmaxParameters) -> float:
        """Return the penalty on the slopes; infinity beyond the constraints."""
        return super().penalty(params) if not self._binds(params) or self.limits.hold(params.coef) else np.inf

    def _nearest(self, params: SoftmaxParameters, within: float = MET) -> SoftmaxParameters:
        """Return the nearest coefficients that meet the constraints."""
        if not self._binds(params) or self.limits.hold(params.coef, within):
            return params
        return self._levelled(nearest(self.limits, self._of_all(params.coef), params.coef))

    def start(self, n_experts: int, width: int) -> SoftmaxParameters:
        """Return a gate that asks all experts alike, as far as the constraints allow it."""
        return self._nearest(super().start(n_experts, width))

    def unpack(self, vector: Array, like: SoftmaxParameters) -> SoftmaxParameters:
        """Invert :meth:`pack`; a leap that led beyond the constraints comes back to the nearest point within."""
        return self._nearest(super().unpack(vector, like), ROUNDING)

    # -- steps --------------------------------------------------------------------------------------------------------

    def update(
        self, params: SoftmaxParameters, statistics: SoftmaxStatistics, ground: Ground, step: Step = "full"
    ) -> SoftmaxParameters:
        """Return the parameters after a share of Newton's step, or of one MM step ("safe"), within the constraints."""
        if not self._binds(params):
            return super().update(params, statistics, ground, step)
        within = self._nearest(params)
        if within is not params:
            return within
        coef, curvature = params.coef, None if step == "safe" else statistics.curvature
        majoriser = self._of_all(coef)
        bound = np.kron(0.5 * np.eye(len(coef)), ground.gate_gram)
        hessian = bound if curvature is None else minus_hessian(curvature, coef.shape)
        new = maximise_within(
            self.limits, majoriser, hessian, statistics.gradient, coef, EXACT, self._without_level(majoriser)
        )
        share = 1.0 if curvature is None else SHARE[step]
        return self._levelled(coef + share * (new - coef))

    def _without_level(self, majoriser: Majoriser) -> NDArray[np.bool_]:
        """Return the coefficients that may stay as they are: one of every column on whose level nothing depends."""
        out = np.zeros(majoriser.threshold.shape, dtype=bool)
        if self.form == "symmetric":
            out[-1] = ~(majoriser.threshold.any(axis=0) | majoriser.ridge.any(axis=0))
        return out

    def score(self, params: SoftmaxParameters, statistics: SoftmaxStatistics) -> Array:
        """Return what the multipliers of the constraints leave of the derivatives: 0 at an optimum."""
        if len(params.coef) == 1 or not self._binds(params):
            return super().score(params, statistics)
        return shortest(self.limits, self._of_all(params.coef), statistics.gradient, params.coef).ravel()

    # -- working sets -------------------------------------------------------------------------------------------------

    def violation_at_zero(self, params: SoftmaxParameters, gradient: Array) -> Array:
        """Return by how much derivatives exceed what zero allows, (P,); columns in constraints must join the others."""
        out = super().violation_at_zero(params, gradient)
        if self._binds(params):
            out[self.limits.required] = np.inf
        return out

    def used(self, params: SoftmaxParameters) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero or are in constraints, (p - 1,)."""
        out = super().used(params)
        out[self.limits.required] = True
        return out

    def degrees(self, params: SoftmaxParameters) -> float:
        """Return the degrees of freedom, less one for every independent constraint that binds."""
        return super().degrees(params) - (self.limits.rank(params.coef) if self._binds(params) else 0)
