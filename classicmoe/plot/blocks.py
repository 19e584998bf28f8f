"""The residual correlations of one expert, block after block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from classicmoe.exceptions import ConfigurationError
from classicmoe.plot._style import new_axes, shortened
from classicmoe.plot.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 30  # columns that have room for a name each
_LETTERS = 16
_POINTS = 170.0  # the picture is about 250 points high, and a line of text 1.4 times its size


class BlockDisplay:
    """Correlations of the columns given the response and one expert, ordered by blocks.

    Large blocks come first, each in an outline; columns of a block of their own are at the end. Up to 30 columns have
    their names on the axis; with more, every block has its first one and the number of the others.

    Parameters
    ----------
    correlations : array of shape (d, d)
        In the order of the columns.
    blocks : list of list of int
        The positions of the columns in every block, in the order shown.
    names : list of str
        Names of the d columns.
    expert : int
        The expert's number.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the last :meth:`plot` drew.
    image_ : AxesImage
        The correlations, ordered.
    outlines_ : list of Rectangle
        One per block of two columns or more.
    colorbar_ : Colorbar
        The scale, from -1 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe import GaussianGatedMoERegressor
    >>> from classicmoe.plot import BlockDisplay
    >>> rng = np.random.default_rng(0)
    >>> common = np.repeat(rng.normal(size=(200, 2)), 2, axis=1)
    >>> m = GaussianGatedMoERegressor(1, "block").fit(common + rng.normal(size=(200, 4)), rng.normal(size=200))
    >>> BlockDisplay.from_estimator(m).blocks
    [[0, 1], [2, 3]]
    """

    def __init__(
        self, *, correlations: ArrayLike, blocks: Sequence[Sequence[int]], names: Sequence[str], expert: int = 0
    ):
        self.correlations = np.asarray(correlations, dtype=np.float64)
        self.blocks = [[int(j) for j in block] for block in blocks]
        self.names = list(names)
        self.expert = expert

    @classmethod
    def from_estimator(cls, estimator: Any, expert: int = 0, *, ax: Axes | None = None, **kwargs: Any) -> BlockDisplay:
        """Take the residual correlations of one expert from a fitted model and draw them.

        Parameters
        ----------
        estimator : GaussianGatedMoERegressor
            Fitted with ``noise_covariance="block"``.
        expert : int, default=0
            Which one.
        ax : matplotlib Axes, optional
            Where to draw; a new figure without.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        BlockDisplay

        Raises
        ------
        ConfigurationError
            A model without blocks, an expert that it does not have, or matplotlib is not installed.
        """
        check_is_fitted(estimator)
        labels = getattr(estimator, "block_labels_", None)
        if labels is None:
            raise ConfigurationError("The model has no blocks; fit it with noise_covariance='block'.")
        if expert not in range(len(labels)):
            raise ConfigurationError(f"There is no expert {expert!r}: they are counted from 0 to {len(labels) - 1}.")
        covariance = estimator.noise_covariances_[expert]
        deviation = np.sqrt(np.diag(covariance))
        names = [estimator.expert_features_.names_out[j] for j in estimator.gate_kept_]
        display = cls(
            correlations=covariance / np.outer(deviation, deviation),
            blocks=_large_first(labels[expert]),
            names=names,
            expert=expert,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> BlockDisplay:
        """Draw on ``ax`` or on the axes of a new figure; further arguments are for the image.

        Returns
        -------
        BlockDisplay
            Itself.
        """
        order = [j for block in self.blocks for j in block]
        self.ax_ = ax = new_axes(ax, (5.4, 4.6))
        self.figure_ = ax.get_figure(root=True)
        style = {"cmap": "RdBu_r", "vmin": -1.0, "vmax": 1.0, "interpolation": "nearest"} | kwargs
        self.image_ = ax.imshow(self.correlations[np.ix_(order, order)], **style)
        self.colorbar_ = self.figure_.colorbar(self.image_, ax=ax, shrink=0.8)
        self.colorbar_.set_label("residual correlation")
        self.colorbar_.outline.set_visible(False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_xticks([])
        self._name(order)
        self._outline()
        large = sum(len(block) > 1 for block in self.blocks)
        single = len(self.blocks) - large
        ax.set_xlabel(f"expert {self.expert}: {_count(large, 'block')}, {_count(single, 'single column')}")
        return self

    def _name(self, order: list[int]) -> None:
        if len(order) <= _NAMED:
            texts, places = [shortened(self.names[j], _LETTERS) for j in order], np.arange(len(order), dtype=float)
            size = min(9.0, _POINTS / len(order))
        else:
            starts = np.cumsum([0, *map(len, self.blocks)])[:-1]
            shown = [(start, block) for start, block in zip(starts, self.blocks, strict=True) if len(block) > 1]
            places = np.array([start + 0.5 * (len(block) - 1) for start, block in shown])
            texts = [f"{shortened(self.names[block[0]], _LETTERS)} and {len(block) - 1} more" for _, block in shown]
            size = min(9.0, _POINTS * min((len(block) for _, block in shown), default=1) / len(order))
        if size < 3.0:  # nobody could read them
            texts, places = [], np.zeros(0)
        self.ax_.set_yticks(places, texts, fontsize=size, parse_math=False)

    def _outline(self) -> None:
        from matplotlib.patches import Rectangle

        self.outlines_, start = [], 0
        for block in self.blocks:
            if len(block) > 1:
                frame = Rectangle(
                    (start - 0.5, start - 0.5), len(block), len(block), fill=False, edgecolor=INK, linewidth=1.0
                )
                frame.set_clip_on(False)  # half of the line of the first and the last block is outside
                self.outlines_.append(self.ax_.add_patch(frame))
            start += len(block)


def _large_first(labels: np.ndarray) -> list[list[int]]:
    """Return the members of every block, large blocks first, then in the order of the columns."""
    members: dict[float, list[int]] = {}
    for j, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(j)
    return sorted(members.values(), key=lambda block: -len(block))


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
