r"""Inverse regression: the joint law of x and y with y as the cause, and what it says of y given x.

.. math::

    y \mid k \sim \mathcal N(c_k, G_k),\qquad x \mid y, k \sim \mathcal N(A_k y + b_k, S_k)

gives, with :math:`M_k = A_k^\top S_k^{-1} A_k`, the forward law

.. math::

    x \mid k \sim \mathcal N(m_k, V_k),\qquad y \mid x, k \sim \mathcal N(c_k + B_k(x - m_k),\; T_k)

    m_k = A_k c_k + b_k,\quad V_k = S_k + A_k G_k A_k^\top,\quad T_k = (I + G_k M_k)^{-1} G_k,\quad
    B_k = T_k A_k^\top S_k^{-1}.

Only q x q systems and solves with S_k are needed, so that many columns of x are cheap (Deleforge et al. 2015).
Where entries of x are missing and S_k is diagonal, the sums over columns run over those that are there: that integrates
the others out exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import logsumexp

from classicmoe.contracts import Array, Block, Measure
from classicmoe.covariances.linear import GaussianParameters, LinearGaussian
from classicmoe.covariances.sharing import LOG_2PI
from classicmoe.distributions.gaussian import GaussianComponents, JointGaussianComponents


class InverseExpert(LinearGaussian):
    """Experts of the inverse regression: x given y, with any structure of the noise."""

    name = "gaussian"

    def __init__(self, structure: Any, one_unit: bool = False):
        self.structure = structure
        self.one_unit = one_unit


class Joint(NamedTuple):
    """The joint law in the user's units: log pi (K,), c (K, q), G (K, q, q), A (K, d, q), b (K, d), S's parameters."""

    log_weight: Array
    center: Array
    spread: Array
    slope: Array
    intercept: Array
    noise: Any


class Forward(NamedTuple):
    """What follows for y given x: m (K, d), A'S^-1 (K, q, d), M and T (K, q, q), B (K, q, d), a (K, q)."""

    mean: Array
    pull: Array
    information: Array
    covariance: Array
    coef: Array
    intercept: Array


def forward(joint: Joint, structure: Any) -> Forward:
    """Map the inverse parameters to the forward ones."""
    mean = np.einsum("kdq,kq->kd", joint.slope, joint.center) + joint.intercept
    pull = structure.precision_times(joint.noise, joint.slope).transpose(0, 2, 1)
    information = pull @ joint.slope
    covariance = posterior_covariance(joint.spread, information)
    coef = covariance @ pull
    intercept = joint.center - np.einsum("kqd,kd->kq", coef, mean)
    return Forward(mean, pull, information, covariance, coef, intercept)


def posterior_covariance(spread: Array, information: Array) -> Array:
    """Return (G^-1 + M)^-1 = (I + G M)^-1 G, also for a G that is nearly singular; (..., q, q)."""
    inner = np.eye(spread.shape[-1]) + spread @ information
    solved = np.linalg.solve(inner, np.broadcast_to(spread, inner.shape))
    return np.asarray(0.5 * (solved + np.swapaxes(solved, -1, -2)))


class _State(NamedTuple):
    """Log-densities of x (K, m), means of y (K, q, m); numbers and covariances (g, K, q, q) of rows with gaps."""

    log_x: Array
    mean: Array
    gaps: Array
    covariance: Array


class ForwardParameters(NamedTuple):
    """The joint law and its forward map."""

    joint: Joint
    forward: Forward


class ForwardView:
    """The forward law on blocks of rows of x; entries that are NaN are integrated out if the noise is diagonal."""

    def __init__(self, structure: Any):
        self.structure = structure

    def state(self, params: ForwardParameters, block: Block) -> _State:
        """Return densities of x and means of y for a block."""
        return block.once("forward", params, lambda: self._compute(params, block))

    def _compute(self, params: ForwardParameters, block: Block) -> _State:
        joint, forward = params
        k, d = forward.mean.shape
        q, m = joint.center.shape[1], len(block.weight)
        x = block.expert_columns[1:]
        residual = block.scratch("forward residual", k * d)
        residual.reshape(k, d, m)[:] = forward.mean[:, :, None]
        log_x = np.empty((k, m))
        self.structure.log_density(joint.noise, x, residual, log_x)
        holes = np.isnan(x)
        gaps = np.flatnonzero(holes.any(axis=0))
        if len(gaps):
            residual = np.nan_to_num(residual, nan=0.0)
        pulled = np.empty((k, q, m))
        for i in range(k):
            np.dot(forward.pull[i], residual[i * d : (i + 1) * d], out=pulled[i])
        covariance = np.empty((len(gaps), k, q, q))
        if len(gaps):
            products = (forward.pull.transpose(0, 2, 1)[..., None] * joint.slope[:, :, None, :]).reshape(k, d, q * q)
            present = (~holes[:, gaps]).T.astype(float)
            information = (present @ products).reshape(k, len(gaps), q, q).transpose(1, 0, 2, 3)
            covariance = posterior_covariance(joint.spread, information)
        mean = np.empty((k, q, m))
        for i in range(k):
            mean[i] = joint.center[i][:, None] + forward.covariance[i] @ pulled[i]
            log_x[i] += 0.5 * (_log_det(forward.covariance[i]) - _log_det(joint.spread[i]))
            if len(gaps):
                shift = (covariance[:, i] @ pulled[i][:, gaps].T[..., None])[..., 0]
                mean[i][:, gaps] = joint.center[i][:, None] + shift.T
                log_x[i, gaps] += 0.5 * (_log_det(covariance[:, i]) - _log_det(forward.covariance[i]))
            # Woodbury: e'V^-1 e = e'S^-1 e - h'T h with h = A'S^-1 e, and T h is the shift of the mean of y.
            log_x[i] += 0.5 * (pulled[i] * (mean[i] - joint.center[i][:, None])).sum(axis=0)
        return _State(log_x, mean, gaps, covariance)


def _log_det(matrix: Array) -> Any:
    return np.linalg.slogdet(matrix)[1]


class ForwardGate(ForwardView):
    """The gate that follows from the joint law: log pi_k + log N(x; m_k, V_k). For prediction only."""

    joint = True
    name = "gaussian"

    def log_prob(self, params: ForwardParameters, block: Block) -> Array:
        """Return log p(expert, x), (K, m)."""
        return self.state(params, block).log_x + params.joint.log_weight[:, None]

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return weights, means and standard deviations as rows of a table."""
        table = [("(weight)", attributes["gate_weights_"])]
        for j, name in enumerate(names):
            deviation = np.sqrt(attributes["gate_variances_"][:, j])
            table += [(f"mean of {name}", attributes["gate_means_"][:, j]), (f"sd of {name}", deviation)]
        return table

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        return "normal densities of the columns"

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters, (d,)."""
        return np.ptp(attributes["gate_means_"], axis=0) / attributes["gate_variances_"].mean(axis=0)


class ForwardExpert(ForwardView):
    """The experts that follow from the joint law: y given x. For prediction only."""

    name = "gaussian"
    measure: ClassVar[Measure] = "lebesgue"

    def mean(self, params: ForwardParameters, block: Block) -> Array:
        """Return E[y | x, expert], (K, q, m)."""
        return self.state(params, block).mean

    def log_density(self, params: ForwardParameters, block: Block) -> Array:
        """Return log p(y | x, expert), (K, m)."""
        state = self.state(params, block)
        out = np.empty(state.log_x.shape)
        for i, covariance in enumerate(params.forward.covariance):
            error = block.y - state.mean[i]
            out[i] = _normal(error, covariance)
            if len(state.gaps):
                out[i, state.gaps] = [
                    _normal(error[:, [r]], state.covariance[g, i])[0] for g, r in enumerate(state.gaps)
                ]
        return out

    def covariances(self, params: ForwardParameters, block: Block) -> Array:
        """Return the covariances of y given x and expert row by row, (m, K, q, q)."""
        state = self.state(params, block)
        out = np.broadcast_to(params.forward.covariance, (len(block.weight), *params.forward.covariance.shape)).copy()
        out[state.gaps] = state.covariance
        return out

    def conditional(self, params: ForwardParameters, mean: Array) -> GaussianComponents | JointGaussianComponents:
        """Return normal distributions at the means (n, K, q) of rows without gaps."""
        if mean.shape[2] == 1:
            return GaussianComponents(mean[..., 0], np.sqrt(params.forward.covariance[:, 0, 0]))
        return JointGaussianComponents(mean, params.forward.covariance)


def inverse_law(joint: Joint, y: Array) -> tuple[Array, Array]:
    """Return log p(expert | y), (n, K), and E[x | y, expert], (n, K, d)."""
    log_weights = np.stack(
        [
            log_weight + _normal((y - center).T, spread)
            for log_weight, center, spread in zip(joint.log_weight, joint.center, joint.spread, strict=True)
        ],
        axis=1,
    )
    log_weights -= logsumexp(log_weights, axis=1, keepdims=True)
    return log_weights, np.einsum("kdq,nq->nkd", joint.slope, y) + joint.intercept


def row_components(mean: Array, covariance: Array) -> GaussianComponents | JointGaussianComponents:
    """Return normal distributions with means (n, K, q) and covariances of every row's own, (n, K, q, q)."""
    if mean.shape[2] == 1:
        return GaussianComponents(mean[..., 0], np.sqrt(covariance[..., 0, 0]))
    return JointGaussianComponents(mean, covariance)


def _normal(error: Array, covariance: Array) -> Array:
    """Return log N(error; 0, covariance) of the columns of ``error`` (q, m)."""
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, error)
    log_det = np.log(np.diag(factor)).sum()
    return np.asarray(-0.5 * np.square(white).sum(axis=0) - log_det - 0.5 * len(error) * LOG_2PI)


def as_joint(gate: Any, expert: GaussianParameters, structure_of_y: Any) -> Joint:
    """Read the joint law off the fitted inverse mixture: a Gaussian gate on y and experts for x given y."""
    return Joint(
        gate.log_weight,
        gate.density.coef[..., 0],
        structure_of_y.dense(gate.density.noise),
        expert.coef[..., 1:],
        expert.coef[..., 0],
        expert.noise,
    )
