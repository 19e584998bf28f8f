"""The pictures of a report: which columns to show, and a caption for somebody who has not seen such a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from classicmoe.cli.family_words import LINEAR
from classicmoe.cli.lasso import is_lasso
from classicmoe.cli.study import Study
from classicmoe.cli.svg import canvas, inline_svg
from classicmoe.cli.words import decider
from classicmoe.exceptions import ClassicMoEError
from classicmoe.models.tables import gate_sees_columns

FEATURES = 3
"""Columns shown for each of gate and experts."""
_ROWS = 1500  # more points than that make a slow page and no better picture


class Picture(NamedTuple):
    """A drawing with its heading and how to read it."""

    heading: str
    svg: str
    caption: str


def pictures_of_search(study: Study) -> list[Picture]:
    """Draw how the models compare and how the starts ended."""
    return [*_selection(study), *_starts(study)]


def pictures_of_slope(study: Study) -> list[Picture]:
    """Draw where the selected model falls, and the line through the largest models."""
    from classicmoe.plot import SlopeDisplay

    display = SlopeDisplay(heuristic=study.slope)
    left = drawn("jump", "Complexity of the selected model against the penalty constant", display.plot_jump)
    right = drawn("line", "Log-likelihood against the number of parameters, with a line", display.plot_line)
    return [
        Picture("Where does the model shrink?", left, _JUMP_CAPTION),
        Picture("Is there a line?", right, _LINE_CAPTION),
    ]


def pictures_of_columns(study: Study) -> list[list[Picture]]:
    """Draw what the experts say and who is asked, side by side for the columns that matter most."""
    model, (X, y, beside) = study.model, shown_rows(study)
    experts, gate = list(model.expert_features_.input_names), list(model.gate_features_.input_names)
    if study.k == 1 or not gate_sees_columns(model):
        gate = []
    drawn: list[list[Picture]] = []
    for i, name in enumerate(_most_telling(model, X, [*experts, *gate])[:FEATURES]):
        caption = _CLASS_CAPTION if hasattr(model, "classes_") else _expert_caption(study)
        first = [caption, _GATE_CAPTION] if not drawn else ["", ""]
        if hasattr(model, "classes_"):
            pair = _class_picture(model, X, name, i, first[0])
        else:
            pair = _expert_picture(model, X, y, name, i, first[0], beside) if name in experts else []
        pair += _gate_picture(model, X, name, i, first[1]) if name in gate else []
        drawn += [pair] if pair else []
    return drawn


def drawn(prefix: str, what: str, draw: Callable[..., Any]) -> str:
    """Return what ``draw(ax=...)`` draws as SVG, ids beginning with a prefix, for readers who cannot see it a text."""
    with canvas() as (figure, axes):
        draw(ax=axes)
        return inline_svg(figure, prefix, what)


def _selection(study: Study) -> Iterator[Picture]:
    from classicmoe.plot import SelectionDisplay

    if len(study.results["n_experts"].unique()) < 2 or study.criterion is None:
        return
    fitted = study.results[study.results["verdict"] != "FAILED"].reset_index(drop=True)
    svg = drawn(
        "selection",
        f"Criteria against the number of experts; {study.k} chosen",
        partial(SelectionDisplay.from_results, fitted, criterion=study.criterion, chosen=study.k),
    )
    caption = (
        "Each line is one way of weighing fit against complexity, shown as its distance from its own best value, so "
        f"lower is better and 0 is best. {decider(study.criterion, begin=True)} decided. A hollow marker is a model "
        "that should not be trusted."
    )
    yield Picture("How many experts?", svg, caption)


def objective_of_starts(model: Any) -> float | None:
    """Return the published objective; None for a path, whose starts were run at another penalty."""
    return None if getattr(model, "path_", None) is not None else float(model.objective_)


def _starts(study: Study) -> Iterator[Picture]:
    from classicmoe.plot import StartsDisplay

    model = study.model
    if study.k == 1 or not any(len(start["path"]) for start in model.starts_):
        return
    display = StartsDisplay(starts=model.starts_, objective=objective_of_starts(model))
    svg = drawn("starts", "How far every start of the search came", display.plot)
    caption = (
        "The search was begun many times at different places. Each line is one attempt climbing to its end; higher is "
        "better. Filled circles at the dashed line found the solution shown here. The more of them there are, the "
        "less likely is it that a better one was missed."
    )
    if is_lasso(model) and model.path_ is not None:
        caption += " They were run under a weaker penalty, and followed from there to the one that was chosen."
    yield Picture("Did the search agree with itself?", svg, caption)


def _class_picture(model: Any, X: Any, name: str, i: int, caption: str) -> list[Picture]:
    from classicmoe.plot import ClassDisplay

    draw = partial(ClassDisplay.from_estimator, model, X, name)
    return _picture(f"classes{i}", f"How likely each class is along {name}", draw, caption)


def _expert_picture(
    model: Any, X: Any, y: Any, name: str, i: int, caption: str, beside: dict[str, Any]
) -> list[Picture]:
    from classicmoe.plot import ExpertDisplay

    draw = partial(ExpertDisplay.from_estimator, model, X, y, name, **beside)
    return _picture(f"experts{i}", f"What the experts say along {name}", draw, caption)


def _gate_picture(model: Any, X: Any, name: str, i: int, caption: str) -> list[Picture]:
    from classicmoe.plot import GateDisplay

    draw = partial(GateDisplay.from_estimator, model, X, name)
    return _picture(f"gate{i}", f"Which expert is asked along {name}", draw, caption)


def _picture(prefix: str, heading: str, draw: Callable[..., Any], caption: str) -> list[Picture]:
    try:
        return [Picture(heading, drawn(prefix, heading, draw), caption)]
    except ClassicMoEError:
        return []  # a column that does not vary in these rows has no picture


def _expert_caption(study: Study) -> str:
    model, carried, name = study.model, study.task.carried, study.task.response
    what = f"{name} per unit of {carried.exposure}" if carried.exposure else name
    line = "line" if study.settings["family"] in LINEAR else "curve"
    more = ""
    if model._mixture().expert.measure == "counting" and not carried.exposure:
        more = " Dots are moved a little up or down, so that equal counts do not hide each other."
    if carried.upper:
        more += " Hollow dots are known up to an interval only; those that were censored lie at the end that is known."
    return (
        f"Every dot is a row of the data, coloured by the expert that accounts for it.{more} A {line} is what an "
        f"expert predicts for {what} along this column, the other columns being as they are in the data; it is dashed "
        "where the expert is hardly ever asked."
    )


_CLASS_CAPTION = (
    "The height of a line (the length of a bar) is the probability of a class, averaged over the rows with this column "
    "set to the value below and the other columns as they are in the data; the strokes at the bottom are the data."
)

_JUMP_CAPTION = (
    "The more a parameter has to gain (further right), the smaller is the best model (lower). Below the price at the "
    "thick line large models win by fitting chance; twice that price selects the model at the dot."
)
_LINE_CAPTION = (
    "Once models are large enough, each further parameter gains the same by chance alone, so the points on the right "
    "should lie on a line; filled ones make it. Triangles at the edge are models far below. Small: the slope for fewer "
    "and fewer of the largest models, which should be level over the filled part."
)
_GATE_CAPTION = (
    "The gating network decides how much each expert is listened to before the response is known. The height of a "
    "line (the length of a bar) is that share, between 0 and 1, averaged over the rows with this column set to the "
    "value below; the strokes at the bottom are the data."
)


def shown_rows(study: Study) -> tuple[Any, Any, dict[str, Any]]:
    """Return features, response, exposures and offsets of rows in equal steps, few enough to draw."""
    task, n = study.task, len(study.task.X)
    rows = np.unique(np.linspace(0, n - 1, min(n, _ROWS)).astype(np.intp))
    y = task.y[rows] if isinstance(task.y, np.ndarray) else task.y.iloc[rows]
    return task.X.iloc[rows], y, {name: values[rows] for name, values in task.beside.items()}


def _most_telling(model: Any, X: Any, names: list[str]) -> list[str]:
    """Return columns of X, those whose spread makes the largest difference to experts or gate first.

    Terms of formulas and transformers are not traced back: their columns come in their own order.
    """
    names = list(dict.fromkeys(names))
    coder, share = model.coder_, model.expert_mass_ / model.expert_mass_.sum()
    effects = dict.fromkeys(names, 0.0)
    for side, size in (
        (model.expert_features_, share @ _sizes(model)),
        (model.gate_features_, model._mixture().gate.influence(vars(model))),
    ):
        if side.kind == "columns" and len(size):
            columns = side.columns if len(size) == len(side.columns) else side.columns[list(model.gate_kept_)]
            place = np.searchsorted(side.columns, columns) if len(size) != len(side.columns) else slice(None)
            size = size * side.transform(X, coder.transform(X))[:, place].std(axis=0)
            for column, effect in zip(columns, size / max(size.max(), 1e-300), strict=True):
                source = coder.names_in[coder.sources[column]]
                effects[source] = max(effects[source], float(effect))
    traced = all(side.kind == "columns" for side in (model.expert_features_, model.gate_features_))
    if is_lasso(model) and traced:
        names = [name for name in names if effects[name] > 0.0]  # the others have dropped out
    return sorted(names, key=lambda name: -effects[name])


def _sizes(model: Any) -> Any:
    """Return how far one unit of each column moves what each expert says, (K, p)."""
    size = np.abs(model.expert_coef_)
    return size if size.ndim == 2 else np.ptp(model.expert_coef_, axis=1)  # of classes only differences matter
