"""The columns room behind an estimator: scikit-learn's checks accept every message."""

import warnings

from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from classicmoe.models.columns import ColumnCoder
from classicmoe.models.features import FeatureMap, required_columns
from classicmoe.models.response import check_response, check_weights


class Linear(RegressorMixin, BaseEstimator):
    """The smallest estimator on top of the columns, to run scikit-learn's own checks on them."""

    def fit(self, X, y, sample_weight=None):
        self.coder_ = ColumnCoder(owner="Linear").fit(X, only=required_columns(X, None))
        coded = self.coder_.transform(X)
        y = check_response(y, n_rows=len(coded), owner="Linear")
        weights = check_weights(sample_weight, len(coded))
        self.map_ = FeatureMap.fit(None, X, self.coder_, coded)
        self.model_ = LinearRegression().fit(self.map_.transform(X, coded), y, weights)
        self.n_features_in_ = self.coder_.n_features_in_
        if self.coder_.feature_names_in_ is not None:
            self.feature_names_in_ = self.coder_.feature_names_in_
        return self

    def predict(self, X):
        check_is_fitted(self)
        return self.model_.predict(self.map_.transform(X, self.coder_.transform(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def test_scikit_learn_accepts_every_message():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(Linear(), on_fail=None, on_skip=None)
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] == "failed"]
    assert failed == []
    assert sum(r["status"] == "passed" for r in results) >= 50
