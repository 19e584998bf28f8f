"""Our steps, repeated with responsibilities held fixed, against a conic solver on the rows, in both forms."""

import numpy as np
import pytest

from classicmoe.experts import EXPERTS, MultinomialExpert
from classicmoe.experts.penalised import PenalisedExpert
from classicmoe.experts.penalised_classes import PenalisedClasses
from classicmoe.gates import SoftmaxGate
from classicmoe.gates.penalised import PenalisedGate
from classicmoe.penalties import L1, Group
from tests.cases import Case, block_of
from tests.l1_ball import Lines, Softmax, slopes_norm, solve

K, N, P = 3, 80, 5
STEPS = ("full", "half", "tenth", "hundredth", "safe")
FLAT = 1e-9  # largest derivative at which ours ends


class Fixed:
    """One part of an M-step: responsibilities are given, variances stay."""

    def __init__(self, kind, seed, alpha, penalty="l1"):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(N, P)) + 0.4 * rng.normal(size=(N, 1))
        X = 2.0 + X * np.resize([1.0, 5.0, 0.2], P)
        eta = 0.3 + 0.25 * (X[:, 0] - 2.0) - 0.6 * np.sign(X[:, 1])
        y = {
            "poisson": lambda: rng.poisson(np.exp(eta)),
            "binomial": lambda: rng.random(N) < 1.0 / (1.0 + np.exp(-2.0 * eta)),
            "multinomial": lambda: rng.integers(0, 3, N) * (eta > -0.5),
        }.get(kind, lambda: eta + 0.5 * rng.normal(size=N))()
        base = MultinomialExpert(n_classes=3) if kind == "multinomial" else EXPERTS.get(kind, EXPERTS["gaussian"])()
        problem = Case(SoftmaxGate(), base, None).problem(X, np.asarray(y, dtype=float))
        self.kind, self.block, self.ground = kind, block_of(problem), problem.ground
        self.resp = np.ascontiguousarray(rng.dirichlet(np.ones(K), N).T)
        x, own = self.block.expert_columns.T.copy(), self.block.y[0].copy()
        self.penalty = {"l1": L1, "group": Group}[penalty](alpha)
        if kind in ("symmetric", "reference"):
            self.part = PenalisedGate(self.penalty, kind)
            self.params = self.part.start(K, 1 + P)
            self.term = Softmax(x, self.resp.T)
        elif kind == "multinomial":  # of one expert: nothing connects several
            self.resp = self.resp[:1].copy()
            self.part = PenalisedClasses(base, self.penalty)
            self.params = self.part.start(1, self.ground)
            self.term = Softmax(x, self.resp[0][:, None] * np.eye(3)[own.astype(int)])
        else:
            self.part = PenalisedExpert(base, self.penalty)
            self.params = self.part.start(K, self.ground)
            variance = None
            if kind == "gaussian":
                line = base.as_line(self.params)
                self.more = line.more + 0.3 * np.arange(K)[:, None]
                self.params = base.from_line(line._replace(more=self.more), self.params)
                variance = np.exp(2.0 * self.more[:, 0])
            self.term = Lines(kind, x, own, self.resp, variance)

    def coef(self, params):
        if self.kind in ("symmetric", "reference"):
            return params.coef
        return params.coef[0] if self.kind == "multinomial" else self.part.base.as_line(params).coef

    def penalised(self, coef):
        """The lines that the penalty knows of."""
        return coef[:-1] if self.kind == "reference" else coef

    def value(self, params):
        return self.term.value(self.coef(params)) - self.penalty.value(self.penalised(self.coef(params)))

    def stepped(self, params, statistics, step):
        new = self.part.update(params, statistics, self.ground, step)
        if self.kind != "gaussian":
            return new
        return self.part.base.from_line(self.part.base.as_line(new)._replace(more=self.more), new)

    def wrong(self, params, statistics):
        return np.abs(self.part.score(params, statistics)[: self.coef(params).size]).max()

    def climb(self):
        """Repeat the first step that does not fall until the conditions of optimality hold."""
        params = self.params
        for _ in range(200):
            statistics = self.part.statistics(params, self.block, self.resp)
            if self.wrong(params, statistics) < FLAT:
                return self.coef(params)
            here = self.value(params)
            ways = (self.stepped(params, statistics, step) for step in STEPS)
            params = next(way for way in ways if self.value(way) >= here - 1e-12 * (1.0 + abs(here)))
        raise AssertionError("no end in 200 steps")


KINDS = ("symmetric", "reference", "gaussian", "poisson", "binomial", "multinomial")


def distance(fixed, a, b):
    """Of coefficients, the levels of softmax ones apart, and the least curvature between them."""
    bend = fixed.term.curvature(a)
    if not isinstance(fixed.term, Softmax):
        return np.linalg.norm(a - b), np.linalg.eigvalsh(bend)[0]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return np.linalg.norm(a - b), np.linalg.eigvalsh(bend)[a.shape[1]]  # a level for every column has none


@pytest.mark.parametrize("penalty", ["l1", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_end_at_the_conic_solvers_maximum(kind, penalty, seed):
    alpha = 4.0 if (kind, penalty) == ("gaussian", "group") else 1.5  # some columns are in, and mostly some out
    form = {"reference": kind == "reference", "grouped": penalty == "group"}
    fixed = Fixed(kind, seed, alpha, penalty)
    ours = fixed.climb()
    zero = fixed.penalised(ours)[:, 1:] == 0.0
    assert not zero.all()
    if penalty == "l1":
        assert zero.any()
    else:
        assert np.array_equal(zero.any(axis=0), zero.all(axis=0))

    def size(coef):
        return slopes_norm(fixed.penalised(coef), form["grouped"])

    def objective(coef):
        return fixed.term.value(coef) - alpha * size(coef)

    theirs = solve(fixed.term, len(ours), alpha, **form).coef
    best = objective(ours)
    gap = best - objective(theirs)
    assert -1e-12 * abs(best) <= gap <= 1e-6 * abs(best)
    # A concave function falls by at least half the curvature times the squared distance from its maximum; the curvature
    # along the way is half of that at its end, or more.
    far, bend = distance(fixed, ours, theirs)
    assert far <= np.sqrt(4.0 * max(gap, 1e-13 * abs(best)) / bend)
    if kind == "symmetric":  # also the level: the median of a column is zero, or the mean of a group
        middle = np.mean if penalty == "group" else np.median
        assert np.abs(middle(theirs[:, 1:], axis=0)).max() < 1e-4
        assert np.abs(middle(ours[:, 1:], axis=0)).max() <= (1e-15 if penalty == "group" else 0.0)

    radius = size(ours)
    in_ball = solve(fixed.term, len(ours), radius=radius, **form)
    inside = in_ball.coef
    assert size(inside) <= radius + 1e-6
    # What the ball gains by its own inaccuracy is the multiplier times what the norm is beyond it.
    assert abs(fixed.term.value(inside) - fixed.term.value(ours)) <= 1e-6 * abs(best)
    far, bend = distance(fixed, ours, inside)
    loss = max(best - objective(inside), 1e-13 * abs(best))
    assert far <= np.sqrt(4.0 * loss / bend)
    assert abs(in_ball.multiplier - alpha) < 1e-4 * alpha


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_ball_holds_more(kind, seed):
    """The ball's maximum rises with the radius and is concave in it; its slope is the multiplier."""
    fixed = Fixed(kind, seed, 1.0)
    n_lines, reference = len(fixed.coef(fixed.params)), kind == "reference"
    small, middle, large = (solve(fixed.term, n_lines, radius=m, reference=reference) for m in (0.3, 0.6, 0.9))
    values = [fixed.term.value(own.coef) for own in (small, middle, large)]
    assert values[0] < values[1] < values[2]
    first, second = np.diff(values) / 0.3
    slack = 1e-6 * abs(values[1])
    assert small.multiplier >= first - slack >= middle.multiplier - 2.0 * slack
    assert middle.multiplier >= second - slack >= large.multiplier - 2.0 * slack
