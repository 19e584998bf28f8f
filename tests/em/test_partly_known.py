"""Intervals and windows in the engine: every family and gate keeps the promises that it keeps on exact responses."""

import numpy as np
import pytest

from classicmoe import MoERegressor, observed
from classicmoe.em.problem import Problem
from classicmoe.em.source import ArraySource
from classicmoe.em.survey import View, survey
from classicmoe.models.observed import as_seen, known
from tests.cases import EXPERTS, FAMILIES, GATES, MORE_GATES, VARIANTS, Case, over, random_parameters
from tests.em.test_monotone import assert_never_falls
from tests.em.test_scores import assert_score_is_the_derivative

SMOOTH = ("gaussian", "gaussian shared", "poisson", "negative binomial", "binomial", "gamma", "inverse gaussian")
SMOOTH += ("zero-inflated", "hurdle gamma", "skew normal", "t 4", "gamma and log-normal")
CONTINUOUS = ("gaussian", "gaussian shared", "gamma", "inverse gaussian", "skew normal", "t 4", "hurdle gamma")
ALL = FAMILIES | {name: EXPERTS[name] for name in ("gaussian", "gaussian shared")}
EVERY_FAMILY = {name: Case(GATES["softmax"], *row) for name, row in ALL.items() if name not in VARIANTS}
FEW_FAMILIES = {name: Case(GATES["softmax"], *ALL[name]) for name in SMOOTH}
EVERY_GATE = {
    name: Case(gate, *FAMILIES["poisson"])
    for name, gate in (GATES | MORE_GATES).items()
    if not name.startswith("gaussian")
}


def hidden(y, seed=0, window=True):
    """Responses of which a fifth are censored on the right, a fifth intervals, and the smallest were never seen."""
    rng = np.random.default_rng(seed)
    y = np.ravel(y).astype(float)
    count = (y == np.floor(y)).all()
    low, high, limit = y.copy(), y.copy(), np.quantile(y, 0.8, method="lower")
    low[y > limit], high[y > limit] = limit, np.inf
    vague = (rng.random(len(y)) < 0.2) & (y <= limit)
    width = np.ones(len(y)) if count else 0.3 * np.std(y) * rng.random(len(y))
    low[vague] -= width[vague]
    high[vague] += width[vague]
    if (y >= 0.0).all():
        low = np.maximum(low, 0.0)
    if not window:
        return observed(low, high), np.arange(len(y))
    start = np.quantile(y, 0.1) if not count else 0.0
    seen = np.flatnonzero((y > start) & (low >= start))
    return observed(low[seen], high[seen], (start, None)), seen


def problem_of(case, n=40, window=True, chunk_rows=8192):
    X, y = case.simulate(n, 3)
    response, seen = hidden(y, window=window)
    values, bounds, windows = known(response)
    weight = np.random.default_rng(5).integers(0, 4, len(seen)).astype(float)
    gate = View(0, np.arange(0 if case.gate.name == "constant" else X.shape[1]))
    source = ArraySource((X[seen],), values, weight, chunk_rows, bounds=bounds, window=windows)
    mixture = as_seen(case.mixture, source.all)
    return Problem(mixture, source, survey(source, gate, View(0, np.arange(X.shape[1])), mixture.expert))


@over(FEW_FAMILIES)
def test_scores_equal_differences_of_the_objective(case):
    problem = problem_of(case)
    assert_score_is_the_derivative(problem, random_parameters(problem, 3, 7, spread=0.3))


@over(FEW_FAMILIES)
def test_rows_and_chunks_add_up(case):
    whole, cut = problem_of(case), problem_of(case, chunk_rows=11)
    params = random_parameters(whole, 2, 7, spread=0.3)
    a, b = whole.evaluate(params), cut.evaluate(params)
    assert b.objective == pytest.approx(a.objective, rel=1e-12)
    score = whole.mixture.score(params, a.statistics)
    np.testing.assert_allclose(cut.mixture.score(params, b.statistics), score, rtol=1e-8, atol=1e-8)
    if whole.mixture.penalty(params) < 1e-6:

        def add(block, task):
            return sum(cut.mixture.scores(params, block.load(chunk)).sum(axis=0) for chunk in task)

        np.testing.assert_allclose(sum(cut.workers.run(add)), score, rtol=1e-6, atol=1e-6)


def assert_rises(case, window):
    X, y = case.simulate(80, 3)
    response, seen = hidden(y, window=window)
    n_experts = len(getattr(case.expert, "experts", [0, 0]))
    expert = getattr(case.expert, "experts", case.expert)
    passes = 12 if case.expert.name.startswith("skew") else 40  # their distribution functions are integrals
    model = MoERegressor(n_experts, case.gate, expert, n_init=1, max_iter=passes, random_state=0)
    model.fit(X[seen], response)
    assert_never_falls(model.objective_path_)
    assert model.objective_path_[-1] > model.objective_path_[0]
    assert model.log_likelihood(X[seen], response) == pytest.approx(model.log_likelihood_, rel=1e-10)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@over(EVERY_FAMILY)
def test_the_path_rises_with_intervals_and_windows_for_every_family(case):
    assert_rises(case, window=True)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@over(EVERY_GATE)
def test_the_path_rises_with_a_window_for_every_gate(case):
    assert_rises(case, window=True)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_the_path_rises_with_a_gate_that_models_x():
    assert_rises(Case(GATES["gaussian"], *FAMILIES["poisson"]), window=False)


@over({name: case for name, case in FEW_FAMILIES.items() if name in CONTINUOUS})
def test_a_narrow_interval_is_a_density_times_its_width(case):
    X, y = case.simulate(40, 3)
    y = np.ravel(y)
    width = 1e-5 * np.std(y)
    low = np.where(y == 0.0, y, y - 0.5 * width)
    sharp, vague = (
        ArraySource((X,), y),
        ArraySource((X,), y, bounds=np.column_stack([low, np.where(y == 0.0, y, low + width)])),
    )
    side = View(0, np.arange(X.shape[1]))
    exact = Problem(case.mixture, sharp, survey(sharp, side, side, case.expert))
    mixture = as_seen(case.mixture, vague.all)
    # The same scales: those of the exact rows.
    interval = Problem(mixture, vague, exact.survey)
    params = random_parameters(exact, len(getattr(case.expert, "experts", [0, 0])), 1, spread=0.2)
    n = np.count_nonzero(low < y)
    expected = exact.evaluate(params).objective + n * np.log(width / exact.survey.response.scale[0])
    assert interval.evaluate(params).objective == pytest.approx(expected, abs=1e-7 * n)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_a_window_that_everything_is_inside_changes_nothing():
    case = EVERY_FAMILY["gamma"]
    X, y = case.simulate(60, 3)
    plain = MoERegressor(2, expert="gamma", n_init=2, random_state=0).fit(X, y)
    inside = observed(y, truncation=(0.0, 1e12))
    assert np.abs(plain.score_samples(X, inside) - plain.score_samples(X, y)).max() < 1e-12
