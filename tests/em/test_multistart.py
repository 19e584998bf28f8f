"""Many starts: which result wins, which count, and what permuting, weighting and interrupting does to them."""

import numpy as np
import pytest

from classicmoe import load_dataset
from classicmoe.covariances.dense import DenseParameters
from classicmoe.em.degenerate import Weak, collapsed, weak_experts
from classicmoe.em.loop import Climb, Control
from classicmoe.em.multistart import MultiStart
from classicmoe.em.runs import SHAKEN, Run, merit, same_partition
from classicmoe.em.sample import draw_sample
from classicmoe.em.starts import from_responsibilities
from classicmoe.em.status import Status
from classicmoe.gates.constant import ConstantParameters
from tests.cases import CASES, ENGINE, largest_difference, over, random_parameters, two_lines

CASE = CASES["softmax / gaussian"]


def multistart(case, X, y, n_experts=2, weight=None, **settings):
    problem = case.problem(X, y, weight)
    sample = draw_sample(problem.source, problem.survey, case.expert)
    return problem, MultiStart(
        problem.mixture, problem.source, problem.survey, sample, n_experts, Control(), **settings
    )


def seeds(n, seed=0):
    return np.random.SeedSequence(seed).spawn(n)


@over(ENGINE)
def test_permuted_starts_give_permuted_results(case):
    X, y = case.simulate(120, 3)
    problem = case.problem(X, y)
    params, order = random_parameters(problem, 3, 5), np.array([2, 0, 1])
    mixture, control = problem.mixture, Control(max_iter=12, acceleration="none")
    a = Climb(problem, control).run(problem.evaluate(params))
    b = Climb(problem, control).run(problem.evaluate(mixture.permute(params, order)))
    assert a.n_passes == b.n_passes and a.status is b.status
    assert np.allclose(a.path, b.path, rtol=1e-9)
    permuted = mixture.pack(mixture.permute(a.triple.params, order))
    assert largest_difference(permuted, mixture.pack(b.triple.params)) < 1e-6
    assert np.allclose(a.triple.mass[order], b.triple.mass, rtol=1e-6)


@pytest.mark.parametrize("name", ("softmax / gaussian", "softmax ridge / gaussian 2 full", "constant / gaussian"))
def test_leaps_do_not_depend_on_the_order_of_experts(name):
    for seed in range(4):
        X, y = CASES[name].simulate(150, seed)
        problem = CASES[name].problem(X, y)
        params, order = random_parameters(problem, 3, seed, spread=0.2), np.array([2, 0, 1])
        control = Control(max_iter=30)
        a = Climb(problem, control).run(problem.evaluate(params))
        b = Climb(problem, control).run(problem.evaluate(problem.mixture.permute(params, order)))
        assert a.n_passes == b.n_passes and len(a.path) == len(b.path)
        assert np.allclose(a.path, b.path, rtol=1e-6)
        plain = Climb(problem, control._replace(acceleration="none")).run(problem.evaluate(params))
        assert plain.path != a.path  # leaps were taken


def run(objective, status=Status.CONVERGED, spike=False, number=0):
    weak = [Weak(0, 4.0, 2, spike)] if spike is not None else []
    return Run(number, "x", status, objective, weak=weak)


def test_regular_before_spike_before_collapse_whatever_the_likelihood():
    regular, few, spike = run(-50.0, spike=None), run(-40.0), run(10.0, spike=True)
    collapse, better = run(1000.0, Status.DEGENERATE), run(-30.0, Status.MAX_ITER, spike=None)
    ranked = sorted((collapse, spike, regular, few, better), key=merit, reverse=True)
    assert ranked == [better, few, regular, spike, collapse]


def test_same_partition_is_up_to_names_and_one_percent_of_the_weight():
    a = np.repeat([0, 1, 2], 100)
    b = np.array([2, 0, 1])[a]
    assert same_partition(a, b, np.ones(300), 3)
    b[:3] = 0
    assert same_partition(a, b, np.ones(300), 3)
    b[:4] = 0
    assert not same_partition(a, b, np.ones(300), 3)
    assert same_partition(a, b, np.r_[np.full(4, 0.1), np.ones(296)], 3)
    assert not same_partition(a, np.zeros(300, int), np.ones(300), 3)


def test_the_best_regular_run_wins_and_those_that_reached_it_are_marked():
    X, y = two_lines(120, seed=1)
    _, starts = multistart(CASES["constant / gaussian"], X, y)
    fit = starts.run(seeds(8))
    finished = [run for run in fit.runs if run.finished]
    assert [run.number for run in fit.runs] == list(range(8))
    assert fit.best.objective == max(run.objective for run in finished)
    assert fit.best in [run for run in fit.runs] or fit.best.number in [run.number for run in fit.runs]
    reached = [run for run in fit.runs if run.reached]
    assert len(reached) >= 2
    assert all(abs(run.objective - fit.best.objective) <= 0.01 for run in reached)
    assert all(run.seed == int(seed.generate_state(1)[0]) for run, seed in zip(fit.runs, seeds(8), strict=True))


def test_equal_starts_are_run_once():
    # Six rows have few segmentations; equal ones are replaced or dropped, and never counted as replications.
    X = np.array([[0.0], [0.0], [1.0], [1.0], [2.0], [2.0]])
    y = np.array([0.0, 1.0, 2.0, 3.1, 4.0, 5.0])
    _, starts = multistart(CASE, X, y, kind="k-means on x")
    fit = starts.run(seeds(10))
    statuses = [run.status for run in fit.runs]
    assert len(statuses) == 10
    assert statuses.count(Status.DUPLICATE) >= 5
    assert not any(run.reached for run in fit.runs if run.status is Status.DUPLICATE)


def test_only_the_best_short_runs_are_carried_on():
    X, y = two_lines(300, seed=2)
    _, starts = multistart(CASE, X, y, n_experts=3, n_refine=3)
    fit = starts.run(seeds(8))
    cut = [run for run in fit.runs if run.status is Status.CUT]
    carried = [run for run in fit.runs if run.status is not Status.CUT]
    assert len(carried) == 3 and len(cut) == 5
    assert max(merit(run) for run in cut) <= max(merit(run) for run in carried)
    assert not any(run.finished or run.reached for run in cut)


def test_interrupted_runs_leave_the_best_so_far():
    X, y = two_lines(120)
    seen = []

    def stop(run):
        seen.append(run)
        if len(seen) == 3:
            raise KeyboardInterrupt

    _, starts = multistart(CASE, X, y, report=stop)
    fit = starts.run(seeds(8))
    assert fit.interrupted
    assert len(fit.runs) == 3
    assert fit.best.objective == max(run.objective for run in seen)


def test_an_interrupt_before_anything_ended_is_passed_on(monkeypatch):
    X, y = two_lines(120)
    _, starts = multistart(CASE, X, y)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(starts, "_climb", interrupt)
    with pytest.raises(KeyboardInterrupt):
        starts.run(seeds(4))


def test_threads_give_the_same_runs():
    X, y = two_lines(150, seed=4)
    fits = [multistart(CASE, X, y, n_experts=3, n_workers=n)[1].run(seeds(6)) for n in (1, 2)]
    for a, b in zip(fits[0].runs, fits[1].runs, strict=True):
        assert (a.number, a.kind, a.status, a.path, a.reached) == (b.number, b.kind, b.status, b.path, b.reached)


def test_shaken_runs_never_count_as_replications():
    # Two perfectly separated regimes: the gate is sharp, so boundaries are shaken.
    rng = np.random.default_rng(0)
    x = np.linspace(-1.0, 1.0, 80)
    y = np.where(x > 0.0, 1.0 + x, -3.0 * x) + 0.1 * rng.normal(size=80)
    _, starts = multistart(CASE, x[:, None], y)
    fit = starts.run(seeds(4))
    shaken = [run for run in fit.runs if run.number >= SHAKEN]
    assert shaken
    assert not any(run.reached for run in shaken)
    assert fit.best.objective >= max(run.objective for run in fit.runs if run.finished) - 1e-5


def test_an_expert_without_rows_or_at_the_floor_is_called_collapsed():
    X, y = two_lines(100)
    problem = CASE.problem(X, y)
    params = random_parameters(problem, 2, 0)
    mixture, ground = problem.mixture, problem.ground
    assert collapsed(mixture, params, np.array([50.0, 50.0]), ground).tolist() == [False, False]
    assert collapsed(mixture, params, np.array([96.5, 3.5]), ground).tolist() == [False, True]
    floor = params.expert._replace(noise=DenseParameters(np.sqrt([[[0.5]], [[ground.floor]]])))
    at_floor = params._replace(expert=floor)
    assert collapsed(mixture, at_floor, np.array([50.0, 50.0]), ground).tolist() == [False, True]
    assert collapsed(mixture, params, np.array([3.0]), ground).tolist() == [False]


@pytest.mark.parametrize("gate", ("constant", "gaussian"))
def test_a_leap_below_the_floor_does_not_win(gate):
    # 53 eruptions are said to have lasted 4 minutes: an expert can collapse on them, and a leap went below the floor.
    y, X = load_dataset("geyser", as_frame=True).frame[["duration", "waiting"]].to_numpy().T
    problem, starts = multistart(CASES[f"{gate} / gaussian"], X[:, None], y, n_experts=3)
    fit = starts.run(seeds(8))
    assert fit.best.status is Status.CONVERGED
    for run in fit.runs:
        variance = problem.mixture.expert.covariances(run.triple.params.expert)
        assert variance.min() > 0.999 * problem.ground.floor
        assert not (run.finished and problem.at_floor(run.triple))


def test_the_expert_that_has_collapsed_is_seeded_anew():
    # The region of expert 1 is one value of x; expert 0 has less noise and fewer rows, but has not collapsed.
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(size=60), np.zeros(90)]
    y = np.r_[5.0 + 0.01 * rng.normal(size=60), rng.normal(size=90)]
    problem, starts = multistart(CASES["gaussian / gaussian"], x[:, None], y)
    resp = np.zeros((2, 150))
    resp[0, :60], resp[1, 60:] = 1.0, 1.0
    start = from_responsibilities(problem, resp, smooth=0.0)
    outcome = Climb(problem, Control()).run(problem.evaluate(start))
    assert outcome.status is Status.DEGENERATE
    assert problem.collapsed(outcome.triple).tolist() == [False, True]
    spread = problem.mixture.expert.spread(outcome.triple.params.expert)
    assert spread[0] * outcome.triple.mass[0] < spread[1] * outcome.triple.mass[1]
    again = problem.evaluate(starts._reseed(outcome))
    assert not problem.collapsed(again).any()
    assert np.exp(again.params.gate.log_weight)[1] < 0.5  # of the 0.6 that it had half remains, and one row in twenty


def test_weak_experts_and_spikes():
    X, y = two_lines(100)
    problem = CASE.problem(X, y)
    params = random_parameters(problem, 2, 0)
    scales = params._replace(expert=params.expert._replace(noise=DenseParameters(np.array([[[1.0]], [[0.049]]]))))
    # Two coefficients: weak below ten rows, a spike when its scale is below 5 % of the largest as well.
    (weak,) = weak_experts(problem.mixture, scales, np.array([90.1, 9.9]), problem.ground)
    assert weak == Weak(1, 9.9, 2, True)
    assert weak_experts(problem.mixture, scales, np.array([89.9, 10.1]), problem.ground) == []
    wide = scales._replace(expert=scales.expert._replace(noise=DenseParameters(np.array([[[1.0]], [[0.051]]]))))
    (weak,) = weak_experts(problem.mixture, wide, np.array([91.0, 9.0]), problem.ground)
    assert not weak.spike


def test_a_region_needs_rows_as_an_expert_does():
    # A normal density of three columns is as easily singular as a regression on three columns.
    rng = np.random.default_rng(0)
    problem = CASES["gaussian / gaussian"].problem(rng.normal(size=(100, 3)), rng.normal(size=100), expert_columns=[])
    params, mixture, ground = random_parameters(problem, 2, 0), problem.mixture, problem.ground
    (weak,) = weak_experts(mixture, params, np.array([80.1, 19.9]), ground)
    assert (weak.expert, weak.coefficients) == (1, 4)
    assert weak_experts(mixture, params, np.array([79.9, 20.1]), ground) == []
    assert collapsed(mixture, params, np.array([94.5, 5.5]), ground).tolist() == [False, True]
    assert collapsed(mixture, params, np.array([93.5, 6.5]), ground).tolist() == [False, False]
    constant = mixture._replace(gate=CASES["constant / gaussian"].gate)
    plain = params._replace(gate=ConstantParameters(np.log([0.5, 0.5])))
    assert weak_experts(constant, plain, np.array([94.0, 6.0]), ground) == []


def test_a_collapse_ends_the_climb_after_three_steps():
    X, y = two_lines(100)
    problem = CASE.problem(X, y)
    params = random_parameters(problem, 2, 0)
    # An expert far away from all rows.
    coef = params.expert.coef.copy()
    coef[1, 0, 0] = 1000.0
    lost = params._replace(expert=params.expert._replace(coef=coef))
    outcome = Climb(problem, Control()).run(problem.evaluate(lost))
    assert outcome.status is Status.DEGENERATE
    assert len(outcome.path) == 4
