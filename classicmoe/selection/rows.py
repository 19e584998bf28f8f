"""The rows of a grid: fixed and checked once, the same for every model; and their folds."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from classicmoe.em.source import Batches
from classicmoe.exceptions import ConfigurationError
from classicmoe.selection.grid import Candidate

Splits = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
FOLDS = 5
_READ_BY = "gate gate_features expert expert_features unseen weight_type class_weight noise_covariance n_latent".split()


class Data(NamedTuple):
    """What every model of the grid is fitted to."""

    X: Any
    y: Any
    weight: Any
    exposure: Any = None
    offset: Any = None

    def take(self, rows: NDArray[np.intp]) -> Data:
        """Return some of the rows."""
        beside = (None if part is None else np.asarray(part)[rows] for part in self[2:])
        return Data(_safe_indexing(self.X, rows), _safe_indexing(self.y, rows), *beside)

    @property
    def beside(self) -> dict[str, Any]:
        """Exposures and offsets that were given, as keyword arguments."""
        both = {"exposure": self.exposure, "offset": self.offset}
        return {name: value for name, value in both.items() if value is not None}

    def fit(self, model: Any) -> Any:
        """Fit a model to the rows and return it."""
        return model.fit(self.X, self.y, self.weight, **self.beside)


def resolve(
    estimator: Any, X: Any, y: Any, sample_weight: Any, data: Any, exposure: Any = None, offset: Any = None
) -> tuple[Any, Data]:
    """Return the estimator and its rows, a formula taken apart into columns and features."""
    if not isinstance(X, str):
        if data is not None:
            raise ConfigurationError('data= goes with a formula: fit("y ~ a + b | a", data=df).')
        return estimator, Data(X, y, sample_weight, exposure, offset)
    if not hasattr(estimator, "_formula"):
        raise ConfigurationError(f"{type(estimator).__name__} takes no formula: pass X and y, and expert_features=.")
    table, response, expert, gate = estimator._formula(X, y, data)
    with_features = clone(estimator).set_params(expert_features=expert, gate_features=gate)
    return with_features, Data(table, response, sample_weight, exposure, offset)


Columns = tuple[list[str], list[str]]  # that gate and experts see


def check_rows(candidates: Sequence[Candidate], data: Data) -> list[Columns]:
    """Read the data as every model would, so that what is wrong with them is said once and before any fit.

    Returns
    -------
    list of (list of str, list of str)
        For every candidate the names of the columns that its gate and its experts see.

    Raises
    ------
    DataError
        Of the kind that the estimator raises. Missing values in a column that only some models use are an error too:
        leaving rows out for those alone would make the models incomparable.
    """
    seen: dict[str, Columns] = {}
    out = []
    for candidate in candidates:
        model = candidate.estimator
        reads = repr([getattr(model, name, None) for name in _READ_BY])
        if reads not in seen:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the fits say it again
                reader = model._check_rows(data.X, data.y, data.weight, **data.beside).reader
            seen[reads] = reader.gate.names_out, reader.expert.names_out
        out.append(seen[reads])
    return out


def make_splits(estimator: Any, cv: Any, data: Data, seed: int) -> Splits:
    """Return the folds as lists of row numbers; those of a classifier hold every class in proportion.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
        An integer (None: 5) shuffles the rows with ``seed``: tables are often sorted.

    Raises
    ------
    ConfigurationError
        Something else, fewer than two folds, more folds than rows, or batches.
    """
    if isinstance(data.X, Batches):
        raise ConfigurationError("Cross-validation needs arrays or data frames: batches cannot be split into folds.")
    n = _num_samples(data.X)
    try:
        number = FOLDS if cv is None else cv
        folds = StratifiedKFold if is_classifier(estimator) else KFold
        splitter = folds(number, shuffle=True, random_state=seed) if isinstance(number, int) else cv
        splits = [(np.asarray(a), np.asarray(b)) for a, b in check_cv(splitter).split(np.zeros((n, 1)), data.y)]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"cv={cv!r} cannot split {n} rows: {error}") from error
    if len(splits) < 2:
        raise ConfigurationError(f"cv={cv!r} makes {len(splits)} fold; a standard error needs at least two.")
    return splits
