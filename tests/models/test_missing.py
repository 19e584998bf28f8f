"""Missing values, responses and weights: found fast, named by column and row."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from sklearn.exceptions import DataConversionWarning

from classicmoe.exceptions import ColumnError, DataError, MissingValuesError, TooFewRowsError, WeightError
from classicmoe.messages import did_you_mean, name_list, row_numbering, rows_text
from classicmoe.models.missing import Gap, all_finite, drop_missing, find_gaps, missing_report, missing_values_error
from classicmoe.models.response import check_response, check_weights, response_names

both = pytest.mark.parametrize("frame_of", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])


@given(
    arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(0, 40), st.integers(1, 5)),
        elements=st.sampled_from([0.0, 1.0, -2.5, 3e38, np.nan, np.inf, -np.inf]),
    ),
    st.data(),
)
def test_gaps_are_those_of_numpy(X, data):
    assert all_finite(X) == np.isfinite(X).all()
    columns = data.draw(st.lists(st.integers(0, X.shape[1] - 1), max_size=4), label="columns")
    assert all_finite(X, columns) == np.isfinite(X[:, columns]).all()
    found = {gap.column: gap for gap in find_gaps(X, [f"x{j}" for j in range(X.shape[1])])}
    for j in range(X.shape[1]):
        bad = np.flatnonzero(~np.isfinite(X[:, j]))
        if not len(bad):
            assert f"x{j}" not in found
            continue
        gap = found[f"x{j}"]
        assert (gap.missing, gap.infinite) == (np.isnan(X[:, j]).sum(), np.isinf(X[:, j]).sum())
        assert gap.rows == tuple(bad[:3])


def test_gaps_are_found_across_chunks():
    X = np.zeros((300_000, 3))
    X[[5, 150_000, 299_999], 1] = np.nan
    assert not all_finite(X)
    assert find_gaps(X, ["a", "b", "c"]) == [Gap("b", 3, 0, (5, 150_000, 299_999))]


def test_the_finite_check_makes_no_mask_of_the_table():
    X = np.zeros((1_000_000, 8))
    tracemalloc.start()
    assert all_finite(X)
    assert all_finite(X, [0, 3])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.size  # a mask of booleans would be one byte for each value


@both
def test_report_and_error(frame_of):
    frame = pd.DataFrame({"income": [1.0, np.nan, 3.0] * 30, "age": np.arange(90.0), "region": ["N", "S", None] * 30})
    y = np.r_[np.nan, np.ones(89)]
    report = missing_report(frame_of(frame), y, np.ones(90))
    assert report == [Gap("income", 30, 0, (1, 4, 7)), Gap("region", 30, 0, (2, 5, 8)), Gap("y", 1, 0, (0,))]
    text = str(missing_values_error(report[:2]))
    assert text.splitlines()[0] == (
        "Input X contains NaN. 'income' has 30 missing values (first rows 1, 4, 7), 'region' has 30 missing values "
        "(first rows 2, 5, 8); rows are counted from 0."
    )
    assert "--na drop" in text
    with row_numbering(first=1):
        assert "(first rows 2, 5, 8)" in str(missing_values_error(report[:1]))


def test_error_about_many_columns_is_short():
    gaps = [Gap(f"c{j}", 1, 0, (0,)) for j in range(50)]
    assert "and 44 more columns" in str(missing_values_error(gaps))


@both
def test_dropping_rows(frame_of):
    frame = pd.DataFrame(
        {"a": [1.0, np.nan, 3.0, 4.0], "b": ["x", "y", None, "z"], "c": [1, 2, 3, 4]}, index=[9, 8, 7, 6]
    )
    kept, dropped = drop_missing(frame_of(frame))
    assert type(kept) is type(frame_of(frame))
    assert dropped.tolist() == [1, 2]
    assert kept["c"].to_list() == [1, 4]
    kept, dropped = drop_missing(frame_of(frame), ["a", "c"])
    assert dropped.tolist() == [1]
    assert kept["b"].to_list()[0] == "x"
    kept, dropped = drop_missing(frame_of(frame), ["c"])
    assert len(dropped) == 0
    with pytest.raises(ColumnError, match="needs column 'd'"):
        drop_missing(frame_of(frame), ["d"])


def test_dropping_rows_keeps_pandas_labels():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0]}, index=["r", "s", "t"])
    assert drop_missing(frame)[0].index.tolist() == ["r", "t"]
    with pytest.raises(TypeError, match="data frame, not ndarray"):
        drop_missing(np.ones((2, 2)))


y_values = [1.0, 2.5, 4.0, -1.0]


@pytest.mark.parametrize(
    "y",
    [
        y_values,
        tuple(y_values),
        np.array(y_values),
        np.array(y_values, dtype=np.float32),
        np.array(y_values, dtype=object),
        pd.Series(y_values),
        pd.Series(y_values, dtype="Float64"),
        pl.Series(y_values),
    ],
)
def test_responses_of_every_kind(y):
    checked = check_response(y, n_rows=4)
    assert checked.dtype == np.float64
    np.testing.assert_array_equal(checked, y_values)


def test_float64_responses_are_not_copied():
    y = np.array(y_values)
    assert check_response(y) is y


@both
def test_several_outputs(frame_of):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 0.5, 1.5]})
    np.testing.assert_array_equal(check_response(frame_of(frame)), frame.to_numpy(float))
    assert response_names(frame_of(frame)) == ["a", "b"]
    assert response_names(frame_of(frame)["b"]) == ["b"]
    assert response_names(frame.to_numpy()) is None
    assert response_names(pd.Series([1.0, 2.0])) is None


@pytest.mark.parametrize("y", [np.ones((4, 1)) * np.arange(4)[:, None], pd.DataFrame({"y": [0.0, 1.0, 2.0, 3.0]})])
def test_a_column_vector_is_taken_with_a_warning(y):
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        assert check_response(y).shape == (4,)


@pytest.mark.parametrize(
    "y, error, words",
    [
        (None, DataError, "requires y to be passed, but the target y is None"),
        (["a", "b", "c"], DataError, r"3 of 3 values of 'y' are not numbers; rows 0, 1, 2 .*classifier"),
        (["1", "2", "3"], DataError, r"'y' is text but holds numbers; convert"),
        (np.array([1, 2j]), DataError, "Complex data not supported"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), DataError, "numeric response"),
        (pd.Series(pd.date_range("2026-01-01", periods=3), name="day"), DataError, "'day' has type Datetime"),
        (csr_array(np.eye(3)), DataError, "Sparse y"),
        (3.0, DataError, "1d array"),
        (np.ones((2, 2, 2)), DataError, "1d array"),
        (np.empty((3, 0)), DataError, "1d array"),
        ([1.0, 2.0], DataError, r"inconsistent numbers of samples: \[3, 2\]"),
        ([1.0, np.nan, np.nan], MissingValuesError, r"Input y contains NaN. 'y' has 2 missing values \(rows 1, 2\)"),
        ([1.0, None, 2.0], MissingValuesError, r"Input y contains NaN. 'y' has 1 missing value \(row 1\)"),
        ([1.0, np.inf, 2.0], MissingValuesError, r"Input y contains infinity"),
        (np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 1.0]]), MissingValuesError, r"'y1' has 1 missing value \(row 1\)"),
        ([2.0, 2.0, 2.0], DataError, r"'y' has one distinct value \(2\) in all 3 rows.*nothing to explain"),
        (np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0]]), DataError, r"'y1' has one distinct value \(2\)"),
        (pd.Series([7, 7, 7], name="visits"), DataError, r"'visits' has one distinct value \(7\)"),
    ],
)
def test_responses_that_are_refused(y, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        check_response(y, n_rows=3)


@pytest.mark.parametrize("series", [pd.Series, pl.Series, None])
def test_wrong_values_among_good_ones_are_counted(series):
    values = [str(v) for v in range(4406)]
    for row in [12, 88, 301, *range(400, 434)]:
        values[row] = "many"
    y = (
        np.array(values, dtype=object)
        if series is None
        else series(name="visits", data=values)
        if series is pd.Series
        else pl.Series("visits", values)
    )
    name = "y" if series is None else "visits"
    with pytest.raises(
        DataError,
        match=rf"37 of 4406 values of '{name}' are not numbers; first rows 12, 88, 301 \(counted from 0\), .* 'many'",
    ):
        check_response(y)


def test_variation_counts_rows_with_weight():
    with pytest.raises(DataError, match="one distinct value"):
        check_response([1.0, 1.0, 2.0], sample_weight=np.array([1.0, 1.0, 0.0]))
    with pytest.raises(TooFewRowsError, match="1 sample"):
        check_response([1.0])
    assert check_response([1.0], vary=False).shape == (1,)


@pytest.mark.parametrize("weights", [[3, 3, 0], (1.0, 2.0, 0.5), pd.Series([1, 2, 3]), pl.Series([1, 2, 3])])
def test_weights(weights):
    np.testing.assert_array_equal(check_weights(weights, 3), np.asarray(weights, dtype=float))


def test_no_weights_make_no_array():
    assert check_weights(None, 10) is None
    weights = np.ones(3)
    assert check_weights(weights, 3) is weights


@pytest.mark.parametrize(
    "weights, words",
    [
        ([1.0, np.nan, np.inf], r"NaN or infinity in 2 rows: rows 1, 2 \(counted from 0\)"),
        ([1.0, -1.0, -2.0], r"2 of 3 sample weights are negative: rows 1, 2 .*smallest is -2"),
        ([0.0, 0.0, 0.0], "weights are zero"),
        ([1.0, 1.0], r"shape == \(2,\), expected \(3,\)"),
        (np.ones((3, 1)), r"shape == \(3, 1\), expected \(3,\)"),
        (1.0, r"expected \(3,\)"),
        (["a", "b", "c"], "must hold numbers"),
    ],
)
def test_weights_that_are_refused(weights, words):
    with pytest.raises(WeightError, match=words):
        check_weights(weights, 3)


def test_messages():
    assert rows_text([4]) == "row 4 (counted from 0)"
    assert rows_text(range(3, 9)) == "first rows 3, 4, 5 (counted from 0)"
    assert rows_text([1, 2], total=7) == "first rows 1, 2 (counted from 0)"
    with row_numbering(first=1, positions=[10, 20, 30]):
        assert rows_text([0, 2]) == "rows 11, 31 (counted from 1)"
    assert rows_text([0, 2], note=False) == "rows 0, 2"
    assert did_you_mean("regoin", ["age", "region"]) == " Did you mean 'region'?"
    assert did_you_mean("AGE", ["age", "region"]) == " Did you mean 'age'?"
    assert did_you_mean("zzz", ["age", "region"]) == ""
    assert name_list(list("abcd"), limit=2) == "'a', 'b', … (2 more)"
