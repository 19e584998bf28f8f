"""Number of experts and polynomial order chosen together (Mendes and Jiang, Neural Computation 2012)."""

import warnings

import numpy as np
import pytest
from numpy.polynomial import legendre
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from classicmoe import MoEClassifier, MoERegressor, MoESelector
from classicmoe.exceptions import ClassicMoEWarning, CollinearColumnsWarning, ConfigurationError
from classicmoe.experts import GaussianExpert
from classicmoe.gates import TreeGate
from tests.cases import glm, heavy_tails, three_classes

DEGREES = [1, 2, 3]
GRID = {"n_experts": [1, 2, 3], "expert_features__degree": DEGREES}
# One start each of models that are too large; and two lines are told apart perfectly by the gate.
quiet = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")


def powers(degree):
    return PolynomialFeatures(degree, include_bias=False)


def scaled_powers(degree):
    return make_pipeline(MinMaxScaler((-1.0, 1.0)), powers(degree))


def curve(n, mean, noise, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, n)
    return x[:, None], mean(x) + noise * rng.normal(size=n)


@pytest.fixture(scope="module")
def estimator():
    """Experts of one scale, so that none rests on a spike, and one bad start."""
    scale = GaussianExpert(scale="shared")
    return MoERegressor(expert=scale, expert_features=powers(1), init="parameters", n_init=1, random_state=2)


@pytest.fixture(scope="module")
def two_lines():
    return curve(150, lambda x: np.where(x > 0.2, 1.0 - 2.0 * x, x - 1.0), 0.2)


@pytest.fixture(scope="module")
def lines_by_degree(two_lines, estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ClassicMoEWarning)
        return MoESelector(estimator, GRID).fit(*two_lines)


@pytest.mark.parametrize("make", [powers, scaled_powers])
def test_one_expert_of_degree_k_is_the_polynomial_of_least_squares(make):
    X, y = curve(200, lambda x: np.sin(3.0 * x), 0.2)
    low, high = (0.0, 1.0) if make is powers else (100.0, 101.0)
    for degree in (1, 2, 3, 5):
        model = MoERegressor(1, expert_features=make(degree)).fit(low + (high - low) * (X + 1.0) / 2.0, y)
        basis = legendre.legvander(X[:, 0], degree)
        fitted = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
        np.testing.assert_allclose(model.predict(low + (high - low) * (X + 1.0) / 2.0), fitted, atol=1e-8)
        variance = np.mean((y - fitted) ** 2)
        assert model.log_likelihood_ == pytest.approx(-100.0 * (np.log(2.0 * np.pi * variance) + 1.0), abs=1e-8)


def test_powers_that_rounding_cannot_tell_apart_are_left_out_with_the_cure():
    X, y = curve(200, lambda x: np.sin(3.0 * x), 0.2)
    with pytest.warns(CollinearColumnsWarning, match=r"'x0\^3' is a linear .*make_pipeline\(MinMaxScaler\(\(-1, 1\)\)"):
        MoERegressor(1, expert_features=powers(3)).fit(0.5 * X + 100.5, y)


@quiet
def test_a_cubic_is_one_expert_of_order_three(estimator):
    X, y = curve(300, lambda x: 1.0 - 2.0 * x + 0.5 * x**2 + 3.0 * x**3, 0.3)
    grid = {"n_experts": [1, 2], "expert_features__degree": [1, 2, 3, 4]}
    assert MoESelector(estimator, grid).fit(X, y).best_params_ == {"n_experts": 1, "expert_features__degree": 3}


def test_two_lines_are_two_experts_of_order_one(lines_by_degree):
    assert lines_by_degree.best_params_ == {"n_experts": 2, "expert_features__degree": 1}


@quiet
def test_of_a_sine_few_experts_of_higher_order_win(estimator):
    X, y = curve(400, lambda x: np.sin(np.pi * (x + 1.0)), 0.3)
    grid = {"n_experts": [1, 2, 3], "expert_features__degree": [1, 2]}
    selector = MoESelector(clone(estimator).set_params(init="segments"), grid).fit(X, y)
    best = {"n_experts": 2, "expert_features__degree": 2}
    assert selector.best_params_ == best
    lines = selector.results_.query("expert_features__degree == 1")
    assert lines.loc[lines["bic"].idxmin(), "n_experts"] == 3


@quiet
def test_likelihood_falls_neither_with_the_order_nor_with_the_number_of_experts(lines_by_degree, two_lines, estimator):
    results = lines_by_degree.results_
    table = results.pivot(index="n_experts", columns="expert_features__degree", values="log_likelihood").to_numpy()
    single = [clone(estimator).set_params(n_experts=2, expert_features__degree=d).fit(*two_lines) for d in DEGREES]
    assert min(np.diff([model.log_likelihood_ for model in single])) < -1.0  # or this shows nothing
    for axis in (0, 1):
        assert np.diff(table, axis=axis).min() > -0.01  # less counts as the same solution
    found = results.query("start == 'nested'")
    assert "found by giving the experts of the smaller model more columns" in found["sentence"].iloc[0]


@quiet
@pytest.mark.parametrize("make", [powers, scaled_powers])
def test_objects_pipelines_and_named_degrees_are_the_same_grid(lines_by_degree, two_lines, estimator, make):
    grid = {"n_experts": [1, 2], "expert_features": [make(degree) for degree in DEGREES]}
    selector = MoESelector(clone(estimator).set_params(expert_features=None, init="segments"), grid).fit(*two_lines)
    assert selector.results_["expert_features"].tolist() == [f"degree {d}" for d in DEGREES for _ in (1, 2)]
    named = lines_by_degree.results_.query("n_experts < 3")
    # Fits end when 1e-8 per row, 1.5e-6 in all, are still to be gained.
    np.testing.assert_allclose(selector.results_["log_likelihood"], named["log_likelihood"], rtol=0.0, atol=1e-5)
    assert repr(selector.best_params_["expert_features"]) == repr(make(1))
    assert "chosen   K=2, expert_features=degree 1 by BIC" in selector.summary()


def test_a_degree_inside_a_pipeline_can_be_named(two_lines, estimator):
    grid = {"n_experts": [1], "expert_features__polynomialfeatures__degree": [1, 2]}
    selector = MoESelector(clone(estimator).set_params(expert_features=scaled_powers(1)), grid).fit(*two_lines)
    assert selector.best_params_["expert_features__polynomialfeatures__degree"] == 2
    assert selector.best_estimator_.get_params()["expert_features__polynomialfeatures__degree"] == 2


@quiet
def test_a_resumed_grid_gives_what_one_never_interrupted_gives(two_lines, estimator, tmp_path):
    def stop(done, total, row, left):
        assert total == 4 + 3
        if done == 6:
            raise KeyboardInterrupt

    grid = {"n_experts": [2, 3], "expert_features__degree": [2, 3]}
    whole = MoESelector(estimator, grid).fit(*two_lines)
    selector = clone(whole).set_params(resume=tmp_path / "grid.jsonl", callback=stop)
    with pytest.raises(KeyboardInterrupt):
        selector.fit(*two_lines)
    resumed = selector.set_params(callback=None).fit(*two_lines)
    assert "nested" in set(whole.results_["start"])
    assert resumed.results_.drop(columns="seconds").equals(whole.results_.drop(columns="seconds"))


def classes(n, seed):
    X, y = three_classes(n, seed)
    return X, y.astype(int)


@quiet
@pytest.mark.parametrize(
    ("estimator", "simulate"),
    [
        (MoERegressor(2), heavy_tails),
        (MoERegressor(2, expert="student_t"), heavy_tails),
        (MoERegressor(2, expert=["gaussian", "laplace"]), heavy_tails),
        (MoERegressor(3, gate=TreeGate()), heavy_tails),
        (MoERegressor(2, gate="gaussian"), heavy_tails),
        (MoERegressor(2, expert="poisson"), glm("poisson")),
        (MoERegressor(2, expert="zero_inflated_poisson"), glm("poisson")),
        (MoEClassifier(2), classes),
    ],
)
def test_a_nested_start_begins_where_the_smaller_model_ended(estimator, simulate):
    X, y = simulate(200, 0)
    estimator.set_params(n_init=1, random_state=0, max_iter=40, gate_features=[0, 1])
    smaller = clone(estimator).set_params(expert_features=powers(1)).fit(X, y)
    larger = clone(estimator).set_params(expert_features=powers(2)).fit(X, y)
    both = clone(larger).set_params(init=smaller.nested_start(larger.expert_features_.names_out)).fit(X, y)
    (nested,) = [start for start in both.starts_ if start["kind"] == "nested"]
    assert nested["path"][0] == pytest.approx(smaller.objective_, rel=1e-9)
    assert np.diff(nested["path"]).min() >= -1e-9 * abs(smaller.objective_)
    assert both.objective_ >= max(larger.objective_, smaller.objective_) - 1e-5


def test_a_nested_start_of_another_model_is_refused(two_lines):
    X, y = two_lines
    model = MoERegressor(1, expert_features=powers(2)).fit(X, y)
    with pytest.raises(ConfigurationError, match=r"the columns 'x0', 'x0\^2', and these among the columns given: 'x0'"):
        model.nested_start(["x0"])
    with pytest.raises(ConfigurationError, match="with 1 experts on some of the columns, not of n_experts=2"):
        MoERegressor(2, expert_features=powers(3), init=model.nested_start(["x0", "x0^2", "x0^3"])).fit(X, y)
