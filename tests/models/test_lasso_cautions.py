"""What is said of Lasso fits: a criterion that takes the end of a path, an expert that lost its slopes."""

import warnings

import numpy as np
import pytest

from classicmoe import LassoMoERegressor
from classicmoe.exceptions import EndOfPathWarning, WideExpertWarning
from tests.messages import warned


def straight(n, p, seed=0):
    """One line through many columns, with little noise: weak penalties are the best ones."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ np.linspace(1.0, 2.0, p) + 0.1 * rng.normal(size=n)


def test_the_grid_ends():
    X, y = straight(100, 4)
    words = ["criterion='bic'", "weakest penalty of the path", "smaller alpha_min_ratio"]
    make = LassoMoERegressor(1, n_alphas=5, alpha_min_ratio=0.5)
    path = warned("end of the grid", EndOfPathWarning, words, lambda: make.fit(X, y)).path_
    assert path.ended == "grid" and path.chosen == 4 == len(path.objective) - 1


def test_rows_end():
    X, y = straight(40, 30)
    words = ["fewer than five rows", "criterion='ebic'"]
    path = warned("few rows", EndOfPathWarning, words, lambda: LassoMoERegressor(1).fit(X, y)).path_
    assert path.ended == "rows" and path.degrees_of_freedom[path.chosen] <= 40 / 5


def test_the_peak_is_passed_in_silence():
    X, y = straight(200, 3)
    X = np.hstack([X, np.random.default_rng(1).normal(size=(200, 9))])
    y = np.where(X[:, 5] > 0.0, y, -y) + 0.5 * X[:, 7] ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", EndOfPathWarning)
        path = LassoMoERegressor(2, n_init=3, random_state=0).fit(X, y).path_
    assert path.ended == "peak" and path.chosen < len(path.objective) - 1


def test_an_expert_of_wide_scale_without_slopes_is_told():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 60))
    sharp = rng.random(200) < 1.0 / (1.0 + np.exp(-3.0 * X[:, 0] - 1.5))
    mean = np.where(sharp, 2.0 * X[:, 1] - 1.5 * X[:, 2], 3.0 + 2.0 * X[:, 3])
    y = mean + np.where(sharp, 0.3, 2.0) * rng.normal(size=200)
    model = LassoMoERegressor(2, n_init=4, random_state=0)
    warned("wide", WideExpertWarning, ["expert 1", "parametrisation='scaled'"], lambda: model.fit(X, y))
    assert model.support_["expert"].any(axis=1).tolist() == [True, False]
    with warnings.catch_warnings():
        warnings.simplefilter("error", WideExpertWarning)
        model.set_params(parametrisation="scaled").fit(X, y)
    assert model.support_["expert"][0, 1] and model.support_["expert"][1, 3]


@pytest.mark.filterwarnings("error::classicmoe.exceptions.EndOfPathWarning")
def test_a_path_of_one_point_has_no_end():
    X, y = straight(100, 4)
    assert LassoMoERegressor(1, n_alphas=1).fit(X, y).path_.chosen == 0
