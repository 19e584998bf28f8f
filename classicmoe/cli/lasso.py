"""A Lasso mixture of experts in words and tables: its penalties, its path, and the columns that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from classicmoe.cli.output import Table, aligned
from classicmoe.cli.words import and_list, number, title
from classicmoe.messages import count_text
from classicmoe.models.tables import expert_table_rows, gate_table_rows, output_names

POINTS = 12
"""Rows of a path that are printed."""
TERMS = 40
"""Rows of coefficients that are printed."""
_ABSENT = "."  # a slope that is exactly zero


def is_lasso(model: Any) -> bool:
    """Tell whether slopes of a fitted model were penalised."""
    return hasattr(model, "alpha_gate_")


def summary_of(model: Any) -> str:
    """Return what is printed about a fitted model: its summary, of a Lasso without what is zero."""
    return lasso_text(model) if is_lasso(model) else str(model.summary())


def lasso_text(model: Any) -> str:
    """Return how the fit went, the path, and the columns that matter."""
    head = str(model.summary()).partition("\n\n")[0]
    k = len(model.expert_mass_)
    shares = model.expert_mass_ / model.expert_mass_.sum()
    experts = ["", *(f"expert {j}" for j in range(k))]
    sizes = [["share", *(f"{share:.3f}" for share in shares)], ["rows", *(number(m) for m in model.expert_mass_)]]
    lines = [head, *penalty_lines(model), "", *aligned(experts, sizes, [0])]
    if model.path_ is not None:
        header, rows = path_table(model, POINTS)
        more = len(model.path_.objective) - len(rows)
        lines += ["", "Path: penalties, the strongest first", *aligned(header, rows)]
        lines += [f"({count_text(more, 'more point')}: --table path)"] if more else []
    for heading, (header, rows) in what_matters(model):
        cells = [[row[0], *map(_cell, row[1:])] for row in rows[:TERMS]]
        lines += ["", heading, *aligned(["", *header[1:]], cells, [0])]
        lines += [f"({len(rows) - TERMS} more: --table coef)"] if len(rows) > TERMS else []
    return "\n".join([*lines, "", f"{_ABSENT} is a slope of zero: the column has dropped out there."])


def _cell(value: float) -> str:
    return _ABSENT if value == 0.0 else number(value)


def penalty_lines(model: Any) -> list[str]:
    """Say which penalties the model has, where they come from, and how well it solves the problem that they pose."""
    many = len(model.expert_mass_) > 1
    sides = [f"{_penalty(model.alpha_expert_)} on the experts"]
    sides += [f"{_penalty(model.alpha_gate_)} on the gate"] if many else []
    chosen = "as given"
    if model.path_ is not None:
        chosen = f"chosen by {title(model.criterion)} along a path of {count_text(len(model.path_.objective), 'point')}"
    misses = f"{model.optimality_:.1e} of the weaker penalty"
    worst = f"worst violation of the optimality conditions over all columns: {misses}"
    return [f"Lasso: penalty {and_list(sides)}, {chosen}", _counts(model), worst]


def _penalty(alpha: Any) -> str:
    return ", ".join(number(float(one)) for one in np.ravel(alpha))


def _counts(model: Any) -> str:
    used = {side: int(np.count_nonzero(model.support_[side])) for side in ("expert", "gate")}
    text = f"{count_text(used['expert'], 'slope')} of the experts"
    if len(model.expert_mass_) > 1:
        text += f" and {used['gate']} of the gate"
    return f"{text} {'is' if sum(used.values()) == 1 else 'are'} not zero"


# -- the path ------------------------------------------------------------------------------------------------------


def path_table(model: Any, most: int | None = None) -> Table:
    """Return the path as header and rows of text, the chosen point marked; thinned to ``most`` rows."""
    path = model.path_
    names = [name for name in ("aic", "bic", "ebic", "cv") if name in path.criteria]
    gate = ["gate"] if len(model.expert_mass_) > 1 else []
    header = ["", "experts", *gate, "slopes", "df", "loglik", *map(title, names), "violation"]
    rows = []
    for i in range(len(path.objective)) if most is None else thinned(path, most):
        penalties = [path.alpha_expert[i], *([path.alpha_gate[i]] if gate else [])]
        cells = [number(float(alpha)) for alpha in penalties]
        cells += [str(int(path.n_slopes[i])), f"{path.degrees_of_freedom[i]:g}", f"{path.log_likelihood[i]:.1f}"]
        cells += [f"{path.criteria[name][i]:.{4 if name == 'cv' else 1}f}" for name in names]
        rows.append(["*" if i == path.chosen else "", *cells, f"{path.optimality[i]:.0e}"])
    return header, rows


def path_records(model: Any) -> list[dict[str, Any]]:
    """Return the path with all digits, one dictionary per point."""
    return list(model.path_.table().drop(columns="seconds").to_dict(orient="records"))


def full_path_table(model: Any) -> Table:
    """Return the path with all digits as header and rows."""
    rows = path_records(model)
    return list(rows[0]), [list(row.values()) for row in rows]


def thinned(path: Any, most: int) -> list[int]:
    """Return so many points of a path: from the last without slopes, the chosen one and its neighbours among them.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> path = SimpleNamespace(n_slopes=[0] * 5 + list(range(1, 26)), chosen=12)
    >>> thinned(path, 8)
    [4, 10, 11, 12, 13, 16, 23, 29]
    """
    n = len(path.n_slopes)
    entered = np.flatnonzero(np.asarray(path.n_slopes) > np.min(path.n_slopes))
    first = min(max(int(entered[0]) - 1, 0) if len(entered) else 0, path.chosen)
    kept = {first, n - 1, *(i for i in range(path.chosen - 1, path.chosen + 2) if first <= i < n)}
    best = kept
    for count in range(2, n - first + 1):  # in equal steps as many as there is room for
        even = kept | {round(i) for i in np.linspace(first, n - 1, count).tolist()}
        if len(even) > most:
            return sorted(best)
        best = even
    return list(range(first, n))


# -- the columns that matter ---------------------------------------------------------------------------------------


def what_matters(model: Any) -> Iterator[tuple[str, Table]]:
    """Yield headings and tables of coefficients without rows of zeros, in the order in which columns enter the path.

    The gate first, then the experts: for classes one table each.
    """
    k = len(model.expert_mass_)
    header = ["term", *(f"expert {j}" for j in range(k))]
    if k > 1:
        names = model.gate_features_.names_out
        rows = _that_matter(gate_table_rows(model), len(names), _entry(model, "gate"))
        meaning = model._mixture().gate.meaning(vars(model))
        yield f"Gate: {_share(model, 'gate', names)} ({meaning})", (header, rows)
    names, outputs = model.expert_features_.names_out, output_names(model)
    classes = hasattr(model, "classes_")
    for j, output in enumerate(outputs):
        rows = _that_matter(expert_table_rows(model, j), len(names), _entry(model, "expert"))
        of = f", {output}" if classes else ""
        yield f"Experts{of}: {_share(model, 'expert', names)}", (header, rows)


def _that_matter(rows: Sequence[tuple[str, Any]], n_columns: int, order: Any) -> list[list[Any]]:
    """Return intercept, slopes that are not all zero in the order of their columns' entry, and what follows."""
    slopes = [rows[1 + j] for j in order]
    kept = [rows[0], *(row for row in slopes if np.any(row[1])), *rows[1 + n_columns :]]
    return [[term, *(float(value) for value in values)] for term, values in kept]


def _entry(model: Any, side: str) -> Any:
    """Return the columns in the order in which they enter the path; as they are without one."""
    columns = np.arange(len(getattr(model, f"{side}_features_").names_out))
    if model.path_ is None:
        return columns
    coef = getattr(model.path_, f"{side}_coef")
    there = coef.reshape(len(coef), -1, coef.shape[-1]).any(axis=1)
    first = np.where(there.any(axis=0), there.argmax(axis=0), len(there))
    return np.argsort(first, kind="stable")


def columns_used(model: Any, side: str) -> list[list[str]]:
    """Return for every expert the columns whose slopes are not zero."""
    names, order = getattr(model, f"{side}_features_").names_out, _entry(model, side)
    support = model.support_[side]
    support = support.any(axis=1) if support.ndim == 3 else support
    return [[names[j] for j in order if own[j]] for own in support]


def _share(model: Any, side: str, names: Sequence[str]) -> str:
    used = set().union(*columns_used(model, side))
    return f"{len(used)} of {count_text(len(names), 'column')}"


def lasso_record(model: Any) -> dict[str, Any]:
    """Return penalties, path and columns used for JSON."""
    return {
        "alpha_expert": model.alpha_expert_,
        "alpha_gate": model.alpha_gate_,
        "optimality": model.optimality_,
        "criterion": model.criterion if model.path_ is not None else None,
        "columns": {side: columns_used(model, side) for side in ("gate", "expert")},
        "path": path_records(model) if model.path_ is not None else None,
    }
