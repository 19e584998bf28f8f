"""Settings of Lasso estimators that cannot be meant, penalties, weights, constraints: each with its message."""

import numpy as np
import pandas as pd
import pytest

from classicmoe import LassoMoEClassifier, LassoMoERegressor
from classicmoe.exceptions import ColumnError, ConfigurationError
from classicmoe.penalties import Bounds, Increasing, Linear, Ordered, Sign, Sum
from tests.messages import refused
from tests.models.test_lasso_bad_input import INF, lasso, pytestmark, regimes

__all__ = ["pytestmark"]


@pytest.mark.parametrize("side", ("gate", "expert"))
@pytest.mark.parametrize("alpha", (-1.0, np.nan, INF, "a", [1.0, -2.0], [[1.0, 2.0]]))
def test_penalties_that_are_no_numbers(side, alpha):
    X, y = regimes()
    alphas = {"gate": (alpha, 1.0), "expert": (1.0, alpha)}[side]
    words = [f"alpha_{side}", "number >= 0", repr(alpha)]
    refused(f"alpha_{side} = {alpha}", ConfigurationError, words, lambda: lasso(X, y, alphas=alphas))


def test_penalties_for_another_number_of_experts():
    X, y = regimes()
    words = ["alpha_expert holds 3 numbers, but n_experts=2"]
    refused("alpha (3,)", ConfigurationError, words, lambda: lasso(X, y, alphas=(1.0, [1.0, 2.0, 3.0])))


@pytest.mark.parametrize("name", ("gate_weights", "expert_weights"))
@pytest.mark.parametrize("weights", (-np.ones(5), np.full(5, np.nan), "abc", 1.0, {"x0": 2.0}))
def test_weights_that_are_no_multipliers(name, weights):
    X, y = regimes()
    words = [name, "one number >= 0 for each slope"]
    refused(f"{name} = {weights!r}", ConfigurationError, words, lambda: lasso(X, y, **{name: weights}))


@pytest.mark.parametrize("name", ("gate_weights", "expert_weights"))
@pytest.mark.parametrize("shape", ((4,), (6,), (3, 5), (2, 4), (1, 5)))
@pytest.mark.parametrize("make", (LassoMoERegressor, LassoMoEClassifier))
def test_weights_of_another_shape(make, name, shape):
    X, y = regimes()
    y = y if make is LassoMoERegressor else y > 0.0
    words = [f"{name} has shape {shape}", "there are 5 columns", "give (5,), or (2, 5)"]
    refused(f"{name} {shape}", ConfigurationError, words, lambda: lasso(X, y, make=make, **{name: np.ones(shape)}))


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"alpha_min_ratio": 1.0}, ["alpha_min_ratio=1.0", "n_alphas=1"]),
        ({"gate_ratio": []}, ["gate_ratio is empty"]),
        ({"standardize": "no"}, ["standardize must be True or False"]),
        ({"criterion": "cv", "cv": 1}, ["cv=1 cannot be used", "n_splits=1"]),
        ({"criterion": "cv", "cv": "five"}, ["cv='five' cannot be used"]),
        ({"criterion": "cv", "cv": 500}, ["cv=500 cannot be used", "n_samples=60"]),
        ({"criterion": "cv", "cv": [([0, 1], [60])]}, ["rows beyond the 60"]),
        ({"n_jobs": 0}, ["n_jobs must be", "not 0"]),
        ({"n_jobs": 1.5}, ["n_jobs must be", "not 1.5"]),
    ),
    ids=str,
)
def test_settings_of_a_path(settings, words):
    X, y = regimes()
    more = {"alphas": (None, None), "k": 1, "n_alphas": 3} | settings
    refused(str(settings), ConfigurationError, words, lambda: lasso(X, y, **more))


def test_a_penalty_for_each_expert_and_a_single_fold_in_a_cross_validation():
    X, y = regimes()
    halves = [(np.arange(40), np.arange(40, 60))]
    settings = {"n_alphas": 2, "criterion": "cv", "cv": halves, "max_iter": 200}
    for alpha in ([2.0, 3.0], np.array([2.0, 3.0])):
        path = lasso(X, y, alphas=(None, alpha), **settings).path_
        assert np.isfinite(path.criteria["cv"]).any() and np.isnan(path.criteria["cv_se"]).all()


CONTRADICTIONS = (
    ([Sign(1), Bounds(2, 0.0, 5.0), Sum([0, 1], equals=1.0), Bounds(1, upper=-1.0)], "Sign(1), Bounds(1, upper=-1.0)"),
    (
        [Bounds(0, lower=1.0), Increasing([0, 1]), Bounds(1, upper=0.5), Sign(3)],
        "Bounds(0, lower=1.0), Increasing([0, 1]), Bounds(1, upper=0.5)",
    ),
    (
        [Bounds("(intercept)", 1.0, expert=0), Sign(2), Bounds("(intercept)", upper=0.0, expert=0)],
        "Bounds('(intercept)', lower=1.0, expert=0), Bounds('(intercept)', upper=0.0, expert=0)",
    ),
)


@pytest.mark.parametrize(("constraints", "told"), CONTRADICTIONS)
def test_only_constraints_that_contradict_each_other_are_named(constraints, told):
    X, y = regimes()
    words = [f"contradict each other: {told}. Change or leave out one of these"]
    refused("infeasible", ConfigurationError, words, lambda: lasso(X, y, constraints=constraints))


@pytest.mark.parametrize(
    ("constraint", "settings", "error", "words"),
    (
        (Sign("incom"), {}, ColumnError, ["the experts see no column 'incom'", "Did you mean 'income'?"]),
        (Sign(5), {}, ColumnError, ["there is no column 5", "5 columns, counted from 0"]),
        (Sign("age"), {"expert_features": ["income"]}, ColumnError, ["see no column 'age'", "Columns there: income"]),
        (
            Linear([(1.0, "zz", 0), (-1.0, "zz", 1)], lower=0.0, side="gate"),
            {},
            ColumnError,
            ["the gate sees no column 'zz'"],
        ),
        (
            Bounds("age", lower=1.0),
            {"expert_weights": [INF, 1, 1, 1, 1]},
            ConfigurationError,
            ["Bounds('age', lower=1.0) cannot hold", "its weight is infinite"],
        ),
        (
            Sum(["age", "income"], equals=1.0),
            {"expert_weights": [INF, INF, 1, 1, 1]},
            ConfigurationError,
            ["cannot hold", "its weight is infinite"],
        ),
        (Bounds(0, 2.0, 1.0), {}, ConfigurationError, ["lower must not be above upper"]),
        (Bounds(0), {}, ConfigurationError, ["lower or upper must be given"]),
        (Sign(0, expert=2), {}, ConfigurationError, ["there is no expert 2", "counted from 0"]),
        (Sum([0, 1], equals="one"), {}, ConfigurationError, ["equals must be a number, not 'one'"]),
        (Sum([0, 1], equals=1.0, upper=2.0), {}, ConfigurationError, ["equals goes without lower and upper"]),
        (Linear([(1, 0)], lower=0.0), {}, ConfigurationError, ["triples of a weight, a column and an expert"]),
        (Linear([("a", 0, 0)], lower=0.0), {}, ConfigurationError, ["triples of a weight, a column and an expert"]),
        (Linear([(np.nan, 0, 0)], lower=0.0), {}, ConfigurationError, ["triples of a weight, a column and an expert"]),
        (Ordered(0, experts=1), {}, ConfigurationError, ["experts must be a list of experts in order, not 1"]),
        (Sign(0, side="experts"), {}, ConfigurationError, ["side must be 'gate' or 'expert'"]),
    ),
    ids=str,
)
def test_constraints_that_cannot_be_meant(constraint, settings, error, words):
    X, y = regimes()
    frame = pd.DataFrame(X, columns=["age", "income", "c", "d", "e"])
    refused(str(constraint), error, words, lambda: lasso(frame, y, constraints=[constraint], **settings))


def test_a_constraint_may_be_met_by_zero_where_slopes_are_held():
    X, y = regimes()
    model = lasso(X, y, constraints=[Sign(0)], expert_weights=[INF, 1, 1, 1, 1])
    assert not model.support_["expert"][:, 0].any()
