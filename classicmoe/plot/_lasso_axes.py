"""What pictures of a Lasso path stand on: the path of one side, panels, axes of penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._style import new_axes, room_above
from classicmoe.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_PANEL = (3.9, 3.5)  # inches
_ACROSS = 3  # panels side by side
_COUNTS = 8  # numbers above a picture
_GAP = 0.14  # of a panel's width, between the parts of axes that are divided


class PathOfOneSide(NamedTuple):
    """Penalties, coefficients (T, K, p) or (T, K, C, p) with experts as in the estimator, and what goes with them."""

    alpha: NDArray[np.float64]
    coef: NDArray[np.float64]
    chosen: int
    criteria: dict[str, Any]
    n_slopes: Any
    penalised: Literal["expert", "gate"]


def path_of(estimator: Any, side: str, expert: int | None) -> PathOfOneSide:
    """Return the path of gate or experts; ``expert`` is checked.

    Raises
    ------
    ConfigurationError
        There is none, or no such side or expert.
    """
    if side not in ("expert", "gate"):
        raise ConfigurationError(f"side must be 'expert' or 'gate', not {side!r}.")
    path = getattr(estimator, "path_", None)
    if path is None:
        if hasattr(estimator, "path_"):
            raise ConfigurationError(
                "There is no path to draw: both penalties were given. Leave alpha_gate or alpha_expert out, so that "
                "they are chosen along one (command line: --lasso path)."
            )
        raise ConfigurationError(
            "There is no path_ to draw: only Lasso mixtures of experts have one (command line: --lasso path)."
        )
    n_experts = path.expert_coef.shape[1]
    if side == "gate" and n_experts == 1:
        raise ConfigurationError("One expert has no gate: there is no path to draw.")
    if expert is not None and not 0 <= expert < n_experts:
        raise ConfigurationError(f"There is no expert {expert}; there are 0 to {n_experts - 1}.")
    other: Literal["expert", "gate"] = "gate" if side == "expert" else "expert"
    own: Literal["expert", "gate"] = "expert" if side == "expert" else "gate"
    varies = np.ptp(getattr(path, f"alpha_{own}")) > 0.0 or np.ptp(getattr(path, f"alpha_{other}")) == 0.0
    penalised = own if varies else other  # one penalty may have been given
    return PathOfOneSide(
        getattr(path, f"alpha_{penalised}"),
        getattr(path, f"{side}_coef"),
        path.chosen,
        path.criteria,
        path.n_slopes,
        penalised,
    )


def largest_columns(coef: NDArray[np.float64], chosen: int, top: int) -> list[int]:
    """Return so many columns of (T, K, p), those with the largest coefficients at the chosen point.

    The experts take turns, so that each has its largest. Where fewer have entered there, those follow that grow largest
    at other points.
    """
    turns: list[int] = []
    for size in (np.abs(coef[chosen]), np.abs(coef).max(axis=0)):
        ranked = np.argsort(-size, axis=1, kind="stable")
        turns += [int(column) for place in ranked.T for column, own in zip(place, size, strict=True) if own[column]]
    return list(dict.fromkeys(turns))[:top]


def panels(ax: Any, n: int) -> NDArray[Any]:
    """Return n axes: those given, parts of the one given, or those of a new figure.

    Raises
    ------
    ConfigurationError
        For another number of axes, or without matplotlib.
    """
    if ax is None:
        across = min(n, _ACROSS)
        down = -(-n // across)
        first = new_axes(None, (_PANEL[0] * across, _PANEL[1] * down))
        figure = first.get_figure(root=True)
        first.remove()
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for spare in axes[n:]:
            spare.remove()
        axes = axes[:n]
    elif hasattr(ax, "inset_axes") and n > 1:
        ax.set_axis_off()
        width = 1.0 / (n + _GAP * (n - 1))
        axes = np.array([ax.inset_axes((i * (1.0 + _GAP) * width, 0.0, width, 1.0)) for i in range(n)])
    else:
        axes = np.ravel(ax)
    if len(axes) != n:
        raise ConfigurationError(f"ax must be one matplotlib Axes or {n}, one per expert, not {len(axes)}.")
    return np.array([new_axes(one) for one in axes])


def set_penalty_axis(ax: Axes, alpha: NDArray[np.float64]) -> None:
    """Make the horizontal axis one of penalties, by their logarithm, from strong to weak."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    ax.set_xscale("log")
    high, low = alpha[0], alpha[-1]
    if high == low:
        high, low = 1.5 * high, low / 1.5
    decades = np.log10(high / low)
    subs = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    ax.xaxis.set_major_locator(LogLocator(subs=subs) if decades > 0.7 else MaxNLocator(4))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(high, low)


def mark_chosen(ax: Axes, alpha: float, text: str) -> tuple[Line2D, Text]:
    """Draw a line at a penalty with a text above the axes, and keep the title off it."""
    line = ax.axvline(alpha, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1.5)
    label = ax.annotate(
        text,
        (alpha, 1.0),
        (0.0, 2.0),
        xycoords=ax.get_xaxis_transform(),
        textcoords="offset points",
        color=INK,
        fontsize="small",
        ha=side_at(ax, alpha),
        va="bottom",
        parse_math=False,
    )
    room_above(ax, label)
    return line, label


def side_at(ax: Axes, alpha: float) -> str:
    """Return the alignment at which a text at a penalty stays inside the axes."""
    left, right = np.log(ax.get_xlim())
    share = (np.log(alpha) - left) / (right - left)
    return "left" if share < 0.3 else "right" if share > 0.7 else "center"


def counts_above(ax: Axes, alpha: NDArray[np.float64], counts: NDArray[np.intp]) -> list[Text]:
    """Write the numbers of slopes above the axes, at as many points of the path as there is room for."""
    from matplotlib.ticker import NullLocator

    above = ax.secondary_xaxis("top")
    some = np.unique(np.linspace(0, len(alpha) - 1, min(len(alpha), _COUNTS)).astype(np.intp))
    above.set_xticks(alpha[some], [str(count) for count in counts[some].tolist()])
    above.xaxis.set_minor_locator(NullLocator())
    above.tick_params(labelsize="small", length=2.0, pad=1.0)
    above.spines["top"].set_visible(False)
    above.set_xlabel("slopes that are not zero", fontsize="small", color=INK)
    return [above.xaxis.label]
