"""Statistics are sums over rows: they do not care how the rows are cut, by whom they are added or in what order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicmoe.em.mixture import add_mixture_statistics
from classicmoe.em.source import ArraySource, Chunk
from tests.cases import ENGINE, ENGINE_CROSS, block_of, over, random_parameters

N, N_EXPERTS = 157, 3


def leaves(statistics):
    """All arrays of nested statistics, in a fixed order."""
    if statistics is None:
        return []
    if isinstance(statistics, tuple):
        return [leaf for part in statistics for leaf in leaves(part)]
    return [np.asarray(statistics)]


def setup(case, **settings):
    X, y = case.simulate(N, 1)
    weight = np.random.default_rng(2).integers(0, 4, N).astype(float)
    problem = case.problem(X, y, weight, **settings)
    return problem, random_parameters(problem, N_EXPERTS, 4)


def magnitudes(problem, params):
    """Sums of the absolute values of single rows' statistics: what rounding errors are relative to."""
    single = ArraySource(problem.source.tables, problem.source.y, problem.source.weight, chunk_rows=1)
    block, total = block_of(problem), None
    for task in single.tasks():
        for chunk in task:
            row = [np.abs(leaf) for leaf in leaves(problem.mixture.statistics(params, block.load(chunk)))]
            total = row if total is None else [a + b for a, b in zip(total, row, strict=True)]
    return total


def assert_equal_sums(a, b, size, tol=1e-12):
    for x, z, s in zip(leaves(a), leaves(b), size, strict=True):
        assert x.shape == z.shape
        assert (np.abs(x - z) <= tol * s).all()


@over(ENGINE)
def test_single_rows_add_up_to_the_whole(case):
    problem, params = setup(case)
    whole = problem.evaluate(params)
    rows = problem.source
    problem.source = problem.workers.source = ArraySource(rows.tables, rows.y, rows.weight, chunk_rows=1)
    rows = problem.evaluate(params)
    size = magnitudes(problem, params)
    assert_equal_sums(whole.statistics, rows.statistics, size)
    assert rows.objective == pytest.approx(whole.objective, rel=1e-12)


@over(ENGINE_CROSS)
def test_any_chunks_in_any_order(case):
    problem, params = setup(case)
    size, whole = magnitudes(problem, params), problem.evaluate(params)
    (task,) = problem.source.tasks()
    tables, y, weight, *_ = task[0]
    block = block_of(problem)

    @settings(max_examples=8)
    @given(cuts=st.sets(st.integers(1, N - 1), max_size=20), seed=st.integers(0, 1000), shuffle=st.booleans())
    def check(cuts, seed, shuffle):
        rows = np.random.default_rng(seed).permutation(N) if shuffle else np.arange(N)
        total = None
        for part in np.split(rows, sorted(cuts)):
            chunk = Chunk(tuple(t[part] for t in tables), y[part], weight[part])
            statistics = problem.mixture.statistics(params, block.load(chunk))
            total = statistics if total is None else add_mixture_statistics(total, statistics)
        assert_equal_sums(whole.statistics, total, size)

    check()


@over(ENGINE_CROSS)
def test_threads_change_no_bit(case):
    one, params = setup(case, chunk_rows=10)
    two, _ = setup(case, chunk_rows=10, n_workers=2)
    a, b = one.evaluate(params), two.evaluate(params)
    two.workers.close()
    assert all(x.tobytes() == z.tobytes() for x, z in zip(leaves(a.statistics), leaves(b.statistics), strict=True))
    assert a.objective == b.objective


@over(ENGINE_CROSS)
def test_weights_count_copies_in_every_statistic(case):
    X, y = case.simulate(N, 1)
    weight = np.random.default_rng(2).integers(0, 4, N)
    problem, params = setup(case)
    again = case.problem(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
    # The same scales, so that the parameters mean the same.
    again.survey = problem.survey
    again = type(again)(problem.mixture, again.source, problem.survey)
    a, b = problem.evaluate(params), again.evaluate(params)
    assert_equal_sums(a.statistics, b.statistics, magnitudes(problem, params))


@over(ENGINE)
def test_adding_does_not_touch_the_second_operand(case):
    problem, params = setup(case)
    a, b = problem.evaluate(params).statistics, problem.evaluate(params).statistics
    before = [leaf.copy() for leaf in leaves(b)]
    total = add_mixture_statistics(a, b)
    assert all(np.array_equal(x, z) for x, z in zip(leaves(b), before, strict=True))
    assert all(np.allclose(x, 2.0 * z, rtol=1e-15) for x, z in zip(leaves(total), before, strict=True))
