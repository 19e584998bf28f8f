"""Are further, much larger models on the line? If not, the slope was not taken in a linear regime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classicmoe.messages import count_text
from classicmoe.slope.robust import Line
from classicmoe.slope.table import Floats, ModelTable, Rows
from classicmoe.slope.text import cautions, columns
from classicmoe.summary import Summary

FAR = 4.685
"""Residuals over their scale from which on Tukey's bisquare gives a point no weight."""


@dataclass(frozen=True, eq=False, repr=False)
class Validation:
    """Further models against the line.

    Attributes
    ----------
    rows : array of int, shape (M,)
        Rows of the further models in their own table.
    residuals : array of shape (M,)
        -contrast less the line.
    scale : float
        Scale of the residuals of the models that made the line.
    largest : float
        The largest absolute residual over that scale.
    holds : bool
        Whether every residual is below 4.685 standard errors of a prediction there (the scale and the uncertainty of
        the line, which grows with the distance): the resistant regression itself would not disregard the model.
    warnings : tuple of str
    """

    rows: Rows
    residuals: Floats
    scale: float
    largest: float
    holds: bool
    warnings: tuple[str, ...]
    table: ModelTable

    def summary(self) -> Summary:
        """Return the residuals as text."""
        verdict = "lie on the line" if self.holds else "do not all lie on the line"
        head = (
            f"{count_text(len(self.rows), 'further model')} {verdict}: largest residual {self.largest:.3g} times the "
            f"scale {self.scale:.4g} of those that made it"
        )
        rows = [
            [name, f"{c:g}", f"{residual:+.4g}"]
            for name, c, residual in zip(self.table.names, self.table.complexity, self.residuals, strict=True)
        ]
        lines = columns(["model", "complexity", "residual"], rows)
        return Summary("\n".join([head, *lines, *cautions(self.warnings)]))

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        return f"<Validation: {'holds' if self.holds else 'fails'}>"


def validate(line: Line, scale: float, made: ModelTable, n_points: int, further: ModelTable) -> Validation:
    """Compare further models with the line through the last n_points of a table."""
    residuals = -further.contrast - line.at(further.shape)
    residuals.setflags(write=False)
    # What rounding leaves of an exact line is no scale.
    size = max(np.abs(further.contrast).max(), np.abs(made.contrast).max())
    scale = max(scale, 8.0 * np.finfo(np.float64).eps * float(size))
    p = made.shape[len(made) - n_points :]
    leverage = 1.0 / n_points + (further.shape - p.mean()) ** 2 / np.sum((p - p.mean()) ** 2)
    errors = np.abs(residuals) / (scale * np.sqrt(1.0 + leverage))
    worst = int(errors.argmax())
    holds = bool(errors[worst] < FAR)
    said = []
    if not holds:
        direction = "above" if residuals[worst] > 0.0 else "below"
        said.append(
            f"{further.say(worst)} lies {abs(residuals[worst]):.4g} {direction} the line: the models that made it are "
            "not in the linear regime. Do not use this slope; add larger models."
        )
    if further.shape.min() <= made.shape.max():
        said.append("Some of the further models are not larger than those that made the line: they say little.")
    largest = float(np.abs(residuals).max() / scale)
    return Validation(further.rows, residuals, scale, largest, holds, tuple(said), further)
