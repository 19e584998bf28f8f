"""A table in pieces of rows, so that scoring needs memory for one piece only; CSV from files, the rest in one read."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from classicmoe.cli import delimited
from classicmoe.cli.read import read_table
from classicmoe.cli.sniff import Format, format_named, guess_decimal, guess_delimiter, guess_encoding, guess_format
from classicmoe.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

PIECE = 50_000
"""Rows of a piece."""


def pieces(
    path: str, input_format: str | None = None, text: Collection[str] = (), size: int | None = None
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the rows of a table, some at a time.

    Parameters
    ----------
    path : str
        A file, or ``"-"`` for standard input.
    input_format : {"csv", "tsv", "parquet"}, optional
    text : collection of str
        Columns whose values stay text although they may look like numbers (``"007"``).
    size : int, optional
        Rows of a piece; PIECE by default.

    Yields
    ------
    first : int
        Position of the first row, counted from 0.
    frame : pandas.DataFrame

    Raises
    ------
    DataError
        As :func:`classicmoe.cli.read.read_table`; ragged rows before the first piece.
    """
    size, asked = size or PIECE, format_named(input_format)
    if path == "-" or not Path(path).is_file():
        found: Format = "parquet"  # read whole; a file that is not there gets its message from the reader
    else:
        with _opened(path) as data:
            head = data.read(delimited.HEAD)
            found = asked or guess_format(Path(path).name, head)
    if found == "parquet" or not head.strip():
        frame, _ = read_table(path, input_format=input_format)
        for first in range(0, len(frame), size):
            yield first, frame.iloc[first : first + size]
        return
    first = 0
    for frame in _csv_pieces(path, found, head, text, size):
        yield first, frame
        first += len(frame)


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast("IO[bytes]", unpacked)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{Path(path).name} is a damaged or truncated gzip file: {error}.") from error


def _csv_pieces(path: str, found: Format, head: bytes, text: Collection[str], size: int) -> Iterator[pd.DataFrame]:
    name = Path(path).name
    with _opened(path) as data:
        encoding = _encoding(name, data, head)
        lines = [line for line in head.decode(encoding, errors="replace").splitlines() if line.strip()]
        lines = (lines if len(head) < delimited.HEAD else lines[:-1])[:200]
        delimiter = "\t" if found == "tsv" else guess_delimiter(lines)
        labels, _ = delimited.labels_of(name, data, encoding, delimiter, lines)
        data.seek(0)
        options: dict[str, Any] = {
            "sep": delimiter,
            "decimal": guess_decimal(lines, delimiter),
            "encoding": encoding,
            "dtype": {label: str for label in labels if label in text},
        }
        yield from _parsed(name, data, labels, size, options)


def _encoding(name: str, data: IO[bytes], head: bytes) -> str:
    """Return an encoding in which the whole file can be read."""
    guess = guess_encoding(name, head)
    decoder = codecs.getincrementaldecoder(guess)()
    data.seek(0)
    try:
        while block := data.read(1 << 22):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return guess


def _parsed(
    name: str, data: IO[bytes], labels: list[str], size: int, options: dict[str, Any]
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    if delimited.pandas_version(pd.__version__) < (3, 1):  # later the default, and the argument deprecated
        options["float_precision"] = "round_trip"
    try:
        with pd.read_csv(
            data, header=0, names=labels, index_col=False, skipinitialspace=True, chunksize=size, **options
        ) as reader:
            for frame in reader:
                yield frame.drop(columns=[label for label in (delimited.UNUSED,) if label in frame])
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(f"{name} cannot be read as CSV: {error}") from error
