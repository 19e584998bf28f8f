"""Bad data, each with its message: what, where, and the cure. ``pytest -s`` prints them all."""

import warnings

import numpy as np
import pandas as pd
import pytest

from classicmoe import Batches, MoERegressor
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ColumnError,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    ManyLevelsWarning,
    MissingValuesError,
    TooFewRowsError,
    UnseenLevelError,
    WeightError,
)
from tests.cases import two_regimes
from tests.messages import refused, warned
from tests.models.quick import changed, data, fit

# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf))
@pytest.mark.parametrize("framed", (False, True))
def test_columns_that_are_not_finite(value, framed):
    X, y, _ = data()
    X = changed(X, ([3, 17, 20, 31], 1), value)
    X, name = (pd.DataFrame(X, columns=["age", "income"]), "income") if framed else (X, "x1")
    what = "4 missing values" if np.isnan(value) else "4 infinite values"
    words = [f"'{name}' has {what}", "3, 17, 20", "counted from 0", "--na drop", "impute"]
    refused(f"{value} in X", MissingValuesError, words, lambda: fit(X, y))
    model = fit(*two_regimes(60)) if not framed else fit(X.fillna(0.0).replace([np.inf, -np.inf], 0.0), y)
    refused(f"{value} in X at predict", MissingValuesError, [f"'{name}' has {what}"], lambda: model.predict(X))


@pytest.mark.parametrize("value", (np.nan, np.inf))
def test_responses_that_are_not_finite(value):
    X, y, _ = data()
    bad = changed(y, [5], value)
    what = "1 missing value" if np.isnan(value) else "1 infinite value"
    refused(f"{value} in y", MissingValuesError, ["Input y contains", what, "row 5"], lambda: fit(X, bad))
    model = fit(X, y)
    for ask in (model.score_samples, model.responsibilities, model.log_likelihood, model.bic):
        with pytest.raises(MissingValuesError, match="row 5"):
            ask(X, bad)


@pytest.mark.parametrize(
    ("title", "weight", "words"),
    (
        ("NaN in weights", lambda w: changed(w, [7, 9], np.nan), ["sample_weight", "NaN", "2 rows", "7, 9"]),
        ("inf in weights", lambda w: changed(w, [7], np.inf), ["sample_weight", "infinity", "row 7"]),
        ("all-zero weights", lambda w: 0.0 * w, ["All sample weights are zero", "positive weight"]),
        (
            "negative weights",
            lambda w: changed(w, [2, 40], -0.5),
            ["2 of 60 sample weights are negative", "2, 40", "-0.5"],
        ),
        ("too few weights", lambda w: w[:-1], ["(59,)", "(60,)"]),
        ("weights of text", lambda w: np.full(60, "heavy"), ["sample_weight must hold numbers"]),
    ),
)
def test_weights(title, weight, words):
    X, y, w = data()
    refused(title, WeightError, words, lambda: fit(X, y, weight(w)))
    model = fit(X, y)
    for ask in (model.log_likelihood, model.aic, model.bic, model.icl, model.icl_hard):
        with pytest.raises(WeightError):
            ask(X, y, weight(w))


def test_values_too_large_to_square():
    X, y, _ = data()
    refused("1e200 in X", DataError, ["squares overflow", "rescale"], lambda: fit(changed(X, (0, 0), 1e200), y))
    refused("1e200 in y", DataError, ["squares overflow", "rescale"], lambda: fit(X, changed(y, 0, 1e200)))


def test_a_response_of_one_value():
    X, _, _ = data()
    words = ["'y' has one distinct value (3)", "60 rows", "nothing to explain"]
    refused("one distinct y", DataError, words, lambda: fit(X, np.full(60, 3.0)))
    refused(
        "one distinct y where weights are positive",
        DataError,
        ["one distinct value"],
        lambda: fit(X, changed(np.full(60, 3.0), 0, 9.0), changed(np.ones(60), 0, 0.0)),
    )
    batches = Batches([(X[:30], np.full(30, 3.0)), (X[30:], np.full(30, 3.0))])
    refused("one distinct y in batches", DataError, ["single value"], lambda: MoERegressor(2).fit(batches))


def test_37_wrong_values_in_y():
    X, _, _ = data(1000)
    y = pd.Series(np.random.default_rng(0).normal(size=1000).round(3).astype(str), name="price")
    y[np.arange(37) * 20 + 4] = np.resize(["n/a", "-", "12,5"], 37)
    words = [
        "37 of 1000 values of 'price' are not numbers",
        "first rows 4, 24, 44",
        "'n/a', '-', '12,5'",
        "drop their rows",
    ]
    refused("37 wrong values in y", DataError, words, lambda: fit(X, y))


def test_a_response_of_labels():
    X, _, _ = data()
    y = np.resize(["cat", "dog"], 60)
    refused("labels as y", DataError, ["60 of 60", "'cat', 'dog'", "classifier"], lambda: fit(X, y))


# -- shapes -------------------------------------------------------------------------------------------------------


def test_sizes_that_allow_no_fit():
    X, y, _ = data()
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(8, 20))
    words = ["8 distinct rows", "21 coefficients per expert", "expert_features="]
    refused("n < p", TooFewRowsError, words, lambda: fit(wide, rng.normal(size=8)))
    words = ["n_experts=61", "only 60 distinct rows", "fewer experts"]
    refused("K > n", TooFewRowsError, words, lambda: fit(X, y, k=61))
    repeated = np.tile(X[:3], (20, 1)), np.tile(y[:3], 20)
    refused("K > distinct rows", TooFewRowsError, ["n_experts=4", "only 3 distinct"], lambda: fit(*repeated, k=4))
    refused("one row", TooFewRowsError, ["1 sample"], lambda: fit(X[:1], y[:1]))
    refused("no rows", DataError, ["0 sample"], lambda: fit(X[:0], y[:0]))
    refused("no columns", DataError, ["0 feature"], lambda: fit(X[:, :0], y))
    refused("rows of X and y", DataError, ["[60, 59]"], lambda: fit(X, y[:-1]))
    refused(
        "X of one dimension", DataError, ["Expected 2D array, got 1D array", "reshape(-1, 1)"], lambda: fit(X[:, 0], y)
    )
    refused("no y", DataError, ["requires y to be passed"], lambda: MoERegressor().fit(X))
    refused("y of three dimensions", DataError, ["(60, 1, 1)"], lambda: fit(X, y[:, None, None]))


def test_other_outputs_at_scoring():
    X, y, _ = data()
    model = fit(X, y)
    words = ["y has 2 outputs", "fitted with 1"]
    refused("two outputs for one", DataError, words, lambda: model.score_samples(X, np.column_stack([y, y])))
    refused("no y at scoring", ConfigurationError, ["pass y"], lambda: model.responsibilities(X, None))


# -- columns ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ConstantColumnWarning")
@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.CollinearColumnsWarning")
@pytest.mark.parametrize("gate", ("softmax", "constant", "gaussian"))
def test_constant_and_collinear_columns_are_left_out(gate):
    X, y, _ = data(150)
    spoilt = pd.DataFrame({"a": X[:, 0], "one": 1.0, "b": X[:, 1], "sum": X @ [1.0, 2.0] + 3.0, "again": X[:, 0] * 1e6})
    settings = {"gate": gate, "n_init": 4, "tol": 1e-11}
    words = ["Constant column(s) left out of the experts: one (coefficient 0)"]
    m = warned("constant column", ConstantColumnWarning, words, lambda: fit(spoilt, y, **settings))
    words = ["'sum' is a linear combination of a, b", "'again' is a linear combination of a", "coefficient 0"]
    warned("collinear columns", CollinearColumnsWarning, words, lambda: fit(spoilt, y, **settings))
    plain = fit(X, y, **settings)
    assert m.n_parameters_ == plain.n_parameters_
    assert m.expert_rank_ == plain.expert_rank_ == 3 and m.gate_rank_ == plain.gate_rank_
    assert (m.expert_coef_[:, [1, 3, 4]] == 0.0).all()
    assert gate != "softmax" or (m.gate_coef_[:, [1, 3, 4]] == 0.0).all()
    if gate == "gaussian":  # a density has no place for them
        words = ["Constant column(s) left out of the gate: one"]
        warned("constant column in a density", ConstantColumnWarning, words, lambda: fit(spoilt, y, **settings))
        assert m.gate_kept_ == [0, 2] and plain.gate_kept_ == [0, 1]
        assert np.allclose(m.gate_means_, plain.gate_means_, rtol=1e-6, atol=1e-6)
        assert m.joint_log_likelihood_ == pytest.approx(plain.joint_log_likelihood_, rel=1e-10)
        assert np.allclose(m.predict_gate(spoilt), plain.predict_gate(X), rtol=1e-7, atol=1e-9)
        assert "mean of one" not in str(m.summary()) and "mean of b" in str(m.summary())
    assert np.allclose(m.expert_coef_[:, [0, 2]], plain.expert_coef_, rtol=1e-6)
    assert m.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-10)
    assert np.allclose(m.predict(spoilt), plain.predict(X), rtol=1e-8, atol=1e-8)
    assert np.allclose(m.score_samples(spoilt, y), plain.score_samples(X, y), rtol=1e-7, atol=1e-8)


def test_only_constant_columns_leave_an_intercept():
    _, y, _ = data()
    m = warned("only constant columns", ConstantColumnWarning, ["x0, x1"], lambda: fit(np.ones((60, 2)), y, k=1))
    assert m.expert_intercept_[0] == pytest.approx(y.mean()) and (m.expert_coef_ == 0.0).all()


def test_text():
    X, y, _ = data()
    text = np.column_stack([X.astype(str), np.resize(["north", "south"], 60)])
    words = ["array with text", "x0", "Pass a data frame"]
    refused("array of text", ColumnError, words, lambda: fit(text, y))
    refused(
        "array of objects with text",
        ColumnError,
        ["text in 'x2'"],
        lambda: fit(np.array([[1.0, 2, "n"]] * 60, object), y),
    )


def test_a_text_column_with_500_levels():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=5000), "place": rng.choice([f"town {i}" for i in range(500)], 5000)})
    words = ["'place'", "500", "Drop it", "--drop place"]
    refused("text column with 500 levels", ColumnError, words, lambda: fit(frame, rng.normal(size=5000)))
    fewer = frame.assign(place=rng.choice([f"town {i}" for i in range(25)], 5000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warned(
            "text column with 25 levels",
            ManyLevelsWarning,
            ["'place'", "25"],
            lambda: fit(fewer, rng.normal(size=5000), k=1),
        )
    distinct = frame.assign(place=[f"id {i}" for i in range(5000)])
    refused(
        "text column of identifiers",
        ColumnError,
        ["'place'", "--drop place"],
        lambda: fit(distinct, frame.x.to_numpy()),
    )


def people(n=60):
    rng = np.random.default_rng(0)
    X, y = two_regimes(n)
    return pd.DataFrame({"age": X[:, 0], "income": X[:, 1], "region": rng.choice(["north", "south"], n)}), y


def test_unknown_columns_and_levels_at_predict():
    frame, y = people()
    model = fit(frame, y)
    words = ["income", "Did you mean 'incomes'?"]
    refused(
        "missing column at predict",
        ColumnError,
        words,
        lambda: model.predict(frame.rename(columns={"income": "incomes"})),
    )
    other = frame.assign(region=np.where(np.arange(60) == 12, "east", frame.region))
    words = ["region in {north, south}", "row 12 has 'east'", "unseen='reference'"]
    refused("unknown level at predict", UnseenLevelError, words, lambda: model.predict(other))
    model.set_params(unseen="reference")
    tolerant = fit(frame, y, unseen="reference")
    reference = frame.assign(region=np.where(np.arange(60) == 12, "north", frame.region))
    assert np.array_equal(tolerant.predict(other), tolerant.predict(reference))
    refused("text where numbers were", ColumnError, ["'age'"], lambda: model.predict(frame.assign(age="old")))
    refused("array for a coded frame", ColumnError, ["text", "data frame"], lambda: model.predict(frame.to_numpy()))
    plain = fit(*two_regimes(60))
    words = ["X has 3 features", "expecting 2 features"]
    refused("other width at predict", DataError, words, lambda: plain.predict(np.zeros((4, 3))))


def test_unknown_columns_at_fit():
    frame, y = people()
    words = ["incom", "Did you mean 'income'?"]
    refused("unknown column in features", ColumnError, words, lambda: fit(frame, y, expert_features=["age", "incom"]))
    refused("column out of range", ColumnError, ["2"], lambda: fit(*two_regimes(60), gate_features=[2]))
    table = frame.assign(y=y)
    words = ["yy", "Did you mean 'y'?"]
    refused("unknown response in a formula", ColumnError, words, lambda: MoERegressor(2).fit("yy ~ age", data=table))
    refused(
        "unknown name in a formula", ColumnError, ["aeg", "'age'"], lambda: MoERegressor(2).fit("y ~ aeg", data=table)
    )
    refused("formula without data", ConfigurationError, ["data=df"], lambda: MoERegressor(2).fit("y ~ age"))
    refused("data without formula", ConfigurationError, ["formula"], lambda: MoERegressor(2).fit(frame, y, data=table))
    both = MoERegressor(2, gate_features=["age"])
    refused("formula and features", ConfigurationError, ["either"], lambda: both.fit("y ~ age", data=table))
