"""Predictive mixtures of any family: quantiles, regions, counts, atoms and tail risk."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from classicmoe.distributions.counts import BinomialComponents, NegativeBinomialComponents, PoissonComponents
from classicmoe.distributions.gaussian import GaussianComponents
from classicmoe.distributions.inverse_gaussian import InverseGaussianComponents
from classicmoe.distributions.mixed import MixedComponents, PointMassComponents
from classicmoe.distributions.positive import GammaComponents, LogNormalComponents
from classicmoe.distributions.skewed import SkewNormalComponents, SkewTComponents
from classicmoe.distributions.symmetric import LaplaceComponents, StudentTComponents
from classicmoe.distributions.uniform import UniformComponents
from classicmoe.distributions.zeros import HurdleComponents, ZeroInflatedComponents
from classicmoe.exceptions import ConfigurationError
from classicmoe.predictive import MixtureDistribution

WEIGHTS = [[0.3, 0.7], [0.9, 0.1], [0.5, 0.5]]
PLACES = np.array([[0.0, 3.0], [-2.0, 9.0], [1.0, 1.5]])
MEANS = np.array([[2.0, 3.0], [0.2, 90.0], [1.0, 1.5]])
GAMMA = GammaComponents(MEANS, [0.5, 4.0])
CONTINUOUS = {
    "laplace": LaplaceComponents(PLACES, [1.0, 0.2]),
    "student_t": StudentTComponents(PLACES, [1.0, 0.2], [0.7, 3.0]),
    "skew_normal": SkewNormalComponents(PLACES, [3.0, -1.0], [0.1, 1.0]),
    "skew_t": SkewTComponents(PLACES, [3.0, -1.0], [0.4, 1.0], [2.2, 8.0]),
    "gamma": GAMMA,
    "inverse_gaussian": InverseGaussianComponents(MEANS, [0.1, 40.0]),
    "log_normal": LogNormalComponents(PLACES, [3.0, 0.2]),
    "gauss_and_gamma": MixedComponents(
        [GaussianComponents(PLACES[:, :1], [1.0]), GAMMA.pick(np.arange(3), [0, 1, 1])], [[0], [1]]
    ),
    "uniform_and_gauss": MixedComponents(
        [UniformComponents(PLACES[:, :1], PLACES[:, :1] + 4.0), GaussianComponents(PLACES[:, 1:], [5.0])], [[1], [0]]
    ),
}
DISCRETE = {
    "poisson": PoissonComponents(MEANS),
    "negative_binomial": NegativeBinomialComponents(MEANS, [0.3, 5.0]),
    "binomial": BinomialComponents([[0.1, 0.9], [0.5, 0.5], [0.01, 0.2]], [40, 1, 7]),
    "inflated": ZeroInflatedComponents(PoissonComponents(MEANS), [0.5, 0.05]),
    "hurdle": HurdleComponents(NegativeBinomialComponents(MEANS, [0.3, 5.0]), [0.5, 0.0]),
    "beside_a_point": MixedComponents(
        [PoissonComponents(MEANS[:, 1:]), PointMassComponents(np.zeros((3, 1)))], [[0], [1]]
    ),
}
ATOMS = {
    "hurdle_gamma": HurdleComponents(GAMMA, [0.6, 0.2]),
    "inflated_gamma": ZeroInflatedComponents(GAMMA, [0.6, 0.2]),
    "gauss_and_point": MixedComponents(
        [GaussianComponents(PLACES[:, :1], [1.0]), PointMassComponents(PLACES[:, :1] + 0.25)], [[0], [1]]
    ),
}
ORDERS = np.array([1e-9, 0.01, 0.25, 0.5, 0.6, 0.9, 0.999, 1.0 - 1e-9])


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_quantiles_and_regions(name):
    dist = MixtureDistribution(WEIGHTS, CONTINUOUS[name])
    q = dist.quantile(ORDERS)
    below, above = dist.cdf(q), dist.sf(q)
    error = np.where(ORDERS <= 0.5, below / ORDERS, above / (1.0 - ORDERS)) - 1.0
    rounding = dist.pdf(q) * np.abs(q) * 1e-15 / np.minimum(ORDERS, 1.0 - ORDERS)
    assert (np.abs(error) <= 1e-11 + rounding).all()
    fine = dist.quantile(np.linspace(2e-3, 1.0 - 2e-3, 250))
    density = dist.logpdf(fine)
    for level in (0.3, 0.9):
        for i, region in enumerate(dist.interval(level, kind="hdr")):
            assert (np.diff(region.ravel()) > 0.0).all()
            assert np.diff(dist[i].cdf(region.ravel()).reshape(-1, 2)).sum() == pytest.approx(level, abs=1e-8)
            inside = ((fine[i][:, None] >= region[:, 0]) & (fine[i][:, None] <= region[:, 1])).any(axis=1)
            assert density[i][inside].min() >= density[i][~inside].max() - 1e-6


def test_regions_close_at_zero_and_in_jumps():
    (region,) = MixtureDistribution([[1.0]], GammaComponents([[1.0]], [0.5])).interval(0.8, kind="hdr")
    assert_allclose(region, [[0.0, stats.gamma(0.5, scale=2.0).ppf(0.8)]], rtol=1e-9)
    two = UniformComponents([[0.0, 10.0]], [[1.0, 12.0]])
    (region,) = MixtureDistribution([[0.8, 0.2]], two).interval(0.8, kind="hdr")
    assert_array_equal(region, [[0.0, 1.0]])
    (region,) = MixtureDistribution([[0.8, 0.2]], two).interval(0.9, kind="hdr")
    assert_array_equal(region, [[0.0, 1.0], [10.0, 12.0]])  # flat: no region has just 0.9
    assert_array_equal(MixtureDistribution([[0.8, 0.2]], two).quantile([0.0, 1.0]), [[0.0, 12.0]])


@pytest.mark.parametrize("name", DISCRETE)
def test_counts(name):
    dist = MixtureDistribution(WEIGHTS, DISCRETE[name])
    assert dist.kind == "discrete"
    y = np.arange(2500.0)[None, :]
    p, below = dist.pmf(y), dist.cdf(y)
    assert_allclose(p.sum(axis=1), 1.0, rtol=1e-11)
    assert_allclose(np.cumsum(p, axis=1), below, rtol=1e-10)
    assert_allclose((p * y).sum(axis=1), dist.mean(), rtol=1e-10)
    assert_allclose((p * (y - dist.mean()[:, None]) ** 2).sum(axis=1), dist.var(), rtol=1e-9)
    q = dist.quantile(ORDERS)
    for i in range(3):
        by_search = np.searchsorted(below[i], ORDERS)
        assert_array_equal(q[i, :-1], by_search[:-1])
        known = below[i][(below[i] < 1.0 - 1e-15)][:200]
        assert_array_equal(dist[i].quantile(known)[0], np.searchsorted(below[i], known))
    for i, runs in enumerate(dist.interval(0.8, kind="hdr")):
        chosen = np.concatenate([np.arange(a, b + 1) for a, b in runs])
        largest = np.sort(p[i])[::-1]
        assert len(chosen) == np.searchsorted(np.cumsum(largest), 0.8 - 1e-12) + 1
        assert p[i][chosen].sum() >= 0.8 - 1e-12 and p[i][chosen].min() >= largest[len(chosen) - 1]
    with pytest.raises(ConfigurationError, match="ask for pmf"):
        dist.pdf(1.0)
    drawn = dist.sample(5000, random_state=0)
    assert (np.abs(drawn.mean(axis=1) - dist.mean()) < 5.0 * dist.std() / np.sqrt(5000)).all()


def test_what_one_kind_cannot_do():
    normal = MixtureDistribution([[1.0]], GaussianComponents([[0.0]], [1.0]))
    with pytest.raises(ConfigurationError, match="ask for pdf"):
        normal.pmf(0.0)
    with pytest.raises(ConfigurationError, match="atoms"):
        MixtureDistribution(WEIGHTS, ATOMS["hurdle_gamma"]).interval(0.5, kind="hdr")
    wide = MixtureDistribution([[1.0]], NegativeBinomialComponents([[1e9]], [0.5]))
    with pytest.raises(ConfigurationError, match="every whole number"):
        wide.interval(0.9, kind="hdr")


@pytest.mark.parametrize("name", ATOMS)
def test_atoms(name):
    dist = MixtureDistribution(WEIGHTS, ATOMS[name])
    assert dist.kind == "mixed" and dist[0].kind == "mixed"
    q = dist.quantile(ORDERS)
    step = 1e-9 * (1.0 + np.abs(q))
    assert (dist.cdf(q) >= ORDERS * (1.0 - 1e-12)).all()
    assert (dist.cdf(q - step) <= ORDERS + 1e-15).all()
    place = PLACES[:, 0] + 0.25 if "point" in name else np.zeros(3)
    atom = dist.pmf(place)
    assert_allclose(dist.cdf(place) - dist.cdf(place - 1e-12), atom, atol=1e-10)
    assert_array_equal(dist.quantile(0.999 * dist.cdf(place)[0])[0], place[0])
    assert_array_equal(dist[0].quantile(dist[0].cdf(place[:1])), place[None, :1])


@pytest.mark.parametrize("name", [k for k in CONTINUOUS | DISCRETE | ATOMS if k != "student_t"])
def test_tail_risk_against_the_quantiles_and_simulation(name):
    dist = MixtureDistribution(WEIGHTS, (CONTINUOUS | DISCRETE | ATOMS)[name])
    p = np.array([0.0, 0.3, 0.9])
    shortfall = dist.tail_expectation(p)
    assert_allclose(shortfall[:, 0], dist.mean(), rtol=1e-12)
    assert_array_equal(dist.value_at_risk(p), dist.quantile(p))
    # Rockafellar and Uryasev: ES_p is the least value of q + E(Y - q)+ / (1 - p), taken at the quantile
    for j in (1, 2):
        at = dist.quantile(p[j])
        for q in (at, at - 0.3, at + 0.3):
            bound = q + dist.excess_mean(q) / (1.0 - p[j])
            assert (shortfall[:, j] <= bound * (1.0 + 1e-11) + 1e-10).all()
            if q is at:
                assert_allclose(shortfall[:, j], bound, rtol=1e-10, atol=1e-10)
    d = dist.quantile(0.7)
    assert_allclose(dist.limited_mean(d) + dist.excess_mean(d), dist.mean(), rtol=1e-10, atol=1e-10)
    if name != "skew_t" and name != "log_normal":  # others have a variance that 1e4 draws show
        drawn = dist.sample(10_000, random_state=1)
        excess = np.maximum(drawn - d[:, None], 0.0)
        assert (np.abs(excess.mean(axis=1) - dist.excess_mean(d)) <= 5.0 * excess.std(axis=1) / 100.0 + 1e-9).all()


def test_tail_risk_in_closed_form():
    normal = MixtureDistribution([[1.0]], GaussianComponents([[1.0]], [2.0]))
    exponential = MixtureDistribution([[1.0]], GammaComponents([[3.0]], [1.0]))
    for p in (0.5, 0.99, 1.0 - 1e-9):
        z = stats.norm.isf(1.0 - p)
        assert_allclose(normal.tail_expectation(p), 1.0 + 2.0 * stats.norm.pdf(z) / (1.0 - p), rtol=1e-12)
        assert_allclose(exponential.tail_expectation(p), 3.0 - 3.0 * np.log(1.0 - p), rtol=1e-12)
    assert_allclose(exponential.limited_mean([2.0]), 3.0 * -np.expm1(-2.0 / 3.0), rtol=1e-13)
    assert_allclose(exponential.excess_mean(np.array([[0.0, 2.0]])), 3.0 * np.exp([[0.0, -2.0 / 3.0]]), rtol=1e-13)
    # a die of two sides: P(0) = 0.7, P(1) = 0.3
    coin = MixtureDistribution([[1.0]], BinomialComponents([[0.3]], [1]))
    assert_allclose(coin.tail_expectation([0.5, 0.7, 0.9]), [[0.6, 1.0, 1.0]], rtol=1e-12)
    heavy = MixtureDistribution([[0.5, 0.5]], StudentTComponents([[0.0, 0.0]], [1.0, 1.0], [0.9, 3.0]))
    assert np.isinf(heavy.tail_expectation(0.5)[0]) and np.isinf(heavy.excess_mean(1.0)[0])
    alone = MixtureDistribution([[0.0, 1.0]], heavy.components)
    assert (
        np.isfinite(alone.tail_expectation(0.5)[0]) and alone.mean()[0] == 0.0 and alone.var()[0] == pytest.approx(3.0)
    )
    assert_array_equal(normal.limited_mean([np.inf]), [1.0])
    assert_array_equal(normal.excess_mean([np.inf]), [0.0])
