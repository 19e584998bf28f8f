"""Out-of-fold gate probabilities with the experts of all folds aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from classicmoe.contracts import Array


def cross_val_gate(estimator: Any, X: Any, y: Any, *, cv: Any = None, groups: Any = None) -> tuple[Array, Array]:
    """Return out-of-fold P(expert | x) and log p(y | x), experts named alike in every fold.

    Every fold's experts are matched to those of a fit to all rows by the responsibilities that both give to all rows.

    Parameters
    ----------
    estimator : unfitted estimator
    X : array-like or data frame of shape (n, n_features)
    y : array-like of shape (n,)
    cv : int, splitter or iterable, optional
        As in scikit-learn; 5 folds by default.
    groups : array-like of shape (n,), optional

    Returns
    -------
    gate : ndarray of shape (n, K)
    log_score : ndarray of shape (n,)

    Examples
    --------
    >>> from classicmoe import MoERegressor, cross_val_gate, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> gate, log_score = cross_val_gate(MoERegressor(2, random_state=0), X, y, cv=4)
    >>> gate.shape, log_score.shape
    ((88, 2), (88,))
    """
    reference = clone(estimator).fit(X, y).responsibilities(X, y)
    n = len(reference)
    gate, log_score = np.full_like(reference, np.nan), np.full(n, np.nan)
    for train, test in check_cv(cv).split(np.zeros((n, 1)), None, groups):
        model = clone(estimator).fit(_safe_indexing(X, train), _safe_indexing(y, train))
        own = model.responsibilities(X, y)
        _, order = linear_sum_assignment(-reference.T @ own)
        gate[test] = model.predict_gate(_safe_indexing(X, test))[:, order]
        log_score[test] = model.score_samples(_safe_indexing(X, test), _safe_indexing(y, test))
    return gate, log_score
