"""What kind of file is this? Format, encoding, delimiter and decimal mark, from its first bytes."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import Literal, get_args

from classicmoe.exceptions import ConfigurationError, DataError

Format = Literal["csv", "tsv", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*\Z")
_DECIMAL_POINT = re.compile(r"\s*-?\d*\.\d+\s*\Z")
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV",
    b"ARROW1": "an Arrow (Feather) file; save it as Parquet",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it first",
    b"BZh": "a bzip2 archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"\x89HDF": "an HDF5 file; save it as CSV or Parquet",
    b"RDX": "an R data file; save it as CSV",
}


def format_named(name: str | None) -> Format | None:
    """Return the format that was asked for, None when none was.

    Raises
    ------
    ConfigurationError
        No format has this name.
    """
    if name is None:
        return None
    for known in FORMATS:
        if name == known:
            return known
    raise ConfigurationError(f"The input format is csv, tsv or parquet, not {name!r}.")


def guess_format(name: str, head: bytes) -> Format:
    """Tell CSV, TSV and Parquet apart by the first bytes and, for TSV, the name.

    Raises
    ------
    DataError
        A kind of file that is known and not read.
    """
    lower = name.lower().removesuffix(".gz")
    if head.startswith(b"PAR1") or lower.endswith((".parquet", ".pq")):
        return "parquet"
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{name} is {what}.")
    if lower.endswith((".json", ".jsonl", ".ndjson")) or head.lstrip()[:1] in (b"{", b"["):
        raise DataError(f"{name} is JSON; CSV, TSV and Parquet are read.")
    return "tsv" if lower.endswith((".tsv", ".tab")) else "csv"


def guess_encoding(name: str, head: bytes) -> str:
    """Return the encoding that the first bytes announce; UTF-8 when they announce none.

    Raises
    ------
    DataError
        Bytes that no text holds.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    control = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 32), 127))
    if b"\0" in head or control > len(head) / 100:
        raise DataError(f"{name} holds binary data, not a table; CSV, TSV and Parquet are read.")
    return "utf-8-sig"


def guess_delimiter(lines: list[str]) -> str:
    """Choose the delimiter that cuts most lines into the same number of fields, two at least; else the comma."""
    best, choice = (0.0, 0), ","
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = (count / widths.total(), width)
        if width > 1 and score > best:
            best, choice = score, delimiter
    return choice


def guess_decimal(lines: list[str], delimiter: str) -> str:
    """Return the decimal mark: a comma when fields read 1,5 and none reads 1.5."""
    if delimiter == ",":
        return "."
    fields = [field for row in csv.reader(lines[1:], delimiter=delimiter) for field in row]
    commas = sum(bool(_DECIMAL_COMMA.match(field)) for field in fields)
    points = sum(bool(_DECIMAL_POINT.match(field)) for field in fields)
    return "," if commas and not points else "."
