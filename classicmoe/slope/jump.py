"""The dimension jump: the penalty constant at which the complexity of the chosen model falls most."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.slope.jump_result import DimensionJump, JumpArea
from classicmoe.slope.path import SlopePath, path_of
from classicmoe.slope.regime import about_selected, about_table
from classicmoe.slope.table import read_models


def dimension_jump(
    complexity: Any,
    contrast: Any,
    shape: Any = None,
    *,
    scoef: float = 2.0,
    threshold: float | None = None,
    area: float | None = None,
    names: Sequence[object] | None = None,
) -> DimensionJump:
    r"""Select a model by the dimension jump.

    With :math:`m(\kappa) = \arg\min_m g_m + \kappa p_m` (see :func:`slope_path`) and :math:`\hat\kappa` the breakpoint
    at which the complexity :math:`C_{m(\kappa)}` falls most, the selected model is :math:`m(s\hat\kappa)` with
    :math:`s` = ``scoef``. The idea (Birgé and Massart 2007): :math:`\hat\kappa` estimates the constant of the minimal
    penalty, below which the largest models win, and the optimal penalty is about twice the minimal one.

    Parameters
    ----------
    complexity : array-like of shape (n_models,)
        :math:`C_m \ge 0`, usually the number of free parameters. At least 10 models with different shapes.
    contrast : array-like of shape (n_models,)
        :math:`g_m`, the minimised empirical contrast, for example minus the log-likelihood (or that over n). Rows with
        a missing or infinite value are left out.
    shape : array-like of shape (n_models,), optional
        :math:`p_m`, the shape of the penalty, which must not decrease where the complexity increases; the complexity
        by default. Of models with one shape that of the least contrast counts.
    scoef : float, default=2.0
        :math:`s \ge 1`: the optimal penalty over the minimal one.
    threshold : float, optional
        Take as :math:`\hat\kappa` the least :math:`\kappa` with :math:`C_{m(\kappa)} \le` ``threshold`` instead of the
        largest fall; n / log n is customary.
    area : float, optional
        Between 0 and 1; :math:`\sqrt{\log n / n}` is customary. Also report the window from
        :math:`\kappa (1 - a) / (1 + a)` to :math:`\kappa` over which the complexity falls most, and the models selected
        by ``scoef`` times the constants in it (Arlot 2019). The selected model does not depend on it.
    names : sequence of str, optional
        What to call the models in texts; "row 0", "row 1", ... by default.

    Returns
    -------
    DimensionJump

    Raises
    ------
    ModelTableError
        Columns of unequal length or not of numbers, a negative complexity, a shape that decreases with complexity.
    TooFewModelsError
        Fewer than 10 models with different shapes.
    ConfigurationError
        An option that cannot be used.

    Warns
    -----
    DroppedModelsWarning
        Rows were left out.

    Notes
    -----
    At equal falls the one at the largest :math:`\kappa` counts, with a warning in the result. At a breakpoint the new,
    smaller model is selected.

    The R package capushe computes the same. Of its jump area it leaves out the fall at the right end of the window;
    here that fall counts, as in Arlot's definition.

    References
    ----------
    L. Birgé and P. Massart (2007), "Minimal penalties for Gaussian model selection", Probability Theory and Related
    Fields 138, 33-73. J.-P. Baudry, C. Maugis and B. Michel (2012), "Slope heuristics: overview and implementation",
    Statistics and Computing 22, 455-470. S. Arlot (2019), "Minimal penalties and the slope heuristics: a survey",
    Journal de la SFdS 160, 1-106.

    Examples
    --------
    Sixty models; the contrast falls steeply up to complexity 10 and then by 1/2 for each further parameter.

    >>> import numpy as np
    >>> C = np.arange(1, 61)
    >>> noise = 0.05 * np.random.default_rng(0).normal(size=60)
    >>> result = dimension_jump(C, 12.0 * np.maximum(10 - C, 0) - 0.5 * C + noise)
    >>> int(C[result.selected]), round(result.kappa_min, 2)
    (10, 0.5)
    """
    _check(scoef, threshold, area)
    path = path_of(read_models(complexity, contrast, shape, names))
    return jump_of(path, scoef, threshold, area)


def _check(scoef: float, threshold: float | None, area: float | None) -> None:
    check_scoef(scoef)
    if threshold is not None and not threshold >= 0.0:
        raise ConfigurationError(f"threshold must be a complexity >= 0, not {threshold!r}.")
    if area is not None and not 0.0 < area < 1.0:
        raise ConfigurationError(f"area must be between 0 and 1, not {area!r}; sqrt(log(n) / n) is customary.")


def check_scoef(scoef: float) -> None:
    """Refuse a ratio of optimal to minimal penalty that cannot be."""
    if not (scoef >= 1.0 and isfinite(scoef)):
        raise ConfigurationError(f"scoef must be a number >= 1, not {scoef!r}; 2 is what the theory says.")


def jump_of(path: SlopePath, scoef: float, threshold: float | None = None, area: float | None = None) -> DimensionJump:
    """Find the jump of a path and what it selects."""
    table, said = path.table, about_table(path.table)
    if len(path.jumps) == 0:
        selected, jump, kappa = int(path.models[0]), None, nan
        said.append(
            f"There is no jump: {table.say(table.position(selected))} has the least contrast and the least shape, so "
            "that every penalty selects it. Are the larger models fitted at all, and is the contrast that is to be "
            "small (-log L, not log L)?"
        )
        return DimensionJump(selected, kappa, scoef * kappa, scoef, jump, path, None, tuple(said))
    jump = _largest(path, said) if threshold is None else _below(path, threshold)
    kappa = float(path.kappas[jump + 1])
    selected = path.at(scoef * kappa)
    said += about_selected(table, table.position(selected))
    window = None if area is None else _area(path, scoef, area)
    return DimensionJump(selected, kappa, scoef * kappa, scoef, jump, path, window, tuple(said))


def _largest(path: SlopePath, said: list[str]) -> int:
    """Return the number of the largest fall, the last of equals."""
    largest = np.flatnonzero(path.jumps == path.jumps.max())
    if len(largest) > 1:
        kappas = ", ".join(f"{kappa:.4g}" for kappa in path.kappas[largest + 1])
        said.append(
            f"The complexity falls by {path.jumps.max():g} at several constants ({kappas}); the largest was taken."
        )
    return int(largest[-1])


def _below(path: SlopePath, threshold: float) -> int:
    """Return the number of the fall that first leads to the threshold or below it."""
    low = np.flatnonzero(path.complexities <= threshold)
    if not len(low) or low[0] == 0:
        c = path.complexities
        raise ConfigurationError(
            f"threshold={threshold:g} is not between the complexities of the smallest and the largest model that a "
            f"penalty selects ({c[-1]:g} and {c[0]:g})."
        )
    return int(low[0]) - 1


def _area(path: SlopePath, scoef: float, area: float) -> JumpArea:
    """Return the window that ends at a breakpoint and holds the largest fall; of equals the last."""
    highs = path.kappas[1:]
    lows = highs * (1.0 - area) / (1.0 + area)
    before = path.complexities[np.searchsorted(path.kappas, lows, side="right") - 1]
    drops = before - path.complexities[1:]
    i = int(np.flatnonzero(drops == drops.max())[-1])
    first, last = np.searchsorted(path.kappas, [scoef * lows[i], scoef * highs[i]], side="right") - 1
    return JumpArea(float(lows[i]), float(highs[i]), float(drops[i]), path.models[first : last + 1])
