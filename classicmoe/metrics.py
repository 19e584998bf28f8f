"""Scores that choose models."""

from __future__ import annotations

from typing import Any

import numpy as np


def log_score(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
    r"""Return the mean log density of held-out responses, :math:`\sum_i w_i \log p(y_i\mid x_i) / \sum_i w_i`.

    A strictly proper score and a scikit-learn scorer: pass it as ``scoring=``. Larger is better; unlike R^2 it sees
    the whole distribution, and unlike in-sample criteria it ranks models of any kind.

    Parameters
    ----------
    estimator : fitted estimator with ``score_samples(X, y)``
    X : array-like or data frame of shape (n, n_features)
    y : array-like of shape (n,) or (n, q)
    sample_weight : array-like of shape (n,), optional

    References
    ----------
    Gneiting, T. and Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
    American Statistical Association 102, 359-378.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.metrics import log_score
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> scores = cross_val_score(MoERegressor(2, random_state=0), X, y, scoring=log_score, cv=3)
    >>> scores.shape
    (3,)
    """
    return float(np.average(estimator.score_samples(X, y), weights=sample_weight))
