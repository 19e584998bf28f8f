import numpy as np
import pytest


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test drew, and see that no drawing changed matplotlib's global settings."""
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    yield
    pyplot.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def boxes_apart():
    """Check that texts are inside their figure and that no two of them overlap."""

    def check(figure, texts):
        figure.draw_without_rendering()
        boxes = np.array([text.get_window_extent().extents for text in texts if text.get_text()])
        assert len(boxes) > 1
        assert (boxes[:, :2] >= -0.5).all() and (boxes[:, 2:] <= np.array(figure.bbox.size) + 0.5).all()
        for i, (left, bottom, right, top) in enumerate(boxes):
            others = np.delete(boxes, i, axis=0)
            beside = (others[:, 0] >= right - 0.5) | (others[:, 2] <= left + 0.5)
            above = (others[:, 1] >= top - 0.5) | (others[:, 3] <= bottom + 0.5)
            assert (beside | above).all(), texts[i].get_text()

    return check
