"""The stand-in for the rows on which starts are made: a weight of k, k copies and any order give the same."""

import numpy as np
import pytest

from classicmoe.em.sample import draw_sample
from classicmoe.em.source import ArraySource
from classicmoe.em.survey import View, survey
from classicmoe.experts import GaussianExpert


def sample(X, y, weight=None, size=20_000, chunk_rows=50):
    source = ArraySource((X,), y, weight, chunk_rows)
    view = View(0, np.arange(X.shape[1]))
    family = GaussianExpert()
    return draw_sample(source, survey(source, view, view, family), family, size)


def rows(drawn):
    return np.column_stack([drawn.source.tables[0], drawn.source.y, drawn.weight])


def data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(size=(n, 2)), 1), np.round(rng.normal(size=n), 1)


def test_copies_order_and_weights_give_the_same_rows():
    X, y = data()
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    shuffled = np.random.default_rng(2).permutation(copies)
    expected = rows(sample(X, y, weight.astype(float)))
    for order in (copies, shuffled):
        assert np.array_equal(rows(sample(X[order], y[order])), expected)
    distinct, counts = np.unique(np.column_stack([X, y])[copies], axis=0, return_counts=True)
    assert np.array_equal(expected, np.column_stack([distinct, counts]))


def test_rows_are_in_lexicographic_order_whatever_the_number_of_columns():
    X = np.random.default_rng(0).integers(0, 2, (300, 40)).astype(float)  # the first 16 columns decide nothing
    X[:, :16] = X[:, :1]
    drawn = rows(sample(X, np.zeros(300)))
    distinct, counts = np.unique(np.column_stack([X, np.zeros(300)]), axis=0, return_counts=True)
    assert np.array_equal(drawn, np.column_stack([distinct, counts]))


def test_minus_zero_is_zero():
    drawn = sample(np.array([[0.0], [-0.0], [1.0]]), np.array([2.0, 2.0, 3.0]))
    assert drawn.weight.tolist() == [2.0, 1.0]


def test_every_nan_is_the_same_missing_entry():
    other = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(float)
    y = np.r_[np.nan, other, 1.0, 1.0]
    drawn = sample(np.zeros((5, 1)), y)
    assert drawn.weight.tolist() == [2.0, 3.0]
    assert np.array_equal(drawn.source.y[:, 0], [1.0, np.nan], equal_nan=True)


def test_the_block_holds_the_scaled_rows():
    X, y = data()
    drawn = sample(X, y)
    assert drawn.n_rows == drawn.block.m == len(drawn.weight)
    assert np.average(drawn.block.expert_columns[1:], axis=1, weights=drawn.weight) == pytest.approx([0, 0], abs=1e-12)
    assert np.average(drawn.block.y**2, axis=1, weights=drawn.weight) == pytest.approx([1.0])


def test_the_same_holds_of_a_table_of_which_a_part_is_drawn():
    X, y = data(5000)
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    shuffled = np.random.default_rng(2).permutation(copies)
    expected = sample(X, y, weight.astype(float), size=300, chunk_rows=70)
    assert expected.n_rows == 300
    for order in (copies, shuffled):
        drawn = sample(X[order], y[order], size=300, chunk_rows=110)
        assert np.array_equal(rows(drawn), rows(expected))
        assert drawn.distinct == expected.distinct


def test_the_part_stands_for_the_whole():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(50_000, 1)), rng.normal(size=50_000), rng.integers(0, 5, 50_000).astype(float)
    drawn = sample(X, y, weight, size=5000, chunk_rows=8192)
    assert drawn.n_rows == 5000
    assert drawn.weight.sum() == pytest.approx(weight.sum())
    # Four standard errors of a count and of shares among 5000 draws.
    assert drawn.distinct == pytest.approx(np.count_nonzero(weight), rel=4 / 5000**0.5)
    edges = np.quantile(X[:, 0], np.linspace(0, 1, 11))
    share = np.histogram(drawn.source.tables[0][:, 0], edges, weights=drawn.weight)[0] / drawn.weight.sum()
    expected = np.histogram(X[:, 0], edges, weights=weight)[0] / weight.sum()
    assert np.allclose(share, expected, atol=0.019)  # four standard errors again
