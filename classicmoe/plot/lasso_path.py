"""Coefficients of a Lasso mixture of experts along the path of penalties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.plot._lasso_axes import (
    counts_above,
    largest_columns,
    mark_chosen,
    panels,
    path_of,
    set_penalty_axis,
    side_at,
)
from classicmoe.plot._style import expert_names, label_ends, new_axes, set_labels, shortened
from classicmoe.plot.palette import INK, category_colors, class_colors, darker, expert_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OTHER, _BAND = "#BBBBBB", "#E4E4E4"
_MEANING = {"cv": "\N{MINUS SIGN}held-out log-likelihood per row"}
_SHARE = 0.36  # of a panel's width for names of columns
_LETTER = 6.0  # points, of a usual letter in them
_BEYOND = 2.5  # times the range at the chosen point: coefficients farther out are not in the picture
_SPARE = 0.3  # of the range of the named lines: the others may leave the picture beyond it


class LassoPathDisplay:
    """Coefficients against the penalty, one panel per expert, the penalty weaker to the right.

    The columns with the largest coefficients at the chosen point have a colour and their name at the end of the line;
    a column has the same colour in all panels, and in pictures of single experts. All others are grey. Points of the
    path at which nothing has entered yet are left out but for the last. :meth:`plot_criterion` draws what chose.

    Parameters
    ----------
    alpha : array of shape (T,)
        Penalties, strongest first.
    coef : array of shape (T, K, p)
        Coefficients of K experts, or of the gate's K scores.
    names : sequence of p str
        The columns.
    chosen : int
        The point to mark.
    side : {"expert", "gate"}, default="expert"
        Whose coefficients they are.
    expert : int, optional
        The only expert to draw; all without.
    label : optional
        The class that they are of.
    criteria : mapping of str to array of shape (T,), optional
        Criteria along the path, smaller being better.
    criterion : str, optional
        The one that chose.
    n_slopes : array of shape (T,), optional
        How many slopes there are, of gate and experts together.
    penalised : {"expert", "gate"}, optional
        Whose penalty ``alpha`` is; ``side`` without.
    top : int, default=6
        How many columns have a name.
    standardised : bool, default=False
        Whether coefficients are those of columns in units of their deviation.

    Attributes
    ----------
    axes_, figure_ : ndarray of matplotlib Axes, Figure
        Where the last plot drew, one per panel.
    lines_ : list of dict of str to Line2D
        For every panel the named columns.
    others_ : list of LineCollection
        For every panel the grey lines.
    markers_ : list of PathCollection
        For every panel the named coefficients at the chosen point.
    chosen_lines_, titles_, labels_ : list of Line2D, list of Text, list of Text
        The chosen point, the names of the panels, all other texts.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import LassoMoERegressor
    >>> from classicmoe.plot import LassoPathDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 5))
    >>> y = np.where(X[:, 0] > 0.0, 2.0 * X[:, 1], -2.0 * X[:, 2]) + 0.5 * rng.normal(size=150)
    >>> m = LassoMoERegressor(2, n_init=4, n_alphas=8, gate_ratio=1.0, random_state=0).fit(X, y)
    >>> display = LassoPathDisplay.from_estimator(m)
    >>> len(display.axes_), display.coef.shape[1:]
    (2, (2, 5))
    """

    def __init__(
        self,
        *,
        alpha: ArrayLike,
        coef: ArrayLike,
        names: Sequence[str],
        chosen: int,
        side: Literal["expert", "gate"] = "expert",
        expert: int | None = None,
        label: Any = None,
        criteria: Mapping[str, ArrayLike] | None = None,
        criterion: str | None = None,
        n_slopes: ArrayLike | None = None,
        penalised: Literal["expert", "gate"] | None = None,
        top: int = 6,
        standardised: bool = False,
    ):
        self.alpha = np.asarray(alpha, dtype=np.float64)
        self.coef = np.asarray(coef, dtype=np.float64)
        self.names = list(names)
        self.chosen = int(chosen)
        self.side = side
        self.experts = list(range(self.coef.shape[1])) if expert is None else [expert]
        self.label = label
        self.criteria = {name: np.asarray(value, dtype=np.float64) for name, value in (criteria or {}).items()}
        self.criterion = criterion
        self.n_slopes = None if n_slopes is None else np.asarray(n_slopes, dtype=np.intp)
        self.penalised = penalised or side
        self.top = top
        self.standardised = standardised

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        side: Literal["expert", "gate"] = "expert",
        *,
        X: Any = None,
        expert: int | None = None,
        label: Any = None,
        names: Sequence[str] | None = None,
        top: int = 6,
        what: Literal["path", "criterion"] = "path",
        ax: Any = None,
        **kwargs: Any,
    ) -> LassoPathDisplay:
        """Draw the path of a fitted Lasso mixture of experts.

        Parameters
        ----------
        estimator : fitted estimator with ``path_``
        side : {"expert", "gate"}, default="expert"
            Whose coefficients are drawn.
        X : data frame or array of shape (n, n_features), optional
            Rows whose deviations the coefficients are multiplied by, so that columns in different units can be
            compared; without they are in the user's units.
        expert : int, optional
            Draw this one only.
        label : optional
            Of a classifier: the class whose slopes are drawn, the last one without; of two classes those of its
            log-odds. The gate has none.
        names : sequence of str, optional
            Other names of the columns.
        top : int, default=6
            How many columns have a name.
        what : {"path", "criterion"}, default="path"
            Which picture is drawn, by :meth:`plot` or :meth:`plot_criterion`.
        ax : matplotlib Axes or sequence of them, optional
            Where to draw: as many as panels, or one that is divided. A new figure without.
        **kwargs
            For the method that draws.

        Returns
        -------
        LassoPathDisplay

        Raises
        ------
        ConfigurationError
            If there is no path, no such expert or side, another number of axes, or no matplotlib.
        ColumnError
            If ``names`` are not as many as the columns, or there is no such class.
        """
        path = path_of(estimator, side, expert)
        coef, classes = path.coef, path.coef.ndim == 4  # (T, K, C, p)
        if classes:
            coef, label = _of_one_class(coef, estimator.classes_.tolist(), label)
        features = getattr(estimator, f"{side}_features_")
        names = list(features.names_out if names is None else names)
        if len(names) != coef.shape[2]:
            raise ColumnError(f"names are {len(names)}, but there are {coef.shape[2]} columns.")
        if X is not None:
            coef = coef * np.std(features.transform(X, estimator.coder_.transform(X)), axis=0)
        display = cls(
            alpha=path.alpha,
            coef=coef,
            names=names,
            chosen=path.chosen,
            side=side,
            expert=expert,
            label=label if classes else None,
            criteria=path.criteria,
            criterion=getattr(estimator, "criterion", None),
            n_slopes=path.n_slopes,
            penalised=path.penalised,
            top=top,
            standardised=X is not None,
        )
        if what not in ("path", "criterion"):
            raise ConfigurationError(f"what must be 'path' or 'criterion', not {what!r}.")
        return (display.plot if what == "path" else display.plot_criterion)(ax=ax, **kwargs)

    @property
    def shown(self) -> slice:
        """The points that are drawn: from the last at which nothing has entered any expert."""
        entered = np.flatnonzero(self.coef.any(axis=(1, 2)))
        first = max(int(entered[0]) - 1, 0) if len(entered) else 0
        return slice(min(first, self.chosen), len(self.alpha))

    def plot(self, ax: Any = None, **kwargs: Any) -> LassoPathDisplay:
        """Draw on ``ax`` (as many axes as panels, or one to divide) or on a new figure.

        Further arguments are for the named lines.

        Returns
        -------
        LassoPathDisplay
            Itself.

        Raises
        ------
        ConfigurationError
            If the number of axes is another than that of panels, or matplotlib is not installed.
        """
        self._begin(panels(ax, len(self.experts)))
        named = largest_columns(self.coef, self.chosen, self.top)  # of all experts, so that pictures of each agree
        colors = dict(zip(named, class_colors(max(len(named), 1)), strict=False))
        for ax_, k in zip(self.axes_, self.experts, strict=True):
            self._plot_lines(ax_, k, colors, kwargs)
        self._set_heights(named)
        for i, (ax_, k) in enumerate(zip(self.axes_, self.experts, strict=True)):
            self._finish(ax_, k, first=i == 0)
        for ax_, k in zip(self.axes_, self.experts, strict=True):  # the last, since it needs the final layout
            seen = [j for j in named if self.coef[self.shown, k, j].any()]
            if seen:
                room = _SHARE * ax_.get_window_extent().width * 72.0 / self.figure_.dpi
                texts = [shortened(self.names[j], max(int(room / _LETTER), 8)) for j in seen]
                ends = self.coef[-1, k, seen]
                self.labels_ += label_ends(ax_, self.alpha[-1], ends, texts, [colors[j] for j in seen])
        return self

    def plot_criterion(self, ax: Axes | None = None, **kwargs: Any) -> LassoPathDisplay:
        """Draw the criterion against the penalty, the numbers of slopes above; further arguments are for the line.

        Held-out scores have a band of one standard error. The slope heuristic has no values: BIC takes its place.

        Returns
        -------
        LassoPathDisplay
            Itself.

        Raises
        ------
        ConfigurationError
            If the display has no criteria, or matplotlib is not installed.
        """
        name = next((name for name in (self.criterion, "bic", *self.criteria) if name in self.criteria), None)
        if name is None:
            raise ConfigurationError("The display was made without criteria=; there is none to draw.")
        self._begin(np.array([new_axes(ax)]))
        changes = np.flatnonzero(np.diff(self.n_slopes)) if self.n_slopes is not None else []
        first = min(int(changes[0]) if len(changes) else 0, self.chosen)
        ax_, x, values = self.axes_[0], self.alpha[first:], self.criteria[name][first:]
        style = {"color": category_colors(1)[0], "linewidth": 1.6, "marker": "o", "markersize": 3.0} | kwargs
        self.lines_ = [{name: ax_.plot(x, values, **style)[0]}]
        if name == "cv" and "cv_se" in self.criteria:
            error = self.criteria["cv_se"][first:]
            ax_.fill_between(x, values - error, values + error, color=_BAND, linewidth=0.0, zorder=0.5)
        dot = (self.alpha[self.chosen], self.criteria[name][self.chosen])
        self.markers_ = [ax_.scatter(*dot, s=70.0, facecolors="none", edgecolors=[INK], linewidths=1.4, zorder=3.0)]
        ax_.margins(y=0.12)
        set_penalty_axis(ax_, x)
        set_labels(ax_, self._penalty(), _MEANING.get(name, name.upper()))
        style = {"textcoords": "offset points", "va": "bottom", "color": INK, "fontsize": "small"}
        text = "chosen" if name == self.criterion else self._chosen_text()  # the slope has no values
        self.labels_ = [ax_.annotate(text, dot, (0, 8), ha=side_at(ax_, dot[0]), **style)]
        if self.n_slopes is not None:
            self.labels_ += counts_above(ax_, x, self.n_slopes[first:])
        return self

    # -- parts of the pictures -------------------------------------------------------------------------------------

    def _begin(self, axes: NDArray[Any]) -> None:
        self.axes_, self.figure_ = axes, axes[0].get_figure(root=True)
        self.lines_, self.others_, self.markers_, self.chosen_lines_ = [], [], [], []
        self.titles_, self.labels_ = [], []

    def _plot_lines(self, ax: Axes, k: int, colors: dict[int, Any], kwargs: dict[str, Any]) -> None:
        from matplotlib.collections import LineCollection

        x, coef = self.alpha[self.shown], self.coef[self.shown, k]
        grey = [j for j in np.flatnonzero(coef.any(axis=0)).tolist() if j not in colors]
        lines = LineCollection([np.column_stack([x, coef[:, j]]) for j in grey], colors=_OTHER, linewidths=0.8)
        self.others_.append(ax.add_collection(lines, autolim=False))
        ax.plot(x[[0, -1]], [0.0, 0.0], color=INK, linewidth=0.8, zorder=1.0)
        drawn = {}
        for j, color in colors.items():
            if coef[:, j].any():
                style = {"color": color, "linewidth": 1.8, "zorder": 2.0} | kwargs
                (drawn[self.names[j]],) = ax.plot(x, coef[:, j], **style)
        self.lines_.append(drawn)
        at = [(self.alpha[self.chosen], self.coef[self.chosen, k, j], color) for j, color in colors.items()]
        at = [dot for dot in at if dot[1] != 0.0]
        dots = np.array([dot[:2] for dot in at]).reshape(-1, 2)
        style = {"s": 16.0, "color": [dot[2] for dot in at], "zorder": 3.0}
        self.markers_.append(ax.scatter(dots[:, 0], dots[:, 1], **(style if at else {})))

    def _set_heights(self, named: list[int]) -> None:
        """Give all panels the same limits: of the named lines, as far as they do not dwarf the chosen point.

        Other lines may leave the picture sooner.
        """
        at = self.coef[self.chosen, self.experts]
        reach = _BEYOND * (max(at.max(initial=0.0), 0.0) - min(at.min(initial=0.0), 0.0)) or np.inf
        shown = np.clip(self.coef[self.shown][:, self.experts], -reach, reach)
        low, high = shown[:, :, named].min(initial=0.0), shown[:, :, named].max(initial=0.0)
        room = _SPARE * (high - low)
        low, high = max(shown.min(initial=0.0), low - room), min(shown.max(initial=0.0), high + room)
        margin = 0.05 * (high - low) or 1.0
        for ax in self.axes_:
            ax.set_ylim(low - margin, high + margin)

    def _finish(self, ax: Axes, k: int, first: bool) -> None:
        n_experts = self.coef.shape[1]
        set_penalty_axis(ax, self.alpha[self.shown])
        per = " per deviation" if self.standardised else ""
        what = {"expert": "coefficient", "gate": "coefficient in the gate"}[self.side]
        set_labels(ax, self._penalty(), what + per if first else "")
        self._say_chosen(ax)
        of = "" if self.label is None else f", {shortened(str(self.label), 18)}"
        title = ax.set_title(expert_names(n_experts)[k] + of, loc="left", parse_math=False, fontsize="medium")
        title.set_color(darker(expert_colors(n_experts)[k]))
        self.titles_.append(title)
        if not self.coef[:, k].any():
            self.labels_.append(ax.text(0.5, 0.6, "no column enters", transform=ax.transAxes, ha="center", color=INK))

    def _penalty(self) -> str:
        return f"penalty on the {'experts' if self.penalised == 'expert' else 'gate'} (weaker to the right)"

    def _chosen_text(self) -> str:
        if not self.criterion:
            return "chosen"
        return f"chosen by {'slope' if self.criterion == 'slope' else self.criterion.upper()}"

    def _say_chosen(self, ax: Axes) -> None:
        line, text = mark_chosen(ax, self.alpha[self.chosen], self._chosen_text())
        self.chosen_lines_.append(line)
        self.labels_.append(text)


def _of_one_class(coef: NDArray[np.float64], known: list[Any], label: Any) -> tuple[NDArray[np.float64], Any]:
    """Return the slopes of a class, of two classes their difference, and its label."""
    label = known[-1] if label is None else label
    if label not in known:
        raise ColumnError(f"There is no class {label!r}; there are {', '.join(map(repr, known))}.")
    own = coef[:, :, known.index(label)]
    return own if len(known) > 2 else own - coef[:, :, 1 - known.index(label)], label
