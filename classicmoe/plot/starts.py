"""The objective of every start, from where it began to where it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from classicmoe.exceptions import DataError
from classicmoe.plot._style import legend_above, new_axes, set_labels
from classicmoe.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What became of a start: how it is said, the colour of its path, its marker, and whether the marker is filled.
_FATES = {
    "best": ("reached the best", "#0072B2", "o", True),
    "other": ("ended elsewhere", "#8C8C8C", "o", False),
    "shaken": ("found by shaking", "#009E73", "D", True),
    "suspect": ("rests on a spike", "#E69F00", "^", True),
    "degenerate": ("degenerate", "#D55E00", "X", True),
    "unfinished": ("not finished", "#BBBBBB", "|", True),
}
_UNBOUNDED = ("degenerate", "unfinished")  # their last value is no maximum
_REACHED = 0.01  # log-likelihood units
_LONG = 50  # steps; with more the horizontal axis is logarithmic


class StartsDisplay:
    """Objective paths of all starts, with a marker where each ended.

    Filled circles reached the best solution, hollow ones ended at another; triangles rest on a spike, crosses are
    degenerate: their height says nothing, since the likelihood of a collapsing expert has no bound. The dashed line is
    the solution that was published. Runs that shook the best solution are no starts of their own; they are shown, as
    diamonds, only where they found what no start had reached.

    Parameters
    ----------
    starts : list of dict
        As ``starts_`` of a fitted estimator: ``path``, ``objective``, ``status``, ``degenerate``, ``suspect`` and
        ``reached`` of every start, and ``kind``, "shaken" for runs that continue others. Starts without a path
        (duplicates, which were not run) are left out.
    objective : float, optional
        The objective of the published solution; the best of the regular starts without.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    lines_ : list of Line2D
        The path of every start shown.
    markers_ : dict of str to PathCollection
        Where the starts ended, by what became of them: "best", "other", "shaken", "suspect",
        "degenerate", "unfinished".
    best_line_ : Line2D
        The published solution.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.plot import StartsDisplay
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(n_experts=2, random_state=0).fit(X, y)
    >>> "best" in StartsDisplay.from_estimator(m).markers_
    True
    """

    def __init__(self, *, starts: Sequence[dict[str, Any]], objective: float | None = None):
        run = [start for start in starts if len(start["path"])]
        if not run:
            raise DataError("No start has a path: the model was not fitted by starts of its own.")
        regular = [start["objective"] for start in run if not start["degenerate"]]
        self.objective = max(regular or [start["objective"] for start in run]) if objective is None else objective
        self.starts = [start for start in run if start["kind"] != "shaken"]
        if not any(start["reached"] for start in self.starts):
            self.starts += [s for s in run if s["kind"] == "shaken" and self.objective - s["objective"] <= _REACHED]
        self.fates = [_fate(start) for start in self.starts]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None, **kwargs: Any) -> StartsDisplay:
        """Draw the starts of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator with ``starts_``
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        StartsDisplay

        Raises
        ------
        DataError
            If no start has a path.
        ConfigurationError
            If matplotlib is not installed.
        """
        display = cls(starts=estimator.starts_, objective=getattr(estimator, "objective_", None))
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> StartsDisplay:
        """Draw on ``ax`` or on the axes of a new figure; further arguments are for the paths.

        Returns
        -------
        StartsDisplay
            Itself.
        """
        self.ax_ = ax = new_axes(ax)
        self.figure_ = ax.get_figure(root=True)
        self.lines_, self.markers_ = [], {}
        for start, fate in zip(self.starts, self.fates, strict=True):
            above = 2.5 if fate == "best" else 2.0
            style = {"color": _FATES[fate][1], "linewidth": 0.9, "alpha": 0.65, "zorder": above} | kwargs
            self.lines_ += ax.plot(np.arange(1, len(start["path"]) + 1), start["path"], **style)
        low, high = self._limits()  # ends beyond them are marked at the edge
        for fate, (_, color, marker, filled) in _FATES.items():
            ended = [s for s, f in zip(self.starts, self.fates, strict=True) if f == fate]
            if ended:
                x, y = [len(s["path"]) for s in ended], [np.clip(s["path"][-1], low, high) for s in ended]
                face = color if filled else "white"
                style = {"s": 34.0, "marker": marker, "linewidths": 1.2, "zorder": 3.0, "clip_on": False}
                edge = {} if marker == "|" else {"edgecolors": color}
                self.markers_[fate] = ax.scatter(x, y, facecolors=face, **style, **edge)
        self.best_line_ = ax.axhline(self.objective, color=INK, linewidth=0.8, linestyle=(0, (5, 4)), zorder=1.0)
        ax.set_ylim(low, high)
        ax.annotate(
            f"{self.objective:,.2f}".replace("-", "\N{MINUS SIGN}"),
            (0.0, self.objective),
            (2.0, 2.0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            color=INK,
            fontsize="small",
        )
        self._set_x()
        set_labels(ax, "step", "objective")
        names = [f"{_FATES[fate][0]} ({self.fates.count(fate)})" for fate in self.markers_]
        legend_above(ax, list(self.markers_.values()), names)
        return self

    def _limits(self) -> tuple[float, float]:
        """Return limits that show where the starts ended and parted, not the depth from which they all came."""
        finals = [s["path"][-1] for s, f in zip(self.starts, self.fates, strict=True) if f not in _UNBOUNDED]
        lowest = min([*finals, self.objective])
        climb = self.objective - float(np.median([start["path"][0] for start in self.starts]))
        parted = 1.6 * (self.objective - lowest)
        depth = (parted if parted > 0.1 else 0.25 * climb) or 1.0
        highest = max([self.objective, *(s["path"][-1] for s in self.starts)])
        return self.objective - depth, min(highest, self.objective + depth) + 0.06 * depth

    def _set_x(self) -> None:
        ax, longest = self.ax_, max(len(start["path"]) for start in self.starts)
        if longest > _LONG:
            from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:g}"))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set_xlim(1.0, 1.1 * longest)
        else:
            ax.set_xlim(1.0, longest + 0.5)


def _fate(start: dict[str, Any]) -> str:
    """Say what became of a start: a key of _FATES."""
    if start["degenerate"]:
        return "degenerate"
    if start["kind"] == "shaken":
        return "shaken"
    if start["reached"]:
        return "best"
    if start["suspect"]:
        return "suspect"
    return "other" if start["status"] == "CONVERGED" else "unfinished"
