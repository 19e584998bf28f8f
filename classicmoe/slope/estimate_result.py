"""What data-driven slope estimation answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from classicmoe.slope.robust import Line
from classicmoe.slope.table import Floats, ModelTable, Rows, read_models
from classicmoe.slope.text import HALF, against_half, cautions, columns
from classicmoe.slope.validation import Validation, validate
from classicmoe.summary import Summary


class Plateau(NamedTuple):
    """Successive regressions whose slopes select one model.

    Attributes
    ----------
    model : int
        Row of that model.
    first, length : int
        Which of the slopes: number ``first`` (counted from 0) and those after it.
    most_points, fewest_points : int
        On how many points the first and the last of the regressions stand.
    low, high : float
        The least and the largest slope. The last slope of all, which stands on two points, does not count where there
        are others.
    """

    model: int
    first: int
    length: int
    most_points: int
    fewest_points: int
    low: float
    high: float


@dataclass(frozen=True, eq=False, repr=False)
class SlopeEstimate:
    """What data-driven slope estimation found.

    Attributes
    ----------
    selected : int
        Row of the selected model in the table of models, counted from 0.
    kappa_min : float
        The constant of the minimal penalty: the slope of the regression in the middle of the chosen plateau.
    kappa_opt : float
        scoef * kappa_min.
    scoef : float
    psi : {"bisquare", "ols"}
    slopes : array of shape (J - 1,)
        kappa(r): the slope of -contrast on shape over the models r, ..., J of the sorted table, r = 1, ..., J - 1.
    choices : array of int, shape (J - 1,)
        Rows of the models that scoef * kappa(r) selects.
    plateaus : tuple of Plateau
    chosen : int
        Which of them decides.
    interval : tuple of two floats
        The least and the largest slope on it.
    share_of_points : float
        (length of the plateau + 1) / J.
    n_points : int
        On how many models the chosen line stands: the largest ones.
    line : Line
        That line, for -contrast against shape.
    r_squared : float
        1 - residual over total sum of squares of those models.
    scale : float
        Median of the absolute residuals of those models over 0.6745.
    warnings : tuple of str
        What speaks against the answer.
    kappa_ratio : float
        kappa_min over 1/2, the slope of correct likelihood models (contrast -log L, shape the number of parameters).
    table : ModelTable
    """

    selected: int
    kappa_min: float
    kappa_opt: float
    scoef: float
    psi: str
    slopes: Floats
    choices: Rows
    plateaus: tuple[Plateau, ...]
    chosen: int
    interval: tuple[float, float]
    share_of_points: float
    n_points: int
    line: Line
    r_squared: float
    scale: float
    warnings: tuple[str, ...]
    table: ModelTable

    @property
    def kappa_ratio(self) -> float:  # noqa: D102  (in the list of attributes)
        return self.kappa_min / 0.5

    def validate(
        self, complexity: Any, contrast: Any, shape: Any = None, *, names: Sequence[object] | None = None
    ) -> Validation:
        """Check whether further, much larger models lie on the line.

        Parameters
        ----------
        complexity, contrast, shape, names
            Columns of the further models, as for :func:`ddse`; one model will do.

        Returns
        -------
        Validation
        """
        further = read_models(complexity, contrast, shape, names, least=1)
        return validate(self.line, self.scale, self.table, self.n_points, further)

    def answer_lines(self) -> list[str]:
        """Return the answer as lines of text."""
        low, high = self.interval
        return [
            f"DDSE: {self.table.say(self.table.position(self.selected))}",
            f"  kappa_min {self.kappa_min:.4g} ({against_half(self.kappa_min)}) from the {self.n_points} largest of "
            f"{len(self.table)} models, R^2 {self.r_squared:.4f}; kappa_opt {self.kappa_opt:.4g}",
            f"  slopes {low:.4g} to {high:.4g} on a plateau with {100.0 * self.share_of_points:.0f} % of the points",
        ]

    def plateau_lines(self) -> list[str]:
        """Return the plateaus as lines of text, the chosen one marked."""
        rows = []
        for i, plateau in enumerate(self.plateaus):
            position = self.table.position(plateau.model)
            points = f"{plateau.most_points} to {plateau.fewest_points}"
            slopes = f"{plateau.low:.4g} to {plateau.high:.4g}"
            name, c = self.table.names[position], f"{self.table.complexity[position]:g}"
            rows.append([name, c, f"{plateau.length}", points, slopes, "chosen" if i == self.chosen else ""])
        header = ["plateau of", "complexity", "regressions", "points", "slopes", ""]
        return [line.rstrip() for line in columns(header, rows)]

    def summary(self) -> Summary:
        """Return the answer, the plateaus and the warnings as text."""
        return Summary("\n".join([*self.answer_lines(), *self.plateau_lines(), HALF, *cautions(self.warnings)]))

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        return f"<SlopeEstimate: {self.table.names[self.table.position(self.selected)]} selected>"
