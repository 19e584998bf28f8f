r"""Many columns: climb on the few that matter, then ask all of them.

At a penalised maximum most coefficients are zero. A climb on a *working set* of columns is an ordinary climb on a
narrow table; one more pass over the wide table gives the derivative of the log-likelihood in every coefficient, and a
column whose derivative is beyond its threshold joins the set. When none is, the conditions of optimality hold for all
columns, and the narrow solution is the wide one. Memory beyond the data: the working columns of all rows, their Gram
matrices, and one chunk.

Source: Friedman, Hastie & Tibshirani (2010); Fan & Lv (2008) for columns that join in the order of their derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Block, Design, Parameters
from classicmoe.em.block import RowBlock
from classicmoe.em.first_look import Moments
from classicmoe.em.loop import Climb, Control, Outcome
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.passes import Workers
from classicmoe.em.problem import Problem
from classicmoe.em.source import ArraySource, Chunk, Table
from classicmoe.em.status import Status
from classicmoe.em.survey import Survey, second_look
from classicmoe.em.wide import gradient_of_all, narrowed

Columns = tuple[NDArray[np.intp], NDArray[np.intp]]  # positions in the wide designs of gate and experts, sorted
MakeMixture = Callable[[Columns | None], Mixture]  # the penalised mixture that sees these columns only, or all

Sums = tuple[Array, ...]

GROWTH = 20  # columns that join at once, at least
SLICE = 60  # passes between looks at the degrees of freedom


class Part(Protocol):
    """What a penalised gate or family of experts can do beside what all do; coefficients of L lines."""

    def row_slopes(self, params: Parameters, block: Block, resp: Array) -> Array:
        """Return the rows' derivatives in the linear scores, times responsibilities, (L, m)."""
        ...

    def violation_at_zero(self, params: Parameters, gradient: Array) -> Array:
        """Return by how much derivatives (L, 1 + P) exceed what slopes of zero allow, per column, (P,)."""
        ...

    def recolumned(self, params: Parameters, take: NDArray[np.intp]) -> Parameters:
        """Return the parameters with the coefficients at the given positions, zero at -1."""
        ...

    def with_empty(self, params: Parameters) -> Parameters:
        """Return the parameters with one expert more in front, which has no slopes and, by the gate, no rows."""
        ...

    def used(self, params: Parameters) -> NDArray[np.bool_]:
        """Return which columns have a slope that is not zero."""
        ...

    def slopes_used(self, params: Parameters) -> int:
        """Return the number of free slopes that are not zero."""
        ...

    def degrees(self, params: Parameters) -> float:
        """Return the degrees of freedom."""
        ...


class ExpertPart(Part, Protocol):
    """What penalised experts can do beside that."""

    def coefficients_used(self, params: Parameters) -> NDArray[np.intp]:
        """Return how many coefficients of an expert are not zero, its intercept included, (K,)."""
        ...


def united(a: Columns, b: Columns) -> Columns:
    """Return the columns of either."""
    return np.union1d(a[0], b[0]), np.union1d(a[1], b[1])


def degrees_of(mixture: Mixture, params: MixtureParameters) -> float:
    """Return the degrees of freedom of gate and experts."""
    return float(sum(part.degrees(own) for part, own in zip(parts_of(mixture), params, strict=True)))


def parts_of(mixture: Mixture) -> tuple[Part, ExpertPart]:
    """Return gate and experts of a penalised mixture."""
    return cast(Part, mixture.gate), cast(ExpertPart, mixture.expert)


class Solved(NamedTuple):
    """A solution on its working set: columns, parameters, gradients of all columns and the climb that ended there.

    ``gradient`` holds derivatives of the log-likelihood in all coefficients of gate and experts, (L, 1 + P) each;
    ``violation`` is the largest absolute subgradient over all of them.
    """

    columns: Columns
    params: MixtureParameters
    gradient: tuple[Array, Array]
    violation: float
    outcome: Outcome
    n_passes: int

    @property
    def objective(self) -> float:
        """The penalised log-likelihood, in the engine's units."""
        return self.outcome.triple.objective

    @property
    def mass(self) -> Array:
        """Sum of responsibilities per expert, (K,)."""
        return self.outcome.triple.mass


class WideProblem:
    """Rows with many columns, of which a mixture sees some."""

    def __init__(
        self, source: ArraySource, gate: Design, expert: Design, moments: Moments, family: Any, n_workers: int = 1
    ):
        self.source, self.designs, self.moments, self.family = source, (gate, expert), moments, family
        self.n_workers = n_workers
        self._narrow: tuple[Columns, ArraySource, Survey] | None = None

    @property
    def all_columns(self) -> Columns:
        """Positions of all columns."""
        gate, expert = self.designs
        return np.arange(len(gate.columns)), np.arange(len(expert.columns))

    def on(self, columns: Columns) -> tuple[ArraySource, Survey]:
        """Return the narrow table of these columns and its survey; the last one is remembered."""
        known = self._narrow
        if known is not None and all(np.array_equal(a, b) for a, b in zip(known[0], columns, strict=True)):
            return known[1], known[2]
        source, (gate, expert) = narrowed(self.source, list(self.designs), list(columns))
        ground = second_look(source, gate, expert, self.moments, self.family, self.n_workers)
        look = Survey(gate, expert, self.moments.response, ground, [], [])
        self._narrow = (columns, source, look)
        return source, look

    def add_up(self, columns: Columns, of_chunk: Callable[[RowBlock, tuple[Table, ...]], Sums]) -> Sums:
        """Return the sums over all chunks of what is said of one: its narrow block, and its rows of the wide tables."""
        narrow, look = self.on(columns)
        n_narrow = len(narrow.tables)
        both = ArraySource(
            (*narrow.tables, *self.source.tables), narrow.y, *narrow.all[2:3], narrow.chunk_rows, *narrow.all[3:]
        )

        def work(block: RowBlock, task: list[Chunk]) -> Sums:
            return _added([of_chunk(block.load(chunk), chunk.tables[n_narrow:]) for chunk in task])

        workers = Workers(
            both, lambda: RowBlock(look.gate_design, look.expert_design, look.response, both.chunk_rows), self.n_workers
        )
        total: Sums = ()
        for sums in workers.run(work):
            total = _added([total, sums]) if total else sums
        workers.close()
        return total

    def gradient(self, mixture: Mixture, params: MixtureParameters, columns: Columns) -> tuple[Array, Array]:
        """Return the derivatives of the log-likelihood in the coefficients of all columns, from one pass."""
        gate, expert = self.designs
        of_gate, of_experts = parts_of(mixture)
        alike = gate.table == expert.table and np.array_equal(gate.columns, expert.columns)

        def slopes(block: RowBlock, tables: tuple[Table, ...]) -> Sums:
            resp, *_ = mixture.e_step(params, block)
            by_expert = of_experts.row_slopes(params.expert, block, resp)
            by_gate = of_gate.row_slopes(params.gate, block, resp) if len(resp) > 1 else np.zeros((1, block.m))
            if alike:
                both = gradient_of_all(np.concatenate([by_gate, by_expert]), tables[gate.table], gate)
                return both[: len(resp)], both[len(resp) :]
            return (
                gradient_of_all(by_gate, tables[gate.table], gate),
                gradient_of_all(by_expert, tables[expert.table], expert),
            )

        by_gate, by_expert = self.add_up(columns, slopes)
        return by_gate, by_expert

    # -- the climb --------------------------------------------------------------------------------------------------

    def climb(self, mixture: Mixture, columns: Columns, params: MixtureParameters, control: Control) -> Outcome:
        """Climb on some columns, whatever the others would say."""
        source, look = self.on(columns)
        problem = Problem(mixture, source, look, self.n_workers)
        outcome = Climb(problem, control).run(problem.evaluate(params))
        problem.workers.close()
        return outcome

    def solve(
        self,
        make: MakeMixture,
        columns: Columns,
        params: MixtureParameters,
        control: Control,
        rough: float = 0.0,
        most: float = np.inf,
    ) -> Solved:
        """Climb from parameters on a working set until the conditions of optimality hold for all columns.

        ``rough`` is the derivative per weight that will do while the columns are not known to be the right ones; a
        solution of more than ``most`` degrees of freedom is given up.
        """
        passes, path = 0, list[float]()
        everything = all(len(own) == len(design.columns) for own, design in zip(columns, self.designs, strict=True))
        tight = everything or control.flat >= rough
        while True:
            mixture = make(columns)
            flat = control.flat if tight else rough
            left = max(control.max_iter - passes, 2)
            left = min(left, SLICE) if most < np.inf else left
            outcome = self.climb(mixture, columns, params, control._replace(flat=flat, max_iter=left))
            params, passes = outcome.triple.params, passes + outcome.n_passes
            path += outcome.path
            degrees = degrees_of(mixture, params)
            if outcome.status is Status.MAX_ITER and passes < control.max_iter and degrees <= most:
                continue
            passes += 1
            gradient = self.gradient(mixture, params, columns)
            wrong = self.violations(make, columns, params, gradient)
            more = joining(wrong, columns, flat * self.moments.weight)
            over = passes >= control.max_iter or outcome.status is not Status.CONVERGED or degrees > most
            if over or (more is None and tight):
                break
            tight = more is None
            if more is not None:
                wider = united(columns, more)
                params = recolumned(mixture, params, columns, wider)
                columns = wider
        worst = max(float(w.max(initial=0.0)) for w in wrong)
        worst = max(worst, outcome.gradient_norm * self.moments.weight)
        status = outcome.status
        if more is not None and status is Status.CONVERGED:
            status = Status.MAX_ITER
        return Solved(columns, params, gradient, worst, outcome._replace(path=path, status=status), passes)

    def violations(
        self, make: MakeMixture, columns: Columns, params: MixtureParameters, gradient: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """Return by how much the derivatives of the columns outside the set exceed what zero allows, (P,) each."""
        out = []
        for part, own, given, slopes in zip(parts_of(make(self.all_columns)), columns, params, gradient, strict=True):
            wrong = part.violation_at_zero(given, slopes)
            wrong[own] = 0.0
            out.append(wrong)
        return out[0], out[1]


def _added(parts: list[Sums]) -> Sums:
    """Return sums of sums, one by one."""
    return tuple(np.sum(own, axis=0) for own in zip(*parts, strict=True))


def joining(wrong: tuple[Array, Array], columns: Columns, least: float) -> Columns | None:
    """Return the columns that join the set, those with the worst violations first; None if there are none."""
    room = max(GROWTH, len(columns[0]) + len(columns[1]))
    both = np.concatenate(wrong)
    order = np.argsort(-both, kind="stable")[:room]
    chosen = order[both[order] > least]
    if not len(chosen):
        return None
    cut = len(wrong[0])
    return chosen[chosen < cut], chosen[chosen >= cut] - cut


def recolumned(mixture: Mixture, params: MixtureParameters, old: Columns, new: Columns) -> MixtureParameters:
    """Return the parameters on another set of columns; coefficients of new ones are zero."""
    parts = []
    for part, given, before, after in zip(parts_of(mixture), params, old, new, strict=True):
        place = {int(j): i for i, j in enumerate(before.tolist(), 1)}
        take = np.array([0, *(place.get(int(j), -1) for j in after.tolist())], dtype=np.intp)
        parts.append(part.recolumned(given, take))
    return MixtureParameters(*parts)
