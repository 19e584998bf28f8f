"""From what the user hands over to a source of rows: coded tables, feature maps, response and weights."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from classicmoe.contracts import Array
from classicmoe.em.source import ArraySource, Batches, Chunk, Source, StreamSource, Table
from classicmoe.em.survey import View
from classicmoe.exceptions import ConfigurationError, DataError, WeightSumWarning
from classicmoe.models.arrays import check_array_input
from classicmoe.models.beside import Beside, check_support
from classicmoe.models.columns import ColumnCoder
from classicmoe.models.features import FeatureMap, required_columns
from classicmoe.models.observed import known
from classicmoe.models.response import check_response, check_weights, response_names

NOTHING = Beside()


class Reader(NamedTuple):
    """How rows are read: the coding of X and the columns of gate and experts; the same at fit and afterwards."""

    coder: ColumnCoder
    gate: FeatureMap
    expert: FeatureMap

    @classmethod
    def fit(
        cls,
        X: Any,
        y: Any,
        gate: Any,
        expert: Any,
        unseen: Any,
        owner: str,
        keep_missing: bool = False,
        sparse: bool = False,
    ) -> tuple[Reader, Table]:
        """Learn coding and features from X; return the reader and the coded table."""
        if issparse(X):
            X = check_array_input(X, owner, sparse)  # converted here, once, if it is not in CSR format
        coder = ColumnCoder(unseen, owner, keep_missing, sparse).fit(X, only=required_columns(X, gate, expert))
        coded = coder.transform(X)
        expert_map = FeatureMap.fit(expert, X, coder, coded, y)
        same = gate is expert or (isinstance(gate, str) and gate == expert)
        return cls(coder, expert_map if same else FeatureMap.fit(gate, X, coder, coded, y), expert_map), coded

    def tables(self, X: Any, coded: Table | None = None) -> tuple[Table, ...]:
        """Return the coded table, followed by the output of transformers and formulas."""
        coded = self.coder.transform(X) if coded is None else coded
        more = [self.expert] if self.expert.kind != "columns" else []
        if self.gate.kind != "columns" and self.gate is not self.expert:
            more.append(self.gate)
        return (coded, *(side.transform(X, coded) for side in more))

    def views(self) -> tuple[View, View]:
        """Return which table and columns gate and experts read."""
        expert = self._view(self.expert, 1)
        if self.gate is self.expert:
            return expert, expert
        return self._view(self.gate, 1 if self.expert.kind == "columns" else 2), expert

    @staticmethod
    def _view(side: FeatureMap, table: int) -> View:
        if side.columns is not None:
            return View(0, side.columns)
        return View(table, np.arange(len(side.names_out)))

    def source(
        self, X: Any, y: Any, sample_weight: Any, n_outputs: int, owner: str, beside: Beside = NOTHING
    ) -> ArraySource:
        """Return rows to be scored; y is None where it is not known."""
        tables = self.tables(X)
        n = tables[0].shape[0]
        exposure, offset = beside.checked(n)
        if y is None:
            nothing = np.broadcast_to(0.0, (n, n_outputs))
            return ArraySource(tables, nothing, None, offset=offset, exposure=exposure)
        weight = check_weights(sample_weight, n)
        y, bounds, window = known(y)
        values = check_response(y, n_rows=n, vary=False, owner=owner)
        given = 1 if values.ndim == 1 else values.shape[1]
        if given != n_outputs:
            raise DataError(f"y has {given} outputs, but {owner} was fitted with {n_outputs}.")
        return ArraySource(tables, values, weight, offset=offset, exposure=exposure, bounds=bounds, window=window)


class Rows(NamedTuple):
    """Rows for a fit."""

    source: Source
    reader: Reader
    response_names: list[str] | None


def rows_of_arrays(
    X: Any,
    y: Any,
    sample_weight: Any,
    gate: Any,
    expert: Any,
    unseen: Any,
    weight_type: str,
    owner: str,
    keep_missing: bool = False,
    beside: Beside = NOTHING,
    family: Any = None,
    sparse: bool = False,
) -> Rows:
    """Check X, y, weights and what else rows carry once and return them as a source.

    NaN in X stays if ``keep_missing``; a family says where the response may lie; X may be a sparse matrix if
    ``sparse``.
    """
    if isinstance(X, Batches):
        raise DataError(f"{owner} takes arrays and tables, not Batches; MoERegressor and MoEClassifier read batches.")
    reader, coded = Reader.fit(X, y, gate, expert, unseen, owner, keep_missing, sparse)
    n = coded.shape[0]
    weight = check_weights(sample_weight, n)
    y, bounds, window = known(y)
    # Those that take sparse tables are the penalised ones: their experts know exact responses only.
    if (family is None or sparse) and (bounds is not None or window is not None):
        raise ConfigurationError(
            f"{owner} takes exact responses only; MoERegressor(gate='softmax') takes censored and truncated ones."
        )
    values = check_response(y, n_rows=n, sample_weight=weight, owner=owner)
    weight = typed_weights(weight, weight_type)
    beside, names = beside.checked(n), response_names(y)
    check_support(family, values, beside, weight, names[0] if names else "y")
    source = ArraySource(
        reader.tables(X, coded),
        values,
        weight,
        offset=beside.offset,
        exposure=beside.exposure,
        bounds=bounds,
        window=window,
    )
    return Rows(source, reader, names)


def typed_weights(weight: Array | None, weight_type: str) -> Array | None:
    """Rescale sampling weights to mean one; warn when frequency weights do not look like counts."""
    if weight is None:
        return None
    total, n = float(weight.sum()), int(np.count_nonzero(weight))
    if weight_type == "sampling":
        return weight * (n / total)
    if not 0.5 <= total / n <= 2.0 and not np.array_equal(weight, np.round(weight)):
        warnings.warn(
            f"The weights sum to {total:g} over {n} rows. Frequency weights count rows: every criterion takes "
            f"n = {total:g}. If they are sampling weights, use weight_type='sampling'.",
            WeightSumWarning,
            stacklevel=4,
        )
    return weight


def rows_of_batches(
    batches: Batches, gate: Any, expert: Any, unseen: Any, weight_type: str, owner: str, sparse: bool = False
) -> Rows:
    """Learn the columns from the first batch and return the batches as a source.

    Levels of categorical columns are those of the first batch; a transformer is fitted to the first batch.
    """
    if weight_type != "frequency":
        raise ConfigurationError("weight_type='sampling' needs arrays: the mean weight of a stream is not known.")
    first = next(iter(batches), None)
    if first is None:
        raise DataError("The batches are empty.")
    X, y, _ = first
    reader, _ = Reader.fit(X, y, gate, expert, unseen, owner, sparse=sparse)

    def prepare(X: Any, y: Any, weight: Any) -> Chunk:
        tables = reader.tables(X)
        n = tables[0].shape[0]
        values = check_response(y, n_rows=n, vary=False, owner=owner)
        weights = None if weight is None else check_weights(weight, n)
        return Chunk(tables, values if values.ndim == 2 else values[:, None], weights)

    return Rows(StreamSource(batches, prepare), reader, response_names(y))
