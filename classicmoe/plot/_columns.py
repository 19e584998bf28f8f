"""One column of a table, moved while the others stay: what partial dependence needs, for frames and arrays alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.models.frames import Table, array_names, as_table, kind_of, nulls_of, numbers_of

_MAX_LEVELS = 15
_CELLS = 2_000_000  # cells of the tables handed to predict at a time


class MovableColumn:
    """A column of X, what values it has, and copies of X in which it has others.

    Parameters
    ----------
    X : data frame or array of shape (n, n_features)
    feature : str or int
        Name or position of the column.
    names : sequence of str, optional
        Names of the columns of an array; x0, x1, ... without.

    Attributes
    ----------
    name : str
    levels : list of str or None
        The most frequent levels, in their order, of a column of text, categories or truth values or with at most two
        distinct numbers; None for other columns of numbers.
    n_levels : int
        How many levels there are in all.
    """

    def __init__(self, X: Any, feature: str | int, names: Any = None):
        self._table = _table(X, names)
        self.name = _resolve(self._table, feature)
        self._column = self._table.column(self.name)
        kind = kind_of(self._column)
        if kind not in ("number", "boolean", "text", "category"):
            raise ColumnError(f"Column {self.name!r} holds neither numbers nor levels ({kind}): it cannot be moved.")
        self.levels: list[str] | None = None
        self.n_levels = 0
        values = numbers_of(self._column) if kind == "number" else np.asarray(self._column.to_list(), dtype=object)
        present = np.flatnonzero(~nulls_of(self._column))
        distinct, first, counts = np.unique(values[present], return_index=True, return_counts=True)
        if len(distinct) < 2:
            raise DataError(f"Column {self.name!r} does not vary in these rows: there is nothing to draw along it.")
        self._values = values
        if kind != "number" or len(distinct) == 2:
            kept = np.argsort(-counts, kind="stable")[:_MAX_LEVELS]
            place = {level: i for i, level in enumerate(_category_order(self._column, kind) or distinct)}
            kept = np.array(sorted(kept, key=lambda i: place[distinct[i]]), dtype=np.intp)
            self.n_levels = len(distinct)
            self._distinct = distinct[kept]
            self.levels = [f"{v:g}" if kind == "number" else str(v) for v in self._distinct]
            self._first_rows = present[first[kept]]

    @property
    def n_rows(self) -> int:
        """Rows of X."""
        return self._table.n_rows

    def observed(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the values at some rows; for levels their number in ``levels``, NaN for levels not among them."""
        if self.levels is None:
            return np.asarray(self._values[rows], dtype=np.float64)
        code = {value: i for i, value in enumerate(self._distinct)}
        return np.array([code.get(value, np.nan) for value in self._values[rows]], dtype=np.float64)

    def grid(
        self, resolution: int, percentiles: tuple[float, float], given: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the values given, sorted, or evenly spaced ones between two percentiles; for levels their numbers."""
        if self.levels is not None:
            return np.arange(len(self.levels), dtype=np.float64)
        if given is not None:
            values = np.unique(np.asarray(given, dtype=np.float64))
            if len(values) < 2 or not np.isfinite(values).all():
                raise ConfigurationError("grid must hold at least two different finite numbers.")
            return values
        low, high = percentiles
        if not 0.0 <= low < high <= 1.0 or resolution < 2:
            raise ConfigurationError(
                "percentiles must be two increasing numbers in [0, 1] and grid_resolution at least 2, "
                f"got {percentiles} and {resolution}."
            )
        start, stop = np.nanquantile(self._values, percentiles)
        if start == stop:  # nearly all rows have one value
            start, stop = np.nanmin(self._values), np.nanmax(self._values)
        return np.linspace(start, stop, resolution)

    def average(
        self,
        predict: Callable[[Any], NDArray[np.float64]],
        rows: NDArray[np.intp],
        grid: ArrayLike,
        weights: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return, for every value of the grid, the mean over ``rows`` of the predictions with the column moved there.

        Parameters
        ----------
        predict : callable
            Takes a table like X and returns one row per row, (m, ...).
        rows : array of shape (m,)
        grid : array of shape (G,)
            Values, or numbers of levels.
        weights : array of shape (m, K), optional
            Weights of the rows in the mean of the k-th element of the second axis.

        Returns
        -------
        array of shape (G, ...)
        """
        if weights is not None:
            weights = np.where(weights.sum(axis=0) > 0.0, weights, 1.0)  # no row of its own: all count alike
            weights = weights / weights.sum(axis=0)
        grid = np.asarray(grid, dtype=np.float64)
        step = max(1, _CELLS // (len(rows) * len(self._table.names)))
        parts = []
        for start in range(0, len(grid), step):
            values = grid[start : start + step]
            predicted = np.asarray(predict(self._moved(rows, values)))
            predicted = predicted.reshape(len(values), len(rows), *predicted.shape[1:])
            parts.append(predicted.mean(axis=1) if weights is None else _weighted(predicted, weights))
        return np.concatenate(parts)

    def _moved(self, rows: NDArray[np.intp], values: NDArray[np.float64]) -> Any:
        """Return the rows once for every value, the column set to it."""
        rows = np.tile(rows, len(values))
        repeats = len(rows) // len(values)
        native = self._table.native
        if not isinstance(native, np.ndarray):
            frame = nw.from_native(native, eager_only=True)
            picked = frame[rows.tolist()]
            if self.levels is None:
                moved = nw.new_series(self.name, np.repeat(values, repeats), backend=frame.implementation)
            else:  # taken from rows that have the level: the kind of column stays what it is
                moved = frame[self.name][np.repeat(self._first_rows[values.astype(np.intp)], repeats).tolist()]
            if hasattr(native, "index"):  # pandas aligns by labels, and labels repeat here
                picked = nw.maybe_reset_index(picked)
                moved = nw.maybe_reset_index(moved)
            return picked.with_columns(moved).to_native()
        table = native[rows]
        if self.levels is not None:
            values = self._distinct[values.astype(np.intp)].astype(np.float64)
        table[:, self._table.index(self.name)] = np.repeat(values, repeats)
        return table


def _weighted(predicted: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum_i weights_ik predicted_gik..., (G, K, ...)."""
    return np.einsum("gik...,ik->gk...", predicted, weights)


def _table(X: Any, names: Any) -> Table:
    """Return named columns of a frame or array."""
    table = as_table(X)
    if table is not None and table.named:
        return table
    values = np.asarray(X, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"X must be a data frame or two-dimensional, got shape {values.shape}.")
    if names is None or len(names) != values.shape[1]:
        names = array_names(values.shape[1])
    return Table(list(names), list(values.T), False, len(values), values)


def _category_order(column: Any, kind: str) -> list[str]:
    """Return the levels of a column of categories in the order declared there; nothing for other columns."""
    return [] if kind != "category" else column.cat.get_categories().to_list()


def _resolve(table: Table, feature: str | int) -> str:
    if isinstance(feature, str):
        table.require([feature], owner="the plot")
        return feature
    if not -len(table.names) <= feature < len(table.names):
        raise ColumnError(f"There is no column {feature}: X has {len(table.names)} columns, counted from 0.")
    return table.names[feature]


def systematic_rows(n_rows: int, at_most: int) -> NDArray[np.intp]:
    """Return at most so many row numbers in equal steps."""
    if n_rows <= at_most:
        return np.arange(n_rows)
    return np.floor((np.arange(at_most) + 0.5) * n_rows / at_most).astype(np.intp)


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows of a frame, array or series as the same kind."""
    frame = nw.from_native(X, pass_through=True, allow_series=True)
    if isinstance(frame, nw.DataFrame | nw.Series):
        return frame[rows.tolist()].to_native()
    return np.asarray(X)[rows]
