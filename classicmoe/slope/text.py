"""Lines of text that the results of a slope heuristic share."""

from __future__ import annotations

from collections.abc import Sequence


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Return the lines of a table: the first column flush left, the others right."""
    table = [list(header), *map(list, rows)]
    widths = [max(len(row[j]) for row in table) for j in range(len(header))]
    return [
        indent + "  ".join(c.rjust(w) if j else c.ljust(w) for j, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in table
    ]


def against_half(kappa: float) -> str:
    """Say how a slope compares with the one of well specified likelihood models."""
    return f"{kappa / 0.5:.2f} times 1/2"


def cautions(warnings: Sequence[str]) -> list[str]:
    """Return one marked line per warning."""
    return [f"! {text}" for text in warnings]


HALF = "1/2 is the slope of correct likelihood models (contrast -log L, shape the number of free parameters)"
