"""Criteria against the number of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.criteria import CRITERIA
from classicmoe.exceptions import ColumnError, NoAdmissibleModelError
from classicmoe.plot._style import label_ends, legend_above, new_axes, set_labels
from classicmoe.plot.palette import INK, category_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX"
_EDGE = 0.3  # experts: room beside the outermost numbers
_DEGREE = 10.0  # differences below it are a matter of degree: drawn in proportion, larger ones by their logarithm


class SelectionDisplay:
    """Criteria over the number of experts, each less its own minimum, so that they share one axis.

    A point is the best model with so many experts by that criterion; where it is not to be trusted (its verdict is not
    "OK": reached by one start only, resting on a few rows, not converged) the marker is hollow. Differences up to 10
    are drawn in proportion and larger ones on a logarithmic scale if the largest is above 100.

    Parameters
    ----------
    n_experts : array of shape (G,)
        Numbers of experts, increasing.
    differences : dict of str to array of shape (G,)
        For every criterion its values less the smallest; NaN where there is no model.
    trusted : dict of str to array of shape (G,)
        Whether those models are trustworthy.
    chosen : int, optional
        The number of experts to mark.
    criterion : str, optional
        The criterion that chose it, drawn stronger.
    several : bool, default=False
        Whether there were several models with one number of experts.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    lines_ : dict of str to Line2D
        One per criterion.
    markers_ : dict of str to list of PathCollection
        For every criterion its filled and its hollow markers.
    band_ : Polygon or None
        The mark of the chosen number of experts.
    labels_ : list of Text
        The names of the criteria beside their lines.

    Examples
    --------
    >>> import pandas as pd
    >>> from classicmoe.plot import SelectionDisplay
    >>> results = pd.DataFrame({
    ...     "n_experts": [1, 2, 3], "bic": [250.0, 180.0, 188.0], "icl": [250.0, 184.0, 215.0],
    ...     "verdict": ["OK", "OK", "NOT REPLICATED"],
    ... })
    >>> display = SelectionDisplay.from_results(results, criteria=["bic", "icl"])
    >>> display.differences["bic"], display.chosen
    (array([70.,  0.,  8.]), 2)
    """

    def __init__(
        self,
        *,
        n_experts: ArrayLike,
        differences: dict[str, ArrayLike],
        trusted: dict[str, ArrayLike],
        chosen: int | None = None,
        criterion: str | None = None,
        several: bool = False,
    ):
        self.n_experts = np.asarray(n_experts, dtype=np.intp)
        self.differences = {name: np.asarray(value, dtype=np.float64) for name, value in differences.items()}
        self.trusted = {name: np.asarray(value, dtype=bool) for name, value in trusted.items()}
        self.chosen = chosen
        self.criterion = criterion
        self.several = several

    @classmethod
    def from_results(
        cls,
        results: Any,
        *,
        ax: Axes | None = None,
        criteria: Sequence[str] = ("aic", "bic", "icl"),
        criterion: str | None = None,
        chosen: int | None = None,
        **kwargs: Any,
    ) -> SelectionDisplay:
        """Draw the table of a selection.

        Parameters
        ----------
        results : data frame or fitted MoESelector
            One row per model with the columns ``n_experts``, ``verdict`` and the criteria (``results_`` of a selector).
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        criteria : sequence of str, default=("aic", "bic", "icl")
            Columns to draw, smaller being better.
        criterion : str, optional
            The criterion that chose, drawn too if it is not among ``criteria``. Default: the selector's own; "bic" for
            a data frame.
        chosen : int, optional
            The number of experts to mark. Default: that of the selector's best model; for a data frame that of the
            model with the least ``criterion``.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        SelectionDisplay

        Raises
        ------
        ColumnError
            If a column is missing.
        NoAdmissibleModelError
            If a criterion is finite for no model.
        ConfigurationError
            If matplotlib is not installed.
        """
        table = getattr(results, "results_", results)
        criterion = criterion or getattr(results, "criterion", None) or "bic"
        drawable = criterion in CRITERIA or (criterion == "slope" and "slope" in table)
        names = [*criteria, *([criterion] if drawable and criterion not in criteria else [])]
        missing = [name for name in ("n_experts", "verdict", *names) if name not in table]
        if missing:
            raise ColumnError(f"The table of results has no column {', '.join(missing)}; it has {', '.join(table)}.")
        k = np.asarray(table["n_experts"], dtype=np.intp)
        trusted = np.asarray(table["verdict"], dtype=object) == "OK"
        best = {name: _best_rows(k, np.asarray(table[name], dtype=np.float64), name) for name in names}
        sizes = np.unique(k)
        if chosen is None:
            chosen = _chosen(results, k, best.get(criterion, best[names[0]]))
        display = cls(
            n_experts=sizes,
            differences={name: values - np.nanmin(values) for name, (values, _) in best.items()},
            trusted={name: trusted[rows] for name, (_, rows) in best.items()},
            chosen=chosen,
            criterion=criterion,
            several=len(sizes) < len(k),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> SelectionDisplay:
        """Draw on ``ax`` or on the axes of a new figure; further arguments are for the lines.

        Returns
        -------
        SelectionDisplay
            Itself.
        """
        self.ax_ = ax = new_axes(ax)
        self.figure_ = ax.get_figure(root=True)
        self.lines_, self.markers_, self.labels_, self.band_ = {}, {}, [], None
        names = list(self.differences)
        colors = category_colors(len(names))
        largest = max(np.nanmax(values) for values in self.differences.values())
        if self.chosen is not None:
            self.band_ = ax.axvspan(self.chosen - 0.35, self.chosen + 0.35, color="#EEEEEE", linewidth=0.0, zorder=0)
        for i, name in enumerate(names):
            beside = 0.09 * (i - 0.5 * (len(names) - 1))  # so that markers of equal height do not hide each other
            self._plot_criterion(name, self.n_experts + beside, colors[i], _MARKERS[i % len(_MARKERS)], kwargs)
        ax.set_xlim(self.n_experts[0] - _EDGE - 0.05, self.n_experts[-1] + _EDGE)
        self._set_scale(largest)
        ticks = [f"{k}\nchosen" if k == self.chosen else f"{k}" for k in self.n_experts]
        ax.set_xticks(self.n_experts, ticks)
        which = " (best model of each)" if self.several else ""
        set_labels(ax, f"number of experts{which}", "criterion less its minimum")
        self._explain_hollow()  # before the labels, since it takes room from the axes
        last = [values[np.flatnonzero(~np.isnan(values))[-1]] for values in self.differences.values()]
        texts = {name: name.upper().replace("CC", "Cc") if name in CRITERIA else name for name in names}
        self.labels_ = label_ends(
            ax, self.n_experts[-1] + _EDGE, last, list(texts.values()), colors, texts.get(self.criterion)
        )
        return self

    def _plot_criterion(self, name: str, x: Any, color: Any, marker: str, kwargs: dict[str, Any]) -> None:
        ax, values, trusted = self.ax_, self.differences[name], self.trusted[name]
        strong = name == self.criterion
        style = {"color": color, "linewidth": 2.4 if strong else 1.3, "zorder": 2.0} | kwargs
        (self.lines_[name],) = ax.plot(x, values, **style)
        markers = []
        for shown, face in ((trusted, color), (~trusted, "white")):
            at = {"s": 48.0 if strong else 34.0, "marker": marker, "linewidths": 1.4, "zorder": 3.0, "clip_on": False}
            markers.append(ax.scatter(x[shown], values[shown], facecolors=[face], edgecolors=[color], **at))
        self.markers_[name] = markers

    def _set_scale(self, largest: float) -> None:
        ax = self.ax_
        if largest <= 10.0 * _DEGREE:
            ax.set_ylim(-0.04 * max(largest, 1.0), 1.06 * max(largest, 1.0))
            return
        from matplotlib.ticker import FixedLocator, FuncFormatter

        ax.set_yscale("symlog", linthresh=_DEGREE, linscale=1.0)
        decades = 10.0 ** np.arange(1, np.ceil(np.log10(largest)) + 1)
        ax.yaxis.set_major_locator(FixedLocator([0.0, 5.0, *decades]))
        ax.yaxis.set_minor_locator(FixedLocator(np.outer(decades[:-1], np.arange(2, 10)).ravel().tolist()))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.set_ylim(-0.8, 1.6 * largest)

    def _explain_hollow(self) -> None:
        if all(trusted.all() for trusted in self.trusted.values()):
            return
        style = {"marker": "o", "s": 36.0, "edgecolors": INK, "linewidths": 1.4}
        hollow = self.ax_.scatter([], [], facecolors="white", **style)
        filled = self.ax_.scatter([], [], facecolors=INK, **style)
        legend_above(self.ax_, [filled, hollow], ["trustworthy", "not trustworthy (see the verdict)"])


def _best_rows(k: Any, values: Any, name: str) -> tuple[Any, Any]:
    """Return, for every number of experts, the least value of a criterion and the row that has it."""
    finite = np.where(np.isfinite(values), values, np.inf)
    rows = np.array([np.flatnonzero(k == size)[np.argmin(finite[k == size])] for size in np.unique(k)])
    best = np.where(np.isfinite(finite[rows]), finite[rows], np.nan)
    if np.isnan(best).all():
        raise NoAdmissibleModelError(f"The criterion {name} is finite for no model of the table.")
    return best, rows


def _chosen(results: Any, k: Any, best: tuple[Any, Any]) -> int:
    """Return the number of experts of the selector's best model, or of the model with the least criterion."""
    given = getattr(results, "best_params_", {}).get("n_experts")
    if given is None and hasattr(results, "best_estimator_"):
        given = results.best_estimator_.n_experts
    values, rows = best
    return int(k[rows[np.nanargmin(values)]] if given is None else given)
