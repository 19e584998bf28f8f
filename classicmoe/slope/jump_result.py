"""What the dimension jump answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from classicmoe.slope.path import SlopePath
from classicmoe.slope.table import Floats, ModelTable, Rows
from classicmoe.slope.text import HALF, against_half, cautions, columns
from classicmoe.summary import Summary


class JumpArea(NamedTuple):
    """The window of penalty constants over which the complexity falls most, and what twice them selects.

    Attributes
    ----------
    low, high : float
        The window; high is a breakpoint and low = high (1 - area) / (1 + area).
    drop : float
        By how much the complexity falls between them, the fall at ``high`` included.
    models : array of int
        Rows of the models selected by the constants scoef * low to scoef * high, the largest first.
    """

    low: float
    high: float
    drop: float
    models: Rows


@dataclass(frozen=True, eq=False, repr=False)
class DimensionJump:
    """What the dimension jump found.

    Attributes
    ----------
    selected : int
        Row of the selected model in the table of models, counted from 0.
    kappa_min : float
        The constant of the minimal penalty: where the jump is; NaN if there is none.
    kappa_opt : float
        scoef * kappa_min, the constant that selects.
    scoef : float
    jump : int or None
        Which of ``jumps`` it is.
    path : SlopePath
        The models that every penalty constant chooses.
    area : JumpArea or None
        If one was asked for.
    warnings : tuple of str
        What speaks against the answer.
    breakpoints, models, jumps : arrays
        Those of the path: penalty constants at which the choice changes (the first one is 0), rows of the models on
        it, falls of the complexity.
    kappa_ratio : float
        kappa_min over 1/2, the slope of correct likelihood models (contrast -log L, shape the number of parameters).
    table : ModelTable
    """

    selected: int
    kappa_min: float
    kappa_opt: float
    scoef: float
    jump: int | None
    path: SlopePath
    area: JumpArea | None
    warnings: tuple[str, ...]

    @property
    def breakpoints(self) -> Floats:  # noqa: D102  (in the list of attributes)
        return self.path.kappas

    @property
    def models(self) -> Rows:  # noqa: D102
        return self.path.models

    @property
    def jumps(self) -> Floats:  # noqa: D102
        return self.path.jumps

    @property
    def table(self) -> ModelTable:  # noqa: D102
        return self.path.table

    @property
    def kappa_ratio(self) -> float:  # noqa: D102
        return self.kappa_min / 0.5

    def answer_lines(self) -> list[str]:
        """Return the answer as lines of text."""
        said = f"dimension jump: {self.table.say(self.table.position(self.selected))}"
        if self.jump is None:
            return [said, "  there is no jump"]
        c = self.path.complexities
        return [
            said,
            f"  kappa_min {self.kappa_min:.4g} ({against_half(self.kappa_min)}), where the complexity falls from "
            f"{c[self.jump]:g} to {c[self.jump + 1]:g}; kappa_opt {self.kappa_opt:.4g}",
        ]

    def path_lines(self) -> list[str]:
        """Return the path as lines of text, the jump and the selected model marked."""
        path = self.path
        rows = []
        for i, row in enumerate(path.models):
            fall = f"{path.jumps[i - 1]:g}" if i else "-"
            marks = ["jump"] if self.jump == i - 1 and i else []
            marks += ["selected"] if row == self.selected else []
            name = path.table.names[path.table.position(row)]
            rows.append([name, f"{path.complexities[i]:g}", f"{path.kappas[i]:.4g}", fall, ", ".join(marks)])
        return [line.rstrip() for line in columns(["model", "complexity", "from kappa", "fall", ""], rows)]

    def summary(self) -> Summary:
        """Return the answer, the path and the warnings as text."""
        lines = [*self.answer_lines(), *self.path_lines()]
        if self.area is not None:
            names = [self.table.names[self.table.position(row)] for row in self.area.models]
            lines.append(
                f"jump area: the complexity falls by {self.area.drop:g} from kappa {self.area.low:.4g} to "
                f"{self.area.high:.4g}; {self.scoef:g} times these select {', '.join(names)}"
            )
        return Summary("\n".join([*lines, HALF, *cautions(self.warnings)]))

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        return f"<DimensionJump: {self.table.names[self.table.position(self.selected)]} selected>"
