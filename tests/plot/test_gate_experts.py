"""GateDisplay and ExpertDisplay: the numbers against loops, the artists, frames of all kinds."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from classicmoe.exceptions import ColumnError, ConfigurationError, DataError
from classicmoe.plot import ExpertDisplay, GateDisplay
from classicmoe.plot.palette import expert_colors
from tests.plot.fake import FakeMoE

REGIONS = ["north", "south", "west"]


@pytest.fixture
def model():
    """Three experts on age, region (two dummies) and a truth value."""
    rng = np.random.default_rng(0)
    gate = rng.normal(size=(3, 4)) * [0.08, 1.0, 1.0, 1.0]
    experts = rng.normal(size=(3, 4)) * [0.2, 2.0, 2.0, 2.0]
    return FakeMoE(
        gate, [0.0, -2.0, 3.0], experts, [0.0, 5.0, 20.0], [1.0, 1.5, 2.0], {"region": REGIONS, "new": [False, True]}
    )


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    n = 300
    return pd.DataFrame(
        {
            "age": rng.normal(45.0, 12.0, n),
            "region": rng.choice(REGIONS, n, p=[0.5, 0.3, 0.2]),
            "new": rng.random(n) < 0.3,
        },
        index=rng.permutation(n) + 1000,
    )


def response(model, frame, seed=2):
    rng = np.random.default_rng(seed)
    chosen = (rng.random(len(frame))[:, None] > model.predict_gate(frame).cumsum(axis=1)).sum(axis=1)
    means = model.predict_experts(frame)[np.arange(len(frame)), chosen]
    return pd.Series(means + model.scale[chosen] * rng.normal(size=len(frame)), index=frame.index, name="cost")


def moved(frame, name, value):
    return frame.assign(**{name: value})


# ---------------------------------------------------------------- what is computed


def test_gate_is_the_average_with_the_column_moved(model, frame):
    display = GateDisplay.from_estimator(model, frame, "age", grid_resolution=7)
    low, high = frame["age"].quantile([0.05, 0.95])
    assert_allclose(display.values, np.linspace(low, high, 7))
    expected = [model.predict_gate(moved(frame, "age", v)).mean(axis=0) for v in display.values]
    assert_allclose(display.probabilities, expected, rtol=1e-12)
    given = GateDisplay.from_estimator(model, frame, "age", grid=[60.0, 20.0, 40.0])
    assert_array_equal(given.values, [20.0, 40.0, 60.0])


@pytest.mark.parametrize("name, levels", [("region", REGIONS), ("new", ["False", "True"])])
@pytest.mark.parametrize("kind", ["pandas", "category", "polars"])
def test_gate_along_levels(model, frame, name, levels, kind):
    expected = [model.predict_gate(moved(frame, name, v)).mean(axis=0) for v in np.unique(frame[name])]
    order = levels
    if kind == "category":
        order = levels[::-1] if name == "region" else levels
        frame = frame.astype({"region": pd.CategoricalDtype(REGIONS[::-1])})
    elif kind == "polars":
        frame = pl.from_pandas(frame)
    display = GateDisplay.from_estimator(model, frame, name)
    assert display.levels == order
    assert_allclose(display.probabilities, expected if order == levels else expected[::-1], rtol=1e-12)


def test_gate_of_polars_and_arrays(frame):
    model = FakeMoE([[0.1, 1.0], [0.0, 0.0]], [-4.0, 0.0], [[1.0, 0.0], [2.0, 1.0]], [0.0, 1.0], [1.0, 1.0])
    table = pd.DataFrame({"age": frame["age"], "dose": frame["age"] ** 2 / 1000.0})
    by_name = GateDisplay.from_estimator(model, table, "dose")
    for X, feature in [
        (table, 1),
        (table, -1),
        (pl.from_pandas(table), "dose"),
        (table.to_numpy(), 1),
        (table.to_numpy(), "x1"),
    ]:
        assert_allclose(GateDisplay.from_estimator(model, X, feature).probabilities, by_name.probabilities, rtol=1e-12)
    assert by_name.feature_name == "dose"
    assert GateDisplay.from_estimator(model, table.to_numpy(), 1).feature_name == "x1"
    model.feature_names_in_ = np.array(["age", "dose"], dtype=object)
    assert GateDisplay.from_estimator(model, table.to_numpy(), 1).feature_name == "dose"


def test_expert_lines_weigh_rows_by_responsibility(model, frame):
    y = response(model, frame)
    display = ExpertDisplay.from_estimator(model, frame, y, "age", grid_resolution=5, mean=True)
    assert_allclose(display.values, np.linspace(frame["age"].min(), frame["age"].max(), 5))
    share = model.responsibilities(frame, y)
    for g, value in enumerate(display.values):
        there = moved(frame, "age", value)
        expected = np.average(model.predict_experts(there), axis=0, weights=share)
        assert_allclose(display.predictions[g], expected, rtol=1e-12)
        assert_allclose(display.probabilities[g], model.predict_gate(there).mean(axis=0), rtol=1e-12)
        assert_allclose(display.mean[g], model.predict(there).mean(), rtol=1e-12)
    assert_array_equal(display.points, np.column_stack([frame["age"], y]))
    assert_allclose(display.responsibilities, share)
    assert display.response_name == "response"
    del model.response_name_
    assert ExpertDisplay.from_estimator(model, frame, y, "age").response_name == "cost"


def test_many_rows_are_sampled_in_equal_steps(model):
    n = 20_000
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"age": np.arange(n, dtype=float), "region": rng.choice(REGIONS, n), "new": rng.random(n) < 0.5}
    )
    y = np.zeros(n)
    model.gate_coef = model.gate_coef * [1e-3, 1.0, 1.0, 1.0]
    display = ExpertDisplay.from_estimator(model, frame, y, "age", grid_resolution=3)
    assert_array_equal(display.points[:, 0], np.arange(2.0, n, 4.0))
    model.rows_seen = 0
    GateDisplay.from_estimator(model, frame, "region")
    assert model.rows_seen == 3 * 1000


def test_several_outputs(frame):
    X = frame[["age"]].to_numpy()
    model = FakeMoE([[0.1], [0.0]], [-4.5, 0.0], [[[1.0], [-1.0]], [[0.5], [2.0]]], [[0.0, 1.0], [2.0, 3.0]], None)
    model.response_name_ = None
    y = model.predict(X)
    first, second = (ExpertDisplay.from_estimator(model, X, y, 0, output=j, mean=True) for j in (0, 1))
    assert_allclose(first.predictions[:, 0], first.values)
    assert_allclose(second.predictions[:, 0], 1.0 - second.values)
    assert_array_equal(second.points[:, 1], y[:, 1])
    assert second.response_name == "y1"
    with pytest.raises(ConfigurationError, match="output must be from 0 to 1"):
        ExpertDisplay.from_estimator(model, X, y, 0, output=2)


# ---------------------------------------------------------------- what is drawn


def test_gate_draws_on_given_axes_and_again(model, frame, boxes_apart):
    figure, axes = pyplot.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
    display = GateDisplay.from_estimator(model, frame, "age", ax=axes[0], linewidth=3.5)
    assert display.ax_ is axes[0] and display.figure_ is figure and len(pyplot.get_fignums()) == 1
    assert [line.get_linewidth() for line in display.lines_] == [3.5] * 3
    for k, line in enumerate(display.lines_):
        assert_array_equal(line.get_xdata(), display.values)
        assert_array_equal(line.get_ydata(), display.probabilities[:, k])
    assert display.plot(ax=axes[1]) is display and display.ax_ is axes[1]
    assert axes[0].get_xlabel() == axes[1].get_xlabel() == "age"
    assert [text.get_text() for text in display.labels_] == ["expert 0", "expert 1", "expert 2"]
    boxes_apart(figure, [*axes[0].texts, *axes[1].texts, axes[0].xaxis.label, axes[1].xaxis.label])
    assert display.plot().figure_ is not figure


def test_gate_bars_add_up(model, frame, boxes_apart):
    display = GateDisplay.from_estimator(model, frame, "region")
    widths = np.array([[bar.get_width() for bar in bars] for bars in display.bars_])
    assert_allclose(widths, display.probabilities.T)
    assert_allclose(widths.sum(axis=0), 1.0)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == REGIONS
    boxes_apart(display.figure_, [*display.ax_.get_legend().get_texts(), *display.ax_.get_yticklabels()])


def test_names_are_not_mathematics(model, frame, boxes_apart):
    frame = frame.rename(columns={"region": "$\\frac{$_<b>"})
    frame["$\\frac{$_<b>"] = frame["$\\frac{$_<b>"].map({"north": "$a$", "south": "b_{", "west": "w" * 60})
    model.levels["$\\frac{$_<b>"] = ["$a$", "b_{", "w" * 60]
    for feature in ("$\\frac{$_<b>", "age"):
        display = GateDisplay.from_estimator(model, frame, feature)
        display.figure_.canvas.draw()  # raises where a name is parsed
    model.response_name_ = "$\\x$"
    y = response(model, frame)
    display = ExpertDisplay.from_estimator(model, frame, y, "$\\frac{$_<b>")
    display.figure_.canvas.draw()
    assert display.ax_.get_xlabel() == "$\\x$" and display.ax_.get_ylabel() == "$\\frac{$_<b>"


def test_points_have_the_mixed_colors_of_their_experts(model, frame):
    y = response(model, frame)
    display = ExpertDisplay.from_estimator(model, frame, y, "age")
    colors = expert_colors(3)
    assert_allclose(display.points_.get_facecolor()[:, :3], display.responsibilities @ colors, atol=1e-12)
    assert_allclose(np.asarray(display.points_.get_offsets()), display.points)
    few = ExpertDisplay.from_estimator(model, frame.iloc[:20], y.iloc[:20], "age")
    assert few.points_.get_sizes()[0] > display.points_.get_sizes()[0]
    assert few.points_.get_alpha() > display.points_.get_alpha()
    own = display.plot(point_kwargs={"s": 3.0, "alpha": 1.0})
    assert own.points_.get_sizes()[0] == 3.0


def test_lines_are_solid_where_the_gate_asks(frame):
    model = FakeMoE([[1.0], [0.0]], [-45.0, 0.0], [[1.0], [0.0]], [0.0, 10.0], [1.0, 1.0])
    X = frame[["age"]]
    display = ExpertDisplay.from_estimator(model, X, response(model, X), "age")
    asked = display.probabilities >= 0.05
    assert 0 < asked[:, 0].sum() < len(asked)
    for k in range(2):
        solid = display.lines_[k].get_ydata()
        assert_array_equal(np.isnan(solid), ~asked[:, k])
        assert_array_equal(display.faint_lines_[k].get_ydata(), display.predictions[:, k])
        assert_allclose(to_rgb(display.lines_[k].get_color()), expert_colors(2)[k])


def test_expert_bars_and_labels(model, frame, boxes_apart):
    y = response(model, frame)
    display = ExpertDisplay.from_estimator(model, frame, y, "region", mean=True)
    for k, bars in enumerate(display.bars_):
        assert_allclose([segment[0, 0] for segment in bars.get_segments()], display.predictions[:, k])
    drawn = np.asarray(display.points_.get_offsets())
    assert_array_equal(drawn[:, 0], y)
    assert_array_equal(np.round(drawn[:, 1]), display.points[:, 0])
    boxes_apart(display.figure_, [*display.ax_.get_legend().get_texts(), *display.ax_.get_yticklabels()])
    lines = ExpertDisplay.from_estimator(model, frame, y, "age", mean=True)
    assert [text.get_text() for text in lines.labels_] == ["expert 0", "expert 1", "expert 2", "mean"]
    assert_array_equal(lines.mean_line_.get_ydata(), lines.mean)
    boxes_apart(lines.figure_, lines.labels_)


def test_the_most_frequent_levels_are_shown(frame):
    rng = np.random.default_rng(0)
    levels = [f"town {i:02d}" for i in range(40)]
    frequent = levels[10:25]
    towns = [*levels, *rng.choice(frequent, 200).tolist(), *frequent]
    X = pd.DataFrame({"town": towns})
    model = FakeMoE(np.zeros((2, 39)), [0.0, 1.0], np.zeros((2, 39)), [0.0, 1.0], [1.0, 1.0], {"town": levels})
    display = ExpertDisplay.from_estimator(model, X, np.zeros(len(X)), "town")
    assert display.levels == frequent and display.n_levels == 40
    assert "15 most frequent of 40" in display.ax_.get_ylabel()
    assert len(display.points_.get_offsets()) == len(towns) - 25


# ---------------------------------------------------------------- what is refused


def test_bad_columns_and_grids(model, frame):
    with pytest.raises(ColumnError, match="agee"):
        GateDisplay.from_estimator(model, frame, "agee")
    for position in (3, -4):
        with pytest.raises(ColumnError, match="3 columns"):
            GateDisplay.from_estimator(model, frame, position)
    with pytest.raises(DataError, match="'age' does not vary"):
        GateDisplay.from_estimator(model, frame.assign(age=1.0), "age")
    with pytest.raises(ColumnError, match="cannot be moved"):
        GateDisplay.from_estimator(model, frame.assign(day=pd.Timestamp("2026-01-01")), "day")
    with pytest.raises(DataError, match="two-dimensional"):
        GateDisplay.from_estimator(model, np.zeros(5), 0)
    for wrong in ({"percentiles": (0.9, 0.1)}, {"grid_resolution": 1}, {"grid": [1.0, 1.0]}, {"grid": [0.0, np.nan]}):
        with pytest.raises(ConfigurationError):
            GateDisplay.from_estimator(model, frame, "age", **wrong)


def test_a_column_with_one_value_in_nearly_all_rows_uses_its_range(model, frame):
    rare = frame.assign(age=np.r_[np.zeros(len(frame) - 3), 1.0, 2.0, 3.0])
    assert_allclose(GateDisplay.from_estimator(model, rare, "age").values[[0, -1]], [0.0, 3.0])
