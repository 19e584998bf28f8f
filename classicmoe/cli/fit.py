"""``classicmoe fit``: one model."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o
from classicmoe.cli import values


def fit(
    ctx: typer.Context,
    data: o.Data,
    response: o.Response = None,
    k: Annotated[str, typer.Option("-k", "--experts", metavar="K", help="Number of experts.")] = "2",
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
    strict: o.Strict = False,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="Where to save the model.", rich_help_panel="Output")
    ] = "model.cmoe",
    report: o.Report = None,
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Fit one model and save it."""
    from classicmoe.cli.carried import Carried
    from classicmoe.cli.output import Console
    from classicmoe.cli.running import check_writable, finish, print_and_save, run_fit, settings_of
    from classicmoe.cli.task import Question, prepare

    ks = values.counts_of_experts(k)
    if len(ks) > 1:
        raise typer.BadParameter("fit takes one number of experts; select takes several.", param_hint="-k")
    gate, gate_type = values.gate_of(gate, gate_type)
    temperature, window = values.temperature_for(gate_type, temperature), values.window_for(family, upper, truncate)
    penalties = values.lasso_for(lasso, gate_type, family, temperature=temperature, observed=bool(upper or window))
    starts = values.or_lasso_default(ctx, penalties, "starts", starts)
    max_iter = values.or_lasso_default(ctx, penalties, "max_iter", max_iter)
    console = Console(plain)
    check_writable(output, report)
    carried = Carried(exposure, offset, upper, window)
    task = prepare(Question(data, response, formula, expert, gate, weights, drop, na, input_format, carried), console)
    settings = settings_of(
        seed, starts, max_iter, gate_type, family, weight_type, unseen, structure, latent, temperature, penalties
    )
    console.note(f"seed {seed}, {starts} starts")
    study = run_fit(task, settings, ks[0], jobs, console, ctx.obj)
    print_and_save(study, console, as_json, output, report)
    finish(study, console, "fit", as_json, strict)
