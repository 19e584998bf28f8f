"""Gaussian gates: the fit is the maximum of the joint likelihood, against scikit-learn, R's mclust and closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from classicmoe import MoERegressor, load_dataset
from classicmoe.experts import GaussianExpert
from classicmoe.gates import GaussianGate
from tests import reference
from tests.cases import CASES, two_regimes

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "joint.json").read_text(encoding="utf-8"))["joint_mixtures"]
pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")


def columns_of(data, columns, response):
    frame = load_dataset(data, as_frame=True).frame
    return frame[columns].to_numpy(float), frame[response].to_numpy(float)


def stacked(m):
    """Means (K, d + q) and covariances (K, d + q, d + q) of x and y together, from the public attributes."""
    params = reference.parameters_of(m)
    means, covariances = [], []
    for mean, own, coef, noise in zip(
        params.gate.means, params.gate.covariances, params.experts, params.covariances, strict=True
    ):
        slope = coef[:, 1:]
        means.append(np.r_[mean, coef[:, 0] + slope @ mean])
        covariances.append(np.block([[own, own @ slope.T], [slope @ own, noise + slope @ own @ slope.T]]))
    return np.array(means), np.array(covariances)


# -- scikit-learn -------------------------------------------------------------------------------------------------


DATA = {
    "ethanol, one column": lambda: columns_of("ethanol", ["E"], "NOx"),
    "ethanol, two columns": lambda: columns_of("ethanol", ["C", "E"], "NOx"),
    "ethanol, two outputs": lambda: columns_of("ethanol", ["E"], ["NOx", "C"]),
    "geyser": lambda: columns_of("geyser", ["waiting"], "duration"),
    "two columns": lambda: two_regimes(300),
    "two columns, two outputs": lambda: CASES["softmax / gaussian 2 full"].simulate(300, 0),
}


# A third expert collapses on eruptions of equal length in scikit-learn, which has no floor.
BOTH = [(data, n_experts) for data in DATA for n_experts in (1, 2, 3) if (data, n_experts) != ("geyser", 3)]


@pytest.mark.parametrize(("data", "n_experts"), BOTH)
def test_full_covariances_are_scikit_learns_gaussian_mixture(data, n_experts):
    X, y = DATA[data]()
    m = MoERegressor(n_experts, "gaussian", n_init=6, random_state=0, tol=1e-14, max_iter=20_000).fit(X, y)
    means, covariances = stacked(m)
    # Standardised, so that 1e-6 means the same for every column.
    rows = np.column_stack([X, y])
    center, unit = rows.mean(axis=0), rows.std(axis=0)
    own = covariances / np.outer(unit, unit)
    peer = GaussianMixture(
        n_experts,
        reg_covar=0.0,
        tol=1e-12,
        max_iter=5000,
        means_init=(means - center) / unit,
        weights_init=m.gate_weights_,
        precisions_init=np.linalg.inv(own),
    ).fit((rows - center) / unit)
    joint = len(rows) * (peer.score((rows - center) / unit) - np.log(unit).sum())
    assert m.joint_log_likelihood_ == pytest.approx(joint, rel=1e-8)
    assert np.allclose(m.gate_weights_, peer.weights_, rtol=0, atol=1e-6)
    assert np.allclose((means - center) / unit, peer.means_, rtol=0, atol=1e-6)
    assert np.allclose(own, peer.covariances_, rtol=0, atol=1e-6)
    assert np.allclose(m.responsibilities(X, y), peer.predict_proba((rows - center) / unit), rtol=0, atol=1e-6)
    width = rows.shape[1]
    assert m.n_parameters_ == n_experts * (width + width * (width + 1) // 2) + n_experts - 1


@pytest.mark.parametrize("n_experts", (2, 3))
def test_diagonal_covariances_without_regression_are_scikit_learns(n_experts):
    X, y = two_regimes(300)
    m = MoERegressor(
        n_experts, GaussianGate("diag"), expert_features=[], n_init=6, random_state=0, tol=1e-14, max_iter=20_000
    ).fit(X, y)
    rows = np.column_stack([X, y])
    variance = np.column_stack([np.diagonal(m.gate_covariances_, axis1=1, axis2=2), m.expert_scale_**2])
    means = np.column_stack([m.gate_means_, m.expert_intercept_])
    peer = GaussianMixture(
        n_experts,
        covariance_type="diag",
        reg_covar=0.0,
        tol=1e-12,
        max_iter=5000,
        means_init=means,
        weights_init=m.gate_weights_,
        precisions_init=1.0 / variance,
    ).fit(rows)
    assert m.joint_log_likelihood_ == pytest.approx(300 * peer.score(rows), rel=1e-8)
    assert np.allclose(means, peer.means_, rtol=0, atol=1e-6)
    assert np.allclose(variance, peer.covariances_, rtol=0, atol=1e-6)


@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_one_expert_is_one_normal_density_and_least_squares(covariance, weighted):
    X, y = two_regimes(120)
    X = X * [1.0, 30.0] + [0.0, 7.0]
    weight = np.random.default_rng(0).integers(0, 4, 120) if weighted else np.ones(120, int)
    m = MoERegressor(1, GaussianGate(covariance)).fit(X, y, weight if weighted else None)
    rows = np.repeat(X, weight, axis=0)
    own = np.cov(rows.T, ddof=0)
    if covariance != "full":
        own = np.diag(np.diag(own))  # spherical is of standardised columns, whose variances are all 1
    assert np.allclose(m.gate_covariances_[0], own, rtol=1e-10)
    assert np.allclose(m.gate_means_[0], rows.mean(axis=0), rtol=1e-12)
    of_x = multivariate_normal(rows.mean(axis=0), own).logpdf(rows).sum()
    _, _, of_y = reference.least_squares(X, y, weight)
    assert m.log_likelihood_ == pytest.approx(of_y, rel=1e-10)
    assert m.joint_log_likelihood_ == pytest.approx(of_x + of_y, rel=1e-10)
    assert m.converged_ and m.n_parameters_ == 2 + {"full": 3, "diag": 2, "spherical": 1}[covariance] + 4


def test_columns_and_responses_may_change_places():
    # With full covariances p(x, y) is one mixture of normal densities, whichever side is called the response.
    X, y = columns_of("ethanol", ["E"], "NOx")
    settings = {"n_init": 10, "random_state": 0, "tol": 1e-14, "max_iter": 20_000}
    for n_experts in (2, 3):
        a = MoERegressor(n_experts, "gaussian", **settings).fit(X, y)
        b = MoERegressor(n_experts, "gaussian", **settings).fit(y[:, None], X[:, 0])
        assert b.joint_log_likelihood_ == pytest.approx(a.joint_log_likelihood_, rel=1e-9)
        (means, covariances), (turned, again) = stacked(a), stacked(b)
        order = [int(np.argmin(np.abs(turned[:, 1] - mean))) for mean in means[:, 0]]
        assert sorted(order) == list(range(n_experts))
        assert np.allclose(turned[order][:, ::-1], means, rtol=1e-5)
        assert np.allclose(again[order][:, ::-1, ::-1], covariances, rtol=1e-4, atol=1e-7)


# -- mclust -------------------------------------------------------------------------------------------------------


def data_of(case):
    X, y = columns_of(case["data"], case["columns"], case["response"])
    weight = np.resize([1.0, 2.0, 3.0], len(X)) if case["weighted"] else None
    return X, (y[:, 0] if y.shape[1] == 1 else y), weight


def fit_golden(case, init="auto", tol=1e-14):
    """The case fitted by us: VVV is of full covariances, VVI and EEI of diagonal ones without regression."""
    X, y, weight = data_of(case)
    scale = "shared" if case["model"] == "EEI" else "own"
    full = case["model"] == "VVV"
    m = MoERegressor(
        case["K"],
        GaussianGate("full" if full else "diag", scale),
        GaussianExpert(scale, "full" if full else "diag"),
        expert_features=None if full else [],
        init=init,
        random_state=0,
        tol=tol,
        max_iter=20_000,
    )
    return m.fit(X, y, weight)


def golden_parameters(case):
    """R's maximum in the notation of the plain formulas."""
    arrays = {name: np.array(case[name], float) for name in case if name.startswith(("gate_", "expert_"))}
    experts = np.concatenate([arrays["expert_intercept"][..., None], arrays["expert_coef"]], axis=2)
    gate = reference.Regions(arrays["gate_weights"], arrays["gate_means"], arrays["gate_covariances"])
    return reference.Parameters(gate, experts, arrays["expert_covariances"])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: c["name"])
def test_the_plain_formulas_are_those_of_r(case):
    # Of R's parameters: the numbers that our methods are compared with everywhere.
    X, y, weight = data_of(case)
    weight = np.ones(len(X)) if weight is None else weight
    params = golden_parameters(case)
    density, of_x = reference.log_density(params, X, X, y), reference.log_density_of_x(X, params.gate)
    assert weight @ (density + of_x) == pytest.approx(case["log_likelihood"], rel=1e-11)
    assert weight @ density == pytest.approx(case["conditional_log_likelihood"], rel=1e-9)
    rows = case["rows"]
    assert np.allclose(density[rows["index"]], rows["log_density"], rtol=1e-9, atol=1e-9)
    assert np.allclose((density + of_x)[rows["index"]], rows["log_joint"], rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning")
@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: c["name"])
def test_from_the_maximum_of_mclust_nothing_moves(case):
    X, y, weight = data_of(case)
    params = golden_parameters(case)
    m = fit_golden(case, init=reference.responsibilities(params, X, X, y))
    assert m.joint_log_likelihood_ == pytest.approx(case["log_likelihood"], rel=1e-9)
    # The joint maximum is not the conditional one: there the error of the parameters counts to first order.
    assert m.log_likelihood_ == pytest.approx(case["conditional_log_likelihood"], rel=1e-6)
    assert (m.n_parameters_, m.weight_sum_) == (case["n_parameters"], case["weight_sum"])
    assert m.bic(X, y, weight) == pytest.approx(case["bic"], rel=1e-9)
    ours = reference.parameters_of(m)
    unit_x, unit_y = X.std(axis=0), y.reshape(len(X), -1).std(axis=0)
    assert np.allclose(ours.gate.weights, params.gate.weights, rtol=0, atol=1e-5)
    assert np.allclose(ours.gate.means / unit_x, params.gate.means / unit_x, rtol=0, atol=1e-5)
    units = np.outer(unit_x, unit_x)
    assert np.allclose(ours.gate.covariances / units, params.gate.covariances / units, rtol=0, atol=1e-5)
    coef = (m.expert_coef_ * unit_x).reshape(case["K"], len(unit_y), -1) / unit_y[:, None]
    if case["model"] == "VVV":
        assert np.allclose(coef, params.experts[..., 1:] * unit_x / unit_y[:, None], rtol=0, atol=1e-4)
    else:
        assert np.abs(params.experts[..., 1:]).max() == 0.0
    means = np.einsum("kqd,kd->kq", ours.experts[..., 1:], ours.gate.means) + ours.experts[..., 0]
    expected = np.einsum("kqd,kd->kq", params.experts[..., 1:], params.gate.means) + params.experts[..., 0]
    assert np.allclose(means / unit_y, expected / unit_y, rtol=0, atol=1e-5)
    units = np.outer(unit_y, unit_y)
    assert np.allclose(ours.covariances / units, params.covariances / units, rtol=0, atol=1e-5)
    rows = case["rows"]
    y_rows = np.asarray(y)[rows["index"]]
    assert np.allclose(m.predict_gate(X[rows["index"]]), rows["gate"], rtol=0, atol=1e-4)
    assert np.allclose(m.score_samples(X[rows["index"]], y_rows), rows["log_density"], rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning")
@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: c["name"])
def test_our_own_starts_are_not_below_mclust(case):
    assert fit_golden(case, tol=1e-10).joint_log_likelihood_ > case["log_likelihood"] - 1e-6
