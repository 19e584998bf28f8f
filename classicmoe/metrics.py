"""Scores that choose models, and how far class probabilities can be believed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ConfigurationError, DataError

Array = NDArray[np.float64]


def log_score(estimator: Any, X: Any, y: Any, sample_weight: Any = None, **beside: Any) -> float:
    r"""Return the mean log density of held-out responses, :math:`\sum_i w_i \log p(y_i\mid x_i) / \sum_i w_i`.

    A strictly proper score and a scikit-learn scorer: pass it as ``scoring=``. Larger is better; unlike R^2 it sees
    the whole distribution, and unlike in-sample criteria it ranks models of any kind.

    Parameters
    ----------
    estimator : fitted estimator with ``score_samples(X, y)``
    X : array-like or data frame of shape (n, n_features)
    y : array-like of shape (n,) or (n, q)
    sample_weight : array-like of shape (n,), optional
    **beside
        Exposures and offsets of these rows, as ``score_samples`` takes them.

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
    return float(np.average(estimator.score_samples(X, y, **beside), weights=sample_weight))


def calibration_table(
    y: Any, proba: Any, n_bins: int = 10, *, classes: Any = None, sample_weight: Any = None
) -> dict[str, NDArray[Any]]:
    r"""Compare predicted class probabilities with what was observed, class by class.

    The rows are cut by the predicted probability of a class into bins of equal width. In a calibrated bin the share of
    rows of that class, :math:`\sum_i w_i 1[y_i = c] / \sum_i w_i`, is its mean predicted probability, up to chance.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of held-out rows.
    proba : array-like of shape (n, C)
        Predicted probabilities, as of ``predict_proba``.
    n_bins : int >= 1, default=10
    classes : array-like of shape (C,), optional
        The labels that the columns belong to (``classes_``); the distinct labels of y, in order, by default.
    sample_weight : array-like of shape (n,), optional

    Returns
    -------
    dict of arrays
        One entry per bin that has rows: ``class``, ``low`` and ``high`` (ends of the bin), ``predicted`` (mean
        probability), ``observed`` (share), ``count`` (weight of the rows). ``pandas.DataFrame`` takes it.

    Raises
    ------
    DataError
        Shapes that do not fit, labels without a column, or probabilities outside [0, 1].

    References
    ----------
    Murphy, A. H. and Winkler, R. L. (1977). Reliability of subjective probability forecasts of precipitation and
    temperature. Applied Statistics 26, 41-47.

    Examples
    --------
    >>> from classicmoe.metrics import calibration_table
    >>> table = calibration_table(["a", "b", "b"], [[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], n_bins=2)
    >>> table["class"].tolist()
    ['a', 'a', 'b', 'b']
    >>> table["predicted"].tolist(), table["observed"].tolist()
    ([0.4, 0.9, 0.1, 0.6], [0.0, 1.0, 0.0, 1.0])
    """
    member, proba, weight, labels = _membership(y, proba, n_bins, classes, sample_weight)
    parts = [_bins(proba[:, c], member[:, c], weight, n_bins) for c in range(len(labels))]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"class": np.repeat(labels, [len(part["count"]) for part in parts]), **table}


def expected_calibration_error(
    y: Any,
    proba: Any,
    n_bins: int = 10,
    *,
    kind: Literal["classwise", "top"] = "classwise",
    classes: Any = None,
    sample_weight: Any = None,
) -> float:
    r"""Return the mean distance of predicted probabilities from observed shares, :math:`\sum_b n_b |o_b - p_b| / n`.

    Zero for calibrated probabilities, but for chance, which grows with the number of bins; it says nothing about how
    much they tell the rows apart, as :func:`log_score` does.

    Parameters
    ----------
    y, proba, n_bins, classes, sample_weight
        As in :func:`calibration_table`.
    kind : {"classwise", "top"}, default="classwise"
        ``"classwise"``: the average over classes of every class's error. ``"top"``: of the likeliest class alone, its
        probability against how often it is right.

    References
    ----------
    Kull, M., Perello-Nieto, M., Kaengsepp, M., Silva Filho, T., Song, H. and Flach, P. (2019). Beyond temperature
    scaling: obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS 32.

    Examples
    --------
    >>> from classicmoe.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 1, 1, 1], [[0.25, 0.75]] * 4), 12)
    0.0
    """
    if kind not in ("classwise", "top"):
        raise ConfigurationError(f"kind must be 'classwise' or 'top', not {kind!r}.")
    member, proba, weight, _ = _membership(y, proba, n_bins, classes, sample_weight)
    if kind == "top":
        rows, top = np.arange(len(proba)), proba.argmax(axis=1)
        member, proba = member[rows, top][:, None], proba[rows, top][:, None]
    errors = []
    for predicted, is_member in zip(proba.T, member.T, strict=True):
        bins = _bins(predicted, is_member, weight, n_bins)
        errors.append(bins["count"] @ np.abs(bins["observed"] - bins["predicted"]) / weight.sum())
    return float(np.mean(errors))


def _membership(
    y: Any, proba: Any, n_bins: int, classes: Any, sample_weight: Any
) -> tuple[Array, Array, Array, NDArray[Any]]:
    """Return indicators of the rows' classes (n, C), probabilities, weights (n,) and labels (C,), all checked."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise ConfigurationError(f"n_bins must be an integer >= 1, not {n_bins!r}.")
    y, proba = np.asarray(y), np.asarray(proba, dtype=float)
    labels = np.unique(y) if classes is None else np.asarray(classes)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if y.ndim != 1 or proba.shape != (len(y), len(labels)) or weight.shape != y.shape:
        raise DataError(
            f"y, proba and weights have shapes {y.shape}, {proba.shape} and {weight.shape}; expected (n,), "
            f"(n, {len(labels)}) and (n,). Where y holds not all classes, give classes=."
        )
    member = (y[:, None] == labels[None]).astype(float)
    strange = np.flatnonzero(member.sum(axis=1) != 1.0)
    if len(strange):
        raise DataError(
            f"y holds {y[strange[:1]].tolist()[0]!r} in row {strange[0]}, which is not among {labels.tolist()}."
        )
    if not ((proba >= 0.0) & (proba <= 1.0 + 1e-9)).all():
        raise DataError("proba must hold probabilities, from 0 to 1.")
    if not (weight >= 0.0).all() or not weight.any():
        raise DataError("sample_weight must hold weights >= 0, not all of them 0.")
    return member, proba, weight, labels


def _bins(predicted: Array, member: Array, weight: Array, n_bins: int) -> dict[str, Array]:
    """Return the bins of one class that have rows."""
    place = np.minimum((predicted * n_bins).astype(np.intp), n_bins - 1)
    count, p, o = (np.bincount(place, weight * values, n_bins) for values in (np.ones(len(weight)), predicted, member))
    held = np.flatnonzero(count > 0.0)
    count = count[held]
    return {
        "low": held / n_bins,
        "high": (held + 1) / n_bins,
        "predicted": p[held] / count,
        "observed": o[held] / count,
        "count": count,
    }
