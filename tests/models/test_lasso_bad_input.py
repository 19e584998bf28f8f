"""Bad and awkward input of Lasso estimators, and of unpenalised ones with many columns: what is said, what works."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from classicmoe import Batches, LassoMoEClassifier, LassoMoERegressor, MoERegressor, observed
from classicmoe.em.problem import Problem
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ColumnError,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    DegenerateComponentWarning,
    MissingValuesError,
    TooFewRowsError,
    WeightError,
)
from classicmoe.models.feature_specs import required_columns
from tests.messages import refused, warned
from tests.models.quick import changed, fit

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "NotConvergedWarning")
]
INF = np.inf


def regimes(n=60, p=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    upper = rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    return X, np.where(upper, 1.0 + X[:, 1] - X[:, 2], -1.0 - X[:, 1]) + 0.5 * rng.normal(size=n)


def lasso(X, y, w=None, k=2, alphas=(4.0, 6.0), make=LassoMoERegressor, **settings):
    """A fitted model, after few passes: what is refused is refused before the first one."""
    return make(k, *alphas, **({"n_init": 1, "max_iter": 20, "random_state": 0} | settings)).fit(X, y, w)


def holes(X, where, value=np.nan):
    return changed(X, where, value)


# -- many columns without a penalty -------------------------------------------------------------------------------


def test_more_columns_than_rows_without_a_penalty():
    X, y = regimes(40, 60)
    words = ["40 distinct rows", "61 coefficients per expert", "expert_features=", "gate_features="]
    words += ["LassoMoERegressor", "LassoMoEClassifier"]
    refused("p > n", TooFewRowsError, words, lambda: fit(X, y))
    refused("p > n, counts", TooFewRowsError, words, lambda: fit(X, np.abs(y).round(), expert="poisson"))
    words = ["toarray", "LassoMoERegressor"]
    refused("sparse without a penalty", ColumnError, words, lambda: fit(sparse.csr_array(X), y))


def test_more_coefficients_than_rows_of_an_expert():
    X, y = regimes(60, 40)
    words = ["collapsed onto a few rows", "60 rows are few for 2 experts of 41 coefficients each", "LassoMoERegressor"]
    model = warned("p > n / K", DegenerateComponentWarning, words, lambda: fit(X, y))
    assert model.verdict_.level == "DEGENERATE"


# -- columns that say nothing, or the same ------------------------------------------------------------------------


def test_a_column_that_is_there_twice():
    X, y = regimes(100)
    twice = np.column_stack([X, X[:, 1], -2.0 * X[:, 2]])
    settings = {"max_iter": 2000, "n_init": 2}
    single, words = lasso(X, y, **settings), ["'x5' of 'x1', 'x6' of 'x2'", "leave all but one out"]
    both = warned("a column twice", CollinearColumnsWarning, words, lambda: lasso(twice, y, **settings))
    assert both.converged_ and both.objective_ == pytest.approx(single.objective_, abs=1e-5)
    np.testing.assert_allclose(both.predict(twice), single.predict(X), atol=1e-3)
    words = ["'x5' is a linear combination of x1", "'x6' is a linear combination of x2", "coefficient 0"]
    warned("a column twice, no penalty", CollinearColumnsWarning, words, lambda: fit(twice, y))


@pytest.mark.parametrize("kind", (np.asarray, sparse.csr_array))
def test_columns_that_do_not_vary(kind):
    X, y = regimes()
    flat = kind(np.column_stack([X, np.zeros(60), np.full(60, 3.0)]))
    words = ["left out of the gate: x5, x6 (coefficient 0)", "left out of the experts: x5, x6 (coefficient 0)"]
    model = warned("columns that do not vary", ConstantColumnWarning, words, lambda: lasso(flat, y))
    np.testing.assert_allclose(model.expert_coef_[:, :5], lasso(kind(X), y).expert_coef_, atol=1e-12)
    only = warned("no column varies", ConstantColumnWarning, ["x0, x1"], lambda: lasso(kind(np.ones((60, 2))), y))
    assert not only.support_["gate"].any() and not only.support_["expert"].any()


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ("csr", "csc", "coo", "lil"))
@pytest.mark.parametrize("value", (np.nan, INF))
def test_sparse_tables_that_are_not_finite(form, value):
    X, y = regimes()
    table = sparse.csr_array(holes(X, ([3, 17], 2), value)).asformat(form)
    what = "2 missing values" if np.isnan(value) else "2 infinite values"
    words = [f"'x2' has {what}", "rows 3, 17", "counted from 0", "impute"]
    refused(f"{value} in a {form} matrix", MissingValuesError, words, lambda: lasso(table, y))
    model = lasso(sparse.csr_array(X), y)
    refused(f"{value} in a {form} matrix at predict", MissingValuesError, words, lambda: model.predict(table))


@pytest.mark.parametrize(("make", "kind"), ((fit, np.asarray), (lasso, np.asarray), (lasso, sparse.csr_array)))
def test_what_unused_columns_hold_does_not_matter(make, kind):
    X, y = regimes()
    sides = {"gate_features": [0], "expert_features": [1, 2]}
    clean = make(kind(X), y, **sides)
    spoilt = holes(X, ([0, 9], 4), np.nan)
    found = make(kind(spoilt), y, **sides)
    assert np.array_equal(found.expert_coef_, clean.expert_coef_) and found.objective_ == clean.objective_
    assert np.array_equal(found.predict(kind(spoilt)), clean.predict(kind(X)))
    with pytest.raises(MissingValuesError, match="'x4' has 2 missing"):
        make(kind(spoilt), y)


@pytest.mark.parametrize("make", (fit, lasso))
def test_infinity_in_a_column_that_nothing_uses(make):
    X, y = regimes()
    sides = {"gate_features": "x0", "expert_features": "x1 + np.exp(x2)"}
    spoilt = holes(holes(X, (3, 4), INF), (5, 3), -INF)
    assert np.array_equal(make(spoilt, y, **sides).expert_coef_, make(X, y, **sides).expert_coef_)


@pytest.mark.parametrize("kind", (np.asarray, sparse.csr_array))
def test_values_whose_squares_overflow_are_named(kind):
    X, y = regimes()
    words = ["squares overflow: 1e+200 in row 7 (counted from 0)", "Correct these values, or rescale"]
    big = holes(holes(X, (7, 1), 1e200), (9, 1), -1e180)
    refused("1e200 in X", DataError, words, lambda: lasso(kind(big), y))
    refused("1e200 in y", DataError, words, lambda: lasso(kind(X), changed(y, 7, -1e200)))
    weight = changed(np.ones(60), 7, 0.0)
    refused("rows of weight 0", DataError, ["1e+180 in row 9"], lambda: lasso(kind(big), y, weight))
    unused = holes(big, (0, 4), np.nan)
    with pytest.raises(DataError, match=r"1e\+200 in row 7"):
        lasso(kind(unused), y, gate_features=[0], expert_features=[1])


def test_values_whose_squares_overflow_in_batches():
    X, y = regimes()
    big = holes(X, (47, 1), 1e200)
    batches = Batches([(big[:30], y[:30]), (big[30:], y[30:])])
    refused("1e200 in batches", DataError, ["1e+200 in row 47"], lambda: MoERegressor(2).fit(batches))


# -- sparse tables ------------------------------------------------------------------------------------------------


def test_formats_types_and_stored_zeros_change_nothing():
    X, y = regimes()
    X = np.where(np.abs(X) < 0.7, 0.0, np.round(X * 4.0))
    X[10:20] = 0.0  # rows without an entry
    truth = lasso(sparse.csr_array(X), y)
    np.testing.assert_allclose(truth.expert_coef_, lasso(X, y).expert_coef_, atol=1e-9)
    full = sparse.csr_array(np.ones_like(X))
    full.data = X.ravel().copy()
    tables = [sparse.csr_array(X).asformat(form) for form in ("csc", "coo", "lil")]
    tables += [full, sparse.csr_array(X.astype(int)), sparse.coo_matrix(X.astype(np.int8))]
    for table in tables:
        np.testing.assert_allclose(lasso(table, y).expert_coef_, truth.expert_coef_, atol=1e-9)
        np.testing.assert_allclose(truth.predict(table), truth.predict(X), atol=1e-12)


# -- responses and rows -------------------------------------------------------------------------------------------


def test_responses():
    X, y = regimes()
    words = ["'y' has one distinct value (3)", "nothing to explain"]
    refused("one distinct y", DataError, words, lambda: lasso(X, np.full(60, 3.0)))
    refused(
        "two outputs", DataError, ["2 outputs", "takes one", "one for each"], lambda: lasso(X, np.column_stack([y, y]))
    )
    words = ["60 of 60 values of 'y' are not numbers", "classifier"]
    refused("labels", DataError, words, lambda: lasso(X, np.resize(["a", "b"], 60)))
    words = ["LassoMoERegressor takes exact responses only", "MoERegressor(gate='softmax')"]
    refused("intervals", ConfigurationError, words, lambda: lasso(X, observed(y - 1.0, y)))
    words = ["'y' is negative in", "poisson experts", "counted from 0"]
    refused("negative counts", DataError, words, lambda: lasso(X, y, expert="poisson"))
    model = lasso(X, y)
    words = ["'y' has 1 missing value", "row 4"]
    refused("NaN in y at score", MissingValuesError, words, lambda: model.score(X, changed(y, 4, np.nan)))
    refused("y too short at score", DataError, ["[60, 59]"], lambda: model.score(X, y[:-1]))
    refused("weights at score", WeightError, ["are negative"], lambda: model.score(X, y, -np.ones(60)))


def test_tables():
    X, y = regimes()
    text = np.column_stack([X.astype(str), np.resize(["north", "south"], 60)])
    refused("array of text", ColumnError, ["array with text", "Pass a data frame"], lambda: lasso(text, y))
    words = ["text in 'x1'", "Pass a data frame"]
    refused("objects", ColumnError, words, lambda: lasso(np.array([[1.0, "n"]] * 60, object), y))
    refused("X of one dimension", DataError, ["Expected 2D array"], lambda: lasso(X[:, 0], y))
    refused("sparse y", DataError, ["toarray"], lambda: lasso(X, sparse.csr_array(y[:, None])))
    words = ["LassoMoERegressor takes arrays and tables, not Batches", "MoERegressor"]
    refused("batches", DataError, words, lambda: lasso(Batches([(X, y)]), None))
    classifier = LassoMoEClassifier(2, 1.0, 1.0)
    words = ["LassoMoEClassifier takes arrays and tables, not Batches"]
    refused("batches of classes", DataError, words, lambda: classifier.fit(Batches([(X, y > 0.0)])))
    refused("unknown column", ColumnError, ["'x9'"], lambda: lasso(X, y, gate_features=["x0", "x9"]))
    refused("other width at predict", DataError, ["4 features", "5 features"], lambda: lasso(X, y).predict(X[:, :4]))


def test_sizes():
    X, y = regimes()
    refused(
        "K = n",
        TooFewRowsError,
        ["5 rows are too few for 5 experts", "fewer experts"],
        lambda: lasso(X[:5], y[:5], k=5),
    )
    refused("K > n", TooFewRowsError, ["60 rows", "200 experts"], lambda: lasso(X, y, k=200))
    refused("one row", TooFewRowsError, ["1 sample"], lambda: lasso(X[:1], y[:1]))
    few = changed(np.zeros(60), [0, 1], 1.0)
    refused("two rows count", TooFewRowsError, ["2 rows are too few for 2 experts"], lambda: lasso(X, y, few))
    words = ["collapsed onto a few rows"]
    warned("K + 1 rows", DegenerateComponentWarning, words, lambda: lasso(X[:3], y[:3]))


def test_fewer_distinct_rows_than_experts():
    X, y = regimes()
    settings = {"alphas": (None, None), "n_alphas": 3, "max_iter": 60}
    assert lasso(X, (y > 0.0).astype(float), k=3, expert="binomial", **settings).path_.degrees_of_freedom.max() > 3
    repeated = np.tile(X[:3], (20, 1)), np.tile(y[:3], 20)
    words = ["collapsed onto a few rows"]
    warned("K > distinct rows", DegenerateComponentWarning, words, lambda: lasso(*repeated, k=4))


@pytest.mark.parametrize("k", (1, 2))
def test_paths_of_one_point(k):
    X, y = regimes()
    path = lasso(X, y, k=k, alphas=(None, None), n_alphas=1, max_iter=200).path_
    assert len(path.objective) == 1 and path.chosen == 0


# -- lists of many names ------------------------------------------------------------------------------------------


class Searched(list):
    """Names that say when they are gone through one by one."""

    times = 0

    def __contains__(self, name):
        type(self).times += 1
        return super().__contains__(name)


def test_long_lists_of_names_are_not_gone_through_for_every_name(monkeypatch):
    names = [f"x{j}" for j in range(3000)]
    monkeypatch.setattr("classicmoe.models.feature_specs.array_names", lambda width: Searched(names))
    assert required_columns(np.zeros((2, 3000)), names, ["x5"], np.arange(3000)) == names
    assert Searched.times == 0


def test_coded_names_of_columns_with_brackets():
    frame = pd.DataFrame({"a[b]": ["u", "v"] * 5, "a": np.arange(10.0)})
    assert required_columns(frame, ["a[b][v]"]) == ["a[b]"]
    assert required_columns(frame, ["a[b]"]) == ["a[b]"]
    with pytest.raises(ColumnError, match="no column"):
        required_columns(frame, ["c[v]"])


# -- Ctrl-C -------------------------------------------------------------------------------------------------------


def interrupted(monkeypatch, after):
    """Let the pass after so many others be one in which Ctrl-C is pressed."""
    passes, evaluate = [0], Problem.evaluate

    def pressed(self, params):
        passes[0] += 1
        if passes[0] == after:
            raise KeyboardInterrupt
        return evaluate(self, params)

    monkeypatch.setattr(Problem, "evaluate", pressed)


@pytest.mark.parametrize("make", (MoERegressor, LassoMoERegressor))
@pytest.mark.parametrize("after", (1, 5))
def test_ctrl_c_before_a_start_has_ended_leaves_nothing_fitted(make, after, monkeypatch):
    X, y = regimes()
    model = make(2, random_state=0)
    interrupted(monkeypatch, after)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.parametrize(
    ("make", "after"), ((fit, 1), (fit, 5), (lasso, 1), (lasso, 40), (lasso, 60)), ids=lambda value: str(value)[:15]
)
def test_ctrl_c_leaves_an_earlier_fit_as_it_was(make, after, monkeypatch):
    X, y = regimes()
    model = make(X, y, n_init=5)
    before = dict(vars(model))
    interrupted(monkeypatch, after)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[::-1], y)
    assert vars(model).keys() == before.keys() and all(vars(model)[name] is before[name] for name in before)


def test_ctrl_c_after_a_start_has_ended_publishes_it_whole(monkeypatch):
    X, y = regimes()
    model, truth = MoERegressor(2, n_init=5, random_state=0), fit(X, y, n_init=5)
    interrupted(monkeypatch, 60)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert 0 < len(model.starts_) <= 5 and vars(model).keys() == vars(truth).keys()
    assert model.log_likelihood(X, y) == pytest.approx(model.log_likelihood_, rel=1e-9)


def test_a_refused_fit_leaves_an_earlier_one_as_it_was():
    X, y = regimes()
    for model, response in ((lasso(X, y), y), (lasso(X, y > 0.0, make=LassoMoEClassifier), y > 0.0)):
        before, said = dict(vars(model)), model.predict(X)
        with pytest.raises(MissingValuesError):
            model.fit(holes(X, (0, 0)), response)
        assert vars(model).keys() == before.keys() and all(vars(model)[name] is before[name] for name in before)
        assert np.array_equal(model.predict(X), said) and model.alpha_gate_ == before["alpha_gate_"]


def test_warnings_point_at_the_line_that_fits():
    X, y = regimes()
    with pytest.warns(ConstantColumnWarning) as caught:
        LassoMoERegressor(2, 4.0, 6.0, n_init=1, max_iter=20, random_state=0).fit(np.column_stack([X, np.ones(60)]), y)
    assert {warning.filename for warning in caught if warning.category is ConstantColumnWarning} == {__file__}
