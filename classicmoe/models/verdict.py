"""The verdict on a fit: can it be trusted, and if not, why not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from classicmoe.em.degenerate import ONE_ROW
from classicmoe.em.runs import MIRRORED, NESTED, SHAKEN, SPLIT, Fit
from classicmoe.em.status import Status


@dataclass(frozen=True)
class Verdict:
    """What the starts and the solution say about a fit.

    Attributes
    ----------
    level : {"OK", "NOT REPLICATED", "WEAK", "SUSPECT", "NOT CONVERGED", "DEGENERATE"}
        The worst that holds, from right to left.
    sentence : str
        The verdict in words.
    trustworthy : bool
        True for ``"OK"`` only.
    reached, finished, begun : int
        Independent starts that reached the best solution, that were run to their end, and all.
    suspect : list of dict
        With K > 1, experts that stand on fewer than five rows per coefficient: ``expert`` (counted from 0), ``rows``,
        ``coefficients``, ``reason``.
    """

    level: str
    sentence: str
    reached: int
    finished: int
    begun: int
    suspect: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trustworthy(self) -> bool:
        """Whether nothing speaks against the fit."""
        return self.level == "OK"

    def moved(self, place: dict[int, int]) -> Verdict:
        """Return the verdict with experts renamed; ``place`` maps old positions to new ones."""
        moved = [{**weak, "expert": place[weak["expert"]]} for weak in self.suspect]
        sentence = self.sentence.replace(_stands(self.suspect), _stands(moved)) if moved else self.sentence
        return replace(self, sentence=sentence, suspect=moved)

    def __str__(self) -> str:
        return f"{self.level}: {self.sentence}" if self.level != "OK" else self.sentence


def judge(fit: Fit, n_experts: int, place: dict[int, int]) -> Verdict:
    """Return the verdict; ``place`` maps the run's experts to their published positions."""
    independent = [run for run in fit.runs if 0 <= run.number < SHAKEN]
    finished = sum(run.finished for run in independent) + fit.before.finished
    reached = sum(run.reached and run.finished for run in independent)
    begun = len(independent) + fit.before.begun
    suspect = [
        {
            "expert": place[weak.expert],
            "rows": weak.rows,
            "coefficients": weak.coefficients,
            "reason": "spike" if weak.spike else "few rows",
        }
        for weak in (fit.best.weak if n_experts > 1 else [])
    ]
    suspect.sort(key=lambda weak: weak["expert"])
    level, extra = _level(fit, n_experts, reached, finished, suspect)
    return Verdict(level, _counts(fit, n_experts, reached, finished, begun) + extra, reached, finished, begun, suspect)


def _counts(fit: Fit, n_experts: int, reached: int, finished: int, begun: int) -> str:
    if n_experts == 1:
        return "one expert: the maximum is unique"
    if begun == 0:
        return "continued from given parameters; no start was compared"
    text = f"best log-likelihood reached by {reached} of {finished} finished starts"
    text += f" ({begun} begun)" if begun != finished else ""
    if fit.best.number >= MIRRORED:
        text += "; found by making an expert of the best start lean to the other side"
    elif fit.best.number >= NESTED:
        text += "; found by giving the experts of the smaller model more columns"
    elif fit.best.number >= SPLIT:
        text += "; found by splitting an expert of the smaller model"
    elif fit.best.number >= SHAKEN:
        text += "; found by shaking the gate's boundaries at the best start"
    return text


def _level(fit: Fit, n_experts: int, reached: int, finished: int, suspect: list[dict[str, Any]]) -> tuple[str, str]:
    if fit.best.status is Status.DEGENERATE:
        return "DEGENERATE", "; an expert collapsed onto a few rows in every start: use fewer experts"
    if fit.best.status is not Status.CONVERGED:
        return "NOT CONVERGED", f"; {fit.best.status.sentence[0].lower()}{fit.best.status.sentence[1:-1]}"
    stands = _stands(suspect)
    if any(weak["reason"] == "spike" for weak in suspect):
        return "SUSPECT", f"; a spike: {stands}"
    if suspect:
        return "WEAK", f"; {stands}"
    if n_experts > 1 and reached < 2:
        return "NOT REPLICATED", "; raise n_init" if finished > 1 else "; one start cannot be compared"
    return "OK", ""


def _stands(suspect: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"expert {weak['expert']} stands on {weak['rows']:.3g} rows for {weak['coefficients']} coefficients"
        if weak["rows"] > ONE_ROW
        else f"expert {weak['expert']} has less than one row and is one too many"
        for weak in suspect
    )
