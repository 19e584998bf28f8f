"""Bad input, each with its message: what, where, and the cure. ``pytest -s`` prints them all."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import PolynomialFeatures

from classicmoe import Batches, MoERegressor, load, load_dataset
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ColumnError,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    ManyLevelsWarning,
    MissingValuesError,
    ModelFileError,
    TooFewRowsError,
    UnseenLevelError,
    WeightError,
)
from classicmoe.experts import GaussianExpert
from classicmoe.gates import SoftmaxGate
from tests.cases import two_regimes

QUICK = {"n_init": 2, "random_state": 0}


def said(title, kind, message):
    """Print a message, and append it to the file that CLASSICMOE_MESSAGES names, so that it can be quoted."""
    text = f"{title}\n    {kind.__name__}: {message}\n"
    print("\n" + text, end="")
    if path := os.environ.get("CLASSICMOE_MESSAGES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)


def refused(title, kind, words, action):
    """The action raises exactly this kind of error, and its message holds all the words."""
    with pytest.raises(kind) as caught:
        action()
    message = str(caught.value)
    said(title, type(caught.value), message)
    assert type(caught.value) is kind
    assert [word for word in words if word not in message] == []


def warned(title, kind, words, action):
    """The action warns so; return what it returns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = action()
    messages = [str(warning.message) for warning in caught if warning.category is kind]
    for message in messages:
        said(title, kind, message)
    assert messages, [str(warning.message) for warning in caught]
    assert [word for word in words if word not in " ".join(messages)] == []
    return result


def data(n=60):
    X, y = two_regimes(n)
    return X, y, np.ones(n)


def fit(X, y, w=None, k=2, **settings):
    return MoERegressor(k, **{**QUICK, **settings}).fit(X, y, w)


def changed(array, where, value):
    array = np.array(array, dtype=float)
    array[where] = value
    return array


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", (np.nan, np.inf, -np.inf))
@pytest.mark.parametrize("framed", (False, True))
def test_values_that_are_not_finite_in_X(value, framed):
    X, y, _ = data()
    X = changed(X, ([3, 17, 20, 31], 1), value)
    X, name = (pd.DataFrame(X, columns=["age", "income"]), "income") if framed else (X, "x1")
    what = "4 missing values" if np.isnan(value) else "4 infinite values"
    words = [f"'{name}' has {what}", "3, 17, 20", "counted from 0", "--na drop", "impute"]
    refused(f"{value} in X", MissingValuesError, words, lambda: fit(X, y))
    model = fit(*two_regimes(60)) if not framed else fit(X.fillna(0.0).replace([np.inf, -np.inf], 0.0), y)
    refused(f"{value} in X at predict", MissingValuesError, [f"'{name}' has {what}"], lambda: model.predict(X))


@pytest.mark.parametrize("value", (np.nan, np.inf))
def test_values_that_are_not_finite_in_y(value):
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
        ("negative weights", lambda w: changed(w, [2, 40], -0.5), ["2 of 60 sample weights are negative", "2, 40", "-0.5"]),
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
    X, y, _ = data()
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
    words = ["37 of 1000 values of 'price' are not numbers", "first rows 4, 24, 44", "'n/a', '-', '12,5'", "drop their rows"]
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
    refused("X of one dimension", DataError, ["Expected 2D array, got 1D array", "reshape(-1, 1)"], lambda: fit(X[:, 0], y))
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
@pytest.mark.parametrize("gate", ("softmax", "constant"))
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
    assert (m.expert_coef_[:, [1, 3, 4]] == 0.0).all() and (gate == "constant" or (m.gate_coef_[:, [1, 3, 4]] == 0.0).all())
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
    refused("array of objects with text", ColumnError, ["text in 'x2'"], lambda: fit(np.array([[1.0, 2, "n"]] * 60, object), y))


def test_a_text_column_with_500_levels():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=5000), "place": rng.choice([f"town {i}" for i in range(500)], 5000)})
    words = ["'place'", "500", "Drop it", "--drop place"]
    refused("text column with 500 levels", ColumnError, words, lambda: fit(frame, rng.normal(size=5000)))
    fewer = frame.assign(place=rng.choice([f"town {i}" for i in range(25)], 5000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warned("text column with 25 levels", ManyLevelsWarning, ["'place'", "25"], lambda: fit(fewer, rng.normal(size=5000), k=1))
    distinct = frame.assign(place=[f"id {i}" for i in range(5000)])
    refused("text column of identifiers", ColumnError, ["'place'", "--drop place"], lambda: fit(distinct, frame.x.to_numpy()))


def people(n=60):
    rng = np.random.default_rng(0)
    X, y = two_regimes(n)
    return pd.DataFrame({"age": X[:, 0], "income": X[:, 1], "region": rng.choice(["north", "south"], n)}), y


def test_unknown_columns_and_levels_at_predict():
    frame, y = people()
    model = fit(frame, y)
    words = ["income", "Did you mean 'incomes'?"]
    refused("missing column at predict", ColumnError, words, lambda: model.predict(frame.rename(columns={"income": "incomes"})))
    other = frame.assign(region=np.where(np.arange(60) == 12, "east", frame.region))
    words = ["region in {north, south}", "row 12 has 'east'", "unseen='reference'"]
    refused("unknown level at predict", UnseenLevelError, words, lambda: model.predict(other))
    model.set_params(unseen="reference")
    tolerant = fit(frame, y, unseen="reference")
    reference = frame.assign(region=np.where(np.arange(60) == 12, "north", frame.region))
    assert np.array_equal(tolerant.predict(other), tolerant.predict(reference))
    refused("text where numbers were", ColumnError, ["'age'"], lambda: model.predict(frame.assign(age="old")))
    refused("array for a coded frame", ColumnError, ["region", "data frame"], lambda: model.predict(frame.to_numpy()))
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
    refused("unknown name in a formula", ColumnError, ["aeg", "'age'"], lambda: MoERegressor(2).fit("y ~ aeg", data=table))
    refused("formula without data", ConfigurationError, ["data=df"], lambda: MoERegressor(2).fit("y ~ age"))
    refused("data without formula", ConfigurationError, ["formula"], lambda: MoERegressor(2).fit(frame, y, data=table))
    both = MoERegressor(2, gate_features=["age"])
    refused("formula and features", ConfigurationError, ["either"], lambda: both.fit("y ~ age", data=table))


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"n_experts": 0}, ["n_experts must be an integer >= 1, not 0"]),
        ({"n_experts": 2.0}, ["n_experts must be an integer", "2.0"]),
        ({"n_experts": True}, ["n_experts", "True"]),
        ({"n_init": 0}, ["n_init", ">= 1"]),
        ({"n_refine": 0}, ["n_refine", ">= 1"]),
        ({"max_iter": 1}, ["max_iter", ">= 2"]),
        ({"tol": 0.0}, ["tol must be a positive number"]),
        ({"tol": float("nan")}, ["tol must be a positive number"]),
        ({"gate": "sofmax"}, ["gate='sofmax'", "Did you mean 'softmax'?", "'constant'"]),
        ({"expert": "poisson"}, ["expert='poisson' is not known", "'gaussian'"]),
        ({"gate": 3}, ["gate must be one of", "not 3"]),
        ({"expert": GaussianExpert}, ["expert must be one of"]),
        ({"gate": SoftmaxGate(ridge=-1.0)}, ["ridge", ">= 0", "-1.0"]),
        ({"gate": SoftmaxGate(solver="bfgs")}, ["solver", "'newton' or 'mm'", "'bfgs'"]),
        ({"expert": GaussianExpert(scale="equal")}, ["scale", "'own'", "'shared'", "'equal'"]),
        ({"expert": GaussianExpert(covariance="ful")}, ["covariance", "'full'", "'ful'"]),
        ({"acceleration": None}, ["acceleration", "'squarem' or 'none'"]),
        ({"weight_type": "count"}, ["weight_type", "'frequency' or 'sampling'"]),
        ({"unseen": "ignore"}, ["unseen", "'error' or 'reference'"]),
        ({"init": "kmeans"}, ["init", "'auto'", "'k-means on x'"]),
        ({"random_state": "0"}, ["random_state"]),
        ({"random_state": -1}, ["random_state", "-1"]),
    ),
    ids=lambda value: "=".join(map(str, next(iter(value.items())))) if isinstance(value, dict) else "",
)
def test_settings(settings, words):
    X, y, _ = data()
    refused(f"{settings}", ConfigurationError, words, lambda: MoERegressor(**{**QUICK, **settings}).fit(X, y))


@pytest.mark.parametrize("init", (np.ones((59, 2)), np.ones((60, 3)), -np.ones((60, 2)), np.full((60, 2), np.nan), np.zeros((60, 2))))
def test_responsibilities_to_start_from(init):
    X, y, _ = data()
    refused(f"init of shape {init.shape} with {init[0, 0]}", DataError, ["init must"], lambda: fit(X, y, init=init))


def test_warm_start_continues_a_like_fit_only():
    X, y, _ = data()
    model = fit(X, y, warm_start=True)
    before = model.log_likelihood_
    model.fit(X, y)
    assert model.log_likelihood_ >= before - 1e-9 * abs(before)
    words = ["warm_start", "n_experts"]
    refused("warm start with other K", ConfigurationError, words, lambda: model.set_params(n_experts=3).fit(X, y))
    model.set_params(n_experts=2)
    more = np.column_stack([X, X[:, 0] ** 2])
    refused("warm start with other columns", ConfigurationError, words, lambda: model.fit(more, y))
    two = np.column_stack([y, -y + X[:, 0]])
    refused("warm start with other outputs", ConfigurationError, ["warm_start"], lambda: model.fit(X, two))
    model = fit(X, y, warm_start=True, gate_features=[])
    refused("warm start with another gate", ConfigurationError, ["warm_start"], lambda: model.set_params(gate="constant").fit(X, y))


def test_batches():
    X, y, w = data()
    parts = [(X[:30], y[:30]), (X[30:], y[30:])]
    refused("batches with y", ConfigurationError, ["Batches carry y"], lambda: MoERegressor(2).fit(Batches(parts), y))
    refused("no batches", DataError, ["empty"], lambda: MoERegressor(2).fit(Batches([])))
    wrong = [(X[:30], y[:30]), (X[30:, :1], y[30:])]
    refused("a batch of another width", DataError, ["1 features"], lambda: MoERegressor(2, **QUICK).fit(Batches(wrong)))
    gap = [(X[:30], y[:30]), (X[30:], changed(y[30:], 2, np.nan))]
    refused("NaN in a batch", MissingValuesError, ["Input y contains NaN"], lambda: MoERegressor(2, **QUICK).fit(Batches(gap)))
    sampling = MoERegressor(2, weight_type="sampling")
    refused("sampling weights in batches", ConfigurationError, ["sampling"], lambda: sampling.fit(Batches([(X, y, w)])))


def test_files(tmp_path):
    path = tmp_path / "model.cmoe"
    refused("no model file", ModelFileError, ["No such file"], lambda: load(path))
    path.write_bytes(b"")
    refused("empty model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    path.write_text("a,b\n1,2\n")
    refused("a CSV as model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    fit(*two_regimes(60)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("truncated model file", ModelFileError, ["model.cmoe"], lambda: load(path))
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 255
    path.write_bytes(bytes(spoilt))
    refused("damaged model file", ModelFileError, ["model.cmoe"], lambda: load(path))


def test_data_sets_are_suggested():
    with pytest.raises(ValueError, match="ethanol"):
        load_dataset("etanol")


# -- a fit that fails leaves no mess ------------------------------------------------------------------------------


def attributes(model):
    return {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize("spoil", ("settings", "X", "y", "weights", "rows", "columns"))
def test_a_failed_fit_leaves_nothing_and_a_failed_refit_leaves_the_old_fit(spoil):
    X, y, w = data()
    bad = {
        "settings": lambda m: m.set_params(tol=-1.0).fit(X, y),
        "X": lambda m: m.fit(changed(X, (1, 1), np.nan), y),
        "y": lambda m: m.fit(X, np.ones(60)),
        "weights": lambda m: m.fit(X, y, -w),
        "rows": lambda m: m.set_params(n_experts=100).fit(X, y),
        "columns": lambda m: m.set_params(expert_features=PolynomialFeatures(20)).fit(X[:30], y[:30]),
    }[spoil]
    fresh = MoERegressor(2, **QUICK)
    with pytest.raises(DataError if spoil != "settings" else ConfigurationError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad(fresh)
    assert attributes(fresh) == set()
    model = fit(X, y)
    before, expected = dict(vars(model)), model.predict(X)
    with pytest.raises(DataError if spoil != "settings" else ConfigurationError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad(model)
    assert {name: vars(model)[name] for name in attributes(model)} == {
        name: value for name, value in before.items() if name in attributes(model)
    } or all(vars(model)[name] is before[name] for name in attributes(model))
    assert model.predict(X).tobytes() == expected.tobytes()


@pytest.mark.parametrize("n_jobs", (1, 2))
def test_ctrl_c_leaves_the_best_so_far_and_is_passed_on(n_jobs, monkeypatch):
    X, y, _ = data(150)
    seen = []

    def progress(self, run):
        seen.append(run)
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(MoERegressor, "_progress", progress)
    m = MoERegressor(2, n_init=8, random_state=0, verbose=1, n_jobs=n_jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(KeyboardInterrupt):
            m.fit(X, y)
    assert len(m.starts_) == 3
    assert m.objective_ == pytest.approx(max(start["objective"] for start in m.starts_), abs=1e-4)
    assert np.isfinite(m.predict(X)).all() and m.log_likelihood(X, y) == pytest.approx(m.log_likelihood_, rel=1e-9)
    # The three starts are those of the whole fit.
    whole = MoERegressor(2, n_init=8, random_state=0)
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(X, y)
    paths = {start["start"]: start["path"] for start in whole.starts_}
    assert all(start["path"] == paths[start["start"]] for start in m.starts_)


def test_ctrl_c_before_any_start_has_ended_leaves_nothing(monkeypatch):
    X, y, _ = data()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("classicmoe.em.multistart.MultiStart._climb", interrupt)
    m = MoERegressor(2, n_init=4)
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, y)
    assert attributes(m) == set()
