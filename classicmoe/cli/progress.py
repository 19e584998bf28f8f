"""A bar with the time left, on stderr, and only where stderr is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from classicmoe.cli.output import Console

Callback = Callable[[int, int, dict[str, Any], float | None], None]


def time_left(seconds: float | None) -> str:
    """Say how long it still takes.

    Examples
    --------
    >>> time_left(None), time_left(3.2), time_left(200), time_left(7300)
    ('', 'about 4 s left', 'about 3 min left', 'about 2.0 h left')
    """
    if not seconds:  # not known yet, or done
        return ""
    if seconds < 100:
        return f"about {-int(-seconds // 1)} s left"
    return f"about {seconds / 60:.0f} min left" if seconds < 6000 else f"about {seconds / 3600:.1f} h left"


@contextmanager
def progress(console: Console, total: int) -> Iterator[Callback | None]:
    """Show a bar inside a ``with`` block; yields what the selector calls after every model, or None without a bar."""
    if not console.bar:
        yield None
        return
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("fitting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=RichConsole(stderr=True), transient=True) as bar:
        task = bar.add_task("fitting", total=total, left="")

        def update(done: int, total: int, row: dict[str, Any], seconds_left: float | None) -> None:
            bar.update(task, completed=done, total=total, left=time_left(seconds_left))

        yield update
