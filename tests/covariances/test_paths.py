"""Whole climbs with every structure, from many starts, with and without missing entries of the response."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from classicmoe.covariances import Block, Dense, Diagonal, Factor
from classicmoe.em.acceleration import ACCELERATORS
from classicmoe.em.degenerate import collapsed
from classicmoe.em.loop import Climb, Control
from classicmoe.em.multistart import MultiStart
from classicmoe.em.sample import draw_sample
from classicmoe.em.starts import PARTITIONS, make_start
from classicmoe.em.status import Status
from classicmoe.gates import ConstantGate, GaussianGate, SoftmaxGate
from tests.cases import StructuredExpert, block_of, case_of, largest_difference, random_parameters, several
from tests.em.test_monotone import assert_never_falls
from tests.em.test_scores import richardson

DIAGONAL = st.builds(Diagonal, st.sampled_from(("own", "shared")), st.booleans())
FACTOR = st.builds(Factor, st.integers(1, 2), st.sampled_from(("own", "shared")), st.booleans())
OTHERS = st.one_of(FACTOR, st.builds(Dense, st.sampled_from(("own", "shared"))), st.just("block"))
GATES = st.sampled_from((ConstantGate(), SoftmaxGate(), GaussianGate(), GaussianGate("diag", "shared")))


def gaps(q, n, seed, share=0.3):
    """Columns and responses with a share missing, one row without any, one output with six entries left at least.

    Fewer can be no response at all: models refuse or leave out what does not vary.
    """
    X, complete = several(q)(n, seed)
    y, rng = complete.copy(), np.random.default_rng(seed)
    y[rng.random(y.shape) < share] = np.nan
    if share:
        y[rng.integers(n)] = np.nan
        shuffled = rng.permutation(n)
        y[shuffled[: int(0.9 * n)], 0] = np.nan
        y[shuffled[-6:], 0] = complete[shuffled[-6:], 0]
    return X, y


def start_all(case, X, y, weight=None, *, n_experts=2, n_init=4, seed=0, control=None, **settings):
    """The problem and the fit from several starts."""
    problem = case.problem(X, y, weight)
    sample = draw_sample(problem.source, problem.survey, problem.mixture.expert)
    control = control or Control(max_iter=60)
    starts = MultiStart(problem.mixture, problem.source, problem.survey, sample, n_experts, control, **settings)
    return problem, starts.run(np.random.SeedSequence(seed).spawn(n_init))


def assert_all_rise(problem, fit, n_experts):
    for run in fit.runs:
        assert_never_falls(run.path)
        assert not run.path or run.path[-1] == run.objective
        if run.triple is not None and n_experts > 1:
            # Nothing ends below the floor; what ends at it has collapsed and is said to.
            covariances = problem.mixture.expert.covariances(run.triple.params.expert)
            assert np.linalg.eigvalsh(covariances).min() > (1.0 - 1e-6) * problem.ground.floor
            assert not (run.finished and problem.at_floor(run.triple))
    assert np.isfinite(fit.best.objective)


@settings(max_examples=40)
@given(
    structure=DIAGONAL,
    gate=GATES,
    q=st.integers(1, 5),
    n=st.integers(40, 120),
    n_experts=st.integers(1, 3),
    share=st.sampled_from((0.0, 0.3, 0.6)),
    weighted=st.booleans(),
    acceleration=st.sampled_from(tuple(ACCELERATORS)),
    seed=st.integers(0, 10**6),
)
def test_paths_with_missing_entries_rise(structure, gate, q, n, n_experts, share, weighted, acceleration, seed):
    X, y = gaps(q, n, seed, share)
    weight = np.random.default_rng(seed).integers(0, 4, n).astype(float) if weighted else None
    case = case_of(gate, StructuredExpert(structure))
    control = Control(max_iter=60, acceleration=acceleration)
    problem, fit = start_all(case, X, y, weight, n_experts=n_experts, seed=seed, control=control)
    assert_all_rise(problem, fit, n_experts)
    again = problem.evaluate(fit.best.triple.params)
    assert again.objective == pytest.approx(fit.best.objective, rel=1e-12)


@settings(max_examples=40)
@given(
    structure=OTHERS,
    gate=GATES,
    q=st.integers(1, 5),
    n=st.integers(40, 120),
    n_experts=st.integers(1, 3),
    acceleration=st.sampled_from(tuple(ACCELERATORS)),
    ties=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_paths_of_all_structures_rise(structure, gate, q, n, n_experts, acceleration, ties, seed):
    if structure == "block":
        structure = Block(np.random.default_rng(seed).integers(0, 3, (n_experts, q)))
    X, y = several(q)(n, seed)
    if ties:  # experts of equal responses collapse
        y[: n // 3, 0] = 1.0
        y, X = np.round(y), np.round(X)
    control = Control(max_iter=60, acceleration=acceleration)
    case = case_of(gate, StructuredExpert(structure))
    assert_all_rise(*start_all(case, X, y, n_experts=n_experts, seed=seed, control=control), n_experts)


# -- missing entries ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", (2, 3, 5))
@pytest.mark.parametrize("structure", (Diagonal(), Diagonal("shared"), Diagonal("own", True), Diagonal("shared", True)))
def test_log_density_is_that_of_the_entries_that_are_there(structure, q):
    patterns = np.array([[(i >> j) & 1 for j in range(q)] for i in range(2**q)], dtype=bool)
    X, y = several(q)(2**q, 1)
    y[patterns] = np.nan  # every pattern once, from none to all
    problem = case_of(ConstantGate(), StructuredExpert(structure)).problem(X, y)
    params = random_parameters(problem, 3, 2).expert
    expert, block = problem.mixture.expert, block_of(problem)
    out, means = expert.log_density(params, block), expert.mean(params, block)
    for k, covariance in enumerate(expert.covariances(params)):
        for i, missing in enumerate(patterns):
            there = ~missing
            expected = 0.0
            if there.any():
                law = multivariate_normal(means[k, there, i], covariance[np.ix_(there, there)])
                expected = law.logpdf(block.y[there, i])
            assert out[k, i] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("q", (2, 5))
@pytest.mark.parametrize("share", (0.0, 0.4))
def test_statistics_are_the_expected_sums(q, share):
    X, y = gaps(q, 80, 3, share)
    problem = case_of(ConstantGate(), StructuredExpert(Diagonal())).problem(X, y)
    params = random_parameters(problem, 3, 2).expert
    expert, block = problem.mixture.expert, block_of(problem)
    resp = np.random.default_rng(0).dirichlet(np.ones(3), 80).T.copy()
    sums = expert.statistics(params, block, resp)
    error = block.y - expert.mean(params, block)
    assert np.isnan(error).any() == (share > 0)
    squares = np.where(np.isnan(error), params.noise.variance[..., None], error**2)
    expected = np.nan_to_num(error)
    assert np.allclose(sums.noise.squares, np.einsum("kn,kqn->kq", resp, squares), rtol=1e-13)
    gradient = np.einsum("kn,kqn,pn->kqp", resp, expected, block.expert_columns)
    size = np.einsum("kn,kqn,pn->kqp", resp, np.abs(expected), np.abs(block.expert_columns))
    assert (np.abs(sums.gradient - gradient) <= 1e-13 * size).all()
    assert np.allclose(sums.mass, resp.sum(axis=1), rtol=1e-14)


@pytest.mark.parametrize("gate", (ConstantGate(), GaussianGate()), ids=str)
@pytest.mark.parametrize("structure", (Diagonal(), Diagonal("shared", True)), ids=str)
def test_derivatives_with_missing_entries(gate, structure):
    X, y = gaps(4, 60, 7)
    problem = case_of(gate, StructuredExpert(structure)).problem(X, y)
    mixture, params = problem.mixture, random_parameters(problem, 2, 7)
    vector, score = mixture.pack(params), mixture.score(params, problem.evaluate(params).statistics)
    rows = mixture.scores(params, block_of(problem))

    def objective(v):
        return problem.evaluate(mixture.unpack(v, params)).objective

    differences = np.array([richardson(objective, vector, j) for j in range(len(vector))])
    scale = np.abs(score) + np.sqrt(np.mean(score**2))
    assert np.max(np.abs(score - differences) / scale) < 1e-6
    assert np.max(np.abs(rows.sum(axis=0) - score) / np.abs(rows).sum(axis=0)) < 1e-12
    empty = np.isnan(y).all(axis=1)
    assert empty.any() and (rows[empty][:, mixture.gate.n_free(params.gate) :] == 0.0).all()


@pytest.mark.parametrize("gate", (ConstantGate(), SoftmaxGate(), GaussianGate()), ids=str)
def test_a_row_without_response_is_shared_as_the_gate_says(gate):
    X, y = gaps(3, 80, 2)
    problem = case_of(gate, StructuredExpert(Diagonal())).problem(
        X, y, gate_columns=[] if gate.name == "constant" else None
    )
    params, block = random_parameters(problem, 2, 1), block_of(problem)
    resp = problem.mixture.e_step(params, block)[0]
    prior = np.exp(problem.mixture.gate_given_x(params, block)[0])
    empty = np.isnan(y).all(axis=1)
    assert np.allclose(resp[:, empty], prior[:, empty], rtol=1e-12)
    assert not np.allclose(resp[:, ~empty], prior[:, ~empty], rtol=1e-3)


@pytest.mark.parametrize("structure", (Diagonal(), Diagonal("shared"), Diagonal("own", True)), ids=str)
def test_a_general_optimiser_finds_nothing_better(structure):
    X, y = gaps(3, 200, 1)
    case = case_of(ConstantGate(), StructuredExpert(structure))
    control = Control(tol=1e-14, max_iter=20_000)
    problem, fit = start_all(case, X, y, control=control)
    assert fit.best.status is Status.CONVERGED
    mixture, params = problem.mixture, fit.best.triple.params

    def objective(vector):
        triple = problem.evaluate(mixture.unpack(vector, params))
        return -triple.objective, -mixture.score(triple.params, triple.statistics)

    vector = mixture.pack(params)
    assert np.abs(objective(vector)[1]).max() < 1e-5 * problem.ground.weight
    found = minimize(objective, vector, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 500})
    assert fit.best.objective + found.fun > -1e-7


@pytest.mark.parametrize("kind", ("auto", *PARTITIONS))
def test_a_weight_of_k_equals_k_copies(kind):
    X, y = gaps(3, 90, 4)
    rng = np.random.default_rng(5)
    weight = rng.integers(0, 4, 90)
    copies = rng.permutation(np.repeat(np.arange(90), weight))
    case = case_of(ConstantGate(), StructuredExpert(Diagonal()))
    for number in range(13 if kind == "auto" else 3):
        packed = []
        for data in ((X, y, weight.astype(float)), (X[copies], y[copies])):
            problem = case.problem(*data)
            sample = draw_sample(problem.source, problem.survey, problem.mixture.expert)
            small = type(problem)(problem.mixture, sample.source, problem.survey)
            made = make_start(small, sample, 3, number, np.random.default_rng(number), kind)
            packed.append(problem.mixture.pack(made.params))
        assert largest_difference(*packed) < 1e-9


def test_a_collapsed_expert_is_seeded_anew():
    X, y = gaps(3, 100, 6)
    case = case_of(ConstantGate(), StructuredExpert(Diagonal()))
    problem = case.problem(X, y)
    sample = draw_sample(problem.source, problem.survey, problem.mixture.expert)
    starts = MultiStart(problem.mixture, problem.source, problem.survey, sample, 2, Control(max_iter=60))
    params = random_parameters(problem, 2, 0)
    coef = params.expert.coef.copy()
    coef[1, :, 0] += 1000.0
    outcome = Climb(problem, Control()).run(problem.evaluate(params._replace(expert=params.expert._replace(coef=coef))))
    assert outcome.status is Status.DEGENERATE
    again = problem.evaluate(starts._reseed(outcome))
    assert np.isfinite(again.objective)
    assert not collapsed(problem.mixture, again.params, again.mass, problem.ground).any()
