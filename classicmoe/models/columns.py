"""From what a user hands over to one float table: numeric columns as they are, categorical ones treatment-coded."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.messages import did_you_mean, name_list
from classicmoe.models.arrays import check_array_input
from classicmoe.models.coding import code_table, finite, learn_levels
from classicmoe.models.frames import Table, array_names, as_table, check_size
from classicmoe.models.levels import Level, Unseen


class ColumnCoder:
    """Treatment coding that is learnt once and applied by column name ever after.

    Arrays pass through: float64 and float32 arrays (memory maps and read-only ones too) are returned as the same
    memory, integers become float64. Frames give one float64 table (float32 when all columns are): numbers as they
    are, text, boolean and categorical columns as one 0/1 column for every level but the first.

    Parameters
    ----------
    unseen : {"error", "reference"}, default="error"
        What to do with a level that was not there at fit.
    owner : str, default="MoERegressor"
        The estimator that the messages name.
    keep_missing : bool, default=False
        Whether NaN in numeric columns is passed on instead of being an error.
    sparse : bool, default=False
        Whether SciPy's sparse matrices are passed on, in CSR format, instead of being an error. The same coder takes
        arrays as well, whatever it was fitted on.

    Attributes
    ----------
    feature_names_in_ : ndarray of object or None
        All columns of the frame given to ``fit``; None for arrays and frames without text labels.
    n_features_in_ : int
    columns : list of str
        The input columns that are coded (``only``), in the order of the frame.
    levels : dict of str to list
        Levels of the categorical ones among them; the first is the reference.
    names_out : list of str
        Names of the coded columns: ``"age"``, ``"region[N]"``; ``"x0"``, ``"x1"`` for arrays.
    sources : list of int
        For every coded column the position of its input column.
    from_frame : bool
        Whether ``fit`` saw a data frame.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "region": ["S", "N", "S", "N"]})
    >>> coder = ColumnCoder().fit(frame)
    >>> coder.names_out
    ['age', 'region[S]']
    >>> coder.transform(pd.DataFrame({"region": ["S"], "age": [5.0]}))
    array([[5., 1.]])
    """

    feature_names_in_: NDArray[np.object_] | None
    n_features_in_: int
    columns: list[str]
    levels: dict[str, list[Level]]
    names_out: list[str]
    sources: list[int]
    from_frame: bool

    def __init__(
        self, unseen: Unseen = "error", owner: str = "MoERegressor", keep_missing: bool = False, sparse: bool = False
    ) -> None:
        if unseen not in ("error", "reference"):
            raise ConfigurationError(f"unseen must be 'error' or 'reference', not {unseen!r}.")
        self.unseen: Unseen = unseen
        self.owner = owner
        self.keep_missing = keep_missing
        self.sparse = sparse

    @property
    def names_in(self) -> list[str]:
        """Names of all input columns; made up (x0, x1, ...) where there were none."""
        return array_names(self.n_features_in_) if self.feature_names_in_ is None else list(self.feature_names_in_)

    def fit(self, X: Any, only: Iterable[str] | None = None) -> ColumnCoder:
        """Learn names and levels.

        Parameters
        ----------
        X : array-like or data frame of shape (n, n_features)
        only : iterable of str, optional
            Code these columns of a frame only; the others are neither checked nor needed later. All columns of an
            array are passed on, and these are the ones that must be finite.

        Returns
        -------
        ColumnCoder
            Itself.

        Raises
        ------
        ColumnError
            Text arrays, dates, mixed or unsupported columns, repeated names, categorical columns with too many
            levels, names in ``only`` that are not there.

        Warns
        -----
        ManyLevelsWarning, IdColumnWarning, ConstantColumnWarning
        """
        table = as_table(X)
        self.from_frame = table is not None
        self.levels = {}
        if table is None:
            self.n_features_in_ = check_array_input(X, self.owner, self.sparse).shape[1]
            self.feature_names_in_ = None
        else:
            check_size(table.n_rows, len(table.names), self.owner)
            self.n_features_in_ = len(table.names)
            self.feature_names_in_ = np.array(table.names, dtype=object) if table.named else None
        names = self.names_in
        wanted = set(names) if only is None else set(only)
        unknown = sorted(wanted.difference(names))
        if unknown:
            hints = "".join(did_you_mean(name, names) for name in unknown[:3])
            raise ColumnError(f"X has no column {name_list(unknown)}.{hints}")
        self.columns = [name for name in names if name in wanted]
        if table is not None:
            for name in self.columns:
                levels = learn_levels(name, table.column(name), table.named)
                if levels is not None:
                    self.levels[name] = levels
        self._lay_out(names)
        return self

    def _lay_out(self, names: list[str]) -> None:
        if not self.from_frame:
            self.names_out, self.sources = list(names), list(range(len(names)))
            return
        position = {name: j for j, name in enumerate(names)}
        pairs = [(label, position[name]) for name in self.columns for label in self.coded_names(name)]
        self.names_out = [label for label, _ in pairs]
        self.sources = [source for _, source in pairs]
        if len(set(self.names_out)) < len(self.names_out):
            repeated = sorted(label for label, times in Counter(self.names_out).items() if times > 1)
            raise ColumnError(f"Two columns would be called {name_list(repeated)} after coding; rename one.")

    def coded_names(self, name: str) -> list[str]:
        """Return the names of the coded columns that stand for one input column."""
        return [f"{name}[{level}]" for level in self.levels[name][1:]] if name in self.levels else [name]

    def transform(self, X: Any, unseen: Unseen | None = None) -> Any:
        """Code a table.

        Frames are matched by name, in any order, and may hold other columns; arrays by position.

        Parameters
        ----------
        X : array-like or data frame
        unseen : {"error", "reference"}, optional
            Instead of what the constructor was told.

        Returns
        -------
        ndarray of shape (n, len(names_out))
            float64, or float32 when all the input is; not a copy where it need not be. A sparse matrix stays sparse.

        Raises
        ------
        ColumnError
            Missing columns, text where numbers were, an array where a coded frame was.
        MissingValuesError
            NaN or infinite values, with columns, counts and rows.
        UnseenLevelError
            A level that was not there at fit (``unseen="error"``).
        """
        table = as_table(X)
        unseen = unseen or self.unseen
        if table is None:
            return self._from_array(X)
        check_size(table.n_rows, len(table.names), self.owner)
        if self.feature_names_in_ is not None and table.named:
            table.require(self.columns, owner=self.owner)
            return code_table(table, self.columns, self.levels, unseen, self.owner, self.keep_missing)
        self._check_width(len(table.names))
        if not self.from_frame and table.named:
            self._warn(f"X has feature names, but {self.owner} was fitted without feature names")
        renamed = Table(self.names_in, table.columns, False, table.n_rows, table.native)
        names = self.columns if self.from_frame else self.names_out
        return code_table(renamed, names, self.levels, unseen, self.owner, self.keep_missing)

    def fit_transform(self, X: Any, only: Iterable[str] | None = None) -> Any:
        """Fit, then transform the same table."""
        return self.fit(X, only).transform(X)

    def _from_array(self, X: Any) -> Any:
        values = check_array_input(X, self.owner, self.sparse)
        self._check_width(values.shape[1])
        if not self.from_frame:
            position = {name: j for j, name in enumerate(self.names_in)}
            some = None if len(self.columns) == len(position) else [position[name] for name in self.columns]
            return finite(values, self.columns, some, self.keep_missing)
        if self.levels:
            raise ColumnError(
                f"{self.owner} was fitted with categorical columns ({name_list(list(self.levels))}); pass a data frame "
                "with the same column names, not an array."
            )
        if self.feature_names_in_ is not None:
            self._warn(f"X does not have valid feature names, but {self.owner} was fitted with feature names")
        if len(self.columns) < self.n_features_in_:
            values = values[:, self.sources]
        return finite(values, self.columns, keep_missing=self.keep_missing)

    def _check_width(self, width: int) -> None:
        if width != self.n_features_in_:
            raise DataError(
                f"X has {width} features, but {self.owner} is expecting {self.n_features_in_} features as input."
            )

    @staticmethod
    def _warn(message: str) -> None:
        warnings.warn(message, UserWarning, stacklevel=4)

    def to_state(self) -> dict[str, Any]:
        """Return everything that ``transform`` needs, ready for JSON."""
        return {
            "unseen": self.unseen,
            "owner": self.owner,
            "keep_missing": self.keep_missing,
            "sparse": self.sparse,
            "from_frame": self.from_frame,
            "n_features": self.n_features_in_,
            "feature_names": None if self.feature_names_in_ is None else list(self.feature_names_in_),
            "columns": list(self.columns),
            "levels": {name: list(levels) for name, levels in self.levels.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ColumnCoder:
        """Rebuild a fitted coder from ``to_state()``."""
        coder = cls(state["unseen"], state["owner"], state.get("keep_missing", False), state.get("sparse", False))
        coder.from_frame = bool(state["from_frame"])
        coder.n_features_in_ = int(state["n_features"])
        names: Sequence[str] | None = state["feature_names"]
        coder.feature_names_in_ = None if names is None else np.array(names, dtype=object)
        coder.columns = list(state["columns"])
        coder.levels = {name: list(levels) for name, levels in state["levels"].items()}
        coder._lay_out(coder.names_in)
        return coder
