"""What insurers ask of a distribution: value at risk, tail expectation, limited and excess mean."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from classicmoe.distributions.components import Array
from classicmoe.exceptions import ConfigurationError
from classicmoe.predictive._given import checked_probabilities
from classicmoe.predictive._mixing import RowMixture


class TailRisk(ABC):
    """Methods of a mixture of one output whose components give partial expectations."""

    _mixture: RowMixture

    @abstractmethod
    def _needs_one_output(self, what: str) -> None: ...

    @abstractmethod
    def quantile(self, p: ArrayLike) -> Array:
        """Return quantiles."""

    def value_at_risk(self, p: ArrayLike) -> Array:
        """Return the value at risk, the quantile of order p: the smallest y with P(Y <= y | x) >= p.

        Parameters
        ----------
        p : float or array of shape (m,)
            Probabilities in [0, 1].

        Returns
        -------
        array
            (n,) for a scalar p, (n, m) for an array.
        """
        self._needs_one_output("value_at_risk")
        return self.quantile(p)

    def tail_expectation(self, p: ArrayLike) -> Array:
        r"""Return the conditional tail expectation (expected shortfall) of order p.

        With q = value_at_risk(p) it is

            ES_p = (E[Y; Y > q] + q (1 - p - P(Y > q))) / (1 - p),

        the mean of the quantiles of all orders above p. For a continuous law the second term is zero and
        ES_p = E[Y given Y > q]; where q has an atom, the share of it beyond p counts (C. Acerbi and D. Tasche, Journal
        of Banking and Finance 26 (2002) 1487-1503).

        Parameters
        ----------
        p : float or array of shape (m,)
            Probabilities in [0, 1]; 1 gives the upper end of the support.

        Returns
        -------
        array
            (n,) for a scalar p, (n, m) for an array; infinite where the mean is, NaN where it does not exist.

        Raises
        ------
        ConfigurationError
            If p is out of range, for several outputs, or if the components give no partial expectations.
        """
        self._needs_partial("tail_expectation")
        orders = checked_probabilities(p)
        q = self.quantile(orders)
        level = np.broadcast_to(orders, q.shape)
        open_ = (level > 0.0) & (level < 1.0)
        inner = np.where(open_, q, 0.0)
        above, beyond = self._mixture.at_all("partial_above", inner), self._mixture.at_all("sf", inner)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = (above + inner * (1.0 - level - beyond)) / (1.0 - level)
        mean = np.broadcast_to(self._mixture.mean().reshape((-1,) + (1,) * orders.ndim), q.shape)
        return np.where(open_, value, np.where(level == 0.0, mean, q))

    def limited_mean(self, d: ArrayLike) -> Array:
        """Return E[min(Y, d) | x] = E[Y; Y <= d] + d P(Y > d).

        Parameters
        ----------
        d : array
            Limits, in the shapes of y (see the notes of the class).

        Returns
        -------
        array
            As for :meth:`MixtureDistribution.cdf`.

        Raises
        ------
        ConfigurationError
            For several outputs, or if the components give no partial expectations.
        """
        self._needs_partial("limited_mean")
        return self._mixture.at_all("partial_below", d) + self._beyond(d)

    def excess_mean(self, d: ArrayLike) -> Array:
        """Return E[max(Y - d, 0) | x] = E[Y; Y > d] - d P(Y > d), the stop-loss premium.

        Far in the upper tail the difference loses digits: some d / (mean excess) of them, relative to rounding.

        Parameters
        ----------
        d : array
            Retentions, in the shapes of y (see the notes of the class).

        Returns
        -------
        array
            As for :meth:`MixtureDistribution.cdf`; never negative.

        Raises
        ------
        ConfigurationError
            For several outputs, or if the components give no partial expectations.
        """
        self._needs_partial("excess_mean")
        return np.maximum(self._mixture.at_all("partial_above", d) - self._beyond(d), 0.0)

    def _beyond(self, d: ArrayLike) -> Array:
        """Return d P(Y > d), zero where nothing is beyond d."""
        tail = self._mixture.at_all("sf", d)
        d = np.asarray(d, dtype=np.float64)
        wide = np.broadcast_to(d[:, None] if d.ndim == 1 and tail.ndim == 2 else d, tail.shape)
        with np.errstate(invalid="ignore"):
            return np.where(tail == 0.0, 0.0, wide * tail)

    def _needs_partial(self, what: str) -> None:
        self._needs_one_output(what)
        if not hasattr(self._mixture.components, "partial_mean"):
            raise ConfigurationError(f"{what} needs components with partial_mean; these have none.")
