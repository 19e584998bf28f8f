"""One criterion over the number of experts and a second argument of the grid.

Numbers in cells, not one line per value of the argument: at the best cells such lines cross.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.criteria import CRITERIA
from classicmoe.exceptions import ColumnError, NoAdmissibleModelError
from classicmoe.messages import name_list
from classicmoe.plot._style import new_axes, room_above, set_labels, set_level_axis
from classicmoe.plot.palette import INK, category_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEGREE = 10.0  # differences of criteria below it are a matter of degree
_LEAST_SIZE = 5.5  # of a number, in points; smaller ones are left out
_BEST, _FRAME = category_colors(2)


class GridDisplay:
    """Numbers of experts across, values of another argument down, in every cell one criterion less its minimum.

    The argument may be anything that the grid varies: the order of polynomial experts, the family, the gate, a penalty.
    Cells are darker the better they are: in proportion up to differences of about 10, by their logarithm above. The
    chosen cell has a frame, the best of every line is in bold, and numbers in brackets are of models that are not to be
    trusted (their verdict is not "OK"). A cell without a model stays empty.

    Parameters
    ----------
    n_experts : array of shape (G,)
        Numbers of experts, increasing.
    levels : sequence of str, length L
        Values of the other argument, as they are to be written.
    differences : array of shape (L, G)
        The criterion less its smallest value (the largest less the held-out score); NaN where there is no model.
    trusted : array of shape (L, G)
        Whether those models are trustworthy.
    by : str
        Name of the other argument.
    criterion : str, default="bic"
        What the numbers are of.
    chosen : (int, int), optional
        Line and column of the cell to frame.
    unit : float, default=10
        Differences well below it look alike.
    several : bool, default=False
        Whether cells had several models; the best of them is shown.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    image_ : QuadMesh
        The cells.
    texts_ : dict of (int, int) to Text
        The numbers, by line and column.
    frame_ : Rectangle or None
        Around the chosen cell.
    title_ : Text
        What the numbers are.

    Examples
    --------
    >>> import pandas as pd
    >>> from classicmoe.plot import GridDisplay
    >>> results = pd.DataFrame({
    ...     "n_experts": [1, 2, 1, 2], "degree": [1, 1, 2, 2], "n_parameters": [3, 8, 4, 10],
    ...     "bic": [290.0, 180.0, 188.0, 191.0], "verdict": ["OK", "OK", "OK", "NOT REPLICATED"],
    ... })
    >>> display = GridDisplay.from_results(results, by="degree")
    >>> display.differences
    array([[110.,   0.],
           [  8.,  11.]])
    """

    def __init__(
        self,
        *,
        n_experts: ArrayLike,
        levels: list[str],
        differences: ArrayLike,
        trusted: ArrayLike,
        by: str,
        criterion: str = "bic",
        chosen: tuple[int, int] | None = None,
        unit: float = _DEGREE,
        several: bool = False,
    ):
        self.n_experts = np.asarray(n_experts, dtype=np.intp)
        self.levels = list(levels)
        self.differences = np.asarray(differences, dtype=np.float64)
        self.trusted = np.asarray(trusted, dtype=bool)
        self.by = by
        self.criterion = criterion
        self.chosen = chosen
        self.unit = unit
        self.several = several

    @classmethod
    def from_results(
        cls, results: Any, *, by: str | None = None, ax: Axes | None = None, criterion: str | None = None, **kwargs: Any
    ) -> GridDisplay:
        """Draw the table of a selection.

        Parameters
        ----------
        results : data frame or fitted MoESelector
            One row per model with the columns ``n_experts``, ``by``, ``verdict`` and the criterion (``results_`` of a
            selector).
        by : str, optional
            Column of the other argument; default: the only one that varies.
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        criterion : str, optional
            Column to draw. Default: the selector's own; "bic" for a data frame.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        GridDisplay
            With the selector's best model framed, or that of a data frame with the least criterion.

        Raises
        ------
        ColumnError
            A column is missing, or it is not clear which argument is meant.
        NoAdmissibleModelError
            The criterion is finite for no model.
        ConfigurationError
            matplotlib is not installed.
        """
        table = getattr(results, "results_", results)
        criterion = criterion or getattr(results, "criterion", None) or "bic"
        by = _argument(table) if by is None else by
        missing = [name for name in ("n_experts", by, "verdict", criterion) if name not in table]
        if missing:
            raise ColumnError(f"The table of results has no column {', '.join(missing)}; it has {', '.join(table)}.")
        values = np.asarray(table[criterion], dtype=np.float64) * (-1.0 if criterion == "cv" else 1.0)
        if not np.isfinite(values).any():
            raise NoAdmissibleModelError(f"The criterion {criterion} is finite for no model of the table.")
        sizes, columns = np.unique(np.asarray(table["n_experts"], dtype=np.intp), return_inverse=True)
        levels, lines = _levels(table[by])
        rows = _best_rows(values, lines, columns, (len(levels), len(sizes)))
        there = rows >= 0
        best = int(getattr(results, "best_index_", np.argmin(np.where(np.isfinite(values), values, np.inf))))
        display = cls(
            n_experts=sizes,
            levels=[str(level) for level in levels],
            differences=np.where(there, values[rows], np.nan) - values[np.isfinite(values)].min(),
            trusted=there & (np.asarray(table["verdict"], dtype=object)[rows] == "OK"),
            by=by,
            criterion=criterion,
            chosen=(int(lines[best]), int(columns[best])),
            unit=_unit(table, criterion, best),
            several=len(table) > len(set(zip(lines.tolist(), columns.tolist(), strict=True))),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> GridDisplay:
        """Draw on ``ax`` or on the axes of a new figure; further arguments are for the cells (``pcolormesh``).

        Returns
        -------
        GridDisplay
            Itself.
        """
        from matplotlib.colors import LinearSegmentedColormap

        n_lines, n_columns = self.differences.shape
        self.ax_ = ax = new_axes(ax, (max(3.6, 1.8 + 0.62 * n_columns), max(2.2, 1.2 + 0.42 * n_lines)))
        self.figure_ = ax.get_figure(root=True)
        largest = max(float(np.nanmax(self.differences)), 1e-12)
        shade = 1.0 - np.arcsinh(self.differences / self.unit) / np.arcsinh(largest / self.unit)
        style = {"cmap": LinearSegmentedColormap.from_list("better", ["#FFFFFF", _BEST]), "vmin": 0.0, "vmax": 1.0}
        edges = np.arange(n_columns + 1) - 0.5, np.arange(n_lines + 1) - 0.5
        self.image_ = ax.pcolormesh(*edges, np.ma.masked_invalid(shade), **(style | {"edgecolors": "#DDDDDD"} | kwargs))
        ax.set_xlim(-0.5, n_columns - 0.5)
        ax.set_xticks(np.arange(n_columns), [str(k) for k in self.n_experts])
        ax.tick_params(axis="x", length=0)
        set_labels(ax, "number of experts", "")
        set_level_axis(ax, self.levels, n_lines, self.by.rpartition("__")[2])
        ax.spines[["left", "bottom"]].set_visible(False)
        self.frame_ = self._draw_frame()
        self.title_ = ax.text(0.0, 1.02, self._meaning(), transform=ax.transAxes, color=INK, va="bottom", fontsize=9.0)
        self._write_numbers(shade)
        room_above(ax, self.title_)
        return self

    def _draw_frame(self) -> Any:
        if self.chosen is None:
            return None
        from matplotlib.patches import Rectangle

        line, column = self.chosen
        frame = Rectangle((column - 0.5, line - 0.5), 1.0, 1.0, fill=False, edgecolor=_FRAME, linewidth=2.6, zorder=4.0)
        frame.set_clip_on(False)
        return self.ax_.add_patch(frame)

    def _meaning(self) -> str:
        name = {"aicc": "AICc"}.get(self.criterion, self.criterion.upper() if self.criterion in CRITERIA else "")
        what = f"{name or self.criterion} less its minimum"
        if self.criterion == "cv":
            what = "held-out log density below the best"
        if self.several:
            what += ", best model of each"
        there = ~np.isnan(self.differences)
        return what if self.trusted[there].all() else f"{what}\n(in brackets: not trustworthy)"

    def _write_numbers(self, shade: NDArray[np.float64]) -> None:
        """Write the differences into their cells, as large as fits."""
        ax, best = self.ax_, np.where(np.isnan(self.differences), np.inf, self.differences).argmin(axis=1)
        self.texts_ = {}
        for line, column in np.argwhere(~np.isnan(self.differences)).tolist():
            number = _number(self.differences[line, column], self.unit)
            text = number if self.trusted[line, column] else f"({number})"
            color = "white" if shade[line, column] > 0.55 else INK
            weight = "bold" if best[line] == column else "normal"
            at = {"ha": "center", "va": "center", "color": color, "fontweight": weight, "zorder": 3.0}
            self.texts_[line, column] = ax.text(column, line, text, **at)
        self.figure_.draw_without_rendering()  # so that sizes in pixels are known
        room = 0.9 * ax.get_window_extent().width / len(self.n_experts)
        widest = max(text.get_window_extent().width for text in self.texts_.values())
        longest = max(tick.get_window_extent().width for tick in ax.get_xticklabels())
        shown = np.arange(0, len(self.n_experts), int(np.ceil(1.2 * longest / room)))
        ax.set_xticks(shown, [str(k) for k in self.n_experts[shown]])
        for text in self.texts_.values():
            size = text.get_fontsize() * min(1.0, room / widest)
            text.set_fontsize(size)
            text.set_visible(size >= _LEAST_SIZE)


def _argument(table: Any) -> str:
    """Return the one argument of the grid that varies beside the number of experts."""
    names = list(table)
    if "n_parameters" not in names:
        raise ColumnError("The table does not tell its arguments from its results: name one by by=.")
    arguments = [name for name in names[: names.index("n_parameters")] if name != "n_experts"]
    varying = [name for name in arguments if len(_levels(table[name])[0]) > 1]
    if len(varying) == 1:
        return str(varying[0])
    raise ColumnError(
        f"by= must name one of the arguments that vary: {name_list(varying)}."
        if varying
        else "The grid varies nothing but the number of experts; use SelectionDisplay."
    )


def _levels(column: Any) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the values of a column, numbers in order and others as they come, and which of them each row has."""
    values = [None if value != value else value for value in column.tolist()]  # NaN: not an argument of that model
    levels = list(dict.fromkeys(values))
    if all(isinstance(level, int | float) for level in levels):
        levels.sort()
    return levels, np.array([levels.index(value) for value in values], dtype=np.intp)


def _best_rows(values: Any, lines: Any, columns: Any, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the row of the table with the least finite value for every cell, -1 where there is none."""
    rows = np.full(shape, -1, dtype=np.intp)
    for i in np.argsort(-values, kind="stable"):  # the least comes last and stays
        if np.isfinite(values[i]):
            rows[lines[i], columns[i]] = i
    return rows


def _unit(table: Any, criterion: str, best: int) -> float:
    """Return below which differences look alike: some units of a criterion, one standard error of a score."""
    if criterion != "cv":
        return _DEGREE
    error = float(table["cv_se"].iloc[best]) if "cv_se" in table else 0.0
    return error if error > 0.0 else 0.01


def _number(difference: float, unit: float) -> str:
    digits = 0 if difference >= unit or difference == 0.0 else 1
    if unit < 1.0:
        digits = int(np.ceil(-np.log10(unit))) + 1
    return f"{difference:,.{digits}f}"
