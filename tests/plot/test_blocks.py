"""BlockDisplay: the numbers, the order, the outlines, and that names can be read."""

import numpy as np
import pytest
from matplotlib import pyplot
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from classicmoe import GaussianGatedMoERegressor
from classicmoe.exceptions import ConfigurationError
from classicmoe.plot import BlockDisplay

LABELS = [[0, 1, 2, 1, 0, 1, 3], [0, 0, 0, 0, 0, 0, 0]]


@pytest.fixture(scope="module")
def model():
    """Two experts on seven columns: blocks {1, 3, 5}, {0, 4} and two single columns; one block."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 7)) @ rng.normal(size=(7, 7))
    y = np.where(np.arange(120) < 60, -3.0, 3.0) + 0.1 * X[:, 0]
    return GaussianGatedMoERegressor(2, "block", blocks=LABELS, init=np.eye(2)[(y > 0.0).astype(int)]).fit(X, y)


pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning")


def test_correlations_in_blocks_large_ones_first(model):
    which = int(np.argmax([len(set(row)) for row in model.block_labels_.tolist()]))
    display = BlockDisplay.from_estimator(model, which)
    assert display.blocks == [[1, 3, 5], [0, 4], [2], [6]]
    order = [1, 3, 5, 0, 4, 2, 6]
    S = model.noise_covariances_[which]
    expected = S / np.sqrt(np.outer(np.diag(S), np.diag(S)))
    assert_allclose(display.correlations, expected)
    assert_array_equal(display.image_.get_array(), display.correlations[np.ix_(order, order)])
    assert display.image_.get_clim() == (-1.0, 1.0)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == [f"x{j}" for j in order]
    assert [frame.get_bbox().extents.tolist() for frame in display.outlines_] == [
        [-0.5, -0.5, 2.5, 2.5],
        [2.5, 2.5, 4.5, 4.5],
    ]
    inside = np.zeros((7, 7), dtype=bool)
    for block in display.blocks:
        inside[np.ix_(block, block)] = True
    assert (display.correlations[~inside] == 0.0).all() and (display.correlations[inside] != 0.0).all()
    assert display.ax_.get_xlabel() == f"expert {which}: 2 blocks, 2 single columns"
    other = BlockDisplay.from_estimator(model, 1 - which)
    assert other.blocks == [list(range(7))] and len(other.outlines_) == 1
    assert other.ax_.get_xlabel() == f"expert {1 - which}: 1 block, no single columns"


def test_drawing_again_elsewhere(model):
    figure, (left, right) = pyplot.subplots(1, 2)
    display = BlockDisplay.from_estimator(model, ax=left, cmap="PuOr")
    assert display.ax_ is left and display.figure_ is figure and display.image_.get_cmap().name == "PuOr"
    first = display.image_
    assert display.plot(ax=right) is display and display.ax_ is right
    assert display.image_ is not first and len(left.images) == len(right.images) == 1


@pytest.mark.parametrize("sizes", ([3, 2, 1, 1], [5] * 6, [5] * 10, [12, 9, 8, 8, 7, 6], [20] * 6 + [1] * 9))
def test_names_do_not_overlap(sizes, boxes_apart):
    d = sum(sizes)
    rng = np.random.default_rng(0)
    columns = iter(rng.permutation(d).tolist())
    blocks = [sorted(next(columns) for _ in range(size)) for size in sizes]
    names = [f"$gene_{j}$ {'of a long name' * (j % 3)}" for j in range(d)]
    display = BlockDisplay(correlations=np.eye(d), blocks=blocks, names=names).plot()
    labels = display.ax_.get_yticklabels()
    boxes_apart(display.figure_, [*labels, display.ax_.xaxis.label, display.colorbar_.ax.yaxis.label])
    if d > 30:
        assert [text.get_text().split(" and ")[-1] for text in labels] == [f"{n - 1} more" for n in sizes if n > 1]
    else:
        assert len(labels) == d and all(len(text.get_text()) <= 16 for text in labels)


def test_many_small_blocks_have_no_names():
    d = 600
    blocks = np.arange(d).reshape(-1, 2).tolist()
    display = BlockDisplay(correlations=np.eye(d), blocks=blocks, names=[f"x{j}" for j in range(d)]).plot()
    assert len(display.outlines_) == d // 2 and display.ax_.get_yticklabels() == []


def test_what_has_no_blocks_is_refused(model):
    with pytest.raises(ConfigurationError, match="counted from 0 to 1"):
        BlockDisplay.from_estimator(model, 2)
    X, y = np.random.default_rng(0).normal(size=(2, 50))
    plain = GaussianGatedMoERegressor(1).fit(X[:, None], y)
    with pytest.raises(ConfigurationError, match="noise_covariance='block'"):
        BlockDisplay.from_estimator(plain)
    with pytest.raises(NotFittedError):
        BlockDisplay.from_estimator(GaussianGatedMoERegressor(1, "block"))
