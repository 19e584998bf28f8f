"""What a Lasso fit must not depend on: copies of rows or weights, their order, and a parameter at its bound."""

import numpy as np
import pytest

from classicmoe import LassoMoERegressor
from tests.models.test_lasso import regimes

pytestmark = [
    pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning"),
    pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning"),
]


def path_of(X, y, sample_weight=None, **more):
    return LassoMoERegressor(2, **({"n_init": 3, "n_alphas": 12, "random_state": 0} | more)).fit(X, y, sample_weight)


@pytest.mark.parametrize("p", [8, 40])
def test_weights_are_copies_of_rows_along_the_whole_path(p):
    X, y = regimes(200, p)
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weight)
    a, b = path_of(X, y, weight), path_of(X[copies], y[copies])
    np.testing.assert_allclose(a.path_.alpha_gate, b.path_.alpha_gate, rtol=1e-9)
    np.testing.assert_allclose(a.path_.alpha_expert, b.path_.alpha_expert, rtol=1e-9)
    np.testing.assert_allclose(a.path_.objective, b.path_.objective, rtol=1e-9)
    np.testing.assert_array_equal(a.support_["expert"], b.support_["expert"])


def test_the_order_of_rows_does_not_matter():
    X, y = regimes(200, 40)
    order = np.random.default_rng(2).permutation(len(y))
    a, b = (path_of(*rows, alpha_gate=8.0, alpha_expert=20.0) for rows in ((X, y), (X[order], y[order])))
    assert b.objective_ == pytest.approx(a.objective_, rel=1e-10)
    np.testing.assert_allclose(b.expert_coef_, a.expert_coef_, atol=1e-6)
    np.testing.assert_array_equal(b.support_["gate"], a.support_["gate"])


def test_a_size_at_its_bound_is_optimal():
    """Negative binomial experts of Poisson counts: the derivative in the size stays positive however large it is."""
    X, _ = regimes(300, 6)
    rng = np.random.default_rng(3)
    upper = rng.random(300) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    y = rng.poisson(np.exp(np.where(upper, 1.5 + 0.5 * X[:, 1], -0.5 - 0.5 * X[:, 2])))
    m = path_of(X, y, expert="negative_binomial")
    assert m.expert_size_.max() == pytest.approx(1e6)
    assert m.converged_ and m.optimality_ < 1e-6
    assert m.path_.status.count("CONVERGED") == len(m.path_.status) and m.path_.n_iter.max() < 500
