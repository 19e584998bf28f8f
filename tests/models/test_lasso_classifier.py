"""LassoMoEClassifier: conditions of optimality from first principles, scikit-learn, limits, labels, weights, files."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp, softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from classicmoe import Batches, LassoMoEClassifier, MoEClassifier, criteria, load
from classicmoe.exceptions import ConfigurationError, DataError, RareClassWarning
from classicmoe.experts import MultinomialExpert
from classicmoe.penalties import Linear, Sign
from tests.messages import refused

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning")
]
NAMES = np.array(["high", "low", "middle"])
TIGHT = 1e-6  # of the penalty: what is promised for a violation of a condition of optimality


def regimes(n, p=5, n_classes=3, seed=0):
    """Codes of classes: the sign of what the second column says depends on the first, the others are noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    upper = (rng.random(n) < 1.0 / (1.0 + np.exp(-3.0 * X[:, 0]))).astype(int)
    coef = np.zeros((2, n_classes, p))
    coef[0, 0, 1], coef[1, 0, 1], coef[0, 1, 2] = 3.0, -3.0, 2.0
    logits = np.einsum("icp,ip->ic", coef[upper], X) + rng.gumbel(size=(n, n_classes))
    return X * np.linspace(0.5, 2.0, p) + np.arange(p), logits.argmax(axis=1)


def quick(alpha_gate=None, alpha_expert=None, k=2, **more):
    return LassoMoEClassifier(k, alpha_gate, alpha_expert, **({"n_init": 3, "random_state": 0} | more))


def test_constraints_on_the_gate_hold_at_an_optimum_and_those_on_experts_are_refused():
    X, codes = regimes(300, 4)
    free = quick(2.0, 4.0).fit(X, codes)
    half = 0.5 * abs(free.gate_coef_[1, 0] - free.gate_coef_[0, 0])
    limits = [Linear([(1.0, 0, 1), (-1.0, 0, 0)], lower=-half, upper=half, side="gate")]
    m = quick(2.0, 4.0, constraints=limits).fit(X, codes)
    assert abs(m.gate_coef_[1, 0] - m.gate_coef_[0, 0]) == pytest.approx(half, rel=1e-6)
    assert m.objective_ < free.objective_ and m.optimality_ <= TIGHT
    with pytest.raises(ConfigurationError, match='side="gate" is'):
        quick(2.0, 4.0, constraints=[Sign(1)]).fit(X, codes)


def test_refit_is_maximum_likelihood_on_the_support_of_every_class():
    X, codes = regimes(500, 6)
    penalised, m = quick(6.0, 8.0).fit(X, codes), quick(6.0, 8.0, refit=True).fit(X, codes)
    support = m.support_["expert"]
    np.testing.assert_array_equal(support, penalised.support_["expert"])
    assert 0 < support.sum() < support.size and m.log_likelihood_ > penalised.log_likelihood_
    _, experts, resp, total = parts(m, X, codes)
    rows = resp[:, :, None] * ((codes[:, None] == np.arange(3))[:, None] - experts)
    assert total == pytest.approx(m.log_likelihood_, rel=1e-9)
    assert np.abs(np.einsum("ikc,ip->kcp", rows, standardised(X))[support]).max() < 1e-6


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def parts(m, X, codes):
    """Gate (n, K), classes (n, K, C), responsibilities (n, K) and log-likelihood, with nothing of the package."""
    gate = softmax(X @ m.gate_coef_.T + m.gate_intercept_, axis=1)
    experts = softmax(np.einsum("kcp,ip->ikc", m.expert_coef_, X) + m.expert_intercept_, axis=2)
    with np.errstate(divide="ignore"):
        joint = np.log(gate) + np.log(experts[np.arange(len(X)), :, codes])
    total = logsumexp(joint, axis=1, keepdims=True)
    return gate, experts, np.exp(joint - total), float(total.sum())


def objective(m, X, codes):
    slopes = m.gate_coef_ * X.std(axis=0), m.expert_coef_ * X.std(axis=0)
    by_expert = m.alpha_expert_ * np.abs(slopes[1]).sum(axis=(1, 2))
    return parts(m, X, codes)[3] - m.alpha_gate_ * np.abs(slopes[0]).sum() - by_expert.sum()


def violation(m, X, codes):
    """The worst violation of a condition of optimality over all columns."""
    gate, experts, resp, _ = parts(m, X, codes)
    Z = np.column_stack([np.ones(len(X)), standardised(X)])
    rest = resp[:, :, None] * (np.eye(experts.shape[2])[codes][:, None] - experts)
    worst = []
    for slope, gradient, alpha in (
        (m.gate_coef_, (resp - gate).T @ Z, m.alpha_gate_),
        (m.expert_coef_, np.einsum("ikc,ip->kcp", rest, Z), np.reshape(m.alpha_expert_, (-1, 1, 1))),
    ):
        own = gradient[..., 1:]
        off = np.where(slope != 0.0, np.abs(own - alpha * np.sign(slope)), np.maximum(np.abs(own) - alpha, 0.0))
        worst += [off.max(), np.abs(gradient[..., 0]).max()]
    return max(worst)


# -- optima -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_classes", "weighted"), [(2, True), (3, False), (3, True)])
def test_one_expert_is_l1_logistic_regression(n_classes, weighted):
    X, codes = regimes(150, 4, n_classes)
    weight = np.random.default_rng(1).integers(0, 3, 150) if weighted else np.ones(150, dtype=int)
    copies = np.repeat(np.arange(150), weight)
    scale = X[copies].std(axis=0)
    Z = (X - X[copies].mean(axis=0)) / scale
    for alpha in (2.0, 8.0):
        m = quick(1.0, alpha, 1).fit(X, codes, weight)
        peer = LogisticRegression(l1_ratio=1.0, solver="saga", C=1.0 / alpha, tol=1e-12, max_iter=100_000)
        peer.fit(Z[copies], codes[copies])
        best = peer.predict_log_proba(Z)[copies, codes[copies]].sum() - alpha * np.abs(peer.coef_).sum()
        assert m.objective_ == pytest.approx(best, rel=1e-9)
        coef = m.expert_coef_[0] * scale
        assert np.allclose(coef if n_classes == 3 else coef[1:] - coef[:1], peer.coef_, atol=1e-6)
        assert np.allclose(m.predict_proba(X), peer.predict_proba(Z), atol=1e-6)


@pytest.mark.parametrize("n_classes", (2, 3))
@pytest.mark.parametrize(("n", "p", "alphas"), [(300, 5, (4.0, 4.0)), (90, 150, (5.0, np.array([4.0, 6.0])))])
def test_conditions_of_optimality_hold_for_all_columns(n, p, alphas, n_classes):
    X, codes = regimes(n, p, n_classes)
    m = quick(*alphas).fit(X, codes)
    assert m.converged_ and m.optimality_ <= TIGHT
    assert violation(m, X, codes) <= TIGHT * 4.0
    assert m.objective_ == pytest.approx(objective(m, X, codes), rel=1e-10)
    assert m.log_likelihood_ == pytest.approx(parts(m, X, codes)[3], rel=1e-10)
    assert (np.diff(m.objective_path_) >= -1e-12 * (1.0 + abs(m.objective_))).all()
    assert m.support_["gate"].shape == (2, p) and m.support_["expert"].shape == (2, n_classes, p)
    size = [m.support_[side].sum() / m.support_[side].size for side in ("gate", "expert")]
    assert 0.0 < max(size) and size[1] < 0.7  # with two experts for two classes the gate may do all the work
    middle = np.sort(m.expert_coef_, axis=1)[:, (n_classes - 1) // 2]
    assert (middle == 0.0).all()  # of two classes one has the slope


def test_without_penalty_it_is_the_unpenalised_fit():
    X, codes = regimes(300, 3)
    free = MoEClassifier(2, n_init=3, random_state=0).fit(X, codes)
    m = quick(0.0, 0.0).fit(X, codes)
    assert m.log_likelihood_ == pytest.approx(free.log_likelihood_, rel=1e-6)
    assert np.allclose(m.predict_proba(X), free.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("k", (1, 3))
def test_strong_penalties_leave_frequencies_only(k):
    X, codes = regimes(150)
    m = quick(1e4, 1e4, k).fit(X, codes)
    shares = np.bincount(codes) / 150
    assert not m.support_["gate"].any() and not m.support_["expert"].any()
    assert np.allclose(m.predict_experts(X), shares, atol=1e-8)  # all experts alike
    assert np.allclose(m.predict_gate(X), 1.0 / k, atol=1e-8)
    assert m.log_likelihood_ == pytest.approx(150 * shares @ np.log(shares), rel=1e-10)
    assert m.n_parameters_ == k * 2 + k - 1 and m.optimality_ < 1e-6


def test_a_group_is_in_all_classes_of_an_expert_or_in_none():
    X, codes = regimes(300)
    m = quick(5.0, 5.0, penalty="group").fit(X, codes)
    some = m.support_["expert"].any(axis=1)
    assert (m.support_["expert"].all(axis=1) == some).all() and 0 < some.sum() < some.size
    assert np.abs(m.expert_coef_.sum(axis=1)).max() < 1e-9


# -- paths --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    X, codes = regimes(500, 6)
    return quick(n_alphas=6, alpha_min_ratio=0.02).fit(X, NAMES[codes]), X, codes


def test_a_path_finds_the_columns(found):
    m, X, codes = found
    path = m.path_
    n_points = len(path.alpha_expert)
    assert path.gate_coef.shape == (n_points, 2, 6) and path.expert_coef.shape == (n_points, 2, 3, 6)
    assert path.expert_intercept.shape == (n_points, 2, 3)
    assert path.chosen == np.argmin(path.criteria["bic"])
    assert path.objective[path.chosen] == pytest.approx(m.objective_, rel=1e-12)
    assert np.array_equal(path.expert_coef[path.chosen], m.expert_coef_) or np.array_equal(
        path.expert_coef[path.chosen], m.expert_coef_[::-1]
    )
    settled = np.array(path.status) == "CONVERGED"
    assert settled[path.chosen] and (path.optimality[settled] <= TIGHT).all()
    assert m.support_["gate"][:, 0].any() and m.support_["expert"][:, 0, 1].all()
    assert m.expert_coef_[0, 0, 1] * m.expert_coef_[1, 0, 1] < 0.0
    free = MoEClassifier(1).fit(X, NAMES[codes])
    assert path.criteria["bic"].min() < free.bic(X, NAMES[codes])


def test_criteria_count_what_is_free(found):
    m, _, _ = found
    path = m.path_
    for i in range(len(path.alpha_expert)):
        slopes = np.minimum(np.count_nonzero(path.expert_coef[i], axis=1), 2).sum()
        slopes += np.minimum(np.count_nonzero(path.gate_coef[i], axis=0), 1).sum()
        assert path.n_slopes[i] == slopes and path.degrees_of_freedom[i] == slopes + 2 * 2 + 1
    args = (path.degrees_of_freedom[-1], 500.0, path.n_slopes[-1], 6 + 2 * 2 * 6)
    assert path.criteria["ebic"][-1] == pytest.approx(criteria.ebic(path.log_likelihood[-1], *args))


@pytest.mark.parametrize("more", ({}, {"penalty": "group"}, {"expert_weights": [1.0, 0.5, 2.0, 1.0]}))
@pytest.mark.parametrize("n_classes", (2, 3))
def test_path_of_one_expert_begins_where_a_column_enters(n_classes, more):
    X, codes = regimes(150, 4, n_classes)
    m = quick(k=1, n_alphas=5, **more).fit(X, codes)
    top = m.path_.alpha_expert[0]
    assert not m.path_.expert_coef[0].any() and m.path_.expert_coef[1].any()
    assert quick(1.0, 0.999 * top, 1, **more).fit(X, codes).support_["expert"].any()
    assert not quick(1.0, 1.001 * top, 1, **more).fit(X, codes).support_["expert"].any()
    assert (np.diff(m.path_.objective) > 0.0).all() and (m.path_.optimality <= TIGHT).all()
    assert m.path_.alpha_expert[-1] == pytest.approx(1e-3 * top)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.EndOfPathWarning")
def test_a_path_of_the_gate_begins_where_it_could_tell_classes_apart():
    # Experts that say one class each leave all to the gate: its threshold counts, too, where experts are all alike.
    X, codes = regimes(150)
    pooled = (np.eye(3)[codes] - np.bincount(codes) / 150).T @ standardised(X)
    m = quick(alpha_expert=4.0, n_alphas=2, alpha_min_ratio=0.2, n_init=2).fit(X, codes)
    steps = np.log(m.path_.alpha_gate / (0.5 * np.abs(pooled).sum(axis=0).max())) / np.log(0.2)
    assert np.allclose(steps, np.round(steps), atol=1e-9) and (m.path_.alpha_expert == 4.0).all()


def test_class_weights_are_row_weights_and_columns_may_be_forbidden():
    X, codes = regimes(300, 4)
    weight = np.array([1.0, 2.0, 3.0])[codes]
    given = quick(4.0, 4.0, n_init=2, gate_weights=[0.5, 1, 1, np.inf], expert_weights=[np.inf, 1, 2, 1])
    m = given.fit(X, NAMES[codes], weight * 300 / weight.sum())
    again = clone(given).set_params(class_weight={"low": 2.0, "middle": 3.0}).fit(X, NAMES[codes])
    assert again.objective_ == pytest.approx(m.objective_, rel=1e-9)
    odds = m.predict_proba(X) / again.class_weight_
    assert np.allclose(again.predict_proba(X), odds / odds.sum(axis=1, keepdims=True), atol=1e-6)
    assert not m.support_["gate"][:, 3].any() and not m.support_["expert"][:, :, 0].any()
    assert m.support_["gate"].any() and m.support_["expert"].any()


# -- labels, rows, tables -------------------------------------------------------------------------------------------


def test_labels_and_probabilities(found):
    m, X, codes = found
    gate, experts, resp, total = parts(m, X, codes)
    proba = np.einsum("ik,ikc->ic", gate, experts)
    assert m.classes_.tolist() == NAMES.tolist()
    assert np.allclose(m.predict_proba(X), proba, atol=1e-10)
    assert np.abs(m.predict_proba(X).sum(axis=1) - 1.0).max() < 1e-12
    assert (m.predict(X) == NAMES[proba.argmax(axis=1)]).all()
    assert np.allclose(m.responsibilities(X, NAMES[codes]), resp, atol=1e-9)
    assert m.log_likelihood(X, NAMES[codes]) == pytest.approx(total, rel=1e-10)
    assert m.bic(X, NAMES[codes]) == pytest.approx(m.path_.criteria["bic"][m.path_.chosen], rel=1e-9)
    assert "multinomial experts" in str(m.summary()) and "middle" in set(m.coefficients()["output"])


def test_sparse_tables():
    X, codes = regimes(90, 150)
    X = np.where(np.abs(X - np.arange(150)) > 0.3, X, 0.0)
    thin = sparse.csr_array(X)
    one, peer = quick(1.0, 3.0, 1).fit(thin, codes), quick(1.0, 3.0, 1).fit(X, codes)
    assert one.objective_ == pytest.approx(peer.objective_, rel=1e-10)
    assert np.allclose(one.predict_proba(thin), peer.predict_proba(X), atol=1e-6)
    two = quick(5.0, 5.0, n_init=2).fit(thin, codes)
    assert violation(two, X, codes) <= TIGHT * 5.0
    assert two.predict_proba(thin).shape == (90, 3)


def test_a_class_with_one_row():
    X, codes = regimes(300)
    labels = np.where(np.arange(300) == 7, "rare", NAMES[codes])
    with pytest.warns(RareClassWarning, match="'rare'"):
        m = quick(4.0, 4.0).fit(X, labels)
    assert m.classes_.tolist() == [*NAMES.tolist(), "rare"] and m.converged_
    codes = np.searchsorted(m.classes_, labels)
    assert violation(m, X, codes) <= TIGHT * 4.0
    _, experts, resp, _ = parts(m, X, codes)
    expected = np.einsum("ik,ikc->c", resp, experts)
    assert np.allclose(expected, np.bincount(codes), atol=2 * TIGHT * 4.0)  # intercepts are free, K = 2 gradients


def test_files(found, tmp_path):
    m, X, _ = found
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert isinstance(again, LassoMoEClassifier) and again.classes_.tolist() == NAMES.tolist()
    assert np.array_equal(again.predict_proba(X), m.predict_proba(X))
    assert np.array_equal(again.support_["expert"], m.support_["expert"])


def test_what_is_refused():
    X, codes = regimes(60)
    for expert in ("ordinal", "gaussian"):
        refused(
            expert, ConfigurationError, ["multinomial"], lambda expert=expert: quick(1, 1, expert=expert).fit(X, codes)
        )
    refused("a single class", DataError, ["one class"], lambda: quick(1.0, 1.0).fit(X, np.zeros(60)))
    refused("numbers", DataError, ["continuous"], lambda: quick(1.0, 1.0).fit(X, X[:, 0]))
    refused("batches", DataError, ["Batches"], lambda: quick(1.0, 1.0).fit(Batches(lambda: iter([(X, codes, None)]))))
    refused("K alphas", ConfigurationError, ["alpha_expert", "3"], lambda: quick(1.0, [1.0] * 3).fit(X, codes))


def test_the_familys_ridge_and_solver_count():
    X, codes = regimes(150, 3)
    plain = quick(2.0, 2.0, 1).fit(X, codes)
    bound = quick(2.0, 2.0, 1, expert=MultinomialExpert(solver="mm")).fit(X, codes)
    assert bound.objective_ == pytest.approx(plain.objective_, rel=1e-9)
    ridge = quick(2.0, 2.0, 1, expert=MultinomialExpert(ridge=50.0)).fit(X, codes)
    assert np.abs(ridge.expert_coef_).sum() < 0.8 * np.abs(plain.expert_coef_).sum()
