"""Data-driven slope estimation: regressions on ever fewer of the largest models, and the last stable choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import count_text
from classicmoe.slope.estimate_result import Plateau, SlopeEstimate
from classicmoe.slope.jump import check_scoef
from classicmoe.slope.regime import about_selected, about_table
from classicmoe.slope.robust import check_psi, fit_line, robust_scale
from classicmoe.slope.table import Floats, ModelTable, Rows, read_models

FEW = 3
"""Points that make no line to rely on."""


def ddse(
    complexity: Any,
    contrast: Any,
    shape: Any = None,
    *,
    pct: float = 0.15,
    point: int | None = None,
    psi: str = "bisquare",
    scoef: float = 2.0,
    names: Sequence[object] | None = None,
) -> SlopeEstimate:
    r"""Select a model by data-driven slope estimation.

    With the models sorted by shape, :math:`p_1 < \dots < p_J`, and :math:`\kappa(r)` the slope of a resistant
    regression of :math:`-g_m` on :math:`p_m` over the models :math:`r, \dots, J`, every :math:`r = 1, \dots, J - 1`
    selects a model,

    .. math:: \hat m(r) = \arg\min_m \; g_m + s\, \kappa(r)\, p_m .

    Runs of equal :math:`\hat m(r)` are plateaus. The last one (fewest points) whose length is at least ``pct`` of
    :math:`J - 1` decides. :math:`\kappa` in its middle estimates the constant of the minimal penalty, :math:`s` =
    ``scoef`` times it is the optimal one.

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
    pct : float, default=0.15
        Between 0 and 1: the least length of a plateau that decides, as a share of all regressions. If no plateau is so
        long, the longest decides (of equals the last), with a warning in the result.
    point : int, optional
        That least length as a number of regressions, in place of ``pct``.
    psi : {"bisquare", "ols"}, default="bisquare"
        Regressions resistant to outliers (Tukey's bisquare as in R's ``MASS::rlm``), or least squares.
    scoef : float, default=2.0
        :math:`s \ge 1`: the optimal penalty over the minimal one.
    names : sequence of str, optional
        What to call the models in texts; "row 0", "row 1", ... by default.

    Returns
    -------
    SlopeEstimate

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
    The R package capushe computes the same, the interval of slopes included: where the last of all plateaus decides,
    the slope of the very last regression, which stands on two points, is not in it. (If that plateau is two regressions
    long, ``kappa_min`` is that very slope; a warning says on how few models it stands.) Two things differ: capushe
    stops where no plateau is long enough, and where the last plateau is that regression alone, its interval takes in
    the slope before.

    References
    ----------
    J.-P. Baudry, C. Maugis and B. Michel (2012), "Slope heuristics: overview and implementation", Statistics and
    Computing 22, 455-470. L. Birgé and P. Massart (2007), "Minimal penalties for Gaussian model selection",
    Probability Theory and Related Fields 138, 33-73. S. Arlot (2019), "Minimal penalties and the slope heuristics: a
    survey", Journal de la SFdS 160, 1-106.

    Examples
    --------
    Sixty models; the contrast falls steeply up to complexity 10 and then by 1/2 for each further parameter.

    >>> import numpy as np
    >>> C = np.arange(1, 61)
    >>> noise = 0.05 * np.random.default_rng(0).normal(size=60)
    >>> result = ddse(C, 12.0 * np.maximum(10 - C, 0) - 0.5 * C + noise)
    >>> int(C[result.selected]), round(result.kappa_min, 2)
    (10, 0.5)
    """
    check_psi(psi)
    check_scoef(scoef)
    if not 0.0 < pct <= 1.0:
        raise ConfigurationError(f"pct must be above 0 and at most 1, not {pct!r}.")
    if point is not None and not (isinstance(point, int | np.integer) and point >= 1):
        raise ConfigurationError(f"point must be an integer >= 1, not {point!r}.")
    table = read_models(complexity, contrast, shape, names)
    return estimate_of(table, pct, point, psi, scoef)


def estimate_of(
    table: ModelTable, pct: float = 0.15, point: int | None = None, psi: str = "bisquare", scoef: float = 2.0
) -> SlopeEstimate:
    """Estimate the slope of a table of models and select."""
    p, g = table.shape, table.contrast
    slopes = np.array([fit_line(p[r:], -g[r:], psi).slope for r in range(len(table) - 1)])
    choices = np.array([np.argmin(g + scoef * kappa * p) for kappa in slopes])  # of equals the smaller model
    plateaus = _plateaus(table, slopes, choices)
    said = about_table(table)
    chosen = _decisive(plateaus, pct * len(slopes) if point is None else point, said)
    plateau = plateaus[chosen]
    middle = plateau.first + plateau.length // 2
    line = fit_line(p[middle:], -g[middle:], psi)
    residual = -g[middle:] - line.at(p[middle:])
    total = g[middle:] - g[middle:].mean()
    said += _about_line(slopes[plateau.first : plateau.first + plateau.length], len(residual))
    said += about_selected(table, table.position(plateau.model))
    rows = table.rows[choices]
    for array in (slopes, rows):
        array.setflags(write=False)
    return SlopeEstimate(
        selected=plateau.model,
        kappa_min=line.slope,
        kappa_opt=scoef * line.slope,
        scoef=scoef,
        psi=psi,
        slopes=slopes,
        choices=rows,
        plateaus=plateaus,
        chosen=chosen,
        interval=(plateau.low, plateau.high),
        share_of_points=(plateau.length + 1) / len(table),
        n_points=len(table) - middle,
        line=line,
        r_squared=float(1.0 - residual @ residual / (total @ total)) if total.any() else 1.0,
        scale=robust_scale(residual),
        warnings=tuple(said),
        table=table,
    )


def _plateaus(table: ModelTable, slopes: Floats, choices: Rows) -> tuple[Plateau, ...]:
    """Return the maximal runs of equal choices."""
    n = len(slopes)
    firsts = np.flatnonzero(np.r_[True, choices[1:] != choices[:-1]])
    ends = np.r_[firsts[1:], n]
    found = []
    for first, end in zip(firsts.tolist(), ends.tolist(), strict=True):
        # The last of all slopes stands on two points and would make the interval as wide as their noise.
        values = slopes[first : end - 1 if end == n and end - first > 1 else end]
        most, fewest = n + 1 - first, n + 2 - end
        row = int(table.rows[choices[first]])
        found.append(Plateau(row, first, end - first, most, fewest, float(values.min()), float(values.max())))
    return tuple(found)


def _about_line(slopes: Floats, n_points: int) -> list[str]:
    """Say what is wrong with the slopes of the chosen plateau and with the line in its middle."""
    said = []
    if n_points <= FEW:
        said.append(
            f"The line stands on {n_points} models only and hangs on how well they are fitted. Add larger ones."
        )
    nonpositive = int(np.sum(slopes <= 0.0))
    if nonpositive:
        said.append(
            f"{nonpositive} of the {count_text(len(slopes), 'slope')} on the chosen plateau "
            f"{'is' if nonpositive == 1 else 'are'} not positive: the contrast does not fall there as the models grow, "
            "and the slope heuristic does not hold."
        )
    return said


def _decisive(plateaus: Sequence[Plateau], least: float, said: list[str]) -> int:
    """Return the number of the last plateau that is long enough, or of the longest."""
    lengths = np.array([plateau.length for plateau in plateaus])
    enough = np.flatnonzero(lengths >= least)
    if len(enough):
        return int(enough[-1])
    chosen = int(np.flatnonzero(lengths == lengths.max())[-1])
    said.append(
        f"No plateau has {least:g} regressions or more (pct or point is too high for these models); the longest, with "
        f"{lengths[chosen]}, was taken. The choice is not stable."
    )
    return chosen
