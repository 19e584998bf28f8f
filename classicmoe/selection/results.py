"""Rows of the table of models, the data frame made of them, and the text that people read."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, nan
from typing import Any

from classicmoe.criteria import CRITERIA, normalised_entropy
from classicmoe.selection.choice import badness, choose, why_not
from classicmoe.summary import Summary

N_CONDITIONAL = "n_conditional"
"""Entry of a row, not a column of the table: parameters of p(y | x) where they are not those of the fit."""
_LIKELIHOODS = ("log_likelihood", "joint_log_likelihood")
_NUMBERS = (*_LIKELIHOODS, *CRITERIA, "slope", "cv", "cv_se", "entropy", "smallest", "seconds", "n")
_COUNTS = ("n_experts", "reached", "finished", "begun")
_TEXTS = ("verdict", "excluded", "start", "status", "error", "sentence")
_ORDER = (
    "n_parameters log_likelihood joint_log_likelihood aic aicc bic sabic caic icl slope cv cv_se entropy smallest "
    "verdict excluded reached finished begun start seconds status error sentence suspect n n_rows"
).split()
_ONLY_SOMETIMES = ("start", "joint_log_likelihood", "slope", "excluded", "cv", "cv_se")


def model_row(model: Any) -> dict[str, Any]:
    """Return what the table says about a fitted model."""
    ll, free, n, entropy = model.criterion_log_likelihood_, model.n_parameters_, model.weight_sum_, model.entropy_
    mass, verdict = model.expert_mass_, model.verdict_
    joint, n_conditional = getattr(model, "joint_log_likelihood_", None), model._n_conditional
    return {
        "n_parameters": int(free),
        "log_likelihood": float(model.log_likelihood_),
        **({} if joint is None else {"joint_log_likelihood": float(joint)}),
        **({} if n_conditional is None else {N_CONDITIONAL: n_conditional}),
        # The likelihood of rows reweighted by class is not that of the rows.
        **{
            name: nan if getattr(model, "_reweighted", False) else float(criterion(ll, free, n, entropy))
            for name, criterion in CRITERIA.items()
        },
        "entropy": float(normalised_entropy(entropy, n, len(mass))),
        "smallest": float(100.0 * mass.min() / mass.sum()),
        "verdict": verdict.level,
        "reached": verdict.reached,
        "finished": verdict.finished,
        "begun": verdict.begun,
        "status": model.status_.name,
        "sentence": verdict.sentence,
        "suspect": any(weak["reason"] == "spike" for weak in verdict.suspect),
        "n": float(n),
        "n_rows": int(model.n_rows_),
    }


def failed_row(error: str | None) -> dict[str, Any]:
    """Return what the table says about a model that could not be fitted."""
    numbers = dict.fromkeys(("log_likelihood", *CRITERIA, "entropy", "smallest", "n"), nan)
    counts = {"n_parameters": None, "reached": 0, "finished": 0, "begun": 0, "n_rows": None}
    texts = {"verdict": "FAILED", "status": None, "sentence": error}
    return numbers | counts | texts | {"suspect": False}


def as_frame(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as a pandas data frame: number of experts, arguments of the grid, numbers, verdict, the rest."""
    import pandas as pd

    names = list(dict.fromkeys(name for row in rows for name in row if name != N_CONDITIONAL)) or [
        n for n in _ORDER if n not in _ONLY_SOMETIMES
    ]
    arguments = [name for name in names if name not in _ORDER and name != "n_experts"]
    columns = {}
    for name in ["n_experts", *arguments, *(name for name in _ORDER if name in names)]:
        values = pd.Series([row.get(name) for row in rows], dtype=object)
        if name in _NUMBERS:
            values = values.astype(float)
        elif name in _COUNTS:
            values = values.astype(int)
        elif name in ("n_parameters", "n_rows"):
            values = values.astype("Int64")  # a failed model has none
        elif name == "suspect":
            values = values.astype(bool)
        elif name not in _TEXTS and not any(isinstance(value, str) for value in values):
            values = values.infer_objects()
        columns[name] = values
    return pd.DataFrame(columns)


def selection_summary(table: Any, criterion: str, best: int | None, remarks: Sequence[str]) -> Summary:
    """Return the table of models as text, the choice of every criterion, and what speaks against models."""
    rows = table.to_dict("records")
    arguments = list(table.columns[1 : table.columns.get_loc("n_parameters")])
    n = {f"{row['n']:g}" for row in rows if not isnan(row["n"])}
    heading = f"{len(rows)} models compared by {_title(criterion)}" + (f", n = {n.pop()}" if n else "")
    lines = [heading, *remarks, ""]
    lines += _table_lines(rows, arguments, best)
    names = [_name(row, arguments) for row in rows]
    winners = {name: choose(rows, name) for name in (*CRITERIA, "slope", "cv") if name in table} | {criterion: best}
    chosen = [f"{_title(name)}: {names[i]}" for name, i in winners.items() if i is not None]
    lines += ["", "best by  " + "   ".join(chosen)] if chosen else ["", "no model can be chosen"]
    if best is not None:
        lines.append(
            f"chosen   {names[best]} by {_title(criterion)}: {rows[best]['verdict']}, {rows[best]['sentence']}"
        )
    return Summary("\n".join([*lines, *_remarks(rows, names, criterion, best)]))


def _remarks(rows: Sequence[dict[str, Any]], names: Sequence[str], criterion: str, best: int | None) -> list[str]:
    """Say what speaks against the other models, and which of them lost although the criterion is for them."""
    remarks = []
    for i, row in enumerate(rows):
        if i == best or row["verdict"] == "OK":
            continue
        reason = why_not(row, criterion)
        passed_over = best is not None and reason is None and badness(row, criterion) < badness(rows[best], criterion)
        text = reason or f"{row['verdict']}: {row['sentence']}"
        better = f" (its {_title(criterion)} is better, but a model that rests on a spike loses to any that does not)"
        remarks.append(f"! {names[i]}: {text}{better if passed_over else ''}")
    return remarks


def _table_lines(rows: Sequence[dict[str, Any]], arguments: Sequence[str], best: int | None) -> list[str]:
    criteria = [name for name in (*CRITERIA, "slope") if name in rows[0]] if rows else []
    scored = bool(rows) and "cv" in rows[0]
    joint = ["joint_log_likelihood"] if rows and "joint_log_likelihood" in rows[0] else []
    header = ["", "K", *arguments, "npar", "loglik", *(["joint"] if joint else []), *map(_title, criteria)]
    header += ["CV", "se"] if scored else []
    header += ["entropy", "min%", "starts", "sec", "verdict"]
    body = [header]
    for i, row in enumerate(rows):
        cells = ["*" if i == best else "", str(row["n_experts"]), *(str(row[name]) for name in arguments)]
        cells += ["-" if row["verdict"] == "FAILED" else str(row["n_parameters"]), _cell(row["log_likelihood"], 1)]
        cells += [_cell(row[name], 1) for name in (*joint, *criteria)]
        cells += [_cell(row["cv"], 4), _cell(row["cv_se"], 4)] if scored else []
        starts = f"{row['reached']}/{row['finished']}" if row["begun"] else "-"
        mark = "" if row["verdict"] == "OK" else " !"
        cells += [_cell(row["entropy"], 2), _cell(row["smallest"], 1), starts, _cell(row["seconds"], 1)]
        body.append([*cells, row["verdict"] + mark])
    width = [max(len(line[j]) for line in body) for j in range(len(header))]
    last = len(header) - 1
    return [
        "  ".join(c.ljust(width[j]) if j == last else c.rjust(width[j]) for j, c in enumerate(line)).rstrip()
        for line in body
    ]


def _cell(value: float, digits: int) -> str:
    return "-" if isnan(value) else "inf" if value == inf else f"{value:.{digits}f}"


def _name(row: dict[str, Any], arguments: Sequence[str]) -> str:
    return ", ".join([f"K={row['n_experts']}", *(f"{name}={row[name]}" for name in arguments)])


def _title(name: str) -> str:
    return {"aicc": "AICc", "slope": "slope"}.get(name, name.upper())
