"""What all pictures share: axes, and labels that stand beside what they name.

matplotlib is imported inside the functions, and nothing here touches its global settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import isotonic_regression

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot.palette import INK, darker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend
    from matplotlib.text import Text

_GAP = 11.0  # points between a line and its label
_FAR = 1.0  # times the range of the middle 98 %: values farther beyond it are not in the picture


def new_axes(ax: Axes | None, size: tuple[float, float] = (5.4, 3.6)) -> Axes:
    """Return ``ax``, or the axes of a new figure of so many inches; either without the upper and the right line.

    Raises
    ------
    ConfigurationError
        If matplotlib is not installed.
    """
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            raise ConfigurationError(
                "Plots need matplotlib, which is not installed: pip install classicmoe[plot]"
            ) from None
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def expert_names(n_experts: int) -> list[str]:
    """Return "expert 0", "expert 1", ...: counted from 0 like the rows of the estimator's arrays."""
    return [f"expert {k}" for k in range(n_experts)]


def set_labels(ax: Axes, x: str, y: str) -> None:
    """Name both axes; dollar signs in column names are characters, not mathematics."""
    ax.set_xlabel(x, parse_math=False)
    ax.set_ylabel(y, parse_math=False)


def set_level_axis(ax: Axes, levels: list[str], n_levels: int, name: str) -> None:
    """Write levels on the vertical axis, first one at the top, where long names have room."""
    ax.set_yticks(np.arange(len(levels)), [shortened(level) for level in levels], parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(levels) - 0.5, -0.5)
    more = f" ({len(levels)} most frequent of {n_levels} levels)" if n_levels > len(levels) else ""
    ax.set_ylabel(name + more, parse_math=False)


def shortened(text: str, most: int = 28) -> str:
    """Return a text cut to so many characters."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def strewn(n: int, width: float, step: float) -> NDArray[np.float64]:
    """Return n numbers that fill an interval of some width about 0 evenly and are the same at every call.

    ``step`` is irrational: two steps that have nothing in common fill the plane.
    """
    return width * ((np.arange(n) * step) % 1.0 - 0.5)


def core_range(values: NDArray[np.float64], lines: NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of values without those far beyond the middle 98 %, but with the lines up to the last value."""
    low, first, last, high = np.nanquantile(values, (0.0, 0.01, 0.99, 1.0))
    reach = _FAR * (last - first)
    if reach > 0.0 and np.isfinite(lines).any():
        if high > last + reach:
            high = min(high, max(last + 0.25 * reach, float(np.nanmax(lines))))
        if low < first - reach:
            low = max(low, min(first - 0.25 * reach, float(np.nanmin(lines))))
    return float(low), float(high)


def note_beyond(ax: Axes, values: NDArray[np.float64], low: float, high: float, across: bool = False) -> list[Text]:
    """Write how many values are outside the picture: at the top and bottom, or to the left and right."""
    notes = []
    for top, outside in ((True, values > high), (False, values < low)):
        number = int(outside.sum())
        if not number:
            continue
        side = ("to the right" if top else "to the left") if across else ("above" if top else "below")
        farthest = values[outside].max() if top else values[outside].min()
        number_text = f"{farthest:,.0f}" if abs(farthest) >= 1000.0 else f"{farthest:.3g}"
        text = f"{number} row{'s' * (number > 1)} {side}, the farthest at {number_text}"
        x, y = (0.99 if top and across else 0.01), (0.99 if top and not across else 0.01)
        align = {"ha": "right" if x > 0.5 else "left", "va": "top" if y > 0.5 else "bottom"}
        notes.append(ax.text(x, y, text, transform=ax.transAxes, color=INK, fontsize="x-small", **align))
    return notes


def draw_rug(ax: Axes, values: NDArray[np.float64]) -> None:
    """Mark observed values by short strokes on the horizontal axis, paler the more there are."""
    from matplotlib.collections import LineCollection

    alpha = float(np.clip(60.0 / max(len(values), 1), 0.08, 0.6))
    strokes = [[(value, 0.0), (value, 0.025)] for value in values]
    rug = LineCollection(strokes, colors=INK, linewidths=0.8, alpha=alpha, transform=ax.get_xaxis_transform())
    ax.add_collection(rug, autolim=False)


def label_ends(
    ax: Axes, x: float, y: ArrayLike, texts: list[str], colors: Any, strong: str | None = None
) -> list[Text]:
    """Write texts to the right of x, each at the height of its y but never on top of another.

    The horizontal axis is made longer so that the texts are inside, and its line and ticks end at x as before. Call it
    when the limits of the axes are as they should be. The text ``strong`` is set in bold.

    Returns
    -------
    list of Text
        The labels, in the order given.
    """
    heights = np.asarray(y, dtype=np.float64)
    ax.set_xlim(ax.get_xlim())
    ax.set_ylim(ax.get_ylim())
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()  # so that the layout is done and sizes in pixels are known
    box, gap = ax.get_window_extent(), _GAP * figure.dpi / 72.0
    to_axes = ax.transData + ax.transAxes.inverted()
    wanted = np.array([to_axes.transform((x, h))[1] for h in heights])
    labels = [
        ax.text(1.0, at, text, color=darker(color), transform=ax.transAxes, va="center", ha="right", parse_math=False)
        for at, text, color in zip(wanted, texts, colors, strict=True)
    ]
    for label in labels:
        label.set_fontweight("bold" if label.get_text() == strong else "normal")
    sizes = [label.get_window_extent() for label in labels]
    room = min((max(size.width for size in sizes) + 1.2 * gap) / box.width, 0.6)
    line = max(size.height for size in sizes) / box.height
    placed = spread(wanted, 1.05 * line, 0.5 * line, 1.0 - 0.5 * line)
    _extend(ax, x, room)
    for label, at, end, color in zip(labels, placed, np.clip(wanted, 0.0, 1.0), colors, strict=True):
        label.set_position((1.0 - room + gap / box.width, at))
        label.set_horizontalalignment("left")
        if abs(at - end) > 0.4 * line:  # else the label is beside its line already
            leader = (1.0 - room, 1.0 - room + 0.8 * gap / box.width)
            ax.plot(leader, (end, at), color=color, linewidth=0.7, transform=ax.transAxes, scalex=False, scaley=False)
    return labels


def _extend(ax: Axes, x: float, room: float) -> None:
    """Make the horizontal axis longer until the part right of x is ``room`` of it; line and ticks stay as they were."""
    scale = ax.xaxis.get_transform()
    left = ax.get_xlim()[0]
    start, end = scale.transform([left, x])
    ticks = [tick for tick in ax.get_xticks() if min(left, x) <= tick <= max(left, x)]
    ax.set_xlim(left, scale.inverted().transform([start + (end - start) / (1.0 - room)])[0])
    ax.set_xticks(ticks)
    ax.set_xticks([], minor=True)
    ax.spines["bottom"].set_bounds(left, x)


def spread(wanted: ArrayLike, gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Return the positions nearest to those wanted (least squares) that keep the order, the gap and the limits.

    Where the limits are too narrow for the gap, it is as wide as they allow.
    """
    values = np.asarray(wanted, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    n = len(values)
    gap = min(gap, (high - low) / max(n - 1, 1))
    steps = gap * np.arange(n)
    out = np.empty(n)
    out[order] = steps + isotonic_regression(values[order] - steps, y_min=low, y_max=high - gap * (n - 1))
    return out


def legend_above(ax: Axes, handles: list[Any], labels: list[str]) -> Legend:
    """Put a legend without frame above the axes, in as many columns as fit their width."""
    width = ax.get_window_extent().width
    for n_columns in range(len(handles), 0, -1):
        legend = ax.legend(
            handles,
            labels,
            loc="lower right",  # beyond the left end are the names of levels, with room above them
            bbox_to_anchor=(1.0, 1.0),
            ncols=n_columns,
            frameon=False,
            borderaxespad=0.2,
            handlelength=1.0,
            columnspacing=1.0,
        )
        if legend.get_window_extent().width <= width:
            break
    room_above(ax, legend)
    return legend


def room_above(ax: Axes, artist: Any) -> None:
    """Keep the title of the axes, set before or later, off something that stands above them.

    matplotlib puts a title above all axes that belong to its own; an empty one of the height of the artist is added.
    """
    box, own = artist.get_window_extent(), ax.get_window_extent()
    height = (box.y1 - own.y1) / own.height
    if height > 0.0:
        ax.inset_axes((0.0, 1.0, 1.0, height)).set_axis_off()
