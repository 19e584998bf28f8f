"""MoEClassifier: probabilities and labels by the formulas, labels of any type, class weights, files, refusals."""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classicmoe import MoEClassifier, load
from classicmoe.exceptions import (
    ConfigurationError,
    UnseenLabelError,
)
from classicmoe.experts import MultinomialExpert
from classicmoe.metrics import log_score
from tests.cases import three_classes
from tests.messages import refused
from tests.models.classes import NAMES, QUICK, data, fit

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "NotConvergedWarning", "GateSeparatedWarning")
]


@pytest.fixture(scope="module")
def fitted():
    X, y = data()
    return fit(X, y), X, y


def formula(m, X):
    """P(expert | x) (n, K) and P(class | x, expert) (n, K, C) from the public attributes."""
    gate = softmax(X @ m.gate_coef_.T + m.gate_intercept_, axis=1)
    return gate, softmax(np.einsum("kcd,id->ikc", m.expert_coef_, X) + m.expert_intercept_, axis=2)


# -- questions ----------------------------------------------------------------------------------------------------


def test_every_method_is_its_formula(fitted):
    m, X, y = fitted
    gate, experts = formula(m, X)
    proba, codes = np.einsum("ik,ikc->ic", gate, experts), np.searchsorted(NAMES, y)
    own = proba[np.arange(150), codes]
    joint = gate * experts[np.arange(150), :, codes]
    assert m.classes_.tolist() == NAMES.tolist() and m.n_experts_ == 2
    assert np.allclose(m.predict_gate(X), gate, atol=1e-12)
    assert np.allclose(m.predict_experts(X), experts, atol=1e-12)
    assert np.allclose(m.predict_proba(X), proba, atol=1e-12)
    assert np.allclose(m.predict_log_proba(X), np.log(proba), atol=1e-11)
    assert (m.predict(X) == NAMES[proba.argmax(axis=1)]).all()
    assert np.allclose(m.responsibilities(X, y), joint / joint.sum(axis=1, keepdims=True), atol=1e-11)
    assert np.allclose(m.score_samples(X, y), np.log(own), atol=1e-11)
    assert m.log_likelihood(X, y) == pytest.approx(np.log(own).sum(), rel=1e-12)
    assert m.log_likelihood_ == pytest.approx(np.log(own).sum(), rel=1e-10)
    weight = np.arange(150) % 3
    assert m.log_likelihood(X, y, weight) == pytest.approx(weight @ np.log(own), rel=1e-12)
    assert m.n_parameters_ == 3 + 2 * 2 * 3
    assert m.aic(X, y) == pytest.approx(-2 * m.log_likelihood_ + 2 * 15)
    assert m.bic(X, y) == pytest.approx(-2 * m.log_likelihood_ + 15 * np.log(150))
    assert m.score(X, y) == accuracy_score(y, m.predict(X))
    assert log_score(m, X, y) == pytest.approx(np.log(own).mean())
    assert (np.diff(m.objective_path_) >= -1e-12 * (1.0 + np.abs(m.objective_path_[:-1]))).all()


def test_probabilities_of_huge_logits_sum_to_one(fitted):
    m, X, y = fitted
    far = np.vstack([X * 1e3, -X * 1e3, X * 1e5])
    proba = m.predict_proba(far)
    assert np.abs(proba.sum(axis=1) - 1.0).max() < 1e-12
    assert np.isfinite(m.predict_log_proba(far)).all()
    assert (m.predict(far) == NAMES[proba.argmax(axis=1)]).all()
    assert np.isfinite(m.score_samples(far[:150], y)).all()


def test_ties_go_to_the_first_class():
    X = np.repeat([[0.0], [1.0]], 4, axis=0)
    m = MoEClassifier(1, random_state=0).fit(X, ["b", "a"] * 4)
    assert np.allclose(m.predict_proba(X), 0.5, atol=1e-12)
    m.expert_coef_[:], m.expert_intercept_[:] = 0.0, 0.0
    assert m.predict(X).tolist() == ["a"] * 8


def test_the_predictive_distribution_and_draws(fitted):
    m, X, y = fitted
    dist = m.predict_dist(X)
    assert np.allclose(dist.logpmf(y), m.score_samples(X, y), rtol=1e-12)
    assert np.allclose(dist.pmf("top"), m.predict_proba(X)[:, 2])
    assert (dist.mode() == m.predict(X)).all() and len(dist[:7]) == 7
    draws = dist.sample(4000, random_state=0)
    shares = np.stack([(draws == name).mean(axis=1) for name in NAMES], axis=1)
    assert np.abs(shares - m.predict_proba(X)).max() < 5 * 0.5 / np.sqrt(4000)
    assert (m.sample(X, random_state=3) == m.sample(X, random_state=3)).all()
    with pytest.raises(UnseenLabelError, match="'huge'"):
        dist.pmf("huge")
    with pytest.raises(ConfigurationError, match="one for each of 150"):
        dist.pmf(["top"] * 3)


def test_experts_in_another_order_answer_alike(fitted):
    m, X, y = fitted
    other = fit(X, y).relabel([1, 0])
    assert np.allclose(other.predict_proba(X), m.predict_proba(X), atol=1e-14)
    assert np.array_equal(other.predict_experts(X), m.predict_experts(X)[:, ::-1])
    assert np.array_equal(other.expert_mass_, m.expert_mass_[::-1])
    average = softmax(m.expert_intercept_ + m.expert_coef_ @ X.mean(axis=0), axis=1)[:, 0]
    assert average[0] <= average[1]


def test_classes_of_other_names_permute_coefficients():
    X, y = data(300)
    renamed = np.array(["c", "a", "b"])[np.searchsorted(NAMES, y)]
    a, b = (fit(X, labels, k=1, tol=1e-12) for labels in (y, renamed))
    order = np.argsort(["c", "a", "b"])
    assert np.allclose(b.expert_coef_, a.expert_coef_[:, order], atol=1e-6)
    assert b.log_likelihood_ == pytest.approx(a.log_likelihood_, rel=1e-10)


def test_a_split_start_is_not_worse(fitted):
    m, X, y = fitted
    larger = fit(X, y, k=3, init=m.split_start(), max_iter=300)
    assert larger.objective_ >= m.objective_ - 1e-6


def test_warm_start_continues_and_refuses_other_classes():
    X, y = data()
    m = fit(X, y, warm_start=True)
    before = m.objective_
    assert m.fit(X, y).objective_ >= before - 1e-9 * abs(before)
    with pytest.raises(ConfigurationError, match="warm_start=True continues"):
        m.fit(X, np.where(y == "top", "bottom", y))


def test_gates_of_all_kinds():
    X, y = data(300)
    for gate in ("constant", "gaussian", "tree"):
        m = fit(X, y, gate=gate, n_init=2)
        assert np.allclose(m.predict_proba(X).sum(axis=1), 1.0, atol=1e-12)
        assert np.allclose(np.exp(m.score_samples(X, y)), m.predict_dist(X).pmf(y))
        assert m.log_likelihood_ == pytest.approx(m.score_samples(X, y).sum(), rel=1e-9)
    assert hasattr(fit(X, y, gate="gaussian", n_init=2), "joint_log_likelihood_")


# -- class weights ------------------------------------------------------------------------------------------------


def test_class_weights_are_row_weights_and_probabilities_are_corrected():
    X, y = data(400)
    by_label = {"low": 4.0, "top": 2.0}
    weight = np.array([by_label.get(label, 1.0) for label in y])
    plain = fit(X, y, weight * 400 / weight.sum(), weight_type="sampling")
    m = fit(X, y, class_weight=by_label)
    assert m.objective_ == pytest.approx(plain.objective_, rel=1e-9)
    assert m.class_weight_ / m.class_weight_[1] == pytest.approx([4.0, 1.0, 2.0])
    odds = plain.predict_proba(X) / m.class_weight_
    assert np.allclose(m.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), atol=1e-7)
    assert (m.predict(X) == plain.predict(X)).all()
    assert np.allclose(np.einsum("ik,ikc->ic", m.predict_gate(X), m.predict_experts(X)), m.predict_proba(X))
    assert np.allclose(m.responsibilities(X, y), plain.responsibilities(X, y), atol=1e-6)
    assert m.log_likelihood(X, y) == pytest.approx(m.score_samples(X, y).sum())
    assert "no criteria" in str(m.summary()) and "BIC" not in str(m.summary())
    for name in ("aic", "bic", "icl", "icl_hard"):
        refused(
            name + " under class weights",
            ConfigurationError,
            ["class_weight", "log_score"],
            lambda name=name: getattr(m, name)(X, y),
        )


def test_balanced_weights_give_shares_of_the_sample_back(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 1))
    y = (rng.random(3000) < 1.0 / (1.0 + np.exp(3.0 - X[:, 0]))).astype(int)
    m = MoEClassifier(1, class_weight="balanced").fit(X, y)
    plain = MoEClassifier(1).fit(X, y)
    assert m.class_weight_ * np.bincount(y) == pytest.approx([1500.0, 1500.0])
    assert m.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.1)
    assert m.predict(X).mean() > 3.0 * plain.predict(X).mean()
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert again.class_weight == "balanced" and np.array_equal(again.predict_proba(X), m.predict_proba(X))


def test_class_weights_are_checked_and_stored():
    X, y = data()
    for given, words in (
        ({"huge": 2.0}, ["'huge'", "'low'"]),
        ({"low": -1.0}, ["positive"]),
        ({"low": "much"}, ["numbers"]),
        ("even", ["balanced"]),
    ):
        refused("class_weight", ConfigurationError, words, lambda given=given: fit(X, y, class_weight=given))


def test_numbered_class_weights_come_back_from_a_file(tmp_path):
    X, codes = three_classes(120, 1)
    m = fit(X, codes.astype(int), class_weight={0: 2.0, 2: 3.0}, n_init=2)
    m.save(tmp_path / "m.cmoe")
    assert load(tmp_path / "m.cmoe").class_weight == {0: 2.0, 2: 3.0}


# -- company ------------------------------------------------------------------------------------------------------


def test_pipelines_and_cross_validation():
    X, y = data(600)
    model = make_pipeline(StandardScaler(), MoEClassifier(2, expert=MultinomialExpert(ridge=1.0), **QUICK))
    scores = cross_val_score(model, X, y, cv=3)
    assert scores.mean() > 0.45  # a third by chance
    assert cross_val_score(model, X, y, cv=3, scoring="neg_log_loss").mean() > -np.log(3.0)


def test_logs_of_mixtures_do_not_underflow(fitted):
    m, X, _ = fitted
    log_gate = X @ m.gate_coef_.T * 1e3 + m.gate_intercept_
    log_gate -= logsumexp(log_gate, axis=1, keepdims=True)
    logits = 1e3 * np.einsum("kcd,id->ikc", m.expert_coef_, X) + m.expert_intercept_
    expected = logsumexp(log_gate[..., None] + logits - logsumexp(logits, axis=2, keepdims=True), axis=1)
    assert np.allclose(m.predict_log_proba(X * 1e3), np.maximum(expected, -700.0), rtol=1e-9, atol=1e-9)
    least = expected.argmin(axis=1)  # scores go on where probabilities are no numbers any more
    scores = m.score_samples(X * 1e3, m.classes_[least])
    assert np.allclose(scores, expected.min(axis=1), rtol=1e-9, atol=1e-9) and scores.min() < -1e3
