"""Dimension jump and data-driven slope estimation side by side: the jump answers, the estimate checks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classicmoe.messages import count_text
from classicmoe.slope.estimate_result import SlopeEstimate
from classicmoe.slope.jump import check_scoef, jump_of
from classicmoe.slope.jump_result import DimensionJump
from classicmoe.slope.path import path_of
from classicmoe.slope.regressions import estimate_of
from classicmoe.slope.robust import check_psi
from classicmoe.slope.table import ModelTable, read_models
from classicmoe.slope.text import HALF, cautions
from classicmoe.summary import Summary


@dataclass(frozen=True, eq=False, repr=False)
class SlopeHeuristic:
    """Both answers of the slope heuristic.

    Attributes
    ----------
    selected : int
        Row of the model that the dimension jump selects, in the table of models, counted from 0.
    jump : DimensionJump
    ddse : SlopeEstimate
    agree : bool
        Whether both select the same model.
    kappa_min, kappa_opt : float
        Those of the jump.
    warnings : tuple of str
        What speaks against the answers; each sentence once.
    remarks : tuple of str
        What is worth knowing about the models and does not speak against the answers.
    table : ModelTable
    """

    jump: DimensionJump
    ddse: SlopeEstimate
    warnings: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def selected(self) -> int:  # noqa: D102  (in the list of attributes)
        return self.jump.selected

    @property
    def agree(self) -> bool:  # noqa: D102
        return self.jump.selected == self.ddse.selected

    @property
    def kappa_min(self) -> float:  # noqa: D102
        return self.jump.kappa_min

    @property
    def kappa_opt(self) -> float:  # noqa: D102
        return self.jump.kappa_opt

    @property
    def table(self) -> ModelTable:  # noqa: D102
        return self.jump.table

    def summary(self, warnings: bool = True) -> Summary:
        """Return both answers, path, plateaus and, unless told otherwise, the warnings as text."""
        c = self.table.complexity
        head = f"slope heuristic: {count_text(len(self.table), 'model')} of complexity {c.min():g} to {c.max():g}"
        lines = [head, "", *self.jump.answer_lines(), *self.jump.path_lines(), ""]
        lines += [*self.ddse.answer_lines(), *self.ddse.plateau_lines(), "", HALF]
        return Summary("\n".join([*lines, *self.remarks, *cautions(self.warnings if warnings else ())]))

    def __str__(self) -> str:
        return str(self.summary())

    def __repr__(self) -> str:
        name = self.table.names[self.table.position(self.selected)]
        return f"<SlopeHeuristic: {name} selected, {'confirmed' if self.agree else 'not confirmed'} by DDSE>"


def slope_heuristic(
    complexity: Any,
    contrast: Any,
    shape: Any = None,
    *,
    scoef: float = 2.0,
    psi: str = "bisquare",
    names: Sequence[object] | None = None,
) -> SlopeHeuristic:
    """Select a model by the dimension jump, with data-driven slope estimation beside it.

    Parameters
    ----------
    complexity, contrast, shape, scoef, names
        As for :func:`dimension_jump`.
    psi : {"bisquare", "ols"}, default="bisquare"
        As for :func:`ddse`.

    Returns
    -------
    SlopeHeuristic

    Raises
    ------
    ModelTableError, TooFewModelsError, ConfigurationError
        As :func:`dimension_jump`.

    Warns
    -----
    DroppedModelsWarning
        Rows were left out.

    Examples
    --------
    >>> import numpy as np
    >>> C = np.arange(1, 61)
    >>> noise = 0.05 * np.random.default_rng(0).normal(size=60)
    >>> both = slope_heuristic(C, 12.0 * np.maximum(10 - C, 0) - 0.5 * C + noise, names=C)
    >>> both
    <SlopeHeuristic: 10 selected, confirmed by DDSE>
    """
    check_scoef(scoef)
    check_psi(psi)
    return heuristic_of(read_models(complexity, contrast, shape, names), scoef, psi)


def heuristic_of(table: ModelTable, scoef: float = 2.0, psi: str = "bisquare") -> SlopeHeuristic:
    """Ask both of a table of models."""
    jump = jump_of(path_of(table), scoef)
    estimate = estimate_of(table, psi=psi, scoef=scoef)
    said = [*jump.warnings, *estimate.warnings]
    if jump.selected != estimate.selected:
        said.append(
            f"The dimension jump selects {table.say(table.position(jump.selected))}, DDSE "
            f"{table.say(table.position(estimate.selected))}: look at both pictures before you rely on either."
        )
    return SlopeHeuristic(jump, estimate, tuple(dict.fromkeys(said)))
