"""``classicmoe show``: look at a model file."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o


def show(
    model_file: o.ModelFile,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            help="coef, gate, experts, fit, starts or, of a Lasso, path; the summary when not given.",
            callback=o.one_of("coef", "gate", "experts", "fit", "starts", "path"),
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="text, md, csv or json.", callback=o.one_of("text", "md", "csv", "json")),
    ] = None,
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Show a saved model: its summary, or one table of it."""
    from classicmoe.cli.lasso import summary_of
    from classicmoe.cli.output import write_json
    from classicmoe.cli.tables import TABLES, as_text, records, tables_of
    from classicmoe.cli.words import for_command_line
    from classicmoe.persistence import load

    model = load(model_file)
    if as_json or form == "json":
        if table is None:
            tables = {name: records(*build(model)) for name, build in tables_of(model).items()}
            write_json("model", {"file": model_file, **tables})
        else:
            write_json("table", {"file": model_file, "table": table, "rows": records(*TABLES[table](model))})
    elif table is None and form in (None, "text"):
        print(for_command_line(summary_of(model)))
    else:
        print(as_text(*TABLES[table or "coef"](model), form or "text"), end="")
