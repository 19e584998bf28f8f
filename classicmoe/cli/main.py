"""The entry point: ``classicmoe COMMAND ...``.

Commands import what they need when they run, so that ``classicmoe --help`` answers at once.
"""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from classicmoe.cli.check import check
from classicmoe.cli.demo import demo
from classicmoe.cli.errors import OK, ClickError, report_failure
from classicmoe.cli.fit import fit
from classicmoe.cli.plot import plot
from classicmoe.cli.predict import predict
from classicmoe.cli.select import select
from classicmoe.cli.show import show
from classicmoe.cli.version import version
from classicmoe.cli.warmup import warmup

app = typer.Typer(
    name="classicmoe",
    help="Mixtures of experts: choose the number of experts, fit, look, predict.",
    epilog="Data goes to stdout, everything else to stderr. Exit codes: 0 fine, 1 bug, 2 usage, 3 data unusable, "
    "4 not trustworthy (--strict), 5 no admissible model, 6 model file unreadable or not of these columns, "
    "130 interrupted.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _guarded(command: Callable[..., None]) -> Callable[..., int]:
    """Return a command that reports what goes wrong instead of raising it; typer would take some of it for its own."""

    @functools.wraps(command)
    def run_command(*args: Any, **options: Any) -> int:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:
            # whoever reads the output (head, less) has seen enough; what Python still holds must not go there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (Exception, KeyboardInterrupt) as error:
            return report_failure(error, as_json=options["as_json"], debug=options["debug"])
        return OK

    return run_command


for command in (select, fit, predict, show, plot, check, demo, warmup, version):
    app.command()(_guarded(command))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Examples
    --------
    >>> run(["fit", "nowhere.csv", "-y", "a", "-k", "0"])
    2
    """
    arguments = list(arguments) or ["--help"]
    command = shlex.join(["classicmoe", *arguments])
    try:
        code = app(arguments, prog_name="classicmoe", standalone_mode=False, obj=command)
    except ClickError as error:
        return report_failure(error, as_json="--json" in arguments, debug=False)
    return code if isinstance(code, int) else OK


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
