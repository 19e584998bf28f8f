r"""Which model a linear penalty chooses, for every penalty constant at once.

For models with contrast :math:`g_m` and penalty shape :math:`p_m`,

.. math:: m(\kappa) = \arg\min_m \; g_m + \kappa\, p_m

is a step function of :math:`\kappa \ge 0`. Its models are the vertices of the lower convex hull of the points
:math:`(p_m, g_m)` from the least contrast leftwards, its breakpoints are minus the slopes of the hull's edges; both are
found by walking along the hull, without a grid of :math:`\kappa` (Baudry, Maugis and Michel 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.slope.table import Floats, ModelTable, Rows, read_models


@dataclass(frozen=True, eq=False)
class SlopePath:
    """The models that a linear penalty chooses, from the largest to the smallest.

    Attributes
    ----------
    kappas : array of shape (I + 1,)
        Breakpoints, the first one 0, increasing.
    models : array of int, shape (I + 1,)
        Rows of the table of models: number i is chosen for kappas[i] <= kappa < kappas[i + 1].
    complexities : array of shape (I + 1,)
        Theirs.
    jumps : array of shape (I,)
        By how much the complexity falls at kappas[1], ..., kappas[I].
    table : ModelTable
        All models, sorted by shape.
    """

    kappas: Floats
    models: Rows
    complexities: Floats
    jumps: Floats
    table: ModelTable

    def at(self, kappa: float) -> int:
        """Return the row of the model that the penalty constant kappa >= 0 chooses.

        At a breakpoint that is the new, smaller model.
        """
        if not kappa >= 0.0:
            raise ConfigurationError(f"kappa must be a number >= 0, not {kappa!r}.")
        return int(self.models[np.searchsorted(self.kappas, kappa, side="right") - 1])


def slope_path(
    complexity: Any, contrast: Any, shape: Any = None, *, names: Sequence[object] | None = None
) -> SlopePath:
    r"""Return the models :math:`m(\kappa) = \arg\min_m g_m + \kappa p_m` for all :math:`\kappa \ge 0`.

    Parameters
    ----------
    complexity : array-like of shape (n_models,)
        :math:`C_m \ge 0`, usually the number of free parameters.
    contrast : array-like of shape (n_models,)
        :math:`g_m`, the minimised empirical contrast, for example minus the log-likelihood. Rows with a missing or
        infinite value are left out.
    shape : array-like of shape (n_models,), optional
        :math:`p_m`, the shape of the penalty, which must not decrease where the complexity increases; the complexity
        by default. Of models with one shape that of the least contrast counts.
    names : sequence of str, optional
        What to call the models in messages.

    Returns
    -------
    SlopePath

    Raises
    ------
    ModelTableError
        Columns of unequal length or not of numbers, a negative complexity, a shape that decreases with complexity.
    TooFewModelsError
        No model is left.

    Warns
    -----
    DroppedModelsWarning
        Rows were left out.

    Notes
    -----
    Ties go to the smaller model: to the least shape among equal contrasts, and along an edge of the hull that holds
    several models (within rounding of the contrast) straight to its end.

    References
    ----------
    J.-P. Baudry, C. Maugis and B. Michel (2012), "Slope heuristics: overview and implementation", Statistics and
    Computing 22, 455-470.

    Examples
    --------
    >>> path = slope_path([1, 2, 3, 10, 11], [10.0, 4.0, 3.0, 2.9, 2.85], shape=[1, 2, 3, 4, 5])
    >>> path.kappas.round(9).tolist(), path.models.tolist(), path.jumps.tolist()
    ([0.0, 0.05, 0.1, 1.0, 6.0], [4, 3, 2, 1, 0], [1.0, 7.0, 1.0, 1.0])
    >>> path.at(0.5)
    2
    """
    return path_of(read_models(complexity, contrast, shape, names, least=1))


def path_of(table: ModelTable) -> SlopePath:
    """Walk along the lower convex hull of a table of models, from the least contrast to the least shape."""
    p, g = table.shape, table.contrast
    rounding = 4.0 * np.finfo(np.float64).eps
    m = int(np.argmax(g <= g.min() + rounding * np.abs(g).max()))  # argmax: the first
    kappas, positions = [0.0], [m]
    while m > 0:
        m, kappa = _next(p[: m + 1], g[: m + 1], rounding)
        kappas.append(kappa)
        positions.append(m)
    complexities = table.complexity[positions]
    arrays = np.array(kappas), table.rows[positions], complexities, -np.diff(complexities)
    for array in arrays:
        array.setflags(write=False)
    return SlopePath(*arrays, table)


def _next(p: Floats, g: Floats, rounding: float) -> tuple[int, float]:
    """Return the model that follows the last one of a sorted table, and the breakpoint between them.

    The slopes to the other models carry the rounding of contrasts and shapes, the more the nearer these are. Among
    slopes that are equal within it, the farthest model, whose slope is the most exact, follows.
    """
    run = p[-1] - p[:-1]
    slope = (g[:-1] - g[-1]) / run
    error = rounding * (np.abs(g).max() + slope * np.abs(p).max()) / run
    least = np.min(slope + error)
    m = int(np.argmax(slope - error <= least))
    return m, float(min(slope[m], least))
