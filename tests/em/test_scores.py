"""Derivatives: analytic against central differences of the objective, which is itself checked against SciPy."""

import numpy as np
import pytest

from tests import reference
from tests.cases import ENGINE, ENGINE_CROSS, block_of, gaussian_only, over, random_parameters

N_EXPERTS = 3


def setup(case, n=60, n_experts=N_EXPERTS):
    X, y = case.simulate(n, 3)
    weight = np.random.default_rng(5).integers(0, 4, n).astype(float)
    problem = case.problem(X, y, weight)
    return problem, random_parameters(problem, n_experts, 7), weight


def richardson(f, vector, j, h=2e-3):
    """Central difference with its leading error removed twice; error about h^6, rounding about 1e-16 |f| / h."""

    def central(step):
        forward, backward = vector.copy(), vector.copy()
        forward[j] += step
        backward[j] -= step
        return (f(forward) - f(backward)) / (2.0 * step)

    d = [central(h), central(h / 2.0), central(h / 4.0)]
    first = [(4.0 * d[1] - d[0]) / 3.0, (4.0 * d[2] - d[1]) / 3.0]
    return (16.0 * first[1] - first[0]) / 15.0


def assert_score_is_the_derivative(problem, params):
    mixture = problem.mixture
    vector = mixture.pack(params)
    score = mixture.score(params, problem.evaluate(params).statistics)
    assert len(score) == len(vector) == mixture.n_free(params)

    def objective(v):
        return problem.evaluate(mixture.unpack(v, params)).objective

    differences = np.array([richardson(objective, vector, j) for j in range(len(vector))])
    # Relative to the typical derivative: single entries may vanish.
    scale = np.abs(score) + np.sqrt(np.mean(score**2))
    assert np.max(np.abs(score - differences) / scale) < 1e-6


@over(ENGINE_CROSS)
def test_total_score_equals_differences_of_the_objective(case):
    problem, params, _ = setup(case)
    assert_score_is_the_derivative(problem, params)


@over(ENGINE)
def test_rows_sum_to_the_total_without_the_penalty(case):
    problem, params, weight = setup(case)
    mixture = problem.mixture
    rows = mixture.scores(params, block_of(problem))
    assert rows.shape == (len(weight), mixture.n_free(params))
    assert (rows[weight == 0] == 0.0).all()
    total = mixture.score(params, problem.evaluate(params).statistics)
    pull = np.zeros(len(total))
    if mixture.penalty(params):
        vector = mixture.pack(params)
        pull[:] = [
            richardson(lambda v: mixture.penalty(mixture.unpack(v, params)), vector, j) for j in range(len(pull))
        ]
    magnitude = np.abs(rows).sum(axis=0) + np.abs(pull)
    assert np.max(np.abs(rows.sum(axis=0) - pull - total) / magnitude) < 1e-12 + 1e-9 * pull.any()


@over(ENGINE_CROSS)
def test_rows_are_derivatives_of_the_rows_log_density(case):
    problem, params, weight = setup(case, n=12)
    mixture = problem.mixture
    block = block_of(problem)
    vector = mixture.pack(params)
    rows = mixture.scores(params, block).copy()

    def log_densities(v):
        _, _, top, log_total = mixture.e_step(mixture.unpack(v, params), block)
        return weight * (top + log_total)

    differences = np.array([richardson(log_densities, vector, j) for j in range(len(vector))]).T
    scale = np.abs(rows) + np.sqrt(np.mean(rows**2))
    assert np.max(np.abs(rows - differences) / scale) < 1e-6


def density_units(problem):
    """What the rows' log-densities lose by going to the user's units: one log scale per entry that is there."""
    look = problem.survey
    lost = np.where(np.isnan(problem.source.y), 0.0, np.log(look.response.scale)).sum(axis=1)
    return -lost - (np.log(look.gate_design.scale).sum() if problem.mixture.gate.joint else 0.0)


@over(gaussian_only(ENGINE))
def test_objective_is_the_weighted_log_density_minus_the_penalty(case):
    problem, params, weight = setup(case, n=40)
    mixture, look = problem.mixture, problem.survey
    gate = reference.gate_of(mixture.gate.attributes(mixture.gate.to_raw(params.gate, look.gate_design)), mixture.gate)
    expert = mixture.expert.to_raw(params.expert, look.expert_design, look.response)
    raw = reference.Parameters(gate, expert.coef, mixture.expert.covariances(expert))
    X, y = problem.source.tables[0], problem.source.y
    X_gate = reference.gate_columns(gate, X)
    density = reference.log_density(raw, X_gate, X, y) + reference.log_density_of_x(X_gate, gate)
    triple = problem.evaluate(params)
    shift = -density_units(problem) @ weight
    penalty = mixture.penalty(params)
    assert triple.objective == pytest.approx(weight @ density + shift - penalty, rel=1e-12)
    if getattr(mixture.gate, "ridge", 0.0):
        assert penalty == pytest.approx(0.5 * mixture.gate.ridge * np.sum(params.gate.coef[:, 1:] ** 2), rel=1e-15)
    else:
        assert penalty == 0.0
    resp = reference.responsibilities(raw, X_gate, X, y)
    assert np.allclose(triple.mass, weight @ resp, rtol=1e-11, atol=0)


@over(ENGINE)
def test_pack_and_unpack_invert_each_other(case):
    problem, params, _ = setup(case)
    mixture = problem.mixture
    vector = mixture.pack(params)
    again = mixture.unpack(vector, params)
    assert np.allclose(mixture.pack(again), vector, rtol=1e-13, atol=1e-13)
    assert problem.evaluate(again).objective == pytest.approx(problem.evaluate(params).objective, rel=1e-13)


@over(ENGINE)
def test_units_of_the_user_and_back(case):
    problem, params, _ = setup(case)
    mixture, look = problem.mixture, problem.survey
    gate = mixture.gate.from_raw(mixture.gate.to_raw(params.gate, look.gate_design), look.gate_design)
    raw = mixture.expert.to_raw(params.expert, look.expert_design, look.response)
    expert = mixture.expert.from_raw(raw, look.expert_design, look.response)
    again = mixture.pack(params._replace(gate=gate, expert=expert))
    assert np.allclose(again, mixture.pack(params), rtol=1e-12, atol=1e-12)
