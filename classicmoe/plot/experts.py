"""The experts along one column, over the rows they answer for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.plot._answers import Answers
from classicmoe.plot._columns import MovableColumn, systematic_rows
from classicmoe.plot._style import (
    core_range,
    expert_names,
    label_ends,
    legend_above,
    new_axes,
    note_beyond,
    set_labels,
    set_level_axis,
    strewn,
)
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
    colour mixes the colours of the experts in the shares of their responsibilities; it is hollow where the response is
    known up to an interval only. For a column of levels the rows lie side by side at their level, and a bar marks the
    mean of each expert.

    With exposures rates are shown (of numbers of trials, shares). Of a classifier one class is shown: lines are
    P(class given x, expert), points lie at 1 for the class and at 0 for the others. Points that lie far off (more than
    the range of the middle 98 % beyond it) are not in the picture, which says how many they are.

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
    partly : array of shape (m,), optional
        Rows whose response is known up to an interval only.
    spread : float, default=0
        Points are moved up or down by up to so much, so that equal counts do not hide each other.

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
    beyond_ : list of Text
        How many points are not in the picture, at the side where they are.
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
        partly: ArrayLike | None = None,
        spread: float = 0.0,
    ):
        self.values = np.asarray(values, dtype=np.float64)
        self.predictions = np.asarray(predictions, dtype=np.float64)
        self.probabilities = np.asarray(probabilities, dtype=np.float64)
        self.points = np.asarray(points, dtype=np.float64)
        self.responsibilities = np.asarray(responsibilities, dtype=np.float64)
        self.mean = None if mean is None else np.asarray(mean, dtype=np.float64)
        self.feature_name, self.response_name = feature_name, response_name
        self.levels, self.n_levels = levels, n_levels
        self.partly = np.zeros(len(self.points), bool) if partly is None else np.asarray(partly, dtype=bool)
        self.spread = spread

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
        output: Any = None,
        exposure: ArrayLike | None = None,
        offset: ArrayLike | None = None,
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
        output : int or label, optional
            Which of several outputs is shown, counted from 0; of a classifier which class, the last one by default.
        exposure, offset : array of shape (n,), optional
            Those of the rows, for a model that was fitted with them.
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
        answers = Answers(estimator, y, rows, output, exposure, offset)
        values = column.grid(grid_resolution, (0.0, 1.0))
        display = cls(
            values=values,
            predictions=column.average(answers.experts, rows, values, answers.responsibilities(X, rows)),
            probabilities=column.average(estimator.predict_gate, rows, values),
            points=np.column_stack([column.observed(shown), answers.response(shown)]),
            responsibilities=answers.responsibilities(X, shown),
            feature_name=column.name,
            response_name=answers.name,
            mean=column.average(answers.mean, rows, values) if mean else None,
            levels=column.levels,
            n_levels=column.n_levels,
            partly=answers.partly(shown),
            spread=answers.spread,
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
        self.beyond_ = []
        colors = expert_colors(self.predictions.shape[1])
        # The golden ratio's multiples fill a strip evenly and are the same at every call.
        moved = self.points + strewn(len(self.points), 2.0 * self.spread, 0.7548776662466927)[:, None] * [0.0, 1.0]
        if self.levels is None:
            self._plot_points(moved, colors, point_kwargs)
            self._plot_lines(colors, kwargs)
        else:
            known = ~np.isnan(self.points[:, 0])
            moved = moved[known]
            beside = strewn(len(moved), 0.5, 0.6180339887498949)
            self._plot_points(np.column_stack([moved[:, 1], moved[:, 0] + beside]), colors, point_kwargs, known)
            self._plot_levels(colors, kwargs)
        return self

    def _plot_points(
        self, xy: NDArray[np.float64], colors: Any, given: dict[str, Any] | None, shown: Any = slice(None)
    ) -> None:
        mixed = np.clip(self.responsibilities[shown] @ colors, 0.0, 1.0)
        n = max(len(xy), 1)
        style: dict[str, Any] = {
            "c": mixed,
            "s": float(np.clip(2500.0 / n, 4.0, 24.0)),
            "alpha": float(np.clip(12.0 / np.sqrt(n), 0.3, 0.8)),
            "linewidths": 0.0,
            "zorder": 1.0,
        }
        if self.partly[shown].any():
            faces = np.column_stack([mixed, np.where(self.partly[shown], 0.0, style.pop("alpha"))])
            style |= {"c": faces, "edgecolors": mixed, "linewidths": np.where(self.partly[shown], 0.8, 0.0)}
        self.points_ = self.ax_.scatter(xy[:, 0], xy[:, 1], **(style | (given or {})))

    def _plot_lines(self, colors: Any, kwargs: dict[str, Any]) -> None:
        ax = self.ax_
        asked = np.where(self.probabilities >= _ASKED, self.predictions, np.nan)
        low, high = core_range(self.points[:, 1], asked)
        if self.partly.any() and np.isfinite(asked).any():  # what was censored may lie beyond all that was seen
            low, high = min(low, float(np.nanmin(asked))), max(high, float(np.nanmax(asked)))
        margin = 0.06 * (high - low) or 1.0
        ax.set_ylim(low - margin, high + margin)  # the data decide, not extrapolations
        self.beyond_ = note_beyond(ax, self.points[:, 1], low, high)
        edge = 0.02 * (self.values[-1] - self.values[0])
        ax.set_xlim(self.values[0] - edge, self.values[-1] + edge)
        ends, names, label_colors = list(self.predictions[-1]), expert_names(len(colors)), list(colors)
        for k, color in enumerate(colors):
            style = {"color": color, "linewidth": 2.2, "solid_capstyle": "round", "zorder": 3.0} | kwargs
            faint = {"color": color, "linewidth": 1.0, "linestyle": (0, (4, 3)), "alpha": 0.8, "zorder": 2.0}
            self.faint_lines_ += ax.plot(self.values, self.predictions[:, k], **faint)
            self.lines_ += ax.plot(self.values, asked[:, k], **style)
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
        low, high = core_range(self.points[:, 1], self.predictions)
        margin = 0.04 * (high - low) or 1.0
        ax.set_xlim(low - margin, high + margin)
        self.beyond_ = note_beyond(ax, self.points[:, 1], low, high, across=True)
        set_level_axis(ax, self.levels, self.n_levels, self.feature_name)
        ax.set_xlabel(self.response_name, parse_math=False)
        legend_above(ax, handles, names)
