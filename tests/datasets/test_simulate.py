"""The simulator draws from the model that it states, and its truth is right."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal

from classicmoe.datasets import make_moe_regression
from classicmoe.exceptions import ConfigurationError

COVARIANCES = np.array([[[1.0, 0.6], [0.6, 0.5]], [[0.3, -0.1], [-0.1, 0.2]], [[2.0, 0.0], [0.0, 0.1]]])


def two_outputs(n_samples=20_000, seed=3):
    """Three experts, two features, two correlated outputs."""
    return make_moe_regression(n_samples, covariances=COVARIANCES, n_features=2, n_outputs=2, random_state=seed)


def log_density_by_scipy(truth, X, y):
    """Log p(y | x) row by row and expert by expert, written from the formula with scipy."""
    q = truth.covariances.shape[1]
    coef = truth.expert_coef.reshape(len(truth.covariances), q, -1)
    intercept = truth.expert_intercept.reshape(-1, q)
    gate = softmax(X @ truth.gate_coef.T + truth.gate_intercept, axis=1)
    terms = [
        [
            np.log(gate[i, k]) + multivariate_normal.logpdf(y[i], intercept[k] + coef[k] @ X[i], truth.covariances[k])
            for k in range(len(coef))
        ]
        for i in range(len(X))
    ]
    return logsumexp(terms, axis=1)


@pytest.mark.parametrize(
    "truth",
    [
        make_moe_regression(60, n_features=3, n_experts=3, random_state=1),
        make_moe_regression(60, n_features=1, n_experts=1, random_state=2),
        two_outputs(60),
        make_moe_regression(60, n_outputs=3, scale=[[0.5, 1, 2], [1, 1, 0.1]], random_state=4),
    ],
)
def test_log_likelihood_at_the_truth_is_that_of_scipy(truth):
    expected = log_density_by_scipy(truth, truth.X, truth.y)
    np.testing.assert_allclose(truth.score_samples(truth.X, truth.y), expected, rtol=1e-11, atol=1e-11)
    assert truth.log_likelihood == pytest.approx(expected.sum(), rel=1e-12)


def test_shapes_follow_the_number_of_outputs():
    one = make_moe_regression(10, n_features=4, n_experts=3, random_state=0)
    assert one.y.shape == (10,) and one.expert_coef.shape == (3, 4) and one.scale.shape == (3,)
    assert one.predict(one.X).shape == (10,) and one.predict_experts(one.X).shape == (10, 3)
    two = two_outputs(10)
    assert two.y.shape == (10, 2) and two.expert_coef.shape == (3, 2, 2) and two.scale.shape == (3, 2)
    assert two.predict(two.X).shape == (10, 2) and two.predict_experts(two.X).shape == (10, 3, 2)
    assert one.gate_coef.shape == (3, 4) and one.labels.dtype == np.int64


def test_labels_come_with_the_gate_probabilities():
    truth = two_outputs()
    gate = truth.predict_gate(truth.X)
    one_hot = np.eye(3)[truth.labels]
    # score test of P(label = k | x) = g_k(x), against 1 and against both features: standard normal under the model
    for column in (np.ones(len(gate)), *truth.X.T):
        deviation = (column[:, None] * (one_hot - gate)).sum(axis=0)
        spread = np.sqrt((column[:, None] ** 2 * gate * (1 - gate)).sum(axis=0))
        assert np.abs(deviation / spread).max() < 4.5


def test_noise_has_the_stated_moments():
    truth = two_outputs()
    for k, covariance in enumerate(COVARIANCES):
        rows = truth.labels == k
        noise = truth.y[rows] - truth.predict_experts(truth.X[rows])[:, k]
        n = rows.sum()
        assert n > 1000
        assert np.abs(noise.mean(axis=0) / np.sqrt(np.diag(covariance) / n)).max() < 4.5
        # var(S_ab) = (S_aa S_bb + S_ab^2) / n for Gaussian noise
        spread = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / n)
        assert np.abs((noise.T @ noise / n - covariance) / spread).max() < 4.5


def test_responsibilities_are_calibrated_and_sum_to_one():
    truth = two_outputs()
    posterior = truth.responsibilities(truth.X, truth.y)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-12)
    deviation = (np.eye(3)[truth.labels] - posterior).sum(axis=0)
    assert np.abs(deviation / np.sqrt((posterior * (1 - posterior)).sum(axis=0))).max() < 4.5


def test_density_integrates_to_one_and_has_the_predicted_mean():
    truth = make_moe_regression(5, n_features=2, n_experts=3, random_state=8)
    grid = np.linspace(-40.0, 40.0, 20_001)
    for x in truth.X:
        density = np.exp(truth.score_samples(np.tile(x, (grid.size, 1)), grid))
        step = grid[1] - grid[0]
        assert density.sum() * step == pytest.approx(1.0, abs=1e-10)
        assert (density * grid).sum() * step == pytest.approx(truth.predict(x[None])[0], abs=1e-9)


def test_given_parameters_are_kept_and_the_gate_is_brought_to_its_gauge():
    coef, intercept = np.array([[1.0], [3.0]]), np.array([0.5, -0.5])
    truth = make_moe_regression(
        50, gate_coef=coef, gate_intercept=intercept, expert_coef=[[2.0], [-2.0]], expert_intercept=[1.0, 0.0],
        scale=0.3, random_state=0,
    )  # fmt: skip
    np.testing.assert_array_equal(truth.gate_coef, [[-2.0], [0.0]])
    np.testing.assert_array_equal(truth.gate_intercept, [1.0, 0.0])
    np.testing.assert_allclose(truth.predict_gate(truth.X), softmax(truth.X @ coef.T + intercept, axis=1), rtol=1e-14)
    np.testing.assert_array_equal(truth.expert_coef, [[2.0], [-2.0]])
    np.testing.assert_array_equal(truth.expert_intercept, [1.0, 0.0])
    np.testing.assert_array_equal(truth.scale, [0.3, 0.3])


def test_weights_are_the_shares_at_the_origin():
    truth = make_moe_regression(10, weights=[1, 2, 5], random_state=0)
    np.testing.assert_allclose(truth.predict_gate(np.zeros((1, 2)))[0], [0.125, 0.25, 0.625], rtol=1e-14)


def test_drawn_experts_ascend_at_the_origin():
    intercepts = [make_moe_regression(5, n_experts=4, random_state=seed).expert_intercept for seed in range(20)]
    assert (np.diff(intercepts, axis=1) > 0).all()


def test_features_may_be_given():
    X = np.linspace(-1, 1, 30)[:, None]
    truth = make_moe_regression(n_experts=3, X=X, random_state=0)
    np.testing.assert_array_equal(truth.X, X)
    assert truth.y.shape == (30,) and truth.gate_coef.shape == (3, 1)


def test_random_state():
    first, again = make_moe_regression(20, random_state=7), make_moe_regression(20, random_state=7)
    assert first.y.tobytes() == again.y.tobytes()
    assert first.y.tobytes() != make_moe_regression(20, random_state=8).y.tobytes()
    for source in (np.random.default_rng, np.random.RandomState):
        one, two = (make_moe_regression(20, random_state=source(5)) for _ in range(2))
        assert one.y.tobytes() == two.y.tobytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_experts": 0}, "n_experts must be a whole number of at least 1, not 0"),
        ({"n_samples": 2.5}, "n_samples must be a whole number"),
        ({"n_outputs": True}, "n_outputs must be a whole number"),
        ({"gate_coef": [[1.0], [2.0]], "n_features": 3}, r"gate_coef has shape \(2, 1\); these settings need \(2, 3\)"),
        ({"expert_coef": [[1.0, np.nan]]}, "expert_coef holds values that are not finite"),
        ({"scale": [1.0, 0.0]}, "scale must be positive"),
        ({"scale": 1.0, "covariances": COVARIANCES, "n_outputs": 2}, "scale and covariances say the same thing"),
        ({"covariances": -COVARIANCES, "n_outputs": 2}, "covariances must be symmetric and positive definite"),
        ({"covariances": [[[1.0, 0.2], [0.3, 1.0]]], "n_outputs": 2}, "covariances must be symmetric"),
        ({"weights": [1, -1]}, "weights must be positive"),
        ({"weights": [1, 1], "gate_intercept": [0, 0]}, "weights and gate_intercept say the same thing"),
        ({"X": [1.0, 2.0]}, r"X must be two-dimensional \(rows, features\), not of shape \(2,\)"),
        ({"gate_intercept": 1.0}, r"gate_intercept has shape \(\)"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        make_moe_regression(**settings)
