"""A scikit-learn transformer between the user's columns and one side of the model: fitted once, checked every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.messages import name_list
from classicmoe.models.frames import as_table
from classicmoe.models.missing import all_finite, find_gaps, missing_values_error


class TransformerMap:
    """The columns that a transformer makes of a frame, or of the coded table when the user gave an array.

    Attributes
    ----------
    transformer : object
        The fitted clone.
    from_frame : bool
        Whether it takes a frame.
    input_names : list of str
        The columns that it needs.
    names_out : list of str
        Names of the columns made.
    """

    def __init__(
        self, transformer: Any, from_frame: bool, input_names: Sequence[str], names_out: Sequence[str], owner: str
    ) -> None:
        self.transformer = transformer
        self.from_frame = from_frame
        self.input_names = list(input_names)
        self.names_out = list(names_out)
        self.owner = owner

    @classmethod
    def fit(
        cls, transformer: Any, X: Any, coded: NDArray[Any] | None, names: Sequence[str], y: Any, owner: str
    ) -> TransformerMap:
        """Clone and fit a transformer on X if it is a frame, else on ``coded``.

        Raises
        ------
        ConfigurationError
            A class instead of an object, something that cannot be cloned, sparse or non-numeric output.
        ColumnError
            The transformer does not take these columns (text, for example).
        MissingValuesError
            Its output is not finite.
        """
        if isinstance(transformer, type):
            raise ConfigurationError(f"Pass a transformer, {transformer.__name__}(), not its class.")
        try:
            fitted = clone(transformer)
        except TypeError as error:
            raise ConfigurationError(f"{transformer!r} is not a scikit-learn transformer: {error}") from error
        table = as_table(X)
        data = coded if table is None else X
        with _explained(fitted, names):
            fitted.fit(data, y)
        needed = list(names) if table is None or not table.named else _needed(fitted, names)
        made = cls(fitted, table is not None, needed, [], owner)
        width = made._output(data).shape[1]
        made.names_out = _output_names(fitted, width)
        return made

    def transform(self, X: Any, coded: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the (n, len(names_out)) output for new rows.

        Raises
        ------
        ColumnError
            Missing columns, an array where the transformer was fitted on a frame.
        MissingValuesError
            Output that is not finite.
        """
        table = as_table(X)
        if not self.from_frame:
            return self._output(coded)
        if table is None:
            raise ColumnError(
                f"{type(self.transformer).__name__} was fitted on a data frame; pass one with columns "
                f"{name_list(self.input_names)}, not an array."
            )
        table.require(self.input_names if table.named else [], owner=self.owner)
        return self._output(table.select_native(self.input_names))

    def _output(self, data: Any) -> NDArray[Any]:
        name = type(self.transformer).__name__
        with _explained(self.transformer, self.input_names):
            output = self.transformer.transform(data)
        if issparse(output):
            raise ConfigurationError(f"{name} returns a sparse matrix; make it dense (such as sparse_output=False).")
        try:
            values = np.asarray(output)
            values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{name} returns values that are not numbers: {error}") from error
        rows = len(data)
        if values.ndim != 2 or len(values) != rows:
            raise DataError(f"{name} returns shape {values.shape} for {rows} rows; a table with those rows is needed.")
        if not all_finite(values):
            names = self.names_out or _output_names(self.transformer, values.shape[1])
            raise missing_values_error(find_gaps(values, names), f"X transformed by {name}")
        return values

    def to_state(self) -> dict[str, Any]:
        """Return the fitted transformer (under ``"transformer"``, for skops) and, ready for JSON, the rest."""
        return {
            "transformer": self.transformer,
            "from_frame": self.from_frame,
            "input_names": self.input_names,
            "names_out": self.names_out,
            "owner": self.owner,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TransformerMap:
        """Rebuild from ``to_state()``."""
        return cls(state["transformer"], state["from_frame"], state["input_names"], state["names_out"], state["owner"])


@contextmanager
def _explained(transformer: Any, names: Sequence[str]) -> Iterator[None]:
    """Say which columns a transformer failed on and what to do."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ColumnError(
            f"{type(transformer).__name__} cannot use the columns {name_list(list(names))}: {error}\n"
            "Select columns for it with sklearn.compose.make_column_transformer, or give a formula or column names."
        ) from error


def _output_names(fitted: Any, width: int) -> list[str]:
    try:
        names = [str(name) for name in fitted.get_feature_names_out()]
    except (AttributeError, ValueError, TypeError):
        names = []
    return names if len(names) == width else [f"{type(fitted).__name__.lower()}{j}" for j in range(width)]


def _needed(fitted: Any, names: Sequence[str]) -> list[str]:
    """Return the columns that ``fitted`` needs: those a ColumnTransformer names if it drops the rest, else all."""
    if isinstance(fitted, Pipeline) and fitted.steps:
        return _needed(fitted.steps[0][1], names)
    if not isinstance(fitted, ColumnTransformer):
        return list(names)
    used: set[str] = set()
    for _, step, columns in fitted.transformers_:
        if not (isinstance(step, str) and step == "drop"):
            used.update(_columns(columns, names))
    return [name for name in names if name in used]


def _columns(key: Any, names: Sequence[str]) -> list[str]:
    """Resolve a column key of a fitted ColumnTransformer: names, positions, a slice or a mask."""
    if isinstance(key, str):
        return [key]
    if isinstance(key, slice):
        return list(names) if any(isinstance(end, str) for end in (key.start, key.stop)) else list(names[key])
    keys = np.atleast_1d(np.asarray(key, dtype=object)).tolist()
    if keys and all(isinstance(k, bool) for k in keys):
        return [name for name, chosen in zip(names, keys, strict=True) if chosen]
    return [k if isinstance(k, str) else names[k] for k in keys]
