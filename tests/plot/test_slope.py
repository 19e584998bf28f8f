"""SlopeDisplay: what is drawn is what the slope heuristic found, and it can be read."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose, assert_array_equal

from classicmoe.exceptions import ConfigurationError, TooFewModelsError
from classicmoe.plot import SelectionDisplay, SlopeDisplay
from classicmoe.selection.slope import slope_heuristic
from tests.plot.test_selection_starts import TABLE

C = np.arange(1, 41)


def table(knee=6, size=0.5, seed=0, start=12.0):
    noise = size * np.random.default_rng(seed).normal(size=40)
    return C, start * np.maximum(knee - C, 0) - 0.5 * C + noise


NAMES = [f"K={k}" for k in C]


def test_staircase_jump_and_selected_model():
    display = SlopeDisplay.from_table(*table(), names=NAMES)
    jump, left = display.heuristic.jump, display.axes_[0]
    heights, edges, _ = display.lines_["staircase"].get_data()
    shown = jump.breakpoints < 1.5 * jump.kappa_opt
    assert_array_equal(edges[:-1], jump.breakpoints[shown])
    assert_array_equal(heights, jump.path.complexities[shown])
    assert edges[-1] == left.get_xlim()[1] == 1.5 * jump.kappa_opt > 2.0 * jump.kappa_min
    line = display.lines_["jump"]
    assert_array_equal(line.get_xdata(), [jump.kappa_min] * 2)
    assert_array_equal(line.get_ydata(), jump.path.complexities[jump.jump : jump.jump + 2])
    assert_allclose(display.markers_["selected"].get_offsets(), [[jump.kappa_opt, C[jump.selected]]])
    texts = [label.get_text() for label in display.labels_]
    assert f"kappa_min = {jump.kappa_min:.3g}" in texts
    assert f"K={C[jump.selected]} selected\nat 2 kappa_min" in texts
    plain = SlopeDisplay.from_table(*table(size=0.0), names=NAMES)
    assert [label.get_text() for label in plain.labels_[:3]][-1] == "K=40"  # the only other step, from 0 to 1/2


def test_line_points_and_slopes():
    display = SlopeDisplay.from_table(*table(), names=NAMES)
    estimate, right = display.heuristic.ddse, display.axes_[1]
    used = display.markers_["used"].get_offsets()
    assert_array_equal(used[:, 0], C[-estimate.n_points :])
    assert_array_equal(used[:, 1], -table()[1][-estimate.n_points :])
    below, other = display.markers_["below"].get_offsets(), display.markers_["other"].get_offsets()
    assert_array_equal(np.sort(np.r_[below[:, 0], other[:, 0], used[:, 0]]), C)
    assert_array_equal(below[:, 1], right.get_ylim()[0])
    assert len(below) and (-table()[1][: len(below)] < right.get_ylim()[0]).all()
    for name, ends in (("fit", used[[0, -1], 0]), ("extension", [1, used[0, 0]])):
        assert_array_equal(display.lines_[name].get_xdata(), ends)
        assert_allclose(display.lines_[name].get_ydata(), estimate.line.at(np.array(ends)))
    assert display.lines_["fit"].get_linestyle() == "-" != display.lines_["extension"].get_linestyle()
    assert_array_equal(display.markers_["estimated"].get_offsets()[0, 0], C[estimate.selected])
    slopes, plateau = display.lines_["slopes"], estimate.plateaus[estimate.chosen]
    assert_array_equal(slopes.get_xdata(), np.arange(40, 1, -1))
    assert_array_equal(slopes.get_ydata(), estimate.slopes)
    dots = display.markers_["plateau"].get_offsets()
    assert_array_equal(dots[:, 0], np.arange(plateau.most_points, plateau.fewest_points - 1, -1))
    assert_array_equal(display.lines_["kappa"].get_ydata(), estimate.kappa_min)
    low, high = display.slopes_ax_.get_ylim()
    assert low < estimate.interval[0] <= estimate.interval[1] < high
    assert f"{estimate.n_points} models, slope {estimate.kappa_min:.3g}" in [t.get_text() for t in display.labels_]
    assert (right.get_xlabel(), right.get_ylabel()) == ("complexity", "\N{MINUS SIGN}contrast")
    assert SlopeDisplay.from_table(*table(), C / 100.0).axes_[1].get_xlabel() == "penalty shape"


@pytest.mark.parametrize(
    "columns",
    [table(), table(knee=12), table(knee=3, start=2000.0), table(size=3.0, seed=1), table(start=0.0), (C, 1.0 * C)],
)
@pytest.mark.parametrize("names", [NAMES, [f"K={k}, gate=SoftmaxGate(ridge=0.5), tol=1e-8" for k in C]])
def test_texts_stand_apart_and_the_small_axes_hide_no_model(boxes_apart, columns, names):
    display = SlopeDisplay.from_table(*columns, names=names)
    left, right = display.axes_
    titles = [left.xaxis.label, left.yaxis.label, right.xaxis.label, right.yaxis.label, display.slopes_ax_.title]
    boxes_apart(display.figure_, [*display.labels_, *titles])
    small = display.slopes_ax_.get_window_extent()
    for name in ("used", "other"):
        x, y = right.transData.transform(display.markers_[name].get_offsets()).T
        assert not ((x > small.x0) & (x < small.x1) & (y > small.y0) & (y < small.y1)).any()


def test_without_a_jump_the_staircase_is_flat():
    display = SlopeDisplay.from_table(C, 1.0 * C, names=NAMES)
    assert_array_equal(display.lines_["staircase"].get_data().values, [1.0])
    assert "jump" not in display.lines_ and "selected" not in display.markers_
    texts = [label.get_text() for label in display.labels_]
    assert "K=1" in texts and any(text.endswith("slope \N{MINUS SIGN}1") for text in texts)


def test_on_given_axes_and_each_picture_alone():
    heuristic = slope_heuristic(*table())
    display = SlopeDisplay(heuristic=heuristic)
    figure, pair = pyplot.subplots(2, 1)
    assert display.plot(ax=pair) is display and list(display.axes_) == list(pair) and display.figure_ is figure
    other, ax = pyplot.subplots()
    display.plot(ax=ax, linewidth=5.0)
    assert display.figure_ is other and not ax.axison
    assert [child in ax.child_axes for child in display.axes_] == [True, True]
    assert {display.lines_[name].get_linewidth() for name in ("staircase", "fit", "extension", "slopes")} == {5.0}
    _, one = pyplot.subplots()
    assert list(display.plot_jump(one).axes_) == [one] and len(one.child_axes) == 0
    assert set(display.lines_) == {"staircase", "jump"} and set(display.markers_) == {"selected"}
    _, two = pyplot.subplots()
    assert list(display.plot_line(two).axes_) == [two] and two.child_axes == [display.slopes_ax_]
    assert len(pyplot.get_fignums()) == 4
    with pytest.raises(ConfigurationError, match="one matplotlib Axes or two, not 3"):
        display.plot(ax=list(pyplot.subplots(1, 3)[1]))


def test_what_a_selector_saw():
    heuristic = slope_heuristic(*table())
    selector = SimpleNamespace(slope_=heuristic)
    display = SlopeDisplay.from_selector(selector)
    assert display.heuristic is heuristic and len(display.axes_) == 2
    with pytest.raises(ConfigurationError, match="criterion='slope'"):
        SlopeDisplay.from_selector(SimpleNamespace(results_=TABLE))
    with pytest.raises(TooFewModelsError):
        SlopeDisplay.from_table(C[:9], C[:9])


def test_the_slope_is_drawn_among_the_criteria_where_there_is_one():
    slope = TABLE.assign(slope=[600.0, 250.0, 260.0, np.nan])
    display = SelectionDisplay.from_results(slope, criterion="slope")
    assert list(display.differences) == ["aic", "bic", "icl", "slope"] and display.chosen == 2
    assert_array_equal(display.differences["slope"], [350.0, 0.0, 10.0, np.nan])
    assert [label.get_text() for label in display.labels_][-1] == "slope"
    assert "slope" not in SelectionDisplay.from_results(TABLE, criterion="slope").differences
