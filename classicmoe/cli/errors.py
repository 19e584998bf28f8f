"""From what was raised to an exit code, a kind and a message: the one place that knows them.

==== ===========================================================================
0    fine
1    a bug: nobody foresaw it
2    usage: options that do not exist or do not go together
3    the data cannot be used as they are
4    the fit is not trustworthy, and ``--strict`` was given
5    no admissible model
6    the model file cannot be read or does not match the columns of the data
130  interrupted; what was done is kept
==== ===========================================================================
"""

from __future__ import annotations

import sys
import traceback
from typing import Any, NamedTuple

import typer

OK, BUG, USAGE, DATA, UNTRUSTED, NO_MODEL, MODEL_FILE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

# typer carries its own copy of click in some versions and imports it in others; its error is reached through typer.
UsageError: Any = typer.BadParameter.__mro__[1]
ClickError: Any = typer.BadParameter.__mro__[2]


class Failure(NamedTuple):
    """What went wrong, for people and for programs."""

    code: int
    kind: str
    message: str
    type: str


def classify(error: BaseException) -> Failure:
    """Return exit code, kind and message of an exception."""
    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return Failure(INTERRUPTED, "interrupted", "interrupted", name)
    if isinstance(error, ClickError):
        return Failure(USAGE, "usage", error.format_message(), name)
    from classicmoe.cli.words import for_command_line
    from classicmoe.exceptions import ClassicMoEError

    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Failure(USAGE, "file", f"{where}{error.strerror or error}", name)
    if not isinstance(error, ClassicMoEError):
        return Failure(BUG, "bug", f"{name}: {error}", name)
    code, kind = _code(error)
    return Failure(code, kind, for_command_line(str(error)), name)


def _code(error: Exception) -> tuple[int, str]:
    from classicmoe import exceptions

    for cls, code, kind in (
        (exceptions.DataError, DATA, "data"),
        (exceptions.ModelFileError, MODEL_FILE, "model"),
        (exceptions.NoAdmissibleModelError, NO_MODEL, "fit"),
    ):
        if isinstance(error, cls):
            return code, kind
    return USAGE, "usage"


class TableThenError(Exception):
    """A run that ends with an error after models were fitted: their table is printed with the error.

    ``text`` and ``rows`` are the table for people and for programs; ``error`` is what ended the run.
    """

    def __init__(self, error: Exception, text: str, rows: list[dict[str, Any]]):
        super().__init__(str(error))
        self.error, self.text, self.rows = error, text, rows


def report_failure(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Print an exception: text on stderr and, with ``--json``, an object on stdout; return the exit code."""
    fitted = error if isinstance(error, TableThenError) else None
    error = error if fitted is None else fitted.error
    failure = classify(error)
    if as_json:
        from classicmoe.cli.output import write_json

        fields = {"exit_code": failure.code, "kind": failure.kind, "type": failure.type, "message": failure.message}
        write_json("error", fields if fitted is None else {**fields, "models": fitted.rows})
    elif fitted is not None:
        print(fitted.text, flush=True)
    if debug:
        traceback.print_exception(error)
    head, *rest = failure.message.splitlines() or [""]
    print(f"error [{failure.kind}]: {head}", *(f"  {line.strip()}" for line in rest), sep="\n", file=sys.stderr)
    if failure.code == BUG and not debug:
        print("  This is a bug; --debug shows where. Please report it.", file=sys.stderr)
    if failure.code == USAGE and isinstance(error, UsageError) and getattr(error, "ctx", None) is not None:
        print(f"  Help: {error.ctx.command_path} --help", file=sys.stderr)
    return failure.code
