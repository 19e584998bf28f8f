r"""Hierarchical gating network: a tree whose inner nodes are softmax gates.

.. math::

    g_k(x) = \prod_{v \,\in\, \mathrm{path}(k)} h_v(b_v(k) \mid x),\qquad
    h_v(b \mid x) = \frac{\exp(a_{vb}^\top \tilde x)}{\sum_c \exp(a_{vc}^\top \tilde x)}

where :math:`b_v(k)` is the branch that leads from node v to expert k. Given responsibilities, the nodes are separate
softmax regressions: a branch has the responsibilities of the experts below it, a row weighs at a node what they are in
all. A tree of one node is the softmax gate.

Source: Jordan & Jacobs (1994).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from classicmoe import kernels
from classicmoe.contracts import SHARE, Array, Block, Design, Ground, Step
from classicmoe.contrasts import mm_direction, newton_direction, ridge_gradient
from classicmoe.gates._branches import Branches, TreeParameters, contrasts
from classicmoe.gates._log_softmax import log_softmax
from classicmoe.gates._structure import free_branches, grow, pairs_of, parts_of
from classicmoe.symmetric import unpack_symmetric


class TreeStatistics(NamedTuple):
    """Gradient (E, p); packed curvatures of all nodes' pairs of branches, or the nodes' packed Gram matrices."""

    gradient: Array
    curvature: Array | None
    gram: Array | None


class TreeGate(Branches, BaseEstimator):
    r"""Tree of softmax gates (hierarchical mixture of experts).

    One step per pass and node on the concave objective
    :math:`\sum_i \sum_b r_{ivb} \log h_v(b \mid x_i) - \tfrac{\lambda}{2}\sum_b\lVert a_{vb,\mathrm{slopes}}\rVert^2`,
    in which :math:`r_{ivb}` sums the responsibilities of the experts below branch b.

    Parameters
    ----------
    structure : nested tuples of int, optional
        The tree, its leaves the experts 0 to K - 1, for example ``((0, 1), (2, 3))`` or ``(0, (1, 2, 3))``. Default: a
        balanced binary tree. A fit puts the experts in order by their means at the end and carries the leaves along:
        ``gate_paths_`` says where each expert is.
    solver : {"newton", "mm"}, default="newton"
        As for :class:`SoftmaxGate`.
    ridge : float >= 0, default=1e-10
        :math:`\lambda`, on the slopes of standardised columns, symmetric at every node.

    Notes
    -----
    Published are ``gate_branch_coef_`` (E, p_gate) and ``gate_branch_intercept_`` (E,) of all branches, zero for the
    last branch of a node; ``gate_branch_node_`` (E,), the node at which a branch grows, 0 the root; and
    ``gate_paths_`` (K, E), 1 for the branches that lead to an expert.

    References
    ----------
    Jordan, M. I. and Jacobs, R. A. (1994). Hierarchical mixtures of experts and the EM algorithm. Neural
    Computation 6, 181-214.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.gates import TreeGate
    >>> X, y = load_dataset("NPreg", return_X_y=True)
    >>> m = MoERegressor(3, gate=TreeGate(((0, 1), 2)), n_init=8, random_state=0).fit(X, y)
    >>> m.gate_paths_.shape, m.gate_branch_coef_.shape
    ((3, 4), (4, 1))
    """

    name = "tree"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"solver": ("newton", "mm")}

    def __init__(self, structure: Any = None, solver: Literal["newton", "mm"] = "newton", ridge: float = 1e-10):
        self.structure = structure
        self.solver = solver
        self.ridge = ridge

    def start(self, n_experts: int, width: int) -> TreeParameters:
        """Return the gate that asks all experts alike: a branch as often as it has experts."""
        paths, node = grow(self.structure, n_experts)
        coef = np.zeros((len(node), width))
        coef[:, 0] = np.log(paths.sum(axis=0))
        return self._centred(TreeParameters(paths, coef, node), coef)

    def softened(self, ridge: float) -> TreeGate:
        """Return the gate with a larger ridge."""
        return TreeGate(self.structure, self.solver, max(ridge, self.ridge))

    def log_prob(self, params: TreeParameters, block: Block) -> Array:
        """Return log g_k(x), (K, m): the sum over the path."""

        def compute() -> Array:
            n_branches, parts = len(params.node), parts_of(params.node)
            branches = block.scratch("branch log", n_branches)
            np.dot(params.coef, block.gate_columns, out=branches)
            total, log_total = block.scratch("node rows", len(parts)), block.scratch("node log", len(parts))
            log_softmax(branches, block.scratch("branch prob", n_branches), total, log_total, parts)
            return np.dot(params.paths, branches, out=block.scratch("gate log", len(params.paths)))

        return block.once("gate log", params, compute)

    def _gradient_rows(self, params: TreeParameters, block: Block, resp: Array) -> tuple[Array, Array, Array]:
        """Return the rows' derivatives in the branches' scores, probabilities (E, m) and weights of rows at nodes."""
        self.log_prob(params, block)
        n_branches, parts = len(params.node), parts_of(params.node)
        prob, rows = block.scratch("branch prob", n_branches), block.scratch("gradient rows", n_branches)
        branch = np.dot(params.paths.T, resp, out=block.scratch("branch responsibilities", n_branches))
        weight = block.scratch("node weight", len(parts))
        for v, part in enumerate(parts):
            # All of a row's weight arrives at the root.
            weight[v] = block.weight if v == 0 else branch[part].sum(axis=0)
            kernels.softmax.gradient_rows(branch[part], prob[part], weight[v], rows[part])
        return rows, prob, weight

    def statistics(self, params: TreeParameters, block: Block, resp: Array) -> TreeStatistics:
        """Return the gradient and, for Newton, the curvatures; for MM the Gram matrices below the root."""
        n_branches, width = params.coef.shape
        if n_branches == 0:
            return TreeStatistics(np.zeros((0, width)), None, None)
        rows, prob, weight = self._gradient_rows(params, block, resp)
        gradient = np.dot(rows, block.gate_columns.T)
        packed = width * (width + 1) // 2
        if self.solver == "mm":
            gram = np.zeros((len(weight) - 1, packed))
            kernels.moments.add_second_moments(weight[1:], block.gate_columns, gram)
            return TreeStatistics(gradient, None, gram)
        slices = pairs_of(parts_of(params.node))
        pairs = block.scratch("gate curvature", slices[-1].stop)
        for v, part in enumerate(parts_of(params.node)):
            kernels.softmax.curvature_rows(prob[part], weight[v], pairs[slices[v]])
        curvature = np.zeros((len(pairs), packed))
        kernels.moments.add_second_moments(pairs, block.gate_columns, curvature)
        return TreeStatistics(gradient, curvature, None)

    def update(
        self, params: TreeParameters, statistics: TreeStatistics, ground: Ground, step: Step = "full"
    ) -> TreeParameters:
        """Return the parameters after a share of every node's Newton step, or after its MM step ("safe")."""
        gradient = statistics.gradient - ridge_gradient(params.coef, self.ridge)
        coef, parts = params.coef.copy(), parts_of(params.node)
        pairs = pairs_of(parts)
        for v, part in enumerate(parts):
            direction, share = None, 1.0
            if statistics.curvature is not None and step != "safe":
                direction = newton_direction(gradient[part], statistics.curvature[pairs[v]], self.ridge)
                share = SHARE[step]
            if direction is None:
                gram = self._gram(statistics, v, ground)
                direction, share = mm_direction(gradient[part], gram, self.ridge), 1.0
            coef[part] += share * direction
        return self._centred(params, coef)

    def _gram(self, statistics: TreeStatistics, v: int, ground: Ground) -> Array:
        """Return a matrix that is not below the sum of w x x' at a node, and never singular."""
        # No node has more of a row than the root: the whole Gram matrix is a bound everywhere.
        if v == 0 or statistics.gram is None:
            return ground.gate_gram
        return unpack_symmetric(statistics.gram[v - 1], len(ground.gate_gram)) + 1e-10 * ground.gate_gram

    def _centred(self, params: TreeParameters, coef: Array) -> TreeParameters:
        for part in parts_of(params.node):
            coef[part] = coef[part] - coef[part].mean(axis=0)
        return params._replace(coef=coef)

    def penalty(self, params: TreeParameters) -> float:
        """Return half the ridge times the squared slopes."""
        return 0.5 * self.ridge * float(np.sum(params.coef[:, 1:] ** 2))

    def score(self, params: TreeParameters, statistics: TreeStatistics) -> Array:
        """Return the derivative in the nodes' contrasts with their last branches."""
        gradient = statistics.gradient - ridge_gradient(params.coef, self.ridge)
        return gradient[free_branches(params.node)].ravel()

    def scores(self, params: TreeParameters, block: Block, resp: Array) -> Array:
        """Return each row's derivative in the contrasts, (m, n_free)."""
        rows = self._gradient_rows(params, block, resp)[0][free_branches(params.node)]
        return (rows[:, None, :] * block.gate_columns[None]).reshape(-1, rows.shape[1]).T

    def n_free(self, params: TreeParameters) -> int:
        """Return p times the sum over nodes of the number of branches less one."""
        return int(free_branches(params.node).sum()) * params.coef.shape[1]

    def pack(self, params: TreeParameters) -> Array:
        """Return the nodes' contrasts with their last branches."""
        return contrasts(params)[free_branches(params.node)].ravel()

    def unpack(self, vector: Array, like: TreeParameters) -> TreeParameters:
        """Return symmetric coefficients from contrasts."""
        coef = np.zeros_like(like.coef)
        coef[free_branches(like.node)] = vector.reshape(-1, coef.shape[1])
        return self._centred(like, coef)

    def permute(self, params: TreeParameters, order: NDArray[np.intp]) -> TreeParameters:
        """Return the same tree with other experts at its leaves."""
        return params._replace(paths=np.ascontiguousarray(params.paths[order]))

    def to_raw(self, params: TreeParameters, design: Design) -> TreeParameters:
        """Translate to the user's columns."""
        return params._replace(coef=design.to_raw(params.coef))

    def from_raw(self, params: TreeParameters, design: Design) -> TreeParameters:
        """Translate from the user's columns."""
        return self._centred(params, design.from_raw(params.coef))
