"""Colours that everyone can tell apart; the same expert has the same colour in every picture and in the report.

matplotlib is imported inside the functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# For all kinds of colour vision: Okabe and Ito's colours without the yellow, which no white page shows, and for more
# experts Paul Tol's muted scheme.
_OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
_TOL_MUTED = (
    "#332288", "#CC6677", "#117733", "#88CCEE", "#882255", "#DDCC77", "#44AA99", "#AA4499", "#999933"
)  # fmt: skip
INK = "#333333"


def expert_colors(n_experts: int) -> NDArray[np.float64]:
    """Return one colour per expert, (K, 3), each in [0, 1]."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    for palette in (_OKABE_ITO, _TOL_MUTED):
        if n_experts <= len(palette):
            return np.array([to_rgb(color) for color in palette[:n_experts]])
    return np.asarray(colormaps["viridis"](np.linspace(0.0, 0.9, n_experts)))[:, :3]


def class_colors(n_classes: int) -> NDArray[np.float64]:
    """Return one colour per class, (C, 3), none of them that of an expert among few."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if n_classes <= len(_TOL_MUTED):
        return np.array([to_rgb(color) for color in _TOL_MUTED[:n_classes]])
    return np.asarray(colormaps["viridis"](np.linspace(0.0, 0.9, n_classes)))[:, :3]


def category_colors(n: int) -> list[str]:
    """Return colours for n things that are not experts."""
    return [_OKABE_ITO[i % len(_OKABE_ITO)] for i in range(n)]


def darker(color: Any) -> NDArray[np.float64]:
    """Return a colour dark enough to read text in."""
    from matplotlib.colors import to_rgb

    return 0.72 * np.asarray(to_rgb(color))
