r"""Experts of any linear family with penalised slopes and linear constraints on their coefficients.

.. math::

    \max\; \sum_i r_{ik} \log f_k(y_i \mid x_i) - P(b_1, \dots, b_K)
    \quad\text{subject to}\quad \sum_{kj} a_{kj} b_{kj} \le u

A step goes to the maximum of the quadratic that one pass leaves, minus the penalty, within the constraints. These are
convex: a share of a step from coefficients that meet them meets them, too.

Source: Gaines, Kim & Zhou (2018) for the Lasso with linear constraints and its degrees of freedom.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Ground, Step
from classicmoe.contrasts import EXACT
from classicmoe.covariances.linear import EMPTY
from classicmoe.experts.penalised import Parametrisation, PenalisedExpert
from classicmoe.penalties import Majoriser, Penalty
from classicmoe.penalties._active_set import maximise_within, nearest, shortest
from classicmoe.penalties._limits import MET, ROUNDING, Limits


class ConstrainedExpert(PenalisedExpert):
    """A family with a penalty on its slopes and constraints on its coefficients.

    Constraints on K experts do not bind another number of them: fits of a single one only say where to begin.

    Parameters
    ----------
    base, on_slopes, parametrisation
        As in :class:`PenalisedExpert`.
    limits : Limits
        For the coefficients (K, p) of scaled columns.
    """

    def __init__(self, base: Any, on_slopes: Penalty, limits: Limits, parametrisation: Parametrisation = "sigma"):
        super().__init__(base, on_slopes, parametrisation)
        self.limits = limits

    def _binds(self, params: Any) -> bool:
        return len(self.base.as_line(params).coef) == self.limits.n_lines

    # -- coefficients that meet the constraints -----------------------------------------------------------------------

    def penalty(self, params: Any) -> float:
        """Return the penalty on the slopes; infinity beyond the constraints."""
        if self._binds(params) and not self.limits.hold(self.base.as_line(params).coef):
            return np.inf
        return super().penalty(params)

    def _nearest(self, params: Any, within: float = MET) -> Any:
        """Return the parameters with the nearest coefficients that meet the constraints."""
        line = self.base.as_line(params)
        if not self._binds(params) or self.limits.hold(line.coef, within):
            return params
        coef = nearest(self.limits, self.majoriser(params), line.coef)
        return self.base.from_line(line._replace(coef=coef), params)

    def start(self, n_experts: int, ground: Ground) -> Any:
        """Return the pooled fit without columns, as far as the constraints allow it, the same for all experts."""
        return self._nearest(super().start(n_experts, ground))

    def unpack(self, vector: Array, like: Any) -> Any:
        """Invert :meth:`pack`; a leap that led beyond the constraints comes back to the nearest point within."""
        return self._nearest(self.base.unpack(vector, like), ROUNDING)

    # -- steps --------------------------------------------------------------------------------------------------------

    def update(self, params: Any, statistics: Any, ground: Ground, step: Step = "full") -> Any:
        """Return the parameters after a share of the step, or the nearest ones that meet the constraints."""
        within = self._nearest(params)
        return within if within is not params else super().update(params, statistics, ground, step)

    def _change(
        self, majoriser: Majoriser, hessian: Array, gradient: Array, coef: Array, mass: Array, ground: Ground
    ) -> Array:
        """Return the step to the maximum within the constraints, (K, p); 0 for experts without rows."""
        if len(coef) != self.limits.n_lines:
            return super()._change(majoriser, hessian, gradient, coef, mass, ground)
        empty = np.broadcast_to((mass <= EMPTY * ground.weight)[:, None], coef.shape)
        return maximise_within(self.limits, majoriser, hessian, gradient, coef, EXACT, empty) - coef

    def score(self, params: Any, statistics: Any) -> Array:
        """Return what the multipliers of the constraints leave of the derivatives in the coefficients, and the rest."""
        out = super().score(params, statistics)
        if self._binds(params):
            coef = self.base.as_line(params).coef
            gradient, _ = self.base.quadratic(params, statistics)
            out[: coef.size] = shortest(self.limits, self.majoriser(params), gradient, coef).ravel()
        return out

    # -- working sets -------------------------------------------------------------------------------------------------

    def violation_at_zero(self, params: Any, gradient: Array) -> Array:
        """Return by how much derivatives exceed what zero allows, (P,); columns in constraints must join the others."""
        out = super().violation_at_zero(params, gradient)
        if self._binds(params):
            out[self.limits.required] = np.inf
        return out

    def used(self, params: Any) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero or are in constraints, (p - 1,)."""
        out = super().used(params)
        out[self.limits.required] = True
        return out

    def degrees(self, params: Any) -> float:
        """Return the degrees of freedom, less one for every independent constraint that binds."""
        taken = self.limits.rank(self.base.as_line(params).coef) if self._binds(params) else 0
        return super().degrees(params) - taken
