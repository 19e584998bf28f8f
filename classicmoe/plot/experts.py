"""The experts along one column, over the rows they answer for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._columns import MovableColumn, systematic_rows, take_rows
from classicmoe.plot._style import expert_names, label_ends, legend_above, new_axes, set_labels, set_level_axis
from classicmoe.plot.palette import INK, expert_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_ROWS = 1000
_MAX_POINTS = 5000
_ASKED = 0.05  # below this average gate probability an expert's line is an extrapolation


class ExpertDisplay:
    """Expert means along one column over the data, coloured by responsibility.

    A line is the mean response of one expert, averaged over rows of X in which that column alone is moved; the rows
    count by its responsibility for them, so that a line belongs to the points of its colour. It is drawn solid where
    the gate asks the expert (average probability of 5 % and more) and dashed where it does not. A point is a row: its
    colour mixes the colours of the experts in the shares of their responsibilities. For a column of levels the rows
    lie side by side at their level, and a bar marks the mean of each expert.

    Parameters
    ----------
    values : array of shape (G,)
        Values of the column.
    predictions, probabilities : arrays of shape (G, K)
        Average expert means and gate probabilities there.
    points : array of shape (m, 2)
        Value of the column and response of some rows.
    responsibilities : array of shape (m, K)
        Responsibilities of the experts for them.
    feature_name, response_name : str
        Names of column and response.
    mean : array of shape (G,), optional
        Average mean response of the whole model.
    levels : list of str, optional
        Names of the G levels; None for a column of numbers.
    n_levels : int, default=0
        How many levels the column has in all, the G most frequent ones being shown.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    points_ : PathCollection
        The rows.
    lines_, faint_lines_ : list of Line2D
        One per expert, where it is asked and where it is not (columns of numbers).
    bars_ : list of LineCollection
        One per expert (columns of levels).
    mean_line_ : Line2D, LineCollection or None
        The mean of the whole model.
    labels_ : list of Text
        The names beside the lines; empty for levels, which have a legend.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> from classicmoe.plot import ExpertDisplay
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(n_experts=2, random_state=0).fit(X, y)
    >>> ExpertDisplay.from_estimator(m, X, y, 0).predictions.shape
    (200, 2)
    """

    def __init__(
        self,
        *,
        values: ArrayLike,
        predictions: ArrayLike,
        probabilities: ArrayLike,
        points: ArrayLike,
        responsibilities: ArrayLike,
        feature_name: str,
        response_name: str = "y",
        mean: ArrayLike | None = None,
        levels: list[str] | None = None,
        n_levels: int = 0,
    ):
        self.values = np.asarray(values, dtype=np.float64)
        self.predictions = np.asarray(predictions, dtype=np.float64)
        self.probabilities = np.asarray(probabilities, dtype=np.float64)
        self.points = np.asarray(points, dtype=np.float64)
        self.responsibilities = np.asarray(responsibilities, dtype=np.float64)
        self.mean = None if mean is None else np.asarray(mean, dtype=np.float64)
        self.feature_name, self.response_name = feature_name, response_name
        self.levels, self.n_levels = levels, n_levels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        feature: str | int,
        *,
        ax: Axes | None = None,
        grid_resolution: int = 200,
        mean: bool = False,
        output: int = 0,
        **kwargs: Any,
    ) -> ExpertDisplay:
        """Compute expert means and responsibilities of a fitted model and draw them.

        Parameters
        ----------
        estimator : fitted estimator with ``predict_experts``, ``predict_gate`` and ``responsibilities``
        X : data frame or array of shape (n, n_features)
            Rows; the lines are averages over 1000 of them and 5000 are shown, in equal steps, where there are more.
        y : array of shape (n,) or (n, q)
            Their responses.
        feature : str or int
            The column that moves.
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        grid_resolution : int, default=200
            Number of values of a column of numbers, over its whole range.
        mean : bool, default=False
            Whether the mean response of the whole model is drawn too.
        output : int, default=0
            Which of several outputs is shown.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        ExpertDisplay

        Raises
        ------
        ColumnError
            If there is no such column, or it holds neither numbers nor levels.
        DataError
            If the column does not vary.
        ConfigurationError
            If there is no such output, or matplotlib is not installed.
        """
        column = MovableColumn(X, feature, getattr(estimator, "feature_names_in_", None))
        shown = systematic_rows(column.n_rows, _MAX_POINTS)
        rows = systematic_rows(column.n_rows, _MAX_ROWS)
        share = estimator.responsibilities(take_rows(X, rows), take_rows(y, rows))
        y_shown = take_rows(y, shown)
        response = _output(np.asarray(y_shown, dtype=np.float64), output)
        values = column.grid(grid_resolution, (0.0, 1.0))
        mean_of = column.average(estimator.predict, rows, values) if mean else None
        display = cls(
            values=values,
            predictions=_output(column.average(estimator.predict_experts, rows, values, share), output, axis=2),
            probabilities=column.average(estimator.predict_gate, rows, values),
            points=np.column_stack([column.observed(shown), response]),
            responsibilities=estimator.responsibilities(take_rows(X, shown), y_shown),
            feature_name=column.name,
            response_name=_response_name(estimator, y, output),
            mean=None if mean_of is None else _output(mean_of, output),
            levels=column.levels,
            n_levels=column.n_levels,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax: Axes | None = None, *, point_kwargs: dict[str, Any] | None = None, **kwargs: Any
    ) -> ExpertDisplay:
        """Draw on ``ax`` or on the axes of a new figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        point_kwargs : dict, optional
            For the points (``Axes.scatter``), in place of a size and transparency that suit their number.
        **kwargs
            For the solid lines or the bars of the experts.

        Returns
        -------
        ExpertDisplay
            Itself.
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.get_figure(root=True)
        self.lines_, self.faint_lines_, self.bars_, self.labels_, self.mean_line_ = [], [], [], [], None
        colors = expert_colors(self.predictions.shape[1])
        if self.levels is None:
            self._plot_points(self.points, colors, point_kwargs)
            self._plot_lines(colors, kwargs)
        else:
            known = self.points[~np.isnan(self.points[:, 0])]
            # The golden ratio's multiples fill a strip evenly and are the same at every call.
            beside = 0.5 * ((np.arange(len(known)) * 0.6180339887498949) % 1.0 - 0.5)
            swapped = np.column_stack([known[:, 1], known[:, 0] + beside])
            self._plot_points(swapped, colors, point_kwargs, ~np.isnan(self.points[:, 0]))
            self._plot_levels(colors, kwargs)
        return self

    def _plot_points(
        self, xy: NDArray[np.float64], colors: Any, given: dict[str, Any] | None, shown: Any = slice(None)
    ) -> None:
        mixed = np.clip(self.responsibilities[shown] @ colors, 0.0, 1.0)
        n = max(len(xy), 1)
        style = {
            "c": mixed,
            "s": float(np.clip(2500.0 / n, 4.0, 24.0)),
            "alpha": float(np.clip(12.0 / np.sqrt(n), 0.3, 0.8)),
            "linewidths": 0.0,
            "zorder": 1.0,
        }
        self.points_ = self.ax_.scatter(xy[:, 0], xy[:, 1], **(style | (given or {})))

    def _plot_lines(self, colors: Any, kwargs: dict[str, Any]) -> None:
        ax = self.ax_
        low, high = np.nanmin(self.points[:, 1]), np.nanmax(self.points[:, 1])
        margin = 0.06 * (high - low) or 1.0
        ax.set_ylim(low - margin, high + margin)  # the data decide, not extrapolations
        edge = 0.02 * (self.values[-1] - self.values[0])
        ax.set_xlim(self.values[0] - edge, self.values[-1] + edge)
        ends, names, label_colors = list(self.predictions[-1]), expert_names(len(colors)), list(colors)
        for k, color in enumerate(colors):
            asked = self.probabilities[:, k] >= _ASKED
            solid = np.where(asked, self.predictions[:, k], np.nan)
            style = {"color": color, "linewidth": 2.2, "solid_capstyle": "round", "zorder": 3.0} | kwargs
            faint = {"color": color, "linewidth": 1.0, "linestyle": (0, (4, 3)), "alpha": 0.8, "zorder": 2.0}
            self.faint_lines_ += ax.plot(self.values, self.predictions[:, k], **faint)
            self.lines_ += ax.plot(self.values, solid, **style)
        if self.mean is not None:
            self.mean_line_ = ax.plot(self.values, self.mean, color=INK, linewidth=1.4, linestyle=":", zorder=4.0)[0]
            ends, names, label_colors = [*ends, self.mean[-1]], [*names, "mean"], [*label_colors, INK]
        set_labels(ax, self.feature_name, self.response_name)
        self.labels_ = label_ends(ax, self.values[-1] + edge, ends, names, label_colors)

    def _plot_levels(self, colors: Any, kwargs: dict[str, Any]) -> None:
        ax = self.ax_
        for k, color in enumerate(colors):
            style = {"colors": [color], "linewidth": 3.0, "zorder": 3.0} | kwargs
            at = self.predictions[:, k]
            self.bars_.append(ax.vlines(at, self.values - 0.36, self.values + 0.36, **style))
        handles, names = list(self.bars_), expert_names(len(colors))
        if self.mean is not None:
            reach = (self.values - 0.42, self.values + 0.42)
            self.mean_line_ = ax.vlines(self.mean, *reach, colors=INK, linewidth=1.4, linestyle=":", zorder=4.0)
            handles, names = [*handles, self.mean_line_], [*names, "mean"]
        set_level_axis(ax, self.levels, self.n_levels, self.feature_name)
        ax.set_xlabel(self.response_name, parse_math=False)
        legend_above(ax, handles, names)


def _output(values: NDArray[np.float64], output: int, axis: int = 1) -> NDArray[np.float64]:
    """Return one of several outputs, which are the given axis; arrays of one output have no such axis."""
    n_outputs = values.shape[axis] if values.ndim > axis else 1
    if not 0 <= output < n_outputs:
        raise ConfigurationError(f"output must be from 0 to {n_outputs - 1}, got {output}.")
    return values.take(output, axis=axis) if values.ndim > axis else values


def _response_name(estimator: Any, y: Any, output: int) -> str:
    """Return the name of the response: as the estimator knows it, or y carries it, or plainly y."""
    name = getattr(estimator, "response_name_", None) or getattr(y, "name", None)
    columns = getattr(y, "columns", None)
    if columns is not None:
        return str(columns[output])
    if name is not None:
        return str(name)
    return f"y{output}" if np.ndim(y) == 2 else "y"
