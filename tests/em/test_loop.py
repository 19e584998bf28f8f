"""The loop: accept or back off, when to stop, and what it says about how it ended."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from classicmoe.em import loop
from classicmoe.em.loop import CONFIRMING, Climb, Control
from classicmoe.em.problem import Problem
from classicmoe.em.status import Status
from tests.cases import CASES, ENGINE, ENGINE_CROSS, largest_difference, over, random_parameters

TIGHT = Control(tol=1e-13, max_iter=5000)


def climb(problem, params, control=TIGHT):
    return Climb(problem, control).run(problem.evaluate(params))


def ready(case, n=120, seed=2, n_experts=2):
    X, y = case.simulate(n, seed)
    problem = case.problem(X, y)
    return problem, random_parameters(problem, n_experts, seed, spread=0.3)


@over(ENGINE)
@pytest.mark.parametrize("step", ("half", "safe"))
def test_half_and_safe_steps_do_not_lower_the_objective(case, step):
    problem, params = ready(case, n=90, n_experts=3)
    triple = problem.evaluate(params)
    for _ in range(8):
        following = problem.evaluate(problem.update(triple, step))
        assert following.objective >= triple.objective - 1e-12 * (1.0 + abs(triple.objective))
        triple = following


@cache
def converged(name):
    """A tight climb of the case, made once for all tests: problem, parameters of the start, outcome."""
    problem, params = ready(ENGINE[name])
    return problem, params, climb(problem, params)


@pytest.mark.parametrize("name", ENGINE)
def test_one_more_step_stays_at_a_converged_solution(name):
    case, (problem, _, outcome) = ENGINE[name], converged(name)
    assert outcome.status is Status.CONVERGED
    again = problem.update(outcome.triple)
    assert largest_difference(problem.mixture.pack(again), problem.mixture.pack(outcome.triple.params)) < 1e-6
    if getattr(case.expert, "smooth", True):  # at a corner there is no gradient
        assert outcome.gradient_norm < 1e-6


@pytest.mark.parametrize("name", ENGINE_CROSS)
def test_with_and_without_acceleration_one_optimum(name):
    if not getattr(ENGINE[name].expert, "smooth", True):
        pytest.skip("near corners plain steps are so short that leaps go elsewhere")
    problem, params, fast = converged(name)
    plain = climb(problem, params, TIGHT._replace(acceleration="none"))
    assert fast.triple.objective == pytest.approx(plain.triple.objective, abs=1e-6)
    a, b = (identified(problem.mixture, outcome.triple.params) for outcome in (plain, fast))
    assert largest_difference(a, b) < 1e-3


def identified(mixture, params):
    """What the density determines: loadings of several factors only up to a rotation, odd activations up to signs."""
    if hasattr(mixture.gate, "canonical"):
        params = params._replace(gate=mixture.gate.canonical(params.gate))
    if getattr(getattr(mixture.expert, "structure", None), "n_latent", 1) == 1:
        return mixture.pack(params)
    covariances = mixture.expert.covariances(params.expert)
    return np.concatenate([mixture.gate.pack(params.gate), params.expert.coef.ravel(), covariances.ravel()])


@pytest.mark.parametrize("ridge", ("", " ridge"))
@pytest.mark.parametrize("expert", ("gaussian", "gaussian 2 full"))
def test_newton_and_mm_reach_the_same_optimum(expert, ridge):
    newton, mm = CASES[f"softmax{ridge} / {expert}"], CASES[f"softmax mm{ridge} / {expert}"]
    for seed in (2, 3):
        problem, params = ready(newton, seed=seed)
        again = Problem(mm.mixture, problem.source, problem.survey)
        a, b = climb(problem, params), climb(again, params)
        assert a.triple.objective == pytest.approx(b.triple.objective, abs=1e-6)
        assert a.n_passes < b.n_passes


@pytest.mark.parametrize("name", ("softmax / gaussian", "constant / gaussian"))
def test_a_bad_proposal_is_refused_and_the_next_step_taken(name, monkeypatch):
    problem, params = ready(CASES[name])
    true_update, asked = problem.update, []
    monkeypatch.setattr(problem, "update", lambda triple, step: spoil(problem, true_update(triple, step), step, asked))
    outcome = climb(problem, params, Control(max_iter=5000, acceleration="none"))
    assert asked[:4] == ["full", "half", "full", "half"]
    assert "safe" not in asked
    path = np.array(outcome.path)
    assert (np.diff(path) >= -1e-12 * (1.0 + np.abs(path[:-1]))).all()
    # Two passes for every step: the refused one and the one that was taken.
    assert outcome.n_passes == 1 + len(asked) == 1 + 2 * (len(path) - 1)
    assert outcome.status is Status.CONVERGED
    monkeypatch.undo()
    assert outcome.triple.objective == pytest.approx(climb(problem, params).triple.objective, abs=1e-4)


def spoil(problem, params, step, asked):
    """Ruin the bold step."""
    asked.append(step)
    vector = problem.mixture.pack(params)
    return problem.mixture.unpack(vector + 1.0, params) if step == "full" else params


def test_a_bad_leap_leaves_triple_and_path_untouched(monkeypatch):
    problem, params = ready(CASES["softmax / gaussian"])
    plain = climb(problem, params, TIGHT._replace(acceleration="none"))
    leaps = []

    def propose(self, first, second, third):
        leaps.append(third)
        vector = problem.mixture.pack(third.params)
        return problem.mixture.unpack(vector + 3.0, third.params)

    monkeypatch.setattr("classicmoe.em.squarem.Extrapolation.propose", propose)
    outcome = climb(problem, params)
    assert len(leaps) > 2
    assert outcome.path == plain.path
    assert outcome.n_passes == plain.n_passes + len(leaps)
    assert outcome.triple.objective == plain.triple.objective


def test_nowhere_to_go_is_called_stalled(monkeypatch):
    problem, params = ready(CASES["softmax / gaussian"])
    start = problem.evaluate(params)
    vector = problem.mixture.pack(params)
    monkeypatch.setattr(problem, "update", lambda triple, step: problem.mixture.unpack(vector + 5.0, params))
    outcome = Climb(problem, Control()).run(start)
    assert outcome.status is Status.STALLED
    assert outcome.triple is start
    assert outcome.path == [start.objective]
    assert outcome.n_passes == 4


def test_max_iter_counts_passes():
    problem, params = ready(CASES["softmax / gaussian"])
    outcome = climb(problem, params, Control(tol=1e-13, max_iter=7))
    assert outcome.status is Status.MAX_ITER
    assert outcome.n_passes == 7


@dataclass
class Ramp:
    """A problem whose objective is limit - a b^t at step t: what Aitken's rule is exact for."""

    limit: float = 0.0
    a: float = 50.0
    ratio: float = 0.9
    ground: object = None
    steps: tuple = ("full", "half", "safe")
    asked: list = field(default_factory=list)

    def evaluate(self, t):
        return Flat(t, self.limit - self.a * self.ratio**t)

    def update(self, triple, step):
        self.asked.append(triple.params)
        return triple.params + 1

    def gradient_norm(self, triple):
        return 1.0

    def collapsed(self, triple):
        return np.zeros(2, bool)


@dataclass
class Flat:
    params: int
    objective: float


@pytest.mark.parametrize("ratio", (0.5, 0.9, 0.99))
@pytest.mark.parametrize("tol", (1e-6, 1e-8, 1e-10))
def test_aitken_is_exact_on_a_geometric_sequence(ratio, tol):
    case = CASES["constant / gaussian"]
    X, y = case.simulate(100, 0)
    ground = case.problem(X, y).ground
    problem = Ramp(ratio=ratio, ground=ground)
    outcome = Climb(problem, Control(tol=tol, max_iter=10**6, acceleration="none")).run(problem.evaluate(0))
    assert outcome.status is Status.CONVERGED
    threshold = min(tol * ground.weight, 1e-3)
    left = problem.limit - np.array(outcome.path)
    # Two consecutive cycles of two steps were below the threshold, and plain steps confirmed it soon.
    assert left[-1] < threshold
    assert left[-3 * (4 + CONFIRMING) - 1] >= threshold * (1.0 - 1e-3)


@pytest.mark.parametrize(("slow", "fast"), ((2.0, 10.0), (5.0, 1e4), (10.0, 100.0)))
def test_a_fast_direction_does_not_hide_a_slow_one(slow, fast, monkeypatch):
    class TwoRates(Ramp):
        """What is left falls fast at first and slowly in the end, as after a leap."""

        def evaluate(self, t):
            return Flat(t, -1e-4 * (slow * 0.975**t + fast * 0.5**t))

    problem = TwoRates(
        ground=CASES["constant / gaussian"].problem(*CASES["constant / gaussian"].simulate(100, 0)).ground
    )
    control = Control(tol=1e-6, max_iter=10**6, acceleration="none")  # a threshold of 1e-4
    assert -Climb(problem, control).run(problem.evaluate(0)).path[-1] < 1e-4
    monkeypatch.setattr(loop, "SURELY", np.inf)
    assert -Climb(problem, control).run(problem.evaluate(0)).path[-1] > 1e-4


@pytest.mark.parametrize("height", (0.0, 1e3, 1e6))
@pytest.mark.parametrize(("drop", "taken"), ((1e-13, "full"), (1e-11, "half"), (1e-6, "half")))
def test_only_rounding_may_lower_the_objective(height, drop, taken):
    class Tilted(Ramp):
        """The bold step ends a little lower, the half step a little higher."""

        def update(self, triple, step):
            return step

        def evaluate(self, step):
            return Flat(step, height - drop * (1.0 + height) if step == "full" else height + 1e-3)

    climb = Climb(Tilted(), Control())
    following = climb._ascend(Flat("start", height))
    assert following.params == taken
    assert climb.path == [following.objective]


def test_lack_of_progress_alone_does_not_stop():
    # At ratio 0.999 a step gains a thousandth of what is left.
    problem = Ramp(ratio=0.999, a=1.0)
    case = CASES["constant / gaussian"]
    problem.ground = case.problem(*case.simulate(100, 0)).ground
    outcome = Climb(problem, Control(tol=1e-6, max_iter=10**6, acceleration="none")).run(problem.evaluate(0))
    assert problem.limit - outcome.path[-1] < 1e-4
    assert outcome.path[-1] - outcome.path[-2] < 1e-6


def test_threshold_is_relative_to_the_weight_and_capped():
    assert Control(tol=1e-8).threshold(1000.0) == pytest.approx(1e-5)
    assert Control(tol=1e-8).threshold(1e9) == 1e-3


@pytest.mark.parametrize("gate", ("softmax", "constant"))
def test_one_expert_needs_at_most_two_passes(gate):
    for expert in ("gaussian", "gaussian 2 full", "gaussian 2 spherical shared"):
        case = CASES[f"{gate} / {expert}"]
        problem = case.problem(*case.simulate(150, 9))
        outcome = climb(problem, random_parameters(problem, 1, 0, spread=1.0), Control())
        assert outcome.status is Status.CONVERGED
        assert len(outcome.path) <= 3
        pack, pooled = problem.mixture.expert.pack, problem.mixture.expert.start(1, problem.ground)
        assert largest_difference(pack(pooled), pack(outcome.triple.params.expert)) < 1e-9


@over(ENGINE)
@pytest.mark.parametrize("size", (30.0, 3000.0))
def test_a_leap_far_away_is_worth_a_number(case, size, seed):
    """An extrapolation may go anywhere; what it is worth decides, and a warning of NumPy would be the user's."""
    problem, params = ready(case, n=60)
    vector = problem.mixture.pack(params)
    way = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], size=vector.size)
    far = problem.evaluate(problem.mixture.unpack(vector + size * way, params))
    assert not np.isnan(far.objective) and far.objective < np.inf
