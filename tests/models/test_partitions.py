"""The path of partitions against thresholding done by brute force, and labels as users give them."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse.csgraph import connected_components

from classicmoe.exceptions import ConfigurationError
from classicmoe.models.partitions import (
    align,
    block_names,
    block_sizes,
    canonical,
    check_labels,
    partition_path,
    spread,
)


def by_thresholding(strength):
    """Distinct partitions into connected components over all thresholds, from the largest down to 0."""
    strength = strength.copy()
    np.fill_diagonal(strength, 0.0)
    path = []
    for t in [*np.unique(np.append(strength[strength > 0.0], 0.0))[::-1]]:
        labels = canonical(connected_components(strength > t, directed=False)[1])
        if not path or not np.array_equal(labels, path[-1]):
            path.append(labels)
    return path


def correlations(rng, d, n=None):
    return np.corrcoef(rng.normal(size=(n or 2 * d, d)) @ rng.normal(size=(d, d)), rowvar=False)


def assert_same_path(path, expected):
    assert len(path) == len(expected)
    for ours, theirs in zip(path, expected, strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("d", (2, 3, 7, 20, 45))
def test_the_path_is_thresholding_at_every_value(d, seed):
    rng = np.random.default_rng((seed, d))
    for _ in range(5):
        R = correlations(rng, d)
        R = 0.5 * (R + R.T)
        path = partition_path(R)
        assert_same_path(path, by_thresholding(np.abs(R)))
        assert [label.max() + 1 for label in path] == list(range(d, 0, -1))  # d partitions, j blocks in the j-th
        for finer, coarser in pairwise(path):  # nested: a finer block lies in one coarser block
            assert len(set(zip(finer, coarser, strict=True))) == finer.max() + 1
        assert_same_path(partition_path(R, signed=True), by_thresholding(R))


def test_ties_merge_at_once(seed):
    rng = np.random.default_rng(seed)
    lengths = []
    for d in (5, 12, 30):
        R = np.round(correlations(rng, d), 1)
        path = partition_path(R)
        assert_same_path(path, by_thresholding(np.abs(R)))
        lengths.append(d - len(path))
    assert max(lengths) > 0  # there were ties that matter
    assert_same_path(partition_path(np.full((4, 4), 0.5)), [np.arange(4), np.zeros(4)])


def test_values_that_differ_in_the_last_digit_are_different():
    R = np.eye(4)
    tiny = np.nextafter(1e-17, 1.0)
    for (i, j), value in {(0, 1): 1e-17, (1, 2): tiny, (2, 3): 1.0, (0, 3): np.nextafter(1.0, 2.0)}.items():
        R[i, j] = R[j, i] = value
    path = partition_path(R)
    assert_same_path(path, by_thresholding(R))
    assert_same_path(path, [[0, 1, 2, 3], [0, 1, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0]])


def test_an_asymmetry_of_rounding_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    R = correlations(rng, 12)
    R = 0.5 * (R + R.T)
    above = np.triu(np.ones((12, 12), dtype=bool), 1)
    uneven = np.where(above, np.nextafter(R, 2.0), R)
    assert not np.array_equal(uneven, uneven.T)
    path = partition_path(uneven)
    assert len(path) == 12
    assert_same_path(path, partition_path(0.5 * (uneven + uneven.T)))
    assert_same_path(path, partition_path(uneven.T))


def test_exact_blocks_come_back_and_are_the_end(seed):
    rng = np.random.default_rng(seed)
    labels = canonical(rng.permutation(np.repeat([0, 1, 2], [4, 3, 5])))
    R = np.where(labels[:, None] == labels, 0.7 ** np.abs(np.subtract.outer(np.arange(12), np.arange(12))), 0.0)
    assert_array_equal(partition_path(R)[-1], labels)


def test_columns_without_variance_stay_alone(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 6)) @ rng.normal(size=(6, 6))
    X[:, 2] = 4.0
    with np.errstate(invalid="ignore"):
        R = np.corrcoef(X, rowvar=False)
    assert np.isnan(R[2]).all()
    path = partition_path(R)
    assert_array_equal(path[-1], [0, 0, 1, 0, 0, 0])
    assert_same_path(path, by_thresholding(np.nan_to_num(np.abs(R))))
    half = np.eye(3)
    half[0, 1] = np.nan  # on one side of the diagonal only
    half[1, 0] = 0.9
    assert_same_path(partition_path(half), [np.arange(3)])
    assert_same_path(partition_path(np.ones((1, 1))), [[0]])


def test_signed_thresholding_finds_positive_blocks_and_misses_alternating_signs():
    labels = np.repeat([0, 1, 2], 4)
    size = 0.6 ** np.abs(np.subtract.outer(np.arange(12), np.arange(12))) * (labels[:, None] == labels)
    sign = np.tile([1.0, -1.0], 6)
    noise = 0.05 * np.cos(np.add.outer(np.arange(12), np.arange(12)))  # links between blocks, weaker than within
    positive, alternating = (np.where(size > 0.0, size * s, noise) for s in (1.0, np.outer(sign, sign)))

    def visits(path):
        return any(np.array_equal(found, labels) for found in path)

    assert visits(partition_path(positive)) and visits(partition_path(positive, signed=True))
    assert visits(partition_path(alternating)) and not visits(partition_path(alternating, signed=True))


def test_paths_are_paired_from_the_sparse_end(seed):
    rng = np.random.default_rng(seed)
    long, short = partition_path(correlations(rng, 6)), partition_path(np.full((6, 6), 0.5))
    paired = align([long, short])
    assert len(paired) == len(short) == 2
    assert_array_equal(paired[0], [np.arange(6)] * 2)
    assert_array_equal(paired[1], [long[1], short[1]])
    assert sorted(block_sizes(long[1])) == [1, 1, 1, 1, 2]


def test_spread_keeps_the_ends_and_repeats_nothing(seed):
    rng = np.random.default_rng(seed)
    for n in (1, 5, 6, 7, 60, 900):
        sizes = np.append(0, np.cumsum(rng.integers(1, 30, n - 1))).tolist()
        at = spread(sizes, 6)
        assert len(at) == min(n, 6) == len(set(at)) and at == sorted(at)
        assert at[0] == 0 and at[-1] == n - 1
    dense = np.append(0, 2.0 ** np.arange(30))
    steps = np.diff(np.log1p(dense[spread(dense, 11)]))
    assert steps.max() < 1.6 * steps.mean()  # a step is 0.7 of the mean: rounded up or down


def test_labels_of_users():
    kept = np.array([0, 2, 3])
    assert_array_equal(check_labels(["b", "a", "a", "b"], 2, 4, kept), [[0, 1, 0]] * 2)
    assert_array_equal(check_labels(np.array([5, 5, 1, 1]), 1, 4, kept), [[0, 1, 1]])
    assert_array_equal(check_labels([[0, 0, 0, 0], (3, 2, 1, 1)], 2, 4, kept), [[0, 0, 0], [0, 1, 1]])
    assert_array_equal(check_labels(np.array([[0, 0, 0, 0], [3, 2, 1, 1]]), 2, 4, kept), [[0, 0, 0], [0, 1, 1]])
    assert block_names(np.array([0.0, 1.0, 1.0]), ["x", "y", "z"]) == [["y", "z"], ["x"]]


@pytest.mark.parametrize(
    "blocks",
    (
        "abcd",
        7,
        [],
        [0, 1, 2],
        [0, 1, 2, 3, 4],
        [[0, 1, 2, 3]],
        [[0, 1, 2, 3]] * 3,
        [[0, 1, 2, 3], [0, 1, 2]],
        [0, None, 1, 1],
        [0.0, np.nan, 1.0, 1.0],
    ),
)
def test_labels_that_cannot_be_used(blocks):
    with pytest.raises(ConfigurationError, match=r"blocks must .* every column"):
        check_labels(blocks, 2, 4, np.arange(4))
