"""Multinomial logit experts: one expert is logistic regression; what is identified is what the identities leave."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.linear_model import LogisticRegression

from classicmoe import MoEClassifier
from classicmoe.em.loop import Climb, Control
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.starts import from_responsibilities, neutral_start
from classicmoe.exceptions import ConfigurationError
from classicmoe.experts import MultinomialExpert
from classicmoe.gates import SoftmaxGate
from classicmoe.gates.softmax import SoftmaxParameters
from tests.cases import CLASSES, Case, block_of, random_parameters, three_classes

CASE = Case(SoftmaxGate(), MultinomialExpert(n_classes=3), three_classes)


def symmetric(coef):
    return coef - coef.mean(axis=0)


def one_expert(X, y, weight=None, **arguments):
    return MoEClassifier(1, expert=MultinomialExpert(**arguments), tol=1e-13).fit(X, y, weight)


# -- one expert ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ("newton", "mm"))
@pytest.mark.parametrize("weighted", (False, True))
def test_one_expert_is_multinomial_logistic_regression(seed, solver, weighted):
    X, y = three_classes(400, seed)
    X = X * [3.0, 0.1] + [5.0, -2.0]
    weight = np.random.default_rng(seed).integers(0, 4, 400) if weighted else np.ones(400, dtype=int)
    m = one_expert(X, y, weight, solver=solver)
    copies = np.repeat(np.arange(400), weight)
    truth = sm.MNLogit(y[copies], sm.add_constant(X[copies])).fit(method="newton", disp=0, maxiter=100, tol=1e-12)
    coef = symmetric(np.vstack([np.zeros(3), np.asarray(truth.params).T]))
    assert m.log_likelihood_ == pytest.approx(truth.llf, rel=1e-8)
    assert np.allclose(np.column_stack([m.expert_intercept_[0], m.expert_coef_[0]]), coef, rtol=1e-6, atol=1e-6)
    assert m.n_parameters_ == 6


def test_one_expert_is_scikit_learns_logistic_regression(seed):
    X, y = three_classes(300, seed)
    weight = np.random.default_rng(seed).integers(1, 4, 300)
    for ridge in (0.0, 3.0):
        m = one_expert(X, y, weight, ridge=ridge)
        # Their penalty is on slopes of the columns as they are; ours on standardised ones.
        center = np.average(X, axis=0, weights=weight)
        scale = np.sqrt(np.average((X - center) ** 2, axis=0, weights=weight))
        C = np.inf if ridge == 0.0 else 1.0 / ridge
        peer = LogisticRegression(C=C, tol=1e-10, max_iter=10_000)
        peer.fit((X - center) / scale, y, weight)
        assert np.allclose(m.expert_coef_[0] * scale, symmetric(peer.coef_), rtol=1e-5, atol=1e-6)
        assert np.allclose(m.predict_proba(X), peer.predict_proba((X - center) / scale), atol=1e-6)


def test_two_classes_are_binomial_experts():
    X, y = three_classes(300, 0)
    y = y == 1.0
    m = one_expert(X, y)
    truth = sm.Logit(y.astype(float), sm.add_constant(X)).fit(disp=0, tol=1e-12)
    assert np.allclose(m.expert_coef_[0, 1] - m.expert_coef_[0, 0], truth.params[1:], rtol=1e-6)
    assert m.log_likelihood_ == pytest.approx(truth.llf, rel=1e-9)


def test_newton_and_the_bound_agree_and_the_bound_never_falls():
    X, y = three_classes(250, 4)
    problem = Case(SoftmaxGate(), MultinomialExpert(n_classes=3, ridge=0.1), three_classes).problem(X, y)
    triple = problem.evaluate(random_parameters(problem, 2, 0, spread=3.0))
    for _ in range(30):
        following = problem.evaluate(problem.update(triple, "safe"))
        assert following.objective >= triple.objective - 1e-12 * abs(triple.objective)
        triple = following


@pytest.mark.parametrize("name", CLASSES)
def test_the_safe_step_is_a_bound_at_any_parameters(name):
    X, y = three_classes(120, 1)
    problem = Case(SoftmaxGate(ridge=1.0), CLASSES[name][0], three_classes).problem(X, y)
    for seed in range(20):
        triple = problem.evaluate(random_parameters(problem, 3, seed, spread=8.0))
        following = problem.evaluate(problem.update(triple, "safe"))
        assert following.objective >= triple.objective - 1e-12 * abs(triple.objective)


# -- identities: what single labels cannot tell -------------------------------------------------------------------


def density(experts, gate, X):
    """P(class | x) of an engine's mixture with given coefficients in the user's units."""
    x = np.column_stack([np.ones(len(X)), X])
    share = softmax(x @ np.asarray(gate).T, axis=1)
    return np.einsum("ik,ikc->ic", share, softmax(np.einsum("ip,kcp->ikc", x, experts), axis=2))


def engine_density(experts, gate, X):
    """The same by the package: rows scored one class at a time."""
    n_classes = np.shape(experts)[1]
    mixture = Case(SoftmaxGate(), MultinomialExpert(n_classes=n_classes), three_classes).mixture
    problem_rows = np.vstack([X, X + 1.0])  # columns must vary
    columns = []
    for code in range(n_classes):
        y = np.full(len(problem_rows), float(code))
        y[-1] = (code + 1.0) % n_classes
        problem = Case(SoftmaxGate(), MultinomialExpert(n_classes=n_classes), three_classes).problem(problem_rows, y)
        look = problem.survey
        params = MixtureParameters(
            mixture.gate.from_raw(SoftmaxParameters(np.asarray(gate, float)), look.gate_design),
            mixture.expert.from_raw(type(problem_start(problem))(np.asarray(experts, float)), look.expert_design, None),
        )
        _, _, top, log_total = mixture.e_step(params, block_of(problem))
        columns.append(np.exp(top + log_total)[: len(X)])
    return np.column_stack(columns)


def problem_start(problem):
    return neutral_start(problem, 1).expert


def binary(intercept, slope=0.0):
    """Coefficients (2, 2) of an expert for two classes with log-odds intercept + slope x."""
    return [[0.0, 0.0], [intercept, slope]]


GATE = [[0.3, 0.7], [0.0, 0.0]]
X1 = np.linspace(-3.0, 3.0, 25)[:, None]


def halves(gate, share=0.5):
    """The gate whose first expert is asked as two, with shares of it and equal slopes."""
    (a, b), *others = gate
    return [[a + np.log(share), b], [a + np.log1p(-share), b], *others]


def test_a_constant_expert_can_be_split_in_a_continuum_of_ways():
    q, w = 0.4, 0.3
    whole = engine_density([binary(logit(q)), binary(-1.0, 2.0)], GATE, X1)
    for a in (-2.0, 0.1, 1.5):
        other = logit((q - w * expit(a)) / (1.0 - w))
        split = engine_density([binary(a), binary(other), binary(-1.0, 2.0)], halves(GATE, w), X1)
        assert np.abs(split - whole).max() < 1e-14


def test_an_expert_of_one_half_is_a_pair_of_opposite_ones_of_any_slope():
    whole = engine_density([binary(0.0), binary(-1.0, 2.0)], GATE, X1)
    for a, b in ((0.3, 1.0), (-2.0, 40.0)):
        split = engine_density([binary(a, b), binary(-a, -b), binary(-1.0, 2.0)], halves(GATE), X1)
        assert np.abs(split - whole).max() < 1e-14


def test_two_more_experts_suffice_for_any_constant_probability():
    q, w = 0.8, 0.3
    whole = engine_density([binary(logit(q)), binary(-1.0, 2.0)], GATE, X1)
    rest = binary(logit((q - w / 2.0) / (1.0 - w)))
    gate = [*halves(halves(GATE, w), 0.5)]
    split = engine_density([binary(0.7, 9.0), binary(-0.7, -9.0), rest, binary(-1.0, 2.0)], gate, X1)
    assert np.abs(split - whole).max() < 1e-14


def test_the_engine_is_the_formula():
    rng = np.random.default_rng(0)
    experts, gate, X = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 3)), rng.normal(size=(20, 2))
    assert np.allclose(engine_density(experts, gate, X), density(experts, gate, X), rtol=1e-12)


def test_constant_experts_under_a_gate_are_the_four_parameter_logistic_curve():
    q1, q2, b = 0.9, 0.2, (0.4, 1.7)
    experts = [binary(logit(q1)), binary(logit(q2))]
    curve = q2 + (q1 - q2) * expit(b[0] + b[1] * X1[:, 0])
    assert np.abs(engine_density(experts, [b, [0.0, 0.0]], X1)[:, 1] - curve).max() < 1e-14


# -- steps and starts ---------------------------------------------------------------------------------------------


def test_equal_experts_stay_equal_and_a_jitter_parts_them():
    X, y = three_classes(300, 2)
    problem = CASE.problem(X, y)
    neutral = problem.evaluate(neutral_start(problem, 2))
    same = Climb(problem, Control(max_iter=40)).run(neutral).triple.params.expert.coef
    assert np.abs(same[0] - same[1]).max() < 1e-9
    resp = np.random.default_rng(0).dirichlet((1.0, 1.0), 300).T
    params = from_responsibilities(problem, resp)
    parted = Climb(problem, Control(max_iter=40)).run(problem.evaluate(params)).triple.params.expert.coef
    assert np.abs(parted[0] - parted[1]).max() > 0.1


def test_coefficients_sum_to_zero_and_pure_experts_stay_finite():
    X = np.linspace(-1.0, 1.0, 60)[:, None]
    y = np.where(X[:, 0] > 0.02, "b", "a")
    m = one_expert(X, y)
    assert np.isfinite(m.expert_coef_).all() and m.converged_ and m.log_likelihood_ > -1e-3
    assert np.abs(m.expert_coef_.sum(axis=1)).max() < 1e-12 * np.abs(m.expert_coef_).max()
    soft = one_expert(X, y, ridge=1.0)
    assert np.abs(soft.expert_coef_).max() < 10.0


def test_an_expert_without_rows_is_left_alone():
    X, y = three_classes(100, 0)
    problem = CASE.problem(X, y)
    params = random_parameters(problem, 2, 0)
    resp = np.vstack([np.ones(100), np.zeros(100)])
    expert = problem.mixture.expert
    statistics = expert.statistics(params.expert, block_of(problem), resp)
    moved = expert.update(params.expert, statistics, problem.ground)
    assert np.allclose(moved.coef[1], params.expert.coef[1], rtol=1e-14, atol=1e-15)
    assert np.abs(moved.coef[0] - params.expert.coef[0]).max() > 1e-3


def test_the_number_of_classes_must_be_known():
    with pytest.raises(ConfigurationError, match="number of classes is not known"):
        MultinomialExpert().working(np.zeros((1, 3)))
    with pytest.raises(ConfigurationError, match="n_classes must be a whole number >= 2"):
        MoEClassifier(expert=MultinomialExpert(n_classes=1)).fit([[0.0], [1.0]], [0, 1])


def test_starts_see_one_row_per_class():
    working = MultinomialExpert(n_classes=3).working(np.array([[0.0, 2.0, 2.0, 1.0]]))
    assert np.allclose(working, [[0.75, -0.25, -0.25, -0.25], [-0.25, -0.25, -0.25, 0.75], [-0.5, 0.5, 0.5, -0.5]])


def test_log_densities_of_huge_logits():
    X, y = three_classes(50, 0)
    problem = CASE.problem(X, y)
    params = random_parameters(problem, 2, 0)
    big = params._replace(expert=type(params.expert)(params.expert.coef * 1e3))
    block = block_of(problem)
    log_density = problem.mixture.expert.log_density(big.expert, block)
    logits = np.einsum("kcp,pm->kcm", big.expert.coef, block.expert_columns)
    expected = log_softmax(logits, axis=1)[:, y.astype(int), np.arange(50)]
    assert np.allclose(log_density, expected, rtol=1e-12)
