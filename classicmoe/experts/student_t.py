r"""Student t experts: linear regression that gross errors do not move, degrees of freedom estimated.

.. math::

    f_k(y \mid x) = \frac{\Gamma(\frac{\nu_k + 1}{2})}{\Gamma(\frac{\nu_k}{2})\sqrt{\pi \nu_k}\,\sigma_k}
    \Bigl(1 + \frac{d_k^2}{\nu_k}\Bigr)^{-\frac{\nu_k + 1}{2}},\qquad d_k = \frac{y - b_k^\top \tilde x}{\sigma_k}

Source: Chamroukhi (2016); Liu & Rubin (1995) for degrees of freedom on the actual likelihood (ECME).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator

from classicmoe.contracts import SHARE, Array, Block, Ground, Step
from classicmoe.covariances.sharing import pool
from classicmoe.distributions.symmetric import StudentTComponents
from classicmoe.experts._freedom import COORDINATES, LEAST, degrees_of, freedom_of, freedom_slopes
from classicmoe.experts._linear import LinearParameters, Sharing
from classicmoe.experts._location_scale import LocationScaleFamily
from classicmoe.experts._scoring import LinearStatistics, ScoredExpert, gain, newton_1d

LOG_PI = float(np.log(np.pi))


class StudentTExpert(LocationScaleFamily, ScoredExpert, BaseEstimator):
    r"""Student t experts by reweighted least squares, a row with weight :math:`(\nu + 1)/(\nu + d^2)`.

    Coefficients and scales take the exact step of the complete-data likelihood, the degrees of freedom a Newton step of
    the actual one.

    Parameters
    ----------
    df : {"shared", "own"} or float, default="shared"
        Degrees of freedom: estimated, one number for all experts or one for each; or fixed.
    lowest_df : float > 0, default=2.1
        Least degrees of freedom that are estimated. From 2.1 on mean and variance exist; below 2 predicted variances
        can be infinite, below 1 there is no mean: use ``predict_dist(X).quantile(0.5)``.
    scale : {"own", "shared"}, default="own"
        Whether every expert has its own scale :math:`\sigma` or all share one.
    ridge : float >= 0, default=0
        Half of it times the squared slopes of standardised columns is subtracted from the log-likelihood.

    References
    ----------
    Chamroukhi, F. (2016). Robust mixture of experts modeling using the t distribution. Neural Networks 79, 20-36.

    Liu, C. and Rubin, D. B. (1995). ML estimation of the t distribution using EM and its extensions, ECM and ECME.
    Statistica Sinica 5, 19-39.

    Examples
    --------
    >>> from classicmoe import MoERegressor, load_dataset
    >>> X, y = load_dataset("NOdata", return_X_y=True)
    >>> m = MoERegressor(2, expert="student_t", random_state=0).fit(X, y)
    >>> bool((m.expert_df_ > 2).all())
    True
    """

    name: ClassVar[str] = "student_t"

    def __init__(self, df: Any = "shared", lowest_df: float = LEAST, scale: Sharing = "own", ridge: float = 0.0):
        self.df = df
        self.lowest_df = lowest_df
        self.scale = scale
        self.ridge = ridge

    @property
    def _fixed(self) -> bool:
        return not isinstance(self.df, str)

    @property
    def shared(self) -> tuple[bool, ...]:
        """Whether the experts share the scale and, where these are estimated, the degrees of freedom."""
        scale = self.scale == "shared"
        return (scale,) if self._fixed else (scale, self.df == "shared")

    def start_more(self, ground: Ground) -> Array:
        """Return the logarithm of the scale and 10 degrees of freedom."""
        return np.array([self.start_scale(ground), freedom_of(10.0, self.lowest_df)][: self.n_more])

    def _degrees(self, params: LinearParameters) -> Array:
        """Return degrees of freedom (K, 1)."""
        if self._fixed:
            return np.full((len(params.coef), 1), float(self.df))
        return degrees_of(params.more[:, 1:2], self.lowest_df)

    def _squares(self, params: LinearParameters, block: Block) -> Array:
        """Return d^2, (K, m)."""
        return block.once(
            "t squares", params, lambda: np.square(self.residual(params, block) * np.exp(-params.more[:, :1]))
        )

    def _weight(self, params: LinearParameters, block: Block) -> Array:
        degrees = self._degrees(params)
        return np.asarray((degrees + 1.0) / (degrees + self._squares(params, block)))

    def density(self, params: LinearParameters, block: Block) -> Array:
        """Return the log-density."""
        degrees = self._degrees(params)
        out = np.log1p(self._squares(params, block) / degrees)
        out *= -0.5 * (degrees + 1.0)
        constant = gammaln(0.5 * (degrees + 1.0)) - gammaln(0.5 * degrees) - 0.5 * (LOG_PI + np.log(degrees))
        out += constant - params.more[:, :1]
        return np.asarray(out)

    def derivatives(self, params: LinearParameters, block: Block) -> tuple[Array, Array]:
        """Return w r / sigma^2 and w / sigma^2."""
        weight = self._weight(params, block) * np.exp(-2.0 * params.more[:, :1])
        return weight * self.residual(params, block), weight

    def more_rows(self, params: LinearParameters, block: Block) -> list[Array]:
        """Return derivatives in log sigma and in the degrees of freedom, w d^2 and a second derivative."""
        squares = self._squares(params, block)
        scaled = self._weight(params, block) * squares
        if self._fixed:
            return [scaled - 1.0, scaled]
        first, second = freedom_slopes(params.more[:, 1:2], squares, self.lowest_df)
        return [scaled - 1.0, first, scaled, second]

    def update_more(
        self, params: LinearParameters, statistics: LinearStatistics, change: Array, ground: Ground, step: Step
    ) -> Array:
        """Return the scales at the new coefficients and, unless the step is safe, new degrees of freedom."""
        mass, variance = statistics.mass, np.exp(2.0 * params.more[:, 0])
        alive = mass > 1e-10 * ground.weight
        left = variance * (statistics.more[:, self.n_more] - gain(statistics, change))
        new = np.where(alive, left / np.maximum(mass, 1e-300), variance)
        if self.scale == "shared":
            new = pool(new, np.where(alive, mass, 0.0))
        out = params.more.copy()
        out[:, 0] = 0.5 * np.log(np.maximum(new, ground.floor))
        if not self._fixed and step != "safe":
            moves = newton_1d(statistics.more[:, 1], statistics.more[:, 3], self.df == "shared")
            out[:, 1] += SHARE[step] * moves
        return self._within(out)

    def _within(self, more: Array) -> Array:
        more = super()._within(more)
        return more if self._fixed else np.column_stack([more[:, 0], np.clip(more[:, 1], *COORDINATES)])

    def named_more(self, params: LinearParameters) -> dict[str, Array]:
        """Return scales and degrees of freedom."""
        return {"expert_scale_": np.exp(params.more[:, 0]), "expert_df_": self._degrees(params)[:, 0].copy()}

    def more_from(self, attributes: Mapping[str, Array]) -> Array:
        """Return log scales and the coordinates of the degrees of freedom."""
        log_scale = np.log(attributes["expert_scale_"])
        if self._fixed:
            return np.asarray(log_scale[:, None])
        return np.column_stack([log_scale, freedom_of(attributes["expert_df_"], self.lowest_df)])

    def check_arguments(self) -> str | None:
        """Say what is wrong with the arguments."""
        for name, value in (("df", self.df), ("lowest_df", self.lowest_df)):
            words = ("shared", "own") if name == "df" else ()
            if value not in words if isinstance(value, str) else not 0.0 < value < np.inf:
                known = "'shared', 'own' or " if words else ""
                return f"{name} must be {known}a number > 0, not {value!r}"
        return None

    def conditional(self, params: LinearParameters, location: Array, exposure: Array | None) -> Any:
        """Return t distributions."""
        return StudentTComponents(location[..., 0], np.exp(params.more[:, 0]), self._degrees(params)[:, 0])
