"""Gaussian experts on their own: with given responsibilities the update is weighted least squares."""

import numpy as np
import pytest

from classicmoe.covariances import Dense
from classicmoe.em.survey import MIN_VARIANCE
from classicmoe.experts import GaussianExpert
from classicmoe.experts.gaussian import GaussianParameters
from classicmoe.gates import ConstantGate
from tests import reference
from tests.cases import block_of, case_of

STRUCTURES = [(scale, covariance) for scale in ("own", "shared") for covariance in ("full", "diag", "spherical")]


def rows(n=80, d=3, q=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    Y = X @ rng.normal(size=(d, q)) + rng.normal(size=(n, q)) @ rng.normal(size=(q, q))
    return X, Y, rng.dirichlet(np.ones(3), n) * rng.integers(0, 3, n)[:, None]


def updated(expert, X, Y, resp, params=None, n_steps=1):
    """Parameters after updates with fixed responsibilities, in the scales of the engine."""
    problem = case_of(ConstantGate(), expert).problem(X, Y, resp.sum(axis=1))
    block = block_of(problem)
    params = expert.start(resp.shape[1], problem.ground) if params is None else params
    for _ in range(n_steps):
        statistics = expert.statistics(params, block, np.ascontiguousarray(resp.T))
        params = expert.update(params, statistics, problem.ground)
    return problem, block, params


def structured(covariances, mass, scale, covariance):
    """The maximum-likelihood covariance under a structure, from unrestricted ones."""
    q = covariances.shape[1]
    if scale == "shared":
        covariances = np.repeat(np.average(covariances, axis=0, weights=mass)[None], len(mass), axis=0)
    if covariance == "diag":
        return covariances * np.eye(q)
    if covariance == "spherical":
        return np.array([np.trace(c) / q * np.eye(q) for c in covariances])
    return covariances


@pytest.mark.parametrize(("scale", "covariance"), STRUCTURES)
@pytest.mark.parametrize("q", (1, 2, 3))
def test_one_update_is_weighted_least_squares(scale, covariance, q):
    X, Y, resp = rows(q=q)
    expert = GaussianExpert(scale, covariance)
    problem, _, params = updated(expert, X, Y, resp)
    design, response = problem.survey.expert_design, problem.survey.response
    a, z = (X - design.center) / design.scale, (Y - response.center) / response.scale
    fits = [reference.least_squares(a, z, resp[:, k]) for k in range(3)]
    expected = structured(np.array([fit[1] for fit in fits]), resp.sum(axis=0), scale, covariance)
    assert np.allclose(params.coef, [fit[0] for fit in fits], rtol=1e-9, atol=1e-11)
    assert np.allclose(expert.covariances(params), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("scale", "covariance"), STRUCTURES)
def test_the_update_maximises_its_part_of_the_objective(scale, covariance):
    X, Y, resp = rows()
    expert = GaussianExpert(scale, covariance)
    _, block, params = updated(expert, X, Y, resp, n_steps=2)
    resp = np.ascontiguousarray(resp.T)
    statistics = expert.statistics(params, block, resp)
    assert np.abs(expert.score(params, statistics)).max() < 1e-9 * resp.sum()

    def value(vector):
        return float(np.sum(resp * expert.log_density(expert.unpack(vector, params), block)))

    vector, rng = expert.pack(params), np.random.default_rng(0)
    best = value(vector)
    for size in (1e-3, 1e-2, 0.3):
        assert all(value(vector + size * rng.normal(size=len(vector))) < best for _ in range(10))


def test_repeated_updates_refine_an_ill_conditioned_fit():
    # Columns that nearly coincide: the Gram matrix has condition 1e12, so one solution of it keeps four digits.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    X[:, 2] = X[:, 0] + 2e-5 * rng.normal(size=200)
    Y = X.sum(axis=1, keepdims=True) + 0.01 * rng.normal(size=(200, 1))
    resp = np.ones((200, 1))
    problem, _, params = updated(GaussianExpert(), X, Y, resp, n_steps=4)
    raw = GaussianExpert().to_raw(params, problem.survey.expert_design, problem.survey.response)
    coef, covariance, _ = reference.least_squares(X, Y)
    assert np.allclose(raw.coef[0], coef, rtol=1e-8)
    assert np.allclose(GaussianExpert().covariances(raw)[0], covariance, rtol=1e-9)


def test_an_expert_without_rows_keeps_its_parameters():
    X, Y, resp = rows()
    _, _, before = updated(GaussianExpert(), X, Y, resp)
    resp[:, 0] += resp[:, 2]
    resp[:, 2] = 0.0
    _, _, after = updated(GaussianExpert(), X, Y, resp, before)
    assert np.array_equal(after.coef[2], before.coef[2])
    assert np.allclose(after.noise.factor[2], before.noise.factor[2], rtol=1e-14)
    assert not np.allclose(after.coef[0], before.coef[0])


def test_an_expert_on_fewer_rows_than_coefficients_fits_them_and_stays_finite():
    X, Y, _ = rows()
    resp = np.zeros((80, 2))
    resp[:, 0] = 1.0
    resp[:2] = [0.0, 1.0]
    problem, block, params = updated(GaussianExpert(), X, Y, resp, n_steps=3)
    assert np.isfinite(params.coef).all()
    fitted = GaussianExpert().mean(params, block)[1]
    assert np.allclose(fitted[:, :2], block.y[:, :2], atol=1e-6)
    assert GaussianExpert().at_floor(params, problem.ground).tolist() == [False, True]


@pytest.mark.parametrize("q", (1, 2))
@pytest.mark.parametrize(("scale", "covariance"), STRUCTURES)
def test_no_covariance_falls_below_the_floor(scale, covariance, q):
    X, Y, _ = rows(q=q)
    Y = X[:, :q] * 3.0  # perfectly explained
    _, _, params = updated(GaussianExpert(scale, covariance), X, Y, np.full((80, 2), 0.5), n_steps=2)
    values = np.linalg.eigvalsh(GaussianExpert(scale, covariance).covariances(params))
    assert np.allclose(values, MIN_VARIANCE, rtol=1e-6)


@pytest.mark.parametrize(("scale", "covariance"), STRUCTURES)
@pytest.mark.parametrize("q", (1, 2))
def test_free_parameters_are_counted(scale, covariance, q):
    X, Y, resp = rows(q=q)
    expert = GaussianExpert(scale, covariance)
    _, _, params = updated(expert, X, Y, resp)
    by_structure = {"full": q * (q + 1) // 2, "diag": q, "spherical": 1}[covariance]
    assert expert.n_free(params) == 3 * q * 4 + (3 if scale == "own" else 1) * by_structure


def test_attributes_and_back():
    rng = np.random.default_rng(0)
    for q in (1, 2):
        half = rng.normal(size=(3, q, q))
        params = GaussianParameters(
            rng.normal(size=(3, q, 4)), Dense().from_dense(half @ half.transpose(0, 2, 1) + np.eye(q))
        )
        attributes = GaussianExpert().attributes(params)
        again = GaussianExpert().from_attributes(attributes)
        assert np.allclose(again.coef, params.coef) and np.allclose(again.noise.factor, params.noise.factor)
        lead = (3,) if q == 1 else (3, q)
        assert attributes["expert_coef_"].shape == (*lead, 3)
        assert attributes["expert_intercept_"].shape == attributes["expert_scale_"].shape == lead
        assert attributes["expert_covariances_"].shape == (3, q, q)


def test_order_is_by_the_first_output_then_the_next_then_coefficients():
    coef = np.zeros((4, 2, 2))
    coef[:, 0, 0] = [2.0, 1.0, 1.0, 1.0]
    coef[:, 1, 0] = [0.0, 5.0, 3.0, 3.0]
    coef[:, 0, 1] = [0.0, 0.0, 9.0, 8.0]
    keys = GaussianExpert().sort_keys(GaussianParameters(coef, np.ones((4, 2, 2))))
    assert np.lexsort(keys[::-1]).tolist() == [3, 2, 1, 0]
