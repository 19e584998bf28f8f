"""Small data and quick fits, for tests of what is refused, not of what is estimated."""

import numpy as np

from classicmoe import MoERegressor
from tests.cases import two_regimes

QUICK = {"n_init": 2, "random_state": 0}


def data(n=60):
    """X, y and weights of 1."""
    X, y = two_regimes(n)
    return X, y, np.ones(n)


def fit(X, y, w=None, k=2, **settings):
    """A fitted model; ``settings`` in place of the quick ones."""
    return MoERegressor(k, **{**QUICK, **settings}).fit(X, y, w)


def changed(array, where, value):
    """A float copy with one or more values changed."""
    array = np.array(array, dtype=float)
    array[where] = value
    return array
