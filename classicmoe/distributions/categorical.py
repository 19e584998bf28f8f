"""Categorical distributions of class codes, one per row and expert."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax

from classicmoe.distributions.components import Array, Index, Rows


class CategoricalComponents:
    """The K expert distributions over C classes at n rows; classes are the codes 0, 1, ..., C - 1.

    Parameters
    ----------
    logits : array of shape (n, K, C)
        Logarithms of the probabilities, up to a constant per row and expert.
    """

    def __init__(self, logits: Array):
        self.log_prob: Array = log_softmax(logits, axis=-1)

    @property
    def mean(self) -> Array:
        """Class probabilities, (n, K, C): the means of the classes' indicators."""
        return np.exp(self.log_prob)

    def take(self, rows: Rows) -> CategoricalComponents:
        """Return the components of some rows; an index array may repeat rows."""
        return CategoricalComponents(self.log_prob[rows])

    def logpdf(self, y: Array) -> Array:
        """Return log P_k(y_i | x_i), (n, K), for codes y (n,)."""
        codes = np.asarray(y, dtype=np.intp)
        return np.take_along_axis(self.log_prob, codes[:, None, None], axis=2)[..., 0]

    def sample(self, which: Index, rng: Any) -> Array:
        """Draw codes from expert ``which``, an array (n,) or (n, size); same shape as ``which``."""
        rows = np.arange(len(which)).reshape((-1,) + (1,) * (which.ndim - 1))
        bounds = np.cumsum(np.exp(self.log_prob), axis=2)[rows, which][..., :-1]  # the last is 1 but for rounding
        return (rng.random(which.shape)[..., None] >= bounds).sum(axis=-1).astype(float)
