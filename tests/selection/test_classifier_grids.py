"""Grids of classifiers: the table, held-out scores in stratified folds, class weights, probabilities of the best."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classicmoe import MoEClassifier, MoERegressor, MoESelector
from classicmoe.exceptions import ConfigurationError, DataError, TooFewModelsError
from classicmoe.metrics import log_score
from classicmoe.selection import search
from classicmoe.selection.slope import dimension_jump

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")  # few starts


@pytest.fixture(scope="module")
def xor():
    """Two classes that one linear rule cannot tell apart, the second twice as frequent."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 2))
    same = X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=240) > 0
    kept = same | (rng.random(240) < 0.5)
    return X[kept], np.where(same, "same", "differ")[kept]


@pytest.fixture(scope="module")
def estimator():
    return MoEClassifier(n_init=3, max_iter=200, random_state=0)


@pytest.fixture(scope="module")
def fitted(xor, estimator):
    return MoESelector(estimator, {"n_experts": [1, 2]}, cv=3).fit(*xor)


def test_table_and_best_model(fitted, xor, estimator):
    X, y = xor
    logistic = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    ll, row = -log_loss(y, logistic.predict_proba(X), normalize=False), fitted.results_.iloc[0]
    assert row["log_likelihood"] == pytest.approx(ll, abs=1e-6) and row["n_parameters"] == 3
    assert row["bic"] == pytest.approx(-2.0 * ll + 3.0 * np.log(len(y)), abs=1e-5)
    best = fitted.best_estimator_
    assert fitted.best_params_ == {"n_experts": 2}
    assert fitted.best_score_ == pytest.approx(best.bic(X, y), abs=1e-6)
    assert fitted.classes_.tolist() == ["differ", "same"]
    for method in ("predict", "predict_proba", "predict_log_proba", "predict_gate", "predict_experts"):
        np.testing.assert_array_equal(getattr(fitted, method)(X), getattr(best, method)(X))
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y) > logistic.score(X, y)
    np.testing.assert_array_equal(fitted.predict_dist(X).mode(), fitted.predict(X))


def test_folds_are_stratified_as_scikit_learn_does(fitted, xor, estimator):
    X, y = xor
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    sizes = [len(test) for _, test in folds.split(X, y)]
    for k, held_out in zip([1, 2], fitted.results_["cv"], strict=True):
        scores = cross_val_score(clone(estimator).set_params(n_experts=k), X, y, scoring=log_score, cv=folds)
        assert held_out == pytest.approx(np.average(scores, weights=sizes), rel=1e-12)


def test_class_weights_leave_held_out_scores_only(xor, estimator, monkeypatch):
    X, y = xor
    grid = {"n_experts": [1], "class_weight": [None, "balanced"]}
    selector = MoESelector(estimator, grid, "cv", cv=3).fit(X, y)
    assert np.isnan(selector.results_["bic"]).tolist() == [False, True]
    assert np.isfinite(selector.results_["cv"]).all()
    # One logistic model: reweighting moves its intercept, which the correction takes back (nearly).
    assert abs(np.diff(selector.results_["cv"])[0]) < selector.results_["cv_se"][0]
    assert "best by  AIC: K=1, class_weight=None" in selector.summary()
    monkeypatch.setattr(search, "run_trials", None)
    for criterion in ("bic", "slope"):
        with pytest.raises(ConfigurationError, match=r"class_weight='balanced': it maximises .* criterion='cv'"):
            MoESelector(estimator, grid | {"n_experts": range(1, 11)}, criterion).fit(X, y)


def test_pipelines_formulas_and_kinds(fitted, xor, estimator):
    X, y = xor
    piped = make_pipeline(StandardScaler(), MoESelector(estimator, {"n_experts": [1]})).fit(10.0 * X + 3.0, y)
    np.testing.assert_allclose(
        piped.predict_proba(10.0 * X + 3.0), fitted.estimators_[0].predict_proba(X), rtol=1e-6, atol=1e-8
    )
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(label=y)
    formula = MoESelector(estimator, {"n_experts": [1]}).fit("label ~ a + b", data=frame)
    np.testing.assert_allclose(formula.predict_proba(frame[["a", "b"]]), fitted.estimators_[0].predict_proba(X))
    assert is_classifier(fitted) and not is_regressor(fitted)
    regressors = MoESelector(MoERegressor())
    assert is_regressor(regressors) and not hasattr(regressors, "predict_proba")
    assert not hasattr(MoESelector(estimator), "classes_")


def test_bad_labels_and_arguments_are_refused_before_any_fit(xor, estimator, monkeypatch):
    monkeypatch.setattr(search, "run_trials", None)
    X, y = xor
    selector = MoESelector(estimator, {"n_experts": [1, 2]})
    with pytest.raises(DataError, match="needs labels of at least two classes"):
        selector.fit(X, np.full(len(y), "same"))
    with pytest.raises(DataError, match="numbers are a task for MoERegressor"):
        selector.fit(X, X[:, 0])
    with pytest.raises(ConfigurationError, match="have no exposure"):
        selector.fit(X, y, exposure=np.ones(len(y)))
    with pytest.raises(ConfigurationError, match="class_weight names 'odd'"):
        MoESelector(estimator, {"class_weight": [{"odd": 2.0}]}, "cv").fit(X, y)
    with pytest.raises(TooFewModelsError, match="the grid has 2"):
        clone(selector).set_params(criterion="slope").fit(X, y)


def test_the_slope_heuristic_takes_the_likelihood_of_labels():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 14))
    y = np.where(X[:, 0] + X[:, 1] - X[:, 2] + rng.logistic(size=300) > 0.0, "yes", "no")
    grid = {"expert_features": [list(range(k)) for k in range(1, 15)]}
    selector = MoESelector(MoEClassifier(1), grid, "slope").fit(X, y)
    table = selector.results_
    jump = dimension_jump(table["n_parameters"], -table["log_likelihood"])
    assert selector.best_index_ == jump.selected == 2
