r"""Experts whose responses are partly known: intervals instead of numbers, and rows that could not have been seen.

.. math::

    P_k(\ell_i < Y \le u_i \mid x_i) \quad\text{in the place of}\quad f_k(y_i \mid x_i)

where row i is known up to an interval. Any family with one linear predictor and a distribution function serves as a
base. By Fisher's identity the derivative of :math:`\log P_k` is the expected derivative of the complete
log-density, so that one scoring step with it is a step of generalised EM. Derivatives in the predictor and in the
further parameters are differences of fourth order: exact to about ten digits, whatever the family.

Source: Dempster, Laird & Rubin (1977), section 4.1.3, for grouped, censored and truncated data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Ground, Step
from classicmoe.distributions.between import log_between, log_outside
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._scoring import LONGEST, LinearStatistics, direction, newton_1d, slopes_only
from classicmoe.experts.mixed import MixedExpert

STEP = 1e-3  # of the differences, in units of the predictor or of the scale, whichever is smaller


class _Rows(NamedTuple):
    """Rows as the differences need them: locations (n, K, 1), exposures (n,), y (n,) and where y is (n,) each."""

    location: Array
    exposure: Array | None
    y: Array
    lower: Array
    upper: Array
    outside: bool

    def log_prob(self, components: Any) -> Array:
        """Return the log-probability of what is known, or the log-density where y is, (n, K)."""
        if self.outside:
            return log_outside(components, self.lower, self.upper)
        out = np.empty(self.location.shape[:2])
        exact = ~(self.lower < self.upper)
        if exact.any():
            out[exact] = _log_density(components.take(np.flatnonzero(exact)), self.y[exact])
        if not exact.all():
            part = np.flatnonzero(~exact)
            out[part] = log_between(components.take(part), self.lower[part], self.upper[part])
        return out


def _intervals(block: Block) -> NDArray[np.intp]:
    """Return the rows of which an interval is known."""
    return np.flatnonzero([] if block.bounds is None else block.bounds[0] < block.bounds[1])


def _log_density(components: Any, y: Array) -> Array:
    if components.kind == "continuous":
        return np.asarray(components.logpdf(y))
    atoms = components.logpmf(y)
    return np.asarray(atoms if components.kind == "discrete" else np.logaddexp(atoms, components.logpdf(y)))


class PartlyKnown:
    """A family seen through intervals; what has nothing to do with the response is the family's own affair."""

    damped = True

    def __init__(self, base: Any):
        self.base = base

    def __getattr__(self, name: str) -> Any:
        if name == "base":  # not yet there while an object is copied
            raise AttributeError(name)
        return getattr(self.base, name)

    # -- the likelihood -------------------------------------------------------------------------------------------

    def log_density(self, params: Any, block: Block) -> Array:
        """Return log f_k(y | x), or the log-probability of what is known of y, (K, m)."""
        return block.once("partly known", params, lambda: self._log_density(params, block))

    def _log_density(self, params: Any, block: Block) -> Array:
        if block.outside:
            return self._log_prob(params, block, np.arange(block.weight.size)).T
        out = np.array(self.base.log_density(params, block))
        rows = _intervals(block)
        if len(rows):
            out[:, rows] = self._log_prob(params, block, rows).T
        return out

    def log_seen(self, params: Any, block: Block) -> Array:
        """Return log P(lower < Y <= upper) of the window, (K, m)."""
        assert block.window is not None
        rows = self._rows(params, block, np.arange(block.weight.size))
        components = self.base.conditional(params, rows.location, rows.exposure)
        return log_between(components, block.window[0], block.window[1]).T

    def _rows(self, params: Any, block: Block, rows: NDArray[np.intp]) -> _Rows:
        location = self.base.location(params, block)[:, :, rows].transpose(2, 0, 1)
        exposure = None if block.exposure is None else block.exposure[rows]
        y = block.y[0][rows]
        ends = block.window if block.outside else block.bounds
        lower, upper = (y, y) if ends is None else ends[:, rows]
        return _Rows(location, exposure, y, lower, upper, block.outside)

    def _log_prob(self, params: Any, block: Block, rows: NDArray[np.intp]) -> Array:
        known = self._rows(params, block, rows)
        return known.log_prob(self.base.conditional(params, known.location, known.exposure))

    # -- derivatives ----------------------------------------------------------------------------------------------

    def _slopes(self, params: Any, block: Block) -> list[tuple[Array, Array]]:
        """Return first and negative second derivatives in predictor and further parameters, (K, m) pairs."""
        line = self.base.as_line(params)
        known = self._rows(params, block, np.arange(block.weight.size))

        def by_other(j: int) -> Callable[[float], Array]:
            def moved(share: float) -> Array:
                more = line.more.copy()
                more[:, j] += share * STEP
                other = self.base.from_line(line._replace(more=more), params)
                return known.log_prob(self.base.conditional(other, known.location, known.exposure))

            return moved

        middle = known.log_prob(self.base.conditional(params, known.location, known.exposure))
        steps = np.full(middle.shape[1], STEP)
        by_more = [_differences(by_other(j), middle, steps) for j in range(line.more.shape[1])]
        return [self._slopes_in_predictor(params, block, middle), *by_more]

    def _slopes_in_predictor(self, params: Any, block: Block, middle: Array) -> tuple[Array, Array]:
        """Return the pair in the predictor; ``middle`` (m, K) are the log-probabilities."""
        # Exact rows take the family's own derivatives, where it has any: a density with a corner has no differences.
        own = hasattr(self.base, "derivatives") and not block.outside
        rows = _intervals(block) if own else np.arange(block.weight.size)
        vague = self._rows(params, block, rows)
        unit = STEP * np.minimum(1.0, self.base.spread(params))

        def moved(share: float) -> Array:
            location = vague.location + share * unit[:, None]
            return vague.log_prob(self.base.conditional(params, location, vague.exposure))

        differences = _differences(moved, middle[rows], unit)
        if not own:
            return differences
        slope, bend = self.base.derivatives(params, block)  # in fresh arrays
        slope[:, rows], bend[:, rows] = differences
        return slope, bend

    def statistics(self, params: Any, block: Block, resp: Array) -> Any:
        """Return mass, gradient, curvature and the sums of two derivatives in the further parameters."""
        if not self.base.n_free(params):
            return self.base.statistics(params, block, resp)
        slopes = self._slopes(params, block)
        slope, bend = slopes[0]
        gradient = np.dot(resp * slope, block.expert_columns.T)
        width = len(block.expert_columns)
        curvature = np.zeros((len(resp), width * (width + 1) // 2))
        kernels.moments.add_second_moments(resp * bend, block.expert_columns, curvature)
        rows = [first for first, _ in slopes[1:]] + [second for _, second in slopes[1:]]
        more = np.array([(resp * row).sum(axis=1) for row in rows]).T.reshape(len(resp), len(rows))
        return LinearStatistics(resp.sum(axis=1), gradient, curvature, more)

    def update(self, params: Any, statistics: Any, ground: Ground, step: Step = "full") -> Any:
        """Return the parameters after a share of a scoring step; none of it is safe."""
        if not self.base.n_free(params) or step == "safe":
            return params
        line = self.base.as_line(params)
        change = direction(line.coef, statistics, self.base.ridge, LONGEST, ground)
        more, s = line.more.copy(), line.more.shape[1]
        alive = statistics.mass > 1e-10 * ground.weight
        for j, shared in enumerate(self.base.shared):
            first, second = np.where(alive, statistics.more[:, [j, s + j]].T, 0.0)
            more[:, j] += SHARE[step] * newton_1d(first, second, shared)
        moved = LinearParameters(line.coef + SHARE[step] * change, more)
        return self.base.from_line(moved, params, ground.floor)

    def score(self, params: Any, statistics: Any) -> Array:
        """Return the derivative of the penalised log-likelihood in the packed parameters."""
        if not self.base.n_free(params):
            return np.zeros(0)
        coef = self.base.as_line(params).coef
        by_coef = statistics.gradient - self.base.ridge * (coef @ slopes_only(coef.shape[1]))
        s = statistics.more.shape[1] // 2
        return np.asarray(self.base.pack_slopes(by_coef, statistics.more[:, :s]))

    def scores(self, params: Any, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        if not self.base.n_free(params):
            return np.zeros((block.weight.size, 0))
        (slope, _), *others = self._slopes(params, block)
        by_coef = (resp * slope).T[..., None] * block.expert_columns.T[:, None]  # (m, K, p)
        by_more = np.zeros((*by_coef.shape[:2], len(others)))
        for j, (first, _) in enumerate(others):
            by_more[..., j] = (resp * first).T
        return np.asarray(self.base.pack_slopes(by_coef, by_more))


def _differences(value: Callable[[float], Array], middle: Array, step: Array) -> tuple[Array, Array]:
    """Return the first derivative and minus the second one, made positive, (K, m), from four moves by ``step`` (K,)."""
    near, far = (value(1.0), value(-1.0)), (value(2.0), value(-2.0))
    with np.errstate(invalid="ignore"):
        first = (8.0 * (near[0] - near[1]) - (far[0] - far[1])) / (12.0 * step)
        second = (30.0 * middle - 16.0 * (near[0] + near[1]) + far[0] + far[1]) / (12.0 * step**2)
    first = np.where(np.isfinite(first), first, 0.0)  # beyond the support nothing moves
    # Where the log-probability is not concave the square of the slope is a curvature that steps can be taken with.
    bend = np.where(np.isfinite(second) & (second > 0.0), second, np.square(first))
    return np.ascontiguousarray(first.T), np.ascontiguousarray(bend.T)


def partly_known(family: Any) -> Any:
    """Return a family, or every one of a list, as it is seen through intervals."""
    if isinstance(family, MixedExpert):
        return MixedExpert([PartlyKnown(own) for own in family.experts])
    return PartlyKnown(family)
