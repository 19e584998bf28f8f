"""Highest-density regions: the right probability, one level at all ends, no shorter region, and any family."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import integrate, optimize, stats

from classicmoe.predictive import Components, GaussianComponents, MixtureDistribution


def mixture(weights, mean, scale):
    return MixtureDistribution([weights], GaussianComponents([mean], scale))


def covered(dist, region):
    """Probability of a region of a one-row distribution."""
    return np.diff(dist.cdf(region.ravel()).reshape(-1, 2)).sum()


def assert_highest_density(dist, region, level, points):
    """Probability right, ends increasing and of one density, all points inside above and outside below it."""
    assert (np.diff(region.ravel()) > 0.0).all()
    assert abs(covered(dist, region) - level) <= 1e-8
    ends = dist.logpdf(region.ravel())
    assert np.ptp(ends) <= 1e-7
    density = dist.logpdf(points)
    inside = ((points[:, None] >= region[:, 0]) & (points[:, None] <= region[:, 1])).any(axis=1)
    assert (density[inside] >= ends.min() - 1e-7).all()
    assert (density[~inside] <= ends.max() + 1e-7).all()


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    n_experts=st.integers(1, 6),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
    apart=st.sampled_from([0.5, 3.0, 30.0]),
    level=st.one_of(st.floats(1e-3, 0.999), st.sampled_from([0.5, 0.9, 0.95])),
)
def test_random_mixtures(seed, n_experts, spread, apart, level):
    rng = np.random.default_rng(seed)
    weights, mean = rng.dirichlet(np.ones(n_experts)), apart * rng.normal(size=n_experts)
    scale = np.exp(spread * rng.normal(size=n_experts))
    dist = mixture(weights, mean, scale)
    (region,) = dist.interval(level, kind="hdr")
    points = (mean[:, None] + scale[:, None] * np.linspace(-9.0, 9.0, 361)).ravel()
    assert_highest_density(dist, region, level, points)
    assert len(region) <= n_experts


def test_two_narrow_modes_far_apart():
    dist = mixture([0.4, 0.6], [0.0, 1000.0], [1e-2, 2e-2])
    (region,) = dist.interval(0.9, kind="hdr")
    assert len(region) == 2
    by_hand = [dist.pdf(y)[0] for y in region.ravel()]
    assert_allclose(by_hand, by_hand[0], rtol=1e-8)
    mass = sum(integrate.quad(lambda y: dist.pdf(y)[0], a, b, epsabs=1e-13)[0] for a, b in region)
    assert mass == pytest.approx(0.9, abs=1e-8)
    # Equal heights would be weights proportional to scales; here the narrow mode is the higher one.
    assert_allclose(region.mean(axis=1), [0.0, 1000.0], atol=1e-8)


@pytest.mark.parametrize("where", [0.0, 0.7, 2.5, 8.0])
@pytest.mark.parametrize("level", [0.005, 0.1, 0.5, 0.9, 0.99])
def test_spike_on_a_wide_expert(where, level):
    dist = mixture([0.99, 0.01], [0.0, where], [1.0, 1e-4])
    (region,) = dist.interval(level, kind="hdr")
    wide, spike = np.linspace(-10.0, 10.0, 4001), where + 1e-4 * np.linspace(-10.0, 10.0, 4001)
    assert_highest_density(dist, region, level, np.concatenate([wide, spike]))
    if level < 0.009:  # the spike alone has more than that
        assert len(region) == 1 and np.ptp(region) < 1e-3
    if where == 8.0 and level > 0.01:
        assert len(region) == 2 and np.ptp(region[1]) < 2e-3


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8, 0.95])
def test_no_shorter_region_on_a_fine_grid(level):
    """The shortest set of cells with that probability, found by sorting, is no shorter than the region."""
    dist = mixture([0.3, 0.5, 0.2], [-2.0, 1.0, 4.0], [0.5, 1.0, 0.3])
    (region,) = dist.interval(level, kind="hdr")
    width = 1e-4
    cells = np.arange(-9.0, 12.0, width)
    mass = np.sort(np.diff(dist.cdf(cells)))[::-1]
    needed = np.searchsorted(np.cumsum(mass), level) + 1
    length = np.diff(region).sum()
    assert abs(length - needed * width) <= 2.0 * width * (len(region) + 1)
    assert length < np.diff(dist.interval(level))[0, 0]


def test_level_at_a_saddle():
    """At the level where two intervals merge an end is known to the root of rounding only; the probability is not."""
    dist = mixture([0.5, 0.5], [-2.0, 2.0], [1.0, 0.8])
    valley = optimize.minimize_scalar(lambda y: dist.pdf(y)[0], bounds=(-2.0, 2.0), options={"xatol": 1e-12}).x
    height = dist.logpdf(valley)[0]
    a, b = (optimize.brentq(lambda y: dist.logpdf(y)[0] - height, *s, xtol=1e-14) for s in [(-9.0, -2.0), (2.0, 9.0)])
    critical = float(dist.cdf(b)[0] - dist.cdf(a)[0])
    for step in (-1e-3, -1e-6, -1e-9, -1e-12, 0.0, 1e-12, 1e-9, 1e-6, 1e-3):
        (region,) = dist.interval(critical + step, kind="hdr")
        assert abs(covered(dist, region) - critical - step) <= 1e-8
        if abs(step) >= 1e-6:
            assert len(region) == (2 if step < 0.0 else 1)


def shoulder(weight):
    """A normal with a small one on its flank, where the slope between them is largest, and that slope."""
    dist = mixture([1.0 - weight, weight], [0.0, 2.5], [1.0, 0.5])
    best = optimize.minimize_scalar(
        lambda y: -slope(dist, y), bounds=(1.2, 2.5), method="bounded", options={"xatol": 1e-12}
    )
    return dist, best.x, -best.fun


def slope(dist, y):
    """Derivative of the density of a one-row mixture of normals, by its formula."""
    mean, scale = dist.components.mean[0], dist.components.scale
    return (dist.weights[0] * stats.norm.pdf(y, mean, scale) * (mean - y) / scale**2).sum()


def test_two_stationary_points_closer_than_the_search_grid():
    weight = optimize.brentq(lambda w: shoulder(w)[2], 0.01, 0.3, xtol=1e-14)
    for excess in (1e-9, 1e-6, 1e-4):  # a second mode that has just appeared
        dist, y, rise = shoulder(weight + excess)
        assert 0.0 < rise < 1e-3
        height = dist.logpdf(y)[0]
        left = optimize.brentq(lambda v: dist.logpdf(v)[0] - height, -5.0, 0.0, xtol=1e-14)  # noqa: B023
        level = float(dist.cdf(y)[0] - dist.cdf(left)[0])
        for step in (-1e-3, -1e-5, -1e-7, -1e-9, 0.0, 1e-9, 1e-7, 1e-5, 1e-3):
            (region,) = dist.interval(level + step, kind="hdr")
            assert_highest_density(dist, region, level + step, np.linspace(-6.0, 6.0, 20_001))


def test_many_rows_are_the_rows_one_by_one():
    rng = np.random.default_rng(0)
    n = 4000  # more than have their grid at once
    weights, mean, scale = rng.dirichlet([1.0, 1.0], n), 3.0 * rng.normal(size=(n, 2)), np.exp(rng.normal(size=(n, 2)))
    dist = MixtureDistribution(weights, GaussianComponents(mean, scale))
    regions = dist.interval(0.8, kind="hdr")
    assert len(regions) == n
    assert {len(region) for region in regions} == {1, 2}
    for i in rng.choice(n, 40, replace=False):
        assert_allclose(regions[i], dist[i].interval(0.8, kind="hdr")[0], rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- another family through the same contract


class ScipyComponents:
    """Experts of a location-scale family of scipy.stats: the contract and nothing else."""

    def __init__(self, family, slope, loc, scale):
        self.family, self.slope, self.loc, self.scale = family, slope, np.asarray(loc), np.asarray(scale)
        self.distribution = family(loc=self.loc, scale=self.scale)
        self.mean, self.variance = self.distribution.mean(), self.distribution.var()
        self.support = family(0.0, 1.0).support()

    def take(self, rows):
        return ScipyComponents(self.family, self.slope, self.loc[rows], self.scale[rows])

    def logpdf(self, y):
        return self.distribution.logpdf(y[:, None])

    def dlogpdf(self, y):
        return self.slope((y[:, None] - self.loc) / self.scale) / self.scale

    def cdf(self, y):
        return self.distribution.cdf(y[:, None])

    def sf(self, y):
        return self.distribution.sf(y[:, None])

    def quantile(self, p, upper=False):
        return (self.distribution.isf if upper else self.distribution.ppf)(p[:, None])

    def sample(self, which, rng):
        return self.distribution.rvs(size=self.loc.shape, random_state=rng)[np.arange(len(which)), which]


@pytest.mark.parametrize(
    "family, slope, loc",
    [
        (stats.laplace, lambda z: -np.sign(z), [[0.0, 3.0]]),
        (lambda loc, scale: stats.t(5, loc, scale), lambda z: -6.0 * z / (5.0 + z**2), [[0.0, 6.0]]),
        (stats.expon, lambda z: -np.ones_like(z), [[0.0, 0.0]]),
        (lambda loc, scale: stats.gamma(3.0, loc, scale), lambda z: 2.0 / z - 1.0, [[0.0, 0.0]]),
    ],
    ids=["laplace", "student_t", "exponential", "gamma"],
)
def test_other_families(family, slope, loc):
    level = 0.8
    components = ScipyComponents(family, slope, loc, [[1.0, 0.3]])
    assert isinstance(components, Components)
    dist = MixtureDistribution([[0.6, 0.4]], components)
    (region,) = dist.interval(level, kind="hdr")
    points = np.linspace(max(components.support[0] + 1e-9, -30.0), 40.0, 20_001)
    density = dist.logpdf(points)
    inside = ((points[:, None] >= region[:, 0]) & (points[:, None] <= region[:, 1])).any(axis=1)
    assert abs(covered(dist, region) - level) <= 1e-8
    assert density[inside].min() >= density[~inside].max() - 1e-9
    assert_allclose(dist.cdf(dist.quantile([0.05, 0.5, 0.95])[0]), [0.05, 0.5, 0.95], rtol=1e-12)
    if family is stats.expon:
        assert region.shape == (1, 2) and region[0, 0] == 0.0  # the density is highest at the end of the support
    assert dist.quantile(0.0)[0] == components.support[0]
    assert stats.kstest(dist[np.zeros(2000, int)].sample(random_state=0), dist.cdf).pvalue > 0.01
