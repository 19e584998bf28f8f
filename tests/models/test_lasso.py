"""Lasso mixtures of experts: conditions of optimality, limits, agreement with scikit-learn, invariances."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp, softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.linear_model import Lasso

from classicmoe import LassoMoERegressor, MoERegressor
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ConfigurationError,
    ConstantColumnWarning,
    TooFewModelsError,
)
from classicmoe.experts import GaussianExpert

pytestmark = [
    pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning"),
    pytest.mark.filterwarnings("ignore::classicmoe.exceptions.SuspectSolutionWarning"),
]


def regimes(n=200, p=8, seed=0):
    """Two regimes told apart by the first column, three columns for each of two experts, the others noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    upper = rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    y = np.where(upper, 1.0 + 1.5 * X[:, 1] - X[:, 2], -1.0 - 1.5 * X[:, 1] + X[:, 3]) + 0.5 * rng.normal(size=n)
    return X, y


def quick(alpha_gate=None, alpha_expert=None, **more):
    return LassoMoERegressor(2, alpha_gate, alpha_expert, **({"n_init": 3, "random_state": 0} | more))


def penalised_likelihood(m, X, y):
    """Return the objective from the published coefficients, with nothing of the package."""
    slopes = m.expert_coef_ * X.std(axis=0)
    gate = softmax(X @ m.gate_coef_.T + m.gate_intercept_, axis=1)
    density = norm.logpdf(y[:, None], X @ m.expert_coef_.T + m.expert_intercept_, m.expert_scale_)
    norms = np.abs(m.gate_coef_ * X.std(axis=0)).sum(), np.abs(slopes).sum()
    fit = logsumexp(np.log(gate) + density, axis=1).sum()
    return fit, fit - m.alpha_gate_ * norms[0] - m.alpha_expert_ * norms[1]


def derivatives(m, X, y):
    """Return those of the log-likelihood in slopes of gate and experts and in the gate's intercepts."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    gate = softmax(X @ m.gate_coef_.T + m.gate_intercept_, axis=1)
    mean = X @ m.expert_coef_.T + m.expert_intercept_
    joint = np.log(gate) + norm.logpdf(y[:, None], mean, m.expert_scale_)
    resp = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    by_gate = (resp - gate).T @ Z
    by_expert = (resp * (y[:, None] - mean) / m.expert_scale_**2).T @ Z
    return by_gate, by_expert, (resp - gate).sum(axis=0)


def violation(m, X, y):
    """Return the worst violation of the conditions of optimality over all columns, from first principles."""
    by_gate, by_expert, by_intercept = derivatives(m, X, y)
    worst = [np.abs(by_intercept).max()]
    sides = (m.gate_coef_, by_gate, m.alpha_gate_), (m.expert_coef_, by_expert, m.alpha_expert_)
    for slope, gradient, alpha in sides:
        beyond = np.maximum(np.abs(gradient) - alpha, 0.0)
        worst.append(np.where(slope != 0.0, np.abs(gradient - alpha * np.sign(slope)), beyond).max())
    return max(worst)


@pytest.mark.parametrize(("p", "alpha"), [(8, 50.0), (300, 60.0)])
def test_conditions_of_optimality_hold_for_all_columns(p, alpha):
    X, y = regimes(400, p)
    m = quick(20.0, alpha).fit(X, y)
    assert violation(m, X, y) < 1e-6 * 20.0
    assert m.optimality_ < 1e-6
    fit, objective = penalised_likelihood(m, X, y)
    assert m.log_likelihood_ == pytest.approx(fit, rel=1e-10)
    assert m.objective_ == pytest.approx(objective, rel=1e-10)
    assert (np.diff(m.objective_path_) >= -1e-10 * abs(m.objective_)).all()
    assert 0 < m.support_["expert"].sum() < m.support_["expert"].size
    assert (np.sort(m.gate_coef_, axis=0)[0] == 0.0).all()  # the lower of two is zero


def test_without_penalty_it_is_the_unpenalised_fit():
    X, y = regimes(200, 4)
    free = MoERegressor(2, n_init=3, random_state=0).fit(X, y)
    assert quick(0.0, 0.0).fit(X, y).log_likelihood_ == pytest.approx(free.log_likelihood_, rel=1e-8)


def test_strong_penalties_leave_intercepts_only():
    X, y = regimes(100, 5)
    m = quick(1e4, 1e4).fit(X, y)
    assert not m.support_["gate"].any() and not m.support_["expert"].any()


def test_one_expert_is_the_lasso():
    X, y = regimes(100, 150)
    alpha = 30.0
    m = LassoMoERegressor(1, 0.0, alpha).fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    lasso = Lasso(alpha * m.expert_scale_[0] ** 2 / len(y), tol=1e-12, max_iter=100_000).fit(Z, y)
    np.testing.assert_allclose(m.expert_coef_[0] * X.std(axis=0), lasso.coef_, atol=1e-6)
    assert np.array_equal(m.expert_coef_[0] != 0.0, lasso.coef_ != 0.0)
    assert m.expert_scale_[0] == pytest.approx(np.sqrt(np.mean((y - lasso.predict(Z)) ** 2)), rel=1e-6)


def test_path_of_one_expert_begins_where_a_column_enters():
    X, y = regimes(100, 20)
    m = LassoMoERegressor(1, n_alphas=8).fit(X, y)
    path = m.path_
    assert path.n_slopes[0] == 0 and (np.diff(path.alpha_expert) < 0).all()
    assert (np.diff(path.objective) > -1e-8).all()
    assert path.chosen == np.argmin(path.criteria["bic"])


def test_path_finds_columns_and_says_how_good_it_is():
    X, y = regimes(300, 40)
    m = quick(n_alphas=10, criterion="ebic").fit(X, y)
    table = m.path_.table()
    assert (table["optimality"][table["n_slopes"] > 0] < 1e-6).all()
    assert table["chosen"].sum() == 1
    found = [set(np.flatnonzero(row)) for row in m.support_["expert"]]
    assert {1, 3} <= found[0] and {1, 2} <= found[1]  # ordered by their means
    assert m.support_["gate"][:, 0].any()
    assert m.n_parameters_ == m.path_.degrees_of_freedom[m.path_.chosen]


def test_sparse_tables_give_the_same():
    X, y = regimes(150, 24)
    X[np.abs(X) < 0.7] = 0.0
    dense = quick(8.0, 15.0).fit(X, y)
    thin = quick(8.0, 15.0).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(thin.expert_coef_, dense.expert_coef_, atol=1e-6)
    np.testing.assert_allclose(thin.predict(sparse.csr_array(X)), dense.predict(X), atol=1e-6)


def test_copies_of_rows_are_weights():
    X, y = regimes(80, 5)
    weight = np.random.default_rng(1).integers(1, 4, 80)
    by_weight = quick(8.0, 15.0).fit(X, y, weight)
    by_copies = quick(8.0, 15.0).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(by_weight.expert_coef_, by_copies.expert_coef_, atol=1e-7)
    np.testing.assert_allclose(by_weight.gate_coef_, by_copies.gate_coef_, atol=1e-7)


def test_columns_in_another_order():
    X, y = regimes(120, 10)
    order = np.random.default_rng(2).permutation(10)
    a, b = quick(8.0, 15.0).fit(X, y), quick(8.0, 15.0).fit(X[:, order], y)
    assert b.objective_ == pytest.approx(a.objective_, rel=1e-9)
    np.testing.assert_allclose(b.expert_coef_, a.expert_coef_[:, order], atol=1e-5)


def test_scaled_slopes_do_not_know_the_unit_of_y():
    X, y = regimes(150, 6)
    a = quick(6.0, 6.0, parametrisation="scaled").fit(X, y)
    b = quick(6.0, 6.0, parametrisation="scaled").fit(X, 1000.0 * y)
    np.testing.assert_allclose(b.expert_coef_, 1000.0 * a.expert_coef_, rtol=1e-5, atol=1e-3)
    assert b.objective_ == pytest.approx(a.objective_ - len(y) * np.log(1000.0), rel=1e-9)
    c = quick(6.0, 6.0).fit(X, y)
    d = quick(6.0, 6.0 / 1000.0).fit(X, 1000.0 * y)
    np.testing.assert_allclose(d.expert_coef_, 1000.0 * c.expert_coef_, rtol=1e-5, atol=1e-3)


def test_scaled_solution_is_stationary_in_the_scale():
    X, y = regimes(150, 6)
    m = quick(6.0, 10.0, parametrisation="scaled", expert=GaussianExpert()).fit(X, y)
    slopes = np.abs(m.expert_coef_ * X.std(axis=0)).sum(axis=1)

    def objective(scale):
        other = clone(m)
        vars(other).update(vars(m))
        other.expert_scale_ = scale
        fit, _ = penalised_likelihood(other, X, y)
        return fit - m.alpha_expert_ * (slopes / scale).sum()

    step = 1e-5 * m.expert_scale_
    for k in range(2):
        move = np.where(np.arange(2) == k, step, 0.0)
        assert abs(objective(m.expert_scale_ + move) - objective(m.expert_scale_ - move)) / (2e-5) < 1e-4


@pytest.mark.parametrize(
    "more", [{"penalty": "group"}, {"penalty": "mcp"}, {"penalty": "scad"}, {"l1_ratio": 0.5}], ids=lambda m: str(m)
)
def test_other_penalties(more):
    X, y = regimes(150, 12)
    m = quick(6.0, 12.0, **more).fit(X, y)
    assert m.optimality_ < 1e-6
    assert (np.diff(m.objective_path_) >= -1e-10 * abs(m.objective_)).all()
    assert 0 < m.support_["expert"].sum() < m.support_["expert"].size
    if more == {"penalty": "group"}:
        assert (m.support_["expert"].all(axis=0) | ~m.support_["expert"].any(axis=0)).all()


def test_weights_free_and_forbid_columns():
    X, y = regimes(150, 6)
    weights = np.array([1.0, 1.0, 0.0, 1.0, np.inf, 1.0])
    m = quick(6.0, 40.0, expert_weights=weights, n_init=2).fit(X, y)
    assert m.support_["expert"][:, 2].all() and not m.support_["expert"][:, 4].any()


def test_counts():
    X, _ = regimes(300, 30)
    rng = np.random.default_rng(3)
    upper = rng.random(300) < 1.0 / (1.0 + np.exp(-2.0 * X[:, 0]))
    y = rng.poisson(np.exp(np.where(upper, 1.5 + 0.5 * X[:, 1], -0.5 - 0.5 * X[:, 2])))
    m = quick(6.0, 15.0, expert="poisson").fit(X, y)
    assert m.converged_ and m.optimality_ < 1e-6
    assert (np.diff(m.objective_path_) >= -1e-10 * abs(m.objective_)).all()


def test_a_column_of_zeros_and_a_column_twice():
    X, y = regimes(120, 6)
    X = np.column_stack([X, np.zeros(120), X[:, 1]])
    with pytest.warns(ConstantColumnWarning, match="x6"), pytest.warns(CollinearColumnsWarning, match="'x7' of 'x1'"):
        m = quick(8.0, 15.0).fit(X, y)
    assert not m.expert_coef_[:, 6].any()
    assert m.optimality_ < 1e-6


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_copies_of_columns_are_told(form):
    X, y = regimes(120, 6)
    X = np.column_stack([X, 3.0 - 2.0 * X[:, 1], X[:, 4] + 1e-3 * X[:, 5]])
    with pytest.warns(CollinearColumnsWarning, match=r"1 column\(s\) .* 'x6' of 'x1'\."):
        quick(8.0, 15.0, n_init=2).fit(form(X), y)


@pytest.mark.parametrize("penalty", ["l1", "group", "mcp"])
def test_reference_form_knows_its_last_expert(penalty):
    X, y = regimes(150, 6)
    m = quick(6.0, 12.0, gate_form="reference", penalty=penalty).fit(X, y)
    assert m.gate_coef_[0].any() and not m.gate_coef_[-1].any() and m.gate_intercept_[-1] == 0.0
    assert m.optimality_ < 1e-6


def test_two_groups_are_one_slope_in_either_form():
    """Of two experts a group of the gate is the log-odds, whichever form they have."""
    X, y = regimes(150, 6)
    last, none = (quick(6.0, 12.0, gate_form=f, penalty="group").fit(X, y) for f in ("reference", "symmetric"))
    assert last.objective_ == pytest.approx(none.objective_, rel=1e-10)
    np.testing.assert_allclose(last.predict(X), none.predict(X), rtol=1e-5)


def test_a_collapse_is_told():
    X, y = regimes(60, 200)
    with pytest.warns(UserWarning, match="collapsed"):
        m = quick(1.0, 1.0).fit(X, y)
    assert m.verdict_.level == "DEGENERATE" and np.isfinite(m.expert_coef_).all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"criterion": "best"}, "criterion must be 'bic' or 'ebic'"),
        ({"penalty": "l2"}, "penalty must be 'l1' or 'group' or 'mcp' or 'scad', not 'l2'"),
        ({"l1_ratio": 0.0}, "l1_ratio must be a number > 0 and <= 1"),
        ({"l1_ratio": 0.5, "penalty": "mcp"}, 'l1_ratio goes with penalty="l1"'),
        ({"parametrisation": "scaled", "penalty": "group"}, "goes with the plain Lasso"),
        ({"parametrisation": "scaled", "l1_ratio": 0.5}, "goes with the plain Lasso"),
        ({"parametrisation": "scaled", "expert": "poisson"}, "not 'poisson'"),
        ({"alpha_min_ratio": 2.0}, "alpha_min_ratio must be a number > 0 and <= 1"),
        ({"gate_ratio": [0.1, -1.0]}, "gate_ratio must be a positive number, not -1.0"),
        ({"tol": 0.0}, "tol must be a positive number"),
        ({"n_alphas": 0}, "n_alphas must be an integer >= 1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_are_checked(more, words):
    with pytest.raises(ConfigurationError, match=words):
        quick(**more).fit(*regimes(60, 4))


def test_penalties_are_checked():
    X, y = regimes(60, 4)
    with pytest.raises(ConfigurationError, match="alpha_expert"):
        quick(1.0, -1.0).fit(X, y)
    with pytest.raises(ConfigurationError, match="n_experts=2"):
        quick(1.0, [1.0, 2.0, 3.0]).fit(X, y)


def test_held_out_scores_choose():
    X, y = regimes(120, 4)
    m = quick(n_alphas=5, criterion="cv", cv=2, n_init=2).fit(X, y)
    scores = m.path_.criteria["cv"]
    assert m.path_.chosen == np.nanargmin(scores) and np.isfinite(scores[m.path_.chosen])
    assert scores[m.path_.chosen] < -norm.logpdf(y, y.mean(), y.std()).mean()


def test_folds_without_a_common_penalty_are_told():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 30))
    y = rng.gamma(3.0, np.exp(np.where(X[:, 0] > 0.0, 0.6, -0.6) * X[:, 1]) / 3.0)
    with pytest.raises(TooFewModelsError, match=r"none of the \d+ penalties .* all 3 folds .* Raise n_init"):
        quick(expert="gamma", n_alphas=4, criterion="cv", cv=3, n_init=1).fit(X, y)


def test_slopes_need_a_path():
    X, y = regimes(150, 5)
    with pytest.raises(TooFewModelsError, match="n_alphas=4"):
        quick(n_alphas=4, criterion="slope", n_init=2).fit(X, y)


def test_weights_per_expert():
    X, y = regimes(150, 5)
    weights = np.ones((2, 5))
    weights[0, 1] = np.inf
    m = quick(6.0, 12.0, expert_weights=weights, n_init=2).fit(X, y)
    assert (m.expert_coef_[:, 1] == 0.0).any()


def test_path_is_in_the_order_of_the_experts():
    X, y = regimes(150, 5)
    m = quick(n_alphas=6, n_init=2).fit(X, -y)
    at = m.path_.chosen
    np.testing.assert_array_equal(m.path_.expert_coef[at], m.expert_coef_)
    np.testing.assert_array_equal(m.path_.gate_coef[at], m.gate_coef_)


def test_refit_is_maximum_likelihood_with_the_chosen_columns():
    X, y = regimes(300, 12)
    m = quick(8.0, 20.0, penalty="group", refit=True).fit(X, y)
    gate, expert = (np.flatnonzero(m.support_[side].any(axis=0)).tolist() for side in ("gate", "expert"))
    assert 0 < len(gate) < 12 and 0 < len(expert) < 12
    free = MoERegressor(2, gate_features=gate, expert_features=expert, n_init=3, random_state=0).fit(X, y)
    assert m.log_likelihood_ == pytest.approx(free.log_likelihood_, rel=1e-9)
    assert m.objective_ == pytest.approx(m.log_likelihood_, rel=1e-9) and m.n_parameters_ == free.n_parameters_
    np.testing.assert_allclose(m.expert_coef_[:, expert], free.expert_coef_, atol=1e-5)


@pytest.mark.parametrize("more", [{}, {"gate_form": "reference"}, {"penalty": "scad"}], ids=str)
def test_refit_keeps_the_support_of_every_expert(more):
    X, y = regimes(300, 12)
    penalised, m = quick(8.0, 20.0, **more).fit(X, y), quick(8.0, 20.0, refit=True, **more).fit(X, y)
    for side in ("gate", "expert"):
        np.testing.assert_array_equal(m.support_[side], penalised.support_[side])
    assert m.log_likelihood_ > penalised.log_likelihood_ and m.alpha_expert_ == 20.0
    by_gate, by_expert, _ = derivatives(m, X, y)
    assert np.abs(by_gate[m.support_["gate"]]).max() < 1e-6 and np.abs(by_expert[m.support_["expert"]]).max() < 1e-6


@pytest.mark.parametrize("form", ["symmetric", "reference"])
def test_relabelling_moves_penalties_supports_and_paths(form):
    X, y = regimes(150, 5)
    m = quick(alpha_gate=4.0, n_alphas=4, n_init=2, gate_form=form).fit(X, y)
    expected = m.predict(X), m.score(X, y)
    path, support, coef = m.path_, m.support_["expert"], m.path_.gate_coef
    m.relabel([1, 0])
    np.testing.assert_array_equal(m.support_["expert"], support[::-1])
    np.testing.assert_array_equal(m.path_.expert_coef, path.expert_coef[:, ::-1])
    np.testing.assert_allclose(m.path_.gate_coef[m.path_.chosen], m.gate_coef_, rtol=1e-12)
    contrast = coef[:, 0] - coef[:, 1]
    np.testing.assert_allclose(m.path_.gate_coef[:, 1] - m.path_.gate_coef[:, 0], contrast, atol=1e-12)
    np.testing.assert_allclose(m.predict(X), expected[0], rtol=1e-12)
    assert m.score(X, y) == pytest.approx(expected[1], rel=1e-12)
    single = quick(4.0, [8.0, 16.0], n_init=2).fit(X, y).relabel([1, 0])
    np.testing.assert_array_equal(single.alpha_expert_, [16.0, 8.0])


@pytest.mark.parametrize("family", ["multinomial", "ordinal"])
def test_classes_are_for_the_classifier(family):
    X, y = regimes(60, 4)
    with pytest.raises(ConfigurationError, match="use LassoMoEClassifier"):
        quick(1.0, 1.0, expert=family).fit(X, y > 0.0)


@pytest.mark.parametrize("family", ["skew_normal", "laplace"])
def test_families_without_a_quadratic_or_with_corners_are_refused(family):
    X, y = regimes(60, 4)
    with pytest.raises(ConfigurationError, match="these can: gaussian"):
        quick(1.0, 1.0, expert=family).fit(X, y)
