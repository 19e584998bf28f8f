"""What a report says about a Lasso: which columns stay, the path in pictures, its table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from classicmoe.cli.lasso import POINTS, columns_used, path_table, penalty_lines
from classicmoe.cli.pictures import Picture, drawn, shown_rows
from classicmoe.cli.study import Study
from classicmoe.cli.words import title
from classicmoe.messages import name_list

_TOP = 8  # columns with a name in the pictures of a path
_NAMES = 12  # columns named in a sentence
_PANELS = 6  # experts whose paths are drawn


def lasso_section(study: Study) -> dict[str, Any]:
    """Return what the report shows: who uses which columns, pictures and table of the path if there is one."""
    model = study.model
    return {
        "columns": _columns(study),
        "lines": [f"{line[0].upper()}{line[1:]}." for line in penalty_lines(model)],
        "pictures": list(_pictures(study)) if model.path_ is not None else [],
        "path": _path(model) if model.path_ is not None else None,
    }


def _path(model: Any) -> dict[str, Any]:
    """Return the path as header and rows of text."""
    header, rows = path_table(model, POINTS)
    names = {"experts": "penalty on experts", "gate": "on gate", "violation": "worst violation"}
    cells = [[f"{first} chosen" if mark else first, *rest] for mark, first, *rest in rows]
    return {
        "header": [names.get(name, name) for name in header[1:]],
        "rows": [[cell.replace("-", "\N{MINUS SIGN}") for cell in row] for row in cells],
    }


def _columns(study: Study) -> list[tuple[str, str]]:
    """Return who sees which columns."""
    model = study.model
    pairs = [(f"Expert {k}", used) for k, used in enumerate(columns_used(model, "expert"))]
    if study.k > 1:
        gate = columns_used(model, "gate")
        pairs.append(("Gate", list(dict.fromkeys(name for used in gate for name in used))))
    return [(who, name_list(used, _NAMES, quote=False) if used else "no column") for who, used in pairs]


def _pictures(study: Study) -> Iterator[Picture]:
    from classicmoe.plot import LassoPathDisplay

    model, X = study.model, shown_rows(study)[0]
    captions = {"expert": _EXPERT_CAPTION, "gate": _GATE_CAPTION}
    labels = model.classes_.tolist() if hasattr(model, "classes_") else [None]
    labels = labels[-1:] if len(labels) == 2 else labels  # the slopes of one are minus those of the other
    for side in ("expert", "gate") if study.k > 1 else ("expert",):
        caption = captions[side]
        for k in range(min(study.k, _PANELS)):
            for j, label in enumerate(labels if side == "expert" else [None]):
                heading = f"Expert {k}" if side == "expert" else f"When expert {k} is asked"
                heading += f": {label}" if label is not None else ""
                draw = partial(LassoPathDisplay.from_estimator, model, side, X=X, expert=k, label=label, top=_TOP)
                yield Picture(heading, drawn(f"path-{side}-{k}-{j}", f"{heading}: path of coefficients", draw), caption)
                caption = ""
    heading = f"{title(model.criterion)} along the path"
    draw = partial(LassoPathDisplay.from_estimator, model, what="criterion")
    yield Picture(heading, drawn("path-criterion", heading, draw), _CRITERION_CAPTION)


_EXPERT_CAPTION = (
    "From left to right the penalty becomes weaker and columns enter; a line is the coefficient of one column, for one "
    "standard deviation of it, so that columns in different units can be compared. The dashed line is the penalty that "
    "was chosen. The largest have names, all others are grey."
)
_GATE_CAPTION = (
    "The same for the gating network: a column above the line makes it more likely that this expert is asked, one "
    "below less likely."
)
_CRITERION_CAPTION = (
    "What the fit is worth, its number of parameters taken into account; lower is better. Above: how many slopes are "
    "not zero. The ring is the point that was chosen."
)
