"""Rows through a model, piece by piece."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from classicmoe.cli.asked import NEEDS_RESPONSE, Item, answers, names
from classicmoe.cli.carried import NOTHING, Carried
from classicmoe.cli.read import require_column
from classicmoe.cli.write import output_format, write_table
from classicmoe.exceptions import ColumnError, MissingValuesError, ModelFileError, UnseenLevelError
from classicmoe.messages import row_numbering
from classicmoe.models.missing import drop_missing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Request:
    """What is asked about every row.

    Attributes
    ----------
    model : fitted estimator
    model_name, data_name : str
        For messages.
    items : list of Item
    response : str or None
        Column of the response, when the items need it.
    keep : list of str or None
        Input columns that the output repeats; None for all of them.
    na : {"error", "empty"}
        Rows with missing values: refuse them, or leave their answers empty.
    say : callable
        Takes a sentence for the user.
    carried : Carried
        Columns that go with the rows, as the model remembers them or as they were named.
    exposed : bool
        Whether exposures were asked for, so that answers must not be rates.
    """

    model: Any
    model_name: str
    data_name: str
    items: list[Item]
    response: str | None
    keep: list[str] | None
    na: str
    say: Callable[[str], None]
    carried: Carried = NOTHING
    exposed: bool = False

    @property
    def needs_y(self) -> bool:
        """Whether some item compares with the response."""
        return any(item.kind in NEEDS_RESPONSE for item in self.items)


def input_columns(model: Any) -> list[str]:
    """Return the columns that a model looks at."""
    return list(dict.fromkeys([*model.gate_features_.input_names, *model.expert_features_.input_names]))


def text_columns(model: Any) -> set[str]:
    """Return the columns that hold levels, which must not be read as numbers."""
    found = {name for name, levels in model.coder_.levels.items() if _has_text(levels)}
    for side in (model.gate_features_, model.expert_features_):
        levels = getattr(side.part, "levels", None) or {}
        found |= {name for name, known in levels.items() if known and _has_text(known)}
    return found


def _has_text(levels: Iterable[Any]) -> bool:
    return any(isinstance(level, str) for level in levels)


def use_unseen(model: Any, unseen: str) -> None:
    """Tell a fitted model what to do with levels that it has not seen."""
    model.set_params(unseen=unseen)
    model.coder_.unseen = unseen
    for side in (model.gate_features_, model.expert_features_):
        if hasattr(side.part, "unseen"):
            side.part.unseen = unseen


def scored(request: Request, source: Iterable[tuple[int, pd.DataFrame]]) -> Iterator[pd.DataFrame]:
    """Yield the output for every piece: one row per input row.

    Raises
    ------
    ModelFileError
        The model does not fit the columns.
    MissingValuesError
        Rows that cannot be scored.
    """
    for first, frame in source:
        try:
            yield _score(request, first, frame)
        except MissingValuesError as error:
            head = str(error).split("\n")[0]
            cure = "--na empty leaves the answers for these rows empty; or impute first."
            raise MissingValuesError(f"{request.data_name}: {head}\n{cure}") from error
        except (ColumnError, UnseenLevelError) as error:
            raise ModelFileError(f"{request.model_name} does not fit {request.data_name}: {error}") from error


def _score(request: Request, first: int, frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    model, items = request.model, request.items
    carried = _carried_by(frame, request)
    targets = [request.response] if request.needs_y and request.response else []
    kept = frame if request.keep is None else frame[_required(frame, request.keep, request.data_name)]
    _required(frame, targets, request.data_name)
    present = np.arange(len(frame))
    if request.na == "empty":
        beside = [name for option, name in carried.columns() if option != "upper"]
        known = [name for name in (*input_columns(model), *targets, *beside) if name in frame.columns]
        present = np.setdiff1d(present, drop_missing(frame, known)[1])
    table = pd.DataFrame(index=range(len(frame)), columns=[n for item in items for n in names(model, item)])
    if len(present):
        rows = frame.iloc[present]
        with row_numbering(1, present + first):
            y = carried.responses(rows, targets[0], request.data_name) if targets else None
            columns = answers(model, rows, y, items, _beside(rows, carried, request))
        table = pd.DataFrame(columns, index=present).reindex(range(len(frame)))
    clash = [name for name in table.columns if name in kept.columns]
    if clash:
        request.say(f"the data have columns {', '.join(clash)} too; the answers are called predicted_...")
        table = table.rename(columns={name: f"predicted_{name}" for name in clash})
    return pd.concat([kept.reset_index(drop=True), table], axis=1)


def _carried_by(frame: pd.DataFrame, request: Request) -> Carried:
    """Return what goes with these rows; without their exposures the answers are of one unit of it, which is said."""
    carried, name = request.carried, request.carried.exposure
    if not request.needs_y:
        carried = replace(carried, upper=None, truncate=None)
    if name is None or name in frame.columns or _constant(name) is not None or request.exposed or request.needs_y:
        return carried
    request.say(f"{request.data_name} has no column {name!r} (exposure): the answers are per unit of exposure.")
    return replace(carried, exposure=None)


def _beside(rows: pd.DataFrame, carried: Carried, request: Request) -> dict[str, Any]:
    """Return exposures and offsets of the rows; an exposure may be one number for all."""
    name = carried.exposure
    value = None if name is None or name in rows.columns else _constant(name)
    if value is None:
        return carried.beside(rows, request.data_name)
    return {**replace(carried, exposure=None).beside(rows, request.data_name), "exposure": value}


def _constant(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _required(frame: pd.DataFrame, names: list[str], source: str) -> list[str]:
    for name in names:
        require_column(frame, name, source)
    return names


def as_records(tables: Iterable[pd.DataFrame], items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    """Yield rows as dictionaries; regions are lists there, not their text."""
    regions = any(item.kind == "hdr" for item in items)
    for table in tables:
        for row in table.astype(object).to_dict(orient="records"):
            if regions:
                row = {name: _region(name, value) for name, value in row.items()}
            yield row


def _region(name: Any, value: Any) -> Any:
    is_region = str(name).startswith(("hdr_", "predicted_hdr_")) and isinstance(value, str)
    return json.loads(value) if is_region else value


def write_pieces(tables: Iterable[pd.DataFrame], path: str, schema: str) -> tuple[int, list[str]]:
    """Write tables one below the other; CSV piece by piece, Parquet and JSON at the end.

    Returns
    -------
    rows : int
    columns : list of str
    """
    if output_format(path) != "csv":
        import pandas as pd

        whole = pd.concat(tables, ignore_index=True)
        write_table(whole, path, schema=schema)
        return len(whole), list(whole.columns)
    rows = 0
    columns: list[str] = []
    with _output(path) as stream:
        for table in tables:
            stream.write(table.to_csv(index=False, header=not columns, lineterminator="\n").encode())
            rows, columns = rows + len(table), list(table.columns)
    return rows, columns


@contextmanager
def _output(path: str) -> Iterator[IO[bytes]]:
    """Open standard output, or a file that appears whole or not at all."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = f"{path}.part"
    try:
        with gzip.open(part, "wb") if path.lower().endswith(".gz") else open(part, "wb") as stream:
            yield cast("IO[bytes]", stream)
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise
