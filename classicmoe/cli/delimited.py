"""Tables as text: delimiters, encodings, headers and ragged rows, with errors that name lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.cli.sniff import DELIMITERS, Format, guess_decimal, guess_delimiter, guess_encoding
from classicmoe.exceptions import DataError
from classicmoe.messages import count_text, name_list

if TYPE_CHECKING:
    import pandas as pd

HEAD = 1 << 16
"""Bytes at the beginning of a file by which its kind is guessed."""
_BLOCK = 1 << 23
_SHOWN = 5
UNUSED = "\0unused"


@dataclass(frozen=True)
class TableInfo:
    """What was read, and how; ``str(info)`` is the line for the user."""

    source: str
    format: Format
    rows: int
    columns: int
    delimiter: str | None = None
    decimal: str = "."
    encoding: str | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        how: list[str] = [self.format]
        if self.delimiter is not None:
            how.append(DELIMITERS[self.delimiter])
        if self.decimal == ",":
            how.append("decimal comma")
        if self.encoding == "cp1252":
            how.append("Windows-1252")
        text = f"read {count_text(self.rows, 'row')}, {count_text(self.columns, 'column')} ({', '.join(how)})"
        return "; ".join([text, *self.notes])


def read_delimited(name: str, data: IO[bytes], head: bytes, found: Format) -> tuple[pd.DataFrame, TableInfo]:
    """Read CSV or TSV from a seekable binary file; ``head`` holds its first bytes."""
    encoding = guess_encoding(name, head)
    lines = head.decode(encoding, errors="replace").splitlines()
    lines = [line for line in (lines if len(head) < HEAD else lines[:-1]) if line.strip()][:200]
    delimiter = "\t" if found == "tsv" else guess_delimiter(lines)
    decimal = guess_decimal(lines, delimiter)
    for attempt in (encoding, "cp1252"):
        try:
            labels, notes = labels_of(name, data, attempt, delimiter, lines)
            frame = _parse(name, data, attempt, delimiter, decimal, labels)
        except UnicodeDecodeError as error:
            problem = error
        else:
            return frame, TableInfo(name, found, len(frame), frame.shape[1], delimiter, decimal, attempt, notes)
    raise DataError(f"{name} is text in neither UTF-8 nor Windows-1252: {problem}.") from problem


def labels_of(
    name: str, data: IO[bytes], encoding: str, delimiter: str, lines: list[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return a label for every column, and what to tell the user; ragged rows are an error."""
    with _reader(data, encoding, delimiter) as rows:
        header = [field.strip() for field in next((row for row in rows if row), [])]
    widths = _widths(name, data, encoding, delimiter)[1:]
    _check_header(name, header, len(widths), lines)
    labels = list(header)
    if (widths == len(header) + 1).all():
        # R's write.table has no name over its row labels; other programs end every row with a delimiter
        with _reader(data, encoding, delimiter) as rows:
            trailing = not any(row[-1].strip() for row in islice(rows, 1, 100) if row)
        labels = [*header, UNUSED] if trailing else ["", *header]
    elif (widths != len(header)).any():
        wrong = int((widths != len(header)).sum())
        raise DataError(_ragged(name, data, encoding, delimiter, len(header), wrong))
    notes: tuple[str, ...] = ()
    if labels[0] == "" and len(labels) > 1:
        notes = ("the first column has no name and was taken for row labels",)
        labels[0] = UNUSED
    labels = [label or f"unnamed_{j + 1}" for j, label in enumerate(labels)]
    check_names(name, labels)
    return labels, notes


@contextmanager
def _reader(data: IO[bytes], encoding: str, delimiter: str) -> Iterator[Any]:
    data.seek(0)
    text = io.TextIOWrapper(data, encoding=encoding, newline="")
    try:
        yield csv.reader(text, delimiter=delimiter, skipinitialspace=True)
    finally:
        text.detach()


def _widths(name: str, data: IO[bytes], encoding: str, delimiter: str) -> NDArray[np.int64]:
    """Return the number of fields of every line (or quoted record) that is not blank, the header's first."""
    if encoding != "utf-16":
        counted = _count_delimiters(data, delimiter)
        if counted is not None:
            return counted
    with _reader(data, encoding, delimiter) as rows:
        try:
            widths = np.fromiter(map(len, rows), np.int64)
        except csv.Error as error:
            raise DataError(
                f"{name} cannot be cut into fields near line {rows.line_num}: {error}. Is a quote not closed?"
            ) from error
    return widths[widths > 0]


def _count_delimiters(data: IO[bytes], delimiter: str) -> NDArray[np.int64] | None:
    """Count delimiters line by line without the csv module, which is slower; None when there are quotes."""
    data.seek(0)
    counts: list[NDArray[np.int64]] = []
    rest = b""
    while block := data.read(_BLOCK):
        if b'"' in block or block.count(b"\r") != block.count(b"\r\n") + block.endswith(b"\r"):
            return None
        end = block.rfind(b"\n") + 1
        counts.append(_count_in_lines(rest + block[:end], delimiter))
        rest = block[end:] if end else rest + block
    counts.append(_count_in_lines(rest + b"\n", delimiter))
    return np.concatenate(counts)


def _count_in_lines(lines: bytes, delimiter: str) -> NDArray[np.int64]:
    if not lines:
        return np.empty(0, np.int64)
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    codes = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    fields = np.diff(np.searchsorted(np.flatnonzero(codes == ord(delimiter)), ends), prepend=0) + 1
    return fields[np.diff(ends, prepend=-1) > 1]


def _check_header(name: str, header: list[str], rows: int, lines: list[str]) -> None:
    if not header:
        raise DataError(f"{name} is empty.")
    if all(_is_number(field) for field in header):
        raise DataError(
            f"The first line of {name} holds numbers ({name_list(header, 3, quote=False)}); it must hold the names of "
            "the columns."
        )
    if len(header) == 1 and header[0].startswith("#"):
        raise DataError(f"The first line of {name} is a comment; it must hold the names of the columns.")
    if rows == 0:
        raise DataError(f"{name} has a header ({name_list(header, quote=False)}) but no rows.")
    words = [len(line.split()) for line in lines]
    if len(header) == 1 and words[0] > 1 and set(words[1:]) <= {words[0], words[0] + 1}:
        raise DataError(f"{name} seems to be separated by spaces; commas, semicolons, tabs and bars are understood.")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _ragged(name: str, data: IO[bytes], encoding: str, delimiter: str, width: int, wrong: int) -> str:
    """Return the sentence for rows of another width than the header, with the lines of the first few."""
    shown = []
    with _reader(data, encoding, delimiter) as rows:
        next((row for row in rows if row), None)
        for row in rows:
            if row and len(row) != width:
                shown.append(f"line {rows.line_num} has {len(row)}")
                if len(shown) == _SHOWN:
                    break
    more = "" if wrong <= _SHOWN else f" (the first {_SHOWN} of {wrong} such lines)"
    return (
        f"{name} is ragged: its header has {width} fields ({DELIMITERS[delimiter]}), but {', '.join(shown)}{more}. "
        "Lines are counted from 1, the header included. A delimiter inside a value needs quotes around the value."
    )


def check_names(name: str, labels: list[str]) -> None:
    """Refuse repeated column names."""
    repeated = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if repeated:
        raise DataError(f"Column names of {name} must differ; repeated: {name_list(repeated)}.")


def _parse(name: str, data: IO[bytes], encoding: str, delimiter: str, decimal: str, labels: list[str]) -> pd.DataFrame:
    import pandas as pd

    data.seek(0)
    # since pandas 3.1 the default reads back what was written, and the argument is deprecated
    exact = {} if pandas_version(pd.__version__) >= (3, 1) else {"float_precision": "round_trip"}
    try:
        frame = pd.read_csv(
            data,
            sep=delimiter,
            decimal=decimal,
            encoding=encoding,
            header=0,
            names=labels,
            index_col=False,
            skipinitialspace=True,
            low_memory=False,
            **exact,
        )
    except UnicodeDecodeError:
        raise
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        opened = re.search(r"EOF inside string starting at row (\d+)", str(error))
        if opened:
            raise DataError(f"A quote that opens in data row {opened.group(1)} of {name} is never closed.") from error
        raise DataError(f"{name} cannot be read as CSV: {error}") from error
    empty = [label for label in labels if label.startswith("unnamed_") and frame[label].isna().all()]
    return frame.drop(columns=[label for label in (*empty, UNUSED) if label in frame])


def pandas_version(text: str) -> tuple[int, int]:
    """Return major and minor version."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)
