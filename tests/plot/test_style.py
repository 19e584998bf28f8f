"""What all pictures share: labels that keep apart, colours, matplotlib only when it is needed."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from numpy.testing import assert_allclose

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot import SelectionDisplay
from classicmoe.plot._style import label_ends, legend_above, shortened, spread
from classicmoe.plot.palette import darker, expert_colors


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12), st.floats(0.01, 0.3))
def test_spread_keeps_gap_order_and_limits(wanted, gap):
    placed = spread(wanted, gap, 0.05, 0.95)
    order = np.argsort(wanted, kind="stable")
    possible = min(gap, 0.9 / max(len(wanted) - 1, 1))
    assert (np.diff(placed[order]) >= possible - 1e-9).all()
    assert placed.min() >= 0.05 - 1e-9 and placed.max() <= 0.95 + 1e-9


def test_spread_moves_nothing_without_need():
    assert_allclose(spread([0.8, 0.2, 0.5], 0.1, 0.0, 1.0), [0.8, 0.2, 0.5])
    assert_allclose(spread([0.5, 0.5], 0.1, 0.0, 1.0), [0.45, 0.55])


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("heights", [[0.5, 0.5001, 0.4999, 0.5], [0.0, 0.0, 1.0, 1.0], [5.0, -3.0, 0.2, 0.8]])
def test_labels_stand_apart_and_inside(boxes_apart, heights, scale):
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3))
    for ax in axes:
        ax.plot([1.0, 7.0], [0.0, 1.0])
        ax.set_xscale(scale)
        ax.set_xlim(1.0, 7.0)
        ax.set_ylim(0.0, 1.0)
        labels = label_ends(ax, 7.0, heights, ["one", "another", "a long name", "d"], ["C0", "C1", "C2", "C3"], "d")
        boxes_apart(figure, labels)
        box = ax.get_window_extent()
        for label in labels:
            text = label.get_window_extent()
            assert box.x0 < text.x0 and text.x1 <= box.x1 + 1.0 and box.y0 - 1.0 <= text.y0 and text.y1 <= box.y1 + 1.0
            assert text.x0 > ax.transData.transform((7.0, 0.0))[0]
        assert [label.get_fontweight() for label in labels] == ["normal", "normal", "normal", "bold"]
        assert ax.spines["bottom"].get_bounds() == (1.0, 7.0) and max(ax.get_xticks()) <= 7.0


def test_legend_fits_the_axes():
    _, ax = pyplot.subplots(figsize=(3.5, 3.0))
    lines = [ax.plot([0, 1])[0] for _ in range(6)]
    legend = legend_above(ax, lines, ["a rather long entry"] * 6)
    assert legend.get_window_extent().width <= ax.get_window_extent().width


@pytest.mark.parametrize("n_experts", [1, 2, 7, 8, 9, 10, 25])
def test_colors_differ(n_experts):
    colors = expert_colors(n_experts)
    assert colors.shape == (n_experts, 3) and len(np.unique(colors.round(4), axis=0)) == n_experts
    for color in colors:
        assert (darker(color) <= color).all()


def test_long_names_are_shortened():
    assert shortened("short") == "short"
    assert shortened("x" * 40) == "x" * 27 + "\N{HORIZONTAL ELLIPSIS}"


def test_matplotlib_is_imported_late():
    code = "import sys, classicmoe.plot; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_missing_matplotlib_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = SelectionDisplay(n_experts=[1], differences={"bic": [0.0]}, trusted={"bic": [True]})
    with pytest.raises(ConfigurationError, match=r"pip install classicmoe\[plot\]"):
        display.plot()
