"""The two pictures of a slope heuristic: the dimension jump, and the line through the largest models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._slope_axes import set_line_limits, small_axes, two_axes
from classicmoe.plot._style import new_axes, set_labels, shortened
from classicmoe.plot.palette import INK, darker
from classicmoe.slope import SlopeHeuristic, slope_heuristic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_JUMP, _LINE, _OTHER = "#0072B2", "#D55E00", "#8C8C8C"
_BEYOND = 1.5  # times kappa_opt: end of the staircase
_NAME = 16  # characters of the name of a model


class SlopeDisplay:
    """Dimension jump and data-driven slope estimation, side by side.

    Left: the complexity of the model that a penalty constant kappa selects, a staircase. The thick line is the largest
    fall, at kappa_min; the dot is the selected model, at scoef * kappa_min.

    Right: minus contrast against penalty shape. Filled points make the line (solid where it was fitted), hollow ones do
    not; triangles at the edge are models far below. The model that the slope selects has a ring. The small axes show
    the slopes kappa(r) of all regressions, from all models on the left to the two largest on the right, with dots on
    the chosen plateau and the slope in its middle dashed.

    Parameters
    ----------
    heuristic : SlopeHeuristic
        As ``slope_`` of a selector.

    Attributes
    ----------
    axes_, figure_ : ndarray of two matplotlib Axes, Figure
        Where the last :meth:`plot` drew.
    lines_ : dict of str to artist
        "staircase" and "jump" on the left; "fit" and "extension" on the right, "slopes" and "kappa" in the small axes.
    markers_ : dict of str to PathCollection
        "selected" on the left; "used", "other", "below" (the axis ends above them) and "estimated" (selected by the
        slope) on the right; "plateau" in the small axes.
    slopes_ax_ : matplotlib Axes
        The small axes.
    labels_ : list of Text

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.plot import SlopeDisplay
    >>> C = np.arange(1, 61)
    >>> noise = 0.5 * np.random.default_rng(0).normal(size=60)
    >>> display = SlopeDisplay.from_table(C, 12.0 * np.maximum(10 - C, 0) - 0.5 * C + noise)
    >>> int(C[display.heuristic.selected])
    10
    """

    def __init__(self, *, heuristic: SlopeHeuristic):
        self.heuristic = heuristic

    @classmethod
    def from_selector(cls, selector: Any, *, ax: Any = None, **kwargs: Any) -> SlopeDisplay:
        """Draw what the slope heuristic of a selector saw.

        Parameters
        ----------
        selector : MoESelector fitted with ``criterion="slope"``
        ax : matplotlib Axes or sequence of two, optional
            Where to draw; one is divided in two. A new figure without.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        SlopeDisplay

        Raises
        ------
        ConfigurationError
            If the selector did not ask the slope heuristic, or matplotlib is not installed.
        """
        heuristic = getattr(selector, "slope_", None)
        if heuristic is None:
            raise ConfigurationError(
                "The selector has no slope_: fit it with criterion='slope', or draw a table by SlopeDisplay.from_table."
            )
        return cls(heuristic=heuristic).plot(ax=ax, **kwargs)

    @classmethod
    def from_table(
        cls,
        complexity: Any,
        contrast: Any,
        shape: Any = None,
        *,
        ax: Any = None,
        scoef: float = 2.0,
        psi: str = "bisquare",
        names: Sequence[object] | None = None,
        **kwargs: Any,
    ) -> SlopeDisplay:
        """Ask the slope heuristic of a table of models, and draw.

        Parameters
        ----------
        complexity, contrast, shape, scoef, psi, names
            As for :func:`classicmoe.selection.slope.slope_heuristic`.
        ax : matplotlib Axes or sequence of two, optional
            Where to draw; one is divided in two. A new figure without.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        SlopeDisplay

        Raises
        ------
        ModelTableError, TooFewModelsError, ConfigurationError
            As by ``slope_heuristic``, or if matplotlib is not installed.
        """
        heuristic = slope_heuristic(complexity, contrast, shape, scoef=scoef, psi=psi, names=names)
        return cls(heuristic=heuristic).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> SlopeDisplay:
        """Draw on two axes, on ``ax`` divided in two, or in a new figure; further arguments are for the lines.

        Returns
        -------
        SlopeDisplay
            Itself.
        """
        left, right = two_axes(ax)
        self.plot_jump(left, **kwargs)
        lines, markers, labels = self.lines_, self.markers_, self.labels_
        self.plot_line(right, **kwargs)
        self.lines_, self.markers_ = lines | self.lines_, markers | self.markers_
        self.axes_, self.labels_ = np.array([left, right]), [*labels, *self.labels_]
        return self

    # -- the dimension jump ----------------------------------------------------------------------------------------

    def plot_jump(self, ax: Axes | None = None, **kwargs: Any) -> SlopeDisplay:
        """Draw the left picture alone."""
        self._begin(new_axes(ax))
        ax, jump = self.axes_[0], self.heuristic.jump
        kappas, complexities = jump.path.kappas, jump.path.complexities
        end = _BEYOND * jump.kappa_opt if jump.jump is not None else 1.0
        style = {"color": INK, "linewidth": 1.6} | kwargs
        edges = np.r_[kappas[kappas < end], end]
        heights = complexities[: len(edges) - 1]
        self.lines_["staircase"] = ax.stairs(heights, edges, baseline=None, **style)
        ax.set_xlim(0.0, end)
        low, high = min(heights.min(), 0.0), complexities.max()
        ax.set_ylim(low, high + 0.08 * (high - low))
        set_labels(ax, "penalty constant kappa", "complexity of the model it selects")
        if jump.jump is not None:
            self._mark_jump()
        self._name_steps(edges, heights)
        return self

    def _mark_jump(self) -> None:
        ax, jump = self.axes_[0], self.heuristic.jump
        c, k = jump.path.complexities, jump.jump
        (self.lines_["jump"],) = ax.plot([jump.kappa_min] * 2, [c[k], c[k + 1]], color=_JUMP, linewidth=3.2)
        middle = 0.5 * (c[k] + c[k + 1])
        self._say(ax, f"kappa_min = {jump.kappa_min:.3g}", (jump.kappa_min, middle), (7, 0), _JUMP)
        table = jump.table
        at = table.position(jump.selected)
        dot = (jump.kappa_opt, table.complexity[at])
        ax.plot([dot[0], dot[0]], [ax.get_ylim()[0], dot[1]], color=_JUMP, linewidth=0.9, linestyle=(0, (1, 2)))
        self.markers_["selected"] = ax.scatter(*dot, s=44.0, color=_JUMP, zorder=3.0)
        text = f"{shortened(table.names[at], _NAME)} selected\nat {jump.scoef:g} kappa_min"
        self._say(ax, text, dot, (0, 7), _JUMP, ha="center", va="bottom", weight="bold")

    def _name_steps(self, edges: Any, heights: Any) -> None:
        """Write the names of models on the steps that have room for them."""
        ax, jump = self.axes_[0], self.heuristic.jump
        self.figure_.draw_without_rendering()  # so that sizes in pixels are known
        for i, height in enumerate(heights):
            row = jump.path.models[i]
            name = shortened(jump.table.names[jump.table.position(row)], _NAME)
            at = (0.5 * (edges[i] + edges[i + 1]), height)
            taken = [label.get_window_extent() for label in self.labels_]
            self._say(ax, name, at, (0, 3), INK, ha="center", va="bottom")
            box = self.labels_[-1].get_window_extent()
            step = np.diff(ax.transData.transform([(edges[i], height), (edges[i + 1], height)])[:, 0])[0]
            twice = row == jump.selected and jump.jump is not None
            if twice or box.width > step or any(box.overlaps(other) for other in taken):
                self.labels_.pop().remove()

    # -- the line through the largest models -----------------------------------------------------------------------

    def plot_line(self, ax: Axes | None = None, **kwargs: Any) -> SlopeDisplay:
        """Draw the right picture alone, the small axes inside it."""
        self._begin(new_axes(ax))
        ax, estimate = self.axes_[0], self.heuristic.ddse
        table = estimate.table
        p, gain, at = table.shape, -table.contrast, table.position(estimate.selected)
        used = np.arange(len(p)) >= len(p) - estimate.n_points
        for name, ends, line in (("fit", p[used], "-"), ("extension", [p[0], p[used][0]], (0, (4, 3)))):
            x = np.array([np.min(ends), np.max(ends)])
            style = {"color": _LINE, "linewidth": 1.4, "linestyle": line, "zorder": 2.0} | kwargs
            (self.lines_[name],) = ax.plot(x, estimate.line.at(x), **style)
        set_line_limits(ax, p, gain, at, estimate.line)
        seen = gain >= ax.get_ylim()[0]
        for name, shown, edge, face in (("other", ~used, _OTHER, "white"), ("used", used, _LINE, _LINE)):
            style = {"s": 20.0, "facecolors": [face], "edgecolors": [edge], "linewidths": 1.0, "zorder": 3.0}
            self.markers_[name] = ax.scatter(p[shown & seen], gain[shown & seen], **style)
        floor = np.full(np.sum(~seen), ax.get_ylim()[0])
        self.markers_["below"] = ax.scatter(
            p[~seen], floor, s=26.0, marker="v", color=_OTHER, clip_on=False, zorder=3.0
        )
        same = np.array_equal(table.shape, table.complexity)
        set_labels(ax, "complexity" if same else "penalty shape", "\N{MINUS SIGN}contrast")
        self.markers_["estimated"] = ax.scatter(
            p[at], gain[at], s=90.0, facecolors="none", edgecolors=[_LINE], zorder=3.0
        )
        left = p[at] < 0.5 * (p[0] + p[-1])
        text = f"{shortened(table.names[at], _NAME)} selected by DDSE"
        side = {"ha": "left" if left else "right", "va": "top"}
        self._say(ax, text, (p[at], gain[at]), (3 if left else -3, -9), _LINE, weight="bold", **side)
        what = f"{estimate.n_points} models, slope {estimate.kappa_min:.3g}".replace("-", "\N{MINUS SIGN}")
        self._say(
            ax, what, (p[-1], max(gain[used].max(), estimate.line.at(p[-1]))), (0, 8), _LINE, ha="right", va="bottom"
        )
        self._plot_slopes(kwargs)
        return self

    def _plot_slopes(self, kwargs: dict[str, Any]) -> None:
        estimate = self.heuristic.ddse
        self.slopes_ax_ = ax = small_axes(self.axes_[0], estimate)
        points = len(estimate.table) - np.arange(len(estimate.slopes))
        style = {"color": _OTHER, "linewidth": 0.9} | kwargs
        (self.lines_["slopes"],) = ax.plot(points, estimate.slopes, **style)
        self.lines_["kappa"] = ax.axhline(estimate.kappa_min, color=_LINE, linewidth=0.8, linestyle=(0, (4, 3)))
        plateau = estimate.plateaus[estimate.chosen]
        on = slice(plateau.first, plateau.first + plateau.length)
        self.markers_["plateau"] = ax.scatter(points[on], estimate.slopes[on], s=8.0, color=_LINE, zorder=3.0)

    # -- what both share -------------------------------------------------------------------------------------------

    def _begin(self, ax: Axes) -> None:
        self.axes_, self.lines_, self.markers_, self.labels_ = np.array([ax]), {}, {}, []
        self.figure_ = ax.get_figure(root=True)

    def _say(
        self, ax: Axes, text: str, at: Any, offset: Any, color: str, ha: str = "left", va: str = "center", **more: Any
    ) -> None:
        label = ax.annotate(
            text,
            at,
            offset,
            textcoords="offset points",
            ha=ha,
            va=va,
            color=darker(color),
            fontsize="small",
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
            zorder=4.0,
            **more,
        )
        self.labels_.append(label)
