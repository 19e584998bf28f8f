"""A path of Lasso solutions as a table and as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.lasso.problem import Answer, LassoProblem, aligned

ENDS = ("grid", "peak", "rows")  # why there are no weaker penalties


@dataclass(frozen=True)
class LassoPath:
    """Solutions along a grid of T penalties, strongest first, experts named alike at all of them.

    Attributes
    ----------
    alpha_gate, alpha_expert : ndarray of shape (T,)
    gate_coef, expert_coef : ndarray of shape (T, K, p_gate), (T, K, p_expert)
        In the user's units. Classifiers: (T, K, C, p_expert).
    gate_intercept, expert_intercept : ndarray of shape (T, K)
    objective, log_likelihood : ndarray of shape (T,)
        Penalised and not.
    degrees_of_freedom, n_slopes : ndarray of shape (T,)
        All free parameters, and the slopes that are not zero.
    criteria : dict of str to ndarray of shape (T,)
        Smaller is better.
    optimality : ndarray of shape (T,)
        Largest violation of an optimality condition over all columns, as a share of the weaker penalty.
    n_iter, seconds : ndarray of shape (T,)
    chosen : int
        Which point the criterion took.
    status : list of str
        How the climb at every point ended.
    ended : {"grid", "peak", "rows"}
        Why there are no weaker penalties: the grid has none, the criterion had clearly passed its best value, or too
        few rows would be left for the degrees of freedom (or an expert collapses).
    """

    alpha_gate: Array
    alpha_expert: Array
    gate_coef: Array
    gate_intercept: Array
    expert_coef: Array
    expert_intercept: Array
    objective: Array
    log_likelihood: Array
    degrees_of_freedom: Array
    n_slopes: Array
    criteria: dict[str, Array]
    optimality: Array
    n_iter: Array
    seconds: Array
    chosen: int
    status: list[str] = field(default_factory=list)
    ended: str = "grid"

    @classmethod
    def of(
        cls,
        problem: LassoProblem,
        answers: list[Answer],
        criteria: list[dict[str, float]],
        chosen: int,
        gate_form: str,
        ended: str = "grid",
    ) -> LassoPath:
        """Collect the solutions of a path."""
        parts = _named_alike(problem, answers, chosen, gate_form)
        gate_coef, gate_intercept, expert_coef, expert_intercept = (
            np.array([part[name] for part in parts]) for name in NAMES
        )
        return cls(
            np.array([np.max(a.alpha_gate) for a in answers]),
            np.array([np.max(a.alpha_expert) for a in answers]),
            gate_coef,
            gate_intercept,
            expert_coef,
            expert_intercept,
            np.array([a.objective for a in answers]),
            np.array([a.log_likelihood for a in answers]),
            np.array([a.degrees for a in answers]),
            np.array([a.n_slopes for a in answers]),
            {name: np.array([row[name] for row in criteria]) for name in criteria[0]},
            np.array([a.optimality for a in answers]),
            np.array([a.solved.n_passes for a in answers]),
            np.array([a.seconds for a in answers]),
            chosen,
            [a.solved.outcome.status.name for a in answers],
            ended,
        )

    def permuted(self, order: NDArray[np.intp], gate_form: str) -> LassoPath:
        """Return the path with expert ``order[k]`` in place k."""
        parts = [{name: getattr(self, name.rstrip("_"))[i] for name in NAMES} for i in range(len(self.objective))]
        moved = [_permuted(part, order, gate_form) for part in parts]
        arrays: dict[str, Any] = {name.rstrip("_"): np.array([part[name] for part in moved]) for name in NAMES}
        return replace(self, **arrays)

    def named_like(self, published: dict[str, Array], gate_form: str) -> LassoPath:
        """Return the path with experts in the order in which a solution is published."""
        chosen = {name: getattr(self, name.rstrip("_"))[self.chosen] for name in NAMES}
        return self.permuted(aligned(_lines(chosen), _lines(published)), gate_form)

    def table(self) -> Any:
        """Return one row per penalty as a pandas data frame."""
        import pandas as pd

        columns = ("alpha_gate", "alpha_expert", "n_slopes", "degrees_of_freedom", "log_likelihood", "objective")
        rows = {name: getattr(self, name) for name in columns} | self.criteria
        rows |= {"optimality": self.optimality, "n_iter": self.n_iter, "seconds": self.seconds, "status": self.status}
        return pd.DataFrame(rows | {"chosen": np.arange(len(self.objective)) == self.chosen})


NAMES = ("gate_coef_", "gate_intercept_", "expert_coef_", "expert_intercept_")


def _named_alike(problem: LassoProblem, answers: list[Answer], chosen: int, gate_form: str) -> list[dict[str, Array]]:
    """Return the coefficients of all points with experts in the order of their neighbour towards the chosen one."""
    parts: list[dict[str, Array]] = []
    for answer in answers:
        mixture = problem.terms.mixture(answer.alpha_gate, answer.alpha_expert)
        both = mixture.gate.attributes(answer.params.gate) | mixture.expert.attributes(answer.params.expert)
        parts.append({name: both[name] for name in NAMES})
    n = len(parts)
    for way in (range(chosen - 1, -1, -1), range(chosen + 1, n)):
        for i in way:
            order = aligned(_lines(parts[i]), _lines(parts[i - way.step]))
            parts[i] = _permuted(parts[i], order, gate_form)
    return parts


def _permuted(part: dict[str, Array], order: NDArray[np.intp], gate_form: str) -> dict[str, Array]:
    """Return the coefficients of one point with experts in another order."""
    moved = {name: value[order] for name, value in part.items()}
    if gate_form == "reference":  # the last expert's line is zero again
        moved |= {name: moved[name] - moved[name][-1] for name in ("gate_coef_", "gate_intercept_")}
    return moved


def _lines(part: dict[str, Array]) -> Array:
    """Return all coefficients of the experts, a line for each expert."""
    k = len(part["expert_coef_"])
    return np.column_stack([part[name].reshape(k, -1) for name in NAMES])
