"""``classicmoe check``: whether a table is fit to model."""

from __future__ import annotations

from typing import Annotated

import typer

from classicmoe.cli import options as o


def check(
    data: o.Data,
    response: o.Response = None,
    weights: Annotated[str | None, typer.Option("--weights", metavar="COL", help="Column of weights.")] = None,
    drop: o.Drop = None,
    input_format: o.InputFormat = None,
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Look a table over: types, missing values, constant, collinear and id-like columns, rows per parameter.

    Exit code 3 when something would stop a fit.
    """
    from dataclasses import asdict, replace

    from classicmoe.cli.errors import DATA
    from classicmoe.cli.look import HEADER, columns_of_table
    from classicmoe.cli.output import Console, aligned, write_json
    from classicmoe.cli.read import read_table, require_column
    from classicmoe.cli.task import columns_of
    from classicmoe.cli.words import for_command_line
    from classicmoe.messages import count_text, row_numbering
    from classicmoe.models.preflight import preflight

    console = Console(plain)
    frame, info = read_table(data, input_format=input_format)
    console.note(str(info))
    out = [*columns_of(drop), *([weights] if weights else [])]
    for name in (*out, *([response] if response else [])):
        require_column(frame, name, info.source)
    with row_numbering(1):
        findings = preflight(frame.drop(columns=out), response)
    findings = [replace(finding, message=for_command_line(finding.message)) for finding in findings]
    counts = {level: sum(found.severity == level for found in findings) for level in ("error", "warning", "info")}
    columns = columns_of_table(frame)
    if as_json:
        about = {"source": info.source, "rows": info.rows, "columns": columns, "response": response}
        found = {"counts": counts, "ok": not counts["error"], "findings": [asdict(finding) for finding in findings]}
        write_json("check", about | found)
    else:
        cells = [[str(value) for value in row.values()] for row in columns]
        print(*aligned(HEADER, cells, left=(0, 1, 3)), "", sep="\n")
        for finding in findings:
            head = console.styled(f"{finding.severity:<7}", {"error": "31", "warning": "33"}.get(finding.severity, "2"))
            print(f"{head}  {finding.message}{f' {finding.cure}' if finding.cure else ''}")
        print(f"{count_text(counts['error'], 'error')}, {count_text(counts['warning'], 'warning')}", flush=True)
    if counts["error"]:
        raise typer.Exit(DATA)
