"""SelectionDisplay and StartsDisplay: what is marked, and that it can be read."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose, assert_array_equal

from classicmoe.criteria import CRITERIA
from classicmoe.exceptions import ColumnError, DataError, NoAdmissibleModelError
from classicmoe.plot import SelectionDisplay, StartsDisplay


def results(log_likelihood, verdicts, n=500, entropy=None):
    rows = []
    entropy = [10.0 * k for k in range(len(verdicts))] if entropy is None else entropy
    for k, (value, verdict, e) in enumerate(zip(log_likelihood, verdicts, entropy, strict=True), 1):
        criteria = {name: f(value, 5 * k - 2, n, e) for name, f in CRITERIA.items()}
        rows.append({"n_experts": k, "log_likelihood": value, **criteria, "verdict": verdict})
    return pd.DataFrame(rows)


TABLE = results([-300.0, -120.0, -100.0, -92.0], ["OK", "OK", "NOT REPLICATED", "SUSPECT"])


def test_criteria_less_their_minimum():
    display = SelectionDisplay.from_results(TABLE, criteria=["aic", "bic"])
    for name in ("aic", "bic"):
        assert_allclose(display.differences[name], TABLE[name] - TABLE[name].min())
        assert_array_equal(display.lines_[name].get_ydata(), display.differences[name])
        filled, hollow = display.markers_[name]
        assert (len(filled.get_offsets()), len(hollow.get_offsets())) == (2, 2)
        assert_array_equal(hollow.get_facecolor()[0, :3], 1.0)
        assert_array_equal(np.round(np.asarray(hollow.get_offsets())[:, 0]), [3, 4])
    assert display.chosen == TABLE["n_experts"][TABLE["bic"].argmin()]
    assert display.band_.get_x() < display.chosen < display.band_.get_x() + display.band_.get_width()
    ticks = {label.get_text().split("\n")[0]: label.get_text() for label in display.ax_.get_xticklabels()}
    assert [k for k, text in ticks.items() if "chosen" in text] == [str(display.chosen)]
    assert [label.get_text() for label in display.labels_] == ["AIC", "BIC"]
    assert [label.get_fontweight() for label in display.labels_] == ["normal", "bold"]


def test_what_chose_is_taken_from_the_selector():
    selector = SimpleNamespace(results_=TABLE, criterion="sabic", best_params_={"n_experts": 2})
    display = SelectionDisplay.from_results(selector)
    assert list(display.differences) == ["aic", "bic", "icl", "sabic"] and display.chosen == 2
    assert SelectionDisplay.from_results(TABLE, criterion="icl").chosen == TABLE["n_experts"][TABLE["icl"].argmin()]
    assert SelectionDisplay.from_results(TABLE, chosen=4).chosen == 4
    by_model = SimpleNamespace(results_=TABLE, criterion="cv", best_estimator_=SimpleNamespace(n_experts=3))
    assert SelectionDisplay.from_results(by_model).chosen == 3


def test_best_of_several_models_with_one_number_of_experts():
    worse = TABLE.assign(bic=TABLE["bic"] + [3.0, -4.0, 3.0, 3.0], verdict="WEAK", gate="constant")
    both = pd.concat([TABLE.assign(gate="softmax"), worse], ignore_index=True).sample(frac=1.0, random_state=0)
    display = SelectionDisplay.from_results(both, criteria=["bic"])
    expected = np.minimum(TABLE["bic"], worse["bic"])
    assert_allclose(display.differences["bic"], expected - expected.min())
    assert_array_equal(display.trusted["bic"], [True, False, False, False])
    assert "best model of each" in display.ax_.get_xlabel()
    assert "best model" not in SelectionDisplay.from_results(TABLE).ax_.get_xlabel()


def test_models_without_a_criterion_leave_a_gap():
    table = TABLE.assign(bic=[np.nan, 280.0, np.inf, 300.0])
    display = SelectionDisplay.from_results(table, criteria=["bic"])
    assert_array_equal(display.differences["bic"], [np.nan, 0.0, np.nan, 20.0])
    with pytest.raises(NoAdmissibleModelError, match="bic"):
        SelectionDisplay.from_results(TABLE.assign(bic=np.nan), criteria=["bic"])
    with pytest.raises(ColumnError, match="no column verdict, bic"):
        SelectionDisplay.from_results(TABLE.drop(columns=["verdict", "bic"]))


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        results([-30020.0, -12020.0, -11000.0, -10990.0, -10985.0], ["OK"] * 5, n=50_000),
        results([-140.0, -139.0], ["OK", "WEAK"]),
        results([-140.0], ["OK"]),
    ],
)
def test_selection_can_be_read(table, boxes_apart):
    display = SelectionDisplay.from_results(table, criteria=list(CRITERIA))
    ax = display.ax_
    legend = ax.get_legend()
    texts = [*display.labels_, *ax.get_xticklabels(), ax.xaxis.label, ax.yaxis.label]
    boxes_apart(display.figure_, [*texts, *(legend.get_texts() if legend else [])])
    assert (legend is None) == (table["verdict"] == "OK").all()
    largest = max(values.max() for values in display.differences.values())
    assert ax.get_yscale() == ("symlog" if largest > 100.0 else "linear")
    low, high = ax.get_ylim()
    assert low < 0.0 and high > largest


# ---------------------------------------------------------------- starts


def start(final, steps=20, kind="patches", **what):
    path = final - 200.0 * 0.6 ** np.arange(steps)
    path[-1:] = final
    fields = {"status": "CONVERGED", "degenerate": False, "suspect": False, "reached": False}
    return {"kind": kind, "objective": final, "path": list(path)} | fields | what


STARTS = [
    *(start(-120.0, steps, reached=True) for steps in (12, 25, 60)),
    start(-131.0, 30),
    start(-95.0, 15, degenerate=True, status="DEGENERATE"),
    start(-118.0, 15, suspect=True),
    start(-140.0, 9, status="CUT"),
    start(-120.0, 9, kind="shaken"),
    start(-120.0, 0, status="DUPLICATE"),
]


def test_starts_are_marked_by_what_became_of_them(boxes_apart):
    display = StartsDisplay.from_estimator(SimpleNamespace(starts_=STARTS, objective_=-120.0))
    counts = {fate: len(markers.get_offsets()) for fate, markers in display.markers_.items()}
    assert counts == {"best": 3, "other": 1, "suspect": 1, "degenerate": 1, "unfinished": 1}
    assert len(display.lines_) == 7
    for line, begun in zip(display.lines_, STARTS, strict=False):
        assert_array_equal(line.get_ydata(), begun["path"])
    assert_array_equal(np.asarray(display.markers_["best"].get_offsets()), [[12, -120], [25, -120], [60, -120]])
    hollow = {fate for fate, markers in display.markers_.items() if (markers.get_facecolor()[0, :3] == 1.0).all()}
    assert hollow == {"other"}
    assert display.best_line_.get_ydata()[0] == -120.0
    legend = display.ax_.get_legend().get_texts()
    assert legend[0].get_text() == "reached the best (3)"
    boxes_apart(display.figure_, [*legend, *display.ax_.texts, display.ax_.xaxis.label])
    assert display.ax_.get_xscale() == "log"


def test_shaken_runs_are_shown_only_where_they_found_the_solution():
    found = [start(-131.0), start(-130.0), start(-120.0, kind="shaken"), start(-133.0, kind="shaken")]
    display = StartsDisplay(starts=found, objective=-120.0).plot()
    assert {fate: len(m.get_offsets()) for fate, m in display.markers_.items()} == {"other": 2, "shaken": 1}
    assert display.ax_.get_xscale() == "linear"


def test_where_the_starts_parted_is_in_view():
    display = StartsDisplay(starts=STARTS).plot()
    assert display.objective == -118.0  # the best that is not degenerate
    low, high = display.ax_.get_ylim()
    assert low < -131.0 and high > -118.0 and high - low < 100.0
    alike = StartsDisplay(starts=[start(-120.0, reached=True), start(-120.0, 15, reached=True)]).plot()
    low, high = alike.ax_.get_ylim()
    assert -320.0 < low < -120.0 < high < -100.0
    flat = StartsDisplay(starts=[start(-120.0, 1, reached=True)]).plot()
    assert np.diff(flat.ax_.get_ylim())[0] > 0.5


def test_starts_draw_on_given_axes_and_need_paths():
    _, ax = pyplot.subplots()
    display = StartsDisplay(starts=STARTS)
    assert display.plot(ax=ax) is display and display.ax_ is ax and len(pyplot.get_fignums()) == 1
    with pytest.raises(DataError, match="No start has a path"):
        StartsDisplay(starts=[STARTS[-1]])
