r"""A straight line through points, by least squares or resistant to outliers.

The resistant line is the M-estimate with Tukey's bisquare that R's ``MASS::rlm(y ~ x, psi = psi.bisquare)`` computes,
iteration by iteration (Venables and Ripley, *Modern Applied Statistics with S*, 2002, section 6.5): start from least
squares, then at most 20 times

.. math:: s = \mathrm{median}|r_i| / 0.6745, \qquad w_i = (1 - \min(1, |r_i| / (4.685\, s))^2)^2

and least squares with the weights :math:`w_i`, until the residuals move by less than 1e-4 of their size. The scale is
the median of the absolute residuals themselves; they are not centred.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.exceptions import ConfigurationError
from classicmoe.messages import did_you_mean

Floats = NDArray[np.float64]

PSI = ("bisquare", "ols")
_C = 4.685
_MAD = 0.6745
_STEPS = 20
_TOLERANCE = 1e-4


class Line(NamedTuple):
    """y = intercept + slope x, after so many steps of reweighting, and whether they converged."""

    intercept: float
    slope: float
    steps: int = 0
    converged: bool = True

    def at(self, x: Any) -> Any:
        """Return the height at x."""
        return self.intercept + self.slope * x


def check_psi(psi: Any) -> None:
    """Refuse a kind of regression that is not known."""
    if not isinstance(psi, str) or psi not in PSI:
        raise ConfigurationError(f"psi={psi!r} is not known.{did_you_mean(psi, PSI)} Known: 'bisquare', 'ols'.")


def fit_line(x: Floats, y: Floats, psi: str) -> Line:
    """Return the line through two points or more, at different x.

    Parameters
    ----------
    x, y : arrays of shape (n,)
    psi : {"bisquare", "ols"}
    """
    line, residual = _weighted(x, y, np.ones(len(x)))
    if psi == "ols":
        return line
    for step in range(1, _STEPS + 1):
        s = robust_scale(residual)
        if s == 0.0:  # more than half of the points are on the line
            return line._replace(steps=step - 1)
        # Half of the points (two of three, two of two) have |r| < 2 s and with it a weight above 0.6, so two points at
        # different x always count and the weighted line exists.
        before = residual
        line, residual = _weighted(x, y, (1.0 - np.minimum(1.0, np.abs(residual / s) / _C) ** 2) ** 2)
        if np.sqrt(np.sum((before - residual) ** 2) / max(1e-20, np.sum(before**2))) <= _TOLERANCE:
            return line._replace(steps=step)
    return line._replace(steps=_STEPS, converged=False)


def robust_scale(residual: Floats) -> float:
    """Return the median of the absolute residuals over 0.6745: their standard deviation if they are normal."""
    return float(np.median(np.abs(residual)) / _MAD)


def _weighted(x: Floats, y: Floats, w: Floats) -> tuple[Line, Floats]:
    """Return the line of weighted least squares and the residuals, about the weighted means for accuracy."""
    total = w.sum()
    x_mean, y_mean = w @ x / total, w @ y / total
    dx, dy = x - x_mean, y - y_mean
    slope = float(w @ (dx * dy) / (w @ dx**2))
    return Line(float(y_mean - slope * x_mean), slope), dy - slope * dx
