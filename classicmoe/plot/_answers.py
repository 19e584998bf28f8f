"""What a fitted model answers about rows whose columns move, and the response as pictures show it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import name_list
from classicmoe.models.observed import is_observed, known
from classicmoe.plot._columns import take_rows

_COUNTS, _CLASSES = 0.25, 0.05  # how far points are moved that would lie on each other


class Answers:
    """Questions to an estimator about tables made of ``rows``, repeated as often as a column has values.

    Counts with exposures are shown as rates, numbers of successes as shares of the trials; of classes one is shown, the
    response being 1 for it and 0 for the others.

    Parameters
    ----------
    estimator : fitted estimator
    y : array of shape (n,) or (n, q)
    rows : array of shape (m,)
        The rows that are averaged over.
    output : optional
        Which of several outputs, counted from 0, or which class.
    exposure, offset : array of shape (n,), optional
        As in ``fit``.

    Attributes
    ----------
    name : str
        What the response is called.
    spread : float
        How far points may be moved along the response, so that equal ones do not hide each other.
    """

    def __init__(
        self,
        estimator: Any,
        y: Any,
        rows: NDArray[np.intp],
        output: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ):
        self._estimator, self._y, self._rows = estimator, y, rows
        self._exposure = None if exposure is None else np.asarray(exposure, dtype=np.float64)
        self._offset = None if offset is None else np.asarray(offset, dtype=np.float64)
        self._classes = getattr(estimator, "classes_", None)
        self.output = 0 if output is None and self._classes is None else output
        self.name, self.spread = _response_name(estimator, y, 0 if self._classes is not None else self.output), 0.0
        family = estimator._mixture().expert if hasattr(estimator, "_mixture") else None
        if self._classes is not None:
            self._place = _place(self._classes.tolist(), output)
            self.name, self.spread = f"P({self.name} = {self._classes[self._place]})", _CLASSES
        elif self._exposure is not None:
            unit = (getattr(estimator, "run_", None) or {}).get("exposure") or getattr(exposure, "name", None)
            self.name += " per trial" if family.exposure_is == "trials" else f" per unit of {unit or 'exposure'}"
        elif getattr(family, "measure", "") == "counting":
            self.spread = _COUNTS

    def experts(self, table: Any) -> NDArray[np.float64]:
        """Return what every expert predicts for a table of rows, (m, K)."""
        answer = self._estimator.predict_experts(table, **self._offsets(table))
        return answer[:, :, self._place] if self._classes is not None else pick(answer, self.output, axis=2)

    def mean(self, table: Any) -> NDArray[np.float64]:
        """Return what the model predicts for a table of rows, (m,)."""
        if self._classes is not None:
            return np.asarray(self._estimator.predict_proba(table)[:, self._place])
        return pick(self._estimator.predict(table, **self._offsets(table)), self.output)

    def responsibilities(self, X: Any, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the experts' shares in the rows of X that are named, (m, K)."""
        beside = {"exposure": self._exposure, "offset": self._offset}
        given = {name: values[rows] for name, values in beside.items() if values is not None}
        return np.asarray(self._estimator.responsibilities(take_rows(X, rows), take_rows(self._y, rows), **given))

    def response(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the response of rows as it is shown, (m,)."""
        values = take_rows(self._y, rows)
        if self._classes is not None:
            return (np.asarray(values).ravel() == self._classes[self._place]).astype(np.float64)
        values = pick(np.asarray(known(values).y, dtype=np.float64), self.output)
        return values if self._exposure is None else values / self._exposure[rows]

    def partly(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which responses are known up to an interval only, (m,)."""
        if not is_observed(self._y):
            return np.zeros(len(rows), dtype=bool)
        return np.asarray(self._y["lower"][rows] != self._y["upper"][rows])

    def _offsets(self, table: Any) -> dict[str, Any]:
        if self._offset is None:
            return {}
        return {"offset": np.tile(self._offset[self._rows], len(table) // len(self._rows))}


def pick(values: NDArray[np.float64], output: int, axis: int = 1) -> NDArray[np.float64]:
    """Return one of several outputs, which are the given axis; arrays of one output have no such axis."""
    n_outputs = values.shape[axis] if values.ndim > axis else 1
    if not 0 <= output < n_outputs:
        raise ConfigurationError(f"output must be from 0 to {n_outputs - 1}, got {output}.")
    return values.take(output, axis=axis) if values.ndim > axis else values


def _place(classes: list[Any], label: Any) -> int:
    """Return the position of a class; the last one if none is named."""
    if label is None:
        return len(classes) - 1
    if label not in classes:
        raise ConfigurationError(f"output must be one of the classes {name_list(classes)}, got {label!r}.")
    return classes.index(label)


def _response_name(estimator: Any, y: ArrayLike, output: int) -> str:
    """Return the name of the response: as the estimator knows it, or y carries it, or plainly y."""
    name = getattr(estimator, "response_name_", None) or getattr(y, "name", None)
    columns = getattr(y, "columns", None)
    if columns is not None:
        return str(columns[output])
    if name is not None:
        return str(name)
    return f"y{output}" if np.ndim(y) == 2 else "y"
