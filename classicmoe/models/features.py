"""Which columns the gate and the experts see: a column list, a scikit-learn transformer or a formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.messages import name_list
from classicmoe.models.columns import ColumnCoder
from classicmoe.models.feature_specs import MapKind, plan_of, required_columns, unknown_column
from classicmoe.models.formula_map import FormulaMap
from classicmoe.models.frames import Table, array_table, as_table
from classicmoe.models.levels import Unseen
from classicmoe.models.transformer_map import TransformerMap

__all__ = ["FeatureMap", "required_columns"]


class FeatureMap:
    """How the columns of one side of the model come out of X.

    Attributes
    ----------
    kind : {"columns", "transformer", "formula"}
        Formulas that only add column names are of kind ``"columns"``.
    columns : ndarray of int or None
        Kind ``"columns"``: indices into the coded table. The engine reads them there; nothing is copied.
    names_out : list of str
        Names of the columns that this side sees.
    input_names : list of str
        The columns of X behind them.
    """

    def __init__(
        self, kind: MapKind, names_out: Sequence[str], input_names: Sequence[str], columns: NDArray[np.intp] | None
    ) -> None:
        self.kind: MapKind = kind
        self.names_out = list(names_out)
        self.input_names = list(input_names)
        self.columns = columns
        self.part: FormulaMap | TransformerMap | None = None

    @classmethod
    def fit(cls, spec: Any, X: Any, coder: ColumnCoder, coded: Any = None, y: Any = None) -> FeatureMap:
        """Resolve a specification, fitting the transformer or formula it names.

        Parameters
        ----------
        spec : None, list, str or transformer
            None: all coded columns. A list of names or indices of columns of X (a categorical one stands for all its
            coded columns) or of coded names (``"region[N]"``); ``[]`` is an intercept only. Text: a formula's
            right-hand side. A scikit-learn transformer is cloned and fitted on X when that is a frame, else on the
            coded table.
        X : array-like or data frame
        coder : ColumnCoder
            Fitted on X.
        coded : ndarray or sparse matrix, optional
            ``coder.transform(X)``, to save doing it again; only transformers and formulas of arrays need it.
        y : array-like, optional
            Handed to the transformer's ``fit``.

        Raises
        ------
        ColumnError
            Unknown or repeated columns.
        ConfigurationError
            Something that is none of the four kinds of specification, formulas that cannot be used; a transformer or
            a formula on a sparse matrix.
        """
        kind, what = plan_of(spec, coder.names_in)
        if kind == "columns":
            columns = np.arange(len(coder.names_out)) if what is None else _indices(what, coder)
            names = coder.names_in
            sources = dict.fromkeys(names[coder.sources[j]] for j in columns)
            return cls("columns", [coder.names_out[j] for j in columns], list(sources), columns.astype(np.intp))
        if coded is None and not coder.from_frame:
            coded = coder.transform(X)
        _refuse_sparse(kind, coded)
        part: FormulaMap | TransformerMap
        if kind == "formula":
            part = FormulaMap.fit(what, _table(X, coded), coder.unseen, coder.owner)
        else:
            part = TransformerMap.fit(what, X, coded, coder.names_in, y, coder.owner)
        made = cls(kind, part.names_out, part.input_names, None)
        made.part = part
        return made

    def transform(self, X: Any, coded: Any, unseen: Unseen | None = None) -> Any:
        """Return this side's (n, len(names_out)) columns.

        Parameters
        ----------
        X : array-like or data frame
            What the user gave.
        coded : ndarray or sparse matrix of shape (n, n_coded)
            ``coder.transform(X)``.
        unseen : {"error", "reference"}, optional
            What a formula does with an unseen level, instead of what the coder was told at fit.
        """
        _refuse_sparse(self.kind, coded)
        if isinstance(self.part, FormulaMap):
            return self.part.transform(_table(X, coded), unseen)
        if isinstance(self.part, TransformerMap):
            return self.part.transform(X, coded)
        return coded[:, self.columns]

    def to_state(self) -> dict[str, Any]:
        """Return everything that ``transform`` needs.

        Ready for JSON but for a transformer, which is the object under ``state["part"]["transformer"]``.
        """
        return {
            "kind": self.kind,
            "names_out": self.names_out,
            "input_names": self.input_names,
            "columns": None if self.columns is None else self.columns.tolist(),
            "part": None if self.part is None else self.part.to_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FeatureMap:
        """Rebuild from ``to_state()``."""
        columns = None if state["columns"] is None else np.array(state["columns"], dtype=np.intp)
        made = cls(state["kind"], state["names_out"], state["input_names"], columns)
        if state["kind"] == "formula":
            made.part = FormulaMap.from_state(state["part"])
        elif state["kind"] == "transformer":
            made.part = TransformerMap.from_state(state["part"])
        return made


def _table(X: Any, coded: NDArray[Any] | None) -> Table:
    table = as_table(X)
    if table is not None:
        return table
    if coded is None:
        raise ColumnError("A formula needs the columns of a data frame.")
    return array_table(coded)


def _refuse_sparse(kind: MapKind, coded: Any) -> None:
    if kind != "columns" and issparse(coded):
        raise ConfigurationError(
            f"A {kind} cannot read a sparse matrix; choose columns by position (gate_features=[0, 5]), or apply the "
            f"{kind} before and pass what it makes as X."
        )


def _indices(entries: Sequence[str], coder: ColumnCoder) -> NDArray[np.intp]:
    position = {name: j for j, name in enumerate(coder.names_in)}
    coded = {name: j for j, name in enumerate(coder.names_out)}
    behind: dict[int, list[int]] = {}
    for j, source in enumerate(coder.sources):
        behind.setdefault(source, []).append(j)
    chosen: list[int] = []
    for entry in entries:
        if entry in position:
            chosen.extend(behind.get(position[entry], []))
        elif entry in coded:
            chosen.append(coded[entry])
        else:
            raise unknown_column(entry, [*coder.names_in, *coder.names_out])
    repeated = sorted(coder.names_out[j] for j, times in Counter(chosen).items() if times > 1)
    if repeated or len(set(entries)) < len(entries):
        twice = repeated or sorted(entry for entry, times in Counter(entries).items() if times > 1)
        raise ColumnError(f"{name_list(twice)} {'is' if len(twice) == 1 else 'are'} listed more than once.")
    return np.array(chosen, dtype=np.intp)
