"""scikit-learn's checks, and the same promises on well-posed data where a check cannot be met."""

import pickle
from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from classicmoe import GaussianGatedMoERegressor, MoERegressor
from classicmoe.experts import GaussianExpert
from classicmoe.gates import SoftmaxGate
from tests.cases import CROSS, gaussian_only, two_regimes

NEEDS_Y = (
    "score_samples(X, y) is the log of a conditional density p(y | x), so it needs y, and the check calls "
    "score_samples(X). Our own tests run both invariances for every method, score_samples(X, y) among them."
)
EXPECTED = {
    "check_methods_sample_order_invariance": NEEDS_Y,
    "check_methods_subset_invariance": NEEDS_Y,
    "check_sample_weight_equivalence_on_dense_data": (
        "The data of the check have 9 distinct rows and 30 columns: an expert can interpolate its rows, the likelihood "
        "is unbounded and no maximum exists, so the fit is refused. tests/models/test_weights.py checks that weights "
        "equal copies, starts included, on data with more rows than coefficients."
    ),
}


# What is expected to fail must fail (xfail_strict). Two short climbs are enough for promises that are not about maxima.
@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@parametrize_with_checks(
    [MoERegressor(n_init=2, max_iter=30, random_state=0)], expected_failed_checks=lambda _: EXPECTED
)
def test_check_estimator(estimator, check):
    check(estimator)


GAUSSIAN = {name: why for name, why in EXPECTED.items() if why is NEEDS_Y}


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@parametrize_with_checks(
    [GaussianGatedMoERegressor(n_init=2, max_iter=30, random_state=0)], expected_failed_checks=lambda _: GAUSSIAN
)
def test_check_estimator_with_gaussian_gates(estimator, check):
    check(estimator)


METHODS = {
    "predict": lambda m, X, y: m.predict(X),
    "predict_gate": lambda m, X, y: m.predict_gate(X),
    "predict_experts": lambda m, X, y: m.predict_experts(X),
    "responsibilities": lambda m, X, y: m.responsibilities(X, y),
    "score_samples": lambda m, X, y: m.score_samples(X, y),
    "logpdf": lambda m, X, y: m.predict_dist(X).logpdf(y),
    "quantile": lambda m, X, y: m.predict_dist(X).quantile(0.3) if y.ndim == 1 else m.predict(X),
}


@pytest.fixture(scope="module")
def fitted():
    """Models fitted to 150 rows, by name of the case, each once."""

    @cache
    def fit(name):
        X, y = CROSS[name].simulate(150, 0)
        return CROSS[name].estimator(n_init=2, max_iter=20).fit(X, y), X, y

    return fit


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", gaussian_only(CROSS))
def test_rows_are_treated_one_by_one_whatever_their_order_and_company(name, method, fitted):
    model, X, y = fitted(name)
    ask = METHODS[method]
    whole = ask(model, X, y)
    order = np.random.default_rng(0).permutation(150)
    assert np.allclose(ask(model, X[order], y[order]), whole[order], rtol=1e-12, atol=1e-12)
    parts = [ask(model, X[i : i + 7], y[i : i + 7]) for i in range(0, 150, 7)]
    assert np.allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-12)
    assert np.allclose(ask(model, X[3:4], y[3:4]), whole[3:4], rtol=1e-12, atol=1e-12)


def test_clone_copies_settings_and_nothing_else():
    X, y = two_regimes()
    model = MoERegressor(2, SoftmaxGate("mm", 0.1), GaussianExpert("shared"), n_init=2, random_state=0).fit(X, y)
    copy = clone(model)
    assert copy.get_params() == {**model.get_params(), "gate": copy.gate, "expert": copy.expert}
    assert copy.gate is not model.gate and copy.gate.get_params() == model.gate.get_params()
    assert not [name for name in vars(copy) if name.endswith("_")]
    with pytest.raises(NotFittedError):
        copy.predict(X)


def test_fit_does_not_touch_settings_or_data():
    X, y = two_regimes()
    gate, features = SoftmaxGate(), PolynomialFeatures(2, include_bias=False)
    model = MoERegressor(2, gate, expert_features=features, n_init=2, random_state=0)
    before = model.get_params()
    X.flags.writeable = y.flags.writeable = False
    kept = X.tobytes(), y.tobytes()
    model.fit(X, y)
    assert model.get_params() == before
    assert model.gate is gate and not hasattr(features, "n_output_features_")
    assert (X.tobytes(), y.tobytes()) == kept


def test_pickle_gives_the_same_answers():
    X, y = two_regimes()
    model = MoERegressor(2, expert_features=PolynomialFeatures(2, include_bias=False), n_init=3, random_state=0).fit(
        X, y
    )
    again = pickle.loads(pickle.dumps(model))
    for ask in METHODS.values():
        assert ask(again, X, y).tobytes() == ask(model, X, y).tobytes()
    assert again.verdict_ == model.verdict_ and again.status_ is model.status_
    assert str(again.summary()) == str(model.summary())


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
def test_grids_reach_into_gate_and_expert():
    X, y = two_regimes()
    search = GridSearchCV(
        MoERegressor(2, SoftmaxGate(), GaussianExpert(), n_init=4, random_state=0),
        {"gate__ridge": [1e-3, 50.0], "expert__scale": ["own", "shared"], "expert_features": [None, [0]]},
        cv=2,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_params_["expert_features"] is None
    assert search.predict(X).shape == y.shape


def test_pipelines_and_cross_validation():
    X, y = two_regimes(300)
    model = make_pipeline(StandardScaler(), MoERegressor(2, n_init=5, random_state=0))
    scores = cross_val_score(model, X, y, cv=3)
    linear = cross_val_score(MoERegressor(1), X, y, cv=3)
    assert (scores > linear).all()


def test_unfitted_models_say_so():
    X, y = two_regimes(20)
    model = MoERegressor()
    for ask in (*METHODS.values(), lambda m, X, y: m.score(X, y), lambda m, X, y: m.bic(X, y)):
        with pytest.raises(NotFittedError):
            ask(model, X, y)
    for name in ("summary", "coefficients", "gate_contrasts"):
        with pytest.raises(NotFittedError):
            getattr(model, name)()
    with pytest.raises(NotFittedError):
        model.relabel([0, 1])
    with pytest.raises(NotFittedError):
        model.save("nowhere.cmoe")
