r"""Experts of any linear family with penalised slopes.

.. math::

    \sum_i r_{ik} \log f_k(y_i \mid x_i) - P(b_1, \dots, b_K)

One pass gives the gradient and the curvature of the first term in the coefficients; the update is the maximum of that
quadratic minus the penalty, found by coordinate descent at no cost per row. For Gaussian experts the quadratic is
exact: the coefficients first, then the variance that is best for them (ECM).

A penalty on :math:`b_k` in units of y loses its hold on an expert whose variance goes to zero, and depends on the
units. In the scaled parametrisation :math:`b_k / \sigma_k` is penalised: there is no such trade-off, and fits to y and
to c y are the same.

Source: Chamroukhi & Huynh (2019); Huynh & Chamroukhi (2019) for generalised linear experts; Staedler, Buehlmann & van
de Geer (2010) for the scaled parametrisation.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import SHARE, Array, Ground, Step
from classicmoe.contrasts import EXACT
from classicmoe.covariances.linear import EMPTY
from classicmoe.penalties import Majoriser, Penalty, maximise, violation

Parametrisation = Literal["sigma", "scaled"]
ROUNDS = 5  # of coefficients and variance in turn, in the scaled parametrisation


class PenalisedExpert:
    """A family with a penalty on its slopes; everything else is the family's own affair.

    Parameters
    ----------
    base : Expert
        A family with one linear predictor.
    on_slopes : Penalty
        On the slopes of standardised columns, in log-likelihood units.
    parametrisation : {"sigma", "scaled"}, default="sigma"
        Whether slopes or, for Gaussian experts and an l1 norm, slopes over standard deviations are penalised.
    """

    def __init__(self, base: Any, on_slopes: Penalty, parametrisation: Parametrisation = "sigma"):
        self.base = base
        self.on_slopes = on_slopes
        self.parametrisation = parametrisation

    def __getattr__(self, name: str) -> Any:
        if name == "base":  # not yet there while an object is copied
            raise AttributeError(name)
        return getattr(self.base, name)

    # -- the penalty ------------------------------------------------------------------------------------------------

    def _scale(self, params: Any) -> Array:
        """Return what slopes are divided by before they are penalised, (K, 1)."""
        spread = self.base.spread(params)[:, None]
        return spread if self.parametrisation == "scaled" else np.ones_like(spread)

    def majoriser(self, params: Any) -> Majoriser:
        """Return the weighted norm and ridge that touch the penalty at the slopes."""
        scale = self._scale(params)
        made = self.on_slopes.majoriser(self.base.as_line(params).coef / scale)
        ridge = made.ridge / scale**2
        ridge[:, 1:] += self.base.ridge
        return made._replace(threshold=made.threshold if made.grouped else made.threshold / scale, ridge=ridge)

    def penalty(self, params: Any) -> float:
        """Return the penalty on the slopes."""
        coef = self.base.as_line(params).coef
        return self.on_slopes.value(coef / self._scale(params)) + float(self.base.penalty(params))

    def score(self, params: Any, statistics: Any) -> Array:
        """Return the least subgradient in the coefficients and the derivatives in the further parameters.

        Where a bound stops a further parameter, as the size of negative binomial experts that are Poisson ones, 0.
        """
        gradient, _ = self.base.quadratic(params, statistics)
        coef = self.base.as_line(params).coef
        out = np.array(self.base.score(params, statistics))
        out[: coef.size] = violation(self.majoriser(params), gradient, coef).ravel()
        if self.parametrisation == "scaled":
            pull = np.array([self.on_slopes.value(self._only(coef / self._scale(params), k)) for k in range(len(coef))])
            out[coef.size :] += pull if len(out) - coef.size == len(coef) else pull.sum()
        here = self.base.pack(params)
        beyond = here + np.clip(out, -1.0, 1.0)  # short: these are logarithms
        stopped = self.base.pack(self.base.unpack(beyond, params)) == here
        stopped[: coef.size] = False
        return np.where(stopped, 0.0, out)

    @staticmethod
    def _only(coef: Array, k: int) -> Array:
        """Return coefficients that are zero but for one expert."""
        kept = np.zeros_like(coef)
        kept[k] = coef[k]
        return kept

    def unpack(self, vector: Array, like: Any) -> Any:
        """Return parameters of free coordinates; slopes that an infinite threshold holds at zero stay there."""
        params = self.base.unpack(vector, like)
        line = self.base.as_line(params)
        held = np.isinf(np.broadcast_to(self.majoriser(like).threshold, line.coef.shape))
        return self.base.from_line(line._replace(coef=np.where(held, 0.0, line.coef)), params) if held.any() else params

    def violation_at_zero(self, params: Any, gradient: Array) -> Array:
        """Return by how much derivatives (K, 1 + P) exceed what slopes of zero allow, per column, (P,)."""
        zero, scale = np.zeros_like(gradient), self._scale(params)
        made = self.on_slopes.majoriser(zero)
        made = made._replace(threshold=made.threshold if made.grouped else made.threshold / scale)
        return np.asarray(np.abs(violation(made, gradient, zero))[:, 1:].max(axis=0))

    # -- steps ------------------------------------------------------------------------------------------------------

    def update(self, params: Any, statistics: Any, ground: Ground, step: Step = "full") -> Any:
        """Return the parameters after a share of the penalised step."""
        gradient, hessian = self.base.quadratic(params, statistics)
        if self.parametrisation == "scaled":
            return self._scaled_update(params, statistics, hessian, gradient, ground)
        coef = self.base.as_line(params).coef
        change = self._change(self.majoriser(params), hessian, gradient, coef, statistics.mass, ground)
        if self.base.damped:
            length = np.sqrt(np.square(change).sum(axis=1, keepdims=True))
            longest = getattr(self.base, "longest", np.inf)
            change *= SHARE[step] * np.minimum(1.0, longest / np.maximum(length, 1e-300)).min()
        return self.base.moved(params, statistics, change, ground, step)

    def _change(
        self, majoriser: Majoriser, hessian: Array, gradient: Array, coef: Array, mass: Array, ground: Ground
    ) -> Array:
        """Return the step to the maximum of the quadratic minus the penalty, (K, p); 0 for experts without rows."""
        wrong = np.abs(violation(majoriser, gradient, coef)).max()
        change = maximise(majoriser, hessian, gradient, coef, EXACT * wrong) - coef
        change[mass <= EMPTY * ground.weight] = 0.0
        return change

    def _scaled_update(self, params: Any, statistics: Any, hessian: Array, gradient: Array, ground: Ground) -> Any:
        """Return coefficients and variances, each the best for the other, in turn."""
        before = self.base.as_line(params).coef
        variance = np.square(self.base.spread(params))
        slope, gram = gradient * variance[:, None], hessian * variance[:, None, None]  # they do not depend on it
        new = params
        for _ in range(ROUNDS):
            here = self.base.as_line(new).coef
            precision = 1.0 / np.square(self.base.spread(new))[:, None]
            moved = here - before
            there = precision * (slope - np.einsum("kpr,kr->kp", gram, moved))
            step = self._change(self.majoriser(new), precision[..., None] * gram, there, here, statistics.mass, ground)
            new = self._with_best_scale(
                self.base.moved(params, statistics, moved + step, ground, "full"), statistics.mass, ground
            )
        return new

    def _with_best_scale(self, params: Any, mass: Array, ground: Ground) -> Any:
        """Return the parameters with the standard deviation that is best for n log s + S / (2 s^2) + P(b) / s."""
        line = self.base.as_line(params)
        cost = np.array([self.on_slopes.value(self._only(line.coef, k)) for k in range(len(line.coef))])
        count = np.maximum(mass, 1e-300)
        if self.base.shared[0]:
            cost, count = np.full_like(cost, cost.sum()), np.full_like(count, count.sum())
        squares = count * np.exp(2.0 * line.more[:, 0])
        best = (cost + np.sqrt(np.square(cost) + 4.0 * count * squares)) / (2.0 * count)
        alive = mass > EMPTY * ground.weight
        more = np.where(alive, np.log(best), line.more[:, 0])[:, None]
        return self.base.from_line(line._replace(more=more), params, ground.floor)

    # -- coordinates ------------------------------------------------------------------------------------------------

    def start(self, n_experts: int, ground: Ground) -> Any:
        """Return the pooled fit without columns, the same for all experts."""
        alone = ground._replace(expert_gram=ground.expert_gram[:1, :1], expert_cross=ground.expert_cross[:, :1])
        params = self.base.start(n_experts, alone)
        return self.recolumned(params, np.array([0] + [-1] * (len(ground.expert_gram) - 1), dtype=np.intp))

    def recolumned(self, params: Any, take: NDArray[np.intp]) -> Any:
        """Return the parameters with the coefficients at the given positions, zero at -1."""
        line = self.base.as_line(params)
        return self.base.from_line(line._replace(coef=np.where(take < 0, 0.0, line.coef[:, take])), params)

    def with_empty(self, params: Any) -> Any:
        """Return the parameters with a copy of the widest expert, without its slopes, in front."""
        widest = int(np.argmax(self.base.spread(params)))
        grown = self.base.permute(params, np.array([widest, *range(len(self.base.as_line(params).coef))]))
        line = self.base.as_line(grown)
        coef = line.coef.copy()
        coef[0, 1:] = 0.0
        return self.base.from_line(line._replace(coef=coef), grown)

    def used(self, params: Any) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero, (p - 1,)."""
        return np.asarray(self.base.as_line(params).coef[:, 1:].any(axis=0))

    def coefficients_used(self, params: Any) -> NDArray[np.intp]:
        """Return how many coefficients of an expert are not zero, its intercept included, (K,)."""
        return 1 + np.count_nonzero(self.base.as_line(params).coef[:, 1:], axis=1)

    def slopes_used(self, params: Any) -> int:
        """Return the number of slopes that are not zero."""
        return int(np.count_nonzero(self.base.as_line(params).coef[:, 1:]))

    def degrees(self, params: Any) -> float:
        """Return the degrees of freedom: non-zero slopes, intercepts and further parameters."""
        line = self.base.as_line(params)
        return float(self.coefficients_used(params).sum() + self.base.n_free(params) - line.coef.size)
