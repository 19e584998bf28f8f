"""The first look at the rows: location, scale, fixed sums, and the columns that say nothing of their own."""

import numpy as np
import pytest

from classicmoe.em.source import ArraySource
from classicmoe.em.survey import MIN_VARIANCE, View, survey
from classicmoe.exceptions import DataError
from classicmoe.experts import GaussianExpert


def look(X, y, weight=None, gate=None, expert=None, chunk_rows=64, family=None):
    every = np.arange(X.shape[1])
    views = [View(0, every if side is None else np.asarray(side, dtype=np.intp)) for side in (gate, expert)]
    return survey(ArraySource((X,), y, weight, chunk_rows), *views, family or GaussianExpert())


def data(n=300, d=4, q=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * [1.0, 10.0, 1e-3, 1e3][:d] + 5.0, rng.normal(size=(n, q)) + [3.0, -2.0][:q]


def scaled(design, X):
    columns = (X[:, design.columns] - design.center) / design.scale
    return np.column_stack([np.ones(len(X)), columns])


@pytest.mark.parametrize("q", (1, 2))
@pytest.mark.parametrize("weighted", (False, True))
def test_location_scale_and_cross_products(q, weighted):
    X, y = data(q=q)
    weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float) if weighted else None
    w = np.ones(len(X)) if weight is None else weight
    result = look(X, y, weight, gate=[0, 2], expert=[3, 1, 0])
    for design, columns in ((result.gate_design, [0, 2]), (result.expert_design, [3, 1, 0])):
        assert design.columns.tolist() == columns
        assert np.allclose(design.center, np.average(X[:, columns], axis=0, weights=w), rtol=1e-12)
        variance = np.average((X[:, columns] - design.center) ** 2, axis=0, weights=w)
        assert np.allclose(design.scale**2, variance, rtol=1e-10)
    center, scale = result.response
    assert np.allclose(center, np.average(y, axis=0, weights=w), rtol=1e-12)
    ground = result.ground
    a, b, z = scaled(result.gate_design, X), scaled(result.expert_design, X), (y - center) / scale
    for actual, left, right in (
        (ground.gate_gram, a, a),
        (ground.expert_gram, b, b),
        (ground.expert_cross, z, b),
        (ground.response_gram, z, z),
    ):
        assert np.allclose(actual, (w[:, None] * left).T @ right, rtol=1e-10, atol=1e-10 * w.sum())
    assert ground.weight == w.sum() and ground.rows == np.count_nonzero(w) and ground.floor == MIN_VARIANCE


def test_huge_offsets_cost_no_digits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 1))
    x = np.round(x * 2**20) / 2**20  # so that adding 2^30 is exact
    plain, moved = look(x, x[:, 0]), look(x + 2.0**30, x[:, 0] + 2.0**30)
    assert moved.expert_design.scale == pytest.approx(plain.expert_design.scale, rel=1e-12)
    assert moved.expert_design.center == pytest.approx(plain.expert_design.center + 2.0**30, rel=1e-15)
    # The centre itself can only be stored to 2^-23.
    assert np.allclose(moved.ground.expert_gram, plain.ground.expert_gram, rtol=1e-9, atol=500 * 2.0**-22)


@pytest.mark.parametrize("value", (0.0, 1.0, 0.1, 1e-300, -7.3e15, 1e100))
def test_constant_columns_are_recognised_whatever_their_value(value):
    X, y = data(d=2)
    X = np.column_stack([X[:, 0], np.full(len(X), value), X[:, 1]])
    result = look(X, y)
    for design, dropped in ((result.gate_design, result.gate_dropped), (result.expert_design, result.expert_dropped)):
        assert design.columns.tolist() == design.kept.tolist() == [0, 2]
        assert [(d.column, d.on) for d in dropped] == [(1, ())]
        assert design.to_raw(np.ones((2, 3)))[:, 2].tolist() == [0.0, 0.0]


def test_nearly_constant_columns_stay():
    X, y = data(d=2)
    X[:, 1] = 1e6
    X[7, 1] += 1.0
    assert look(X, y).expert_design.columns.tolist() == [0, 1]


def test_collinear_columns_are_named_with_those_they_depend_on():
    X, y = data(d=4)
    X = np.column_stack([X, 2.0 * X[:, 0] - 7.0 * X[:, 1] + 3.0, X[:, 3]])
    result = look(X, y)
    assert [(d.column, d.on) for d in result.expert_dropped] == [(4, (0, 1)), (5, (3,))]
    assert result.expert_design.columns.tolist() == [0, 1, 2, 3]
    assert result.ground.expert_gram.shape == (5, 5) and result.ground.expert_cross.shape == (1, 5)


def test_dummies_of_all_levels_are_collinear():
    rng = np.random.default_rng(0)
    X = np.eye(4)[rng.integers(4, size=200)]
    result = look(X, rng.normal(size=200))
    assert [(d.column, d.on) for d in result.expert_dropped] == [(3, (0, 1, 2))]


def test_a_year_and_its_square_are_two_columns():
    year = np.arange(1940.0, 2020.0)
    result = look(np.column_stack([year, year**2]), year % 7)
    assert result.expert_dropped == []


def test_each_side_drops_its_own_columns():
    X, y = data(d=2)
    X = np.column_stack([X, X[:, 0]])
    result = look(X, y, gate=[0, 1], expert=[2, 0, 1])
    assert result.gate_dropped == []
    assert [(d.column, d.on) for d in result.expert_dropped] == [(1, (0,))]


@pytest.mark.parametrize("absurd", (1e6, 1e200, np.inf, np.nan))
def test_rows_of_weight_zero_do_not_matter(absurd):
    X, y = data()
    weight = np.ones(len(X))
    weight[3::5] = 0.0
    expected = look(X[weight > 0], y[weight > 0])
    spoilt, y_spoilt = X.copy(), y.copy()
    spoilt[weight == 0], y_spoilt[weight == 0] = absurd, -absurd
    result = look(spoilt, y_spoilt, weight)
    assert_same_survey(result, expected)


@pytest.mark.parametrize("absurd", (1e6, 1e200))
def test_not_even_when_whole_chunks_of_them_come_first(absurd):
    X, y = data()
    weight = np.r_[np.zeros(200), np.ones(len(X))]
    spoilt = np.vstack([np.full((200, X.shape[1]), absurd), X])
    result = look(spoilt, np.vstack([np.full((200, 1), -absurd), y]), weight)
    assert_same_survey(result, look(X, y))


def assert_same_survey(a, b):
    assert a.expert_dropped == b.expert_dropped
    numbers = [(*look.ground, *look.response, *look.gate_design[2:4]) for look in (a, b)]
    for x, z in zip(*numbers, strict=True):
        assert np.allclose(x, z, rtol=1e-10, atol=1e-10)


# -- missing entries of the response ------------------------------------------------------------------------------


def with_gaps(n=300, seed=0):
    """Columns, responses of which a third is missing, weights."""
    X, _ = data(n, seed=seed)
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, 3)) * [1.0, 50.0, 1e-3] + [5.0, -3.0, 0.0]
    y[rng.random(y.shape) < 0.3] = np.nan
    y[0], y[:250, 2] = np.nan, np.nan
    return X, y, rng.integers(0, 3, n).astype(float)


@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_location_and_scale_are_those_of_the_entries_that_are_there(covariance):
    X, y, weight = with_gaps()
    result = look(X, y, weight, family=GaussianExpert(covariance=covariance), chunk_rows=40)
    center, scale = np.empty(3), np.empty(3)
    for j in range(3):
        seen = ~np.isnan(y[:, j])
        center[j] = np.average(y[seen, j], weights=weight[seen])
        scale[j] = np.sqrt(np.average((y[seen, j] - center[j]) ** 2, weights=weight[seen]))
    if covariance == "spherical":
        scale[:] = np.sqrt(np.mean(scale**2))
    assert np.allclose(result.response.center, center, rtol=1e-12)
    assert np.allclose(result.response.scale, scale, rtol=1e-12)
    filled = np.where(np.isnan(y), center, y)
    z, b = (filled - center) / scale, scaled(result.expert_design, X)
    assert np.allclose(result.ground.expert_cross, (weight[:, None] * z).T @ b, rtol=1e-9, atol=1e-9)
    assert np.allclose(result.ground.response_squares, weight @ z**2, rtol=1e-10)
    assert result.ground.rows == np.count_nonzero(weight) and result.ground.weight == weight.sum()


@pytest.mark.parametrize("chunk_rows", (7, 1000))
def test_missing_entries_before_the_first_cost_no_digits(chunk_rows):
    X, y, weight = with_gaps()
    y = np.round(y * 2.0**20) / 2.0**20  # so that adding 2^30 is exact
    plain, moved = (look(X, z, weight, chunk_rows=chunk_rows) for z in (y, y + 2.0**30))
    assert moved.response.scale == pytest.approx(plain.response.scale, rel=1e-12)
    assert moved.response.center == pytest.approx(plain.response.center + 2.0**30, rel=1e-15)


def test_an_output_without_any_entry_has_scale_one():
    X, y, _ = with_gaps()
    y[:, 1] = np.nan
    result = look(X, y)
    assert (result.response.center[1], result.response.scale[1]) == (0.0, 1.0)
    assert result.ground.response_squares[1] == 0.0


def test_the_look_writes_nothing_into_the_response():
    X, y, weight = with_gaps()
    before = y.copy()
    look(X, y, weight)
    assert y.tobytes() == before.tobytes()


def test_values_whose_squares_overflow_are_refused():
    X, y = data()
    X[5, 2] = 1e200
    with pytest.raises(DataError, match="rescale"):
        look(X, y)


def test_raw_and_scaled_coefficients_describe_the_same_line():
    X, y = data()
    X = np.column_stack([X, np.ones(len(X)), X[:, 0]])
    design = look(X, y).expert_design
    coef = np.random.default_rng(0).normal(size=(2, 3, design.width))
    raw = design.to_raw(coef)
    assert raw.shape == (2, 3, 7)
    values = np.column_stack([np.ones(len(X)), X]) @ raw[1, 2]
    assert np.allclose(values, scaled(design, X) @ coef[1, 2], rtol=1e-9, atol=1e-9)
    assert np.allclose(design.from_raw(raw), coef, rtol=1e-9, atol=1e-9)
