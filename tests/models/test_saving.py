"""A saved model answers every question as the fitted one does, and a second file is the same bytes."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

from classicmoe import MoERegressor, load
from classicmoe.exceptions import ClassicMoEError, ModelFileError
from classicmoe.experts import GaussianExpert
from classicmoe.gates import GaussianGate, SoftmaxGate
from tests.cases import CASES, gaussian_only, over, two_regimes

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]


def saved_and_loaded(model, folder):
    model.save(folder / "model.cmoe")
    return load(folder / "model.cmoe")


def assert_same_answers(a, b, X, y):
    for name in ("predict", "predict_gate", "predict_experts"):
        assert getattr(a, name)(X).tobytes() == getattr(b, name)(X).tobytes(), name
    for name in ("responsibilities", "score_samples"):
        assert getattr(a, name)(X, y).tobytes() == getattr(b, name)(X, y).tobytes(), name
    for name in ("score", "log_likelihood", "aic", "bic", "icl", "icl_hard"):
        assert getattr(a, name)(X, y) == getattr(b, name)(X, y), name
    assert a.sample(X, random_state=0).tobytes() == b.sample(X, random_state=0).tobytes()
    assert str(a.summary()) == str(b.summary())
    pd.testing.assert_frame_equal(a.coefficients(), b.coefficients())


def assert_same_attributes(a, b):
    ours, theirs = ({name for name in vars(m) if name.endswith("_")} for m in (a, b))
    assert ours == theirs
    for name in ours - {"coder_", "gate_features_", "expert_features_", "starts_"}:
        one, two = getattr(a, name), getattr(b, name)
        assert type(one) is type(two), name
        assert np.array_equal(one, two) if isinstance(one, np.ndarray) else one == two, name
    assert a.gate_features_.names_out == b.gate_features_.names_out
    assert a.expert_features_.names_out == b.expert_features_.names_out
    for one, two in zip(a.starts_, b.starts_, strict=True):
        assert one.keys() == two.keys()
        for key in ("start", "kind", "seed", "status", "reached", "n_iter", "degenerate", "suspect"):
            assert one[key] == two[key]
        assert np.allclose(one["path"], two["path"], rtol=0.0, atol=0.0)


@over(gaussian_only(CASES))
def test_every_case_comes_back(case, tmp_path):
    X, y = case.simulate(80, 0)
    m = case.estimator(n_init=3, max_iter=30).fit(X, y)
    again = saved_and_loaded(m, tmp_path)
    assert_same_answers(m, again, X, y)
    assert_same_attributes(m, again)
    assert again.get_params()["gate__ridge" if case.gate.name == "softmax" else "n_experts"] is not None
    assert type(again.gate) is type(m.gate) and again.expert.get_params() == m.expert.get_params()
    again.save(tmp_path / "again.cmoe")
    assert (tmp_path / "again.cmoe").read_bytes() == (tmp_path / "model.cmoe").read_bytes()


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ConstantColumnWarning")
@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.CollinearColumnsWarning")
@pytest.mark.parametrize("covariance", ("full", "diag", "spherical"))
def test_a_density_without_the_columns_that_were_left_out_comes_back(covariance, tmp_path):
    X, y = two_regimes(100)
    spoilt = np.column_stack([np.ones(100), X[:, 0], 2.0 * X[:, 0], X[:, 1]])
    m = MoERegressor(2, GaussianGate(covariance), n_init=2, random_state=0).fit(spoilt, y)
    again = saved_and_loaded(m, tmp_path)
    assert again.gate_kept_ == m.gate_kept_ == [1, 3]
    assert_same_answers(m, again, spoilt, y)
    assert_same_attributes(m, again)


def frame(n=120):
    rng = np.random.default_rng(0)
    X, y = two_regimes(n)
    return pd.DataFrame(
        {"a": X[:, 0], "b b": X[:, 1], "kind": rng.choice(["x", "y", "ü"], n), "ok": rng.random(n) < 0.5}
    ), y


@pytest.mark.parametrize(
    "sides",
    (
        {},
        {"gate_features": ["a"], "expert_features": ["b b", "kind"]},
        {"gate_features": [], "expert_features": ["ok"]},
        {"expert_features": "a + I(a**2) + kind", "gate_features": "a"},
        {"expert_features": [0, 1], "gate_features": np.array([1])},
    ),
)
def test_frames_levels_and_formulas_come_back(sides, tmp_path):
    data, y = frame()
    m = MoERegressor(2, n_init=3, random_state=0, **sides).fit(data, pd.Series(y, name="profit"))
    again = saved_and_loaded(m, tmp_path)
    assert_same_answers(m, again, data, y)
    assert_same_attributes(m, again)
    assert again.response_name_ == "profit" and list(again.feature_names_in_) == list(data.columns)
    shuffled = data[["ok", "kind", "b b", "a"]].iloc[::-1]
    assert np.array_equal(again.predict(shuffled), m.predict(data)[::-1])
    assert repr(again) == repr(m) or isinstance(sides.get("gate_features"), np.ndarray)


def test_transformers_come_back(tmp_path):
    pytest.importorskip("skops")
    X, y = two_regimes(100)
    m = MoERegressor(
        2,
        gate_features=StandardScaler(),
        expert_features=make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False)),
        n_init=2,
        random_state=0,
    ).fit(X, y)
    again = saved_and_loaded(m, tmp_path)
    assert_same_answers(m, again, X, y)
    assert_same_attributes(m, again)


def test_what_cannot_be_stored_is_said_before_anything_is_written(tmp_path):
    pytest.importorskip("skops")
    X, y = two_regimes(60)
    path = tmp_path / "model.cmoe"
    path.write_bytes(b"precious")
    m = MoERegressor(1, expert_features=FunctionTransformer(lambda values: np.sin(values))).fit(X, y)
    with pytest.raises(ClassicMoEError):
        m.save(path)
    assert path.read_bytes() == b"precious"


def test_settings_survive_and_a_loaded_model_can_be_fitted_again(tmp_path):
    X, y = two_regimes(100)
    m = MoERegressor(
        2, SoftmaxGate("mm", 0.5), GaussianExpert("shared"), n_init=3, tol=1e-6, max_iter=70, random_state=5
    )
    again = saved_and_loaded(m.fit(X, y), tmp_path)
    settings = (
        "n_experts",
        "n_init",
        "tol",
        "max_iter",
        "acceleration",
        "weight_type",
        "init",
        "unseen",
        "random_state",
    )
    assert [getattr(m, name) for name in settings] == [getattr(again, name) for name in settings]
    refitted = copy.deepcopy(again).fit(X, y)
    assert refitted.expert_coef_.tobytes() == m.expert_coef_.tobytes()
    again.set_params(warm_start=True).fit(X, y)
    assert again.log_likelihood_ >= m.log_likelihood_ - 1e-9 * abs(m.log_likelihood_)
    assert again.starts_[0]["kind"] == "given"


@pytest.mark.parametrize(
    "random_state", (None, np.random.RandomState(0), np.int64(3)), ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("init", ("auto", "array"))
def test_settings_that_are_not_plain(random_state, init, tmp_path):
    X, y = two_regimes(60)
    resp = np.random.default_rng(0).dirichlet([1.0, 1.0], 60)
    m = MoERegressor(2, n_init=2, random_state=random_state, init="auto" if init == "auto" else resp).fit(X, y)
    assert_same_answers(m, saved_and_loaded(m, tmp_path), X, y)


def test_starts_that_never_ran_come_back(tmp_path):
    # Equal starts are dropped and have no objective.
    X, y = np.repeat([[0.0], [1.0], [2.0]], 20, axis=0), np.random.default_rng(0).normal(size=60)
    m = MoERegressor(2, init="k-means on x", n_init=6, random_state=0).fit(X, y)
    assert "DUPLICATE" in [start["status"] for start in m.starts_]
    again = saved_and_loaded(m, tmp_path)
    assert [start["objective"] for start in again.starts_] == [start["objective"] for start in m.starts_]


@pytest.mark.parametrize(
    ("name", "spoil"),
    (
        ("gate_means_", lambda a: a[:, :1]),
        ("gate_weights_", lambda a: a[:1]),
        ("gate_covariances_", lambda a: a[:, 0]),
        ("gate_covariances_", lambda a: a[:, :1, :1]),
        ("gate_means_", lambda a: a * np.nan),
        ("gate_coef_", lambda a: a[:, :1]),
        ("gate_intercept_", lambda a: a[:1]),
        ("expert_coef_", lambda a: a[..., :1]),
        ("expert_intercept_", lambda a: a[:1]),
        ("expert_scale_", lambda a: a[:1]),
        ("expert_covariances_", lambda a: a[:, 0]),
        ("expert_covariances_", lambda a: -a),
        ("expert_mass_", lambda a: a[:1]),
        ("expert_coef_", lambda a: a * np.nan),
    ),
)
def test_arrays_that_do_not_fit_are_refused_on_loading(name, spoil, tmp_path):
    from classicmoe.archive import read_archive, write_archive

    X, y = two_regimes(60)
    path = tmp_path / "model.cmoe"
    gate = "softmax" if name in ("gate_coef_", "gate_intercept_") else "gaussian"
    MoERegressor(2, gate, n_init=2, random_state=0).fit(X, y).save(path)
    header, arrays, blobs = read_archive(path)
    arrays[name] = np.ascontiguousarray(spoil(arrays[name]))
    try:
        write_archive(path, header, arrays, blobs)
    except (ValueError, ModelFileError):
        return  # not even the archive takes it
    with pytest.raises(ModelFileError):
        load(path)
