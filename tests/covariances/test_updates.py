"""Updates: each maximises the expected complete-data log-likelihood; structures that contain each other agree."""

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import multivariate_normal
from sklearn.decomposition import FactorAnalysis

from classicmoe.covariances import Block, Dense, Diagonal, Factor
from classicmoe.covariances.factor import FactorParameters
from classicmoe.em.loop import Climb, Control
from classicmoe.em.starts import from_responsibilities, neutral_start
from classicmoe.em.survey import MIN_VARIANCE
from classicmoe.gates import ConstantGate
from tests import reference
from tests.cases import StructuredExpert, block_of, case_of, largest_difference, several

K = 3


def structures(q):
    """Every structure of q outputs by name; blocks of K experts."""
    table = {
        f"factor {p} {scale} {s}": Factor(p, scale, s) for p in (1, 2) for scale in ("own", "shared") for s in (0, 1)
    }
    table |= {f"diagonal {scale} {s}": Diagonal(scale, s) for scale in ("own", "shared") for s in (0, 1)}
    labels = np.array([np.arange(q) % 2, np.arange(q) // 2, np.arange(q)[::-1] % 3])
    return table | {f"dense {scale}": Dense(scale) for scale in ("own", "shared")} | {"block": Block(labels)}


OVER = pytest.mark.parametrize(("name", "q"), [(name, q) for q in (3, 5) for name in structures(q)])
COMPLETE = [(name, q, 0.0) for q in (3, 5) for name in structures(q)]
GAPS = [(name, q, 0.3) for name, q, _ in COMPLETE if name.startswith("diagonal")]
DIAGONAL = [name for name in structures(3) if name.startswith("diagonal")]


def rows(q, n=70, missing=0.0, seed=0):
    """A problem without gate, its block, responsibilities (K, n) and parameters far from any optimum."""

    def build(structure):
        X, y = several(q, missing=missing)(n, seed)
        if missing:
            y[3] = np.nan
        rng = np.random.default_rng(seed + 1)
        resp = rng.dirichlet(np.ones(K), n) * rng.integers(0, 3, n)[:, None]
        problem = case_of(ConstantGate(), StructuredExpert(structure)).problem(X, y, resp.sum(axis=1))
        expert, block = problem.mixture.expert, block_of(problem)
        like = expert.start(K, problem.ground)
        params = expert.unpack(expert.pack(like) + 0.3 * rng.normal(size=expert.n_free(like)), like)
        return problem, expert, block, np.ascontiguousarray(resp.T), params

    return build


def expected_log_likelihood(expert, old, block, resp):
    """The function of new parameters that an update must maximise: latent factors and gaps as the old ones see them.

    Without factors and gaps it is sum r log N(y; Bx, Sigma); everything is written out with dense matrices.
    """
    design, y = block.expert_columns, block.y
    means = expert.mean(old, block)
    loadings = getattr(old.noise, "loadings", np.zeros((*means.shape[:2], 1)))
    noise = expert.covariances(old) - loadings @ loadings.transpose(0, 2, 1)

    def value(new):
        total = 0.0
        new_loadings = getattr(new.noise, "loadings", np.zeros(loadings.shape))
        new_noise = expert.covariances(new) - new_loadings @ new_loadings.transpose(0, 2, 1)
        for k in range(len(resp)):
            gaps = np.isnan(y)
            full = np.where(gaps, means[k], y)
            inside = np.linalg.inv(noise[k])
            spread_w = np.linalg.inv(np.eye(loadings.shape[2]) + loadings[k].T @ inside @ loadings[k])
            w = spread_w @ loadings[k].T @ inside @ (full - means[k])
            error = full - new.coef[k] @ design - new_loadings[k] @ w
            precision, (sign, log_det) = np.linalg.inv(new_noise[k]), np.linalg.slogdet(new_noise[k])
            assert sign > 0
            square = np.einsum("in,ij,jn->n", error, precision, error)
            square += np.trace(precision @ new_loadings[k] @ spread_w @ new_loadings[k].T)
            square += gaps.T @ (np.diag(precision) * np.diag(noise[k]))  # a gap varies by its noise
            total -= 0.5 * float(resp[k] @ (square + log_det))
        return total

    return value


@pytest.mark.parametrize(("name", "q", "missing"), [*COMPLETE, *GAPS])
def test_an_update_maximises_the_expected_log_likelihood(name, q, missing):
    problem, expert, block, resp, old = rows(q, missing=missing)(structures(q)[name])
    statistics = expert.statistics(old, block, resp)
    value = expected_log_likelihood(expert, old, block, resp)
    best = expert.update(old, statistics, problem.ground)
    for step in ("half", "safe"):
        assert (
            largest_difference(expert.pack(expert.update(old, statistics, problem.ground, step)), expert.pack(best))
            == 0
        )
    top, vector, rng = value(best), expert.pack(best), np.random.default_rng(2)
    assert value(old) < top
    for size in (1e-4, 1e-3, 1e-2, 0.1):
        for _ in range(6):
            assert value(expert.unpack(vector + size * rng.normal(size=len(vector)), best)) < top


@OVER
def test_the_score_at_any_parameters_is_that_of_the_expected_log_likelihood(name, q):
    # Fisher's identity: the derivative of the log-likelihood is that of the expected complete one at the same place.
    _, expert, block, resp, params = rows(q, missing=0.3 if name in DIAGONAL else 0.0)(structures(q)[name])
    value, vector = expected_log_likelihood(expert, params, block, resp), expert.pack(params)
    score = expert.score(params, expert.statistics(params, block, resp))
    for j in range(0, len(vector), 3):
        step = np.zeros(len(vector))
        step[j] = 1e-5
        slope = (value(expert.unpack(vector + step, params)) - value(expert.unpack(vector - step, params))) / 2e-5
        assert score[j] == pytest.approx(slope, rel=1e-5, abs=1e-5 * resp.sum())


@OVER
def test_an_expert_without_rows_keeps_its_parameters(name, q):
    problem, expert, block, resp, old = rows(q)(structures(q)[name])
    resp[0] += resp[2]
    resp[2] = 0.0
    new = expert.update(old, expert.statistics(old, block, resp), problem.ground)
    assert np.array_equal(new.coef[2], old.coef[2])
    assert not np.allclose(new.coef[0], old.coef[0])
    if "shared" not in name:
        assert np.allclose(expert.covariances(new)[2], expert.covariances(old)[2], rtol=1e-12, atol=1e-14)
    if name.startswith("factor"):
        assert np.array_equal(new.noise.loadings[2], old.noise.loadings[2])


@OVER
def test_no_noise_falls_below_the_floor(name, q):
    structure, rng = structures(q)[name], np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X @ rng.normal(size=(2, q))  # perfectly explained
    problem = case_of(ConstantGate(), StructuredExpert(structure)).problem(X, y)
    expert, block = problem.mixture.expert, block_of(problem)
    params, resp = expert.start(K, problem.ground), np.full((K, 60), 1.0 / 3.0)
    for _ in range(200 if name.startswith("factor") else 2):
        params = expert.update(params, expert.statistics(params, block, resp), problem.ground)
    assert np.allclose(np.linalg.eigvalsh(expert.covariances(params))[:, 0], MIN_VARIANCE, rtol=1e-6)
    assert expert.at_floor(params, problem.ground).all()
    assert np.isfinite(expert.log_density(params, block)).all()


@OVER
def test_an_expert_on_fewer_rows_than_coefficients_fits_them_and_stays_finite(name, q):
    structure, rng = structures(q)[name], np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=(80, q))
    problem = case_of(ConstantGate(), StructuredExpert(structure)).problem(X, y)
    expert, block = problem.mixture.expert, block_of(problem)
    start, resp = expert.start(K, problem.ground), np.zeros((K, 80))
    params, resp[0, :2], resp[1, 2:40], resp[2, 40:] = start, 1.0, 1.0, 1.0
    for _ in range(4):
        params = expert.update(params, expert.statistics(params, block, resp), problem.ground)
    # The smallest change that fits: nothing moves along what two rows cannot tell.
    silent = null_space(block.expert_columns[:, :2].T)
    assert silent.shape == (4, 2)
    assert np.abs((params.coef[0] - start.coef[0]) @ silent).max() < 1e-9
    assert np.allclose(expert.mean(params, block)[0][:, :2], block.y[:, :2], atol=1e-6)
    assert expert.at_floor(params, problem.ground).tolist() == [("shared" not in name), False, False]


# -- structures within structures ---------------------------------------------------------------------------------


def fit(structure, q, n_experts=2, seed=0, params=None):
    """A climb from fixed responsibilities (or parameters) without acceleration, and the problem."""
    X, y = several(q)(150, seed)
    problem = case_of(ConstantGate(), StructuredExpert(structure)).problem(X, y)
    resp = np.random.default_rng(seed).dirichlet(np.ones(n_experts), 150).T
    start = from_responsibilities(problem, resp) if params is None else params(problem, resp)
    return problem, Climb(problem, Control(tol=1e-10, max_iter=60, acceleration="none")).run(problem.evaluate(start))


def assert_equal_fits(one, two):
    (_, a), (_, b) = one, two
    assert np.allclose(a.path, b.path, rtol=1e-10, atol=0)
    covariances = [p.mixture.expert.covariances(o.triple.params.expert) for p, o in (one, two)]
    assert largest_difference(a.triple.params.expert.coef, b.triple.params.expert.coef) < 1e-10
    assert largest_difference(*covariances) < 1e-10
    assert len(a.path) == len(b.path) > 10


@pytest.mark.parametrize("q", (2, 5))
def test_one_block_is_a_dense_covariance(q):
    assert_equal_fits(fit(Block(np.zeros((2, q))), q), fit(Dense(), q))


@pytest.mark.parametrize("q", (2, 5))
def test_blocks_of_one_are_a_diagonal_covariance(q):
    assert_equal_fits(fit(Block([np.arange(q), np.arange(q)[::-1]]), q), fit(Diagonal(), q))


@pytest.mark.parametrize(("scale", "spherical"), (("own", False), ("own", True), ("shared", False), ("shared", True)))
def test_without_loadings_a_factor_stays_diagonal(scale, spherical):
    def bare(problem, resp):
        params = from_responsibilities(problem, resp)
        noise = params.expert.noise
        variance = diagonal.triple.params.expert.noise.variance
        return params._replace(
            gate=diagonal.triple.params.gate,
            expert=params.expert._replace(
                coef=diagonal.triple.params.expert.coef, noise=FactorParameters(0.0 * noise.loadings, variance)
            ),
        )

    problem = case_of(ConstantGate(), StructuredExpert(Diagonal(scale, spherical))).problem(*several(4)(150, 0))
    resp = np.random.default_rng(0).dirichlet(np.ones(2), 150).T
    control = Control(tol=1e-10, max_iter=60, acceleration="none")
    start = problem.evaluate(from_responsibilities(problem, resp))
    diagonal = Climb(problem, Control(max_iter=2, acceleration="none")).run(start)
    plain = problem, Climb(problem, control).run(problem.evaluate(diagonal.triple.params))
    with_factor = fit(Factor(2, scale, spherical), 4, params=bare)
    assert (with_factor[1].triple.params.expert.noise.loadings == 0.0).all()
    assert_equal_fits(plain, with_factor)


def test_a_structure_that_holds_another_reaches_at_least_its_likelihood():
    # From the diagonal optimum, a dense covariance and a factor with small loadings only gain.
    problem, outcome = fit(Diagonal(), 4)
    params = outcome.triple.params
    dense = case_of(ConstantGate(), StructuredExpert(Dense())).problem(*several(4)(150, 0))
    noise = Dense().from_dense(problem.mixture.expert.covariances(params.expert))
    triple = dense.evaluate(params._replace(expert=params.expert._replace(noise=noise)))
    assert triple.objective == pytest.approx(outcome.triple.objective, rel=1e-12)
    assert dense.evaluate(dense.update(triple)).objective > triple.objective + 1.0
    factor = case_of(ConstantGate(), StructuredExpert(Factor(1))).problem(*several(4)(150, 0))
    loadings = np.full((2, 4, 1), 1e-2)
    noise = FactorParameters(loadings, params.expert.noise.variance)
    triple = factor.evaluate(params._replace(expert=params.expert._replace(noise=noise)))
    climbed = Climb(factor, Control(max_iter=200)).run(triple)
    assert climbed.triple.objective > outcome.triple.objective + 1.0


# -- one expert: programs and formulas that are not ours ----------------------------------------------------------


def converged(structure, X, y, columns=None):
    """One expert's parameters in the user's units and log-likelihood."""
    case = case_of(ConstantGate(), StructuredExpert(structure))
    problem = case.problem(X, y, expert_columns=columns)
    outcome = Climb(problem, Control(tol=1e-15, max_iter=20_000)).run(problem.evaluate(neutral_start(problem, 1)))
    look, expert = problem.survey, problem.mixture.expert
    params = expert.to_raw(outcome.triple.params.expert, look.expert_design, look.response)
    lost = (np.log(look.response.scale) * ~np.isnan(y)).sum()
    return params, outcome.triple.objective - lost, expert.covariances(params)[0]


def one_population(p, n=300):
    """Six outputs moved by p factors, clearly above the noise."""
    rng = np.random.default_rng(4)
    loadings = rng.choice([-1.0, 1.0], (6, p)) * rng.uniform(0.5, 2.0, (6, p))
    return rng.normal(size=(n, 1)), 5.0 + rng.normal(size=(n, p)) @ loadings.T + rng.normal(size=(n, 6))


@pytest.mark.parametrize("p", (1, 2))
def test_one_expert_without_columns_is_factor_analysis(p):
    X, y = one_population(p)
    y *= [1.0, 10.0, 0.1, 1.0, 3.0, 0.5]
    peer = FactorAnalysis(p, tol=1e-10, max_iter=100_000, svd_method="lapack").fit(y)
    params, log_likelihood, covariance = converged(Factor(p), X, y, columns=[])
    assert log_likelihood == pytest.approx(300 * peer.score(y), rel=1e-9)
    assert np.allclose(params.coef[0, :, 0], peer.mean_, rtol=1e-9)
    size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs((covariance - peer.get_covariance()) / size).max() < 1e-5


@pytest.mark.parametrize("p", (1, 2))
def test_one_spherical_expert_without_columns_is_probabilistic_components(p):
    # Tipping & Bishop (1999): noise is the mean of the discarded eigenvalues, loadings are the others above it.
    X, y = one_population(p)
    _, log_likelihood, covariance = converged(Factor(p, spherical=True), X, y, columns=[])
    values, vectors = np.linalg.eigh(np.cov(y.T, ddof=0))
    kept = values.copy()
    kept[: 6 - p] = values[: 6 - p].mean()
    expected = (vectors * kept) @ vectors.T
    density = multivariate_normal(y.mean(axis=0), expected).logpdf(y).sum()
    assert log_likelihood == pytest.approx(density, rel=1e-10)
    assert np.allclose(covariance, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weighted", (False, True))
def test_one_expert_with_gaps_is_least_squares_on_the_entries_that_are_there(weighted):
    X, y = several(4, missing=0.3)(200, 5)
    y[3], y[:185, 2] = np.nan, np.nan  # a row without response, an output almost without
    weight = np.random.default_rng(0).integers(1, 4, 200).astype(float) if weighted else np.ones(200)
    rows = np.repeat(np.arange(200), weight.astype(int))
    params, log_likelihood, covariance = converged(Diagonal(), X[rows], y[rows])
    expected = 0.0
    for j in range(4):
        seen = ~np.isnan(y[:, j])
        coef, variance, value = reference.least_squares(X[seen], y[seen, j], weight[seen])
        # Near an optimum the objective, known to 1e-13, tells parameters apart to about the root of that.
        assert np.allclose(params.coef[0, j], coef[0], rtol=1e-5, atol=1e-5)
        assert covariance[j, j] == pytest.approx(variance[0, 0], rel=1e-5)
        expected += value
    assert log_likelihood == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("sizes", ((2, 3), (1, 1, 3), (5,)))
def test_one_expert_of_blocks_is_least_squares_with_the_blocks_of_the_residuals(sizes):
    X, y = several(5)(200, 6)
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    params, log_likelihood, covariance = converged(Block(labels[None]), X, y)
    coef, residual, _ = reference.least_squares(X, y)
    expected = np.where(labels[:, None] == labels, residual, 0.0)
    assert np.allclose(params.coef[0], coef, rtol=1e-10, atol=1e-10)
    assert np.allclose(covariance, expected, rtol=1e-10, atol=1e-10)
    fitted = np.column_stack([np.ones(200), X]) @ coef.T
    density = multivariate_normal(np.zeros(5), expected).logpdf(y - fitted).sum()
    assert log_likelihood == pytest.approx(density, rel=1e-12)
