"""Every continuous family against scipy.stats, finite differences, quadrature and its own samples."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from classicmoe.distributions.gaussian import GaussianComponents
from classicmoe.distributions.inverse_gaussian import InverseGaussianComponents
from classicmoe.distributions.positive import GammaComponents, LogNormalComponents
from classicmoe.distributions.skewed import SkewNormalComponents, SkewTComponents
from classicmoe.distributions.symmetric import LaplaceComponents, StudentTComponents
from classicmoe.distributions.uniform import UniformComponents
from classicmoe.exceptions import ConfigurationError

# Three experts at one row, and scipy's distribution of each.
LOC = np.array([[0.0, -2.0, 5.0]])
FAMILIES = {
    "gaussian": (GaussianComponents(LOC, [1.0, 0.3, 4.0]), stats.norm(LOC, [1.0, 0.3, 4.0])),
    "laplace": (LaplaceComponents(LOC, [1.0, 0.3, 4.0]), stats.laplace(LOC, [1.0, 0.3, 4.0])),
    "student_t": (
        StudentTComponents(LOC, [1.0, 0.3, 4.0], [2.5, 7.0, 60.0]),
        stats.t([2.5, 7.0, 60.0], LOC, [1.0, 0.3, 4.0]),
    ),
    "skew_normal": (
        SkewNormalComponents(LOC, [1.2, -3.0, 0.0], [0.5, 4.0, 1.0]),
        stats.skewnorm([2.4, -0.75, 0.0], LOC, [1.3, 5.0, 1.0]),
    ),
    "gamma": (
        GammaComponents([[2.0, 0.7, 30.0]], [0.4, 1.0, 9.0]),
        stats.gamma([0.4, 1.0, 9.0], scale=[5, 0.7, 30 / 9]),
    ),
    "inverse_gaussian": (
        InverseGaussianComponents([[2.0, 0.7, 30.0]], [0.4, 1.0, 90.0]),
        stats.invgauss([5.0, 0.7, 1 / 3], scale=[0.4, 1.0, 90.0]),
    ),
    "log_normal": (
        LogNormalComponents([[0.0, -1.0, 2.0]], [0.5, 1.0, 1.5]),
        stats.lognorm([0.5, 1.0, 1.5], scale=np.exp([0, -1, 2])),
    ),
    "uniform": (
        UniformComponents([[0.0, -1.0, 2.0]], [[0.5, 1.0, 9.0]]),
        stats.uniform([0.0, -1.0, 2.0], [0.5, 2.0, 7.0]),
    ),
}
SKEW_T = SkewTComponents(LOC, [1.2, -3.0, 0.0], [0.5, 4.0, 1.0], [2.5, 6.0, 40.0])
ALL = {name: components for name, (components, _) in FAMILIES.items()} | {"skew_t": SKEW_T}


def values(components):
    """One value of y per row from the body and both far tails, and the components at as many rows."""
    p = np.array([1e-12, 1e-4, 0.05, 0.3, 0.5])
    one = components.take(np.zeros(len(p), int))
    y = np.unique(np.concatenate([one.quantile(p), one.quantile(p, upper=True)]))
    y = y[np.append(True, np.diff(y) > 1e-9 * (1.0 + np.abs(y[1:])))]
    return y, components.take(np.zeros(len(y), int))


@pytest.mark.parametrize("name", FAMILIES)
def test_against_scipy(name):
    components, reference = FAMILIES[name]
    y, many = values(components)
    # Skew normal and inverse Gaussian tails: scipy subtracts there, so only to an absolute error.
    loose = 1e-13 if name in ("skew_normal", "inverse_gaussian") else 0.0
    with np.errstate(all="ignore"):
        assert_allclose(many.logpdf(y), reference.logpdf(y[:, None]), rtol=1e-11, atol=1e-12)
        assert_allclose(many.cdf(y), reference.cdf(y[:, None]), rtol=1e-11, atol=loose)
        assert_allclose(many.sf(y), reference.sf(y[:, None]), rtol=1e-11, atol=loose)
    assert_allclose(components.mean[0], np.ravel(reference.mean()), rtol=1e-13)
    assert_allclose(components.variance[0], np.ravel(reference.var()), rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_quantiles_are_right_in_far_tails(name):
    components = ALL[name]
    for p in (1e-149, 1e-30, 1e-5, 0.2, 0.5, 0.9):
        for upper in (False, True):
            q = components.quantile([p], upper)[0]
            each = components.take(np.zeros(3, int))
            back = np.diag((each.sf if upper else each.cdf)(q))
            # a rounding of y moves the tail by density * |y| * 2.2e-16; near an end of the support y may be that end
            rounding = np.exp(np.diag(each.logpdf(np.maximum(q, 1e-300) if name == "gamma" else q)))
            ok = np.abs(back - p) <= 3e-12 * p + rounding * np.abs(q) * 4.5e-16
            # the quantile of gamma 0.4 at 1e-149 is 1e-372: it underflows
            assert (ok | ((q == 0.0) & (name == "gamma"))).all(), (p, upper, back)
    ends = components.quantile([0.0])[0], components.quantile([1.0])[0]
    if name != "uniform":
        assert_array_equal(ends, np.repeat([components.support], 3, axis=0).T)


@pytest.mark.parametrize("name", [name for name in ALL if name != "uniform"])
def test_slopes_by_differences(name):
    y, many = values(ALL[name])
    y = y + 1e-3 * np.abs(y) + 1e-6  # away from corners
    step = 1e-6 * np.abs(y)
    differences = (many.logpdf(y + step) - many.logpdf(y - step)) / (2.0 * step)[:, None]
    inside = np.isfinite(differences) & np.isfinite(many.logpdf(y))
    ours = many.dlogpdf(y)
    noise = 1e-15 * np.abs(many.logpdf(y)) / step[:, None]
    smooth = np.abs(y[:, None] - LOC) > 2e-6 * np.abs(y[:, None]) if name == "laplace" else True
    wrong = np.abs(ours - differences) > 1e-5 * np.abs(ours) + 10.0 * noise + 1e-7
    assert not (wrong & inside & smooth).any()


@pytest.mark.parametrize("name", ALL)
def test_density_and_partial_means_by_quadrature(name):
    components = ALL[name]
    cuts = np.array([1e-14, 1e-7, 1e-3, 0.05, 0.3, 0.5])
    for k in range(3):
        # the tails beyond 1e-14 of heavy-tailed families are not negligible in a mean: differences are compared
        low, high = (np.array([components.quantile([p], u)[0, k] for p in cuts]) for u in (False, True))
        y = np.concatenate([low, high[::-1][1:]])
        each = components.take(np.zeros(len(y), int))
        below, above, mass = each.partial_mean(y)[:, k], each.partial_mean(y, upper=True)[:, k], each.cdf(y)[:, k]
        assert_allclose(below + above, components.mean[0, k], rtol=1e-10, atol=1e-10)
        positive = components.support[0] == 0.0  # then in log y, as densities may be infinite at 0
        change = np.exp if positive else lambda v: v
        ends = np.log(y) if positive else y

        def f(v, k=k, change=change, positive=positive):
            return np.exp(components.logpdf([change(v)])[0, k]) * (change(v) if positive else 1.0)

        for j in range(1, len(y) - 1, 3):
            total = integrate.quad(f, ends[j], ends[j + 1], epsabs=1e-14, epsrel=1e-11)[0]
            first = integrate.quad(lambda v: change(v) * f(v), ends[j], ends[j + 1], epsabs=1e-14, epsrel=1e-11)[0]  # noqa: B023
            assert mass[j + 1] - mass[j] == pytest.approx(total, rel=1e-9, abs=1e-11)
            assert below[j + 1] - below[j] == pytest.approx(first, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in ALL if name != "gaussian"])
def test_samples(name):
    size = 20_000 if name == "skew_t" else 100_000
    drawn = ALL[name].sample(np.tile([0, 1, 2], (1, size)), np.random.default_rng(3)).reshape(size, 3)
    for k in range(3):
        one = ALL[name].pick(np.zeros(size, int), np.full(size, k))
        assert stats.kstest(one.cdf(drawn[:, k])[:, 0], "uniform").pvalue > 1e-3
    assert ALL[name].sample([1], np.random.RandomState(0)).shape == (1,)


@pytest.mark.parametrize("slope, df", [(0.3, 0.9), (-3.0, 4.0), (40.0, 4.0), (3.0, 80.0)])
def test_skew_t_tails_by_quadrature(slope, df):
    components = SkewTComponents([[0.0]], [slope / np.hypot(1.0, slope)], [1.0 / np.hypot(1.0, slope)], [df])
    for y in (-3.0, 4.0):
        # in y = turn * sinh t: one scale only
        for turn, ours in ((-1.0, components.cdf([y])), (1.0, components.sf([y]))):
            start = np.arcsinh(turn * y)
            f = lambda t, s=turn: np.exp(components.logpdf([s * np.sinh(t)])[0, 0]) * np.cosh(t)  # noqa: E731
            pieces = np.append(start + np.array([0.0, 0.1, 0.5, 1.0, 3.0, 8.0]), start + 40.0)
            truth = sum(integrate.quad(f, a, b, epsabs=0.0, epsrel=1e-10)[0] for a, b in pairwise(pieces))
            assert ours[0, 0] == pytest.approx(truth, rel=1e-10)


def test_limits_of_the_skewed_families():
    y = np.linspace(-8.0, 9.0, 41)
    rows = np.zeros(41, int)
    t = StudentTComponents([[0.5]], [2.0], [3.0]).take(rows)
    skew_t = SkewTComponents([[0.5]], [0.0], [2.0], [3.0]).take(rows)
    normal = SkewNormalComponents([[0.5]], [2.0], [1.0]).take(rows)
    nearly = SkewTComponents([[0.5]], [2.0], [1.0], [1e9]).take(rows)
    for method in ("logpdf", "cdf", "sf", "dlogpdf", "partial_mean"):
        assert_allclose(getattr(skew_t, method)(y), getattr(t, method)(y), rtol=1e-11, atol=1e-13)
        assert_allclose(getattr(nearly, method)(y), getattr(normal, method)(y), rtol=1e-5, atol=1e-8)


def test_moments_that_do_not_exist():
    t = StudentTComponents([[1.0, 1.0, 1.0]], [1.0, 1.0, 1.0], [0.8, 1.5, 3.0])
    assert_array_equal(np.isnan(t.mean), [[True, False, False]])
    assert_array_equal(np.isinf(t.variance), [[False, True, False]])
    assert np.isinf(t.partial_mean([2.0], upper=True)[0, 0])


@pytest.mark.parametrize("name", ALL)
def test_ends_and_missing_values(name):
    four = ALL[name].take(np.zeros(4, int))
    y = np.array([-np.inf, np.inf, np.nan, -1e6])
    assert_array_equal(four.cdf(y)[:2], [[0.0] * 3, [1.0] * 3])
    assert_array_equal(four.sf(y)[:2], [[1.0] * 3, [0.0] * 3])
    assert_array_equal(four.logpdf(y)[:2], -np.inf)
    for method in ("cdf", "sf", "logpdf", "partial_mean"):
        assert np.isnan(getattr(four, method)(y)[2]).all()
    if ALL[name].support[0] == 0.0:
        assert_array_equal(four.logpdf(y)[3], -np.inf)
        assert_array_equal(four.partial_mean(y, upper=True)[3], four.mean[3])


def test_bad_parameters_are_named():
    with pytest.raises(ConfigurationError, match="scale must be positive"):
        LaplaceComponents([[0.0]], [0.0])
    with pytest.raises(ConfigurationError, match="shape \\(K,\\)"):
        GammaComponents([[1.0, 2.0]], [1.0])
    with pytest.raises(ConfigurationError, match="above that of low"):
        UniformComponents([[1.0]], [[1.0]])
