"""Trees over experts as arrays: which branches lead to an expert, and at which node a branch grows."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError

NESTED = "nested tuples such as ((0, 1), (2, 3))"


def balanced(first: int, last: int) -> Any:
    """Return the binary tree over the experts first..last-1 that is as flat as can be."""
    if last - first == 1:
        return first
    middle = (first + last + 1) // 2
    return balanced(first, middle), balanced(middle, last)


def grow(structure: Any, n_experts: int) -> tuple[Array, NDArray[np.intp]]:
    """Return paths (K, E), 1 where a branch leads to the expert, and the node of every branch (E,).

    Nodes are numbered from the root down, the first child's before the second's; a node's branches are neighbours.

    Raises
    ------
    ConfigurationError
        The structure is no tree over the experts 0..K-1.
    """
    tree = balanced(0, n_experts) if structure is None else structure
    node: list[int] = []
    found: list[tuple[int, list[int]]] = []

    def visit(part: Any, path: list[int]) -> None:
        if isinstance(part, Integral) and not isinstance(part, bool):
            found.append((int(part), path))
            return
        if not isinstance(part, Sequence) or isinstance(part, str) or len(part) < 2:
            raise ConfigurationError(
                f"The gate's structure must be {NESTED} with two or more branches at every node, not {part!r}."
            )
        first = len(node)
        node.extend([node[-1] + 1 if node else 0] * len(part))
        for branch, child in enumerate(part, first):
            visit(child, [*path, branch])

    visit(tree, [])
    if sorted(expert for expert, _ in found) != list(range(n_experts)):
        raise ConfigurationError(
            f"The gate's structure must hold each of the experts 0 to {n_experts - 1} once ({NESTED}), not {tree!r}."
        )
    paths = np.zeros((n_experts, len(node)))
    for expert, path in found:
        paths[expert, path] = 1.0
    return paths, np.array(node, dtype=np.intp)


def parts_of(node: NDArray[np.intp]) -> list[slice]:
    """Return the branches of every node."""
    ends = np.cumsum(np.bincount(node)).tolist()
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def free_branches(node: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which branches are not the last of their node."""
    return np.equal(node, np.append(node[1:], -1), dtype=bool)


def pairs_of(parts: list[slice]) -> list[slice]:
    """Return where the pairs of every node's branches are among those of all nodes."""
    sizes = [(part.stop - part.start) * (part.stop - part.start - 1) // 2 for part in parts]
    ends = np.cumsum(sizes, dtype=int).tolist()
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def is_tree(paths: Array, node: Array) -> bool:
    """Return whether stored arrays are those of a tree: for any split probabilities the experts' sum to one."""
    if paths.shape[1] != len(node) or not np.isin(paths, (0.0, 1.0)).all():
        return False
    if not len(node):
        return len(paths) == 1
    steps = np.diff(node, prepend=node[0], append=node[-1])
    if node[0] != 0.0 or not np.isin(steps, (0.0, 1.0)).all():
        return False
    parts = parts_of(node.astype(np.intp))
    if min(part.stop - part.start for part in parts) < 2:
        return False
    # Uneven shares, so that no other paths sum to one by chance.
    share = np.concatenate([_uneven(part.stop - part.start, part.start) for part in parts])
    return bool(abs(np.exp(paths @ np.log(share)).sum() - 1.0) < 1e-9)


def _uneven(n: int, seed: int) -> Array:
    share = np.random.default_rng(seed).uniform(0.5, 1.5, n)
    return np.asarray(share / share.sum())
