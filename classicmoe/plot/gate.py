"""The gating network along one column: who is asked, where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.plot._columns import MovableColumn, systematic_rows
from classicmoe.plot._style import (
    draw_rug,
    expert_names,
    label_ends,
    legend_above,
    new_axes,
    set_labels,
    set_level_axis,
)
from classicmoe.plot.palette import expert_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_ROWS = 1000


class GateDisplay:
    """Average gate probabilities along one column.

    For every value of the column, P(expert given x) averaged over rows of X in which that column alone is moved there
    (partial dependence). Columns of numbers give lines, columns of levels (text, categories, truth values, two
    distinct numbers) stacked bars.

    Parameters
    ----------
    values : array of shape (G,)
        Values of the column.
    probabilities : array of shape (G, K)
        Average gate probabilities there.
    feature_name : str
        Name of the column.
    levels : list of str, optional
        Names of the G levels; None for a column of numbers.
    n_levels : int, default=0
        How many levels the column has in all, the G most frequent ones being shown.
    observed : array, optional
        Values in the rows averaged over, shown as a rug.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    lines_ : list of Line2D
        One per expert (columns of numbers).
    bars_ : list of BarContainer
        One per expert (columns of levels).
    labels_ : list of Text
        The names of the experts beside their lines; empty for bars, which have a legend.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.plot import GateDisplay
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(n_experts=2, random_state=0).fit(X, y)
    >>> display = GateDisplay.from_estimator(m, X, 0)
    >>> display.probabilities.shape
    (200, 2)
    """

    _meaning = "average gate probability"

    def __init__(
        self,
        *,
        values: ArrayLike,
        probabilities: ArrayLike,
        feature_name: str,
        levels: list[str] | None = None,
        n_levels: int = 0,
        observed: ArrayLike | None = None,
    ):
        self.values = np.asarray(values, dtype=np.float64)
        self.probabilities = np.asarray(probabilities, dtype=np.float64)
        self.feature_name = feature_name
        self.levels = levels
        self.n_levels = n_levels
        self.observed = None if observed is None else np.asarray(observed, dtype=np.float64)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        feature: str | int,
        *,
        ax: Axes | None = None,
        grid_resolution: int = 200,
        percentiles: tuple[float, float] = (0.05, 0.95),
        grid: ArrayLike | None = None,
        **kwargs: Any,
    ) -> GateDisplay:
        """Compute the average gate probabilities of a fitted model and draw them.

        Parameters
        ----------
        estimator : fitted estimator with ``predict_gate``
        X : data frame or array of shape (n, n_features)
            Rows to average over; a systematic sample of 1000 of them where there are more.
        feature : str or int
            The column that moves.
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        grid_resolution : int, default=200
            Number of values of a column of numbers.
        percentiles : tuple of float, default=(0.05, 0.95)
            Between which quantiles of the column the values are.
        grid : array of shape (G,), optional
            The values themselves, in place of both.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        GateDisplay

        Raises
        ------
        ColumnError
            If there is no such column, or it holds neither numbers nor levels.
        DataError
            If the column does not vary.
        ConfigurationError
            If the grid is none, or matplotlib is not installed.
        """
        question, more = cls._question(estimator)
        column = MovableColumn(X, feature, getattr(estimator, "feature_names_in_", None))
        rows = systematic_rows(column.n_rows, _MAX_ROWS)
        values = column.grid(grid_resolution, percentiles, grid)
        display = cls(
            values=values,
            probabilities=column.average(question, rows, values),
            feature_name=column.name,
            levels=column.levels,
            n_levels=column.n_levels,
            observed=column.observed(rows),
            **more,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def _question(cls, estimator: Any) -> tuple[Callable[[Any], Any], dict[str, Any]]:
        """Return what the estimator is asked about a table of rows, and the display's further arguments."""
        return estimator.predict_gate, {}

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> GateDisplay:
        """Draw on ``ax`` or on the axes of a new figure; further arguments are for the lines or bars.

        Returns
        -------
        GateDisplay
            Itself.
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.get_figure(root=True)
        self.lines_, self.bars_, self.labels_ = [], [], []
        names, colors = self._names(), self._colors()
        if self.levels is None:
            self._plot_lines(names, colors, kwargs)
        else:
            self._plot_bars(names, colors, kwargs)
        return self

    def _names(self) -> list[str]:
        return expert_names(self.probabilities.shape[1])

    def _colors(self) -> Any:
        return expert_colors(self.probabilities.shape[1])

    def _plot_lines(self, names: list[str], colors: Any, kwargs: dict[str, Any]) -> None:
        ax = self.ax_
        for k in range(len(names)):
            style = {"color": colors[k], "linewidth": 2.0, "clip_on": False} | kwargs
            self.lines_ += ax.plot(self.values, self.probabilities[:, k], **style)
        ax.set_xlim(self.values[0], self.values[-1])
        ax.set_ylim(0.0, 1.0)
        set_labels(ax, self.feature_name, self._meaning)
        if self.observed is not None:
            inside = (self.observed >= self.values[0]) & (self.observed <= self.values[-1])
            draw_rug(ax, self.observed[inside])
        self.labels_ = label_ends(ax, self.values[-1], self.probabilities[-1], names, colors)

    def _plot_bars(self, names: list[str], colors: Any, kwargs: dict[str, Any]) -> None:
        ax = self.ax_
        position = np.arange(len(self.levels))
        left = np.zeros(len(position))
        for k in range(len(names)):
            style = {"color": colors[k], "height": 0.7, "edgecolor": "white", "linewidth": 0.8} | kwargs
            self.bars_.append(ax.barh(position, self.probabilities[:, k], left=left, **style))
            left += self.probabilities[:, k]
        ax.set_xlim(0.0, 1.0)
        set_level_axis(ax, self.levels, self.n_levels, self.feature_name)
        ax.set_xlabel(self._meaning)
        legend_above(ax, [bars[0] for bars in self.bars_], names)
