"""A finished run of ``select`` or ``fit``: what was asked, the models, the one that was kept; and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from classicmoe import __version__
from classicmoe.cli.lasso import is_lasso, lasso_record
from classicmoe.cli.slope import slope_record
from classicmoe.cli.words import for_command_line
from classicmoe.criteria import CRITERIA
from classicmoe.models.tables import coefficient_rows
from classicmoe.selection.choice import choose

if TYPE_CHECKING:
    import pandas as pd

    from classicmoe.cli.task import Task
    from classicmoe.slope import SlopeHeuristic


@dataclass
class Study:
    """What a report tells about.

    Attributes
    ----------
    task : Task
        The rows.
    settings : dict
        ``seed``, ``starts``, ``gate``, ``family``, ``weight_type``, ``unseen``, ``max_iter``, ``lasso`` ...
    results : pandas.DataFrame
        One row per model, columns as ``MoESelector.results_``.
    model : MoERegressor
        The chosen one, fitted.
    best : int
        Its row in ``results``.
    criterion : str or None
        What chose it; None for a single fit.
    command : str
        The command line.
    seconds : float
    text : str
        What is printed: the table of models, or the summary of the model.
    interrupted : bool
    slope : SlopeHeuristic or None
        What the slope heuristic found, if it chose.
    files : dict of str to str
        What was written, by kind.
    warnings : list of str
        All of them.
    about_the_data : list of str
        Those that are neither about the verdict nor about the slope.
    """

    task: Task
    settings: dict[str, Any]
    results: pd.DataFrame
    model: Any
    best: int
    criterion: str | None
    command: str
    seconds: float
    text: str
    interrupted: bool = False
    slope: SlopeHeuristic | None = None
    files: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    about_the_data: list[str] = field(default_factory=list)

    @property
    def k(self) -> int:
        """Number of experts of the chosen model."""
        return int(self.model.n_experts_)

    def rows(self) -> list[dict[str, Any]]:
        """Return the table of models, one dictionary each."""
        return self.results.to_dict(orient="records")

    def chosen(self) -> dict[str, int]:
        """Return the number of experts that each criterion chooses."""
        rows = self.rows()
        names = (*CRITERIA, "slope", "cv")
        places = {name: choose(rows, name) for name in names if name in self.results} | {self.criterion: self.best}
        return {name: int(rows[place]["n_experts"]) for name, place in places.items() if place is not None}

    @property
    def about_the_slope(self) -> list[str]:
        """What speaks against the slope heuristic's answer, in the words of the command line."""
        return [for_command_line(text) for text in self.slope.warnings] if self.slope is not None else []

    def runner_up(self) -> dict[str, Any] | None:
        """Return the best trustworthy model by the criterion when the chosen one is not trustworthy; else None."""
        safe = [row for row in self.rows() if row["verdict"] == "OK"]
        place = choose(safe, self.criterion) if self.criterion and not self.model.verdict_.trustworthy else None
        return None if place is None else safe[place]

    def at_the_edge(self) -> bool:
        """Tell whether the largest number of experts that was tried is the chosen one."""
        return len(self.results) > 1 and self.k == int(self.results["n_experts"].max())

    def to_json(self) -> dict[str, Any]:
        """Return all there is to say, for ``--json``."""
        best = {
            "n_experts": self.k,
            "log_likelihood": self.model.log_likelihood_,
            "n_parameters": self.model.n_parameters_,
            "status": self.model.status_.name,
            "n_iter": self.model.n_iter_,
            "verdict": {**asdict(self.model.verdict_), "trustworthy": self.model.verdict_.trustworthy},
            "expert_rows": self.model.expert_mass_,
            "coefficients": coefficient_rows(self.model),
            **({"lasso": lasso_record(self.model)} if is_lasso(self.model) else {}),
        }
        about: dict[str, Any] = {
            "version": __version__,
            "command": self.command,
            "seed": self.settings["seed"],
            "settings": self.settings,
            "data": self.task.summary(),
            "seconds": round(self.seconds, 3),
            "warnings": self.warnings,
            "files": self.files,
        }
        if self.criterion is None:
            return {**about, "trustworthy": self.model.verdict_.trustworthy, "model": best}
        return {
            **about,
            "criterion": self.criterion,
            "interrupted": self.interrupted,
            "models": self.rows(),
            "chosen": self.chosen(),
            "trustworthy": self.model.verdict_.trustworthy,
            **({} if self.slope is None else {"slope": slope_record(self.slope, self.results["n_experts"])}),
            "best": best,
        }
