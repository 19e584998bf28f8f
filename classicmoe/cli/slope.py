"""What the slope heuristic found, for JSON and for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from classicmoe.cli.words import for_command_line, number

if TYPE_CHECKING:
    from classicmoe.slope import SlopeEstimate, SlopeHeuristic


def slope_record(found: SlopeHeuristic, n_experts: Any) -> dict[str, Any]:
    """Return both answers with their evidence; models by their number of experts.

    Parameters
    ----------
    found : SlopeHeuristic
    n_experts : sequence of int
        Of every row of the table of models.
    """
    k = [int(value) for value in n_experts]
    jump, estimate = found.jump, found.ddse
    return {
        "agree": found.agree,
        "jump": {
            "n_experts": k[jump.selected],
            "kappa_min": jump.kappa_min,
            "kappa_opt": jump.kappa_opt,
            "breakpoints": jump.breakpoints,
            "models": [k[row] for row in jump.models],
            "jumps": jump.jumps,
        },
        "ddse": {
            "n_experts": k[estimate.selected],
            "kappa_min": estimate.kappa_min,
            "kappa_opt": estimate.kappa_opt,
            "interval": estimate.interval,
            "share_of_points": estimate.share_of_points,
            "n_points": estimate.n_points,
            "r_squared": estimate.r_squared,
            "slopes": estimate.slopes,
            "plateaus": [
                {"n_experts": k[row], **{name: value for name, value in plateau._asdict().items() if name != "model"}}
                for plateau, row in ((plateau, plateau.model) for plateau in estimate.plateaus)
            ],
            "chosen": estimate.chosen,
        },
        "warnings": [for_command_line(text) for text in found.warnings],
        "remarks": [for_command_line(text) for text in found.remarks],
    }


def slope_section(found: SlopeHeuristic, cautions: list[str], pictures: list[Any]) -> dict[str, Any]:
    """Return what the report shows."""
    plateaus = _plateaus(found.ddse)
    return {"answers": slope_words(found), "plateaus": plateaus, "cautions": cautions, "pictures": pictures}


def slope_words(found: SlopeHeuristic) -> list[str]:
    """Return both answers as sentences for somebody who has not heard of them."""
    jump, estimate = found.jump, found.ddse
    names = {row: found.table.names[found.table.position(row)] for row in (jump.selected, estimate.selected)}
    if jump.jump is None:
        first = "No penalty makes the complexity fall: the smallest model fits best of all."
    else:
        c = jump.path.complexities
        first = (
            f"Dimension jump: with a growing penalty the selected model shrinks most, from {c[jump.jump]:g} to "
            f"{c[jump.jump + 1]:g} parameters, at a price of {number(jump.kappa_min)} per parameter. Twice that price "
            f"selects {names[jump.selected]}."
        )
    low, high = estimate.interval
    second = (
        f"Slope of the largest models: among the {estimate.n_points} largest of {len(found.table)}, each further "
        f"parameter gains {number(estimate.kappa_min)} of log-likelihood ({number(low)} to {number(high)} on a "
        f"stable stretch with {100.0 * estimate.share_of_points:.0f} % of all models; R² {estimate.r_squared:.3f}). "
        f"Twice that price selects {names[estimate.selected]}."
    )
    third = (
        f"A gain of 0.5 is what chance gives when the family of models is right; here it is {number(jump.kappa_ratio)} "
        f"and {number(estimate.kappa_ratio)} times that."
    )
    return [first, second, third]


def _plateaus(estimate: SlopeEstimate) -> dict[str, Any]:
    """Return the stretches of equal choices as header and rows."""
    header = ["selected", "parameters", "regressions", "models in them", "slopes", ""]
    rows = []
    for i, plateau in enumerate(estimate.plateaus):
        at = estimate.table.position(plateau.model)
        span = f"{plateau.most_points} to {plateau.fewest_points}"
        slopes = f"{number(plateau.low)} to {number(plateau.high)}".replace("-", "\N{MINUS SIGN}")
        name, size = estimate.table.names[at], f"{estimate.table.complexity[at]:g}"
        rows.append([name, size, plateau.length, span, slopes, "decides" if i == estimate.chosen else ""])
    return {"header": header, "rows": rows}
