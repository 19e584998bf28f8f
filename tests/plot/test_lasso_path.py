"""LassoPathDisplay: what is drawn are the path's coefficients, and with many columns it can still be read."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose, assert_array_equal

from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.lasso.path import LassoPath
from classicmoe.plot import LassoPathDisplay
from classicmoe.plot._lasso_axes import panels
from classicmoe.plot.palette import darker, expert_colors

T, HEAD, CHOSEN = 20, 6, 12


def soft(values, by):
    return np.sign(values) * np.maximum(np.abs(values) - by, 0.0)


def fake(k=2, p=6, n_classes=None, seed=0, names=None, chosen=CHOSEN):
    """An estimator whose slopes are thresholded less and less; nothing enters at the first points."""
    rng = np.random.default_rng(seed)
    alpha = 50.0 * np.geomspace(1.0, 1e-2, T)

    def side(*shape):
        full = 0.1 * rng.normal(size=shape)
        full[..., :4] += 2.0 * rng.normal(size=(*shape[:-1], 4))
        values = np.array([soft(full, 0.02 * a) for a in alpha])
        values[:HEAD] = 0.0
        return values

    expert = side(k, p) if n_classes is None else side(k, n_classes, p)
    gate = side(k, p)
    bic = 100.0 + np.abs(np.arange(T) - chosen) ** 1.5
    path = LassoPath(
        alpha_gate=0.5 * alpha,
        alpha_expert=alpha,
        gate_coef=gate,
        gate_intercept=np.zeros((T, k)),
        expert_coef=expert,
        expert_intercept=rng.normal(size=expert.shape[1:-1]) + np.zeros(expert.shape[:-1]),
        objective=-bic,
        log_likelihood=-bic,
        degrees_of_freedom=bic,
        n_slopes=np.array([np.count_nonzero(expert[t]) + np.count_nonzero(gate[t]) for t in range(T)]),
        criteria={"aic": bic - 3.0, "bic": bic},
        optimality=np.zeros(T),
        n_iter=np.ones(T, dtype=int),
        seconds=np.ones(T),
        chosen=chosen,
        status=["CONVERGED"] * T,
    )
    columns = SimpleNamespace(names_out=names or [f"x{j}" for j in range(p)], transform=lambda X, coded: coded)
    m = SimpleNamespace(path_=path, criterion="bic", expert_features_=columns, gate_features_=columns)
    m.coder_ = SimpleNamespace(transform=lambda X: X)
    for name in ("gate_coef", "expert_coef", "expert_intercept"):
        setattr(m, f"{name}_", getattr(path, name)[chosen])
    if n_classes:
        m.classes_ = np.array(["no", "yes", "maybe"][:n_classes])
    return m


@pytest.mark.parametrize("side", ("expert", "gate"))
def test_lines_are_the_coefficients(side):
    m = fake()
    display = LassoPathDisplay.from_estimator(m, side)
    path, alpha = getattr(m.path_, f"{side}_coef"), getattr(m.path_, f"alpha_{side}")
    entered = int(np.flatnonzero(path.any(axis=(1, 2)))[0])
    assert entered >= HEAD
    for k, (ax, lines) in enumerate(zip(display.axes_, display.lines_, strict=True)):
        assert set(lines) == {f"x{j}" for j in range(6) if path[:, k, j].any()} and len(lines) > 1
        for name, line in lines.items():
            assert_array_equal(line.get_xdata(), alpha[entered - 1 :])
            assert_array_equal(line.get_ydata(), path[entered - 1 :, k, int(name[1:])])
        assert len(display.others_[k].get_segments()) == 0
        assert_array_equal(display.chosen_lines_[k].get_xdata(), alpha[CHOSEN])
        at = path[CHOSEN, k]
        heights = np.sort(display.markers_[k].get_offsets()[:, 1])
        assert_array_equal(heights, np.sort(at[at != 0.0]))
        left, right = ax.get_xlim()
        assert left == alpha[entered - 1] > alpha[-1] > right  # weaker to the right, names beyond
        assert f"penalty on the {'experts' if side == 'expert' else 'gate'}" in ax.get_xlabel()
        assert_allclose(to_rgb(display.titles_[k].get_color()), darker(expert_colors(2)[k]))
    assert [title.get_text() for title in display.titles_] == ["expert 0", "expert 1"]


def test_the_largest_have_names_and_one_colour_in_all_panels():
    m = fake(2, 200)
    display = LassoPathDisplay.from_estimator(m, top=5)
    at = np.abs(m.path_.expert_coef[CHOSEN])
    largest = [f"x{j}" for j in at.argmax(axis=1)]
    named = set().union(*display.lines_)
    assert set(largest) <= named and len(named) == 5
    for name in named:
        assert len({to_rgb(lines[name].get_color()) for lines in display.lines_ if name in lines}) == 1
    for k in range(2):
        drawn = len(display.others_[k].get_segments()) + len(display.lines_[k])
        assert drawn == np.count_nonzero(m.path_.expert_coef[:, k].any(axis=0)) > 20


@pytest.mark.parametrize(("k", "p", "long"), ((1, 6, False), (2, 6, True), (3, 200, True)))
def test_texts_stand_apart_and_inside(boxes_apart, k, p, long):
    names = [f"the monthly income of household {j}" if long else f"x{j}" for j in range(p)]
    display = LassoPathDisplay.from_estimator(fake(k, p, names=names))
    axes = display.axes_
    boxes_apart(display.figure_, [*display.labels_, *display.titles_, *(ax.xaxis.label for ax in axes)])
    boxes_apart(display.figure_, [*display.labels_, axes[0].yaxis.label])
    heights = {ax.get_ylim() for ax in axes}
    assert len(heights) == 1
    for ax, lines in zip(axes, display.lines_, strict=True):
        box = ax.get_window_extent()
        left, right = (ax.transData.transform((at, 0.0))[0] for at in (ax.get_xlim()[0], display.alpha[-1]))
        assert right - left > 0.5 * box.width  # the lines have most of the panel
        low, high = ax.get_ylim()
        assert all(low <= line.get_ydata().min() and line.get_ydata().max() <= high for line in lines.values())


def test_what_explodes_later_does_not_dwarf_the_chosen_point():
    m = fake(1)
    m.path_.expert_coef[-2:, 0, 1] = 1e3, 1e4
    low, high = LassoPathDisplay.from_estimator(m).axes_[0].get_ylim()
    at = m.path_.expert_coef[CHOSEN, 0]
    size = max(at.max(), 0.0) - min(at.min(), 0.0)
    assert low < at.min() and at.max() < high < 4.0 * size


def test_one_expert_on_given_axes_and_all_on_parts_of_one():
    m = fake(2)
    figure, ax = pyplot.subplots()
    display = LassoPathDisplay.from_estimator(m, expert=1, ax=ax, linewidth=5.0)
    assert list(display.axes_) == [ax] and display.figure_ is figure
    assert [title.get_text() for title in display.titles_] == ["expert 1"]
    assert_allclose(to_rgb(display.titles_[0].get_color()), darker(expert_colors(2)[1]))
    for name, line in display.lines_[0].items():
        assert_array_equal(line.get_ydata(), m.path_.expert_coef[display.shown, 1, int(name[1:])])
        assert line.get_linewidth() == 5.0
    _, ax = pyplot.subplots()
    display = LassoPathDisplay.from_estimator(m, ax=ax)
    assert not ax.axison and all(part in ax.child_axes for part in display.axes_)
    _, two = pyplot.subplots(2, 1)
    assert list(LassoPathDisplay.from_estimator(m, ax=two).axes_) == list(two)
    assert len(pyplot.get_fignums()) == 3
    with pytest.raises(ConfigurationError, match="one matplotlib Axes or 2, one per expert, not 1"):
        LassoPathDisplay.from_estimator(m, ax=list(two[:1]))


def test_many_experts_take_several_rows():
    axes = panels(None, 5)
    assert len(axes) == 5 and axes[0].get_figure().axes == list(axes)
    places = [ax.get_subplotspec() for ax in axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]


def test_classes_have_their_own_slopes():
    m = fake(2, 8, n_classes=3)
    last = LassoPathDisplay.from_estimator(m, expert=0)
    assert_array_equal(last.coef, m.path_.expert_coef[:, :, 2])
    assert [title.get_text() for title in last.titles_] == ["expert 0, maybe"]
    assert_array_equal(LassoPathDisplay.from_estimator(m, label="no", expert=1).coef, m.path_.expert_coef[:, :, 0])
    two = fake(1, 8, n_classes=2)
    difference = two.path_.expert_coef[:, :, 1] - two.path_.expert_coef[:, :, 0]
    assert_array_equal(LassoPathDisplay.from_estimator(two).coef, difference)
    assert_array_equal(LassoPathDisplay.from_estimator(two, label="no").coef, -difference)
    gate = LassoPathDisplay.from_estimator(m, "gate", expert=1)
    assert [title.get_text() for title in gate.titles_] == ["expert 1"]
    with pytest.raises(ColumnError, match="no class 'perhaps'; there are 'no', 'yes', 'maybe'"):
        LassoPathDisplay.from_estimator(m, label="perhaps")


def test_columns_in_different_units_are_compared_by_their_deviations():
    m = fake(1)
    X = np.random.default_rng(1).normal(size=(50, 6)) * [1.0, 100.0, 0.01, 1.0, 1.0, 1.0]
    display = LassoPathDisplay.from_estimator(m, X=X)
    assert_allclose(display.coef, m.path_.expert_coef * X.std(axis=0))
    assert "per deviation" in display.axes_[0].get_ylabel()
    assert "deviation" not in LassoPathDisplay.from_estimator(m).axes_[0].get_ylabel()


def test_the_penalty_that_varies_is_the_axis():
    m = fake()
    object.__setattr__(m.path_, "alpha_gate", np.full(T, 3.0))  # it was given
    display = LassoPathDisplay.from_estimator(m, "gate", expert=0)
    assert_array_equal(display.alpha, m.path_.alpha_expert)
    assert "penalty on the experts" in display.axes_[0].get_xlabel()


def test_the_criterion_is_lowest_at_the_ring(boxes_apart):
    m = fake()
    display = LassoPathDisplay.from_estimator(m, expert=0).plot_criterion()
    (line,), path = display.lines_[0].values(), m.path_
    first = HEAD - 1
    assert_array_equal(line.get_xdata(), path.alpha_expert[first:])
    assert_array_equal(line.get_ydata(), path.criteria["bic"][first:])
    assert_array_equal(display.markers_[0].get_offsets(), [[path.alpha_expert[CHOSEN], path.criteria["bic"].min()]])
    ax = display.axes_[0]
    assert ax.get_ylabel() == "BIC" and len(display.axes_) == 1
    (above,) = ax.child_axes
    shown = [int(text.get_text()) for text in above.get_xticklabels()]
    assert shown[0] == 0 and shown[-1] == path.n_slopes[-1] and set(shown) <= set(path.n_slopes.tolist())
    boxes_apart(display.figure_, [*display.labels_, *above.get_xticklabels(), ax.xaxis.label, ax.yaxis.label])
    display.criterion = "slope"
    display.plot_criterion()
    assert display.axes_[0].get_ylabel() == "BIC" and display.labels_[0].get_text() == "chosen by slope"
    display.criteria |= {"cv": path.criteria["bic"] / 150.0, "cv_se": np.full(T, 0.1)}
    display.criterion = "cv"
    (band,) = display.plot_criterion().axes_[0].collections[:1]
    assert_allclose(np.ptp(band.get_paths()[0].vertices[:, 1]), np.ptp(display.criteria["cv"][first:]) + 0.2)
    with pytest.raises(ConfigurationError, match="without criteria="):
        LassoPathDisplay(alpha=[2.0, 1.0], coef=np.ones((2, 1, 1)), names=["x"], chosen=0).plot_criterion()


def test_paths_of_one_point_and_of_nothing():
    flat = LassoPathDisplay(alpha=[2.0, 1.0], coef=np.zeros((2, 2, 3)), names=list("abc"), chosen=1).plot()
    assert [text.get_text() for text in flat.labels_].count("no column enters") == 2
    one = LassoPathDisplay(
        alpha=[2.0], coef=np.ones((1, 1, 2)), names=["a", "b"], chosen=0, criteria={"bic": [1.0]}, n_slopes=[2]
    )
    assert set(one.plot().lines_[0]) == {"a", "b"}
    one.plot_criterion()
    null = fake(chosen=2)  # nothing has entered at the chosen point: names are of those that grow largest
    assert LassoPathDisplay.from_estimator(null, expert=0).lines_[0]


@pytest.mark.parametrize(
    ("change", "message"),
    (
        (lambda m: setattr(m, "path_", None), "both penalties were given"),
        (lambda m: delattr(m, "path_"), "only Lasso mixtures of experts"),
    ),
)
def test_without_a_path(change, message):
    m = fake()
    change(m)
    with pytest.raises(ConfigurationError, match=message):
        LassoPathDisplay.from_estimator(m)


def test_what_there_is_not():
    with pytest.raises(ConfigurationError, match="One expert has no gate"):
        LassoPathDisplay.from_estimator(fake(1), "gate")
    with pytest.raises(ConfigurationError, match="no expert 2; there are 0 to 1"):
        LassoPathDisplay.from_estimator(fake(), expert=2)
    with pytest.raises(ConfigurationError, match="'expert' or 'gate', not 'experts'"):
        LassoPathDisplay.from_estimator(fake(), "experts")
    with pytest.raises(ColumnError, match="names are 2, but there are 6 columns"):
        LassoPathDisplay.from_estimator(fake(), names=["a", "b"])
