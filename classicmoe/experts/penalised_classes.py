r"""Multinomial logit experts with penalised slopes.

.. math::

    \sum_i r_{ik} \log P(y_i \mid x_i, k) - P(b_{k1}, \dots, b_{kC})

All C rows of slopes are penalised, as all K rows of a penalised gate are: no class is the reference, and the penalty
itself decides which of the equivalent coefficients are meant. With an l1 norm their median is zero in every column; of
two classes the slope is that of the one that it favours. A group is the C slopes of one column in one expert.

Source: Huynh & Chamroukhi (2019); Friedman, Hastie & Tibshirani (2010) for the symmetric form of logits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import SHARE, Array, Block, Design, Ground, Response, Step
from classicmoe.contrasts import penalised_direction, shortened
from classicmoe.covariances.linear import EMPTY
from classicmoe.experts._class_logits import MultinomialParameters
from classicmoe.experts.multinomial import LONGEST, MultinomialExpert, MultinomialStatistics
from classicmoe.penalties import L1, ElasticNet, Group, Majoriser, Penalty, relevel, violation
from classicmoe.symmetric import unpack_symmetric

TOKEN = 1e-8  # a ridge up to here only keeps slopes finite, which a penalty does as well
CONVEX = (L1, ElasticNet, Group)  # are their own majorisers, wherever these touch


def side_by_side(values: Array) -> Array:
    """Return (K, C, p) values as (C, K * p): whatever is done with every column is done for all experts at once."""
    return values.transpose(1, 0, 2).reshape(values.shape[1], -1)


def one_by_one(values: Array, n_experts: int) -> Array:
    """Invert :func:`side_by_side`."""
    return np.ascontiguousarray(values.reshape(len(values), n_experts, -1).transpose(1, 0, 2))


class PenalisedClasses(MultinomialExpert):
    """Multinomial logit experts with a penalty on their slopes.

    Parameters
    ----------
    base : MultinomialExpert
        The family with its number of classes. A ridge of up to 1e-8 holds for unpenalised columns only; with two
        classes the least of ridges would undo the zeros.
    on_slopes : Penalty
        On the slopes of standardised columns, in log-likelihood units; ``alpha`` and rows of ``weights`` may be one for
        each expert.
    """

    def __init__(self, base: MultinomialExpert, on_slopes: Penalty):
        super().__init__(base.n_classes, base.solver, base.ridge)
        self.base = base
        self.on_slopes = on_slopes
        self._ridges: dict[tuple[int, ...], Array] = {}
        self._majorisers: dict[tuple[int, ...], Majoriser] = {}

    def softened(self, ridge: float) -> PenalisedClasses:
        """Return the family with a larger ridge, for the first passes of a start."""
        return PenalisedClasses(self.base.softened(ridge), self.on_slopes)

    # -- the penalty ------------------------------------------------------------------------------------------------

    def _of(self, k: int) -> Penalty:
        """Return the penalty of one expert."""
        penalty = self.on_slopes
        own = {name: np.asarray(value)[k] for name in penalty.per_line if np.ndim(value := getattr(penalty, name))}
        if np.ndim(penalty.weights) >= 2:
            own["weights"] = np.asarray(penalty.weights)[k]
        return type(penalty)(**(penalty.get_params(deep=False) | own)) if own else penalty

    def _ridge(self, shape: tuple[int, ...]) -> Array:
        """Return the family's own ridge on coefficients of a shape (K, C, p), side by side."""
        if shape not in self._ridges:
            ridge = np.full(shape, self.ridge)
            ridge[..., 0] = 0.0
            if self.ridge <= TOKEN:
                zero = np.zeros(shape[1:])
                for k, own in enumerate(ridge):
                    own[np.broadcast_to(self._of(k).majoriser(zero).threshold > 0.0, zero.shape)] = 0.0
            self._ridges[shape] = side_by_side(ridge)
        return self._ridges[shape]

    def majoriser(self, coef: Array) -> Majoriser:
        """Return the weighted norm and ridge that touch the penalty at ``coef`` (K, C, p), experts side by side."""
        if coef.shape in self._majorisers:
            return self._majorisers[coef.shape]
        parts = [self._of(k).majoriser(own) for k, own in enumerate(coef)]
        threshold, ridge = (np.concatenate(own, axis=-1) for own in list(zip(*parts, strict=True))[:2])
        made = Majoriser(threshold, ridge + self._ridge(coef.shape), parts[0].grouped)
        if isinstance(self.on_slopes, CONVEX):
            self._majorisers[coef.shape] = made
        return made

    def penalty(self, params: MultinomialParameters) -> float:
        """Return the penalty on the slopes."""
        coef = params.coef
        ridge = 0.5 * float(np.sum(self._ridge(coef.shape) * np.square(side_by_side(coef))))
        return ridge + sum(self._of(k).value(own) for k, own in enumerate(coef))

    def violations(self, coef: Array, gradient: Array) -> Array:
        """Return the least subgradient at coefficients (K, C, p), from derivatives (K, C, p) of the log-likelihood."""
        flat = violation(self.majoriser(coef), side_by_side(gradient), side_by_side(coef))
        return one_by_one(flat, len(coef))

    def score(self, params: MultinomialParameters, statistics: MultinomialStatistics) -> Array:
        """Return the least subgradient in the coefficients: 0 where the conditions of optimality hold."""
        return self.violations(params.coef, statistics.gradient).ravel()

    # -- steps ------------------------------------------------------------------------------------------------------

    def update(
        self, params: MultinomialParameters, statistics: MultinomialStatistics, ground: Ground, step: Step = "full"
    ) -> MultinomialParameters:
        """Return the parameters after a share of the penalised Newton step, or after one MM step ("safe")."""
        coef, width = params.coef.copy(), params.coef.shape[-1]
        threshold, ridge, grouped = self.majoriser(coef)
        for k in np.flatnonzero(statistics.mass > EMPTY * ground.weight).tolist():
            own = slice(k * width, (k + 1) * width)
            made = Majoriser(threshold[..., own], ridge[:, own], grouped)
            gram = unpack_symmetric(statistics.gram[k], width)
            curvature = None if step == "safe" or statistics.curvature is None else statistics.curvature[k]
            change = penalised_direction(coef[k], statistics.gradient[k], curvature, gram, made)
            coef[k] += change if curvature is None else SHARE[step] * shortened(change, LONGEST)
        return self._levelled(coef)

    def _levelled(self, coef: Array) -> MultinomialParameters:
        """Return the cheapest of the coefficients that give the same probabilities."""
        coef = one_by_one(relevel(self.majoriser(coef), side_by_side(coef)), len(coef))
        coef[..., 0] -= coef[..., 0].mean(axis=1, keepdims=True)
        return MultinomialParameters(coef)

    def row_slopes(self, params: MultinomialParameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives in all logits, (K * C, m)."""
        free = self._gradient_rows(params, block, resp).reshape(len(resp), -1, resp.shape[1])
        return np.concatenate([free, -free.sum(axis=1, keepdims=True)], axis=1).reshape(-1, resp.shape[1])

    # -- coordinates ------------------------------------------------------------------------------------------------

    def violation_at_zero(self, params: MultinomialParameters, gradient: Array) -> Array:
        """Return by how much derivatives (K * C, 1 + P) exceed what slopes of zero allow, per column, (P,)."""
        gradient = gradient.reshape(len(params.coef), -1, gradient.shape[-1])
        return np.asarray(np.abs(self.violations(np.zeros_like(gradient), gradient))[..., 1:].max(axis=(0, 1)))

    def recolumned(self, params: MultinomialParameters, take: NDArray[np.intp]) -> MultinomialParameters:
        """Return the coefficients at the given positions, zero at -1."""
        return MultinomialParameters(np.where(take < 0, 0.0, params.coef[..., take]))

    def with_empty(self, params: MultinomialParameters) -> MultinomialParameters:
        """Return the parameters with a copy of the first expert, without its slopes, in front."""
        coef = np.concatenate([params.coef[:1], params.coef])
        coef[0, :, 1:] = 0.0
        return MultinomialParameters(coef)

    def used(self, params: MultinomialParameters) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero, (p - 1,)."""
        return np.asarray(params.coef[..., 1:].any(axis=(0, 1)))

    def coefficients_used(self, params: MultinomialParameters) -> NDArray[np.intp]:
        """Return how many columns an expert uses, its intercept included, (K,)."""
        return 1 + np.count_nonzero(params.coef[..., 1:].any(axis=1), axis=1)

    def slopes_used(self, params: MultinomialParameters) -> int:
        """Return the number of free slopes: per expert and column those that are not zero, C - 1 at most."""
        n_classes = params.coef.shape[1]
        return int(np.minimum(np.count_nonzero(params.coef[..., 1:], axis=1), n_classes - 1).sum())

    def degrees(self, params: MultinomialParameters) -> float:
        """Return the degrees of freedom: intercepts and free slopes."""
        return float(len(params.coef) * (params.coef.shape[1] - 1) + self.slopes_used(params))

    def n_free(self, params: MultinomialParameters) -> int:
        """Return the number of coefficients that are packed."""
        return params.coef.size

    def pack(self, params: MultinomialParameters) -> Array:
        """Return all coefficients."""
        return params.coef.ravel()

    def unpack(self, vector: Array, like: MultinomialParameters) -> MultinomialParameters:
        """Invert :meth:`pack`; slopes that are held at zero are zero whatever the vector says."""
        coef = vector.reshape(like.coef.shape)
        held = np.isinf(np.broadcast_to(self.majoriser(coef).threshold, side_by_side(coef).shape))
        return self._levelled(np.where(one_by_one(held, len(coef)), 0.0, coef))

    def scores(self, params: MultinomialParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in all coefficients, (m, K C p)."""
        rows = self.row_slopes(params, block, resp)
        return (rows[:, None, :] * block.expert_columns[None]).reshape(-1, rows.shape[1]).T

    def from_raw(self, params: MultinomialParameters, design: Design, response: Response) -> MultinomialParameters:
        """Translate from the user's columns."""
        return self._levelled(design.from_raw(params.coef))
