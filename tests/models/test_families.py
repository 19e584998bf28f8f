"""Every family of experts in the estimator: answers agree with each other, with a saved model, with copies of rows."""

import numpy as np
import pytest

from classicmoe import MoERegressor, MoESelector, load
from classicmoe.experts import MixedExpert, NegativeBinomialExpert
from tests.cases import FAMILIES

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")


def model(expert, **settings):
    mixed = isinstance(expert, MixedExpert)
    settings = {"n_init": 3, "random_state": 0, **settings}
    return MoERegressor(len(expert.experts) if mixed else 2, expert=expert.experts if mixed else expert, **settings)


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_agree_with_each_other_and_with_the_saved_model(name, tmp_path):
    expert, simulate = FAMILIES[name]
    X, y = simulate(150, 1)
    weight = np.random.default_rng(0).integers(1, 4, 150).astype(float)
    m = model(expert).fit(X, y, weight)
    path = m.objective_path_
    assert (np.diff(path) >= -1e-12 * (1.0 + np.abs(path[:-1]))).all()
    density = m.score_samples(X, y)
    assert weight @ density == pytest.approx(m.log_likelihood_, rel=1e-9)
    assert m.bic(X, y, weight) == pytest.approx(m.n_parameters_ * np.log(weight.sum()) - 2.0 * m.log_likelihood_)
    predicted, gate, experts = m.predict(X), m.predict_gate(X), m.predict_experts(X)
    assert np.allclose(predicted, (gate * experts).sum(axis=1), rtol=1e-12)
    assert np.allclose(m.responsibilities(X, y).sum(axis=1), 1.0, rtol=1e-12)
    d = m.predict_dist(X[:20])
    assert np.allclose(d.mean(), predicted[:20], rtol=1e-8)
    log = {"continuous": "logpdf", "discrete": "logpmf"}.get(d.kind)
    if log is not None:
        assert np.allclose(getattr(d, log)(y[:20]), density[:20], rtol=1e-8, atol=1e-8)
    median = d.quantile(0.5)
    assert (d.cdf(median) >= 0.5 - 1e-9).all() and np.isfinite(d.sample(random_state=0)).all()
    assert m.expert_intercept_.shape == (m.n_experts_,) and "Experts" in m.summary()
    assert set(m.coefficients()["part"]) == {"gate", "expert"}
    m.save(tmp_path / "model.cmoe")
    again = load(tmp_path / "model.cmoe")
    assert np.array_equal(again.predict(X), predicted) and np.array_equal(again.score_samples(X, y), density)
    assert again.summary() == m.summary()
    m.relabel(np.arange(m.n_experts_)[::-1])
    assert np.allclose(m.score_samples(X, y), density, rtol=1e-10, atol=1e-10)
    assert np.allclose(m.predict_experts(X), experts[:, ::-1], rtol=1e-10)


@pytest.mark.parametrize("name", ("poisson", "zero-inflated", "t", "gamma and log-normal"))
def test_a_weight_of_k_equals_k_copies_in_any_order(name):
    expert, simulate = FAMILIES[name]
    X, y = simulate(120, 2)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, 120)
    rows = rng.permutation(np.repeat(np.arange(120), weight))
    a = model(expert, tol=1e-12).fit(X, y, weight)
    b = model(expert, tol=1e-12).fit(X[rows], y[rows])
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-9)
    assert np.allclose(a.predict(X), b.predict(X), rtol=1e-4)


@pytest.mark.parametrize("name", ("poisson", "negative binomial", "hurdle gamma", "t", "skew normal"))
def test_batches_and_threads_give_the_same_fit(name):
    expert, simulate = FAMILIES[name]
    X, y = simulate(300, 3)
    a, b = (model(expert, n_jobs=n).fit(X, y) for n in (1, 2))
    assert np.array_equal(a.expert_coef_, b.expert_coef_) and a.log_likelihood_ == b.log_likelihood_


def test_a_selector_passes_exposures_on():
    X, y = FAMILIES["poisson"][1](200, 4)
    exposure = np.random.default_rng(0).uniform(0.5, 2.0, 200)
    settings = {"expert": "poisson", "n_init": 3, "random_state": 0}
    selector = MoESelector(MoERegressor(**settings), {"n_experts": [1, 2]}, cv=3).fit(X, y, exposure=exposure)
    direct = MoERegressor(2, **settings).fit(X, y, exposure=exposure)
    assert selector.results_["log_likelihood"][1] == pytest.approx(direct.log_likelihood_, rel=1e-9)
    assert np.isfinite(selector.results_["cv"]).all()
    k = selector.best_params_["n_experts"]
    best = selector.log_likelihood(X, y, exposure=exposure)
    assert best == pytest.approx(selector.results_["log_likelihood"][k - 1], rel=1e-9)


def test_nested_arguments_of_families_can_be_searched():
    X, y = FAMILIES["negative binomial"][1](150, 5)
    estimator = MoERegressor(1, expert=NegativeBinomialExpert(), random_state=0)
    selector = MoESelector(estimator, {"expert__scale": ["own", "shared"]}).fit(X, y)
    assert np.ptp(selector.results_["log_likelihood"]) < 1e-6
