"""A weight of k is k copies of the row, in every number that a fit gives, starts included; 0 is no row at all."""

import numpy as np
import pytest

from classicmoe import MoERegressor
from classicmoe.em.starts import PARAMETERS, PARTITIONS
from classicmoe.exceptions import WeightSumWarning
from classicmoe.experts import GaussianExpert
from classicmoe.models.publishing import GATE as PUBLISHED
from tests.cases import CROSS, gaussian_only, over, two_lines, two_regimes

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]
NUMBERS = ("n_parameters_", "weight_sum_", "converged_", "gate_separated_", "n_outputs_")
GATE = tuple(name for name in PUBLISHED if name != "gate_kept_")
ARRAYS = ("expert_coef_", "expert_intercept_", "expert_covariances_", "expert_mass_")


def assert_same_fit(a, b, coefficients=1e-5):
    assert [getattr(a, name) for name in NUMBERS] == [getattr(b, name) for name in NUMBERS]
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-8)
    assert a.objective_ == pytest.approx(b.objective_, rel=1e-8)
    assert a.criterion_log_likelihood_ == pytest.approx(b.criterion_log_likelihood_, rel=1e-8)
    assert a.entropy_ == pytest.approx(b.entropy_, rel=1e-4, abs=1e-4)
    gate = [name for name in GATE if hasattr(a, name)]
    assert gate == [name for name in GATE if hasattr(b, name)] != []
    for name in (*gate, *ARRAYS):
        assert np.allclose(getattr(a, name), getattr(b, name), rtol=coefficients, atol=coefficients), name


def assert_same_starts(a, b):
    assert len(a.starts_) == len(b.starts_)
    for one, two in zip(a.starts_, b.starts_, strict=True):
        assert [one[key] for key in ("start", "kind", "seed")] == [two[key] for key in ("start", "kind", "seed")]
        if one["path"]:
            assert one["path"][0] == pytest.approx(two["path"][0], rel=1e-8), one["kind"]


def copies(weight):
    """Numbers of rows, each as often as its weight says, in random order."""
    return np.random.default_rng(9).permutation(np.repeat(np.arange(len(weight)), weight))


@over(gaussian_only(CROSS))
def test_a_weight_of_k_equals_k_copies_in_any_order(case):
    X, y = case.simulate(150, 0)
    weight = np.random.default_rng(1).integers(0, 4, 150)
    rows = copies(weight)
    weighted = case.estimator(n_init=4, tol=1e-11).fit(X, y, weight)
    repeated = case.estimator(n_init=4, tol=1e-11).fit(X[rows], y[rows])
    assert_same_fit(weighted, repeated)
    assert_same_starts(weighted, repeated)
    assert np.allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5, atol=1e-6)
    for criterion in ("aic", "bic", "icl", "icl_hard"):
        one = getattr(weighted, criterion)(X, y, weight)
        assert one == pytest.approx(getattr(repeated, criterion)(X[rows], y[rows]), rel=1e-5)


def test_also_on_a_table_of_which_the_starts_see_a_part():
    X, y = two_regimes(25_000)
    weight = np.random.default_rng(1).integers(1, 4, 25_000)
    rows = copies(weight)
    weighted = MoERegressor(2, n_init=3, random_state=0, tol=1e-11).fit(X, y, weight)
    repeated = MoERegressor(2, n_init=3, random_state=0, tol=1e-11).fit(X[rows], y[rows])
    assert_same_fit(weighted, repeated)
    assert_same_starts(weighted, repeated)


@pytest.mark.parametrize("init", ("auto", PARAMETERS, *PARTITIONS))
def test_no_kind_of_start_sees_copies(init):
    X, y = two_regimes(120)
    weight = np.random.default_rng(2).integers(0, 4, 120)
    rows = copies(weight)
    settings = {"n_init": 15 if init == "auto" else 3, "random_state": 4, "init": init, "max_iter": 40}
    weighted = MoERegressor(3, **settings).fit(X, y, weight)
    repeated = MoERegressor(3, **settings).fit(X[rows], y[rows])
    assert_same_starts(weighted, repeated)


@pytest.mark.parametrize("name", ("softmax / gaussian", "constant / gaussian", "gaussian / gaussian"))
def test_shuffled_rows_without_weights_give_the_same_fit(name):
    case = CROSS[name]
    X, y = case.simulate(150, 3)
    order = np.random.default_rng(0).permutation(150)
    a = case.estimator(n_init=4, tol=1e-11).fit(X, y)
    b = case.estimator(n_init=4, tol=1e-11).fit(X[order], y[order])
    assert_same_fit(a, b)
    assert_same_starts(a, b)


@pytest.mark.parametrize("absurd", (1e6, 1e300))
@pytest.mark.parametrize("gate", ("softmax", "constant", "gaussian"))
def test_rows_of_weight_zero_change_nothing(gate, absurd):
    X, y = two_lines(150) if gate == "constant" else two_regimes(150)
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 3, 150).astype(float)
    spoilt_X, spoilt_y = X.copy(), y.copy()
    spoilt_X[weight == 0], spoilt_y[weight == 0] = absurd, -absurd
    settings = {"n_init": 6, "random_state": 0}
    a = MoERegressor(2, gate, **settings).fit(X, y, weight)
    b = MoERegressor(2, gate, **settings).fit(spoilt_X, spoilt_y, weight)
    names = [name for name in GATE if hasattr(a, name)]
    assert names == [name for name in GATE if hasattr(b, name)] != []
    for name in (*names, *ARRAYS):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name
    assert a.objective_path_.tobytes() == b.objective_path_.tobytes()
    without = MoERegressor(2, gate, **settings).fit(X[weight > 0], y[weight > 0], weight[weight > 0])
    assert without.log_likelihood_ == pytest.approx(a.log_likelihood_, rel=1e-10)
    assert without.n_rows_ == a.n_rows_ == np.count_nonzero(weight)
    value = b.log_likelihood(spoilt_X, spoilt_y, weight)
    assert value == pytest.approx(a.log_likelihood_, rel=1e-10)
    assert b.aic(spoilt_X, spoilt_y, weight) == pytest.approx(a.aic(X, y, weight), rel=1e-10)
    assert b.icl_hard(spoilt_X, spoilt_y, weight) == pytest.approx(a.icl_hard(X, y, weight), rel=1e-10)


def test_not_even_when_they_fill_the_first_chunks():
    X, y = two_lines(2000)
    many = np.full((9000, 1), 1e200)
    weight = np.r_[np.zeros(9000), np.ones(2000)]
    a = MoERegressor(2, n_init=2, random_state=0).fit(X, y)
    b = MoERegressor(2, n_init=2, random_state=0).fit(np.vstack([many, X]), np.r_[np.full(9000, -1e200), y], weight)
    assert_same_fit(a, b)


def test_weights_may_be_of_any_number_type():
    X, y = two_regimes(100)
    weight = np.random.default_rng(1).integers(0, 3, 100)
    fits = [
        MoERegressor(2, n_init=2, random_state=0).fit(X, y, w)
        for w in (weight, weight.astype(np.float32), weight.tolist(), weight.astype(np.int8))
    ]
    assert len({fit.expert_coef_.tobytes() for fit in fits}) == 1


def test_frequency_weights_scale_the_likelihood():
    X, y = two_regimes(150)
    a = MoERegressor(2, n_init=4, random_state=0, tol=1e-11).fit(X, y)
    b = MoERegressor(2, n_init=4, random_state=0, tol=1e-11).fit(X, y, np.full(150, 3.0))
    assert b.log_likelihood_ == pytest.approx(3.0 * a.log_likelihood_, rel=1e-8)
    assert np.allclose(a.expert_coef_, b.expert_coef_, rtol=1e-5)
    assert b.weight_sum_ == 450.0 and b.n_rows_ == 150


def test_sampling_weights_are_rescaled_to_mean_one():
    X, y = two_regimes(150)
    weight = np.random.default_rng(0).uniform(0.5, 200.0, 150)
    weight[:3] = 0.0
    a = MoERegressor(2, n_init=4, random_state=0, weight_type="sampling").fit(X, y, weight)
    b = MoERegressor(2, n_init=4, random_state=0, weight_type="sampling").fit(X, y, weight * 1e-4)
    c = MoERegressor(2, n_init=4, random_state=0).fit(X, y, weight * 147 / weight.sum())
    assert a.weight_sum_ == pytest.approx(147.0, rel=1e-12)
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, rel=1e-9)
    assert a.log_likelihood_ == pytest.approx(c.log_likelihood_, rel=1e-9)
    assert "sampling weights" in a.summary() and "sampling weights" not in c.summary()


@pytest.mark.parametrize("factor", (1e-3, 0.3, 1000.7))
def test_frequency_weights_that_do_not_count_rows_are_questioned(factor):
    X, y = two_regimes(100)
    with pytest.warns(WeightSumWarning, match="weight_type='sampling'"):
        MoERegressor(1).fit(X, y, np.full(100, factor))


def test_weighted_multi_output_with_one_expert_is_copies():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    weight = rng.integers(0, 4, 60)
    for covariance in ("full", "diag", "spherical"):
        a = MoERegressor(1, expert=GaussianExpert(covariance=covariance)).fit(X, Y, weight)
        b = MoERegressor(1, expert=GaussianExpert(covariance=covariance)).fit(
            np.repeat(X, weight, 0), np.repeat(Y, weight, 0)
        )
        assert_same_fit(a, b, 1e-9)
