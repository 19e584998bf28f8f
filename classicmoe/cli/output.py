"""What goes where: data to stdout, everything else to stderr; strict JSON; colour only for terminals."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from classicmoe.cli.words import for_command_line

Table = tuple[list[str], list[list[Any]]]  # header and rows


def jsonable(value: Any) -> Any:
    """Return a value as JSON can hold it: arrays as lists, NaN and infinities as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def write_json(kind: str, fields: Mapping[str, Any]) -> None:
    """Write ``{"schema": "classicmoe.<kind>/1", ...}`` to stdout."""
    body = {"schema": f"classicmoe.{kind}/1", **jsonable(fields)}
    sys.stdout.write(json.dumps(body, allow_nan=False, ensure_ascii=False, indent=1) + "\n")
    sys.stdout.flush()


class Console:
    """Where a command says what it does.

    Parameters
    ----------
    plain : bool, default=False
        No colour and no bar, whatever stderr is.
    """

    def __init__(self, plain: bool = False):
        plain = plain or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        self.bar = sys.stderr.isatty() and not plain
        self.colour = sys.stdout.isatty() and not plain
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        """Say something about the run, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Keep a warning for the end; each is said once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def flush_warnings(self) -> None:
        """Print the warnings that were kept, one line each, on stderr."""
        sys.stdout.flush()
        for text in self.warnings:
            head = "\x1b[33mwarning:\x1b[0m" if self.bar else "warning:"
            self.note(f"{head} {text}")

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the warnings that the library raises inside a ``with`` block."""
        import warnings

        from classicmoe.exceptions import ClassicMoEWarning

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ClassicMoEWarning)
            try:
                yield
            finally:
                for item in caught:
                    if issubclass(item.category, UserWarning):  # others are for developers
                        self.warn(for_command_line(str(item.message)))

    def styled(self, text: str, code: str) -> str:
        """Return text in an ANSI style (``"1"`` is bold, ``"33"`` yellow) where stdout shows it."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Return lines of a text table; columns are flush right but for those numbered in ``left``."""
    table = [list(header), *map(list, rows)]
    widths = [max(len(row[j]) for row in table) for j in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if j in left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Return the lines of a Markdown table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    ruler = [":--" if j in left else "--:" for j in range(len(header))]
    return [line(header), line(ruler), *map(line, rows)]
