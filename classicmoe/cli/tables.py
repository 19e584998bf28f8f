"""Tables of a fitted model as header and rows, and as text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from classicmoe import criteria
from classicmoe.cli.lasso import full_path_table, is_lasso
from classicmoe.cli.output import Table, aligned, markdown
from classicmoe.cli.words import number
from classicmoe.exceptions import ConfigurationError
from classicmoe.models.tables import coefficient_rows, expert_table_rows, gate_table_rows, output_names, response_names

_STARTS = ("start", "kind", "seed", "objective", "n_iter", "seconds", "status", "degenerate", "suspect", "reached")


def coef_table(model: Any) -> Table:
    """Return all coefficients in long form."""
    rows = coefficient_rows(model)
    header = list(rows[0])
    return header, [[row[name] for name in header] for row in rows]


def gate_table(model: Any) -> Table:
    """Return the gate, terms by experts."""
    k = len(model.expert_mass_)
    return ["term", *_experts(k)], [[term, *values.tolist()] for term, values in gate_table_rows(model)]


def experts_table(model: Any) -> Table:
    """Return the experts' coefficients and scales, terms by experts; several responses or classes come first."""
    outputs, first = output_names(model), "class" if hasattr(model, "classes_") else "response"
    rows: list[list[Any]] = []
    for j, output in enumerate(outputs):
        head = [output] if len(outputs) > 1 else []
        rows += [[*head, term, *row.tolist()] for term, row in expert_table_rows(model, j)]
    return [*([first] if len(outputs) > 1 else []), "term", *_experts(len(model.expert_mass_))], rows


def fit_table(model: Any) -> Table:
    """Return how the fit ended, and its criteria, as pairs of name and value."""
    ll, free, n, entropy = model.criterion_log_likelihood_, model.n_parameters_, model.weight_sum_, model.entropy_
    mixture, k = model._mixture(), len(model.expert_mass_)
    pairs = {
        "n_experts": k,
        "gate": mixture.gate.name,
        "expert": mixture.expert.name,
        "response": ", ".join(response_names(model)),
        "columns of the experts": ", ".join(model.expert_features_.names_out),
        "columns of the gate": ", ".join(model.gate_features_.names_out),
        "rows": model.n_rows_,
        "n": n,
        "n_parameters": free,
        "log_likelihood": model.log_likelihood_,
        **({"joint_log_likelihood (criteria are of it)": ll} if mixture.gate.joint else {}),
        **{name: function(ll, free, n, entropy) for name, function in criteria.CRITERIA.items()},
        "entropy": criteria.normalised_entropy(entropy, n, k),
        **(_lasso_pairs(model) if is_lasso(model) else {}),
        "status": model.status_.name,
        "n_iter": model.n_iter_,
        "verdict": str(model.verdict_),
        "trustworthy": model.verdict_.trustworthy,
    }
    return ["name", "value"], [[name, value] for name, value in pairs.items()]


def starts_table(model: Any) -> Table:
    """Return one row per start."""
    return list(_STARTS), [[start[name] for name in _STARTS] for start in model.starts_]


def path_table(model: Any) -> Table:
    """Return the path of a Lasso, one row per penalty.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    if getattr(model, "path_", None) is None:
        raise ConfigurationError("This model has no path of penalties: it was not fitted with --lasso path.")
    return full_path_table(model)


def _lasso_pairs(model: Any) -> dict[str, Any]:
    return {
        "alpha_expert": np.asarray(model.alpha_expert_).tolist(),
        "alpha_gate": np.asarray(model.alpha_gate_).tolist(),
        "slopes of the experts": int(np.count_nonzero(model.support_["expert"])),
        "slopes of the gate": int(np.count_nonzero(model.support_["gate"])),
        "optimality (worst violation)": model.optimality_,
    }


TABLES: dict[str, Callable[[Any], Table]] = {
    "coef": coef_table,
    "gate": gate_table,
    "experts": experts_table,
    "fit": fit_table,
    "starts": starts_table,
    "path": path_table,
}


def tables_of(model: Any) -> dict[str, Callable[[Any], Table]]:
    """Return the tables that a model has."""
    missing = {"path"} if getattr(model, "path_", None) is None else set()
    return {name: build for name, build in TABLES.items() if name not in missing}


def _experts(k: int) -> list[str]:
    return [f"expert {j}" for j in range(k)]


def records(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Return a table as a list of objects, or as one object when it holds pairs of name and value."""
    if list(header) == ["name", "value"]:
        return {name: value for name, value in rows}
    return [dict(zip(header, row, strict=True)) for row in rows]


def as_text(header: Sequence[str], rows: Sequence[Sequence[Any]], form: str) -> str:
    """Return a table as ``"text"``, ``"md"`` or ``"csv"``; CSV has all digits."""
    if form == "csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
        return stream.getvalue()
    cells = [[number(value, 6) if isinstance(value, float) else str(value) for value in row] for row in rows]
    left = [j for j in range(len(header)) if any(isinstance(row[j], str) for row in rows)]
    lines = (markdown if form == "md" else aligned)(header, cells, left)
    return "\n".join(lines) + "\n"
