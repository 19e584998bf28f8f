"""MixtureDistribution against scipy's distributions, quadrature and its own samples."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, optimize, stats

from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.predictive import (
    Components,
    GaussianComponents,
    JointComponents,
    JointGaussianComponents,
    MixtureDistribution,
)


def random_mixture(seed, n=7, n_experts=3, spread=1.0):
    """A mixture with its own means, scales and probabilities at every row, and these arrays."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(n_experts), n)
    mean = 3.0 * rng.normal(size=(n, n_experts))
    scale = np.exp(spread * rng.normal(size=(n, n_experts)))
    return MixtureDistribution(weights, GaussianComponents(mean, scale)), weights, mean, scale


def by_quadrature(function, mean, scale):
    """Integrate over the line, cut at every expert's mean and 1, 4 and 12 of its standard deviations away."""
    steps = np.array([-12.0, -4.0, -1.0, 0.0, 1.0, 4.0, 12.0])
    cuts = np.unique(mean[:, None] + scale[:, None] * steps)
    return sum(integrate.quad(function, a, b, epsabs=1e-13, epsrel=1e-12)[0] for a, b in pairwise(cuts))


# ---------------------------------------------------------------- one expert is the normal distribution


@pytest.mark.parametrize("mean, scale", [(0.0, 1.0), (-3.5, 0.02), (250.0, 40.0)])
def test_one_expert_is_the_normal_distribution(mean, scale):
    dist = MixtureDistribution([[1.0]], GaussianComponents([[mean]], [scale]))
    normal = stats.norm(mean, scale)
    y = mean + scale * np.linspace(-30.0, 30.0, 241)
    p = np.array([1e-300, 1e-12, 1e-3, 0.1, 0.5, 0.7, 0.999, 1.0 - 1e-12])
    assert_allclose(dist.logpdf(y), normal.logpdf(y), rtol=1e-10)
    assert_allclose(dist.pdf(y), normal.pdf(y), rtol=1e-10)
    assert_allclose(dist.cdf(y), normal.cdf(y), rtol=1e-10)
    assert_allclose(dist.sf(y), normal.sf(y), rtol=1e-10)
    assert_allclose(dist.quantile(p)[0], normal.ppf(p), rtol=1e-10)
    assert_allclose([dist.mean()[0], dist.var()[0], dist.std()[0]], [mean, scale**2, scale], rtol=1e-12)
    for level in (0.01, 0.5, 0.9, 0.999):
        assert_allclose(dist.interval(level)[0], normal.interval(level), rtol=1e-10)
        (region,) = dist.interval(level, kind="hdr")
        assert_allclose(region, [normal.interval(level)], rtol=1e-10)


# ---------------------------------------------------------------- density, distribution function, moments


@pytest.mark.parametrize("number", range(10))
def test_density_and_moments_by_quadrature(number):
    dist, _, (mean,), (scale,) = random_mixture(number, n=1)
    assert by_quadrature(lambda y: dist.pdf(y)[0], mean, scale) == pytest.approx(1.0, abs=1e-10)
    first = by_quadrature(lambda y: y * dist.pdf(y)[0], mean, scale)
    assert dist.mean()[0] == pytest.approx(first, rel=1e-9, abs=1e-9)
    second = by_quadrature(lambda y: (y - first) ** 2 * dist.pdf(y)[0], mean, scale)
    assert dist.var()[0] == pytest.approx(second, rel=1e-9)
    assert dist.std()[0] == pytest.approx(np.sqrt(second), rel=1e-9)


def test_functions_of_y_are_the_weighted_sums_of_scipys():
    dist, weights, mean, scale = random_mixture(5, n=11, n_experts=4)
    y = np.random.default_rng(1).normal(size=11) * 5.0
    normal = stats.norm(mean, scale)
    for name in ("pdf", "cdf", "sf"):
        expected = (weights * getattr(normal, name)(y[:, None])).sum(axis=1)
        assert_allclose(getattr(dist, name)(y), expected, rtol=1e-12)
    assert_allclose(dist.logpdf(y), np.log((weights * normal.pdf(y[:, None])).sum(axis=1)), rtol=1e-11, atol=1e-13)
    assert_allclose(dist.cdf(y) + dist.sf(y), 1.0, rtol=1e-14)


def test_tails_do_not_underflow():
    dist = MixtureDistribution([[0.3, 0.7]], GaussianComponents([[0.0, 1.0]], [1.0, 2.0]))
    far = np.array([40.0, 60.0])
    assert_allclose(dist.sf(far), 0.7 * stats.norm.sf((far - 1.0) / 2.0), rtol=1e-12)
    assert_allclose(dist.cdf(-far), 0.7 * stats.norm.cdf((-far - 1.0) / 2.0), rtol=1e-12)
    assert_allclose(dist.logpdf([1e3, -1e5]), np.log(0.7) + stats.norm.logpdf([1e3, -1e5], 1.0, 2.0), rtol=1e-14)
    assert_array_equal(dist.logpdf([-np.inf, np.inf]), -np.inf)
    assert_array_equal(dist.cdf([-np.inf, np.inf]), [0.0, 1.0])
    assert np.isnan(dist.logpdf(np.nan)).all()


def test_logarithms_of_weights_keep_what_underflows():
    log_weights = np.array([[0.0, -900.0]])
    dist = MixtureDistribution(log_weights, GaussianComponents([[0.0, 60.0]], [1.0, 1.0]), log=True)
    expected = np.logaddexp(stats.norm.logpdf(60.0), -900.0 + stats.norm.logpdf(0.0))
    assert expected > stats.norm.logpdf(60.0) + 100.0
    assert dist.logpdf(60.0)[0] == pytest.approx(expected, rel=1e-14)


def test_an_expert_with_probability_zero_has_no_say():
    dist = MixtureDistribution([[1.0, 0.0]], GaussianComponents([[0.0, 1e9]], [1.0, 1e-3]))
    alone = MixtureDistribution([[1.0]], GaussianComponents([[0.0]], [1.0]))
    for level in (0.5, 0.99):
        assert_allclose(dist.interval(level), alone.interval(level), rtol=1e-14)
        assert_allclose(dist.interval(level, kind="hdr")[0], alone.interval(level, kind="hdr")[0], rtol=1e-10)
    assert_array_equal(dist.logpdf([0.3, 1e9]), alone.logpdf([0.3, 1e9]))


# ---------------------------------------------------------------- quantiles


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    n_experts=st.integers(1, 5),
    spread=st.sampled_from([0.2, 1.0, 4.0]),
    p=st.one_of(st.floats(1e-12, 1.0 - 1e-12), st.sampled_from([1e-12, 1e-4, 0.5, 1.0 - 1e-4, 1.0 - 1e-12])),
)
def test_quantile_and_distribution_function_are_inverse(seed, n_experts, spread, p):
    dist, *_ = random_mixture(seed, n_experts=n_experts, spread=spread)
    y = dist.quantile(p)
    # In probability, on the nearer tail; one rounding of y moves the tail by density * |y| * 2.2e-16.
    tail, wanted = (dist.cdf(y), p) if p <= 0.5 else (dist.sf(y), 1.0 - p)
    rounding = dist.pdf(y) * np.abs(y) * np.finfo(float).eps
    assert (np.abs(tail - wanted) <= 1e-12 * wanted + 4.0 * rounding).all()


def test_quantile_against_brentq():
    dist, weights, mean, scale = random_mixture(9, n=20)
    p = np.array([1e-12, 0.01, 0.3, 0.5, 0.77, 0.999])
    ours = dist.quantile(p)
    for i in range(20):
        for j, probability in enumerate(p):
            root = optimize.brentq(
                lambda y, i=i, q=probability: (weights[i] * stats.norm.cdf(y, mean[i], scale[i])).sum() / q - 1.0,
                (mean[i] - 12.0 * scale[i]).min(),
                (mean[i] + 12.0 * scale[i]).max(),
                xtol=1e-13,
            )
            assert ours[i, j] == pytest.approx(root, rel=1e-10, abs=1e-10)


def test_quantile_between_experts_far_apart():
    dist = MixtureDistribution([[0.25, 0.75]], GaussianComponents([[0.0, 1e6]], [1.0, 1e-3]))
    assert_allclose(dist.quantile([0.125, 0.625])[0], [0.0, 1e6], atol=1e-9)
    gap = dist.quantile(0.25)[0]
    assert 5.0 < gap < 1e6
    assert dist.cdf(gap)[0] == pytest.approx(0.25, rel=1e-14)


def test_ends_of_the_support_and_bad_probabilities():
    dist, *_ = random_mixture(0)
    assert dist.support == (-np.inf, np.inf)
    assert_array_equal(dist.quantile([0.0, 1.0]), np.tile([-np.inf, np.inf], (len(dist), 1)))
    for p in (-1e-9, 1.0 + 1e-9, np.nan, [0.5, 2.0]):
        with pytest.raises(ConfigurationError, match=r"\[0, 1\]"):
            dist.quantile(p)
    with pytest.raises(ConfigurationError, match="one-dimensional"):
        dist.quantile([[0.5]])
    for level in (0.0, 1.0, -0.1, np.nan):
        with pytest.raises(ConfigurationError, match="level"):
            dist.interval(level)
    with pytest.raises(ConfigurationError, match="kind"):
        dist.interval(0.9, kind="shortest")


# ---------------------------------------------------------------- samples


def test_samples_have_the_distribution():
    dist, *_ = random_mixture(3, n=4)
    drawn = dist.sample(5000, random_state=7)
    for i in range(4):
        assert stats.kstest(drawn[i], dist[i].cdf).pvalue > 0.01
    assert_allclose(drawn.mean(axis=1), dist.mean(), atol=5.0 * (dist.std() / np.sqrt(5000)).max())


def test_samples_of_many_rows_use_each_row_once():
    """More rows than one chunk holds: the probability transform of the draws is uniform over all of them."""
    dist, *_ = random_mixture(4, n=50_000, n_experts=2)
    assert stats.kstest(dist.cdf(dist.sample(random_state=1)), "uniform").pvalue > 0.01


def test_sample_shapes_and_seeds():
    dist, *_ = random_mixture(3)
    assert dist.sample().shape == (7,)
    assert dist.sample(3).shape == (7, 3)
    assert_array_equal(dist.sample(3, random_state=5), dist.sample(3, random_state=np.random.RandomState(5)))
    assert (dist.sample(random_state=5) != dist.sample(random_state=6)).all()
    generator = np.random.default_rng(0)
    assert (dist.sample(random_state=generator) != dist.sample(random_state=generator)).all()


# ---------------------------------------------------------------- shapes, rows, memory


@pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "sf"])
def test_shapes_of_y(method):
    dist, *_ = random_mixture(8, n=6)
    ask = getattr(dist, method)
    y, grid = np.linspace(-4.0, 5.0, 6), np.linspace(-2.0, 2.0, 9)
    one_by_one = np.array([[getattr(dist[i], method)(v)[0] for v in grid] for i in range(6)])
    assert_allclose(ask(grid[None, :]), one_by_one, rtol=1e-14)
    assert_allclose(ask(np.tile(grid, (6, 1))), one_by_one, rtol=1e-14)
    assert_allclose(ask(y), np.diag(ask(y[None, :])), rtol=1e-14)
    assert_allclose(ask(0.5), ask(np.full(6, 0.5)), rtol=0)
    assert_allclose(getattr(dist[2], method)(grid), one_by_one[2], rtol=1e-14)
    for wrong in (grid, np.zeros((5, 2)), np.zeros((6, 2, 2))):
        with pytest.raises(DataError, match="one value per row"):
            ask(wrong)


def test_rows_can_be_picked():
    dist, weights, *_ = random_mixture(2)
    assert len(dist) == 7 and repr(dist) == "MixtureDistribution(n_rows=7, n_experts=3, n_outputs=1)"
    assert_allclose(dist.weights, weights, rtol=1e-14)
    for key in (3, -1, slice(1, 6, 2), [4, 0, 4], np.arange(7) % 2 == 0):
        part = dist[key]
        assert len(part) == np.size(np.arange(7)[key])
        assert_allclose(part.quantile(0.3), np.atleast_1d(dist.quantile(0.3)[key]), rtol=1e-14)
    with pytest.raises(IndexError):
        dist[7]
    empty = dist[[]]
    assert len(empty) == 0 and empty.mean().shape == (0,) and empty.pdf(1.0).shape == (0,)
    assert empty.quantile([0.1, 0.9]).shape == (0, 2) and empty.interval(0.9, kind="hdr") == []


def test_a_large_grid_needs_little_beyond_its_result():
    dist, *_ = random_mixture(2, n=2000, n_experts=10)
    grid = np.linspace(-5.0, 5.0, 500)[None, :]
    tracemalloc.start()
    result = dist.cdf(grid)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Result, y and row index of every pair are n x m; an n x K x m array would be ten times one of them.
    assert peak < 3.5 * result.nbytes + 10e6
    assert_allclose(result[1234], dist[1234].cdf(grid[0]), rtol=1e-14)


# ---------------------------------------------------------------- several outputs


def joint_mixture(n=5, seed=0):
    rng = np.random.default_rng(seed)
    weights, mean = rng.dirichlet([1.0, 2.0], n), rng.normal(size=(n, 2, 3))
    root = rng.normal(size=(2, 3, 3))
    covariance = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(3)
    return MixtureDistribution(weights, JointGaussianComponents(mean, covariance)), weights, mean, covariance


def test_several_outputs_against_scipy():
    dist, weights, mean, covariance = joint_mixture()
    assert dist.n_outputs == 3 and isinstance(dist.components, JointComponents)
    y = np.random.default_rng(1).normal(size=(5, 4, 3))
    for i in range(5):
        experts = [stats.multivariate_normal(mean[i, k], covariance[k]) for k in range(2)]
        expected = sum(w * e.pdf(y[i]) for w, e in zip(weights[i], experts, strict=True))
        assert_allclose(dist.pdf(y)[i], expected, rtol=1e-11)
        assert_allclose(dist[i].pdf(y[i]), expected, rtol=1e-11)
        for j in range(3):
            marginal = [stats.norm(mean[i, k, j], np.sqrt(covariance[k, j, j])) for k in range(2)]
            expected = sum(w * e.cdf(y[i, :, j]) for w, e in zip(weights[i], marginal, strict=True))
            assert_allclose(dist.cdf(y)[i, :, j], expected, rtol=1e-11)
    assert_allclose(dist.sf(y[:, 0]), 1.0 - dist.cdf(y[:, 0]), rtol=1e-9)
    quantiles = dist.quantile([0.1, 0.8])
    assert quantiles.shape == (5, 2, 3) and dist.quantile(0.5).shape == (5, 3) and dist.interval(0.8).shape == (5, 2, 3)
    assert_allclose(dist.cdf(quantiles), np.broadcast_to([[0.1], [0.8]], (5, 2, 3)), rtol=1e-12)


def test_several_outputs_moments_and_samples():
    dist, *_ = joint_mixture()
    drawn = dist.sample(40_000, random_state=0)
    assert drawn.shape == (5, 40_000, 3) and dist.sample().shape == (5, 3)
    for i in range(5):
        sampled, exact = np.cov(drawn[i].T), dist.cov()[i]
        bound = 6.0 * np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / 40_000)
        assert (np.abs(sampled - exact) < bound).all()
        assert (np.abs(drawn[i].mean(axis=0) - dist.mean()[i]) < 5.0 * dist.std()[i] / 200.0).all()
        for j in range(3):
            assert stats.kstest(drawn[i, :, j], dist.marginal(j)[i].cdf).pvalue > 1e-3 / 15  # 15 comparisons
    assert_allclose(dist.var(), [np.diag(c) for c in dist.cov()], rtol=1e-14)
    assert_allclose(dist.marginal(1).var(), dist.var()[:, 1], rtol=1e-12)


def test_what_several_outputs_cannot_do():
    dist, *_ = joint_mixture()
    with pytest.raises(ConfigurationError, match=r"marginal\(output\)"):
        dist.interval(0.9, kind="hdr")
    with pytest.raises(ConfigurationError, match="from 0 to 2"):
        dist.marginal(3)
    for wrong in (np.zeros(5), np.zeros((5, 2)), 0.0):
        for method in (dist.pdf, dist.cdf):
            with pytest.raises(DataError, match="3 outputs"):
                method(wrong)
    one, *_ = random_mixture(0)
    with pytest.raises(ConfigurationError, match="has one"):
        one.marginal(0)
    assert one.cov().shape == (7, 1, 1)


# ---------------------------------------------------------------- bad arguments


def test_bad_arguments_are_named():
    good = GaussianComponents([[0.0, 1.0]], [1.0, 1.0])
    assert isinstance(good, Components)
    for weights, words in [([0.5, 0.5], "shape"), ([[0.5, 0.4]], "add up to 1"), ([[1.5, -0.5]], "add up to 1")]:
        with pytest.raises(ConfigurationError, match=words):
            MixtureDistribution(weights, good)
    with pytest.raises(ConfigurationError, match="both must be"):
        MixtureDistribution([[0.5, 0.5]] * 2, good)
    for mean, scale in [([0.0], [1.0]), ([[0.0, 1.0]], [1.0])]:
        with pytest.raises(ConfigurationError, match="shape"):
            GaussianComponents(mean, scale)
    for mean, scale in [([[0.0]], [0.0]), ([[np.nan]], [1.0]), ([[0.0]], [-1.0]), ([[0.0]], [np.inf])]:
        with pytest.raises(ConfigurationError, match="finite"):
            GaussianComponents(mean, scale)
    mean = np.zeros((1, 1, 2))
    for covariance, words in [
        (np.eye(2), "shape"),
        ([[[1.0, 0.5], [0.2, 1.0]]], "expert 0 is not a finite symmetric"),
        ([[[1.0, 2.0], [2.0, 1.0]]], "expert 0 is not positive definite"),
    ]:
        with pytest.raises(ConfigurationError, match=words):
            JointGaussianComponents(mean, covariance)
