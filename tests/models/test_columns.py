"""ColumnCoder: what users hand over becomes one float table, and comes out the same way ever after."""

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from classicmoe.exceptions import (
    ColumnError,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    IdColumnWarning,
    ManyLevelsWarning,
    MissingValuesError,
    UnseenLevelError,
)
from classicmoe.messages import row_numbering
from classicmoe.models.columns import ColumnCoder


def to_polars(frame):
    return pl.from_pandas(frame)


both = pytest.mark.parametrize("frame_of", [lambda frame: frame, to_polars], ids=["pandas", "polars"])


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 60, 40),
            "visits": rng.integers(0, 9, 40),
            "region": list("SNWE") * 10,
            "insured": [True, False] * 20,
            "size": pd.Categorical(["m", "l", "s", "m"] * 10, categories=["s", "m", "l", "xl"]),
        }
    )


def by_hand(frame):
    """Return the coding that pandas makes of the same frame."""
    frame = frame.assign(size=frame["size"].astype(str).astype(pd.CategoricalDtype(["s", "m", "l"])))
    return pd.get_dummies(frame, columns=["region", "insured", "size"], drop_first=True).to_numpy(float)


@both
def test_frames_are_coded_as_get_dummies_codes_them(people, frame_of):
    enum = pl.Enum(["s", "m", "l", "xl"])
    frame = frame_of(people)
    if isinstance(frame, pl.DataFrame):
        frame = frame.with_columns(pl.col("size").cast(pl.String).cast(enum))
    coder = ColumnCoder()
    coded = coder.fit_transform(frame)
    assert coder.names_out == [
        "age",
        "visits",
        "region[N]",
        "region[S]",
        "region[W]",
        "insured[True]",
        "size[m]",
        "size[l]",
    ]
    assert coder.sources == [0, 1, 2, 2, 2, 3, 4, 4]
    assert coder.levels == {"region": ["E", "N", "S", "W"], "insured": [False, True], "size": ["s", "m", "l"]}
    assert list(coder.feature_names_in_) == list(people.columns)
    assert coder.n_features_in_ == 5
    np.testing.assert_array_equal(coded, by_hand(people))


@both
def test_columns_are_matched_by_name_and_others_ignored(people, frame_of):
    coder = ColumnCoder().fit(frame_of(people))
    shuffled = people[["size", "age", "insured", "region", "visits"]].assign(more="text")
    np.testing.assert_array_equal(coder.transform(frame_of(shuffled)), coder.transform(people))


def test_the_kind_of_frame_does_not_matter(people):
    coder = ColumnCoder().fit(people)
    np.testing.assert_array_equal(coder.transform(pl.from_pandas(people)), coder.transform(people))
    np.testing.assert_array_equal(coder.transform(people.convert_dtypes()), coder.transform(people))
    np.testing.assert_array_equal(coder.transform(people.astype({"region": "category"})), coder.transform(people))
    np.testing.assert_array_equal(coder.transform(people.astype({"insured": int})), coder.transform(people))


@both
def test_a_missing_column_is_named_with_its_nearest_neighbour(people, frame_of):
    coder = ColumnCoder().fit(people)
    with pytest.raises(ColumnError, match=r"'region', which is not in the data\. Did you mean 'regoin'\?"):
        coder.transform(frame_of(people.rename(columns={"region": "regoin"})))


@both
def test_an_unseen_level_names_column_row_level_and_cure(people, frame_of):
    coder = ColumnCoder().fit(people)
    new = people.assign(region=["N"] * 17 + ["X"] + ["N"] * 20 + ["X", "Y"])
    with pytest.raises(UnseenLevelError) as caught:
        coder.transform(frame_of(new))
    for part in ("region in {E, N, S, W}", "row 17 has 'X'", "17, 38, 39", "counted from 0", "--unseen reference"):
        assert part in str(caught.value)
    as_reference = coder.transform(frame_of(new), unseen="reference")
    np.testing.assert_array_equal(as_reference[[17, 38, 39], 2:5], 0.0)
    np.testing.assert_array_equal(ColumnCoder("reference").fit(people).transform(frame_of(new)), as_reference)


def test_a_category_that_did_not_occur_at_fit_is_unseen(people):
    coder = ColumnCoder().fit(people)
    with pytest.raises(UnseenLevelError, match="'xl'"):
        coder.transform(people.assign(size=pd.Categorical(["xl"] * 40, categories=["s", "m", "l", "xl"])))


@both
def test_missing_values_of_all_columns_are_in_one_message(people, frame_of):
    coder = ColumnCoder().fit(people)
    people.loc[[3, 17, 20, 21], "age"] = np.nan
    people.loc[5, "age"] = np.inf
    people.loc[7, "region"] = None
    with pytest.raises(MissingValuesError) as caught:
        coder.transform(frame_of(people))
    text = str(caught.value)
    assert text.startswith("Input X contains NaN.")
    assert "'age' has 4 missing values and 1 infinite value (first rows 3, 5, 17)" in text
    assert "'region' has 1 missing value (row 7)" in text
    assert "--na drop" in text


@both
def test_text_where_numbers_were_names_the_first_bad_rows(frame_of):
    coder = ColumnCoder().fit(pd.DataFrame({"x": np.arange(100.0)}))
    values = [str(v) for v in range(100)]
    for row in (12, 30, 88):
        values[row] = "n/a?"
    with pytest.raises(
        ColumnError, match=r"3 of 100 values of 'x' are not numbers; rows 12, 30, 88 \(counted from 0\), .*'n/a\?'"
    ):
        coder.transform(frame_of(pd.DataFrame({"x": values})))
    good = frame_of(pd.DataFrame({"x": [str(v) for v in range(100)]}))
    np.testing.assert_array_equal(coder.transform(good)[:, 0], np.arange(100.0))


@both
def test_text_columns_that_cannot_be_categories(frame_of):
    rng = np.random.default_rng(0)

    def fit(values):
        return ColumnCoder().fit(frame_of(pd.DataFrame({"t": values})))

    with pytest.raises(ColumnError, match=r"different value in each of its 30 rows.*--drop t"):
        fit([f"name {i}" for i in range(30)])
    with pytest.raises(ColumnError, match=r"different value in each"):
        fit([f"{i:05d}" for i in range(30)])
    with pytest.raises(ColumnError, match="500 levels in 5000 rows"):
        fit([f"level {i % 500}" for i in range(5000)])
    with pytest.raises(ColumnError, match="21 levels in 100 rows"):
        fit([f"level {i % 21}" for i in range(100)])
    with pytest.raises(ColumnError, match=r"holds dates or times.*--drop t"):
        fit([f"2026-{i // 28 + 1:02d}-{i % 28 + 1:02d}" for i in range(200)])
    with pytest.raises(ColumnError, match=r"44 of 4400 values of 't' are not numbers; first rows 0, 100, 200"):
        fit([str(rng.normal()) if i % 100 else "?" for i in range(4400)])
    with pytest.raises(ColumnError, match="text but holds numbers"):
        fit([str(rng.normal()) for i in range(4400)])


@both
def test_many_levels_are_a_warning(frame_of):
    with pytest.warns(ManyLevelsWarning, match=r"'t' has 21 levels in 210 rows.*--drop t"):
        ColumnCoder().fit(frame_of(pd.DataFrame({"t": [f"level {i % 21}" for i in range(210)]})))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ColumnCoder().fit(frame_of(pd.DataFrame({"t": [f"level {i % 20}" for i in range(210)]})))


@both
@pytest.mark.parametrize(
    "name, values, warns",
    [
        ("id", np.random.default_rng(0).permutation(np.arange(1000, 1050)), True),
        ("customer_id", np.arange(50) * 7, True),
        ("PatientID", np.arange(50) * 7.0, True),
        ("rank_no", np.arange(1, 51), True),
        ("whatever", np.arange(1, 51), True),
        ("year", np.arange(1970, 2020), False),
        ("week", np.arange(50), False),
        ("x", np.arange(50), False),
        ("paid", np.arange(50) * 7, False),
        ("income", np.arange(50) ** 2, False),
        ("id", np.arange(50) // 2, False),
        ("id", np.arange(19), False),
        ("id", np.arange(50) + 0.5, False),
    ],
)
def test_columns_that_look_like_identifiers(frame_of, name, values, warns):
    frame = frame_of(pd.DataFrame({name: values}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ColumnCoder().fit(frame)
    assert [issubclass(w.category, IdColumnWarning) for w in caught] == [True] * warns


@both
def test_dates_and_other_kinds_are_refused(frame_of):
    with pytest.raises(ColumnError, match=r"'day' holds dates or times.*--drop day.*number"):
        ColumnCoder().fit(frame_of(pd.DataFrame({"day": pd.date_range("2026-01-01", periods=5)})))
    with pytest.raises(ColumnError, match=r"'parts' holds .* values, which cannot be coded"):
        ColumnCoder().fit(frame_of(pd.DataFrame({"parts": [[1], [2], [3]]})))


def test_mixed_columns_are_refused():
    with pytest.raises(ColumnError, match=r"1 of 3 values of 'a' is not a number; row 1 "):
        ColumnCoder().fit(pd.DataFrame({"a": [1, "x", 2]}, dtype=object))
    with pytest.raises(ColumnError, match="Complex data not supported"):
        ColumnCoder().fit(pd.DataFrame({"a": [1j, 2]}))


@both
def test_a_single_level_is_left_out_with_a_warning(frame_of):
    frame = frame_of(pd.DataFrame({"word": ["a"] * 5, "x": [1.0, 2.0, 4.0, 3.0, 5.0]}))
    with pytest.warns(ConstantColumnWarning, match="'word' is 'a' in every row"):
        coder = ColumnCoder().fit(frame)
    assert coder.names_out == ["x"]
    assert coder.transform(frame).shape == (5, 1)


@both
def test_columns_outside_only_do_no_harm(people, frame_of):
    wild = people.assign(note=[f"text {i}" for i in range(40)], day=pd.date_range("2026-01-01", periods=40))
    coder = ColumnCoder().fit(frame_of(wild), only=["region", "age"])
    assert coder.columns == ["age", "region"]
    assert coder.n_features_in_ == 7
    np.testing.assert_array_equal(
        coder.transform(frame_of(people[["region", "age"]])), by_hand(people)[:, [0, 2, 3, 4]]
    )
    nothing = ColumnCoder().fit(frame_of(wild), only=[])
    assert nothing.transform(frame_of(people)).shape == (40, 0)
    with pytest.raises(ColumnError, match=r"no column 'agee'.*Did you mean 'age'"):
        ColumnCoder().fit(frame_of(wild), only=["agee"])


@pytest.mark.parametrize(
    "X, error, words",
    [
        ([["a", 1], ["b", 2]], ColumnError, "array with text in 'x0', 'x1'.*data frame"),
        (np.array([[1.0, "a"], [2.0, "b"]], dtype=object), ColumnError, "array with text in 'x1'"),
        (np.array([["1.5"], ["2"]], dtype=object), ColumnError, "array with text in 'x0'"),
        (np.array([["2026-01-01"]], dtype="datetime64[D]"), ColumnError, "dates or times"),
        (np.zeros(3, dtype=[("a", float)]), ColumnError, "records"),
        (csr_array(np.eye(3)), ColumnError, "Sparse"),
        (np.ones(3), DataError, "Reshape your data"),
        (np.ones((2, 2, 2)), DataError, "dim"),
        (np.ones((2, 2)) * 1j, DataError, "Complex data not supported"),
        ([[1, 2], [3]], DataError, "rows differ in length"),
        (np.empty((0, 3)), DataError, "0 sample"),
        (np.empty((12, 0)), DataError, r"0 feature\(s\) \(shape=\(12, 0\)\) while a minimum of 1 is required"),
        (
            pd.DataFrame(index=range(12)),
            DataError,
            r"0 feature\(s\) \(shape=\(12, 0\)\) while a minimum of 1 is required",
        ),
        (pd.Series([1.0, 2.0]), DataError, "2-dimensional"),
        (pl.DataFrame({"a": [1]}).lazy(), ColumnError, "lazy frame.*collect"),
        (pd.DataFrame(np.ones((2, 2)), columns=["a", "a"]), ColumnError, "repeated: 'a' 2 times"),
        (pd.DataFrame(np.ones((2, 2)), columns=["a", 1]), ColumnError, "must all be text; these are not: 1"),
        (None, DataError, "got None"),
        (np.array([[1.0, None], [2.0, 3.0]], dtype=object), MissingValuesError, "Input X contains NaN.*'x1' has 1"),
    ],
)
def test_what_is_refused(X, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        ColumnCoder().fit_transform(X)


def test_arrays_of_numbers_in_any_guise():
    X = np.arange(6).reshape(3, 2)
    for same in (X, X.tolist(), X.astype(object), X.astype(np.float16), X > -1):
        np.testing.assert_array_equal(ColumnCoder().fit_transform(same), np.asarray(same, dtype=float))


@both
def test_non_finite_arrays_name_columns_and_rows(frame_of):
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[[3, 9, 150], 1] = np.nan
    X[7, 2] = -np.inf
    with pytest.raises(MissingValuesError) as caught:
        ColumnCoder().fit_transform(X)
    assert "'x1' has 3 missing values (rows 3, 9, 150)" in str(caught.value)
    assert "'x2' has 1 infinite value (row 7)" in str(caught.value)
    X[:, 1] = 0.0
    with pytest.raises(MissingValuesError, match="infinity or a value too large"):
        ColumnCoder().fit_transform(frame_of(pd.DataFrame(X, columns=["x0", "x1", "x2"])))
    coder = ColumnCoder().fit(X, only=["x0", "x1"])
    assert coder.transform(X) is not None


def test_large_finite_values_are_finite():
    X = np.full((10, 2), 1e308)
    np.testing.assert_array_equal(ColumnCoder().fit_transform(X), X)


def test_between_arrays_and_frames():
    X = np.random.default_rng(0).normal(size=(30, 2))
    frame = pd.DataFrame(X, columns=["a", "b"])
    by_name = ColumnCoder().fit(frame)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but MoERegressor was fitted with"):
        np.testing.assert_array_equal(by_name.transform(X), X)
    with pytest.raises(DataError, match="X has 1 features, but MoERegressor is expecting 2 features as input"):
        by_name.transform(X[:, :1])
    by_position = ColumnCoder().fit(X)
    with pytest.warns(UserWarning, match="X has feature names, but MoERegressor was fitted without feature names"):
        np.testing.assert_array_equal(by_position.transform(frame), X)
    numbered = ColumnCoder().fit(pd.DataFrame(X))
    assert numbered.feature_names_in_ is None
    assert numbered.names_out == ["x0", "x1"]
    np.testing.assert_array_equal(numbered.transform(X), X)
    part = ColumnCoder().fit(frame, only=["b"])
    with pytest.warns(UserWarning, match="valid feature names"):
        np.testing.assert_array_equal(part.transform(X), X[:, 1:])


def test_an_array_cannot_replace_a_coded_frame(people):
    with pytest.raises(ColumnError, match=r"categorical columns \('region', 'insured', 'size'\); pass a data frame"):
        ColumnCoder().fit(people).transform(np.ones((3, 5)))


def test_rows_are_numbered_as_the_caller_asks(people):
    coder = ColumnCoder().fit(people)
    with row_numbering(first=1, positions=[4, 8]), pytest.raises(UnseenLevelError, match=r"row 9 has 'X'.*from 1"):
        coder.transform(people.iloc[:2].assign(region=["N", "X"]))


def test_names_must_not_collide_after_coding():
    with pytest.raises(ColumnError, match=r"'r\[b\]' after coding"):
        ColumnCoder().fit(pd.DataFrame({"r": ["a", "b", "a"], "r[b]": [1.0, 2.0, 4.0]}))


def test_unseen_has_two_values():
    with pytest.raises(ConfigurationError, match="'error' or 'reference', not 'ignore'"):
        ColumnCoder("ignore")


def test_intervals_of_pandas_cut():
    frame = pd.DataFrame({"age": pd.cut(pd.Series([1.0, 15.0, 25.0, 3.0]), [0, 10, 20, 30])})
    coder = ColumnCoder().fit(frame)
    assert coder.names_out == ["age[(10, 20]]", "age[(20, 30]]"]
    np.testing.assert_array_equal(coder.transform(frame), [[0, 0], [1, 0], [0, 1], [0, 0]])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "É", "", "d e", "1"]), min_size=3, max_size=30).filter(
        lambda v: 1 < len(set(v)) < len(v)
    ),
    st.data(),
)
def test_state_survives_json_and_codes_alike(values, data):
    numbers = data.draw(
        st.lists(st.floats(-1e9, 1e9, width=32), min_size=len(values), max_size=len(values)), label="numbers"
    )
    frame = pd.DataFrame({"t": values, "x": numbers, "c": pd.Categorical(values, ordered=True)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdColumnWarning)
        coder = ColumnCoder().fit(frame)
    coded = coder.transform(frame)
    again = ColumnCoder.from_state(json.loads(json.dumps(coder.to_state())))
    assert again.names_out == coder.names_out
    assert again.sources == coder.sources
    for same in (frame, pl.from_pandas(frame), frame[["c", "x", "t"]]):
        np.testing.assert_array_equal(again.transform(same), coded)
    rows = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1), label="rows")
    np.testing.assert_array_equal(again.transform(frame.iloc[rows]), coded[rows])
    levels = [
        coder.levels["t"][int(code)] for code in coded[:, : len(coder.levels["t"]) - 1] @ range(1, len(set(values)))
    ]
    assert levels == values
