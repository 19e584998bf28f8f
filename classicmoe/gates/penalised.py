r"""Softmax gating network with penalised slopes.

.. math::

    \sum_i \sum_k r_{ik} \log g_k(x_i) - P(a_1, \dots, a_K),\qquad
    g_k(x) = \frac{\exp(a_k^\top \tilde x)}{\sum_l \exp(a_l^\top \tilde x)}

In the symmetric form all K rows of slopes are penalised and no expert is the reference: the penalty itself decides
which of the equivalent coefficients are meant (for an l1 norm those whose median is zero in every column). In the
reference form the last expert's are zero, and the objective depends on which expert that is.

Source: Chamroukhi & Huynh (2019); Friedman, Hastie & Tibshirani (2010) for coordinate descent on Newton's quadratic;
Boehning & Lindsay (1988) for the bound of the step that cannot fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import SHARE, Array, Design, Ground, Step
from classicmoe.contrasts import penalised_direction, shortened
from classicmoe.gates.softmax import SoftmaxGate, SoftmaxParameters, SoftmaxStatistics
from classicmoe.penalties import Majoriser, Penalty, relevel, violation

Form = Literal["symmetric", "reference"]
FAR = 50.0  # log-odds of an expert without rows, below all others; no Newton step is longer


class PenalisedGate(SoftmaxGate):
    """Softmax gate with a penalty on its slopes.

    Parameters
    ----------
    on_slopes : Penalty
        On the slopes of standardised columns, in log-likelihood units; in the reference form on the lines of all
        experts but the last.
    form : {"symmetric", "reference"}, default="symmetric"
        Whether all experts' slopes are penalised or the last expert's are zero.
    solver : {"newton", "mm"}, default="newton"
        As in :class:`SoftmaxGate`.
    ridge : float >= 0, default=0
        Added to the penalty as in :class:`SoftmaxGate`.
    """

    def __init__(
        self,
        on_slopes: Penalty,
        form: Form = "symmetric",
        solver: Literal["newton", "mm"] = "newton",
        ridge: float = 0.0,
    ):
        super().__init__(solver, ridge)
        self.on_slopes = on_slopes
        self.form = form

    def softened(self, ridge: float) -> PenalisedGate:
        """Return the gate with a larger ridge."""
        return PenalisedGate(self.on_slopes, self.form, self.solver, max(ridge, self.ridge))

    def _free(self, values: Array) -> Array:
        """Return the lines that are estimated: all, or in the reference form all but the last."""
        return values[:-1] if self.form == "reference" else values

    def _filled(self, values: Array) -> Array:
        """Return the lines of all experts, that of a reference with zeros."""
        if self.form == "symmetric":
            return values
        out = np.zeros((len(values) + 1, values.shape[1]))  # np.pad takes as long as a step
        out[:-1] = values
        return out

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the weighted norm and ridge that touch the penalty of the lines that are estimated at ``coef``."""
        made = self.on_slopes.majoriser(self._free(coef))
        ridge = made.ridge.copy()
        ridge[:, 1:] += self.ridge
        return made._replace(ridge=ridge)

    def update(
        self, params: SoftmaxParameters, statistics: SoftmaxStatistics, ground: Ground, step: Step = "full"
    ) -> SoftmaxParameters:
        """Return the parameters after a share of the penalised Newton step, or after one MM step ("safe")."""
        if len(params.coef) == 1:
            return params
        coef, gradient = self._free(params.coef), self._free(statistics.gradient)
        curvature = None if step == "safe" else statistics.curvature
        change = penalised_direction(coef, gradient, curvature, ground.gate_gram, self.majoriser(params.coef))
        if curvature is not None:  # a concave penalty leaves a gate that separates without a maximum
            change = SHARE[step] * shortened(change, FAR)
        return self._levelled(self._filled(coef + change))

    def _levelled(self, coef: Array) -> SoftmaxParameters:
        """Return the cheapest of the coefficients that are one and the same gate."""
        if self.form == "reference":
            return SoftmaxParameters(coef)
        coef = relevel(self.majoriser(coef), coef)
        coef[:, 0] -= coef[:, 0].mean()
        return SoftmaxParameters(coef)

    def penalty(self, params: SoftmaxParameters) -> float:
        """Return the penalty on the slopes."""
        return self.on_slopes.value(self._free(params.coef)) + super().penalty(params)

    def score(self, params: SoftmaxParameters, statistics: SoftmaxStatistics) -> Array:
        """Return the least subgradient in the coefficients: 0 where the conditions of optimality hold."""
        if len(params.coef) == 1:
            return np.zeros(params.coef.size)
        return self._violation(params.coef, statistics.gradient).ravel()

    def _violation(self, coef: Array, gradient: Array) -> Array:
        return self._filled(violation(self.majoriser(coef), self._free(gradient), self._free(coef)))

    def violation_at_zero(self, params: SoftmaxParameters, gradient: Array) -> Array:
        """Return by how much derivatives (K, 1 + P) exceed what slopes of zero allow, per column, (P,)."""
        return np.asarray(np.abs(self._violation(np.zeros_like(gradient), gradient))[:, 1:].max(axis=0))

    def recolumned(self, params: SoftmaxParameters, take: NDArray[np.intp]) -> SoftmaxParameters:
        """Return the coefficients at the given positions, zero at -1."""
        return SoftmaxParameters(np.where(take < 0, 0.0, params.coef[:, take]))

    def with_empty(self, params: SoftmaxParameters) -> SoftmaxParameters:
        """Return the coefficients with a line in front that leaves its expert without rows."""
        coef = np.vstack([np.zeros((1, params.coef.shape[1])), params.coef])
        coef[0, 0] = params.coef[:, 0].min() - FAR
        return self._levelled(coef)

    def used(self, params: SoftmaxParameters) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero, (p - 1,)."""
        return np.asarray(params.coef[:, 1:].any(axis=0))

    def slopes_used(self, params: SoftmaxParameters) -> int:
        """Return the number of free slopes: per column those that are not zero, K - 1 at most."""
        used = np.count_nonzero(params.coef[:, 1:], axis=0)
        return int(np.minimum(used, len(params.coef) - 1).sum())

    def degrees(self, params: SoftmaxParameters) -> float:
        """Return the degrees of freedom: intercepts and free slopes."""
        return float(len(params.coef) - 1 + self.slopes_used(params))

    def n_free(self, params: SoftmaxParameters) -> int:
        """Return the number of coefficients that are packed."""
        return params.coef.size

    def pack(self, params: SoftmaxParameters) -> Array:
        """Return all coefficients."""
        return params.coef.ravel()

    def unpack(self, vector: Array, like: SoftmaxParameters) -> SoftmaxParameters:
        """Invert :meth:`pack`; slopes that an infinite threshold holds at zero stay there."""
        coef = self._free(vector.reshape(like.coef.shape))
        held = np.isinf(self.majoriser(like.coef).threshold)
        return self._levelled(self._filled(np.where(held, 0.0, coef)))

    def permute(self, params: SoftmaxParameters, order: NDArray[np.intp]) -> SoftmaxParameters:
        """Return the coefficients with experts in another order; in the reference form the last one is zero again."""
        coef = params.coef[order]
        return SoftmaxParameters(coef - coef[-1] if self.form == "reference" else coef)

    def from_raw(self, params: SoftmaxParameters, design: Design) -> SoftmaxParameters:
        """Translate from the user's columns."""
        return self._levelled(design.from_raw(params.coef))

    def attributes(self, params: SoftmaxParameters) -> dict[str, Array]:
        """Return coefficients as they were penalised."""
        return {"gate_coef_": params.coef[:, 1:].copy(), "gate_intercept_": params.coef[:, 0].copy()}

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        if self.form == "reference":
            return "log-odds against the expert whose column is zero, as penalised"
        return "symmetric form, as penalised: no expert is the reference"
