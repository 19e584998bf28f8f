"""GridDisplay: which number stands in which cell, what is marked, and that it can be read."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose, assert_array_equal

from classicmoe import MoERegressor, MoESelector
from classicmoe.exceptions import ColumnError, NoAdmissibleModelError
from classicmoe.plot import GridDisplay

BIC = [[290.0, 180.0, 192.0], [188.0, 1190.0, np.nan]]


def results(bic=BIC, levels=("degree 1", "degree 2"), **columns):
    bic = np.asarray(bic)
    rows = [
        {"n_experts": j + 1, "expert_features": level, "tol": 1e-8, "n_parameters": 3 * (j + 1), "bic": bic[i, j]}
        for i, level in enumerate(levels)
        for j in range(bic.shape[1])
    ]
    return pd.DataFrame(rows).assign(**({"verdict": "OK"} | columns))


def test_numbers_stand_in_their_cells_and_the_best_is_framed():
    table = results(verdict=["OK", "OK", "WEAK", "OK", "OK", "FAILED"])
    display = GridDisplay.from_results(table.sample(frac=1.0, random_state=1).reset_index(drop=True))
    assert display.by == "expert_features"
    order = [display.levels.index(level) for level in ("degree 1", "degree 2")]
    assert_array_equal(display.differences[order], np.array(BIC) - 180.0)
    text = {(order.index(i), j): entry.get_text() for (i, j), entry in display.texts_.items()}
    assert text == {(0, 0): "110", (0, 1): "0", (0, 2): "(12)", (1, 0): "8.0", (1, 1): "1,010"}
    bold = {(order.index(i), j) for (i, j), t in display.texts_.items() if t.get_fontweight() == "bold"}
    assert bold == {(0, 1), (1, 0)}
    line, column = display.chosen
    assert (display.levels[line], display.n_experts[column]) == ("degree 1", 2)
    assert display.frame_.get_xy() == (column - 0.5, line - 0.5)
    assert display.title_.get_text().startswith("BIC less its minimum\n(in brackets: not trustworthy")
    shade = np.ma.filled(display.image_.get_array(), np.nan).reshape(2, 3)[order]
    assert_array_equal(np.argsort(-shade[~np.isnan(shade)]), np.argsort(np.array(BIC)[~np.isnan(BIC)]))


def test_what_chose_is_taken_from_the_selector():
    table = results(cv=[-1.5, -1.2, -1.3, -1.1, -1.6, np.nan], cv_se=0.02)
    display = GridDisplay.from_results(SimpleNamespace(results_=table, criterion="cv", best_index_=3))
    assert_allclose(display.differences, [[0.4, 0.1, 0.2], [0.0, 0.5, np.nan]])
    assert display.chosen == (1, 0) and display.title_.get_text() == "held-out log density below the best"
    assert display.texts_[0, 1].get_text() == "0.100"
    passed_over = GridDisplay.from_results(SimpleNamespace(results_=table, criterion="bic", best_index_=3))
    assert passed_over.chosen == (1, 0) and passed_over.texts_[1, 0].get_text() == "8.0"


def test_of_a_fitted_selector():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (60, 2))
    y = X[:, 0] - X[:, 1] ** 2 + 0.1 * rng.normal(size=60)
    grid = {"n_experts": [1], "expert_features": ["x0", "x0 + x1", "x0 + x1 + I(x1**2)"]}
    selector = MoESelector(MoERegressor(), grid).fit(pd.DataFrame(X, columns=["x0", "x1"]), y)
    display = GridDisplay.from_results(selector)
    assert display.levels == grid["expert_features"] and display.chosen == (2, 0)
    assert_allclose(display.differences[:, 0], selector.results_["bic"] - selector.best_score_)


def test_the_best_of_several_models_in_a_cell_and_other_arguments():
    both = pd.concat([results(), results(np.array(BIC) - 5.0, gate="constant", verdict="WEAK")], ignore_index=True)
    display = GridDisplay.from_results(both, by="expert_features")
    assert_array_equal(display.differences, np.array(BIC) - 180.0)
    assert not display.trusted.any() and "best model of each" in display.title_.get_text()
    numbers = results(levels=(10, 2)).rename(columns={"expert_features": "expert_features__degree"})
    display = GridDisplay.from_results(numbers)
    assert display.levels == ["2", "10"] and display.chosen == (1, 1)
    assert display.ax_.get_ylabel() == "degree"
    partly = both.assign(gate=both["gate"].fillna("softmax"))
    partly.insert(2, "gate", partly.pop("gate"))
    with pytest.raises(ColumnError, match="by= must name one of the arguments that vary: 'expert_features', 'gate'"):
        GridDisplay.from_results(partly)
    with pytest.raises(ColumnError, match="nothing but the number of experts; use SelectionDisplay"):
        GridDisplay.from_results(results()[:3])
    with pytest.raises(ColumnError, match="no column degree, icl"):
        GridDisplay.from_results(results(), by="degree", criterion="icl")
    with pytest.raises(NoAdmissibleModelError, match="bic"):
        GridDisplay.from_results(results().assign(bic=np.inf))


@pytest.mark.parametrize(
    ("table", "size"),
    [
        (results(verdict=["OK", "WEAK", "OK", "OK", "OK", "OK"]), None),
        (results([np.linspace(9e4, 1.0, 20)] * 3, levels=("poisson", "negative_binomial", "gamma")), None),
        (results([np.linspace(9e4, 1.0, 20)] * 3, levels=("poisson", "negative_binomial", "gamma")), (4.0, 2.5)),
        (results([[5.0], [5.0]]), (3.0, 2.0)),
    ],
)
def test_the_grid_can_be_read(table, size, boxes_apart):
    ax = None if size is None else pyplot.subplots(figsize=size, layout="constrained")[1]
    display = GridDisplay.from_results(table, ax=ax)
    assert ax is None or display.ax_ is ax
    ticks = [*display.ax_.get_xticklabels(), *display.ax_.get_yticklabels()]
    numbers = [text for text in display.texts_.values() if text.get_visible()]
    assert bool(numbers) == (size != (4.0, 2.5))
    boxes_apart(display.figure_, [*numbers, *ticks, display.title_, display.ax_.xaxis.label, display.ax_.yaxis.label])
