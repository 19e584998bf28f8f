"""A fitted right-hand side: levels and transform state are stored, so that new rows are coded as the old ones were.

formulaic evaluates the terms on a frame that this module prepares: numbers as float64, categorical columns with the
levels of the fit. Levels are compared here, since formulaic turns unseen ones into zeros
(https://github.com/matthewwardrop/formulaic/issues/271).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ColumnError, ConfigurationError, ConstantColumnWarning, DataError
from classicmoe.messages import name_list, rows_text
from classicmoe.models.coding import as_numbers, unusable
from classicmoe.models.formula import expand_dot
from classicmoe.models.formula_terms import Use, parse_terms
from classicmoe.models.frames import Table, kind_of, numbers_of
from classicmoe.models.levels import Level, Unseen, codes_of, find_levels, judge_levels
from classicmoe.models.missing import all_finite, column_gap, missing_values_error


class FormulaMap:
    """The columns that a right-hand side makes of a table.

    Attributes
    ----------
    rhs : str
        The right-hand side.
    input_names : list of str
        The columns that it needs.
    levels : dict of str to list or None
        For each of them its levels, or None when it is used as a number.
    names_out : list of str
        Names of the columns made, without the intercept: ``"age"``, ``"region[N]"``, ``"poly(age, 2)[1]"``.
    """

    def __init__(self, rhs: str, levels: dict[str, list[Level] | None], unseen: Unseen, owner: str) -> None:
        self.rhs = rhs
        self.levels = levels
        self.unseen: Unseen = unseen
        self.owner = owner
        self.names_out: list[str] = []
        self._transform_state: dict[str, Any] = {}
        self._formula: Any = None

    @property
    def input_names(self) -> list[str]:
        """The columns that the terms need."""
        return list(self.levels)

    @classmethod
    def fit(cls, rhs: str, table: Table, unseen: Unseen = "error", owner: str = "MoERegressor") -> FormulaMap:
        """Learn levels and transform state from a table.

        Raises
        ------
        ConfigurationError
            The formula cannot be read or uses what is not allowed.
        ColumnError
            Unknown columns, columns of a kind that a term cannot use.
        MissingValuesError
        """
        rhs = expand_dot(rhs, table.names)
        formula, uses = parse_terms(rhs)
        names = list(dict.fromkeys(use.name for use in uses))
        table.require(names, owner=f"the formula {rhs!r}")
        levels = {name: _levels(name, table.column(name), [use for use in uses if use.name == name]) for name in names}
        fitted = cls(rhs, levels, unseen, owner)
        fitted._formula = formula
        matrix = fitted._matrix(table, unseen)
        fitted._transform_state = matrix.model_spec.transform_state
        fitted.names_out = _names(matrix)
        _values(matrix, fitted.names_out)
        return fitted

    def transform(self, table: Table, unseen: Unseen | None = None) -> NDArray[np.float64]:
        """Return the (n, len(names_out)) columns for the rows of a table.

        ``unseen`` replaces what the constructor was told.

        Raises
        ------
        ColumnError, MissingValuesError, UnseenLevelError
        DataError
            A term is not finite in some rows (the logarithm of zero), or undefined (a spline beyond its bounds).
        """
        table.require(self.input_names, owner=f"the formula {self.rhs!r}")
        matrix = self._matrix(table, unseen or self.unseen)
        if _names(matrix) != self.names_out:
            raise DataError(f"The formula {self.rhs!r} made columns {name_list(_names(matrix))} that the fit did not.")
        return _values(matrix, self.names_out)

    def _matrix(self, table: Table, unseen: Unseen) -> Any:
        from formulaic import ModelSpec

        if self._formula is None:
            self._formula = parse_terms(self.rhs)[0]
        spec = ModelSpec(
            formula=self._formula,
            na_action="ignore",
            output="numpy",
            transform_state=copy.deepcopy(self._transform_state),
        )
        frame = self._prepare(table, unseen)
        try:
            with np.errstate(all="ignore"):
                return spec.get_model_matrix(frame)
        except Exception as error:  # whatever the functions of a term raise
            raise DataError(f"The formula {self.rhs!r} cannot be evaluated: {error}") from error

    def _prepare(self, table: Table, unseen: Unseen) -> Any:
        import pandas as pd

        columns = {name: table.column(name) for name in self.levels}
        numbers = {name: as_numbers(name, columns[name]) for name, levels in self.levels.items() if levels is None}
        gaps = [column_gap(name, numbers.get(name, column)) for name, column in columns.items()]
        if any(gaps):
            raise missing_values_error([gap for gap in gaps if gap is not None])
        data: dict[str, Any] = {}
        for name, levels in self.levels.items():
            if levels is None:
                data[name] = numbers[name].astype(np.float64)
            else:
                codes = codes_of(name, _comparable(columns[name]), levels, unseen, self.owner)
                data[name] = pd.Categorical.from_codes(codes, categories=levels)
        return pd.DataFrame(data, index=pd.RangeIndex(table.n_rows))

    def to_state(self) -> dict[str, Any]:
        """Return everything that ``transform`` needs, ready for JSON."""
        return {
            "rhs": self.rhs,
            "levels": self.levels,
            "unseen": self.unseen,
            "owner": self.owner,
            "names_out": self.names_out,
            "transform_state": _pack(self._transform_state, self.rhs),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FormulaMap:
        """Rebuild a fitted formula from ``to_state()``; its terms are checked again before they run."""
        fitted = cls(state["rhs"], dict(state["levels"]), state["unseen"], state["owner"])
        fitted.names_out = list(state["names_out"])
        fitted._transform_state = _unpack(state["transform_state"])
        return fitted


def _levels(name: str, column: Any, uses: Sequence[Use]) -> list[Level] | None:
    """Return the levels of a column that is used as a category, None for one that is used as a number."""
    kind = kind_of(column)
    hows = {use.how for use in uses}
    if kind not in ("number", "boolean", "text", "category"):
        raise ColumnError(unusable(name, column, kind))
    if kind in ("text", "category") and "number" in hows:
        term = next(use.term for use in uses if use.how == "number")
        raise ColumnError(f"{name!r} is text, and {term} needs numbers. Write C({name}) for its levels.")
    if "levels" not in hows and (kind == "number" or "number" in hows):
        return None
    if "levels" in hows and ("number" in hows or (kind == "number" and "bare" in hows)):
        raise ColumnError(
            f"{name!r} is used as a number and, in C({name}), as a category. Copy it to a second column for one of "
            "the two."
        )
    declared = [use.levels for use in uses if use.levels is not None]
    if declared:
        return list(declared[0])
    levels = find_levels(_comparable(column), "category" if kind == "category" else None)
    judge_levels(name, column, "category" if kind == "number" else kind, levels)
    if len(levels) == 1:
        warnings.warn(f"{name!r} is {str(levels[0])!r} in every row.", ConstantColumnWarning, stacklevel=5)
    return levels


def _comparable(column: Any) -> Any:
    """Numbers that serve as levels are compared as floats, whatever the frame stores."""
    return numbers_of(column) if kind_of(column) == "number" else column


def _names(matrix: Any) -> list[str]:
    return [name.replace("[T.", "[") for name in matrix.model_spec.column_names[1:]]


def _values(matrix: Any, names: Sequence[str]) -> NDArray[np.float64]:
    values = np.asarray(matrix, dtype=np.float64)[:, 1:]
    if all_finite(values):
        return values
    bad = ~np.isfinite(values)
    column = int(np.flatnonzero(bad.any(axis=0))[0])
    rows = np.flatnonzero(bad[:, column])
    raise DataError(
        f"{names[column]} is not finite in {len(rows)} of {len(values)} rows: {rows_text(rows)}. The logarithm or root "
        "of such values, or the division, is undefined; change the term (np.log1p) or the rows."
    )


def _pack(value: Any, rhs: str) -> Any:
    """Turn transform state into JSON: dictionaries keep the type of their keys, arrays their shape."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return {"array": value.tolist()}
    if isinstance(value, Mapping):
        return {"items": [[_pack(key, rhs), _pack(item, rhs)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_pack(item, rhs) for item in value]
    raise ConfigurationError(
        f"The formula {rhs!r} keeps state of type {type(value).__name__} that a model file cannot hold. Compute that "
        "term as a column of the data first."
    )


def _unpack(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "array" in value:
            return np.asarray(value["array"], dtype=np.float64)
        return {_unpack(key): _unpack(item) for key, item in value["items"]}
    return [_unpack(item) for item in value] if isinstance(value, list) else value
