"""One expert is the textbook's regression: statsmodels' estimates, exposures, weights and zeros included."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import norm, skewnorm, t
from statsmodels.discrete.truncated_model import TruncatedLFPoisson

from classicmoe import MoERegressor, load_dataset
from classicmoe.em.mixture import Mixture
from classicmoe.experts import BinomialExpert, HurdleExpert, StudentTExpert
from classicmoe.experts._probability_links import LINKS
from classicmoe.gates import ConstantGate
from tests.cases import block_of, problem

N = 500


@pytest.fixture(scope="module")
def rows():
    """Columns, log means, exposures and whole weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    return rng, X, 0.4 + X @ [0.5, -0.3, 0.1], rng.uniform(0.5, 3.0, N), rng.integers(0, 4, N).astype(float)


def coefficients(model):
    return np.r_[model.expert_intercept_, model.expert_coef_[0]]


def close(model, coef, log_likelihood=None):
    assert np.abs(coefficients(model) - coef).max() < 1e-6
    if log_likelihood is not None:
        assert model.log_likelihood_ == pytest.approx(log_likelihood, rel=1e-8)


def glm(y, X, family, **settings):
    return sm.GLM(y, sm.add_constant(X), family=family, **settings).fit(tol=1e-14)


def test_poisson_with_exposure_and_weights(rows):
    rng, X, z, exposure, weight = rows
    y = rng.poisson(exposure * np.exp(z))
    model = MoERegressor(1, expert="poisson").fit(X, y, sample_weight=weight, exposure=exposure)
    expected = glm(y, X, sm.families.Poisson(), exposure=exposure, freq_weights=weight)
    close(model, expected.params, expected.llf)
    assert np.allclose(model.predict(X), np.exp(sm.add_constant(X) @ expected.params), rtol=1e-7)
    assert np.allclose(model.predict(X, exposure=exposure), exposure * model.predict(X), rtol=1e-13)


def test_an_offset_is_the_logarithm_of_an_exposure(rows):
    rng, X, z, exposure, _ = rows
    y = rng.poisson(exposure * np.exp(z))
    a = MoERegressor(1, expert="poisson").fit(X, y, exposure=exposure)
    b = MoERegressor(1, expert="poisson").fit(X, y, offset=np.log(exposure))
    c = MoERegressor(1, expert="poisson").fit(X, y, exposure=10.0 * exposure)
    assert np.allclose(coefficients(a), coefficients(b), rtol=1e-8)
    assert coefficients(c)[0] == pytest.approx(coefficients(a)[0] - np.log(10.0), rel=1e-7)


def test_negative_binomial(rows):
    rng, X, z, exposure, _ = rows
    y = rng.poisson(exposure * np.exp(z) * rng.gamma(2.0, 0.5, N))
    model = MoERegressor(1, expert="negative_binomial").fit(X, y, exposure=exposure)
    expected = sm.NegativeBinomial(y, sm.add_constant(X), exposure=exposure)
    expected = expected.fit(disp=0, method="bfgs", maxiter=1000, gtol=1e-9)
    close(model, expected.params[:-1], expected.llf)
    assert 1.0 / model.expert_size_[0] == pytest.approx(expected.params[-1], abs=1e-6)


def test_negative_binomial_of_large_size_is_poisson(rows):
    rng, X, z, _, _ = rows
    y = rng.binomial(20, np.exp(z) / 20.0 / np.exp(z).max())  # scatters less than Poisson
    a, b = (MoERegressor(1, expert=family).fit(X, y) for family in ("negative_binomial", "poisson"))
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, abs=1e-3)
    assert a.expert_size_[0] > 1e4


@pytest.mark.parametrize("trials", (1, 8, None))
def test_binomial(rows, trials):
    rng, X, z, _, _ = rows
    exposure = rng.integers(1, 9, N) if trials is None else np.full(N, trials)
    y = rng.binomial(exposure, 1.0 / (1.0 + np.exp(-z)))
    given = {} if trials == 1 else {"exposure": exposure}
    model = MoERegressor(1, expert="binomial").fit(X, y, **given)
    expected = glm(np.column_stack([y, exposure - y]), X, sm.families.Binomial())
    close(model, expected.params, expected.llf)
    assert np.allclose(model.predict(X), expected.fittedvalues, rtol=1e-7)


@pytest.mark.parametrize(
    ("link", "peer"), (("probit", sm.families.links.Probit), ("cloglog", sm.families.links.CLogLog))
)
def test_other_links_of_a_probability(rows, link, peer):
    rng, X, z, _, _ = rows
    trials = rng.integers(1, 9, N)
    y = rng.binomial(trials, norm.cdf(z))
    model = MoERegressor(1, expert=BinomialExpert(link=link)).fit(X, y, exposure=trials)
    expected = glm(np.column_stack([y, trials - y]), X, sm.families.Binomial(peer()))
    close(model, expected.params, expected.llf)


@pytest.mark.parametrize("link", ("logit", "probit", "cloglog"))
def test_links_keep_their_tails(link):
    own = LINKS[link]
    z = np.linspace(-12.0, 3.0, 61)
    p, step = own.p(z), 1e-5
    np.testing.assert_allclose(own.log_p(z), np.log(p), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.exp(own.log_p(z)) + np.exp(own.log_q(z)), 1.0, rtol=1e-14)
    np.testing.assert_allclose(own.rise(z), (own.log_p(z + step) - own.log_p(z - step)) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(-own.fall(z), (own.log_q(z + step) - own.log_q(z - step)) / (2 * step), rtol=1e-6)
    inner = (p > 1e-6) & (p < 1.0 - 1e-6)
    np.testing.assert_allclose(own.predictor(p[inner]), z[inner], atol=1e-8)
    for edge in (-40.0, 40.0):
        assert np.isfinite([own.log_p(edge), own.log_q(edge), own.rise(edge), own.fall(edge)]).all()


@pytest.mark.parametrize(
    ("name", "family", "draw"),
    (
        ("gamma", sm.families.Gamma(sm.families.links.Log()), lambda rng, mean: rng.gamma(3.0, mean / 3.0)),
        ("inverse_gaussian", sm.families.InverseGaussian(sm.families.links.Log()), lambda rng, m: rng.wald(m, 4.0)),
    ),
)
def test_positive_families_at_their_own_dispersion(rows, name, family, draw):
    rng, X, z, _, weight = rows
    y = draw(rng, np.exp(z))
    model = MoERegressor(1, expert=name).fit(X, y, sample_weight=weight)
    expected = glm(y, X, family, freq_weights=weight)
    ours = family.loglike(y, expected.mu, freq_weights=weight, scale=model.expert_scale_[0])
    close(model, expected.params, ours)
    assert model.log_likelihood_ > expected.llf  # theirs is at Pearson's dispersion


def test_log_normal_is_least_squares_of_logarithms(rows):
    rng, X, z, _, _ = rows
    y = np.exp(z + 0.5 * rng.normal(size=N))
    expected = sm.OLS(np.log(y), sm.add_constant(X)).fit()
    close(MoERegressor(1, expert="log_normal").fit(X, y), expected.params, expected.llf - np.log(y).sum())


def test_zero_inflated_poisson(rows):
    rng, X, z, exposure, _ = rows
    y = rng.poisson(exposure * np.exp(z)) * (rng.random(N) < 0.7)
    model = MoERegressor(1, expert="zero_inflated_poisson").fit(X, y, exposure=exposure)
    expected = sm.ZeroInflatedPoisson(y, sm.add_constant(X), exposure=exposure)
    expected = expected.fit(disp=0, method="bfgs", maxiter=2000, gtol=1e-8)
    close(model, expected.params[1:], expected.llf)
    log_odds = np.log(model.expert_inflation_ / (1.0 - model.expert_inflation_))
    assert log_odds[0] == pytest.approx(expected.params[0], abs=1e-6)


@pytest.mark.parametrize("log_mean", (-40.0, -0.7, 0.0, 30.0))
def test_a_hurdle_of_rare_or_certain_positives(log_mean):
    # log of m^y e^-m / (y! (1 - e^-m)): by 1 - e^-m = m (1 - m / 2 + ...) rare positives are ones.
    y = np.array([0.0, 1.0, 2.0, 5.0])
    case = problem(Mixture(ConstantGate(), HurdleExpert()), np.eye(4), y, gate_columns=[], expert_columns=[])
    params = case.mixture.expert.start(1, case.ground)
    base = params.base._replace(coef=np.full_like(params.base.coef, log_mean))
    density = case.mixture.expert.log_density(params._replace(base=base, log_odds=np.zeros(1)), block_of(case))[0]
    m = np.exp(log_mean)
    above = y * log_mean - m - gammaln(y + 1.0) - np.log(-np.expm1(-m))
    assert np.allclose(density, np.log(0.5) + np.where(y > 0.0, above, 0.0), rtol=1e-12, atol=1e-12)


def test_hurdles_are_two_regressions(rows):
    rng, X, z, _, _ = rows
    y = rng.poisson(np.exp(z)) * (rng.random(N) < 0.7)
    model = MoERegressor(1, expert="hurdle_poisson").fit(X, y)
    above, share = y > 0, (y == 0).mean()
    expected = TruncatedLFPoisson(y[above], sm.add_constant(X)[above], truncation=0)
    expected = expected.fit(disp=0, method="bfgs", gtol=1e-9)
    zeros = N * (share * np.log(share) + (1.0 - share) * np.log(1.0 - share))
    close(model, expected.params, expected.llf + zeros)
    assert model.expert_zero_[0] == pytest.approx(share, rel=1e-12)
    severity = np.where(above, rng.gamma(3.0, np.exp(z) / 3.0), 0.0)
    a = MoERegressor(1, expert="hurdle_gamma", tol=1e-14).fit(X, severity)
    b = MoERegressor(1, expert="gamma", tol=1e-14).fit(X[above], severity[above])
    assert np.allclose(coefficients(a), coefficients(b), rtol=1e-7)
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_ + zeros, rel=1e-9)


def test_t_with_fixed_degrees_of_freedom_maximises_scipys_density(rows):
    rng, X, z, _, _ = rows
    y, design = z + 0.3 * rng.standard_t(3, N), sm.add_constant(X)
    model = MoERegressor(1, expert=StudentTExpert(df=3.0)).fit(X, y)

    def loss(p):
        return -t.logpdf(y - design @ p[:4], 3.0, scale=np.exp(p[4])).sum()

    best = minimize(loss, np.r_[coefficients(model), np.log(model.expert_scale_)] + 0.05, method="BFGS", tol=1e-8)
    assert model.log_likelihood_ == pytest.approx(-best.fun, rel=1e-9)
    assert np.allclose(coefficients(model), best.x[:4], atol=1e-4)


def test_t_of_a_million_degrees_of_freedom_is_normal(rows):
    _, X, z, _, weight = rows
    y = z + np.random.default_rng(1).normal(size=N)
    a = MoERegressor(1, expert=StudentTExpert(df=1e6)).fit(X, y, sample_weight=weight)
    b = MoERegressor(1).fit(X, y, sample_weight=weight)
    assert a.log_likelihood_ == pytest.approx(b.log_likelihood_, abs=1e-3)
    assert np.allclose(coefficients(a), coefficients(b), atol=1e-5)


def test_laplace_is_least_absolute_deviations(rows):
    rng, X, z, _, _ = rows
    y = z + rng.laplace(size=N)
    model = MoERegressor(1, expert="laplace").fit(X, y)
    expected = sm.QuantReg(y, sm.add_constant(X)).fit(q=0.5, max_iter=5000, p_tol=1e-9)
    size = np.abs(y - sm.add_constant(X) @ expected.params).mean()
    assert model.log_likelihood_ >= -N * (np.log(2.0 * size) + 1.0) - 1e-4
    constant = MoERegressor(1, expert="laplace", expert_features=[]).fit(X[:-1], y[:-1])
    assert constant.expert_intercept_[0] == pytest.approx(np.median(y[:-1]), abs=1e-5)


def test_skew_normal_maximises_scipys_density(rows):
    X = rows[1]
    y = skewnorm.rvs(4.0, size=N, random_state=2)
    model = MoERegressor(1, expert="skew_normal", expert_features=[], tol=1e-13).fit(X, y)
    slant, location, scale = skewnorm.fit(y, 4.0, loc=0.0, scale=1.0)
    assert model.log_likelihood_ >= skewnorm.logpdf(y, slant, location, scale).sum() - 1e-6
    assert model.expert_skewness_[0] == pytest.approx(slant, rel=1e-2)
    ours = (model.expert_skewness_[0], model.expert_intercept_[0], model.expert_scale_[0])
    assert model.log_likelihood_ == pytest.approx(skewnorm.logpdf(y, *ours).sum(), rel=1e-10)


def test_nested_families_are_in_order():
    X, y = load_dataset("geyser", return_X_y=True)
    families = ("gaussian", "skew_normal", "skew_t"), ("gaussian", "student_t", "skew_t")
    found = {
        name: MoERegressor(1, expert=name, random_state=0).fit(X, y).log_likelihood_
        for name in {name for chain in families for name in chain}
    }
    for chain in families:
        assert found[chain[0]] <= found[chain[1]] + 1e-3 and found[chain[1]] <= found[chain[2]] + 1e-3


@pytest.mark.parametrize("expert", ("laplace", "student_t", "skew_t"))
def test_one_gross_error_does_not_move_the_line(expert):
    rng = np.random.default_rng(3)
    x = rng.uniform(-1.0, 1.0, (300, 1))
    y = 1.0 + 2.0 * x[:, 0] + 0.1 * rng.normal(size=300)
    clean = MoERegressor(1, expert=expert).fit(x, y)
    spoilt = MoERegressor(1, expert=expert).fit(x, np.r_[1e6, y[1:]])
    assert spoilt.expert_coef_[0, 0] == pytest.approx(clean.expert_coef_[0, 0], rel=0.05)


@pytest.mark.parametrize("expert", ("laplace", "student_t", "skew_normal"))
def test_reflected_responses_are_reflected_fits(expert):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 1))
    y = x[:, 0] + rng.gamma(2.0, 1.0, 200)
    a, b = (MoERegressor(1, expert=expert).fit(x, sign * y) for sign in (1.0, -3.0))
    assert np.allclose(b.expert_coef_, -3.0 * a.expert_coef_, atol=2e-4)
    assert b.log_likelihood_ == pytest.approx(a.log_likelihood_ - 200 * np.log(3.0), abs=1e-4)
