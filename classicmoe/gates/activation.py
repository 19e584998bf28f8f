r"""Softmax gating network over an activation of the linear scores.

.. math::

    g_k(x) \propto \exp\frac{\sigma(a_k^\top (x - m)) + c_k}{\tau}
    \quad\text{or}\quad
    g_k(x) \propto \exp\frac{\sigma(a_k^\top \tilde x)}{\tau}

with the intercept outside of the activation (the source's form; m are the means of the columns, where the activation
has its centre) or inside. Adding one number to all c changes nothing; adding one vector to all slopes changes the gate,
unless the activation is the identity: all K slopes are free.

Source: Nguyen, Akbarian & Ho (2024).
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Ground, Step
from classicmoe.contrasts import ridge_gradient
from classicmoe.gates._activated import Activated, ActivationParameters, Name
from classicmoe.gates._activations import ACTIVATIONS
from classicmoe.gates._log_softmax import log_softmax
from classicmoe.symmetric import unpack_symmetric, upper_triangle

DAMPING = 1e-6  # of the mean curvature, added to every coordinate: directions without curvature stand still
REACH = 2.0  # a step longer than this, relative to 1 + the largest coefficient, is shortened to it
ASIDE = 0.5  # slopes that all experts are given with their first step


class ActivationStatistics(NamedTuple):
    """Gradient in both, (K, p) and (K,), and curvatures in the q coefficients that are free inside.

    ``second`` (K(K+1)/2, q(q+1)/2): of the inner coefficients of experts k <= l, packed. With the intercepts outside
    ``cross`` (K, K, q): of the inner ones of k and the outer one of l; ``outer`` (K, K): of the outer ones.
    """

    inner_gradient: Array
    outer_gradient: Array
    second: Array
    cross: Array | None
    outer: Array | None


class ActivationGate(Activated, BaseEstimator):
    r"""Softmax over an activation of the linear scores (activation dense-to-sparse gate).

    One safeguarded step per pass on
    :math:`\sum_i \sum_k r_{ik} \log g_k(x_i) - \tfrac{\lambda}{2}\sum_k\lVert a_{k,\mathrm{slopes}}\rVert^2`, which is
    not concave: the curvature is Fisher's information plus the part of the second derivative of the activation that is
    positive. A bounded activation bounds the log-odds, by 2 / tau for ``"tanh"``.

    Parameters
    ----------
    activation : {"gelu", "tanh", "sigmoid", "softplus", "identity"}, default="gelu"
        :math:`\sigma`. With ``"identity"`` the gate is the softmax gate of slopes a / tau.
    intercept : {"outside", "inside"}, default="outside"
        Where the intercepts are. Outside, the activation has its centre at the mean of the columns.
    temperature : float > 0, default=1.0
        :math:`\tau`, a setting, never estimated.
    ridge : float >= 0, default=1e-10
        :math:`\lambda`, on the slopes of standardised columns.

    Notes
    -----
    Published are ``gate_inner_coef_`` (K, p_gate) and ``gate_inner_intercept_`` (K,), inside the activation and in the
    columns' own units, and ``gate_outer_intercept_`` (K,), the last of which is zero.

    With two experts and ``"sigmoid"`` or ``"tanh"``, (a_1, a_2) and (-a_2, -a_1) are one gate; published are those of
    which the first slopes have a positive sum. Where all scores are large ``"softplus"`` and ``"gelu"`` are nearly
    linear: then the intercepts inside, or the slopes that all experts have in common, are not determined.

    References
    ----------
    Nguyen, H., Akbarian, P. and Ho, N. (2024). Is temperature sample efficient for softmax Gaussian mixture of
    experts? ICML 41.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.gates import ActivationGate
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(2, gate=ActivationGate("tanh", temperature=0.2), n_init=3, random_state=0).fit(X, y)
    >>> m.gate_inner_coef_.shape, m.gate_outer_intercept_.shape
    ((2, 1), (2,))
    """

    name = "activation"
    damped = True
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "activation": get_args(Name),
        "intercept": ("outside", "inside"),
    }

    def __init__(
        self,
        activation: Name = "gelu",
        intercept: Literal["outside", "inside"] = "outside",
        temperature: float = 1.0,
        ridge: float = 1e-10,
    ):
        self.activation = activation
        self.intercept = intercept
        self.temperature = temperature
        self.ridge = ridge

    def start(self, n_experts: int, width: int) -> ActivationParameters:
        """Return the gate that asks all experts alike."""
        return ActivationParameters(np.zeros((n_experts, width)), np.zeros(n_experts))

    def softened(self, ridge: float) -> ActivationGate:
        """Return the gate with a larger ridge."""
        ridge = max(ridge / self.temperature**2, self.ridge)
        return ActivationGate(self.activation, self.intercept, self.temperature, ridge)

    def log_prob(self, params: ActivationParameters, block: Block) -> Array:
        """Return log g_k(x), (K, m)."""
        n_experts = len(params.coef)

        def compute() -> Array:
            inner = np.dot(params.coef, block.gate_columns, out=block.scratch("gate inner", n_experts))
            kept, value = block.scratch("gate kept", n_experts), block.scratch("gate value", n_experts)
            ACTIVATIONS[self.activation].value(inner, kept, value)
            out = np.add(value, params.outer[:, None], out=block.scratch("gate log", n_experts))
            out /= self.temperature
            total, log_total = block.scratch("gate rows", 2)[:, None]
            log_softmax(out, block.scratch("gate prob", n_experts), total, log_total, [slice(None)])
            return out

        return block.once("gate log", params, compute)

    def _derivatives(self, params: ActivationParameters, block: Block, resp: Array) -> tuple[Array, Array, Array]:
        """Return the rows' derivatives in the scores and the first two of the activation, (K, m) each."""
        self.log_prob(params, block)
        n_experts = len(params.coef)
        inner, kept, value, rows, first, second = (
            block.scratch(name, n_experts)
            for name in ("gate inner", "gate kept", "gate value", "gradient rows", "gate first", "gate second")
        )
        kernels.softmax.gradient_rows(resp, block.scratch("gate prob", n_experts), block.weight, rows)
        rows /= self.temperature
        ACTIVATIONS[self.activation].derivatives(inner, kept, value, first, second)
        return rows, first, second

    def statistics(self, params: ActivationParameters, block: Block, resp: Array) -> ActivationStatistics:
        """Return the gradient and a curvature that is nowhere negative."""
        n_experts = len(params.coef)
        rows, first, second = self._derivatives(params, block, resp)
        prob, pairs = (
            block.scratch("gate prob", n_experts),
            block.scratch("gate pairs", n_experts * (n_experts + 1) // 2),
        )
        bend = np.negative(np.multiply(rows, second, out=second), out=second)
        factor = self.temperature**-2
        kernels.activation.inner_rows(prob, block.weight, factor, first, bend, pairs)
        columns = block.gate_columns[int(self._outside) :]
        width = len(columns)
        moments = np.zeros((len(pairs), width * (width + 1) // 2))
        kernels.moments.add_second_moments(pairs, columns, moments)
        cross = outer = None
        if self._outside:
            cross, outer = np.empty((n_experts, n_experts, width)), np.empty((n_experts, n_experts))
            weights = block.scratch("gate cross", n_experts)  # one expert at a time: K times less scratch
            for k in range(n_experts):
                kernels.activation.outer_rows(prob, block.weight, factor, first, k, weights, outer[k])
                np.dot(weights, columns.T, out=cross[k])
        gradient = np.dot(np.multiply(rows, first, out=first), block.gate_columns.T)
        return ActivationStatistics(gradient, rows.sum(axis=1), moments, cross, outer)

    def update(
        self, params: ActivationParameters, statistics: ActivationStatistics, ground: Ground, step: Step = "full"
    ) -> ActivationParameters:
        """Return the parameters after a share of the step; the old ones are the safe step."""
        n_experts, width = params.coef.shape
        if n_experts == 1 or step == "safe":
            return params
        free = self._free(width)
        inner = statistics.inner_gradient - ridge_gradient(params.coef, self.ridge)
        gradient = np.column_stack([inner, statistics.outer_gradient])[:, free].ravel()
        direction = _solve(self._curvature(statistics), gradient)
        largest = 1.0 + max(np.abs(params.coef).max(), np.abs(params.outer).max())
        share = SHARE[step] * min(1.0, REACH * largest / max(np.abs(direction).max(), 1e-300))
        moved = np.column_stack([params.coef, params.outer])
        moved[:, free] += share * direction.reshape(n_experts, -1)
        if not params.coef.any():
            # Slopes in common change nothing yet. Without them two experts would keep opposite ones, which is a saddle
            # of an odd activation.
            moved[:, 1:width] += SHARE[step] * ASIDE
        return self._centred(moved[:, :-1], moved[:, -1])

    def _free(self, width: int) -> slice:
        """Return which of an expert's coefficients, the outer one last, are free."""
        return slice(1, None) if self._outside else slice(width)

    def _curvature(self, statistics: ActivationStatistics) -> Array:
        """Return the curvature in all free coefficients, expert by expert, (K p, K p)."""
        n_experts, width = statistics.inner_gradient.shape
        blocks = np.zeros((n_experts, n_experts, width, width))
        inner = width - self._outside
        i, j = upper_triangle(n_experts)
        blocks[i, j, :inner, :inner] = blocks[j, i, :inner, :inner] = unpack_symmetric(statistics.second, inner)
        if statistics.cross is not None:
            blocks[:, :, :inner, inner] = statistics.cross
            blocks[:, :, inner, :inner] = statistics.cross.transpose(1, 0, 2)
            blocks[:, :, inner, inner] = statistics.outer
        k, slopes = np.arange(n_experts)[:, None], np.arange(1, width) - self._outside
        blocks[k, k, slopes, slopes] += self.ridge
        return blocks.transpose(0, 2, 1, 3).reshape(n_experts * width, n_experts * width)

    def penalty(self, params: ActivationParameters) -> float:
        """Return half the ridge times the squared slopes."""
        return 0.5 * self.ridge * float(np.sum(params.coef[:, 1:] ** 2))

    def score(self, params: ActivationParameters, statistics: ActivationStatistics) -> Array:
        """Return the derivative in the packed parameters."""
        inner = statistics.inner_gradient - ridge_gradient(params.coef, self.ridge)
        return self._packed(inner, statistics.outer_gradient)

    def scores(self, params: ActivationParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in the packed parameters, (m, n_free)."""
        rows, first, _ = self._derivatives(params, block, resp)
        inner = (rows * first)[:, None, :] * block.gate_columns
        return self._packed(inner, rows, 1).reshape(-1, rows.shape[1]).T


def _solve(curvature: Array, gradient: Array) -> Array:
    """Return the damped step; its curvature is positive definite, so that it leads upwards."""
    diagonal = np.einsum("ii->i", curvature)
    damping = DAMPING * max(diagonal.mean(), 1e-300)
    diagonal += damping
    try:
        factor = np.linalg.cholesky(curvature)
        return np.linalg.solve(factor.T, np.linalg.solve(factor, gradient))
    except np.linalg.LinAlgError:
        return gradient / np.maximum(diagonal, damping)
