"""preflight: everything that would stop or disturb a fit, in one list."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classicmoe.models.preflight import collinear, preflight

both = pytest.mark.parametrize("frame_of", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 400
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "a": rng.normal(size=n),
            "b": rng.normal(size=n) * 100 + 1e4,
            "region": rng.choice(list("NSW"), n),
        }
    )


def found(frame, response="y"):
    return [(f.column, f.severity, f.message) for f in preflight(frame, response)]


def about(frame, column, response="y"):
    return [(severity, message) for name, severity, message in found(frame, response) if name == column]


@both
def test_a_clean_table_gets_no_complaint(table, frame_of):
    findings = preflight(frame_of(table), "y")
    assert [f.severity for f in findings] == ["info"] * 6
    assert findings[0].message == "'y' is the response: numeric, 400 distinct values."
    assert findings[1].message == "'region' is categorical: N, S, W ('N' is the reference)."
    assert findings[2].message == "1 expert on 4 columns: 6 parameters, 66.7 rows for each."
    assert findings[-1].message == "4 experts on 4 columns: 39 parameters, 10.3 rows for each."


@both
def test_complaints(table, frame_of):
    table = table.assign(
        one=1,
        word="w",
        id=np.arange(400),
        note=[f"text {i}" for i in range(400)],
        day=pd.date_range("2026-01-01", periods=400),
        total=table["a"] - 2 * table["b"] + 5,
        north=(table["region"] == "N").astype(int),
        hole=np.where(np.arange(400) % 100 == 7, np.nan, table["a"] ** 2),
        endless=np.where(np.arange(400) == 7, np.inf, table["a"] ** 3),
        empty=np.nan,
    )
    frame = frame_of(table)
    assert about(frame, "one") == [("warning", "'one' is 1 in every row.")]
    assert about(frame, "word") == [("warning", "'word' is 'w' in every row and was left out.")]
    assert about(frame, "id")[0][0] == "warning"
    assert "identifier" in about(frame, "id")[0][1]
    assert about(frame, "note")[0][0] == "error"
    assert "dates" in about(frame, "day")[0][1]
    assert about(frame, "total") == [
        ("warning", "'total' is a linear combination of other columns: a constant + 1 'a' - 2 'b'.")
    ]
    assert "-1 'region[S]' - 1 'region[W]'" in about(frame, "north")[0][1]
    assert about(frame, "hole") == [("error", "'hole' has 4 missing values: first rows 7, 107, 207 (counted from 0).")]
    assert about(frame, "endless") == [("error", "'endless' has 1 infinite value: row 7 (counted from 0).")]
    assert "400 missing values" in about(frame, "empty")[0][1]
    assert about(frame, None)[0] == (
        "warning",
        "4 of 400 rows (1.0 %) miss a value: first rows 7, 107, 207 (counted from 0).",
    )


@both
@pytest.mark.parametrize(
    "change, severity, words",
    [
        ({}, "info", "400 distinct"),
        ({"y": 2.0}, "error", "one distinct value (2)"),
        ({"y": ["1.5"] * 399 + ["many"]}, "error", "1 of 400 values of 'y' is not a number; row 399"),
        ({"y": [np.nan, *range(399)]}, "error", "'y' has 1 missing value: row 0"),
        ({"y": [np.inf, *range(399)]}, "error", "'y' has 1 infinite value: row 0"),
    ],
)
def test_the_response(table, frame_of, change, severity, words):
    first = preflight(frame_of(table.assign(**change)), "y")[0]
    assert (first.column, first.severity) == ("y", severity)
    assert words in first.message


def test_a_missing_response(table):
    first = preflight(table, "regoin")[0]
    assert (first.severity, first.message, first.cure) == (
        "error",
        "There is no column 'regoin'.",
        "Did you mean 'region'?",
    )


def test_few_rows_per_parameter(table):
    few = [f for f in preflight(table.iloc[:40], "y") if f.column is None]
    assert [f.severity for f in few] == ["warning"] * 4
    assert few[1].message == "2 experts on 4 columns: 17 parameters, 2.4 rows for each."


def test_only_frames():
    with pytest.raises(TypeError, match="data frame"):
        preflight(np.ones((3, 3)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4), st.sampled_from([1e-6, 1.0, 1e6]))
def test_collinear_columns_are_found_and_explained(seed, free, bound, unit):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(200, free)) * unit
    weights = rng.uniform(0.5, 2.0, size=(free, bound)) * rng.choice([-1, 1], size=(free, bound))
    X = np.column_stack([base, base @ weights + 3.0 * unit])
    result = collinear(X, range(free + bound))
    assert sorted(result) == list(range(free, free + bound))
    for j, parts in result.items():
        assert [k for k, _ in parts] == list(range(free))
        np.testing.assert_allclose([w for _, w in parts], weights[:, j - free], rtol=1e-6)


def test_nearly_collinear_columns_are_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    X = np.column_stack([x, x + 1e-6 * rng.normal(size=1000)])
    assert collinear(X, [0, 1]) == {}
    assert collinear(X, []) == {}
