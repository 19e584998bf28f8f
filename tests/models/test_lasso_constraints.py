"""Lasso mixtures with linear constraints: they hold in the user's units, and where truth is known it is found."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls
from scipy.special import expit
from scipy.stats import norm
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold

from classicmoe import LassoMoERegressor
from classicmoe.exceptions import ClassicMoEWarning, ColumnError, ConfigurationError
from classicmoe.penalties import Bounds, Increasing, Linear, Ordered, Sign, Sum

QUICK = {"n_init": 1, "random_state": 0}


def two_regimes(n=200, p=6, seed=3):
    """Columns in units of their own, two experts, a gate in the first and fourth column."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    first = rng.random(n) < expit(1.0 + 2.0 * Z[:, 0] - Z[:, 3])
    y = np.where(first, 1.5 * Z[:, 1] + Z[:, 5], Z[:, 0] - 1.5 * Z[:, 1] + 2.0 * Z[:, 4]) + rng.normal(size=n)
    return Z * np.resize([1.0, 2.0, 0.5, 1.0, 5.0], p) + np.arange(p), 10.0 + 4.0 * y, rng


def fitted(constraints, X, y, alphas=(4.0, 1.0), **settings):
    with warnings.catch_warnings():  # whether the best start is repeated is no matter here
        warnings.simplefilter("ignore", ClassicMoEWarning)
        return LassoMoERegressor(2, *alphas, constraints=constraints, **{**QUICK, **settings}).fit(X, y)


CASES = {
    "gaussian": ([Sum([1, 4], equals=1.0), Bounds(5, lower=0.5, expert=1)], {}),
    "scaled": ([Increasing([0, 1, 2]), Sign("(intercept)", expert=0)], {"parametrisation": "scaled"}),
    "as they are": ([Sign(1), Ordered(4)], {"standardize": False}),
    "shared": ([Linear([(1.0, 1, 0), (1.0, 1, 1)], equals=0.0)], {"penalty": "scad"}),
    "no penalty": ([Sum([1, 4], equals=1.0), Sign(0, "-")], {"alphas": (0.0, 0.0)}),
    "gate": ([Ordered(0, side="gate"), Linear([(1, 3, 1), (-1, 3, 0)], upper=-1.5, side="gate")], {}),
    "reference": ([Sign(0, side="gate"), Bounds(3, -0.3, 0.3, side="gate")], {"gate_form": "reference"}),
    "both": ([Sign(1), Linear([(1.0, 2, 0), (-1.0, 2, 1)], lower=0.2, side="gate")], {"l1_ratio": 0.5}),
}


@pytest.mark.parametrize("case", CASES)
def test_constraints_hold_at_an_optimum_that_no_step_fell_from(case):
    constraints, settings = CASES[case]
    X, y, _ = two_regimes()
    model = fitted(constraints, X, y, **settings)
    b, a, gate = model.expert_coef_, model.expert_intercept_, model.gate_coef_
    left = {
        "gaussian": lambda: [*-np.abs(b[:, 1] + b[:, 4] - 1.0), b[1, 5] - 0.5],
        "scaled": lambda: [*np.diff(b[:, :3], axis=1).ravel(), a[0]],
        "as they are": lambda: [*b[:, 1], b[1, 4] - b[0, 4]],
        "shared": lambda: [-abs(b[:, 1].sum())],
        "no penalty": lambda: [*-np.abs(b[:, 1] + b[:, 4] - 1.0), *-b[:, 0]],
        "gate": lambda: [gate[1, 0] - gate[0, 0], -1.5 - gate[1, 3] + gate[0, 3]],
        "reference": lambda: [gate[0, 0], 0.3 - abs(gate[0, 3])],
        "both": lambda: [*b[:, 1], gate[0, 2] - gate[1, 2] - 0.2],
    }[case]()
    assert min(left) > -1e-8
    assert min(left) < 1e-8 or case == "reference"  # some constraint binds
    steps = np.diff(model.objective_path_)
    assert np.isfinite(model.objective_path_).all() and steps.min(initial=0.0) > -1e-9 * abs(model.objective_)
    assert model.converged_ and model.optimality_ < 1e-6
    free = fitted(None, X, y, **settings)
    assert model.objective_ < free.objective_ - 1e-3 and model.n_parameters_ <= free.n_parameters_


@pytest.mark.parametrize("family", ("poisson", "binomial", "gamma"))
def test_families_whose_steps_are_damped(family):
    X, y, rng = two_regimes()
    y = (y - y.mean()) / y.std()
    y = {"poisson": rng.poisson(np.exp(0.7 + 0.4 * y)), "binomial": y > 0.0, "gamma": np.exp(0.5 * y)}[family]
    model = fitted([Increasing([0, 1, 2]), Sum([3, 4], equals=0.1)], X, y.astype(float), (4.0, 2.0), expert=family)
    assert np.diff(model.expert_coef_[:, :3], axis=1).min() > -1e-8
    assert np.abs(model.expert_coef_[:, 3:5].sum(axis=1) - 0.1).max() < 1e-8
    assert model.converged_ and np.diff(model.objective_path_).min(initial=0.0) > -1e-9 * abs(model.objective_)


def test_constraints_that_do_not_bind_change_nothing():
    X, y, _ = two_regimes()
    free = fitted(None, X, y)
    loose = [Bounds(j, -99.0, 99.0) for j in range(6)] + [Linear([(1, 0, 0), (-1, 0, 1)], upper=99.0, side="gate")]
    model = fitted(loose, X, y)
    assert abs(model.objective_ - free.objective_) < 1e-5  # by what the conditions of optimality may be off
    order = np.argsort(model.expert_intercept_)
    assert np.allclose(model.expert_coef_[order], free.expert_coef_[np.argsort(free.expert_intercept_)], atol=1e-4)
    assert model.n_parameters_ == free.n_parameters_


# -- one expert: truth from elsewhere ---------------------------------------------------------------------------------


def alone(constraints, X, y, alpha=0.0, **settings):
    return LassoMoERegressor(1, 0.0, alpha, constraints=constraints, random_state=0, **settings).fit(X, y)


def test_least_squares_with_an_equation():
    X, y, _ = two_regimes(80)
    model = alone([Sum([1, 4], equals=1.0), Linear([(2.0, 0, 0), (1.0, "(intercept)", 0)], equals=3.0)], X, y)
    design = np.column_stack([np.ones(80), X])
    rows = np.array([[0.0, 0, 1, 0, 0, 1, 0], [1.0, 2, 0, 0, 0, 0, 0]])
    system = np.block([[design.T @ design, rows.T], [rows, np.zeros((2, 2))]])
    truth = np.linalg.solve(system, np.concatenate([design.T @ y, [1.0, 3.0]]))[:7]
    assert np.allclose(np.append(model.expert_intercept_, model.expert_coef_[0]), truth, rtol=1e-6, atol=1e-7)
    assert model.n_parameters_ == 7 + 1 - 2


def test_signs_are_those_of_non_negative_least_squares():
    X, y, _ = two_regimes(80)
    model = alone([Sign(j) for j in range(6)], X, y)
    truth, _ = nnls(X - X.mean(axis=0), y - y.mean())
    assert np.allclose(model.expert_coef_[0], truth, rtol=1e-6, atol=1e-7)
    assert np.array_equal(model.support_["expert"][0], truth > 0.0) and (truth == 0.0).any()


def test_the_positive_lasso():
    X, y, _ = two_regimes(80)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = alone([Sign(j) for j in range(6)], Z, y, alpha=2.0)
    theirs = Lasso(2.0 * model.expert_scale_[0] ** 2 / 80, positive=True, tol=1e-14, max_iter=100_000).fit(Z, y)
    assert np.allclose(model.expert_coef_[0], theirs.coef_, rtol=1e-5, atol=1e-6)
    assert np.array_equal(model.support_["expert"][0], theirs.coef_ > 0.0)


def test_an_ordered_factor_is_isotonic_regression():
    rng = np.random.default_rng(1)
    level = rng.integers(0, 6, 200)
    y = np.array([0.0, 1.0, 0.5, 0.4, 2.0, 1.9])[level] + rng.normal(size=200)
    school = pd.Categorical(level, ordered=True)
    model = alone([Increasing("school", from_zero=True)], pd.DataFrame({"school": school}), y)
    truth = IsotonicRegression().fit(level, y)
    assert np.allclose(model.predict(pd.DataFrame({"school": school})), truth.predict(level), rtol=0.0, atol=1e-6)
    assert len(np.unique(truth.predict(level))) < 6  # levels were pooled


# -- working sets and paths -------------------------------------------------------------------------------------------


def test_columns_in_constraints_join_a_working_set_of_few():
    X, y, rng = two_regimes(p=6)
    X = np.hstack([X, rng.normal(size=(len(X), 70))])
    model = fitted([Sum([1, 60], equals=1.0), Bounds(70, lower=0.2, expert=0)], X, y, (12.0, 6.0))
    b = model.expert_coef_
    assert np.abs(b[:, 1] + b[:, 60] - 1.0).max() < 1e-8 and b[0, 70] > 0.2 - 1e-8
    assert model.converged_ and model.optimality_ < 1e-6
    assert (~model.support_["expert"]).sum() > 80


def test_every_point_of_a_path_meets_the_constraints():
    X, y, _ = two_regimes(400)
    constraints = [Bounds(5, lower=0.2), Increasing([0, 4])]
    model = fitted(constraints, X, y, (None, None), n_alphas=3, alpha_min_ratio=0.3)
    b = model.path_.expert_coef
    assert len(b) > 2 and b[..., 5].min() > 0.2 - 1e-8 and (b[..., 4] - b[..., 0]).min() > -1e-8
    assert (np.diff(model.path_.objective) > 0.0).all() and (np.diff(model.path_.n_slopes) >= 0).all()
    assert (model.path_.optimality < 1e-6).all()


# -- the estimator ----------------------------------------------------------------------------------------------------


def test_constraints_hold_in_the_folds_of_a_cross_validation():
    X, y, _ = two_regimes(120)
    m = LassoMoERegressor(
        1, constraints=[Bounds(j, 0.0, 0.0) for j in range(6)], criterion="cv", cv=3, n_alphas=3, random_state=0
    ).fit(X, y)
    scores = []
    for train, test in KFold(3).split(X):
        scores.append(norm.logpdf(y[test], y[train].mean(), y[train].std()).mean())
    np.testing.assert_allclose(m.path_.criteria["cv"], -np.mean(scores), rtol=1e-9)


def test_experts_that_are_named_keep_their_order():
    X, y, _ = two_regimes()
    free = fitted(None, X, y)
    for k in range(2):  # a start may have the experts the wrong way round
        model = fitted([Sign(1, expert=k), Sign(1, "-", expert=1 - k)], X, y, n_init=(6, 1)[k])
        assert model.expert_coef_[k, 1] > 0.0 > model.expert_coef_[1 - k, 1]
        assert abs(model.objective_ - free.objective_) < 1e-5


def test_threads_copies_and_frames():
    X, y, _ = two_regimes(150)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    constraints = [Sum(["b", "e"], equals=1.0), Sign("a", "-")]
    model = fitted(constraints, frame, y)
    threads = fitted(constraints, frame, y, n_jobs=2)
    assert np.array_equal(model.expert_coef_, threads.expert_coef_)
    assert clone(model).constraints == constraints
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(frame), model.predict(frame))
    assert "Sum(['b', 'e'], equals=1.0)" in repr(model)


@pytest.mark.parametrize(
    ("constraints", "settings", "error", "told"),
    [
        ([Sign("x9")], {}, ColumnError, "the experts see no column 'x9'"),
        ([Sign(0, expert=2)], {}, ConfigurationError, "there is no expert 2"),
        ([Sign(0), Bounds(0, upper=-1.0)], {}, ConfigurationError, "contradict each other: Sign.0., Bounds"),
        ([Bounds(0, lower=1.0)], {"expert_weights": [np.inf, 1.0, 1.0]}, ConfigurationError, "cannot hold"),
        ([Sign(0)], {"penalty": "group"}, ConfigurationError, 'not with penalty="group"'),
        ([Sign(0, side="gate")], {}, ConfigurationError, "only differences between experts"),
        ([Bounds(0, lower=1.0, side="gate", expert=1)], {"gate_form": "reference"}, ConfigurationError, "reference"),
        ("x0", {}, ConfigurationError, "must be a list of constraints"),
    ],
)
def test_what_is_refused(constraints, settings, error, told):
    X, y, _ = two_regimes(60)
    with pytest.raises(error, match=told):
        fitted(constraints, X[:, :3], y, **settings)


def test_without_cvxpy(monkeypatch):
    monkeypatch.setattr("classicmoe.penalties.constraints.find_spec", lambda name: None)
    X, y, _ = two_regimes(60)
    with pytest.raises(ConfigurationError, match="pip install"):
        fitted([Sign(0)], X, y)
    fitted(None, X, y)
