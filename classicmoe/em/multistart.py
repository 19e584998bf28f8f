"""Many starts, one result: run them, recognise duplicates and collapses, and say how often the best was reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.em.degenerate import weak_experts
from classicmoe.em.loop import Climb, Control, Outcome
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.problem import Problem
from classicmoe.em.runs import MIRRORED, NESTED, REACHED, SHAKEN, SPLIT, Fit, Run, best_run, merit, same_partition
from classicmoe.em.sample import Sample
from classicmoe.em.shake import is_sharp, shake
from classicmoe.em.source import CHUNK, Source
from classicmoe.em.starts import PATCHES, from_responsibilities, make_start
from classicmoe.em.status import Status
from classicmoe.em.survey import Survey

SHORT = Control(tol=1e-6, max_iter=100)
WARM_UP = Control(max_iter=12, acceleration="none")
WARM_EXPERTS = Control(max_iter=60)
SOFT_EXPERTS = 0.01  # ridge of soft experts, in those of the soft gate
MANY_ROWS = 100_000  # distinct ones; above, only the best short runs are carried on
REFINED = 5
RESEEDS = 2
SHAKE_ROUNDS = 3
MIRROR_ROUNDS = 5


class Plan(NamedTuple):
    """A start to be run."""

    number: int
    kind: str
    params: MixtureParameters
    soften: float = 0.0


class MultiStart:
    """Runs starts of one mixture on one source of rows.

    Parameters are plain: the mixture, its rows, their survey and sample, K, when to stop, how many starts.
    """

    def __init__(
        self,
        mixture: Mixture,
        source: Source,
        survey: Survey,
        sample: Sample,
        n_experts: int,
        control: Control,
        *,
        n_refine: int | None = None,
        kind: str = "auto",
        n_workers: int = 1,
        report: Callable[[Run], None] | None = None,
    ):
        self.mixture, self.source, self.survey, self.sample = mixture, source, survey, sample
        self.n_experts, self.control, self.kind, self.report = n_experts, control, kind, report
        large = sample.distinct > MANY_ROWS
        self.n_refine = n_refine if n_refine is not None else (REFINED if large else None)
        # Threads share the chunks of a large table, or the starts of a small one.
        self.chunk_workers = n_workers if survey.ground.rows > 4 * CHUNK else 1
        self.start_workers = 1 if self.chunk_workers > 1 else n_workers

    def run(
        self,
        seeds: list[np.random.SeedSequence],
        given: Sequence[MixtureParameters] = (),
        splits: Sequence[MixtureParameters] = (),
        nested: Sequence[MixtureParameters] = (),
    ) -> Fit:
        """Run given parameters, one start per seed and those from smaller models; on Ctrl-C return what has ended."""
        self._seeds = {number: int(seed.generate_state(1)[0]) for number, seed in enumerate(seeds)}
        runs: list[Run] = []
        interrupted = False
        try:
            for run in chain(self._all_runs(seeds, given), self._grown_runs(splits, nested)):
                runs.append(run)
                if self.report is not None:
                    self.report(run)
        except KeyboardInterrupt:
            if not any(run.triple is not None and run.status is not Status.CUT for run in runs):
                raise
            interrupted = True
        best = best_run(runs)
        return Fit(best, self._compare(runs, best), interrupted)

    def _grown_runs(self, splits: Sequence[MixtureParameters], nested: Sequence[MixtureParameters]) -> Iterable[Run]:
        """Climb from smaller solutions; like shaken runs they can win but are not counted."""
        plans = [Plan(SPLIT + i, "split", params) for i, params in enumerate(splits)]
        plans += [Plan(NESTED + i, "nested", params) for i, params in enumerate(nested)]
        yield from self._map(self._climb, plans)

    def _shaken(self, runs: list[Run]) -> list[Run]:
        """Climb again from shaken boundaries of the best solutions when the gate is sharp, until nothing improves."""
        finished = sorted((run for run in runs if run.finished), key=merit, reverse=True)
        if not finished or not is_sharp(self.mixture, finished[0].triple, self.sample):
            return []
        shaken: list[Run] = []
        for _ in range(SHAKE_ROUNDS):
            best = max([*finished, *shaken], key=merit)
            number = SHAKEN + len(shaken)
            plans = [Plan(number + i, "shaken", p) for i, p in enumerate(shake(self.mixture, [*finished, *shaken]))]
            shaken += self._map(self._climb, plans)
            if max(shaken, key=merit).objective < best.objective + REACHED:
                break
        return shaken

    def _mirrored(self, runs: list[Run]) -> list[Run]:
        """Climb again from mirror images of the best solution, until nothing improves.

        Families that lean to one side have them; like shaken runs these can win but are not counted.
        """
        mirrors = getattr(self.mixture.expert, "mirrors", None)
        finished = [run for run in runs if run.finished]
        mirrored: list[Run] = []
        if mirrors is None or not finished:
            return mirrored
        for _ in range(MIRROR_ROUNDS):
            best = max([*finished, *mirrored], key=merit)
            assert best.triple is not None
            params = best.triple.params
            number = MIRRORED + len(mirrored)
            others = [params._replace(expert=expert) for expert in mirrors(params.expert)]
            if not others:
                return []
            mirrored += self._map(self._climb, [Plan(number + i, "mirrored", p) for i, p in enumerate(others)])
            if max(mirrored, key=merit).objective < best.objective + REACHED:
                break
        return mirrored

    def _all_runs(self, seeds: list[np.random.SeedSequence], given: Sequence[MixtureParameters]) -> Iterable[Run]:
        plans, duplicates = self._plans(seeds, given)
        yield from duplicates
        if self.n_refine is None or len(plans) <= self.n_refine:
            runs = []
            for run in self._map(self._climb, plans):
                runs.append(run)
                yield run
            runs += self._shaken(runs)
            yield from runs[len(plans) :]
            yield from self._mirrored(runs)
            return
        short = list(self._map(lambda plan: self._climb(plan, short=True), plans))
        ranked = sorted(short, key=merit, reverse=True)
        for run in ranked[self.n_refine :]:
            yield replace(run, status=Status.CUT)
        carried = [Plan(r.number, r.kind, r.triple.params) for r in ranked[: self.n_refine] if r.triple is not None]
        runs = list(self._map(self._climb, carried))
        yield from runs
        yield from self._mirrored(runs)

    def _map(self, function: Callable[[Any], Run], items: list[Any]) -> Iterable[Run]:
        if self.start_workers == 1:
            yield from map(function, items)
            return
        with ThreadPoolExecutor(self.start_workers) as pool:
            yield from pool.map(function, items)

    def _plans(
        self, seeds: list[np.random.SeedSequence], given: Sequence[MixtureParameters]
    ) -> tuple[list[Plan], list[Run]]:
        """Make the starts. One that equals an earlier one up to the order of experts is drawn again, then dropped."""
        problem = self._problem(short=True)
        plans = [Plan(-1 - i, "given", params) for i, params in enumerate(given)]
        known: list[Array] = []
        duplicates: list[Run] = []
        for number, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            for kind in (self.kind, *((PATCHES,) * 3 if self.kind == "auto" else ())):
                start = make_start(problem, self.sample, self.n_experts, number, rng, kind)
                order = _order_by_expert(self.mixture, start.params)
                vector = self.mixture.pack(self.mixture.permute(start.params, order))
                if not any(np.allclose(vector, other, rtol=1e-7, atol=1e-9) for other in known):
                    known.append(vector)
                    plans.append(Plan(number, start.kind, start.params, start.soften))
                    break
            else:
                duplicates.append(Run(number, start.kind, Status.DUPLICATE, -np.inf))
        return plans, duplicates

    def _problem(self, short: bool = False) -> Problem:
        source = self.sample.source if short else self.source
        return Problem(self.mixture, source, self.survey, 1 if short else self.chunk_workers)

    def _climb(self, plan: Plan, short: bool = False) -> Run:
        began = time.perf_counter()
        problem = self._problem(short)
        control = SHORT if short else self.control
        params, passes = self._warmed_up(plan, problem, control.max_iter // 2)
        left = control._replace(max_iter=control.max_iter - passes)
        outcome = Climb(problem, left).run(problem.evaluate(params))
        passes, reseeded = passes + outcome.n_passes, 0
        # A short run that collapses is given up; a long one gets its expert re-seeded where the fit is worst.
        while not short and outcome.status is Status.DEGENERATE and reseeded < RESEEDS and passes < control.max_iter:
            reseeded += 1
            again = self._reseed(outcome)
            left = control._replace(max_iter=control.max_iter - passes)
            outcome = Climb(problem, left).run(problem.evaluate(again))
            passes += outcome.n_passes
        problem.workers.close()
        triple = outcome.triple
        weak = weak_experts(self.mixture, triple.params, triple.mass, self.survey.ground)
        return Run(
            plan.number,
            plan.kind,
            outcome.status,
            triple.objective,
            passes,
            time.perf_counter() - began,
            outcome.path,
            triple,
            outcome.gradient_norm,
            weak,
            reseeded=reseeded,
        )

    def _warmed_up(self, plan: Plan, problem: Problem, limit: int) -> tuple[MixtureParameters, int]:
        """Climb a few passes, at most ``limit``, with a soft gate and then, where the family has them, soft experts.

        The recorded path begins after them. Experts that may become pure freeze the partition that they are born with
        as sharp gates do.
        """
        if plan.soften == 0.0 or self.n_experts == 1:
            return plan.params, 0
        gate, expert = self.mixture
        soft, softened = gate.softened(plan.soften), getattr(expert, "softened", None)
        stages = [] if soft is gate else [(Mixture(soft, expert), WARM_UP)]
        if softened is not None:
            stages.append((Mixture(gate, softened(SOFT_EXPERTS * plan.soften)), WARM_EXPERTS))
        params, passes = plan.params, 0
        for mixture, control in stages:
            if passes >= limit:
                break
            softer = Problem(mixture, problem.source, self.survey, problem.workers.n_workers)
            control = control._replace(max_iter=min(control.max_iter, limit - passes))
            outcome = Climb(softer, control).run(softer.evaluate(params))
            softer.workers.close()
            params, passes = outcome.triple.params, passes + outcome.n_passes
        return params, passes

    def _reseed(self, outcome: Outcome) -> MixtureParameters:
        """Give a collapsed expert the 5 % of the rows that the fit explains worst."""
        problem = self._problem(short=True)
        block, params = self.sample.block, outcome.triple.params
        resp, _, top, log_total = self.mixture.e_step(params, block)
        resp = resp / block.weight
        density = top + log_total
        order = np.argsort(density, kind="stable")
        worst = order[np.cumsum(block.weight[order]) <= 0.05 * block.weight.sum()]
        size = self.mixture.expert.spread(params.expert) * outcome.triple.mass
        lost = int(np.argmin(np.where(problem.collapsed(outcome.triple), size, np.inf)))
        resp[lost] = 0.0
        resp[:, worst] *= 0.1
        resp[lost, worst] = 0.9
        resp += 1e-12
        return from_responsibilities(problem, resp / resp.sum(axis=0))

    def _compare(self, runs: list[Run], best: Run) -> list[Run]:
        """Mark the runs that reached the best: same objective and same partition of the sample."""
        problem = self._problem(short=True)
        assert best.triple is not None
        reference = problem.labels(best.triple.params)

        def reached(run: Run) -> bool:
            if run is best:
                return True
            if run.triple is None or not run.finished or abs(run.objective - best.objective) > REACHED:
                return False
            labels = problem.labels(run.triple.params)
            return same_partition(reference, labels, self.sample.weight, self.n_experts)

        marked = [
            replace(run, reached=run.number < SHAKEN and reached(run), seed=self._seeds.get(run.number)) for run in runs
        ]
        return sorted(marked, key=lambda run: run.number)


def _order_by_expert(mixture: Mixture, params: MixtureParameters) -> NDArray[np.intp]:
    """Order experts by a number that does not depend on their order."""
    keys = np.round(mixture.expert.sort_keys(params.expert), 9)
    return np.lexsort(keys[::-1])
