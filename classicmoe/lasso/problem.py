"""A Lasso fit, from a source of rows to solutions in the user's units; the estimators call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from classicmoe.contracts import Array
from classicmoe.em.degenerate import weak_experts
from classicmoe.em.evaluate import Evaluator
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.path import Path
from classicmoe.em.penalty_grid import Search
from classicmoe.em.runs import Fit, Run
from classicmoe.em.source import ArraySource
from classicmoe.em.survey import Survey, View, scaled_moments, varying
from classicmoe.em.working_set import Solved, WideProblem, degrees_of, parts_of
from classicmoe.exceptions import DataError, TooFewRowsError
from classicmoe.lasso.terms import Terms, check_weights, geometric, least_alpha

OPTIMAL = 5e-7  # of the weaker penalty: how far off the conditions of optimality may be,
ROUGHLY = 2e-3  # and how far while solutions are compared
ROUGH_PASSES, START_PASSES = 300, 500  # limits of climbs that are only compared
NULL_STARTS = 5
NULL = Control(tol=1e-6, max_iter=200)  # it only says where the grid begins
PROHIBITIVE = 1e100  # a penalty that lets nothing in
UNPENALISED = 1e-9  # per unit of weight, where there is no penalty
HEADROOM = 10.0  # how much stronger than where the null solution takes a column in the strongest penalty is


class Asked(NamedTuple):
    """What is to be found: K, seeds of the starts, when these stop, limit on passes, threads."""

    n_experts: int
    seeds: list[np.random.SeedSequence]
    tol: float
    max_iter: int
    n_workers: int = 1
    report: Callable[[Run], None] | None = None
    standardize: bool = True


@dataclass(frozen=True)
class Answer:
    """A solution in the user's units, experts in the order of the fit; optimality as a share of the weaker penalty."""

    alpha_gate: Any
    alpha_expert: Any
    solved: Solved
    params: MixtureParameters
    objective: float
    log_likelihood: float
    degrees: float
    n_slopes: int
    optimality: float
    seconds: float = 0.0


class LassoProblem:
    """Rows, a family and penalties; knows the way between the engine's units and the user's."""

    def __init__(self, source: ArraySource, gate: View, expert: View, terms: Terms, asked: Asked):
        moments = scaled_moments(source, terms.base)
        designs = [varying(view, moments)[0] for view in (gate, expert)]
        self.dropped = [varying(view, moments)[1] for view in (gate, expert)]
        if not asked.standardize:
            designs = [design._replace(scale=np.ones_like(design.scale)) for design in designs]
        if len(moments.response.scale) > 1:
            raise DataError(
                f"y has {len(moments.response.scale)} outputs; a Lasso mixture of experts takes one: fit one for each."
            )
        if moments.rows <= asked.n_experts:
            raise TooFewRowsError(f"{moments.rows} rows are too few for {asked.n_experts} experts; use fewer experts.")
        check_weights(terms, designs, asked.n_experts)
        in_units = terms.base.scaling != "none" and terms.parametrisation == "sigma"
        weights = [
            None if own is None else np.asarray(own, dtype=float)[..., design.kept]
            for own, design in zip((terms.gate_weights, terms.expert_weights), designs, strict=True)
        ]
        self.terms = terms._replace(
            unit=float(moments.response.scale[0]) if in_units else 1.0,
            gate_weights=weights[0],
            expert_weights=weights[1],
            weight=float(moments.weight),
        )
        self.asked = asked
        self.wide = WideProblem(source, designs[0], designs[1], moments, terms.base, asked.n_workers)
        self.weight = float(moments.weight)
        self.shift = -float(np.sum(moments.response_weight * np.log(moments.response.scale)))

    def with_experts(self, n_experts: int) -> LassoProblem:
        """Return the same problem for another number of experts."""
        other = copy(self)
        other.asked = self.asked._replace(n_experts=n_experts)
        own = (self.terms.gate_weights, self.terms.expert_weights)
        weights = [w.min(axis=0) if w is not None and w.ndim == 2 else w for w in own]  # a column that any may take
        other.terms = self.terms._replace(gate_weights=weights[0], expert_weights=weights[1])
        return other

    def weakest(self, alpha_gate: Any, alpha_expert: Any) -> float:
        """Return the weakest of the penalties that are there, in the engine's units; 1 without any."""
        alphas = [np.ravel(alpha_gate)] * (self.asked.n_experts > 1) + [self.terms.unit * np.ravel(alpha_expert)]
        positive = [float(a) for own in alphas for a in own if a > 0.0]
        return min(positive, default=1.0)

    def control(self, share: float, alpha_gate: Any, alpha_expert: Any, most: int = 10**9) -> Control:
        """Return when a climb ends: where the conditions of optimality hold up to a share of the weaker penalty."""
        some = np.any(alpha_gate) or np.any(alpha_expert)
        flat = share * self.weakest(alpha_gate, alpha_expert) / self.weight if some else UNPENALISED
        return Control(max_iter=min(self.asked.max_iter, most), acceleration="anderson", flat=flat, by_gain=False)

    def path(
        self,
        grid: Sequence[tuple[Any, Any]],
        control: Control | None = None,
        merit: Callable[[int, Solved], float] | None = None,
        whole: bool = True,
    ) -> Path:
        """Return an empty path over a grid of penalties (of gate, of experts), strongest first."""
        makes = [self.terms.make(*alphas) for alphas in grid]
        exact = [control or self.control(OPTIMAL, *alphas) for alphas in grid]
        rough = [control or self.control(ROUGHLY, *alphas, ROUGH_PASSES) for alphas in grid]
        starts = control or Control(self.asked.tol, min(self.asked.max_iter, START_PASSES))
        search = Search(
            self.asked.n_experts, self.asked.seeds, exact, rough, starts, self.asked.n_workers, self.asked.report
        )
        return Path(self.wide, lambda i: makes[i], len(grid), search, merit, whole)

    def null(self) -> Solved:
        """Return the best solution without penalised columns."""
        path = self.path([(PROHIBITIVE, PROHIBITIVE)], NULL)
        return path.null(self.asked.seeds[:NULL_STARTS])

    def grid(
        self, null: Solved, alpha_gate: Any, alpha_expert: Any, ratio: float, share: float, n: int
    ) -> tuple[list[tuple[Any, Any]], int]:
        """Return the grid, strongest first, and the place on it where the null solution takes the first column in.

        There are n points from there down to a share of that penalty, and others above: better solutions may have
        columns there. A penalty that is given stays; if neither is, the gate's is ``ratio`` times the experts' for a
        response of unit deviation.
        """
        by_gate, by_expert = null.gradient
        by_gate = by_gate[:-1] if self.terms.form == "reference" else by_gate
        needs_gate = least_alpha(self.terms.on_gate(1.0), by_gate) if self.asked.n_experts > 1 else 0.0
        needs_expert = least_alpha(self.terms.on_experts(1.0), by_expert)
        unit = self.terms.unit
        if alpha_gate is not None:
            top = needs_expert
        elif alpha_expert is not None:
            top = needs_gate
        else:
            top = max(needs_expert * unit, needs_gate / ratio)
        values, above = geometric(top or 1.0, share, n), 0
        if n > 1 and self.asked.n_experts > 1:
            step = values[0] / values[1]
            above = int(np.ceil(np.log(HEADROOM) / np.log(step)))
            values = np.concatenate([values[0] * step ** np.arange(above, 0, -1), values])
        if alpha_gate is not None:
            return [(alpha_gate, float(a)) for a in values], above
        if alpha_expert is not None:
            return [(float(a), alpha_expert) for a in values], above
        return [(float(ratio * a), float(a / unit)) for a in values], above

    def answer(self, alphas: tuple[Any, Any], solved: Solved, seconds: float = 0.0) -> Answer:
        """Return a solution in the user's units."""
        mixture = self.terms.make(*alphas)(solved.columns)
        _, look = self.wide.on(solved.columns)
        objective = solved.objective + self.shift
        both = list(zip(parts_of(mixture), solved.params, strict=True))
        return Answer(
            *alphas,
            solved,
            self.raw(mixture, solved.params, look),
            objective,
            objective + mixture.penalty(solved.params),
            degrees_of(mixture, solved.params),
            sum(part.slopes_used(own) for part, own in both),
            solved.violation / self.weakest(*alphas),
            seconds,
        )

    @staticmethod
    def raw(mixture: Mixture, params: MixtureParameters, look: Survey) -> MixtureParameters:
        """Return parameters on all the user's columns."""
        return MixtureParameters(
            mixture.gate.to_raw(params.gate, look.gate_design),
            mixture.expert.to_raw(params.expert, look.expert_design, look.response),
        )

    # -- what is published ------------------------------------------------------------------------------------------

    def as_fit(self, starts: Fit | None, answer: Answer) -> Fit:
        """Return the published solution as the best run, beside the starts that were run."""
        solved = answer.solved
        mixture = self.terms.make(answer.alpha_gate, answer.alpha_expert)(solved.columns)
        _, look = self.wide.on(solved.columns)
        outcome = solved.outcome
        weak = weak_experts(mixture, outcome.triple.params, solved.mass, look.ground)
        first = starts.best if starts is not None else Run(0, "one expert", outcome.status, outcome.triple.objective)
        best = replace(
            first,
            status=outcome.status,
            objective=outcome.triple.objective,
            n_passes=solved.n_passes,
            path=outcome.path,
            triple=outcome.triple,
            gradient_norm=outcome.gradient_norm,
            weak=weak,
        )
        return replace(starts, best=best) if starts is not None else Fit(best, [replace(best, reached=True)])

    def evaluator(self, answer: Answer) -> tuple[Evaluator, ArraySource, Survey]:
        """Return the mixture of a solution on its narrow table, to be asked about all rows."""
        mixture = self.terms.make(answer.alpha_gate, answer.alpha_expert)(answer.solved.columns)
        source, look = self.wide.on(answer.solved.columns)
        params = answer.solved.params
        return Evaluator(mixture, params, look.gate_design, look.expert_design, look.response), source, look


def aligned(coef: Array, like: Array) -> NDArray[np.intp]:
    """Return the order of experts of ``coef`` (K, ...) that is closest to ``like``."""
    k = len(coef)
    distance = np.square(coef.reshape(k, 1, -1) - like.reshape(1, k, -1)).sum(axis=2)
    rows, columns = linear_sum_assignment(distance)
    return np.asarray(rows[np.argsort(columns)])
