"""``classicmoe demo``: the main job on a shipped data set."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o


def demo(
    folder: Annotated[
        str, typer.Option("-o", "--output", metavar="DIR", help="Folder for what the demo writes.")
    ] = "classicmoe-demo",
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Do the main job on a shipped data set: choose, save, predict, report.

    Nitrogen oxides in the exhaust of an engine (ethanol, 88 rows) against the equivalence ratio E, the richness of the
    mixture of air and fuel.
    """
    import shlex
    from pathlib import Path

    from classicmoe.cli.asked import parse_what
    from classicmoe.cli.output import Console
    from classicmoe.cli.running import finish, print_and_save, run_selection, settings_of
    from classicmoe.cli.scoring import Request, scored, write_pieces
    from classicmoe.cli.stream import pieces
    from classicmoe.cli.task import Question, prepare
    from classicmoe.datasets import load_dataset
    from classicmoe.exceptions import ConfigurationError

    console = Console(plain)
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror or error}.") from error
    data = load_dataset("ethanol").filename
    model, page, scores = (str(target / name) for name in ("best.cmoe", "report.html", "predictions.csv"))
    options = ["-y", "NOx", "--expert", "E", "-k", "1:5", "-o", model, "--report", page]
    command = shlex.join(["classicmoe", "select", data, *options])
    asks = shlex.join(["classicmoe", "predict", model, data, "--what", _WHAT, "--append", "-o", scores])
    console.note(f"$ {command}")
    task = prepare(Question(data, "NOx", expert="E"), console)
    settings = settings_of(0, 20, 1000, "softmax", "gaussian", "frequency", "error")
    console.note("seed 0, 20 starts per model")
    study = run_selection(task, settings, [1, 2, 3, 4, 5], "bic", None, None, console, command)
    print_and_save(study, console, as_json, model, page)
    console.note(f"$ {asks}")
    request = Request(study.model, model, "ethanol.csv", parse_what(_WHAT), "NOx", None, "error", console.warn)
    write_pieces(scored(request, pieces(data)), scores, "classicmoe.predictions/1")
    study.files["predictions"] = scores
    console.note(f"wrote {scores}")
    finish(study, console, "selection", as_json, strict=False)
    console.note(
        f"\nNext:\n"
        f"  open {page} in a browser\n"
        f"  {shlex.join(['classicmoe', 'show', model, '--table', 'experts'])}\n"
        f"  {shlex.join(['classicmoe', 'check', 'your.csv', '-y', 'COLUMN'])}\n"
        f"  {shlex.join(['classicmoe', 'select', 'your.csv', '-y', 'COLUMN', '-k', '1:6', '--report', 'report.html'])}"
    )


_WHAT = "mean,interval:0.9,gate"
