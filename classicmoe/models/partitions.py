"""Partitions of columns into blocks: the path by thresholding correlations, and labels as users give them.

Thresholding |R| and taking connected components is single-linkage clustering, so that the whole path, from one block
to singletons, costs one minimum spanning tree (Devijver & Gallopin 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError


def partition_path(similarity: Array, signed: bool = False) -> list[NDArray[np.intp]]:
    """Return the partitions that thresholding passes through, from singletons to the coarsest.

    Parameters
    ----------
    similarity : ndarray of shape (d, d)
        Correlations; entries that are not finite (columns without variance) link nothing.
    signed : bool, default=False
        Threshold the correlations themselves, so that negative ones never link; some programs do.

    Returns
    -------
    list of ndarray of shape (d,)
        Block labels in the order of first appearance. Equal correlations merge at once; the coarsest partition is one
        block unless correlations are zero (with ``signed``: or negative).
    """
    d = len(similarity)
    labels = np.arange(d)
    path = [labels]
    if d == 1:
        return path
    steps = _steps_down(similarity, signed)
    links = linkage(steps, "single")
    members = [[j] for j in range(d)]  # of the singletons, then of what every link makes
    # The partition after a link stands on its own only if the next one happens at another threshold.
    ends = np.append(links[1:, 2] > links[:-1, 2], True)
    for (one, two, step, _), end in zip(links, ends, strict=True):
        if step >= len(steps):
            break
        members.append(members[int(one)] + members[int(two)])
        labels = labels.copy()
        labels[members[-1]] = min(labels[members[-1]])
        if end:
            path.append(canonical(labels))
    return path


def _steps_down(similarity: Array, signed: bool) -> Array:
    """Return, for every pair in SciPy's order, how many larger values there are; for pairs that never link, all.

    Ranks, unlike 1 - |R|, keep apart values that differ in their last digit only, however small they are.
    """
    strength = similarity if signed else np.abs(similarity)
    strength = 0.5 * (strength + strength.T)  # corrcoef differs by one unit of rounding across the diagonal
    strength = squareform(np.where(np.isfinite(strength), strength, 0.0), checks=False)
    values, rank = np.unique(strength, return_inverse=True)
    return np.where(strength > 0.0, len(values) - 1.0 - rank, float(len(strength)))


def canonical(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Return labels 0, 1, ... in the order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def align(paths: Sequence[Sequence[NDArray[np.intp]]]) -> list[NDArray[np.intp]]:
    """Pair the paths of several experts from the sparse end on, as far as the shortest goes: labels (K, d) each."""
    return [np.stack(labels) for labels in zip(*paths, strict=False)]


def block_sizes(labels: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of columns in every block of one expert, by label."""
    return np.unique(labels, return_counts=True)[1]


def spread(sizes: Sequence[int], most: int) -> list[int]:
    """Return at most so many positions of an ascending list, in nearly equal steps of its logarithm, ends included."""
    n = len(sizes)
    if n <= most:
        return list(range(n))
    logs = np.log1p(sizes)
    at = np.searchsorted(logs, np.linspace(logs[0], logs[-1], most))
    # Where there are fewer than the steps ask for, the next ones are taken: all different, both ends included.
    steps = np.arange(most)
    at = np.maximum.accumulate(at - steps) + steps
    return np.minimum(at, n - most + steps).tolist()


def check_labels(blocks: Any, n_experts: int, n_columns: int, kept: NDArray[np.intp]) -> Array:
    """Return block labels (K, d) of the columns in use from what the user gave, one list for all experts or K lists.

    Raises
    ------
    ConfigurationError
        Not one label for every column, or labels that cannot be told apart.
    """
    table = list(blocks) if isinstance(blocks, Sequence | np.ndarray) and not isinstance(blocks, str) else []
    if table and not isinstance(table[0], list | tuple | np.ndarray):
        table = [table] * n_experts
    if len(table) != n_experts or any(np.shape(row) != (n_columns,) for row in table):
        raise ConfigurationError(
            f"blocks must be one list of {n_columns} labels, or {n_experts} such lists (one per expert): the block of "
            "every column."
        )
    if any(label is None or label != label for row in table for label in row):
        raise ConfigurationError("blocks must name a block for every column; None and NaN name none.")
    return np.array([canonical(np.asarray(row)[kept]) for row in table], dtype=float)


def block_names(labels: Array, names: Sequence[str]) -> list[list[str]]:
    """Return the names in every block, large blocks first, then in the order of the columns."""
    blocks = [[names[j] for j in np.flatnonzero(labels == label)] for label in range(int(labels.max()) + 1)]
    return sorted(blocks, key=lambda block: -len(block))
