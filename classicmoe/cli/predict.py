"""``classicmoe predict``: what a model says about new rows."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o
from classicmoe.cli import values


def predict(
    model_file: o.ModelFile,
    data: o.Data,
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            metavar="LIST",
            help="mean, std, gate, experts, quantile:0.05,0.95, interval:0.9, hdr:0.9, logprob, responsibility; of "
            "classes class, proba. Default: mean, or class,proba.",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="COL", help="Input column to repeat; may be repeated.")
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Repeat all input columns.")] = False,
    response: Annotated[
        str | None,
        typer.Option(
            "-y", "--response", metavar="COL", help="Response, for logprob and responsibility; default the model's."
        ),
    ] = None,
    exposure: Annotated[
        str | None,
        typer.Option(
            "--exposure",
            metavar="COL",
            help="Column of exposures, or one number; default the model's column where the data have it. Answers are "
            "of counts then, else of rates.",
        ),
    ] = None,
    offset: Annotated[
        str | None, typer.Option("--offset", metavar="COL", help="Column of offsets; default the model's.")
    ] = None,
    upper: Annotated[
        str | None,
        typer.Option(
            "--upper", metavar="COL", help="Upper end of the response, for logprob and responsibility; as for fit."
        ),
    ] = None,
    truncate: Annotated[
        str | None,
        typer.Option("--truncate", metavar="LOW:HIGH", help="Window, for logprob and responsibility; as for fit."),
    ] = None,
    unseen: Annotated[
        str | None,
        typer.Option(
            "--unseen",
            help="error or reference, in place of what the fit was told.",
            callback=o.one_of("error", "reference"),
        ),
    ] = None,
    na: Annotated[
        str,
        typer.Option(
            "--na", help="Rows with missing values: error, or empty answers.", callback=o.one_of("error", "empty")
        ),
    ] = "error",
    input_format: o.InputFormat = None,
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="FILE", help=".csv, .csv.gz, .parquet or .json; - is standard output."),
    ] = "-",
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Score rows: a header and one row per input row.

    Columns are called mean, std, gate_0, expert_0, quantile_0.05, lower_90, upper_90, hdr_90 (a JSON list of
    [lower, upper], since a region may have several parts), logprob, responsibility_0; class, proba_LABEL.
    """
    from classicmoe.cli.asked import NEEDS_RESPONSE, check_items, default_for, parse_what
    from classicmoe.cli.carried import Carried
    from classicmoe.cli.output import Console, write_json
    from classicmoe.cli.running import check_writable
    from classicmoe.cli.scoring import Request, as_records, scored, text_columns, use_unseen, write_pieces
    from classicmoe.cli.stream import pieces
    from classicmoe.cli.task import columns_of
    from classicmoe.exceptions import ConfigurationError
    from classicmoe.persistence import load

    console = Console(plain)
    items, window = parse_what(what or "mean"), values.window_of(truncate)
    check_writable(None if output == "-" else output)
    model = load(model_file)
    items = items if what is not None else parse_what(default_for(model))
    check_items(model, items)
    if unseen is not None:
        use_unseen(model, unseen)
    response = response or model.response_name_
    if response is None and any(item.kind in NEEDS_RESPONSE for item in items):
        raise ConfigurationError(f"{model_file} does not know what its response is called: name the column with -y.")
    keep = None if append else columns_of(ids)
    name = "standard input" if data == "-" else data.replace("\\", "/").rpartition("/")[2]
    carried = Carried(exposure, offset, upper, window).or_else(Carried.of(model))
    request = Request(
        model, model_file, name, items, response, keep, na, console.warn, carried, exposed=exposure is not None
    )
    with console.collecting():
        tables = scored(request, pieces(data, input_format, text_columns(model)))
        if as_json and output == "-":
            rows = list(as_records(tables, items))
            about = {"model": model_file, "data": name, "file": None}
            write_json("predictions", {**about, "n_rows": len(rows), "rows": rows})
        else:
            n, columns = write_pieces(tables, output, "classicmoe.predictions/1")
            if as_json:
                about = {"model": model_file, "data": name, "file": output}
                write_json("predictions", {**about, "n_rows": n, "columns": columns})
    console.flush_warnings()
    if output != "-":
        console.note(f"wrote {output}")
