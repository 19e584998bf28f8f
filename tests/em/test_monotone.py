"""The promise of the engine: the recorded path never falls, and parameters, statistics and objective are one triple."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from classicmoe.em.acceleration import ACCELERATORS
from classicmoe.em.loop import Climb, Control
from classicmoe.em.survey import MIN_VARIANCE
from classicmoe.experts import GaussianExpert
from classicmoe.gates import ConstantGate, GaussianGate, SoftmaxGate
from tests.cases import ENGINE, case_of, over, random_parameters
from tests.em.test_statistics import leaves
from tests.penalised import FITTED, PENALISED

SIDES = (None, [0], [], PolynomialFeatures(2, include_bias=False), StandardScaler(), "x0 + np.abs(x1)")
KINDS = st.sampled_from(("noise", "regimes", "outliers", "rounded", "offset"))


def draw(kind, n, q, seed):
    """Data of many sorts, most of which no mixture of experts made."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=(n, q))
    if kind == "regimes":
        y = np.where(X[:, :1] > 0.0, 5.0 + y, X[:, 1:] + 0.05 * y)
    elif kind == "outliers":
        y[rng.integers(n, size=2)] *= 1e4
        X[rng.integers(n)] = 50.0
    elif kind == "rounded":
        X, y = np.round(X), np.round(y)
        X[0], X[1], y[0] = -1.0, 2.0, 3.0
    elif kind == "offset":
        X, y = X + 1e6, 1e-3 * y + 1e3
    return X, y[:, 0] if q == 1 else y


def assert_never_falls(path):
    path = np.asarray(path)
    steps = np.diff(path)
    assert (steps >= -1e-12 * (1.0 + np.abs(path[:-1]))).all(), steps.min()


GATES = st.one_of(
    st.just(ConstantGate()),
    st.builds(SoftmaxGate, solver=st.sampled_from(("newton", "mm")), ridge=st.sampled_from((0.0, 1e-10, 1e-3))),
    st.builds(
        GaussianGate,
        covariance=st.sampled_from(("full", "diag", "spherical")),
        scale=st.sampled_from(("own", "shared")),
    ),
)
EXPERTS = st.builds(
    GaussianExpert,
    scale=st.sampled_from(("own", "shared")),
    covariance=st.sampled_from(("full", "diag", "spherical")),
)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@settings(max_examples=50)
@given(
    gate=GATES,
    expert=EXPERTS,
    kind=KINDS,
    n=st.integers(25, 120),
    q=st.integers(1, 2),
    n_experts=st.integers(1, 4),
    sides=st.tuples(st.sampled_from(SIDES), st.sampled_from(SIDES)),
    weighted=st.booleans(),
    acceleration=st.sampled_from(tuple(ACCELERATORS)),
    seed=st.integers(0, 10**6),
)
def test_every_path_rises(gate, expert, kind, n, q, n_experts, sides, weighted, acceleration, seed):
    X, y = draw(kind, n, q, seed)
    weight = np.random.default_rng(seed).integers(0, 4, n) if weighted else None
    if weighted:
        weight[:9] += 1
    gate_side = None if gate.name == "constant" or (gate.name == "gaussian" and sides[0] == []) else sides[0]
    estimator = case_of(gate, expert).estimator(
        n_experts,
        gate_features=gate_side,
        expert_features=sides[1],
        n_init=3,
        random_state=seed,
        max_iter=120,
        acceleration=acceleration,
    )
    X = X if not any(isinstance(side, str) for side in sides) else frame(X)
    estimator.fit(X, y, weight)
    assert_never_falls(estimator.objective_path_)
    assert estimator.objective_ == estimator.objective_path_[-1]
    for start in estimator.starts_:
        assert_never_falls(start["path"])
        if start["path"]:
            assert start["path"][-1] == start["objective"]
    total = estimator.score_samples(X, y) @ (np.ones(n) if weight is None else weight)
    assert estimator.log_likelihood_ == pytest.approx(total, rel=1e-9, abs=1e-6)
    assert estimator.criterion_log_likelihood_ == pytest.approx(
        -0.5 * estimator.aic(X, y, weight) + estimator.n_parameters_, rel=1e-9, abs=1e-6
    )
    if n_experts > 1:
        units = np.outer(estimator.response_scale_, estimator.response_scale_)
        assert np.linalg.eigvalsh(estimator.expert_covariances_ / units).min() > 0.999 * MIN_VARIANCE


def frame(X):
    import pandas as pd

    return pd.DataFrame(X, columns=["x0", "x1"])


@over(ENGINE | PENALISED)
def test_the_result_is_one_triple(case):
    X, y = case.simulate(80, 11)
    problem = case.problem(X, y, np.random.default_rng(0).integers(0, 3, 80).astype(float))
    watched = []
    climb = Climb(problem, Control(tol=1e-8, max_iter=60), watched.append)
    outcome = climb.run(problem.evaluate(random_parameters(problem, 2, 1)))
    assert_never_falls(outcome.path)
    assert outcome.path[-1] == outcome.triple.objective
    assert [triple.objective for triple in watched] == outcome.path[1:]
    for triple in (*watched[::7], outcome.triple):
        again = problem.evaluate(triple.params)
        assert triple.objective == pytest.approx(again.objective, rel=1e-12)
        pairs = zip(leaves(triple.statistics), leaves(again.statistics), strict=True)
        assert all(np.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in pairs)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@over(FITTED)
def test_every_path_of_a_penalised_fit_rises(case):
    X, y = case.simulate(60, 11)
    weight = np.random.default_rng(0).integers(0, 3, 60)
    estimator = case.estimator(n_init=1, random_state=0, max_iter=15)
    estimator.fit(sparse.csr_array(X) if len(case.settings) % 2 else X, y, weight)
    assert_never_falls(estimator.objective_path_)
    assert estimator.objective_ == estimator.objective_path_[-1]
    for start in estimator.starts_:
        assert_never_falls(start["path"])
