"""What families of counts have in common: factorials, exposures, and sums over 0, 1, ..., y - 1 from tables."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from classicmoe.contracts import Array

SMALL = 4096  # counts whose log-factorials are kept
TABLE = 100_000  # counts up to which sums over 0 .. y - 1 are looked up
_LOG_FACTORIAL = gammaln(np.arange(1.0, SMALL + 1.0))


def log_factorial(y: Array) -> Array:
    """Return log y! of counts (m,)."""
    if len(y) and y.max() < SMALL and y.min() >= 0.0:
        return np.asarray(_LOG_FACTORIAL[y.astype(np.intp)])
    return np.asarray(gammaln(y + 1.0))


def log_binomial(trials: Array, y: Array) -> Array:
    """Return the logarithm of the number of ways to choose y of the trials, (m,)."""
    return log_factorial(trials) - log_factorial(y) - log_factorial(trials - y)


class GammaSums:
    r"""For sizes theta (K,) and counts y (m,): sums over j < y of log(1 + j/theta), 1/(theta+j) and 1/(theta+j)^2.

    They are the differences of log Gamma, digamma and (minus) trigamma between theta + y and theta, without their
    cancellation for large theta.
    """

    def __init__(self, size: Array):
        self.size = size
        self._tables: dict[int, Array] = {}
        self._length = 0

    def _table(self, power: int) -> Array:
        table = self._tables.get(power)
        if table is None:
            j = np.arange(float(self._length))
            terms = np.log1p(j / self.size[:, None]) if power == 0 else (self.size[:, None] + j) ** -float(power)
            table = np.concatenate([np.zeros((len(self.size), 1)), np.cumsum(terms, axis=1)], axis=1)
            self._tables[power] = table
        return table

    def __call__(self, power: int, y: Array) -> Array:
        """Return the sums (K, m): of log(1 + j/theta) for power 0, of (theta + j)^-power for 1 and 2."""
        top = int(y.max()) if len(y) else 0
        if top > TABLE:
            return self._direct(power, y)
        if top > self._length:
            self._tables.clear()
            self._length = min(TABLE, 2 * top)
        return np.take(self._table(power), y.astype(np.intp), axis=1)

    def _direct(self, power: int, y: Array) -> Array:
        size = self.size[:, None]
        if power == 0:
            return np.asarray(gammaln(size + y) - gammaln(size) - y * np.log(size))
        if power == 1:
            return np.asarray(digamma(size + y) - digamma(size))
        return np.asarray(polygamma(1, size) - polygamma(1, size + y))
