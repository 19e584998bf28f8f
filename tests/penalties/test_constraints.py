"""Constraints: what they say in the user's units, steps within them against a conic solver, contradictions."""

import numpy as np
import pytest
from scipy.optimize import nnls

from classicmoe.contracts import Design
from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.penalties import (
    L1,
    Bounds,
    ElasticNet,
    Increasing,
    Limits,
    Linear,
    Majoriser,
    Ordered,
    Sign,
    Sum,
    check_constraints,
    need_cvxpy,
    resolve,
)
from classicmoe.penalties import _program as program
from classicmoe.penalties._active_set import maximise_within, nearest, shortest
from classicmoe.penalties._limits import coupled
from classicmoe.penalties.constraints import KINDS, conic, from_state

NAMES = ["age", "school[2]", "school[3]", "flat", "income"]
CENTER, SCALE = np.array([40.0, 0.3, -2.0, 5.0]), np.array([12.0, 0.5, 3.0, 0.01])
DESIGN = Design(0, np.array([0, 1, 2, 4]), CENTER, SCALE, np.array([0, 1, 2, 4]), 5)  # the flat column was left out
UNIT = (7.0, 3.0)  # center and scale of the response
K = 3


def resolved(*constraints, side="expert", **options):
    settings = {"experts": range(K), "design": DESIGN, "held": np.zeros((K, 5), dtype=bool), "unit": UNIT} | options
    return resolve(constraints, side, NAMES, **settings)


def in_users_units(coef):
    """Slopes and intercepts as they are published."""
    raw = DESIGN.to_raw(coef) * UNIT[1]
    return raw[:, 1:], raw[:, 0] + UNIT[0]


SAID = {
    "sign": (Sign("age"), lambda b, a: b[:, 0].min()),
    "negative": (Sign("age", "-"), lambda b, a: -b[:, 0].max()),
    "by position": (Sign(-1, expert=1), lambda b, a: b[1, 4]),
    "all levels": (Sign("school"), lambda b, a: b[:, 1:3].min()),
    "intercept": (Sign("(intercept)"), lambda b, a: a.min()),
    "bounds": (Bounds("income", -4.0, 6.0), lambda b, a: min(b[:, 4].min() + 4.0, 6.0 - b[:, 4].max())),
    "upper": (Bounds("income", upper=6.0, expert=2), lambda b, a: 6.0 - b[2, 4]),
    "sum": (Sum(["age", "income"], lower=1.0), lambda b, a: (b[:, 0] + b[:, 4]).min() - 1.0),
    "equation": (Sum(["age", "income"], equals=1.0), lambda b, a: -np.abs(b[:, 0] + b[:, 4] - 1.0).max()),
    "increasing": (Increasing(["age", 1, "school[3]"]), lambda b, a: np.diff(b[:, :3], axis=1).min()),
    "factor": (
        Increasing("school", from_zero=True),
        lambda b, a: min(b[:, 1].min(), (b[:, 2] - b[:, 1]).min()),
    ),
    "ordered": (Ordered("age"), lambda b, a: np.diff(b[:, 0]).min()),
    "turned": (Ordered("age", experts=(2, 0)), lambda b, a: b[0, 0] - b[2, 0]),
    "linear": (
        Linear([(2.0, "age", 0), (-1.0, "income", 2), (0.5, "(intercept)", 1)], upper=3.0),
        lambda b, a: 3.0 - (2.0 * b[0, 0] - b[2, 4] + 0.5 * a[1]),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_constraints_mean_what_they_say_in_the_users_units(case, seed):
    constraint, margin = SAID[case]
    limits, rng = resolved(constraint), np.random.default_rng(seed)
    assert np.allclose(np.square(limits.rows).sum(axis=(1, 2)), 1.0, rtol=1e-14, atol=0.0)
    held = set()
    for _ in range(60):
        coef = rng.normal(size=(K, 5)) * [1.0, 3.0, 0.5, 3.0, 0.02]
        if rng.random() < 0.5:
            coef = nearest(limits, Majoriser(np.zeros((K, 5)), np.zeros((K, 5))), coef)
        left = margin(*in_users_units(coef))
        if abs(left) > 1e-5:  # not at the limit itself, where rounding decides
            assert limits.hold(coef) == (left > 0.0)
        if limits.hold(coef):
            assert left > -1e-8 * (1.0 + np.abs(in_users_units(coef)[0]).max())
        held.add(limits.hold(coef))
    assert held == {True, False}


def test_only_the_columns_in_constraints_are_required():
    assert resolved(Sign("age"), Bounds("income", 0.0, 1.0)).required.tolist() == [0, 3]
    assert resolved(Sign("flat")).required.tolist() == []  # its coefficient is zero, which has that sign
    assert resolved(Sign("(intercept)")).required.tolist() == [0, 1, 2, 3]  # all are centred
    limits = resolved(Sign("age"), Sum(["school[2]", "income"], equals=1.0))
    kept = limits.restricted(np.array([0, 1]))
    assert kept.rows.shape == (K, K, 3) and not kept.exact.any()
    assert resolved(Sign("age"), side="gate").rows.shape == (0, K, 5)  # it is about the experts


def test_which_lines_are_coupled():
    told = [(lines.tolist(), rows.tolist()) for lines, rows in coupled(resolved(Ordered("age", experts=(0, 2))))]
    assert told == [([0, 2], [0]), ([1], [])]
    told = [(lines.tolist(), rows.tolist()) for lines, rows in coupled(resolved(Sign("age")))]
    assert told == [([0], [0]), ([1], [1]), ([2], [2])]


def test_degrees_of_freedom_that_binding_constraints_take():
    limits = resolved(Sum(["age", "income"], equals=0.0), Sign("school[2]"), Increasing("school"), unit=(0.0, 1.0))
    coef = np.zeros((K, 5))
    assert limits.hold(coef) and limits.rank(coef) == 0  # coefficients that are zero are not counted anyway
    coef[0, [1, 4]] = 12.0, -0.01  # minus each other in the user's units
    coef[1, [2, 3]] = 0.5, 3.0  # one number for two levels
    assert limits.hold(coef) and limits.rank(coef) == 2


# -- steps ------------------------------------------------------------------------------------------------------------


def random_limits(rng, n_lines, width, n_rows, couple):
    """Constraints that a random sparse point meets, some of them just so."""
    rows, bound, exact = [], [], []
    coef = rng.normal(size=(n_lines, width)) * (rng.random((n_lines, width)) < 0.5)
    for _ in range(n_rows):
        row = np.zeros((n_lines, width))
        lines = rng.choice(n_lines, min(2, n_lines), replace=False) if couple else [rng.integers(n_lines)]
        for line in lines:
            row[line, rng.choice(np.arange(1, width), rng.integers(1, 4), replace=False)] = rng.choice([-1.0, 1.0])
        rows.append(row / np.linalg.norm(row))
        exact.append(rng.random() < 0.2)
        slack = 0.0 if exact[-1] or rng.random() < 0.5 else rng.random()
        bound.append((rows[-1] * coef).sum() + slack)
    return Limits(np.array(rows), np.array(bound), np.array(exact)), coef


def quadratic(rng, kind, coef):
    """Hessian, or its blocks, and the gradient at ``coef``."""
    n_lines, width = coef.shape
    x = np.column_stack([np.ones(80), rng.normal(size=(80, width - 1)) + 0.7 * rng.normal(size=(80, 1))])
    if kind == "blocks":
        weights, y = rng.random((n_lines, 80)), 3.0 * rng.normal(size=(n_lines, width)) @ x.T
        return np.einsum("kn,ni,nj->kij", weights, x, x), ((y - coef @ x.T) * weights) @ x
    prob = np.exp(x @ coef.T)
    prob /= prob.sum(axis=1, keepdims=True)
    bend = prob[:, :, None] * (np.eye(n_lines) - prob[:, None, :])
    size = n_lines * width
    return np.einsum("nab,ni,nj->aibj", bend, x, x).reshape(size, size), (
        rng.dirichlet([0.5] * n_lines, 80) - prob
    ).T @ x


def dense(hessian):
    if hessian.ndim == 2:
        return hessian
    n_lines, width, _ = hessian.shape
    out = np.zeros((n_lines, width, n_lines, width))
    out[np.arange(n_lines), :, np.arange(n_lines)] = hessian
    return out.reshape(n_lines * width, -1)


def problems(seed, n=20):
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        kind, width = ("blocks", "softmax")[number % 2], int(rng.integers(4, 9))
        limits, start = random_limits(rng, K, width, int(rng.integers(1, 7)), couple=number % 3 == 0)
        hessian, gradient = quadratic(rng, kind, start)
        alpha = rng.choice([0.02, 0.1, 0.4]) * np.abs(gradient).max()
        penalty = L1(alpha) if number % 5 else ElasticNet(alpha, 0.5)
        yield limits, penalty, hessian, gradient, start


def reached(hessian, gradient, start, penalty, coef):
    change = (coef - start).ravel()
    return gradient.ravel() @ change - 0.5 * change @ dense(hessian) @ change - penalty.value(coef)


def test_steps_end_where_those_of_a_conic_solver_do(seed):
    binding = 0
    for limits, penalty, hessian, gradient, start in problems(seed):
        made = penalty.majoriser(start)
        ours = maximise_within(limits, made, hessian, gradient, start, 1e-12)
        bent, n = dense(hessian) + np.diag(made.ridge.ravel()), start.size
        slope = gradient.ravel() + dense(hessian) @ start.ravel()
        theirs, _ = conic(bent, slope, made.threshold.ravel(), limits.rows.reshape(-1, n), limits.bound, limits.exact)
        best = reached(hessian, gradient, start, penalty, ours)
        # Theirs may gain a little by what it is beyond the limits: its accuracy is 1e-8 of the terms.
        assert best >= reached(hessian, gradient, start, penalty, theirs.reshape(start.shape)) - 1e-6 * (
            1.0 + abs(best)
        )
        assert best >= reached(hessian, gradient, start, penalty, start) - 1e-12 * (1.0 + abs(best))
        slack = limits.slack(ours)
        assert slack.min() > -1e-12 and np.abs(slack[limits.exact]).max(initial=0.0) < 1e-12
        left = gradient - (dense(hessian) @ (ours - start).ravel()).reshape(start.shape)
        assert np.abs(shortest(limits, made, left, ours)).max() < 1e-9 * np.abs(slope).max()
        binding += int((limits.active(ours) & ~limits.exact).sum())
    assert binding > 10


def test_a_pattern_that_only_the_conic_solver_finds(seed, monkeypatch):
    newton, asked = program.Program.newton, []
    monkeypatch.setattr(program, "CLIMBS", 0)
    monkeypatch.setattr(program, "conic", lambda *own: asked.append(1) or conic(*own))
    lost = lambda self, x, *rest: newton(self, x, *rest) if asked else (x, np.inf)  # noqa: E731
    for limits, penalty, hessian, gradient, start in problems(seed, 8):
        asked.clear()
        monkeypatch.setattr(program.Program, "newton", newton)
        best = maximise_within(limits, penalty.majoriser(start), hessian, gradient, start, 1e-12)
        if not asked:
            monkeypatch.setattr(program.Program, "newton", lost)
        found = maximise_within(limits, penalty.majoriser(start), hessian, gradient, start, 1e-12)
        assert asked and limits.hold(found)
        value = reached(hessian, gradient, start, penalty, found)
        assert abs(value - reached(hessian, gradient, start, penalty, best)) < 1e-10 * (1.0 + abs(value))


def test_the_shortest_subgradient_is_the_steepest_way_within_the_limits(seed):
    rng = np.random.default_rng(seed)
    for limits, penalty, _, gradient, start in problems(seed, 9):
        made = penalty.majoriser(start)
        uphill = shortest(limits, made, gradient, start)
        length, binding = np.linalg.norm(uphill), limits.rows[limits.active(start)]
        exact = limits.exact[limits.active(start)]

        def rise(step, start=start, gradient=gradient, penalty=penalty):
            step = step / np.linalg.norm(step)
            return (gradient * step).sum() - (penalty.value(start + 1e-7 * step) - penalty.value(start)) / 1e-7

        ahead = np.tensordot(binding, uphill, 2)
        assert ahead.max(initial=0.0) < 1e-9 * length and np.abs(ahead[exact]).max(initial=0.0) < 1e-9 * length
        assert abs(rise(uphill) - length) < 1e-5 * (1.0 + length)
        cone, free = Limits(binding, np.zeros(len(binding)), exact), Majoriser(0.0 * start, 0.0 * start)
        for _ in range(20):
            step = nearest(cone, free, rng.normal(size=start.shape))
            assert rise(step) < length + 1e-5 * (1.0 + length)


def test_least_squares_without_negative_coefficients(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    columns = np.column_stack([np.zeros(40), x])
    rows = -np.eye(7)[1:, None]
    gram = columns.T @ columns
    gram[0, 0] = 1.0
    free = Majoriser(np.zeros((1, 7)), np.zeros((1, 7)))
    limits = Limits(rows, np.zeros(6), np.zeros(6, dtype=bool))
    ours = maximise_within(limits, free, gram[None], (columns.T @ y)[None], np.zeros((1, 7)), 1e-12)
    theirs, _ = nnls(x, y)
    assert np.allclose(ours[0, 1:], theirs, rtol=1e-9, atol=1e-12)
    assert np.array_equal(ours[0, 1:] == 0.0, theirs == 0.0) and (theirs == 0.0).any()


def test_coefficients_that_are_held_or_stay(seed):
    rng = np.random.default_rng(seed)
    limits, start = random_limits(rng, 1, 6, 0, False), rng.normal(size=(1, 6))
    limits = Limits(np.array([[[0.0, 1.0, 1.0, 1.0, 0.0, 0.0]]]), np.array([start[0, 1:4].sum()]), np.array([True]))
    hessian, gradient = quadratic(rng, "blocks", start)
    made = L1(0.1, weights=[np.inf, 1.0, 1.0, 1.0, 1.0]).majoriser(start)
    fixed = np.array([[False, False, False, False, True, False]])
    ours = maximise_within(limits, made, hessian, gradient, start, 1e-12, fixed)
    assert ours[0, 1] == 0.0 and ours[0, 4] == start[0, 4]
    assert abs(limits.slack(ours)[0]) < 1e-12


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(*constraints, **options):
    with pytest.raises(ConfigurationError) as told:
        resolved(*constraints, **options)
    return str(told.value)


def test_a_message_names_the_fewest_constraints_that_contradict_each_other():
    harmless = [Sign("school"), Bounds("age", upper=9.0), Ordered("income")]
    told = refused(*harmless, Sum(["age", "income"], equals=1.0), Sign("age", "-"), Bounds("income", upper=0.5))
    for own in ("Sum(['age', 'income'], equals=1.0)", "Sign('age', sign='-')", "Bounds('income', upper=0.5)"):
        assert own in told
    assert "one of these 3" in told and "school" not in told and "9.0" not in told and "Ordered" not in told
    told = refused(Ordered("age"), Sign("income"), Bounds("age", 1.0, expert=0), Bounds("age", 0.0, 0.5, expert=2))
    assert "one of these 3" in told and "Ordered('age')" in told and "income" not in told


def test_a_constraint_on_what_is_zero_anyway():
    assert "Bounds('flat', lower=1.0) cannot hold" in refused(Bounds("flat", lower=1.0))
    held = np.zeros((K, 5), dtype=bool)
    held[-1] = True
    told = refused(Bounds("age", lower=1.0, side="gate"), side="gate", held=held, unit=(0.0, 1.0))
    assert "reference" in told
    resolved(Bounds("age", lower=1.0, side="gate"), side="gate", held=held, unit=(0.0, 1.0), experts=range(K - 1))


def test_a_symmetric_gate_knows_differences_only():
    symmetric = {"side": "gate", "unit": (0.0, 1.0), "differences_only": True}
    told = refused(Sign("age", side="gate"), **symmetric)
    assert "Sign('age', side='gate')" in told and 'gate_form="reference"' in told
    limits = resolved(
        Linear([(1.0, "age", 0), (-0.5, "age", 1), (-0.5, "age", 2)], lower=1.0, side="gate"), **symmetric
    )
    assert np.allclose(limits.rows.sum(axis=1), 0.0, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (Sign("agee"), "the experts see no column 'agee'. Did you mean 'age'?"),
        (Sum(["age", 5], equals=1.0), "there is no column 5: the experts see 5 columns, counted from 0"),
        (Sign("x0", side="gate"), "the gate sees no column 'x0'"),
    ],
)
def test_a_column_that_is_not_there(constraint, told):
    with pytest.raises(ColumnError, match="constraints: ") as error:
        resolved(constraint, side=constraint.side)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("age", "must be a list of constraints"),
        ([Sign("age"), "age"], "holds 'age', which is no constraint"),
        (Sign("age", "plus"), "sign must be '+' or '-', not 'plus'"),
        (Sign("age", side="left"), "side must be 'gate' or 'expert'"),
        (Sign("age", expert=2), "there is no expert 2: n_experts=2"),
        (Ordered("age", experts=(0, -1)), "there is no expert -1"),
        (Linear([(1.0, "age", 7)], equals=1.0), "there is no expert 7"),
        (Bounds("age"), "lower or upper must be given"),
        (Bounds("age", 2.0, 1.0), "lower must not be above upper"),
        (Bounds("age", "a"), "must be numbers"),
        (Sum(["age"], equals=1.0, upper=2.0), "equals goes without lower and upper"),
        (Sum(["age"], equals=np.nan), "equals must be a number"),
        (Sum(["age"], lower=np.nan), "lower must not be above upper"),
    ],
)
def test_wrong_arguments_are_told(wrong, told):
    with pytest.raises(ConfigurationError, match="constraints") as error:
        check_constraints(wrong, 2)
    assert told in str(error.value)


def test_one_constraint_or_none():
    assert check_constraints(None, 2) == ()
    assert check_constraints(Sign("age"), 2) == (Sign("age"),)


def test_without_cvxpy(monkeypatch):
    need_cvxpy()
    monkeypatch.setattr("classicmoe.penalties.constraints.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "classicmoe\[constraints\]"'):
        need_cvxpy()


@pytest.mark.parametrize("case", SAID)
def test_constraints_as_json(case):
    constraint, _ = SAID[case]
    again = from_state(constraint.to_state())
    assert repr(again).replace("[", "(").replace("]", ")") == repr(constraint).replace("[", "(").replace("]", ")")
    assert KINDS[type(constraint).__name__] is type(constraint)
