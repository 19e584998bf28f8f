"""The HTML report: one page that opens offline, runs nothing and takes every name in it as text."""

from __future__ import annotations

import math
import shlex
from datetime import UTC, datetime
from typing import Any

import numpy as np

from classicmoe.cli.answer import verdict
from classicmoe.cli.carried import known_text
from classicmoe.cli.family_words import words_of
from classicmoe.cli.lasso import is_lasso
from classicmoe.cli.lasso_report import lasso_section
from classicmoe.cli.output import Table
from classicmoe.cli.pictures import pictures_of_columns, pictures_of_search, pictures_of_slope
from classicmoe.cli.slope import slope_section
from classicmoe.cli.study import Study
from classicmoe.cli.tables import experts_table, gate_table
from classicmoe.cli.version import versions
from classicmoe.cli.words import for_command_line, number, title
from classicmoe.criteria import CRITERIA
from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import count_text, name_list
from classicmoe.models.tables import gate_sees_columns

_MANY = 40


def render_report(study: Study) -> str:
    """Return the page about a study.

    Whatever names and values the data contain are escaped; the page has no script, no address of the web and no file
    beside it.

    Parameters
    ----------
    study : Study

    Returns
    -------
    str
        HTML5.

    Raises
    ------
    ConfigurationError
        jinja2 or matplotlib is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ConfigurationError("Reports need jinja2: pip install 'classicmoe[cli]'.") from error
    environment = Environment(
        loader=PackageLoader("classicmoe.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(python=repr, shell=shlex.quote)
    return environment.get_template("report.html").render(**context(study))


def context(study: Study) -> dict[str, Any]:
    """Return what the template shows, all of it text, numbers and lists (pictures are SVG)."""
    now = datetime.now(UTC)
    return {
        "heading": f"{study.task.response} in {study.task.info.source}",
        "date": f"{now.day} {now:%B %Y, %H:%M} UTC",
        "verdict": verdict(study),
        "experts": expert_profile(study),
        "words": words_of(study.model, study.task.response),
        "classes": hasattr(study.model, "classes_"),
        "models": models_table(study),
        "slope": slope_section(study.slope, study.about_the_slope, pictures_of_slope(study)) if study.slope else None,
        "lasso": lasso_section(study) if is_lasso(study.model) else None,
        "pictures": {"columns": pictures_of_columns(study), "search": pictures_of_search(study)},
        "gate": _coefficients(study.model, gate_table(study.model)) if study.k > 1 else None,
        "gate_meaning": study.model._mixture().gate.meaning(vars(study.model)),
        "coefficients": _coefficients(study.model, experts_table(study.model)),
        "facts": facts(study),
        "model_file": study.files.get("model"),
        "response": study.task.response,
        "exposure": study.task.carried.exposure,
        "offset": study.task.carried.offset,
        "what": "class,proba,gate" if hasattr(study.model, "classes_") else "mean,interval:0.9,gate",
        "command": study.command,
        "versions": versions(),
    }


def expert_profile(study: Study) -> dict[str, Any]:
    """Return who the experts are, one row each: share of the rows and what is typical of the response."""
    from classicmoe.plot.palette import expert_colors

    model, task = study.model, study.task
    resp = model.responsibilities(task.X, task.y, **task.beside)
    weight = np.ones(len(resp)) if task.weight is None else task.weight
    header, typical = _typical(study, resp * weight[:, None])
    total, colors = model.expert_mass_.sum(), expert_colors(study.k)
    rows = [
        {
            "name": f"expert {k}",
            "color": "#" + "".join(f"{round(255 * part):02x}" for part in colors[k]),
            "cells": [
                f"{100.0 * model.expert_mass_[k] / total:.0f} %",
                number(float(model.expert_mass_[k]), 3),
                *(cells[k] for cells in typical),
            ],
        }
        for k in range(study.k)
    ]
    return {"header": ["share of rows", "rows", *header], "rows": rows}


def _typical(study: Study, weighted: Any) -> tuple[list[str], list[list[str]]]:
    """Return headings and, for each, what stands below it for every expert; ``weighted`` are rows by experts."""
    model, task, name = study.model, study.task, study.task.response
    if hasattr(model, "classes_"):
        labels = task.y.to_numpy()
        shares = np.array([weighted[labels == label].sum(axis=0) for label in model.classes_]) / weighted.sum(axis=0)
        most = shares.argmax(axis=0)
        return ["most frequent class"], [
            [f"{model.classes_[c]} ({100.0 * shares[c, k]:.0f} %)" for k, c in enumerate(most)]
        ]
    y = task.shown.to_numpy(dtype=float)
    header, values = [f"average of {name}"], [y @ weighted / weighted.sum(axis=0)]
    if task.carried.partly_known:
        header[0] += " (as far as known)"
    if "exposure" in task.beside:
        header.append(f"{name} per unit of {task.carried.exposure}")
        values.append(y @ weighted / (task.beside["exposure"] @ weighted))
    if study.settings["family"] == "gaussian":
        header.append("scatter (standard deviation)")
        values.append(np.atleast_1d(model.expert_scale_))
    return header, [[number(float(value), 3) for value in line] for line in values]


def models_table(study: Study) -> list[dict[str, Any]]:
    """Return the rows of the table of models."""
    rows = study.rows()
    criteria = [name for name in (*CRITERIA, "slope", "cv") if name in study.results]
    least = {name: study.results[name].min() if name != "cv" else study.results[name].max() for name in criteria}
    table = []
    for i, row in enumerate(rows):
        failed = row["verdict"] == "FAILED"
        table.append(
            {
                "chosen": i == study.best,
                "k": row["n_experts"],
                "n_parameters": "-" if failed else row["n_parameters"],
                "log_likelihood": _fixed(row["log_likelihood"]),
                "criteria": [(title(name), _fixed(row[name]), row[name] == least[name]) for name in criteria],
                "entropy": f"{row['entropy']:.2f}" if math.isfinite(row["entropy"]) else "-",
                "smallest": "-" if failed else f"{row['smallest']:.0f} %",
                "starts": f"{row['reached']}/{row['finished']}",
                "verdict": row["verdict"],
                "sentence": for_command_line(str(row["sentence"])),
            }
        )
    return table


def _fixed(value: float) -> str:
    return f"{value:,.1f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else "-"


def _coefficients(model: Any, table: Table) -> dict[str, Any]:
    """Return a table for the page, of a Lasso without the columns that have dropped out."""
    header, rows = table
    if is_lasso(model):
        rows = [row for row in rows if any(cell for cell in row if isinstance(cell, float)) or "(intercept)" in row]
    return _formatted(header, rows)


def _formatted(header: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    cells = [[_signed(value) if isinstance(value, float) else value for value in row] for row in rows]
    return {"header": header, "rows": cells}


def _signed(value: float) -> str:
    return number(value).replace("-", "\N{MINUS SIGN}") if value == value else "-"


def facts(study: Study) -> list[tuple[str, str]]:
    """Return what was asked, as pairs of name and text."""
    task, model, settings = study.task, study.model, study.settings
    pairs = [
        ("Data", f"{task.info.source}: {count_text(task.info.rows, 'row')}, {count_text(task.info.columns, 'column')}"),
        ("Rows used", _rows_used(task)),
        ("Response", task.response),
        ("Experts see", _columns(model.expert_features_.names_out)),
        ("Gate sees", _columns(model.gate_features_.names_out if gate_sees_columns(model) else [])),
    ]
    reference = [f"{name}: {levels[0]}" for name, levels in model.coder_.levels.items() if levels]
    if reference:
        pairs.append(("Reference levels", ", ".join(reference)))
    if "exposure" in task.beside:
        pairs.append(("Exposure", f"{task.carried.exposure} (expected {task.response} is proportional to it)"))
    if task.carried.offset:
        pairs.append(("Offset", f"{task.carried.offset} (added on the scale of the link)"))
    if task.carried.partly_known:
        upper = f"; upper end: {task.carried.upper}" if task.carried.upper else ""
        pairs.append(("Known of the response", known_text(task.y) + upper))
    if task.left_out:
        pairs.append(("Left out (--drop)", ", ".join(task.left_out)))
    if task.weight_name:
        kind = "rescaled to mean 1" if settings["weight_type"] == "sampling" else "a weight of k counts as k rows"
        pairs.append(("Weights", f"{task.weight_name} ({kind}; n = {number(model.weight_sum_, 6)})"))
    pairs += [
        (
            "Gate and experts",
            f"{settings['gate']} gate{_temperature(settings)}, {settings['family']} experts"
            f"{_structure(settings)}{_penalised(settings)}",
        ),
        ("Search", f"{settings['starts']} starts per model, seed {settings['seed']}, {study.seconds:.1f} s"),
    ]
    pairs += [("Worth knowing", warning) for warning in study.about_the_data]
    return pairs


def _temperature(settings: dict[str, Any]) -> str:
    temperature = settings.get("temperature")
    return "" if temperature is None else f" at temperature {temperature:g}"


def _structure(settings: dict[str, Any]) -> str:
    """Say what else a Gaussian gate was asked for."""
    if settings["gate"] != "gaussian":
        return ""
    latent = f", {count_text(settings['latent'], 'latent factor')}" if settings["latent"] else ""
    return f"; {settings['structure']} noise of the columns{latent}"


def _penalised(settings: dict[str, Any]) -> str:
    return "; slopes are penalised (Lasso)" if settings.get("lasso") else ""


def _rows_used(task: Any) -> str:
    if not len(task.dropped):
        return f"all {len(task.kept)}"
    shown = ", ".join(str(row + 1) for row in task.dropped[:_MANY])
    more = f", … ({len(task.dropped) - _MANY} more)" if len(task.dropped) > _MANY else ""
    gaps = ", ".join(f"{gap.column}: {gap.missing}" for gap in task.gaps)
    return (
        f"{len(task.kept)}; {count_text(len(task.dropped), 'row')} with missing values left out "
        f"(missing by column: {gaps}; data rows {shown}{more})"
    )


def _columns(names: list[str]) -> str:
    return name_list(names, _MANY, quote=False) if names else "no column (intercept only)"
