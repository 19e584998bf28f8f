"""Starting values: every kind works on any data, is reproducible, and does not see order, copies or units."""

import numpy as np
import pytest

from classicmoe.em.sample import draw_sample
from classicmoe.em.starts import PARAMETERS, PARTITIONS, ROTATION, from_responsibilities, make_start, neutral_start
from classicmoe.experts import MixedExpert
from tests.cases import CASES, CROSS, ENGINE_CROSS, INNER, gaussian_only, largest_difference, over

KINDS = (PARAMETERS, *PARTITIONS)
CASE = CASES["softmax / gaussian"]


def start(case, X, y, weight=None, n_experts=3, number=0, kind="auto", seed=0):
    problem = case.problem(X, y, weight)
    sample = draw_sample(problem.source, problem.survey, problem.mixture.expert)
    small = type(problem)(problem.mixture, sample.source, problem.survey)
    made = make_start(small, sample, n_experts, number, np.random.default_rng(seed), kind)
    return problem, made


def packed(case, *data, **settings):
    problem, made = start(case, *data, **settings)
    return problem.mixture.pack(made.params)


def test_the_rotation_holds_every_kind():
    assert set(ROTATION) == set(KINDS)


@over(ENGINE_CROSS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_experts_that_differ(case, kind):
    X, y = case.simulate(100, 0)
    for number in range(2):
        problem, made = start(case, X, y, number=number, kind=kind)
        vector = problem.mixture.pack(made.params)
        assert np.isfinite(vector).all() and made.kind == kind
        assert np.isfinite(problem.evaluate(made.params).objective)
        experts = problem.mixture.expert.sort_keys(made.params.expert).T
        if getattr(problem.mixture.expert, "classifies", False):
            # Two patches of one class: experts that are alike and asked in different regions.
            experts = np.hstack([experts, made.params.gate.coef])
        assert min(np.abs(experts[i] - experts[j]).max() for i, j in ((0, 1), (0, 2), (1, 2))) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_experts", (1, 2, 4))
def test_every_kind_works_on_awkward_rows(kind, n_experts):
    rng = np.random.default_rng(0)
    few = rng.normal(size=(9, 2)), rng.normal(size=9)
    ties = rng.integers(2, size=(40, 2)).astype(float), rng.integers(3, size=40).astype(float)
    heavy = rng.normal(size=(30, 1)), rng.normal(size=30), np.r_[1000.0, np.ones(29)]
    for data in (few, ties, heavy):
        for number in range(6):
            problem, made = start(CASE, *data, n_experts=n_experts, number=number, kind=kind)
            assert np.isfinite(problem.evaluate(made.params).objective)


@pytest.mark.parametrize("kind", ("auto", *KINDS))
def test_a_weight_of_k_equals_k_copies_in_any_order(kind):
    rng = np.random.default_rng(3)
    X, y = CASE.simulate(120, 1)
    weight = rng.integers(0, 4, 120)
    copies = np.repeat(np.arange(120), weight)
    rng.shuffle(copies)
    for number in range(len(ROTATION) if kind == "auto" else 3):
        settings = {"kind": kind, "number": number, "seed": number}
        a = packed(CASE, X, y, weight.astype(float), **settings)
        b = packed(CASE, X[copies], y[copies], **settings)
        assert largest_difference(a, b) < 1e-9, number


@pytest.mark.parametrize("kind", ("hyperplane", "residuals", "segments"))
def test_stretches_are_of_equal_weight(kind):
    X, y = CASE.simulate(200, 1)
    weight = np.r_[np.full(20, 30.0), np.ones(180)]
    problem = CASE.problem(X, y, weight)
    sample = draw_sample(problem.source, problem.survey, problem.mixture.expert)
    for turn in range(3 if kind != "segments" else 1):
        resp = PARTITIONS[kind](sample, 3, np.random.default_rng(0), turn)
        assert set(np.unique(resp)) == {0.0, 1.0} and (resp.sum(axis=0) == 1.0).all()
        assert np.abs(resp @ sample.weight - 260.0).max() <= 30.0


@pytest.mark.parametrize("kind", KINDS)
def test_units_do_not_matter(kind):
    X, y = CASE.simulate(120, 1)
    a = packed(CASE, X, y, kind=kind, number=2)
    b = packed(CASE, X * [1e-3, 1e5] + [1e4, -7.0], 3.0 * y + 50.0, kind=kind, number=2)
    assert largest_difference(a, b) < 1e-6


def test_a_seed_decides_everything():
    X, y = CASE.simulate(120, 1)
    for number in range(len(ROTATION)):
        a, b = (packed(CASE, X, y, number=number, seed=5) for _ in range(2))
        assert a.tobytes() == b.tobytes()
    a, b = (packed(CASE, X, y, kind="hyperplane", seed=seed) for seed in (5, 6))
    assert largest_difference(a, b) > 1e-3


@over(gaussian_only(CROSS))
def test_given_responsibilities_are_one_update_from_the_pooled_fit(case):
    X, y = case.simulate(80, 4)
    problem = case.problem(X, y)
    resp = np.random.default_rng(0).dirichlet(np.ones(2), 80).T
    params = from_responsibilities(problem, resp, smooth=0.0)
    design = np.column_stack(
        [np.ones(80), (X - problem.survey.expert_design.center) / problem.survey.expert_design.scale]
    )
    z = (y.reshape(80, -1) - problem.survey.response.center) / problem.survey.response.scale
    for k in range(2):
        root = np.sqrt(resp[k])[:, None]
        coef = np.linalg.lstsq(root * design, root * z, rcond=None)[0].T
        assert np.allclose(params.expert.coef[k], coef, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", PARTITIONS)
@pytest.mark.parametrize("columns", (None, []))
def test_missing_entries_are_taken_as_the_mean(kind, columns):
    X, y = INNER["constant / diagonal 4 missing"].simulate(120, 3)
    y[7], y[:110, 2] = np.nan, np.nan  # a row without response, a column almost without
    problem = INNER["constant / diagonal 4 missing"].problem(X, y, gate_columns=columns, expert_columns=columns)
    sample, filled = (draw_sample(problem.source, problem.survey, problem.mixture.expert) for _ in range(2))
    filled.block.y[np.isnan(filled.block.y)] = 0.0
    assert np.isnan(sample.block.y).sum() == np.isnan(y).sum()
    for turn in range(3):
        a, b = (PARTITIONS[kind](rows, 3, np.random.default_rng(turn), turn) for rows in (sample, filled))
        assert np.array_equal(a, b) and np.isfinite(a).all()


# Blocks are given expert by expert: those are not alike.
@over({name: case for name, case in ENGINE_CROSS.items() if "blocks" not in name})
def test_the_neutral_start_treats_experts_alike(case):
    if isinstance(case.expert, MixedExpert):
        pytest.skip("different families are not alike")
    X, y = case.simulate(80, 4)
    problem = case.problem(X, y)
    params = neutral_start(problem, 3)
    triple = problem.evaluate(params)
    assert np.allclose(triple.mass, 80 / 3, rtol=1e-12)
    one = problem.evaluate(neutral_start(problem, 1))
    assert triple.objective == pytest.approx(one.objective, rel=1e-12)
