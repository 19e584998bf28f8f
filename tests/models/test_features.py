"""FeatureMap: column lists, transformers and formulas on either side of the model."""

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler

from classicmoe.exceptions import ColumnError, ConfigurationError, DataError, MissingValuesError
from classicmoe.models.columns import ColumnCoder
from classicmoe.models.features import FeatureMap, required_columns

both = pytest.mark.parametrize("frame_of", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 60, 60),
            "income": rng.lognormal(size=60),
            "region": rng.choice(["N", "S", "W"], 60),
            "note": [f"text {i}" for i in range(60)],
        }
    )


def fit(spec, X):
    coder = ColumnCoder().fit(X, only=required_columns(X, spec))
    return coder, FeatureMap.fit(spec, X, coder)


def output(spec, X, new=None):
    coder, made = fit(spec, X)
    new = X if new is None else new
    return made, made.transform(new, coder.transform(new))


@both
@pytest.mark.parametrize(
    "spec, names, inputs",
    [
        ([], [], []),
        (["age"], ["age"], ["age"]),
        (["region", "age"], ["region[S]", "region[W]", "age"], ["region", "age"]),
        (["region[W]", "age"], ["region[W]", "age"], ["region", "age"]),
        ([2, 0], ["region[S]", "region[W]", "age"], ["region", "age"]),
        (np.array([-3]), ["income"], ["income"]),
        ([True, False, True, False], ["age", "region[S]", "region[W]"], ["age", "region"]),
        (pd.Index(["age"]), ["age"], ["age"]),
        ("age", ["age"], ["age"]),
        ("age + region", ["age", "region[S]", "region[W]"], ["age", "region"]),
        (". - note", ["age", "income", "region[S]", "region[W]"], ["age", "income", "region"]),
        ("1", [], []),
    ],
)
def test_column_lists_are_index_maps(people, frame_of, spec, names, inputs):
    X = frame_of(people)
    coder, made = fit(spec, X)
    assert (made.kind, made.names_out, made.input_names) == ("columns", names, inputs)
    assert made.columns.dtype == np.intp
    coded = coder.transform(X)
    expected = pd.get_dummies(people[["age", "income", "region"]]).rename(
        columns=lambda c: c.replace("region_", "region[")
    )
    expected = expected.rename(columns=lambda c: c + "]" if "[" in c else c)[names]
    np.testing.assert_array_equal(coded[:, made.columns], expected.to_numpy(float))
    np.testing.assert_array_equal(made.transform(X, coded), expected.to_numpy(float))


def test_none_is_all_coded_columns(people):
    _, made = fit(None, people[["age", "region"]])
    assert made.names_out == ["age", "region[S]", "region[W]"]
    assert required_columns(people, None, ["age"]) is None
    assert required_columns(people, "age:income", ["region[S]"], StandardScaler()) == ["region"]


def test_two_sides_share_one_coded_table(people):
    coder = ColumnCoder().fit(people, only=required_columns(people, ["age", "region"], ["income"]))
    gate = FeatureMap.fit(["region"], people, coder)
    experts = FeatureMap.fit(["income"], people, coder)
    assert coder.names_out == ["age", "income", "region[S]", "region[W]"]
    assert gate.columns.tolist() == [2, 3]
    assert experts.columns.tolist() == [1]


@pytest.mark.parametrize(
    "spec, error, words",
    [
        (["regoin"], ColumnError, r"no column 'regoin' in X\. Did you mean 'region'\?"),
        ("age + incom", ColumnError, r"Did you mean 'income'\?"),
        (["region[X]"], ColumnError, r"no column 'region\[X\]'.*Did you mean 'region\[\w\]'"),
        (["age", "age"], ColumnError, "'age' is listed more than once"),
        (["region", "region[S]"], ColumnError, r"'region\[S\]' is listed more than once"),
        ([0, "age"], ColumnError, "'age' is listed more than once"),
        ([4], ColumnError, "no column 4: X has 4 columns"),
        ([-5], ColumnError, "no column -5"),
        ([True, False], ColumnError, "mask of 2 columns was given, but X has 4"),
        ([1.5], ConfigurationError, "by name or index, not 1.5"),
        ([None], ConfigurationError, "by name or index, not None"),
        (3, ConfigurationError, "None, a list of column names or indices.*not 3"),
        ({"age": 1}, ConfigurationError, "None, a list of column names"),
        (StandardScaler, ConfigurationError, r"StandardScaler\(\), not its class"),
    ],
)
def test_what_is_refused(people, spec, error, words):
    with pytest.raises(error, match=words):
        fit(spec, people)


@both
def test_a_transformer_gets_the_frame_and_only_what_it_needs_later(people, frame_of):
    spec = make_column_transformer(
        (PolynomialFeatures(2, include_bias=False), ["age", "income"]),
        (OneHotEncoder(sparse_output=False, drop="first"), ["region"]),
    )
    made, values = output(spec, frame_of(people), frame_of(people[["region", "income", "age"]]))
    assert made.kind == "transformer"
    assert made.columns is None
    assert sorted(made.input_names) == ["age", "income", "region"]
    age, income = people["age"].to_numpy(), people["income"].to_numpy()
    np.testing.assert_allclose(values[:, :5].T, [age, income, age**2, age * income, income**2], rtol=1e-15)
    np.testing.assert_array_equal(values[:, 6], people["region"] == "W")
    assert len(made.names_out) == 7
    with pytest.raises(ColumnError, match="needs column 'region'"):
        made.transform(frame_of(people[["age", "income"]]), np.empty((60, 0)))


def test_a_transformer_is_cloned(people):
    spec = StandardScaler()
    output(spec, people[["age", "income"]])
    assert not hasattr(spec, "mean_")


def test_a_transformer_without_column_choice_needs_all_columns(people):
    made, values = output(StandardScaler(), people[["age", "income"]], people)
    assert made.input_names == ["age", "income"]
    np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=1e-14)
    pipeline, _ = output(make_pipeline(StandardScaler(), PCA(1)), people[["age", "income"]])
    assert pipeline.names_out == ["pca0"]


def test_arrays_reach_a_transformer_as_they_are():
    X = np.random.default_rng(0).normal(size=(20, 3))
    made, values = output(PolynomialFeatures(2, include_bias=False, interaction_only=True), X)
    assert made.names_out == ["x0", "x1", "x2", "x0 x1", "x0 x2", "x1 x2"]
    np.testing.assert_array_equal(values[:, 5], X[:, 1] * X[:, 2])
    assert output(StandardScaler(), X.astype(np.float32))[1].dtype == np.float32


def test_a_transformer_may_impute():
    X = np.random.default_rng(0).normal(size=(20, 2))
    X[3, 1] = np.nan
    _, values = output(SimpleImputer(), X)
    assert values[3, 1] == pytest.approx(np.nanmean(X[:, 1]))
    with pytest.raises(MissingValuesError, match=r"'x1' has 1 missing value"):
        output(StandardScaler(), X)


def test_a_transformer_may_use_the_response():
    X = np.random.default_rng(0).normal(size=(20, 2))
    seen = []

    class Spy(StandardScaler):
        def fit(self, X, y=None):
            seen.append(y)
            return super().fit(X)

    y = np.arange(20.0)
    FeatureMap.fit(Spy(), X, ColumnCoder().fit(X), y=y)
    assert seen[0] is y


@both
def test_transformers_that_fail_say_what_to_do(people, frame_of):
    X = frame_of(people)
    with pytest.raises(ColumnError, match=r"(?s)PolynomialFeatures cannot use the columns.*make_column_transformer"):
        output(PolynomialFeatures(), X)
    with pytest.raises(ConfigurationError, match="sparse_output=False"):
        output(make_column_transformer((OneHotEncoder(), ["note"])), X)
    with pytest.raises(ConfigurationError, match="values that are not numbers"):
        output(FunctionTransformer(), X)
    with pytest.raises(DataError, match=r"returns shape \(59, 2\) for 60 rows"):
        output(FunctionTransformer(lambda x: np.ones((59, 2))), X)


def test_something_that_cannot_be_cloned(people):
    class Odd:
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return X

    with pytest.raises(ConfigurationError, match="not a scikit-learn transformer"):
        fit(Odd(), people)


def test_an_array_cannot_replace_the_frame_of_a_transformer(people):
    _, made = fit(StandardScaler(), people[["age", "income"]])
    with pytest.raises(ColumnError, match="pass one with columns 'age', 'income', not an array"):
        made.transform(np.ones((3, 2)), np.ones((3, 2)))


@both
def test_a_formula_does_not_need_the_columns_that_it_ignores(people, frame_of):
    made, values = output("np.log(income) * region", frame_of(people), frame_of(people[["region", "income"]]))
    assert made.kind == "formula"
    assert made.names_out[0] == "np.log(income)"
    assert sorted(made.input_names) == ["income", "region"]
    np.testing.assert_array_equal(values[:, 0], np.log(people["income"]))


def test_formulas_of_arrays():
    X = np.random.default_rng(0).normal(size=(20, 3))
    made, values = output("x0 * x2", X)
    assert made.names_out == ["x0", "x2", "x0:x2"]
    np.testing.assert_array_equal(values, np.column_stack([X[:, 0], X[:, 2], X[:, 0] * X[:, 2]]))


@both
@pytest.mark.parametrize("spec", [["region", "age"], "age", "poly(age, 3) + region"])
def test_state_survives_json(people, frame_of, spec):
    X = frame_of(people)
    coder, made = fit(spec, X)
    again = FeatureMap.from_state(json.loads(json.dumps(made.to_state())))
    assert (again.kind, again.names_out, again.input_names) == (made.kind, made.names_out, made.input_names)
    coded = coder.transform(X)
    np.testing.assert_array_equal(again.transform(X, coded), made.transform(X, coded))


def test_state_of_a_transformer_holds_the_object(people):
    X = people[["age", "income"]]
    coder, made = fit(StandardScaler(), X)
    state = made.to_state()
    assert isinstance(state["part"]["transformer"], StandardScaler)
    coded = coder.transform(X)
    again = FeatureMap.from_state(state)
    np.testing.assert_array_equal(again.transform(X, coded), made.transform(X, coded))
    rest = {**state, "part": {**state["part"], "transformer": None}}
    assert json.loads(json.dumps(rest))["kind"] == "transformer"


@pytest.mark.parametrize("spec", [["age"], "poly(age, 2)", "age:region", StandardScaler()])
def test_feature_maps_can_be_pickled(people, spec):
    X = people[["age", "region"]] if not isinstance(spec, StandardScaler) else people[["age"]]
    coder, made = fit(spec, X)
    made.transform(X, coder.transform(X))
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.transform(X, coder.transform(X)), made.transform(X, coder.transform(X)))
