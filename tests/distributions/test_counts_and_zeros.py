"""Counts, atoms and families side by side, against scipy.stats, sums and simulation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from classicmoe.distributions.components import DiscreteComponents
from classicmoe.distributions.counts import BinomialComponents, NegativeBinomialComponents, PoissonComponents
from classicmoe.distributions.gaussian import GaussianComponents
from classicmoe.distributions.mixed import MixedComponents, PointMassComponents
from classicmoe.distributions.positive import GammaComponents
from classicmoe.distributions.zeros import HurdleComponents, ZeroInflatedComponents
from classicmoe.exceptions import ConfigurationError

MEAN = np.array([[0.3, 4.0, 60.0]])
SIZE = np.array([0.4, 3.0, 800.0])
FAMILIES = {
    "poisson": (PoissonComponents(MEAN), stats.poisson(MEAN)),
    "negative_binomial": (NegativeBinomialComponents(MEAN, SIZE), stats.nbinom(SIZE, SIZE / (SIZE + MEAN))),
    "binomial": (BinomialComponents([[0.02, 0.5, 0.9]], [30]), stats.binom(30, [[0.02, 0.5, 0.9]])),
}
BASES = {name: components for name, (components, _) in FAMILIES.items()} | {
    "gamma": GammaComponents(MEAN, [0.5, 1.0, 3.0])
}
WRAPPED = {f"inflated_{k}": ZeroInflatedComponents(v, [0.0, 0.3, 0.9]) for k, v in BASES.items()} | {
    f"hurdle_{k}": HurdleComponents(v, [0.0, 0.3, 0.9]) for k, v in BASES.items()
}


@pytest.mark.parametrize("name", FAMILIES)
def test_against_scipy(name):
    components, reference = FAMILIES[name]
    assert isinstance(components, DiscreteComponents) and components.kind == "discrete"
    y = np.arange(0.0, 31.0 if name == "binomial" else 260.0)
    many = components.take(np.zeros(len(y), int))
    seen = reference.logpmf(y[:, None]) > -600.0
    assert_allclose(many.logpmf(y)[seen], reference.logpmf(y[:, None])[seen], rtol=1e-11, atol=2e-12)
    assert_allclose(many.cdf(y), reference.cdf(y[:, None]), rtol=1e-11)
    assert_allclose(many.sf(y)[seen], reference.sf(y[:, None])[seen], rtol=2e-11)
    assert_allclose(components.mean, reference.mean(), rtol=1e-13)
    assert_allclose(components.variance, reference.var(), rtol=1e-13)
    for p in (1e-20, 1e-5, 0.013, 0.3, 0.5, 0.77, 0.999):
        assert_array_equal(components.quantile([p]), reference.ppf(p))
        upper = components.quantile([p], upper=True)  # scipy's isf is ppf(1 - p), useless in far tails
        three, each = components.take(np.zeros(3, int)), np.arange(3)
        assert (three.sf(upper[0])[each, each] <= p).all()
        assert (three.sf(upper[0] - 1.0)[each, each] > p).all()
    assert_array_equal(many.logpmf(y + 0.5), -np.inf)
    assert_array_equal(many.cdf(y + 0.5), many.cdf(y))


def all_laws():
    return {name: v for name, (v, _) in FAMILIES.items()} | WRAPPED


@pytest.mark.parametrize("name", [k for k in all_laws() if "gamma" not in k])
def test_sums(name):
    components = all_laws()[name]
    y = np.arange(-2.0, 1000.0)
    many = components.take(np.zeros(len(y), int))
    p = np.exp(many.logpmf(y))
    assert_allclose(p.sum(axis=0), 1.0, rtol=1e-11)
    assert_allclose((p * y[:, None]).sum(axis=0), components.mean[0], rtol=1e-10)
    assert_allclose((p * (y[:, None] - components.mean) ** 2).sum(axis=0), components.variance[0], rtol=1e-9)
    assert_allclose(np.cumsum(p, axis=0), many.cdf(y), rtol=1e-10)
    assert_allclose(np.cumsum(p * y[:, None], axis=0), many.partial_mean(y), rtol=1e-10, atol=1e-12)
    assert_allclose(many.partial_mean(y) + many.partial_mean(y, upper=True), many.mean, rtol=1e-11)
    for order in (1e-8, 0.2, 0.31, 0.5, 0.95):
        q = components.quantile([order])[0]
        for k in range(3):
            assert many.cdf(y)[int(q[k]) + 2, k] >= order * (1.0 - 1e-13)
            assert q[k] == 0.0 or many.cdf(y)[int(q[k]) + 1, k] < order


@pytest.mark.parametrize("name", list(all_laws()))
def test_samples(name):
    components = all_laws()[name]
    size = 100_000 if name in FAMILIES else 30_000
    drawn = components.sample(np.tile([0, 1, 2], (1, size)), np.random.default_rng(5))
    drawn = drawn.reshape(size, 3)
    for k in range(3):
        if "gamma" in name:
            atoms = (drawn[:, k] == 0.0).sum()
            share = np.exp(components.logpmf([0.0])[0, k])
            assert abs(atoms - size * share) < 4.5 * np.sqrt(size * share * (1.0 - share)) + 1e-9
            rest = drawn[drawn[:, k] > 0.0, k]
            shape = [0.5, 1.0, 3.0][k]
            assert stats.kstest(rest, stats.gamma(shape, scale=MEAN[0, k] / shape).cdf).pvalue > 1e-3
            continue
        y, seen = np.unique(drawn[:, k], return_counts=True)
        expected = size * np.exp(components.take(np.zeros(len(y), int)).logpmf(y)[:, k])
        big = expected > 20.0
        seen, expected = np.append(seen[big], seen[~big].sum()), np.append(expected[big], size - expected[big].sum())
        used = expected > 5.0
        if used.sum() > 1:
            statistic = ((seen - expected)[used] ** 2 / expected[used]).sum()
            assert stats.chi2.sf(statistic, used.sum() - 1) > 1e-3


def test_quantile_of_zero_inflation_against_simulation():
    law = ZeroInflatedComponents(PoissonComponents([[3.0]]), [0.25])
    drawn = np.sort(law.sample(np.zeros((1, 200_000), int), np.random.default_rng(0))[0])
    for p in (0.1, 0.28, 0.4, 0.6, 0.9, 0.99):
        assert law.quantile([p])[0, 0] == drawn[int(p * 200_000)]


def test_large_sizes_are_nearly_poisson():
    y = np.arange(400.0)
    rows = np.zeros(400, int)
    nb, poisson = NegativeBinomialComponents([[100.0]], [1e9]).take(rows), PoissonComponents([[100.0]]).take(rows)
    assert_allclose(nb.logpmf(y), poisson.logpmf(y), rtol=1e-6)
    near, far = (NegativeBinomialComponents([[7.0]], [s]).take(rows) for s in (500.0, 500.0 + 1e-9))
    assert_allclose(near.logpmf(y), far.logpmf(y), rtol=1e-10, atol=1e-11)  # both forms, where they meet


def test_families_side_by_side():
    gauss, gamma = GaussianComponents([[0.0, 3.0]], [1.0, 2.0]), GammaComponents([[2.0]], [3.0])
    law = MixedComponents([gauss, gamma], [[2, 0], [1]])
    assert law.kind == "continuous" and law.support == (-np.inf, np.inf)
    assert_array_equal(law.breaks, [[0.0]])
    for method in ("logpdf", "cdf", "sf", "dlogpdf", "partial_mean"):
        ours = getattr(law, method)(np.array([1.5]))
        assert_array_equal(ours[0, [2, 0]], getattr(gauss, method)(np.array([1.5]))[0])
        assert_array_equal(ours[0, 1], getattr(gamma, method)(np.array([1.5]))[0, 0])
    drawn = law.sample(np.tile([0, 1, 2], (1, 5000)), np.random.default_rng(0))[0].reshape(-1, 3)
    assert_allclose(drawn.mean(axis=0), law.mean[0], atol=0.15)
    counts = MixedComponents([PoissonComponents([[2.0]]), PointMassComponents([[0.0]])], [[1], [0]])
    assert counts.kind == "discrete"
    assert MixedComponents([gauss, PointMassComponents([[0.5]])], [[0, 1], [2]]).kind == "mixed"
    with pytest.raises(ConfigurationError, match="exactly once"):
        MixedComponents([gauss, gamma], [[0, 1], [1]])


def test_bad_wrappers_are_named():
    with pytest.raises(ConfigurationError, match="positive outputs"):
        ZeroInflatedComponents(GaussianComponents([[0.0]], [1.0]), [0.5])
    with pytest.raises(ConfigurationError, match=r"in \[0, 1\]"):
        HurdleComponents(PoissonComponents([[1.0]]), [1.5])
    with pytest.raises(ConfigurationError, match="whole numbers"):
        BinomialComponents([[0.5]], [2.5])
