"""``classicmoe select``: the main job."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o
from classicmoe.cli import values


def select(
    ctx: typer.Context,
    data: o.Data,
    response: o.Response = None,
    k: Annotated[
        str | None,
        typer.Option(
            "-k",
            "--experts",
            metavar="RANGE",
            help="Numbers of experts: 1:8, or 1,2,5. Default: 1:8; 1:20 for the slope heuristic.",
        ),
    ] = None,
    criterion: Annotated[
        str,
        typer.Option(
            "--criterion",
            help="What chooses: aic, aicc, bic, sabic, caic, icl, slope (a penalty read off the largest models), or cv "
            "(held-out rows).",
            callback=o.one_of("aic", "aicc", "bic", "sabic", "caic", "icl", "slope", "cv"),
        ),
    ] = "bic",
    contrast: Annotated[
        str | None,
        typer.Option(
            "--contrast",
            help="For --criterion slope with --gate gaussian: the likelihood of y given x (conditional, the default), "
            "or of x and y (joint).",
            callback=o.one_of("conditional", "joint"),
        ),
    ] = None,
    formula: o.Formula = None,
    expert: o.ExpertTerms = None,
    gate: o.GateTerms = None,
    gate_type: o.GateType = "softmax",
    temperature: o.Temperature = None,
    family: o.Family = "gaussian",
    structure: o.Structure = "diag",
    latent: o.Latent = 0,
    lasso: o.Lasso = None,
    weights: o.Weights = None,
    weight_type: o.WeightType = "frequency",
    exposure: o.Exposure = None,
    offset: o.Offset = None,
    upper: o.Upper = None,
    truncate: o.Truncate = None,
    drop: o.Drop = None,
    na: o.Na = "error",
    unseen: o.Unseen = "error",
    input_format: o.InputFormat = None,
    starts: o.Starts = 20,
    max_iter: o.MaxIter = 1000,
    seed: o.Seed = 0,
    jobs: o.Jobs = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="FILE",
            help="Keep finished models in this file and take up from there when it exists.",
            rich_help_panel="Search",
        ),
    ] = None,
    strict: o.Strict = False,
    save_best: Annotated[
        str,
        typer.Option(
            "-o", "--save-best", metavar="FILE", help="Where to save the best model.", rich_help_panel="Output"
        ),
    ] = "best.cmoe",
    report: o.Report = None,
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Fit a range of models, choose the number of experts, save the best one.

    Prints one table with every criterion and a verdict on every model. Starts "14/20" means that 14 of 20 finished
    starts reached the best solution.
    """
    from classicmoe.cli.carried import Carried
    from classicmoe.cli.output import Console
    from classicmoe.cli.running import check_writable, finish, print_and_save, run_selection, settings_of
    from classicmoe.cli.task import Question, prepare

    ks = values.range_for(criterion, k)
    contrast = values.contrast_for(criterion, contrast)
    gate, gate_type = values.gate_of(gate, gate_type)
    temperature, window = values.temperature_for(gate_type, temperature), values.window_for(family, upper, truncate)
    penalties = values.lasso_for(
        lasso, gate_type, family, criterion=criterion, temperature=temperature, observed=bool(upper or window)
    )
    starts = values.or_lasso_default(ctx, penalties, "starts", starts)
    max_iter = values.or_lasso_default(ctx, penalties, "max_iter", max_iter)
    console = Console(plain)
    check_writable(save_best, report, resume)
    carried = Carried(exposure, offset, upper, window)
    task = prepare(Question(data, response, formula, expert, gate, weights, drop, na, input_format, carried), console)
    settings = settings_of(
        seed, starts, max_iter, gate_type, family, weight_type, unseen, structure, latent, temperature, penalties
    )
    console.note(f"seed {seed}, {starts} starts per model")
    study = run_selection(task, settings, ks, criterion, jobs, resume, console, ctx.obj, contrast)
    print_and_save(study, console, as_json, save_best, report)
    finish(study, console, "selection", as_json, strict)
