"""Write a table to a file or standard output: CSV, Parquet or JSON."""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, cast

from classicmoe.exceptions import ConfigurationError, DataError

if TYPE_CHECKING:
    import pandas as pd

OutputFormat = Literal["csv", "parquet", "json"]


def output_format(path: str | Path, fmt: str | None = None) -> OutputFormat:
    """Return the format asked for, or the one that the extension means; CSV for standard output.

    Raises
    ------
    ConfigurationError
        An unknown format or extension.
    """
    lower = str(path).lower()
    known: dict[str, OutputFormat] = {
        ".csv": "csv",
        ".csv.gz": "csv",
        ".parquet": "parquet",
        ".pq": "parquet",
        ".json": "json",
    }
    if fmt is not None:
        for meant in known.values():
            if fmt == meant:
                return meant
        raise ConfigurationError(f"The output format is csv, parquet or json, not {fmt!r}.")
    if lower == "-":
        return "csv"
    for extension, meant in known.items():
        if lower.endswith(extension):
            return meant
    raise ConfigurationError(f"Cannot tell the format of {path} from its name; end it in {', '.join(known)}.")


def write_table(
    frame: pd.DataFrame,
    path: str | Path,
    fmt: str | None = None,
    *,
    stdout: IO[bytes] | None = None,
    schema: str = "classicmoe.table/1",
) -> None:
    """Write a data frame, numbers so that they read back equal.

    A file appears whole or not at all. JSON is ``{"schema": schema, "rows": [{column: value}, ...]}`` with null for
    what is missing or not finite.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str or Path
        A file, or ``"-"`` for standard output.
    fmt : {"csv", "parquet", "json"}, optional
        By the extension when not given; ``.csv.gz`` is compressed.
    stdout : binary file, optional
        Instead of ``sys.stdout.buffer``.

    Raises
    ------
    ConfigurationError
        An unknown format.
    DataError
        The file cannot be written.
    """
    chosen = output_format(path, fmt)
    if str(path) == "-":
        stream = sys.stdout.buffer if stdout is None else stdout
        _write(frame, stream, chosen, schema)
        stream.flush()
        return
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                if target.suffix == ".gz":
                    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                        _write(frame, cast("IO[bytes]", packed), chosen, schema)
                else:
                    _write(frame, file, chosen, schema)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write(frame: pd.DataFrame, stream: IO[bytes], fmt: OutputFormat, schema: str) -> None:
    if fmt == "csv":
        stream.write(frame.to_csv(index=False, lineterminator="\n").encode())
    elif fmt == "parquet":
        frame.to_parquet(stream, index=False)
    else:
        plain = frame.astype(object).where(frame.notna() & ~frame.isin([float("inf"), -float("inf")]), None)
        table = {"schema": schema, "rows": plain.to_dict(orient="records")}
        stream.write((json.dumps(table, allow_nan=False, default=str, ensure_ascii=False) + "\n").encode())
