"""GaussianGatedMoERegressor against scikit-learn, SciPy, quadrature and its own dense formulas."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture

import classicmoe
from classicmoe import GaussianGatedMoERegressor
from classicmoe.covariances import Dense
from classicmoe.covariances.dense import DenseParameters
from classicmoe.exceptions import (
    ConstantColumnWarning,
    MissingValuesError,
)
from classicmoe.models.inverse_regression import Joint, forward
from classicmoe.models.noise import WORDS

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]
PLAIN = [word for word in WORDS if word != "block"]


def three_groups(n=400, d=4, q=1, seed=0, noise=0.7):
    """Rows of an inverse regression with three well-separated experts."""
    rng = np.random.default_rng(seed)
    slope, intercept = rng.normal(size=(3, d, q)), 2.0 * rng.normal(size=(3, d))
    which = rng.integers(0, 3, n)
    y = 2.0 * (which - 1)[:, None] + 0.6 * rng.normal(size=(n, q))
    X = np.einsum("ndq,nq->nd", slope[which], y) + intercept[which] + noise * rng.normal(size=(n, d))
    return X, y[:, 0] if q == 1 else y


def fit(X, y, n_experts=3, noise="diag", n_latent=0, **settings):
    settings = {"n_init": 4, "random_state": 0, **settings}
    return GaussianGatedMoERegressor(n_experts, noise, n_latent, **settings).fit(X, y)


def dense_joint(m):
    """Means and covariances of the stacked (x, y) by expert, from the inverse parameters alone."""
    means, covariances = [], []
    noise = m._structure.dense(m._parameters().gate.joint.noise)
    for A, b, c, G, S in zip(
        m.inverse_coef_, m.inverse_intercept_, m.response_means_, m.response_covariances_, noise, strict=True
    ):
        means.append(np.concatenate([A @ c + b, c]))
        covariances.append(np.block([[S + A @ G @ A.T, A @ G], [G @ A.T, G]]))
    return np.array(means), np.array(covariances)


def dense_log(m, X, y):
    """log pi_k + log N((x, y); ...), (n, K), over the entries that are there."""
    means, covariances = dense_joint(m)
    v = np.column_stack([X, y])
    out = np.empty((len(v), len(means)))
    for i, row in enumerate(v):
        here = ~np.isnan(row)
        for k in range(len(means)):
            out[i, k] = np.log(m.gate_weights_[k])
            if here.any():
                out[i, k] += multivariate_normal.logpdf(row[here], means[k][here], covariances[k][np.ix_(here, here)])
    return out


# -- against programs and formulas that are not ours --------------------------------------------------------------


@pytest.mark.parametrize("q", (1, 2))
def test_full_noise_is_scikit_learns_gaussian_mixture(q):
    X, y = three_groups(q=q)
    start = np.eye(3)[np.argsort(np.argsort(X[:, 0])) * 3 // len(X)] * 0.9 + 0.1 / 3
    m = fit(X, y, noise="full", init=start, tol=1e-15)
    stacked = np.column_stack([X, y])
    mixture = GaussianMixture(3, tol=1e-15, max_iter=20_000, reg_covar=0.0)
    mixture._initialize_parameters = lambda data, random_state, **more: mixture._initialize(data, start)
    mixture.fit(stacked)
    order = np.argsort([m.predict_experts(X.mean(axis=0, keepdims=True)).reshape(3, -1)[:, 0]])[0]
    assert order.tolist() == [0, 1, 2]
    assert m.joint_log_likelihood_ == pytest.approx(mixture.score(stacked) * len(X), rel=1e-12)
    means, covariances = dense_joint(m)
    match = [int(np.argmin(np.linalg.norm(mixture.means_ - mean, axis=1))) for mean in means]
    assert sorted(match) == [0, 1, 2]
    assert np.allclose(m.gate_weights_, mixture.weights_[match], atol=1e-8)
    assert np.allclose(means, mixture.means_[match], atol=1e-8)
    assert np.allclose(covariances, mixture.covariances_[match], atol=1e-8)


@pytest.mark.parametrize("q", (1, 2))
def test_one_expert_with_full_noise_is_least_squares(q):
    X, y = three_groups(q=q)
    m, ols = fit(X, y, 1, "full"), LinearRegression().fit(X, y)
    assert np.allclose(m.expert_coef_[0], ols.coef_, rtol=1e-9)
    assert np.allclose(m.expert_intercept_[0], ols.intercept_, rtol=1e-9)
    residual = (y - ols.predict(X)).reshape(len(X), -1)
    assert np.allclose(m.expert_covariances_[0], residual.T @ residual / len(X), rtol=1e-9)
    assert m.log_likelihood_ == pytest.approx(
        multivariate_normal.logpdf(residual, cov=residual.T @ residual / len(X)).sum(), rel=1e-11
    )


@pytest.mark.parametrize("noise", ("diag", "spherical"))
def test_one_expert_with_structured_noise_is_the_conditional_of_the_structured_joint_law(noise):
    X, y = three_groups()
    m = fit(X, y, 1, noise)
    A = np.array([np.polyfit(y, column, 1)[0] for column in X.T])
    residual = X - X.mean(axis=0) - np.outer(y - y.mean(), A)
    S = np.diag((residual**2).mean(axis=0)) if noise == "diag" else np.eye(4) * (residual**2).mean()
    V = S + np.outer(A, A) * y.var()
    B = np.linalg.solve(V, A * y.var())
    assert np.allclose(m.expert_coef_[0], B, rtol=1e-9)
    assert m.expert_scale_[0] == pytest.approx(np.sqrt(y.var() - B @ A * y.var()), rel=1e-9)


@pytest.mark.parametrize("noise", PLAIN)
@pytest.mark.parametrize("n_latent", (0, 2))
def test_every_answer_is_that_of_the_dense_joint_law(noise, n_latent):
    if n_latent and noise in ("full", "tied"):
        pytest.skip("no latent factors beside a full covariance")
    X, y = three_groups(n=150, d=5)
    m = fit(X, y, 3, noise, n_latent, max_iter=60, n_init=2)
    Z, u = X[:20], y[:20]
    log_joint = dense_log(m, Z, u)
    means, covariances = dense_joint(m)
    log_x = np.stack(
        [
            np.log(m.gate_weights_[k]) + multivariate_normal.logpdf(Z, means[k][:5], covariances[k][:5, :5])
            for k in range(3)
        ],
        axis=1,
    )
    close = {"rtol": 1e-8, "atol": 1e-8}
    assert np.allclose(m.joint_score_samples(Z, u), logsumexp(log_joint, axis=1), **close)
    assert np.allclose(m.score_samples(Z, u), logsumexp(log_joint, axis=1) - logsumexp(log_x, axis=1), **close)
    assert np.allclose(m.predict_gate(Z), np.exp(log_x - logsumexp(log_x, axis=1, keepdims=True)), **close)
    resp = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    assert np.allclose(m.responsibilities(Z, u), resp, **close)
    assert np.allclose(m.gate_covariances_, covariances[:, :5, :5], **close)
    assert np.allclose(m.gate_variances_, np.diagonal(covariances[:, :5, :5], axis1=1, axis2=2), **close)
    assert m.joint_log_likelihood(X, y) == pytest.approx(m.joint_log_likelihood_, rel=1e-10)
    assert m.log_likelihood(X, y) == pytest.approx(m.log_likelihood_, rel=1e-10)
    assert m.bic(X, y) == pytest.approx(-2.0 * m.joint_log_likelihood_ + m.n_parameters_ * np.log(len(y)))
    assert (np.diff(m.objective_path_) >= -1e-9 * abs(m.objective_)).all()


def test_maps_are_mutual_inverses():
    rng = np.random.default_rng(0)
    d, q, k = 4, 2, 3

    def positive(n):
        half = rng.normal(size=(k, n, n))
        return half @ half.transpose(0, 2, 1) + 0.3 * np.eye(n)

    S, G = positive(d), positive(q)
    joint = Joint(
        np.log(np.full(k, 1 / k)),
        rng.normal(size=(k, q)),
        G,
        rng.normal(size=(k, d, q)),
        rng.normal(size=(k, d)),
        DenseParameters(np.linalg.cholesky(S)),
    )
    there = forward(joint, Dense())
    V = S + joint.slope @ G @ joint.slope.transpose(0, 2, 1)
    noise = DenseParameters(np.linalg.cholesky(there.covariance))
    back = forward(Joint(joint.log_weight, there.mean, V, there.coef, there.intercept, noise), Dense())
    for found, true in (
        (back.mean, joint.center), (back.covariance, S), (back.coef, joint.slope), (back.intercept, joint.intercept)
    ):  # fmt: skip
        assert np.allclose(found, true, rtol=1e-12, atol=1e-12)


def test_densities_integrate_to_one_and_means_agree_with_quadrature():
    X, y = three_groups(d=1)
    m = fit(X, y, 3)
    law = m.predict_dist(X[:1])
    assert quad(lambda u: float(law.pdf([u])[0]), -15, 15, limit=400)[0] == pytest.approx(1.0, abs=1e-8)
    mean = quad(lambda u: u * float(law.pdf([u])[0]), -15, 15, limit=400)[0]
    assert m.predict(X[:1])[0] == pytest.approx(mean, abs=1e-8)
    joint = lambda x: float(np.exp(m.joint_score_samples([[x]], y[:1]))[0])  # noqa: E731
    mass = quad(joint, -40, 40, limit=800)[0]
    expected = quad(lambda x: x * joint(x), -40, 40, limit=800)[0] / mass
    assert m.inverse_predict(y[:1])[0, 0] == pytest.approx(expected, abs=1e-8)
    backward = m.inverse_predict_dist(y[:1])
    assert float(backward.mean()[0]) == pytest.approx(expected, abs=1e-8)
    assert float(backward.pdf([X[0, 0]])[0]) == pytest.approx(joint(X[0, 0]) / mass, rel=1e-8)


def test_exchanging_x_and_y_with_full_noise_is_the_same_joint_law():
    X, Y = three_groups(q=2, d=2)
    start = np.eye(3)[np.argsort(np.argsort(Y[:, 0])) * 3 // len(X)]
    a, b = fit(X, Y, noise="full", init=start), fit(Y, X, noise="full", init=start)
    assert a.joint_log_likelihood_ == pytest.approx(b.joint_log_likelihood_, rel=1e-9)
    assert np.allclose(a.inverse_predict(Y[:5]), b.predict(Y[:5]), atol=1e-4)


@pytest.mark.parametrize(
    ("noise", "n_latent", "free"),
    [
        ("full", 0, 3 * 10), ("tied", 0, 10), ("diag", 0, 12), ("tied_diag", 0, 4), ("spherical", 0, 3),
        ("tied_spherical", 0, 1), ("diag", 2, 12 + 3 * (8 - 1)), ("spherical", 1, 3 + 12), ("tied_diag", 2, 4 + 21),
    ],
)  # fmt: skip
def test_number_of_parameters(noise, n_latent, free):
    X, y = three_groups(n=120)
    m = fit(X, y, 3, noise, n_latent, n_init=1, max_iter=5)
    assert m.n_parameters_ == 2 + 3 * (1 + 4 + 4) + 3 + free


def test_latent_factors_do_not_lower_the_likelihood_and_their_rotation_changes_nothing():
    X, y = three_groups(d=6)
    plain, hybrid = fit(X, y, 2), fit(X, y, 2, n_latent=2, tol=1e-5)
    assert hybrid.joint_log_likelihood_ > plain.joint_log_likelihood_
    before = hybrid.score_samples(X, y)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0]
    hybrid.latent_loadings_ = hybrid.latent_loadings_ @ turn
    assert np.allclose(hybrid.score_samples(X, y), before, atol=1e-9)
    hybrid.latent_loadings_ = 0.0 * hybrid.latent_loadings_
    with_none = GaussianGatedMoERegressor(2, "diag")
    vars(with_none).update({k: v for k, v in vars(hybrid).items() if k.endswith("_") and k != "latent_loadings_"})
    assert np.allclose(hybrid.score_samples(X, y), with_none.score_samples(X, y), atol=1e-9)


# -- missing entries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ("diag", "spherical", "tied_diag"))
@pytest.mark.parametrize("q", (1, 2))
def test_missing_entries_are_integrated_out(noise, q):
    X, y = three_groups(q=q)
    holes = X.copy()
    holes[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    holes[7] = np.nan  # a row without any x still says something of y
    m = fit(holes, y, 3, noise)
    assert (np.diff(m.objective_path_) >= -1e-9 * abs(m.objective_)).all()
    log_joint = dense_log(m, holes, y)
    assert m.joint_log_likelihood_ == pytest.approx(logsumexp(log_joint, axis=1).sum(), rel=1e-9)
    log_x = dense_log(m, holes, np.full((len(X), q), np.nan)[:, 0] if q == 1 else np.full((len(X), q), np.nan))
    assert np.allclose(m.score_samples(holes, y), logsumexp(log_joint, axis=1) - logsumexp(log_x, axis=1), atol=1e-8)
    assert np.allclose(m.predict_gate(holes), np.exp(log_x - logsumexp(log_x, axis=1, keepdims=True)), atol=1e-8)
    law = m.predict_dist(holes[:20])
    assert np.allclose(law.logpdf(y[:20]), m.score_samples(holes[:20], y[:20]), atol=1e-8)
    assert np.allclose(law.mean(), m.predict(holes[:20]), atol=1e-10)
    assert np.allclose(m.predict_gate(holes[7:8]), m.gate_weights_, atol=1e-10)


def test_predictions_with_gaps_beat_mean_imputation():
    X, y = three_groups(n=1500, d=8)
    train, test = slice(0, 750), slice(750, None)
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.3, np.nan, X)
    filled = np.where(np.isnan(holes), np.nanmean(holes[train], axis=0), holes)

    def error(m, Z):
        return float(np.sqrt(np.mean((m.predict(Z[test]) - y[test]) ** 2)))

    exact, imputed = error(fit(holes[train], y[train]), holes), error(fit(filled[train], y[train]), filled)
    complete = error(fit(X[train], y[train]), X)
    assert complete < exact < 0.8 * imputed


@pytest.mark.parametrize(("noise", "n_latent"), [("full", 0), ("tied", 0), ("diag", 1)])
def test_missing_entries_are_an_error_where_they_cannot_be_integrated_out(noise, n_latent):
    X, y = three_groups()
    X[3, 1] = np.nan
    with pytest.raises(MissingValuesError, match="'x1' has 1 missing value"):
        fit(X, y, 3, noise, n_latent)


def test_infinite_entries_are_always_an_error():
    X, y = three_groups()
    X[3, 1], X[4, 0] = np.inf, np.nan
    with pytest.raises(MissingValuesError, match="'x1' has 1 infinite value"):
        fit(X, y)


# -- columns, files, order, settings --------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ("diag", "full"))
def test_columns_that_say_nothing_are_left_out(noise):
    X, y = three_groups()
    wider = np.column_stack([np.ones(len(X)), X])
    with pytest.warns(ConstantColumnWarning, match="left out of the model: x0"):
        m = fit(wider, y, 2, noise)
    plain = fit(X, y, 2, noise)
    assert m.joint_log_likelihood_ == pytest.approx(plain.joint_log_likelihood_, rel=1e-12)
    assert m.expert_coef_.shape == (2, 5) and (m.expert_coef_[:, 0] == 0.0).all()
    assert np.allclose(m.predict(wider[:9]), plain.predict(X[:9]))


@pytest.mark.parametrize(("noise", "n_latent"), [("diag", 0), ("tied", 0), ("spherical", 1)])
def test_files_and_order(noise, n_latent, tmp_path):
    X, y = three_groups(q=2)
    m = fit(X, y, 3, noise, n_latent)
    m.save(tmp_path / "m.cmoe")
    again = classicmoe.load(tmp_path / "m.cmoe")
    assert np.array_equal(again.predict(X), m.predict(X))
    assert np.array_equal(again.joint_score_samples(X, y), m.joint_score_samples(X, y))
    assert str(again.summary()) == str(m.summary()) and "joint log-likelihood" in m.summary()
    before = m.predict_experts(X)
    m.relabel([2, 0, 1])
    assert np.allclose(m.predict_experts(X), before[:, [2, 0, 1]])
    assert np.allclose(m.predict(X), again.predict(X))


def test_experts_are_in_the_order_of_their_means_at_the_average_x():
    X, y = three_groups()
    m = fit(X, y)
    at_mean = m.predict_experts(X.mean(axis=0, keepdims=True))[0]
    assert (np.diff(at_mean) > 0).all()


def test_units_do_not_matter():
    X, y = three_groups()
    factor, shift = np.array([100.0, 0.01, 3.0, 7.0]), np.array([5.0, -2.0, 1e3, 0.0])
    a, b = fit(X, y), fit(X * factor + shift, 1e3 * y - 5.0)
    units = len(y) * (np.log(factor).sum() + np.log(1e3))
    assert b.joint_log_likelihood_ == pytest.approx(a.joint_log_likelihood_ - units, rel=1e-9)
    assert np.allclose(b.predict(X * factor + shift), 1e3 * a.predict(X) - 5.0, rtol=1e-5)
