"""Partitions of columns into blocks: the path by thresholding correlations, and labels as users give them.

Thresholding |R| and taking connected components is single-linkage clustering with distance 1 - |R|, so that the whole
path, from one block to singletons, costs one minimum spanning tree (Devijver & Gallopin 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import squareform

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError


def partition_path(similarity: Array, signed: bool = False) -> list[NDArray[np.intp]]:
    """Return the partitions that thresholding passes through, from singletons to one block.

    Parameters
    ----------
    similarity : ndarray of shape (d, d)
        Correlations; entries that are not finite (columns without variance) link nothing.
    signed : bool, default=False
        Threshold the correlations themselves, so that negative ones never link; some programs do.

    Returns
    -------
    list of ndarray of shape (d,)
        Block labels in the order of first appearance. Equal correlations merge at once.
    """
    strength = similarity if signed else np.abs(similarity)
    strength = np.where(np.isfinite(strength), 0.5 * (strength + strength.T), 0.0)
    d = len(strength)
    if d == 1:
        return [np.zeros(1, dtype=np.intp)]
    distance = np.clip(1.0 - strength, 0.0, None)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "single")
    cuts = cut_tree(tree)
    path = [canonical(cuts[:, 0])]
    # The partition after merge number j stands on its own only if the next merge happens at another threshold.
    for j in range(1, d):
        linked = tree[j - 1, 2] < 1.0  # a correlation of zero or less is no link
        if linked and (j == d - 1 or tree[j, 2] > tree[j - 1, 2]):
            path.append(canonical(cuts[:, j]))
    return path


def canonical(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Return labels 0, 1, ... in the order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def check_labels(blocks: Any, n_experts: int, kept: NDArray[np.intp]) -> Array:
    """Return block labels (K, d) of the columns in use from what the user gave, one list for all experts or K lists.

    Raises
    ------
    ConfigurationError
    """
    table = list(blocks) if isinstance(blocks, Sequence | np.ndarray) else None
    if table and not isinstance(table[0], list | tuple | np.ndarray):
        table = [table] * n_experts
    n_columns = int(kept.max()) + 1
    if not table or len(table) != n_experts or any(len(row) < n_columns for row in table):
        raise ConfigurationError(
            f"blocks must be one list of {n_columns} labels, or {n_experts} such lists (one per expert): the block of "
            "every column."
        )
    return np.array([canonical(np.asarray(row)[kept]) for row in table], dtype=float)


def block_names(labels: Array, names: Sequence[str]) -> list[list[str]]:
    """Return the names in every block, large blocks first, then in the order of the columns."""
    blocks = [[names[j] for j in np.flatnonzero(labels == label)] for label in range(int(labels.max()) + 1)]
    return sorted(blocks, key=lambda block: -len(block))
