"""Smallest sets of whole numbers with a given probability, row by row."""

from __future__ import annotations

import numpy as np

from classicmoe.distributions.components import Array
from classicmoe.exceptions import ConfigurationError
from classicmoe.predictive._mixing import RowMixture

_MOST = 1 << 22  # whole numbers that are looked at for one row
_TOGETHER = 1 << 20  # and for the rows of a chunk


def highest_probability_sets(mixture: RowMixture, level: float) -> list[Array]:
    """Return for every row the smallest set of whole numbers with at least ``level``, as runs (m_i, 2) of integers.

    A number belongs to the set only if its probability is at least c = (1 - level) / 2 divided by how many numbers
    hold (1 + level) / 2; beyond the quantiles of order c there is none.
    """
    n = len(mixture.log_weights)
    tail = np.full(n, 0.25 * (1.0 - level))
    width = mixture.component_quantiles(tail, True)[1] - mixture.component_quantiles(tail, False)[0] + 1.0
    least = np.maximum(0.5 * (1.0 - level) / width, 1e-149)
    first, last = mixture.component_quantiles(least, False)[0], mixture.component_quantiles(least, True)[1]
    count = last - first + 1.0
    if (count > _MOST).any():
        i = int(np.argmax(count))
        raise ConfigurationError(
            f'interval(kind="hdr") looks at every whole number; row {i} has {count[i]:.0f} of them. Ask for '
            'kind="equal" there.'
        )
    regions: list[Array] = []
    start = 0
    while start < n:
        stop = start + max(1, int(np.searchsorted(np.cumsum(count[start:]), _TOGETHER)))
        sizes = count[start:stop].astype(np.intp)
        row = np.repeat(np.arange(start, min(stop, n)), sizes)
        y = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        probability = np.exp(mixture.at("logpmf", row, y))
        cuts = np.cumsum(sizes)[:-1]
        regions += [_runs(v, q, level) for v, q in zip(np.split(y, cuts), np.split(probability, cuts), strict=True)]
        start = stop
    return regions


def _runs(y: Array, probability: Array, level: float) -> Array:
    """Return the most probable numbers that together have ``level``, ties from the left, as runs of neighbours."""
    order = np.argsort(-probability, kind="stable")
    needed = int(np.searchsorted(np.cumsum(probability[order]), level * (1.0 - 1e-14))) + 1
    chosen = np.sort(y[order[:needed]])
    breaks = np.flatnonzero(np.diff(chosen) > 1.0)
    return np.stack([chosen[np.append(0, breaks + 1)], chosen[np.append(breaks, len(chosen) - 1)]], axis=1).astype(int)
