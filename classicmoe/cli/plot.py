"""``classicmoe plot``: a picture of a model file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from classicmoe.cli import options as o

if TYPE_CHECKING:
    from classicmoe.plot import LassoPathDisplay, StartsDisplay

_KINDS = ("starts", "path", "gate-path", "criterion")
_FORMATS = (".png", ".svg", ".pdf")


def plot(
    model_file: o.ModelFile,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="starts; of a Lasso path, gate-path (coefficients of experts or gate against the penalty), criterion.",
            callback=o.one_of(*_KINDS),
        ),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Paths: how many columns have a name.")] = 6,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help=".png, .svg or .pdf; KIND.png when not given."),
    ] = None,
    as_json: o.Json = False,
    plain: o.Plain = False,
    debug: o.Debug = False,
) -> None:
    """Draw what needs no rows: how the starts went, or the path of a Lasso; --report draws the rest."""
    from classicmoe.cli.output import Console, write_json
    from classicmoe.cli.running import check_writable
    from classicmoe.exceptions import ConfigurationError
    from classicmoe.persistence import load

    path = output or f"{kind}.png"
    if not path.lower().endswith(_FORMATS):
        raise ConfigurationError(f"Cannot tell the format of {path} from its name; end it in {', '.join(_FORMATS)}.")
    check_writable(path)
    display = _drawn(load(model_file), kind, top)
    display.figure_.savefig(path, dpi=150)
    if as_json:
        write_json("plot", {"model": model_file, "kind": kind, "file": path})
    Console(plain).note(f"wrote {path}")


def _drawn(model: Any, kind: str, top: int) -> LassoPathDisplay | StartsDisplay:
    """Draw in a figure that needs no screen."""
    from matplotlib.figure import Figure

    from classicmoe.cli.pictures import objective_of_starts
    from classicmoe.plot import LassoPathDisplay, StartsDisplay

    panels = int(model.n_experts_) if kind in ("path", "gate-path") else 1
    across = min(panels, 3)
    figure = Figure(figsize=(4.2 * across if panels > 1 else 5.6, 3.7 * -(-panels // across)), layout="constrained")
    axes = figure.subplots(-(-panels // across), across, squeeze=False).ravel()
    for spare in axes[panels:]:
        spare.remove()
    if kind == "starts":
        return StartsDisplay(starts=model.starts_, objective=objective_of_starts(model)).plot(ax=axes[0])
    if kind == "criterion":
        return LassoPathDisplay.from_estimator(model, expert=0, what="criterion", ax=axes[0])
    return LassoPathDisplay.from_estimator(
        model, "gate" if kind == "gate-path" else "expert", top=top, ax=axes[:panels]
    )
