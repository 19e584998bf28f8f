"""The Gaussian gate on its own: with given responsibilities the update is that of weighted normal densities."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from classicmoe import MoERegressor
from classicmoe.em.survey import MIN_VARIANCE
from classicmoe.exceptions import ConfigurationError
from classicmoe.gates import GaussianGate
from tests import reference
from tests.cases import CASES, block_of, case_of, two_regimes

GATES = [GaussianGate(covariance, scale) for covariance in ("full", "diag", "spherical") for scale in ("own", "shared")]


def rows(n=80, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * [1.0, 10.0, 0.1][:d] + [0.0, 1e3, 3.0][:d]
    return X, rng.normal(size=n), rng.dirichlet(np.ones(3), n) * rng.integers(0, 3, n)[:, None]


def updated(gate, X, y, resp, params=None):
    """Parameters after an update with fixed responsibilities, in the scales of the engine."""
    problem = case_of(gate, CASES["softmax / gaussian"].expert).problem(X, y, resp.sum(axis=1))
    block = block_of(problem)
    params = gate.start(resp.shape[1], problem.survey.gate_design.width) if params is None else params
    statistics = gate.statistics(params, block, np.ascontiguousarray(resp.T))
    return problem, block, gate.update(params, statistics, problem.ground)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_one_update_is_the_weighted_maximum(gate):
    X, y, resp = rows()
    problem, _, params = updated(gate, X, y, resp)
    attributes = gate.attributes(gate.to_raw(params, problem.survey.gate_design))
    mass = resp.sum(axis=0)
    means = (resp.T @ X) / mass[:, None]
    covariances = np.array([np.cov(X.T, aweights=r, ddof=0) for r in resp.T])
    if gate.scale == "shared":
        covariances[:] = np.average(covariances, axis=0, weights=mass)
    if gate.covariance != "full":
        covariances = covariances * np.eye(3)
    if gate.covariance == "spherical":  # in standardised columns
        unit = np.var(np.repeat(X, resp.sum(axis=1).round().astype(int), axis=0), axis=0)
        covariances = np.array([np.mean(np.diag(c) / unit) * np.diag(unit) for c in covariances])
    assert np.allclose(attributes["gate_weights_"], mass / mass.sum(), rtol=1e-13)
    assert np.allclose(attributes["gate_means_"], means, rtol=1e-12)
    size = np.sqrt(np.einsum("kii,kjj->kij", covariances, covariances))
    assert np.abs((attributes["gate_covariances_"] - covariances) / size).max() < 1e-11


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_densities_are_those_of_scipy(gate):
    X, y, resp = rows()
    problem, block, params = updated(gate, X, y, resp)
    look, attributes = problem.survey, gate.attributes(gate.to_raw(params, problem.survey.gate_design))
    densities = gate.log_prob(params, block) - gate.log_units(look.gate_design)
    seen = resp.sum(axis=1) > 0  # rows of weight zero are not looked at
    for k in range(3):
        law = multivariate_normal(attributes["gate_means_"][k], attributes["gate_covariances_"][k])
        expected = np.log(attributes["gate_weights_"][k]) + law.logpdf(X)
        assert np.allclose(densities[k][seen], expected[seen], rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotConvergedWarning")
@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_one_covariance_for_all_is_a_softmax_of_linear_scores(covariance):
    X, y = two_regimes(150)
    m = MoERegressor(3, GaussianGate(covariance, "shared"), n_init=2, random_state=0, max_iter=30).fit(X, y)
    precision = np.linalg.inv(m.gate_covariances_[0])
    slopes = m.gate_means_ @ precision
    intercepts = np.log(m.gate_weights_) - 0.5 * (slopes * m.gate_means_).sum(axis=1)
    expected = np.exp(reference.log_softmax(X, np.column_stack([intercepts, slopes])))
    assert np.allclose(m.predict_gate(X), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_an_expert_without_rows_keeps_its_density(gate):
    X, y, resp = rows()
    _, _, before = updated(gate, X, y, resp)
    resp[:, 0] += resp[:, 2]
    resp[:, 2] = 0.0
    _, _, after = updated(gate, X, y, resp, before)
    assert np.exp(after.log_weight[2]) < 1e-290 and np.isfinite(after.log_weight).all()
    assert np.array_equal(after.density.coef[2], before.density.coef[2])
    if gate.scale == "own":
        density = gate._density
        assert np.allclose(density.covariances(after.density)[2], density.covariances(before.density)[2], rtol=1e-14)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_a_density_of_one_point_sits_on_the_floor(gate):
    X, y, resp = rows()
    X[:10] = X[0]
    resp[:] = [1.0, 1.0, 0.0]
    resp[:10] = [0.0, 0.0, 1.0]
    problem, _, params = updated(gate, X, y, resp)
    least = np.linalg.eigvalsh(gate._density.covariances(params.density)).min(axis=1)
    if gate.scale == "own":
        assert gate.at_floor(params, problem.ground).tolist() == [False, False, True]
        assert least[2] == pytest.approx(MIN_VARIANCE, rel=1e-9)
    else:
        assert not gate.at_floor(params, problem.ground).any()
    assert (least >= MIN_VARIANCE * (1.0 - 1e-9)).all()


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_free_parameters_are_counted(gate):
    X, y, resp = rows()
    _, _, params = updated(gate, X, y, resp)
    one = {"full": 6, "diag": 3, "spherical": 1}[gate.covariance]
    assert gate.n_free(params) == 2 + 9 + (3 if gate.scale == "own" else 1) * one


def test_weights_sum_to_one_after_unpacking_any_vector():
    gate = GaussianGate()
    start = gate.start(3, 2)
    for contrasts in ([0.3, -4.0], [800.0, -900.0]):
        vector = gate.pack(start)
        vector[:2] = contrasts
        params = gate.unpack(vector, start)
        assert np.isclose(np.exp(params.log_weight).sum(), 1.0, rtol=1e-14)
        assert np.allclose(gate.pack(params), vector)


@pytest.mark.parametrize("gate", GATES, ids=str)
def test_attributes_and_back(gate):
    X, y, resp = rows()
    problem, _, params = updated(gate, X, y, resp)
    raw = gate.to_raw(params, problem.survey.gate_design)
    again = gate.from_raw(gate.from_attributes(gate.attributes(raw)), problem.survey.gate_design)
    assert np.allclose(gate.pack(again), gate.pack(params), rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ConstantColumnWarning")
@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_a_gate_without_columns_is_refused(covariance):
    X, y = two_regimes(60)
    for columns, features in ((X, []), (np.ones((60, 2)), None)):
        with pytest.raises(ConfigurationError, match="gate='constant'"):
            MoERegressor(2, GaussianGate(covariance), gate_features=features).fit(columns, y)
