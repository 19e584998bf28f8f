r"""Is there a linear regime? What speaks against a slope, as sentences.

The slope heuristic holds where :math:`-g_m` grows linearly with :math:`p_m`: among models so large that their bias no
longer changes. A slope taken elsewhere still gives a number, so everything here is said beside the answer.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from classicmoe.messages import count_text, row_numbers
from classicmoe.slope.table import ModelTable, Rows

ENOUGH = 15  # models
TIMES = 3.0  # complexity of the largest model over that of the selected one
_HALF = 3  # models of each half of the end of the line
_FLAT, _CONVEX = 0.25, 1.5  # slope of the second half over that of the first
_LEVEL = 0.975


def about_table(table: ModelTable) -> list[str]:
    """Say what is wrong with the models, whichever of them is selected."""
    said = []
    if len(table.dropped):
        numbers = ", ".join(map(str, row_numbers(table.dropped)))
        said.append(f"{count_text(len(table.dropped), 'model')} without finite numbers left out: row {numbers}.")
    if len(table) < ENOUGH:
        said.append(f"{len(table)} models are few to see a line in; {ENOUGH} or more are better.")
    rises = np.diff(table.contrast)
    # Maxima that are equal but for rounding are no rise.
    up = np.flatnonzero(rises > 1e-9 * max(np.ptp(table.contrast), np.finfo(np.float64).tiny))
    if table.nested and len(up):
        worst = up[np.argmax(rises[up])]
        said.append(
            f"The contrast rises with the complexity at {len(up)} of {len(rises)} steps, most from {table.say(worst)} "
            f"to {table.say(worst + 1)}, by {rises[worst]:.4g}: those larger models are not fitted as well as the "
            "smaller ones before them. The jump ignores them, the regressions do not. Use more starts for them."
        )
    return said


def about_selected(table: ModelTable, selected: int) -> list[str]:
    """Say what is wrong with the models beyond the selected one (a position in the table)."""
    largest, own = table.complexity.max(), table.complexity[selected]
    said = []
    if largest < TIMES * own:
        said.append(
            f"The largest model has complexity {largest:g}, less than {TIMES:g} times that of {table.say(selected)}: "
            f"the slope may still be too large, and the selected model too small. Add models up to complexity "
            f"{TIMES * own:g} or more."
        )
    return said + _about_end(table, selected)


def _about_end(table: ModelTable, selected: int) -> list[str]:
    """Compare the slopes of two halves of the models beyond the selected one.

    Their difference must be beyond what a two-sided t test at 5 % leaves to chance, and a matter of substance.
    """
    beyond = np.arange(selected + 1, len(table))
    if len(beyond) < 2 * _HALF:
        return []
    first, last = np.array_split(beyond, 2)
    (one, error_one), (two, error_two) = _slope(table, first), _slope(table, last)
    chance = stdtrit(len(beyond) - 4, _LEVEL) * np.hypot(error_one, error_two)
    slopes = (
        f"-contrast grows by {two:.4g} per unit of shape over the {len(last)} largest models and by {one:.4g} over the "
        f"{len(first)} before them"
    )
    if one - two > chance and two < _FLAT * one:
        return [
            f"Flat end: {slopes}. Such models are usually not fitted to their end (more starts, more passes); the "
            "slope comes out too small, and the selected model too large."
        ]
    if two - one > chance and two > _CONVEX * one:
        return [
            f"Convex end: {slopes}. The largest models degenerate (leave those out), or the collection ends before the "
            "linear regime, or the contrast is not what the fits minimised; the slope comes out too large, and the "
            "selected model too small."
        ]
    return []


def _slope(table: ModelTable, at: Rows) -> tuple[float, float]:
    """Return the least-squares slope of -contrast on shape over some models, and its standard error."""
    p, gain = table.shape[at], -table.contrast[at]
    dp, dg = p - p.mean(), gain - gain.mean()
    slope = dp @ dg / (dp @ dp)
    residual = dg - slope * dp
    return float(slope), float(np.sqrt(residual @ residual / (len(at) - 2) / (dp @ dp)))
