"""Pictures of models for counts, claims, classes and partly known responses: what is drawn is what the model says."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from classicmoe import MoEClassifier, MoERegressor, observed
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts import GammaExpert, PointMass
from classicmoe.plot import ClassDisplay, ExpertDisplay, GateDisplay, GridDisplay

N = 300


@pytest.fixture(scope="module", name="X")
def make_table():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.uniform(20, 70, N).round(1), "place": rng.choice(["town", "country", "isle"], N)})


@pytest.fixture(scope="module")
def claims(X):
    """A Poisson model with exposure, the counts and their exposures."""
    rng = np.random.default_rng(1)
    years = rng.uniform(0.5, 3.0, N)
    often = rng.random(N) < 1.0 / (1.0 + np.exp((45.0 - X["age"]) / 5.0))
    y = pd.Series(rng.poisson(years * np.where(often, 4.0, 0.5)), name="claims")
    return MoERegressor(2, expert="poisson", n_init=1, random_state=0).fit(X, y, exposure=years), y, years


@pytest.fixture(scope="module")
def labels(X):
    rng = np.random.default_rng(2)
    age, middle = X["age"] + rng.normal(0, 8, N), rng.normal(0, 8, N)
    y = pd.Series(np.where(age + middle > 55, "old", np.where(age > 38, "middle", "young")), name="group")
    return MoEClassifier(2, n_init=1, random_state=0).fit(X[["age"]], y), y


def moved(X, value):
    return X.assign(age=value)


def test_exposures_make_rates(X, claims):
    model, y, years = claims
    display = ExpertDisplay.from_estimator(model, X, y, "age", exposure=years, mean=True)
    np.testing.assert_allclose(display.points[:, 1], y / years, rtol=1e-15)
    assert display.ax_.get_ylabel() == "claims per unit of exposure" and display.spread == 0.0
    at = moved(X, display.values[120])
    np.testing.assert_allclose(display.mean[120], model.predict(at).mean(), rtol=1e-12)
    resp = model.responsibilities(X, y, exposure=years)
    np.testing.assert_allclose(display.responsibilities, resp, rtol=1e-12)
    expected = (resp * model.predict_experts(at)).sum(axis=0) / resp.sum(axis=0)
    np.testing.assert_allclose(display.predictions[120], expected, rtol=1e-12)
    named = ExpertDisplay.from_estimator(model, X, y, "age", exposure=pd.Series(years, name="years"))
    assert named.ax_.get_ylabel() == "claims per unit of years"


def test_offsets_go_with_their_rows_and_gates_do_not_need_them(X, claims):
    _, y, years = claims
    model = MoERegressor(2, expert="poisson", n_init=1, random_state=0).fit(X, y, offset=np.log(years))
    display = ExpertDisplay.from_estimator(model, X, y, "age", offset=np.log(years), mean=True)
    at = moved(X, display.values[50])
    np.testing.assert_allclose(display.mean[50], model.predict(at, offset=np.log(years)).mean(), rtol=1e-12)
    gate = GateDisplay.from_estimator(model, X, "age")
    at = model.predict_gate(moved(X, gate.values[9]), offset=np.log(years)).mean(axis=0)
    np.testing.assert_allclose(gate.probabilities[9], at, rtol=1e-12)


def test_a_log_link_is_a_curve_in_units_of_y(X, claims):
    _, y, _ = claims
    model = MoERegressor(1, expert="poisson").fit(X[["age"]], y)
    display = ExpertDisplay.from_estimator(model, X[["age"]], y, "age")
    curve = np.exp(model.expert_intercept_[0] + model.expert_coef_[0, 0] * display.values)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), curve, rtol=1e-12)


@pytest.mark.parametrize("feature", ["age", "place"])
def test_equal_counts_do_not_hide_each_other(X, claims, feature):
    _, y, _ = claims
    model = MoERegressor(1, expert="poisson").fit(X, y)
    display = ExpertDisplay.from_estimator(model, X, y, feature)
    np.testing.assert_array_equal(display.points[:, 1], y)
    drawn = np.asarray(display.points_.get_offsets())[:, int(feature == "age")]
    assert np.abs(drawn - y).max() <= 0.25 and len(np.unique(drawn)) > 0.9 * N


@pytest.mark.parametrize("feature", ["age", "place"])
def test_rows_far_off_are_counted_and_not_drawn(X, feature, boxes_apart):
    rng = np.random.default_rng(3)
    y = X["age"] / 10.0 + rng.normal(size=N)
    y.iloc[:2], y.iloc[2] = 2000.0, -900.0
    model = MoERegressor(1, expert="student_t").fit(X, y)
    display = ExpertDisplay.from_estimator(model, X, y, feature)
    low, high = display.ax_.get_ylim() if feature == "age" else display.ax_.get_xlim()
    assert low > -30.0 and high < 40.0
    above, below = (text.get_text() for text in display.beyond_)
    assert above.startswith("2 rows") and above.endswith("the farthest at 2,000")
    assert below.startswith("1 row ") and below.endswith("the farthest at -900")
    boxes_apart(display.figure_, display.beyond_)


def test_what_is_partly_known_is_hollow_and_lines_may_leave_the_data(X):
    rng = np.random.default_rng(4)
    loss = np.exp(X["age"] / 20.0 + 0.3 * rng.normal(size=N)).to_numpy()
    y = observed(np.minimum(loss, 10.0), np.where(loss > 10.0, np.inf, np.minimum(loss, 10.0)))
    model = MoERegressor(1, expert="log_normal").fit(X, y)
    display = ExpertDisplay.from_estimator(model, X, y, "age")
    np.testing.assert_array_equal(display.partly, loss > 10.0)
    assert (display.points_.get_facecolors()[:, 3] == 0.0).tolist() == display.partly.tolist()
    assert display.points[:, 1].max() == 10.0 < display.predictions.max() <= display.ax_.get_ylim()[1]


def test_one_class_and_its_experts(X, labels):
    model, y = labels
    table = X[["age"]]
    display = ExpertDisplay.from_estimator(model, table, y, "age", output="middle", mean=True)
    assert display.ax_.get_ylabel() == "P(group = middle)"
    np.testing.assert_array_equal(display.points[:, 1], y == "middle")
    at = np.full((1, 1), display.values[70])
    here = pd.DataFrame(at, columns=["age"])
    np.testing.assert_allclose(display.predictions[70], model.predict_experts(here)[0, :, 0], rtol=1e-9)
    np.testing.assert_allclose(display.mean[70], model.predict_proba(here)[0, 0], rtol=1e-9)
    assert ExpertDisplay.from_estimator(model, table, y, "age").response_name == "P(group = young)"
    with pytest.raises(ConfigurationError, match=r"one of the classes 'middle', 'old', 'young', got 'ancient'"):
        ExpertDisplay.from_estimator(model, table, y, "age", output="ancient")


def test_all_classes(X, labels, boxes_apart):
    model, _ = labels
    figure, ax = pyplot.subplots()
    display = ClassDisplay.from_estimator(model, X[["age"]], "age", ax=ax)
    assert display.ax_ is ax and [text.get_text() for text in display.labels_] == ["middle", "old", "young"]
    here = pd.DataFrame({"age": display.values[[5, 150]]})
    np.testing.assert_allclose(display.probabilities[[5, 150]], model.predict_proba(here), rtol=1e-9)
    assert display.values[0] == X["age"].min() and display.values[-1] == X["age"].max()
    boxes_apart(figure, display.labels_)


def test_classes_along_levels_and_of_numbers(X, labels, claims):
    _, y = labels
    model = MoEClassifier(1).fit(X, y)
    display = ClassDisplay.from_estimator(model, X, "place")
    assert len(display.bars_) == 3 and display.levels == ["country", "isle", "town"]
    np.testing.assert_allclose(display.probabilities.sum(axis=1), 1.0, rtol=1e-12)
    with pytest.raises(ConfigurationError, match="has no classes: use ExpertDisplay"):
        ClassDisplay.from_estimator(claims[0], X, "age")


def test_a_list_of_families(X):
    rng = np.random.default_rng(5)
    y = np.where(rng.random(N) < 0.4, 0.0, rng.gamma(3.0, np.exp(X["age"] / 30.0)))
    model = MoERegressor(2, expert=[PointMass(0.0), GammaExpert()], n_init=1, random_state=0).fit(X, y)
    display = ExpertDisplay.from_estimator(model, X, y, "age")
    assert (display.predictions[:, 0] == 0.0).all() and (np.diff(display.predictions[:, 1]) > 0.0).all()
    assert "point_mass, gamma experts" in model.summary() and "(family)" not in model.summary()


@pytest.mark.parametrize("before", [True, False])
def test_titles_stay_clear_of_what_stands_above_the_axes(X, claims, before, boxes_apart):
    model, y, years = claims
    results = pd.DataFrame({"n_experts": [1, 2], "degree": [1, 2], "bic": [3.0, 1.0], "verdict": ["OK", "OK"]})
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    drawings = (
        lambda ax: GateDisplay.from_estimator(model, X, "place", ax=ax),
        lambda ax: ExpertDisplay.from_estimator(model, X, y, "place", ax=ax, exposure=years),
        lambda ax: GridDisplay.from_results(results, by="degree", ax=ax),
        lambda ax: GateDisplay.from_estimator(model, X, "age", ax=ax),
    )
    above = []
    for ax, draw in zip(axes.ravel(), drawings, strict=True):
        if before:
            ax.set_title("a title in the middle")
        display = draw(ax)
        if not before:
            ax.set_title("a title in the middle")
        legend = ax.get_legend()
        above += [ax.title, *(legend.get_texts() if legend else [getattr(display, "title_", ax.xaxis.label)])]
    boxes_apart(figure, above)


def test_the_summary_names_what_rows_carried(claims):
    assert "exposure: given" in claims[0].summary()
