"""The level of softmax coefficients is where the penalty is smallest, and zeros are exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicmoe.penalties import L1, MCP, SCAD, ElasticNet, Group, Majoriser, relevel

penalties = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])
numbers = st.integers(-6, 6).map(lambda i: 0.3 * i)  # ties are common


def column(threshold, ridge, coef):
    """A majoriser and coefficients of one slope behind an intercept."""
    zero = np.zeros(len(coef))
    majoriser = Majoriser(np.column_stack([zero, threshold]), np.column_stack([zero, ridge]))
    return majoriser, np.column_stack([zero + 7.0, coef])


def cost(threshold, ridge, coef, level):
    return threshold @ np.abs(coef - level) + 0.5 * ridge @ (coef - level) ** 2


def cheapest(threshold, ridge, coef):
    """The smallest cost of all levels: at a coefficient or at the minimum of the parabola between two of them."""
    levels = list(coef)
    for k in range(len(coef) + 1):
        signs = np.where(np.argsort(np.argsort(coef, kind="stable")) < k, 1.0, -1.0)
        if ridge.sum() > 0.0:
            levels.append((ridge @ coef - threshold @ signs) / ridge.sum())
    return min(cost(threshold, ridge, coef, level) for level in levels)


@settings(max_examples=300)
@given(st.lists(st.tuples(penalties, penalties, numbers), min_size=1, max_size=7))
def test_no_level_is_cheaper(lines):
    threshold, ridge, coef = np.array(lines).T
    majoriser, both = column(threshold, ridge, coef)
    ours = relevel(majoriser, both)
    assert np.array_equal(ours[:, 0], both[:, 0])
    shift = coef - ours[:, 1]
    assert np.ptp(shift) <= 1e-14 * (1.0 + np.abs(coef).max())
    best = cheapest(threshold, ridge, coef)
    assert cost(threshold, ridge, ours[:, 1], 0.0) <= best * (1.0 + 1e-12)
    if not ridge.any():
        assert not threshold.any() or (ours[:, 1] == 0.0).any()


@pytest.mark.parametrize("alpha", (0.1, 0.3, 1.0, 7.7))
@pytest.mark.parametrize("n_lines", range(1, 14))
def test_equal_thresholds_have_the_lower_median(n_lines, alpha, seed):
    coef = np.random.default_rng(seed).normal(size=(n_lines, 5))
    ours = relevel(L1(alpha).majoriser(coef), coef)
    assert np.array_equal(ours[:, 1:], (coef - np.sort(coef, axis=0)[(n_lines - 1) // 2])[:, 1:])
    assert ((ours[:, 1:] == 0.0).sum(axis=0) == 1).all()
    assert np.array_equal(relevel(L1(alpha).majoriser(ours), ours), ours)


@pytest.mark.parametrize("penalty", (L1(0.7), ElasticNet(1.3), Group(0.5), MCP(0.8), SCAD(0.8)))
def test_the_penalty_falls_and_no_contrast_moves(penalty, seed):
    coef = np.random.default_rng(seed).normal(size=(5, 6))
    ours = relevel(penalty.majoriser(coef), coef)
    assert penalty.value(ours) <= penalty.value(coef)
    assert np.allclose(ours - ours[0], coef - coef[0], rtol=0, atol=1e-14)
    if penalty.name in ("l1", "elastic_net", "group"):  # for the others the majoriser is a new one now
        for shift in (-1e-3, 1e-3):
            assert penalty.value(ours) < penalty.value(ours + shift)


def test_groups_and_ridges_have_the_mean(seed):
    coef = np.random.default_rng(seed).normal(size=(4, 6))
    for majoriser in (Group(2.0).majoriser(coef), ElasticNet(2.0, l1_ratio=0.0).majoriser(coef)):
        ours = relevel(majoriser, coef)
        assert np.abs(ours[:, 1:].mean(axis=0)).max() < 1e-15
        assert np.array_equal(ours[:, 0], coef[:, 0])


def test_reference_lines_and_free_columns_stay():
    coef = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 0.0, 1.0, 2.0]])
    threshold, ridge = np.zeros((3, 4)), np.zeros((3, 4))
    threshold[:, 1], threshold[2, 1] = 1.0, np.inf  # held; column 2 has no penalty
    threshold[:, 3] = 1.0
    ours = relevel(Majoriser(threshold, ridge), coef)
    assert np.array_equal(ours[:, :3], coef[:, :3])
    assert np.array_equal(ours[:, 3], [0.0, 4.0, -2.0])
    group = Majoriser(np.array([0.0, np.inf, 0.0, 1.0]), ridge, grouped=True)
    ours = relevel(group, coef)
    assert np.array_equal(ours[:, :3], coef[:, :3])
    assert np.allclose(ours[:, 3], coef[:, 3] - 14.0 / 3.0, rtol=1e-14, atol=0)
