"""The held-out log density against scikit-learn's own loop."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, cross_val_score

from classicmoe import MoERegressor, MoESelector
from classicmoe.exceptions import MissingValuesError, TooFewRowsError
from classicmoe.metrics import log_score

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")  # few starts in every fold


@pytest.fixture
def estimator():
    return MoERegressor(n_init=3, random_state=0)


@pytest.mark.parametrize("cv", [None, 4, KFold(3)])
def test_scores_are_those_of_scikit_learns_loop(npreg, estimator, cv):
    X, y = npreg
    selector = MoESelector(estimator, {"n_experts": [1, 2]}, "cv", cv=cv).fit(X, y)
    folds = cv if isinstance(cv, KFold) else KFold(cv or 5, shuffle=True, random_state=0)
    sizes = [len(test) for _, test in folds.split(X)]
    for k, row in zip([1, 2], selector.results_.to_dict("records"), strict=True):
        means = cross_val_score(clone(estimator).set_params(n_experts=k), X, y, scoring=log_score, cv=folds)
        mean = np.average(means, weights=sizes)
        se = np.sqrt(np.average((means - mean) ** 2, weights=sizes) / (len(means) - 1))
        assert row["cv"] == pytest.approx(mean, rel=1e-12)
        assert row["cv_se"] == pytest.approx(se, rel=1e-10)
    assert selector.best_index_ == selector.results_["cv"].idxmax()
    assert selector.best_score_ == selector.results_["cv"].max()


def test_folds_beside_another_criterion_and_by_groups(npreg, estimator):
    X, y = npreg
    groups = np.arange(len(y)) // 20
    splits = list(GroupKFold(3).split(X, y, groups))
    selector = MoESelector(estimator, {"n_experts": [1, 2]}, cv=splits).fit(X, y)
    assert selector.best_score_ == selector.results_["bic"].min()
    means = cross_val_score(estimator.set_params(n_experts=1), X, y, scoring=log_score, cv=splits)
    assert selector.results_["cv"][0] == pytest.approx(np.average(means, weights=[len(test) for _, test in splits]))
    assert "CV" in selector.summary()


def test_weights_count_in_training_and_in_the_score(npreg, estimator):
    X, y = npreg
    weight = np.where(np.arange(len(y)) < 150, 1.0, 0.0)
    order = np.arange(len(y))
    splits = [(order[order % 3 != i], order[order % 3 == i]) for i in range(3)]
    kept = [(a[a < 150], b[b < 150]) for a, b in splits]
    grid = {"n_experts": [1]}
    weighted = MoESelector(estimator, grid, "cv", cv=splits).fit(X, y, sample_weight=weight)
    dropped = MoESelector(estimator, grid, "cv", cv=kept).fit(X[:150], y[:150])
    np.testing.assert_allclose(weighted.results_[["cv", "cv_se"]], dropped.results_[["cv", "cv_se"]], rtol=1e-10)


def test_a_fold_that_fails_takes_the_model_out_of_this_criterion_only(ethanol, estimator):
    X, y = ethanol[0][::8], ethanol[1][::8]  # 11 rows; 5 are too few for 6 experts
    halves = [(np.arange(5), np.arange(5, 11)), (np.arange(5, 11), np.arange(5))]
    selector = MoESelector(estimator, {"n_experts": [1, 6]}, "cv", cv=halves).fit(X, y)
    failed = selector.results_.iloc[1]
    assert failed["error"].startswith("cross-validation: n_experts=6, but X and y have only 5 distinct rows")
    assert np.isfinite(failed["bic"])
    assert selector.best_params_ == {"n_experts": 1}


def test_frames_are_split_too(ethanol_frame, ethanol, estimator):
    grid = {"n_experts": [1, 2]}
    by_frame = MoESelector(estimator, grid, "cv").fit("NOx ~ C + E", data=ethanol_frame)
    by_array = MoESelector(estimator, grid, "cv").fit(*ethanol)
    np.testing.assert_allclose(by_frame.results_["cv"], by_array.results_["cv"], rtol=1e-12)


def test_data_errors_are_raised_not_recorded(npreg, estimator):
    X, y = npreg
    selector = MoESelector(estimator, {"n_experts": [1]}, "cv")
    with pytest.raises(MissingValuesError):
        selector.fit(np.where(np.arange(200)[:, None] == 3, np.nan, X), y)
    with pytest.raises(TooFewRowsError):
        selector.fit(X[:1], y[:1])
