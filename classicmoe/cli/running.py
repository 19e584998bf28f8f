"""What ``select``, ``fit`` and ``demo`` share: run the models, say what came out, write the files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import typer

from classicmoe.cli.build import check_response, estimator_for
from classicmoe.cli.errors import INTERRUPTED, UNTRUSTED, TableThenError
from classicmoe.cli.lasso import summary_of
from classicmoe.cli.output import Console, write_json
from classicmoe.cli.progress import progress
from classicmoe.cli.study import Study
from classicmoe.cli.task import Task
from classicmoe.cli.values import Lasso
from classicmoe.cli.words import decider, for_command_line, title
from classicmoe.exceptions import ConfigurationError, TooFewModelsError
from classicmoe.selection.results import as_frame, model_row

_LARGE = 5000


def check_writable(*paths: str | None) -> None:
    """Refuse output files whose folder is not there, before hours of work.

    Raises
    ------
    ConfigurationError
    """
    for path in filter(None, paths):
        folder = Path(path).parent
        if not folder.is_dir():
            raise ConfigurationError(f"{path} cannot be written: there is no folder {folder}.")
        if Path(path).is_dir() or not os.access(folder, os.W_OK):
            raise ConfigurationError(f"{path} cannot be written: it is a folder, or its folder may not be written to.")


def settings_of(
    seed: int,
    starts: int,
    max_iter: int,
    gate: str,
    family: str,
    weight_type: str,
    unseen: str,
    structure: str = "diag",
    latent: int = 0,
    temperature: float | None = None,
    lasso: Lasso | None = None,
) -> dict[str, Any]:
    """Return the options of a fit by name."""
    return {
        "seed": seed,
        "starts": starts,
        "max_iter": max_iter,
        "gate": gate,
        "family": family,
        "weight_type": weight_type,
        "unseen": unseen,
        "structure": structure,
        "latent": latent,
        "temperature": temperature,
        "lasso": None if lasso is None else lasso._asdict(),
    }


def run_selection(
    task: Task,
    settings: dict[str, Any],
    ks: list[int],
    criterion: str,
    jobs: int | None,
    resume: str | None,
    console: Console,
    command: str,
    contrast: str = "conditional",
) -> Study:
    """Fit one model for every number of experts and choose.

    Raises
    ------
    NoAdmissibleModelError
        None could be fitted.
    TableThenError
        Too few count for the slope heuristic; those that were fitted are printed.
    """
    from classicmoe.selection.selector import MoESelector

    began = time.perf_counter()
    with task.numbering(), console.collecting(), progress(console, len(ks)) as callback:
        check_response(task, settings, console.warn)
        selector = MoESelector(
            estimator_for(task, settings),
            {"n_experts": ks},
            criterion=criterion,
            contrast=contrast,
            n_jobs=processes(jobs, len(task.kept)),
            resume=resume,
            callback=callback,
        )
        try:
            selector.fit(task.X, task.y, sample_weight=task.weight, **task.beside)
        except KeyboardInterrupt:
            if not hasattr(selector, "best_estimator_"):
                raise
        except TooFewModelsError as error:
            if hasattr(selector, "results_"):  # what was fitted is worth seeing
                rows = selector.results_.to_dict(orient="records")
                raise TableThenError(error, for_command_line(selector.summary()), rows) from error
            raise
    remember(selector.best_estimator_, task)
    if criterion == "slope":
        settings = settings | {"contrast": contrast}
    study = Study(
        task,
        settings,
        selector.results_,
        selector.best_estimator_,
        selector.best_index_,
        criterion,
        command,
        time.perf_counter() - began,
        for_command_line(selector.summary(warnings=False)),  # they come at the end, with all others
        selector.interrupted_,
        getattr(selector, "slope_", None),
    )
    of_the_slope = set(study.about_the_slope)
    study.about_the_data = [
        text for text in console.warnings if not text.startswith("The model chosen by") and text not in of_the_slope
    ]
    _warn_about_selection(study, console)
    return study


def processes(jobs: int | None, n_rows: int) -> int | None:
    """Return how many processes to use: what was asked, else all for tables whose fits outlast the start of one."""
    return jobs if jobs is not None else -1 if n_rows >= _LARGE else None


def run_fit(task: Task, settings: dict[str, Any], k: int, jobs: int | None, console: Console, command: str) -> Study:
    """Fit one model."""
    began = time.perf_counter()
    interrupted = False
    model = estimator_for(task, settings, n_experts=k, n_jobs=-1 if jobs is None else jobs)
    with task.numbering(), console.collecting():
        check_response(task, settings, console.warn)
        try:
            model.fit(task.X, task.y, sample_weight=task.weight, **task.beside)
        except KeyboardInterrupt:
            if not hasattr(model, "verdict_"):
                raise
            interrupted = True
    remember(model, task)
    seconds = time.perf_counter() - began
    results = as_frame([{"n_experts": k} | model_row(model) | {"seconds": seconds, "error": None}])
    text = for_command_line(summary_of(model))
    return Study(task, settings, results, model, 0, None, command, seconds, text, interrupted)


def remember(model: Any, task: Task) -> None:
    """Tell a fitted model what its response is called and which columns go with its rows; its file keeps that."""
    model.response_name_, model.response_names_ = task.response, [task.response]
    model.run_ = task.carried.state()


def _warn_about_selection(study: Study, console: Console) -> None:
    safe = study.runner_up()
    if safe is not None:
        name = title(study.criterion)
        value = safe[str(study.criterion)]
        console.warn(f"the best trustworthy model has K={safe['n_experts']} ({name} {value:.2f})")
    if study.at_the_edge():
        console.warn(f"the largest number of experts tried was chosen; try more (-k 1:{study.k + 4})")


def print_and_save(study: Study, console: Console, as_json: bool, model: str, report: str | None) -> None:
    """Print what came out unless it will be JSON, and write the files: the chosen model, a report when asked for."""
    if not as_json:
        print(study.text, flush=True)
    _save_model(study, model, console)
    if report is not None:
        _save_report(study, report, console)


def _save_model(study: Study, path: str, console: Console) -> None:
    study.model.save(path)
    study.files["model"] = path
    by = f" by {decider(study.criterion)}" if study.criterion else ""
    console.note(f"wrote {path} (K={study.k}{by})")


def _save_report(study: Study, path: str, console: Console) -> None:
    from classicmoe.cli.report import render_report

    study.files["report"] = path
    study.warnings = list(console.warnings)
    with study.task.numbering():
        Path(path).write_text(render_report(study), encoding="utf-8")
    console.note(f"wrote {path}")


def finish(study: Study, console: Console, kind: str, as_json: bool, strict: bool) -> None:
    """Print warnings and JSON, and leave with the exit code that the run deserves.

    Raises
    ------
    typer.Exit
        With 130 after an interruption, with 4 for a model that is not trustworthy under ``--strict``.
    """
    study.warnings = list(console.warnings)
    if as_json:
        write_json(kind, study.to_json())
    console.flush_warnings()
    if study.interrupted:
        console.note("interrupted: the models finished until then were kept")
        raise typer.Exit(INTERRUPTED)
    if strict and not study.model.verdict_.trustworthy:
        console.note(f"error [fit]: not trustworthy (--strict): {for_command_line(str(study.model.verdict_))}")
        raise typer.Exit(UNTRUSTED)
