"""Read a table from a file or standard input: CSV and TSV (also gzipped) and Parquet, with errors that say where.

Lines are counted as an editor does, from 1 with the header; data rows are counted from 1 without it.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from classicmoe.cli.delimited import HEAD, TableInfo, check_names, read_delimited
from classicmoe.cli.sniff import format_named, guess_format
from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.messages import did_you_mean, name_list

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TableInfo", "read_table", "require_column"]


def read_table(
    path: str | Path, *, input_format: str | None = None, stdin: IO[bytes] | None = None
) -> tuple[pd.DataFrame, TableInfo]:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        A file, or ``"-"`` for standard input.
    input_format : {"csv", "tsv", "parquet"}, optional
        Guessed when not given. Delimiter (comma, semicolon, tab, bar), decimal comma, gzip and encoding (UTF-8,
        UTF-16, Windows-1252) always are.
    stdin : binary file, optional
        Instead of ``sys.stdin.buffer``.

    Returns
    -------
    frame : pandas.DataFrame
        Row labels that R writes as a first column without a name are left out.
    info : TableInfo

    Raises
    ------
    DataError
        No such file, no table in it, no rows, ragged rows (with line numbers), repeated column names, damaged
        archives and Parquet files, binary data.
    """
    asked = format_named(input_format)
    name = "standard input" if str(path) == "-" else Path(path).name
    with _explained(name), _open(path, stdin) as raw:
        data: IO[bytes] = raw
        if raw.read(2) == b"\x1f\x8b":
            raw.seek(0)
            data = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
        data.seek(0)
        head = data.read(HEAD)
        if not head.strip():
            raise DataError(f"{name} is empty.")
        found = asked or guess_format(name, head)
        data.seek(0)
        return _parquet(name, data) if found == "parquet" else read_delimited(name, data, head, found)


@contextmanager
def _open(path: str | Path, stdin: IO[bytes] | None) -> Iterator[IO[bytes]]:
    if str(path) == "-":
        stream = sys.stdin.buffer if stdin is None else stdin
        yield io.BytesIO(stream.read())
        return
    with open(path, "rb") as file:
        yield file


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what the operating system and the decoders say into DataErrors."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"There is no file {error.filename}.") from error
    except IsADirectoryError as error:
        raise DataError(f"{error.filename} is a folder, not a file.") from error
    except PermissionError as error:
        raise DataError(f"{error.filename} may not be read: permission denied.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} is a damaged or truncated gzip file: {error}.") from error


def _parquet(name: str, data: IO[bytes]) -> tuple[pd.DataFrame, TableInfo]:
    import pandas as pd

    try:
        import pyarrow
    except ImportError as error:
        raise ConfigurationError("Parquet files need the package pyarrow: pip install 'classicmoe[cli]'.") from error
    try:
        frame = pd.read_parquet(io.BytesIO(data.read()))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{name} is not a Parquet file, or is damaged or truncated: {error}") from error
    labelled = frame.index.names != [None]
    frame = frame.reset_index(drop=not labelled)
    frame.columns = [str(column) for column in frame.columns]
    check_names(name, list(frame.columns))
    if frame.empty:
        raise DataError(f"{name} has columns ({name_list(list(frame.columns), quote=False)}) but no rows.")
    return frame, TableInfo(name, "parquet", *frame.shape)


def require_column(frame: pd.DataFrame, name: str, source: str = "the data") -> None:
    """Raise a ColumnError with the nearest name when ``frame`` has no column ``name``.

    Examples
    --------
    >>> import pandas as pd
    >>> require_column(pd.DataFrame({"region": [1], "age": [2]}), "regoin", "visits.csv")
    Traceback (most recent call last):
    ...
    classicmoe.exceptions.ColumnError: column 'regoin' is not in visits.csv. Did you mean 'region'?
      columns: region, age
    """
    names = [str(column) for column in frame.columns]
    if name in names:
        return
    text = ", ".join(names[:3])
    if len(names) > 3:
        text += f", … ({len(names) - 3} more; list with: classicmoe check {source})"
    raise ColumnError(f"column {name!r} is not in {source}.{did_you_mean(name, names)}\n  columns: {text}")
