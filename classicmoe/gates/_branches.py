"""The parameters of a tree of softmax gates, as fitted attributes and as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.exceptions import ModelFileError
from classicmoe.gates._log_odds import LogOdds
from classicmoe.gates._structure import free_branches, is_tree, parts_of


class TreeParameters(NamedTuple):
    """Paths (K, E): 1 where a branch leads to the expert; coefficients (E, p) and nodes (E,) of the branches.

    The coefficients of a node's branches sum to zero.
    """

    paths: Array
    coef: Array
    node: NDArray[np.intp]


def contrasts(params: TreeParameters) -> Array:
    """Return coefficients with every node's last branch zero."""
    last = np.flatnonzero(~free_branches(params.node))
    return params.coef - params.coef[last[params.node]]


class Branches(LogOdds):
    """What a tree of softmax gates publishes: paths (K, E), and coefficients and nodes of its E branches."""

    ridge: float

    def attributes(self, params: TreeParameters) -> dict[str, Array]:
        """Return the branches' coefficients, every node's last branch zero; symmetric when the ridge shapes them."""
        coef = params.coef if self.ridge > 1e-8 else contrasts(params)
        return {
            "gate_paths_": params.paths.copy(),
            "gate_branch_node_": params.node.astype(float),
            "gate_branch_coef_": coef[:, 1:].copy(),
            "gate_branch_intercept_": coef[:, 0].copy(),
        }

    def from_attributes(self, attributes: Mapping[str, Array]) -> TreeParameters:
        """Rebuild the parameters from the fitted attributes."""
        coef = np.column_stack([attributes["gate_branch_intercept_"], attributes["gate_branch_coef_"]])
        paths = np.ascontiguousarray(attributes["gate_paths_"], dtype=float)
        return TreeParameters(paths, coef, attributes["gate_branch_node_"].astype(np.intp))

    def shapes(self, attributes: Mapping[str, Array], n_experts: int, n_columns: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the fitted attributes, by name.

        Raises
        ------
        ModelFileError
            The paths are those of no tree.
        """
        paths, node = attributes["gate_paths_"], attributes["gate_branch_node_"]
        if paths.ndim != 2 or node.ndim != 1 or not is_tree(paths, node):
            raise ModelFileError("arrays 'gate_paths_' and 'gate_branch_node_' do not describe a tree")
        n = len(node)
        return {
            "gate_paths_": (n_experts, n),
            "gate_branch_coef_": (n, n_columns),
            "gate_branch_intercept_": (n,),
        }

    def rows(self, attributes: Mapping[str, Array], names: list[str]) -> list[tuple[str, Array]]:
        """Return, node by node, what each expert's branch has; NaN for experts that are not below the node."""
        params = self.from_attributes(attributes)
        table = []
        for v, part in enumerate(parts_of(params.node)):
            paths = params.paths[:, part]
            values = np.where(paths.any(axis=1, keepdims=True), paths @ params.coef[part], np.nan)
            terms = [f"node {v}: {name}" for name in ("(intercept)", *names)]
            table += list(zip(terms, values.T, strict=True))
        return table

    def meaning(self, attributes: Mapping[str, Array]) -> str:
        """Return what the numbers of :meth:`rows` are."""
        params = self.from_attributes(attributes)
        if np.abs(params.coef - contrasts(params)).max(initial=0.0) > 0.0:
            return "of the branch that leads to the expert, symmetric at every node, as penalised"
        return "log-odds of the branch that leads to the expert against the node's last"

    def influence(self, attributes: Mapping[str, Array]) -> Array:
        """Return how much one unit of each column matters at the node where it matters most, (p_gate,)."""
        params = self.from_attributes(attributes)
        ranges = [np.ptp(params.coef[part, 1:], axis=0) for part in parts_of(params.node)]
        return np.max(ranges, axis=0) if ranges else np.zeros(params.coef.shape[1] - 1)
