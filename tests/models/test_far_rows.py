"""Rows so far from every expert that all densities are zero: nothing becomes NaN, the gate answers alone."""

import numpy as np
import pytest

from classicmoe import MoERegressor
from classicmoe.gates import GaussianGate
from tests import reference
from tests.cases import two_regimes

GATES = ("softmax", GaussianGate(), GaussianGate("diag", "shared"), GaussianGate("spherical"))


@pytest.fixture(scope="module", params=GATES, ids=str)
def fitted(request):
    X, y = two_regimes(200)
    return MoERegressor(2, request.param, n_init=3, random_state=0).fit(X, y), X, y


@pytest.mark.parametrize("factor", (1e170, 1e200, 1e300))
@pytest.mark.parametrize("side", ("X", "y"))
def test_rows_without_density(fitted, factor, side):
    m, X, y = fitted
    far = (X * factor, y) if side == "X" else (X, y * factor)
    assert np.array_equal(m.score_samples(*far), np.full(len(y), -np.inf))
    assert np.allclose(m.responsibilities(*far), m.predict_gate(far[0]), atol=1e-15)
    assert np.isfinite(m.predict(far[0])).all()


@pytest.mark.parametrize("distance", (1e3, 1e6, 1e9, 1e12))
def test_a_response_is_as_likely_far_away_as_near(fitted, distance):
    m, X, _ = fitted
    far = X[:20] * distance
    expert = m.predict_gate(far).argmax(axis=1)
    y = m.predict_experts(far)[np.arange(20), expert] + 0.1
    if isinstance(m.gate, GaussianGate):
        assert np.allclose(m.predict_gate(far).max(axis=1), 1.0, rtol=1e-12)
    scale = m.expert_scale_[expert]
    expected = -0.5 * (0.1 / scale) ** 2 - np.log(scale) - 0.5 * np.log(2.0 * np.pi)
    # Adding 0.1 to a mean of size ``distance`` costs digits.
    assert np.allclose(m.score_samples(far, y), expected, rtol=1e-12, atol=1e-14 * distance)
    density = reference.log_density(reference.parameters_of(m), far, far, y)
    assert m.log_likelihood(far, y) == pytest.approx(density.sum(), rel=1e-9, abs=1e-12 * distance)


def test_a_row_of_weight_zero_may_be_anywhere(fitted):
    _, X, y = fitted
    weight = np.ones(len(y))
    weight[3] = 0.0
    far = np.where(np.arange(len(y)) == 3, 1e200, y)
    again = MoERegressor(2, n_init=3, random_state=0).fit(X, far, weight)
    plain = MoERegressor(2, n_init=3, random_state=0).fit(np.delete(X, 3, 0), np.delete(y, 3))
    assert again.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-10)
    assert again.bic(X, far, weight) == pytest.approx(plain.bic(np.delete(X, 3, 0), np.delete(y, 3)), rel=1e-10)
