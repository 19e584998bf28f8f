import numpy as np

from classicmoe.gates import ConstantGate
from classicmoe.gates.constant import ConstantParameters
from tests.cases import CASES, block_of


def test_the_update_is_the_weighted_mean_responsibility():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 1)), rng.normal(size=50)
    weight = rng.integers(0, 4, 50).astype(float)
    problem = CASES["constant / gaussian"].problem(X, y, weight)
    gate, resp = ConstantGate(), rng.dirichlet(np.ones(3), 50)
    block = block_of(problem)
    params = gate.start(3, 1)
    assert np.exp(params.log_weight).tolist() == [1 / 3] * 3
    statistics = gate.statistics(params, block, np.ascontiguousarray((weight[:, None] * resp).T))
    for step in ("full", "half", "safe"):
        updated = gate.update(params, statistics, problem.ground, step)
        assert np.allclose(np.exp(updated.log_weight), np.average(resp, axis=0, weights=weight), rtol=1e-13)


def test_an_expert_without_rows_keeps_a_finite_weight():
    gate = ConstantGate()
    statistics = gate.statistics(gate.start(2, 1), None, np.array([[1.0, 2.0], [0.0, 0.0]]))
    updated = gate.update(gate.start(2, 1), statistics, None)
    assert np.isfinite(updated.log_weight).all()
    assert np.exp(updated.log_weight[1]) < 1e-290


def test_weights_sum_to_one_after_unpacking_any_vector():
    gate = ConstantGate()
    for vector in (np.array([0.3, -4.0]), np.array([800.0, -900.0])):
        params = gate.unpack(vector, gate.start(3, 1))
        assert np.isclose(np.exp(params.log_weight).sum(), 1.0, rtol=1e-14)
        assert np.allclose(gate.pack(params), vector)


def test_attributes_and_back():
    gate = ConstantGate()
    params = ConstantParameters(np.log([0.2, 0.5, 0.3]))
    attributes = gate.attributes(params)
    assert np.allclose(attributes["gate_weights_"], [0.2, 0.5, 0.3])
    assert np.allclose(attributes["gate_intercept_"], np.log([0.2 / 0.3, 0.5 / 0.3, 1.0]))
    assert attributes["gate_coef_"].shape == (3, 0)
    assert np.allclose(gate.from_attributes(attributes).log_weight, params.log_weight, rtol=1e-15)
