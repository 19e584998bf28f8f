"""The axes of the two pictures of a slope heuristic: where they are and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._style import new_axes
from classicmoe.plot.palette import INK
from classicmoe.slope import SlopeEstimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (9.6, 3.9)
_SMALL = (0.52, 0.12, 0.46, 0.28)  # left, bottom, width, height in the right picture
_FREE, _CORNER = 0.62, 0.42  # no model is lower than the first beyond the second, so that the small axes hide none


def two_axes(ax: Any) -> tuple[Axes, Axes]:
    """Return two axes: those given, halves of the one given, or those of a new figure.

    Raises
    ------
    ConfigurationError
        For another number of axes, or without matplotlib.
    """
    if ax is None:
        first = new_axes(None, _SIZE)
        figure = first.get_figure(root=True)
        first.remove()
        left, right = figure.subplots(1, 2)
    elif hasattr(ax, "inset_axes"):
        ax.set_axis_off()
        left, right = ax.inset_axes((0.0, 0.0, 0.44, 1.0)), ax.inset_axes((0.56, 0.0, 0.44, 1.0))
    else:
        axes = np.ravel(ax)
        if len(axes) != 2:
            raise ConfigurationError(f"ax must be one matplotlib Axes or two, not {len(axes)}.")
        left, right = axes
    return left, right


def set_line_limits(ax: Axes, p: Any, gain: Any, at: int, line: Any) -> None:
    """Set limits that keep the lower right corner free and do not let poor small models flatten all others.

    Parameters
    ----------
    ax : matplotlib Axes
    p, gain : arrays of shape (J,)
        The models.
    at : int
        The selected one, which must be well inside.
    line : Line
    """
    corner = p >= p[0] + _CORNER * (p[-1] - p[0])
    top = max(gain.max(), line.at(p[-1]))
    lowest = min(gain[corner].min(), line.at(p[corner]).min())
    free = top - max(top - lowest, 1e-12 * max(abs(top), 1.0)) / (1.0 - _FREE)
    enough = top - (top - min(gain[at], line.at(p[at]))) / 0.4
    low = min(free, max(gain.min() - 0.05 * np.ptp(gain), enough))
    ax.set_ylim(low, top + 0.13 * (top - low))  # above is room for a label


def small_axes(ax: Axes, estimate: SlopeEstimate) -> Axes:
    """Return axes inside others for the slopes of all regressions; single wild ones are beyond its limits."""
    from matplotlib.ticker import MaxNLocator

    small, slopes, kappa = ax.inset_axes(_SMALL), estimate.slopes, estimate.kappa_min
    usual = np.quantile(slopes, [0.1, 0.9])  # the last regressions stand on a few points and may be anything
    low, high = np.min([*usual, kappa, *estimate.interval]), np.max([*usual, kappa, *estimate.interval])
    size = max(high - low, 0.1 * abs(kappa), 1e-12)
    small.set_ylim(low - 0.2 * size, high + 0.2 * size)
    small.set_xlim(len(estimate.table) + 1, 1)  # fewer points to the right
    small.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    small.yaxis.set_major_locator(MaxNLocator(3))
    small.spines[["top", "right"]].set_visible(False)
    small.tick_params(labelsize="x-small", length=2.0, pad=1.5)
    small.set_title("slope by number of models", fontsize="x-small", pad=2.0, color=INK)
    return small
