"""Ordinal experts against statsmodels, and what must hold for classes in an order."""

import numpy as np
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from classicmoe import MoEClassifier, MoERegressor, load
from classicmoe.exceptions import ConfigurationError
from tests.cases import ordered_classes

X, CODES = ordered_classes(400, 0)
Y = CODES.astype(int)


@pytest.fixture(scope="module")
def one():
    return MoEClassifier(1, expert="ordinal", tol=1e-12).fit(X, Y)


def test_one_expert_is_the_proportional_odds_model(one):
    peer = OrderedModel(Y, X, distr="logit")
    fit = peer.fit(method="newton", disp=0, tol=1e-12, maxiter=200)
    assert one.log_likelihood_ == pytest.approx(fit.llf, rel=1e-8)
    np.testing.assert_allclose(one.expert_coef_[0], fit.params[:2], atol=1e-5)
    thresholds = one.expert_thresholds_[0] - one.expert_intercept_[0]
    np.testing.assert_allclose(thresholds, peer.transform_threshold_params(fit.params)[1:-1], atol=1e-5)
    np.testing.assert_allclose(one.predict_proba(X), fit.predict(X), atol=1e-6)


def test_weights_are_copies(one):
    weight = np.random.default_rng(1).integers(0, 3, len(Y))
    weighted = MoEClassifier(1, expert="ordinal", tol=1e-12).fit(X, Y, weight)
    copied = MoEClassifier(1, expert="ordinal", tol=1e-12).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), copied.predict_proba(X), atol=1e-7)


def test_two_classes_are_a_logistic_regression():
    upper = Y > 1
    ordinal = MoEClassifier(1, expert="ordinal", tol=1e-12).fit(X, upper)
    logit = MoEClassifier(1, tol=1e-12).fit(X, upper)
    assert ordinal.log_likelihood_ == pytest.approx(logit.log_likelihood_, rel=1e-10)
    np.testing.assert_allclose(ordinal.predict_proba(X), logit.predict_proba(X), atol=1e-6)


def test_the_order_turned_round_turns_the_signs(one):
    turned = MoEClassifier(1, expert="ordinal", tol=1e-12).fit(X, 3 - Y)
    np.testing.assert_allclose(turned.expert_coef_, -one.expert_coef_, atol=1e-5)
    np.testing.assert_allclose(turned.predict_proba(X)[:, ::-1], one.predict_proba(X), atol=1e-6)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")
def test_two_experts_whose_signals_go_opposite_ways(one, tmp_path):
    two = MoEClassifier(2, expert="ordinal", n_init=6, random_state=0).fit(X, Y)
    assert two.bic(X, Y) < one.bic(X, Y)
    assert two.expert_coef_[0, 1] * two.expert_coef_[1, 1] < 0.0
    np.testing.assert_allclose(two.predict_proba(X).sum(axis=1), 1.0, atol=1e-12)
    assert "(threshold 1)" in two.summary()
    two.save(tmp_path / "m.cmoe")
    np.testing.assert_array_equal(load(tmp_path / "m.cmoe").predict_proba(X), two.predict_proba(X))


def test_numbers_have_another_estimator():
    with pytest.raises(ConfigurationError, match="'ordinal' is a family for classes: use MoEClassifier"):
        MoERegressor(2, expert="ordinal").fit(X, CODES)
