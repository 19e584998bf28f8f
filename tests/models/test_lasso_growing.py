"""Lasso mixtures with an expert too many: no worse than with one fewer, and told."""

import numpy as np
import pytest

from classicmoe import LassoMoEClassifier, LassoMoERegressor, MoESelector
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.penalty_grid import with_empty_expert
from classicmoe.experts.gaussian import GaussianExpert
from classicmoe.experts.multinomial import MultinomialExpert, MultinomialParameters
from classicmoe.experts.penalised import PenalisedExpert
from classicmoe.experts.penalised_classes import PenalisedClasses
from classicmoe.experts.poisson import PoissonExpert
from classicmoe.gates.penalised import PenalisedGate
from classicmoe.gates.softmax import SoftmaxParameters
from classicmoe.lasso.growing import _regular
from classicmoe.lasso.search import Found
from classicmoe.penalties import L1
from tests.models.test_lasso import regimes

QUICK = {"n_init": 3, "n_alphas": 12, "random_state": 0}
IGNORED = [
    "ignore::classicmoe.exceptions.NotReplicatedWarning",
    "ignore::classicmoe.exceptions.SuspectSolutionWarning",
    "ignore::classicmoe.exceptions.EndOfPathWarning",
    "ignore::classicmoe.exceptions.WideExpertWarning",
]
pytestmark = [pytest.mark.filterwarnings(own) for own in IGNORED]


@pytest.mark.parametrize("more", [{}, {"parametrisation": "scaled"}, {"gate_form": "reference"}], ids=str)
def test_an_expert_too_many_costs_its_parameters_only(more):
    X, y = regimes(200, 10)
    two, three = (LassoMoERegressor(k, **QUICK, **more).fit(X, y) for k in (2, 3))
    assert three.bic(X, y) <= two.bic(X, y) + 3.0 * np.log(len(y)) + 1e-3  # an intercept, a scale, a line of the gate
    assert three.optimality_ < 1e-6 and (np.diff(three.objective_path_) >= -1e-10 * abs(three.objective_)).all()
    assert three.verdict_.level != "OK" and np.isfinite(three.predict(X)).all()


def test_an_expert_without_rows_is_told():
    X, y = regimes(200, 10)
    m = LassoMoERegressor(3, **QUICK).fit(X, y)
    empty = m.responsibilities(X, y).sum(axis=0) < 1e-6
    assert m.verdict_.level == "WEAK" and empty.any()
    for k in np.flatnonzero(empty):
        assert f"expert {k} has less than one row and is one too many" in str(m.verdict_)
        assert not m.support_["expert"][k].any()


def test_a_selection_over_the_number_of_experts_has_no_holes():
    X, y = regimes(200, 10)
    table = MoESelector(LassoMoERegressor(**QUICK), {"n_experts": [1, 2, 3, 4]}).fit(X, y).results_
    bic = table.sort_values("n_experts")["bic"].to_numpy()
    assert np.argmin(bic) == 1
    assert (np.diff(bic[1:]) <= 3.0 * np.log(len(y)) + 1e-3).all()


def test_classes_with_an_expert_too_many():
    X, y = regimes(300, 6)
    two, three = (LassoMoEClassifier(k, **QUICK).fit(X, y > 0) for k in (2, 3))
    assert three.bic(X, y > 0) <= two.bic(X, y > 0) + 2.0 * np.log(len(y)) + 1e-3


def test_folds_know_an_expert_too_many_as_well():
    X, y = regimes(200, 10)
    settings = QUICK | {"n_alphas": 8, "criterion": "cv", "cv": 3}
    two, three = (LassoMoERegressor(k, **settings).fit(X, y).path_ for k in (2, 3))
    assert np.nanmin(three.criteria["cv"]) < np.nanmin(two.criteria["cv"]) + 0.1  # per row; it was 0.43


def _mixture(family, form):
    rng = np.random.default_rng(0)
    gate = SoftmaxParameters(np.array([[0.3, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    if family == "multinomial":
        expert = PenalisedClasses(MultinomialExpert(), L1(1.0))
        params = MultinomialParameters(rng.normal(size=(2, 3, 3)))
    else:
        base = GaussianExpert() if family == "gaussian" else PoissonExpert()
        expert = PenalisedExpert(base, L1(1.0))
        slopes = {"expert_coef_": rng.normal(size=(2, 2)), "expert_intercept_": rng.normal(size=2)}
        params = base.from_attributes(slopes | {"expert_covariances_": np.array([[[0.25]], [[4.0]]])})
    return Mixture(PenalisedGate(L1(2.0), form), expert), MixtureParameters(gate, params)


def test_a_path_without_a_regular_solution_is_no_choice():
    """Whatever its criterion is: an expert that collapses raises the likelihood without limit."""
    good = Found([(1.0, 1.0)], 0, [], [500.0], [], "peak", regular=True)
    collapsed = good._replace(values=[-1e6], regular=False)
    assert _regular([collapsed, good]) == [good]
    assert _regular([collapsed]) == [collapsed]


@pytest.mark.parametrize("form", ["symmetric", "reference"])
@pytest.mark.parametrize("family", ["gaussian", "poisson", "multinomial"])
def test_an_empty_expert_changes_neither_gate_nor_penalty(family, form):
    mixture, params = _mixture(family, form)
    grown = with_empty_expert(mixture, params)
    assert mixture.penalty(grown) == pytest.approx(mixture.penalty(params), rel=1e-12)
    assert len(grown.gate.coef) == 3
    scores = np.column_stack([np.ones(50), np.random.default_rng(1).normal(size=(50, 2))])
    before, after = (scores @ own.coef.T for own in (params.gate, grown.gate))
    np.testing.assert_allclose(after[:, 1] - after[:, 2], before[:, 0] - before[:, 1], atol=1e-12)
    assert (after[:, 0] < after[:, 1:].min(axis=1) - 40.0).all()
    assert mixture.expert.slopes_used(grown.expert) == mixture.expert.slopes_used(params.expert)
