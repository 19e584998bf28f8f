"""Small labelled data and quick fits of classifiers."""

import numpy as np

from classicmoe import MoEClassifier
from classicmoe.experts import MultinomialExpert
from tests.cases import three_classes

NAMES = np.array(["low", "middle", "top"])
QUICK = {"n_init": 3, "max_iter": 60, "random_state": 0}


def data(n=150, seed=0):
    """X and labels of three classes."""
    X, codes = three_classes(n, seed)
    return X, NAMES[codes.astype(int)]


def fit(X, y, weight=None, k=2, **settings):
    """A fitted classifier; ``settings`` in place of the quick ones."""
    return MoEClassifier(k, **{**QUICK, "expert": MultinomialExpert(ridge=0.1), **settings}).fit(X, y, weight)
