r"""Skewed experts: a normal error and a one-sided one, both scaled by a latent precision in the t family.

.. math::

    y = b^\top \tilde x + \psi T + \Gamma \varepsilon / \sqrt W,\qquad T \mid W \sim |\mathcal N(0, 1/W)|

with W = 1 for the skew normal. Given the expectations of W, W T and W T^2, coefficients and :math:`\psi` solve one
least-squares problem together: :math:`\psi` is the coefficient of a column that nobody saw. No root is searched and no
sign chosen.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Ground, Step
from classicmoe.covariances.linear import solve
from classicmoe.experts._linear import LinearParameters
from classicmoe.experts._location_scale import LocationScaleFamily
from classicmoe.experts._scoring import newton_1d
from classicmoe.symmetric import unpack_symmetric

STEEPEST = 50.0  # of psi / Gamma, beyond which the error is one-sided to the eye
LEAN = 0.8  # of sigma: psi of a mirror image at least
FIRST_SKEWNESS = 0.5  # at zero the likelihood is flat in the skewness, and EM would never leave it


class SkewStatistics(NamedTuple):
    """Sums of r (K,), packed r W x x', r W e x (K, p), r W T x (K, p), and five sums (K, 5).

    The five: of r W T^2, r W T e, r W e^2 and of the first and second derivatives in the degrees of freedom.
    """

    mass: Array
    gram: Array
    gradient: Array
    cross: Array
    more: Array


class SkewExpert(LocationScaleFamily):
    """Further parameters ``more``: log Gamma, psi and, where estimated, the coordinate of the degrees of freedom."""

    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    ridge = 0.0

    @property
    def shared(self) -> tuple[bool, ...]:
        """Every expert has its own scale and skewness."""
        return (False, False)

    @abstractmethod
    def latent(self, params: LinearParameters, block: Block) -> tuple[Array, Array, Array]:
        """Return the expectations of W, W T and W T^2 given y, (K, m) each."""

    def freedom_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return first and second derivatives in the degrees of freedom, (K, m); none where they are fixed."""
        return []

    @abstractmethod
    def shift(self, params_more: Array) -> Array:
        """Return E[T], (K, 1)."""

    def start_more(self, ground: Ground) -> Array:
        """Return a scale of one deviation, moderately skewed."""
        sigma = np.exp(self.start_scale(ground))
        gamma = sigma / np.sqrt(1.0 + FIRST_SKEWNESS**2)
        return np.array([np.log(gamma), FIRST_SKEWNESS * gamma])

    def _sigma(self, more: Array) -> tuple[Array, Array, Array]:
        """Return sigma, psi and Gamma, (K, 1) each."""
        gamma, psi = np.exp(more[:, :1]), more[:, 1:2]
        return np.hypot(gamma, psi), psi, gamma

    def statistics(self, params: LinearParameters, block: Block, resp: Array) -> SkewStatistics:
        """Return the sums of the least-squares problem about the current coefficients."""
        weight, first, second = self.latent(params, block)
        residual, columns = self.residual(params, block), block.expert_columns
        weighted, one_sided = resp * weight, resp * first
        gram = np.zeros((len(resp), len(columns) * (len(columns) + 1) // 2))
        kernels.moments.add_second_moments(weighted, columns, gram)
        sums = [resp * second, one_sided * residual, weighted * np.square(residual)]
        sums += [resp * row for row in self.freedom_rows(params, block)]
        more = np.zeros((len(resp), 5))
        more[:, : len(sums)] = np.array([row.sum(axis=1) for row in sums]).T
        gradient, cross = np.dot(weighted * residual, columns.T), np.dot(one_sided, columns.T)
        return SkewStatistics(resp.sum(axis=1), gram, gradient, cross, more)

    def update(
        self, params: LinearParameters, statistics: SkewStatistics, ground: Ground, step: Step = "full"
    ) -> LinearParameters:
        """Return coefficients, psi and Gamma of one EM step, exact, and degrees of freedom of a Newton step."""
        k, width = params.coef.shape
        matrix, right = np.empty((k, width + 1, width + 1)), np.empty((k, 1, width + 1))
        matrix[:, :width, :width] = unpack_symmetric(statistics.gram, width)
        matrix[:, :width, width] = matrix[:, width, :width] = statistics.cross
        matrix[:, width, width] = statistics.more[:, 0]
        right[:, 0, :width], right[:, 0, width] = statistics.gradient, statistics.more[:, 1]
        alive = statistics.mass > 1e-10 * ground.weight
        solution = np.zeros((k, width + 1))
        solution[:, width] = params.more[:, 1]
        solution[alive] = solve(matrix[alive], right[alive])[:, 0]
        left = statistics.more[:, 2] - (solution * right[:, 0]).sum(axis=1)
        variance = np.where(alive, left / np.maximum(statistics.mass, 1e-300), np.exp(2.0 * params.more[:, 0]))
        psi = solution[:, width]
        variance = np.maximum(variance, np.maximum(ground.floor, np.square(psi / STEEPEST)))
        more = params.more.copy()
        more[:, 0], more[:, 1] = 0.5 * np.log(variance), psi
        if self.n_more == 3 and step != "safe":
            moves = newton_1d(statistics.more[:, 3], statistics.more[:, 4], self.shared[2])
            more[:, 2] += SHARE[step] * moves
        return LinearParameters(params.coef + solution[:, :width], self._within(more))

    def penalty(self, params: LinearParameters) -> float:
        """Return 0."""
        return 0.0

    def mirrors(self, params: LinearParameters) -> list[LinearParameters]:
        """Return the parameters with one expert leaning to the other side, expert after expert, its mean unchanged.

        The likelihood is flat where the skewness is zero: EM never changes its sign, and stays where there is little.
        """
        shift, sigma = self.shift(params.more)[:, 0], self.spread(params)
        out = []
        for k in range(len(params.coef)):
            coef, more = params.coef.copy(), params.more.copy()
            lean = np.sign(more[k, 1]) * max(abs(more[k, 1]), LEAN * sigma[k])
            coef[k, 0] += (more[k, 1] + lean) * shift[k]
            more[k, 0], more[k, 1] = np.log(np.sqrt(1.0 - LEAN**2) * sigma[k]), -lean
            out.append(LinearParameters(coef, more))
        return out

    def turned(self, params: LinearParameters, signs: Array) -> LinearParameters:
        """Return the parameters with experts leaning to the sides that ``signs`` (K,) say, their means unchanged."""
        coef, more = params.coef.copy(), params.more.copy()
        more[:, 1] = signs * np.abs(more[:, 1])
        coef[:, 0] += (params.more[:, 1] - more[:, 1]) * self.shift(params.more)[:, 0]
        return LinearParameters(coef, more)

    def _slopes(self, params: LinearParameters, sums: Array, mass: Array) -> Array:
        """Return the derivatives in ``more``, (..., K, s), from the five sums and the mass, by Fisher's identity."""
        variance, psi = np.exp(2.0 * params.more[:, 0]), params.more[:, 1]
        second, product, squares = sums[..., 0], sums[..., 1], sums[..., 2]
        by_scale = (squares - 2.0 * psi * product + psi**2 * second) / variance - mass
        parts = [by_scale, (product - psi * second) / variance, sums[..., 3]]
        return np.stack(parts[: self.n_more], axis=-1)

    def score(self, params: LinearParameters, statistics: SkewStatistics) -> Array:
        """Return the derivatives in coefficients and further parameters."""
        variance, psi = np.exp(2.0 * params.more[:, :1]), params.more[:, 1:2]
        by_coef = (statistics.gradient - psi * statistics.cross) / variance
        return self.pack_slopes(by_coef, self._slopes(params, statistics.more, statistics.mass))

    def scores(self, params: LinearParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivatives, (m, n_free)."""
        weight, first, second = self.latent(params, block)
        residual = self.residual(params, block)
        variance, psi = np.exp(2.0 * params.more[:, :1]), params.more[:, 1:2]
        slope = resp * (weight * residual - psi * first) / variance
        by_coef = slope.T[..., None] * block.expert_columns.T[:, None]  # (m, K, p)
        freedom = self.freedom_rows(params, block)[:1] or [np.zeros_like(resp)]
        rows = [second, first * residual, weight * np.square(residual), *freedom]
        sums = np.stack([(resp * row).T for row in rows], axis=2)  # (m, K, 4)
        return self.pack_slopes(by_coef, self._slopes(params, sums, resp.T))

    def spread(self, params: LinearParameters) -> Array:
        """Return sigma."""
        return self._sigma(params.more)[0][:, 0]

    def at_floor(self, params: LinearParameters, ground: Ground) -> NDArray[np.bool_]:
        """Return which scales are at the floor."""
        return np.asarray(np.square(self.spread(params)) <= 1.0001 * ground.floor)

    def mean_of(self, predictor: Array, more: Array, exposure: Array | None) -> Array:
        """Return location + psi E[T]."""
        return np.asarray(predictor + more[:, 1:2] * self.shift(more))

    def rescale(self, more: Array, factor: float) -> Array:
        """Return the further parameters of a response that is multiplied by a factor."""
        out = super().rescale(more, factor)
        out[:, 1] *= factor
        return out

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return sigma and psi / Gamma."""
        sigma, psi, gamma = self._sigma(params.more)
        return {"expert_scale_": sigma[:, 0], "expert_skewness_": (psi / gamma)[:, 0]}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return log Gamma and psi."""
        slant = np.asarray(attributes["expert_skewness_"])
        gamma = attributes["expert_scale_"] / np.hypot(1.0, slant)
        return np.column_stack([np.log(gamma), slant * gamma])
