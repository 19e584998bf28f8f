"""One fit, from a source of rows to published numbers; the estimators call it and hold no algorithm themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.em.evaluate import Evaluator, Totals
from classicmoe.em.loop import Control
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.multistart import MultiStart
from classicmoe.em.problem import Problem
from classicmoe.em.runs import Fit, Run
from classicmoe.em.sample import Sample, draw_sample
from classicmoe.em.source import Source
from classicmoe.em.split import NestedStart, SplitStart, split_starts
from classicmoe.em.starts import from_responsibilities
from classicmoe.em.survey import Survey, View, survey
from classicmoe.em.threads import one_native_thread
from classicmoe.exceptions import ConfigurationError, DataError, TooFewRowsError

EXACT = 1e-13  # variance of a single expert that fits exactly, in units of the variance of y; below, rounding rules


class Plan(NamedTuple):
    """What is to be fitted and how."""

    mixture: Mixture
    n_experts: int
    gate: View
    expert: View
    control: Control
    seeds: list[np.random.SeedSequence]
    n_refine: int | None
    init: Any
    warm: MixtureParameters | None  # parameters in the user's units to continue from
    n_workers: int
    report: Callable[[Run], None] | None
    # What experts are put in order by, from parameters in the user's units; by default what their family says.
    sort_keys: Callable[[MixtureParameters, Survey], Array] | None = None
    check: Callable[[Survey], None] | None = None  # raises when the first look shows rows that cannot be fitted
    sample: Sample | None = None  # of the same rows, from an earlier fit; drawn anew without


class Result(NamedTuple):
    """A fit in the user's units, experts in canonical order."""

    fit: Fit
    survey: Survey
    params: MixtureParameters
    order: NDArray[np.intp]
    totals: Totals
    shift: float  # added to an objective inside the engine to get it in the user's units
    n_free: int
    penalty: float
    sample: Sample | None  # None where there is more than one


def fit_mixture(source: Source, plan: Plan) -> Result:
    """Fit a mixture to rows.

    Raises
    ------
    TooFewRowsError
        Fewer distinct rows than coefficients.
    DataError
        A response that does not vary.
    """
    with one_native_thread():
        look = survey(source, plan.gate, plan.expert, plan.mixture.expert, plan.n_workers)
        if plan.n_experts == 1:
            # One expert's likelihood is bounded unless it fits exactly: the floor must not spoil least squares.
            look = look._replace(ground=look.ground._replace(floor=EXACT))
        _check_variation(look)
        if plan.check is not None:
            plan.check(look)
        sample = draw_sample(source, look, plan.mixture.expert) if plan.sample is None else plan.sample
        _check_rows(sample.n_rows, look, plan)
        starts = MultiStart(
            plan.mixture,
            source,
            look,
            sample,
            plan.n_experts,
            plan.control,
            n_refine=plan.n_refine,
            kind=plan.init if isinstance(plan.init, str) else "auto",
            n_workers=plan.n_workers,
            report=plan.report,
        )
        given = _given(source, look, plan)
        after = plan.init.after if isinstance(plan.init, SplitStart | NestedStart) else None
        seeds = [] if given or after is not None else plan.seeds
        fit = starts.run(seeds, given, _splits(look, sample, plan), _nested(look, plan))
        if after is not None:
            fit = replace(fit, before=after)
        return _in_users_units(fit, source, look, plan, sample)


def _given(source: Source, look: Survey, plan: Plan) -> Sequence[MixtureParameters]:
    """Parameters to begin with instead of random starts."""
    if plan.warm is not None:
        return [_in_engines_units(plan.warm, look, plan.mixture)]
    if isinstance(plan.init, str | SplitStart | NestedStart):
        return []
    resp = np.asarray(plan.init, dtype=float)
    if resp.ndim != 2 or resp.shape[1] != plan.n_experts or not np.isfinite(resp).all() or resp.min() < 0.0:
        raise DataError(f"init must be an (n, {plan.n_experts}) array of responsibilities >= 0.")
    total = resp.sum(axis=1, keepdims=True)
    if len(resp) != getattr(source, "n_rows", len(resp)) or not total.all():
        raise DataError("init must hold one row of responsibilities, not all zero, per row of X.")
    return [from_responsibilities(Problem(plan.mixture, source, look), (resp / total).T, smooth=0.0)]


def _splits(look: Survey, sample: Sample, plan: Plan) -> Sequence[MixtureParameters]:
    """Return starts from a solution with one expert fewer, if one was given."""
    if not isinstance(plan.init, SplitStart):
        return []
    if plan.init.n_experts != plan.n_experts - 1:
        raise ConfigurationError(
            f"init is a solution with {plan.init.n_experts} experts; splitting one gives {plan.init.n_experts + 1}, "
            f"not n_experts={plan.n_experts}."
        )
    try:
        smaller = _in_engines_units(plan.init.params, look, plan.mixture)
        return split_starts(Problem(plan.mixture, sample.source, look), sample, smaller)
    except (AttributeError, IndexError, ValueError) as error:
        raise ConfigurationError("init is a solution of another kind of model or on other columns.") from error


def _nested(look: Survey, plan: Plan) -> Sequence[MixtureParameters]:
    """Return the solution on some of the columns, if one was given."""
    if not isinstance(plan.init, NestedStart):
        return []
    if plan.init.n_experts != plan.n_experts:
        raise ConfigurationError(
            f"init is a solution with {plan.init.n_experts} experts on some of the columns, not of "
            f"n_experts={plan.n_experts}."
        )
    try:
        return [_in_engines_units(plan.init.params, look, plan.mixture)]
    except (AttributeError, IndexError, ValueError) as error:
        raise ConfigurationError("init is a solution of another kind of model or on other columns.") from error


def _in_engines_units(raw: MixtureParameters, look: Survey, mixture: Mixture) -> MixtureParameters:
    return MixtureParameters(
        mixture.gate.from_raw(raw.gate, look.gate_design),
        mixture.expert.from_raw(raw.expert, look.expert_design, look.response),
    )


def _check_variation(look: Survey) -> None:
    flat = np.flatnonzero(look.ground.response_squares <= 1e-14 * look.ground.weight)
    if len(flat):
        raise DataError(f"The response takes a single value (output {int(flat[0])}); there is nothing to explain.")


def _check_rows(n_distinct: int, look: Survey, plan: Plan) -> None:
    width = max(look.expert_design.n_columns, look.gate_design.n_columns if plan.n_experts > 1 else 0) + 1
    if plan.n_experts > n_distinct:
        raise TooFewRowsError(
            f"n_experts={plan.n_experts}, but X and y have only {n_distinct} distinct rows; use fewer experts."
        )
    if n_distinct < width:
        raise TooFewRowsError(
            f"{n_distinct} distinct rows (n_samples = {look.ground.rows}) cannot determine {width} coefficients per "
            "expert. Choose columns (expert_features=, gate_features=), or take a penalised estimator, for which "
            "columns may be more than rows: LassoMoERegressor, LassoMoEClassifier."
        )


def _in_users_units(fit: Fit, source: Source, look: Survey, plan: Plan, sample: Sample) -> Result:
    mixture, triple = plan.mixture, fit.best.triple
    assert triple is not None
    if plan.sort_keys is None:
        order = canonical_order(mixture, triple.params)
    else:
        order = np.lexsort(plan.sort_keys(in_users_units(mixture, triple.params, look), look)[::-1])
    params = mixture.permute(triple.params, order)
    evaluator = Evaluator(mixture, params, look.gate_design, look.expert_design, look.response)
    totals = evaluator.totals(source, plan.n_workers)
    raw = in_users_units(mixture, params, look)
    shift = -float(look.ground.response_weight @ np.log(look.response.scale))
    shift -= look.ground.weight * mixture.gate.log_units(look.gate_design)
    return Result(fit, look, raw, order, totals, shift, mixture.n_free(params), mixture.penalty(params), sample)


def in_users_units(mixture: Mixture, params: MixtureParameters, look: Survey) -> MixtureParameters:
    """Translate parameters from the engine's units."""
    return MixtureParameters(
        mixture.gate.to_raw(params.gate, look.gate_design),
        mixture.expert.to_raw(params.expert, look.expert_design, look.response),
    )


def canonical_order(mixture: Mixture, params: MixtureParameters) -> NDArray[np.intp]:
    """Order experts by their mean where x is average, then by the next output, then by coefficients."""
    keys: Array = mixture.expert.sort_keys(params.expert)
    return np.lexsort(keys[::-1])
