"""Rows so far from every expert that all densities are zero: nothing becomes NaN, the gate answers alone."""

import numpy as np
import pytest

from classicmoe import MoERegressor
from tests.cases import two_regimes


@pytest.fixture(scope="module")
def fitted():
    X, y = two_regimes(200)
    return MoERegressor(2, n_init=3, random_state=0).fit(X, y), X, y


@pytest.mark.parametrize("factor", (1e170, 1e200, 1e300))
@pytest.mark.parametrize("side", ("X", "y"))
def test_rows_without_density(fitted, factor, side):
    m, X, y = fitted
    far = (X * factor, y) if side == "X" else (X, y * factor)
    assert np.array_equal(m.score_samples(*far), np.full(len(y), -np.inf))
    assert np.allclose(m.responsibilities(*far), m.predict_gate(far[0]), atol=1e-15)
    assert np.isfinite(m.predict(far[0])).all()


def test_a_row_of_weight_zero_may_be_anywhere(fitted):
    _, X, y = fitted
    weight = np.ones(len(y))
    weight[3] = 0.0
    far = np.where(np.arange(len(y)) == 3, 1e200, y)
    again = MoERegressor(2, n_init=3, random_state=0).fit(X, far, weight)
    plain = MoERegressor(2, n_init=3, random_state=0).fit(np.delete(X, 3, 0), np.delete(y, 3))
    assert again.log_likelihood_ == pytest.approx(plain.log_likelihood_, rel=1e-10)
    assert again.bic(X, far, weight) == pytest.approx(plain.bic(np.delete(X, 3, 0), np.delete(y, 3)), rel=1e-10)
