"""The classes along one column: how likely each is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._style import shortened
from classicmoe.plot.gate import GateDisplay
from classicmoe.plot.palette import class_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ClassDisplay(GateDisplay):
    """Average probabilities of the classes along one column.

    For every value of the column, P(class given x) of the whole model averaged over rows of X in which that column
    alone is moved there. Columns of numbers give lines, columns of levels stacked bars. What single experts say of one
    class is drawn by :class:`ExpertDisplay`.

    Parameters
    ----------
    classes : sequence of length C
        The labels.
    values, probabilities, feature_name, levels, n_levels, observed
        As for :class:`GateDisplay`, probabilities being (G, C).

    Attributes
    ----------
    ax_, figure_, lines_, bars_, labels_
        As of :class:`GateDisplay`, one per class.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import MoEClassifier
    >>> from classicmoe.plot import ClassDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1))
    >>> y = np.where(X[:, 0] + rng.logistic(size=200) > 0, "high", "low")
    >>> m = MoEClassifier(1).fit(X, y)
    >>> ClassDisplay.from_estimator(m, X, 0).probabilities.shape
    (200, 2)
    """

    _meaning = "average probability"

    def __init__(self, *, classes: Any, **more: Any):
        super().__init__(**more)
        self.classes = list(classes)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        feature: str | int,
        *,
        ax: Axes | None = None,
        grid_resolution: int = 200,
        percentiles: tuple[float, float] = (0.0, 1.0),
        grid: ArrayLike | None = None,
        **kwargs: Any,
    ) -> ClassDisplay:
        """Compute the average probabilities of a fitted classifier and draw them.

        Parameters
        ----------
        estimator : fitted classifier
        X, feature, ax, grid_resolution, grid, **kwargs
            As for :class:`GateDisplay`.
        percentiles : tuple of float, default=(0.0, 1.0)
            Between which quantiles of the column the values are.

        Returns
        -------
        ClassDisplay

        Raises
        ------
        ConfigurationError
            If the estimator has no classes, or matplotlib is not installed.
        ColumnError, DataError
            As for :class:`GateDisplay`.
        """
        return super().from_estimator(
            estimator,
            X,
            feature,
            ax=ax,
            grid_resolution=grid_resolution,
            percentiles=percentiles,
            grid=grid,
            **kwargs,
        )

    @classmethod
    def _question(cls, estimator: Any) -> tuple[Callable[[Any], Any], dict[str, Any]]:
        if not hasattr(estimator, "classes_"):
            raise ConfigurationError(f"{type(estimator).__name__} has no classes: use ExpertDisplay.")
        return estimator.predict_proba, {"classes": estimator.classes_.tolist()}

    def _names(self) -> list[str]:
        return [shortened(str(label)) for label in self.classes]

    def _colors(self) -> Any:
        return class_colors(len(self.classes))
