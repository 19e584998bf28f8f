"""Path, jump and regressions against brute force, exact geometry, hand computation, R, and exact invariances."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classicmoe import criteria
from classicmoe.selection.slope import ddse, dimension_jump, slope_path
from classicmoe.slope.robust import fit_line

C = np.arange(1, 61)
SD = 0.05


def elbow(noise=0.0):
    """Contrasts of 60 models: steep up to complexity 10, then falling by 1/2 for each parameter."""
    return -100.0 + 12.0 * np.maximum(10 - C, 0) - 0.5 * C + noise


@pytest.fixture
def noise(seed):
    return SD * np.random.default_rng(seed).normal(size=60)


@st.composite
def tables(draw):
    """Distinct integer shapes in any order and contrasts in 64ths: sums and differences of them are exact."""
    n = draw(st.integers(10, 25))
    shape = draw(st.lists(st.integers(1, 200), min_size=n, max_size=n, unique=True))
    contrast = draw(st.lists(st.integers(-3000, 3000), min_size=n, max_size=n))
    return np.array(shape, float), np.array(contrast) / 64.0


@st.composite
def collections(draw):
    """An elbow with noise far above rounding, so that no regression hangs on the last digit."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(12, 40))
    shape = np.sort(rng.choice(np.arange(1, 5 * n), n, replace=False)).astype(float)
    knee = shape[draw(st.integers(1, 5))]
    return shape, 5.0 * np.maximum(knee - shape, 0.0) - 0.5 * shape + rng.normal(size=n)


# ---------------------------------------------------------------- the path


@given(tables(), st.integers(0, 2**32 - 1))
def test_path_is_what_brute_force_finds(table, seed):
    p, g = table
    path = slope_path(p, g)
    for kappa in np.random.default_rng(seed).exponential(3.0, 200):
        assert path.at(kappa) == np.argmin(g + kappa * p)
    assert path.kappas[0] == 0.0 and (np.diff(path.kappas) > 0.0).all()
    for kappa, row in zip(path.kappas, path.models, strict=True):
        assert path.at(kappa) == row  # at a breakpoint the new, smaller model
    np.testing.assert_array_equal(path.jumps, -np.diff(p[path.models]))


def lower_hull(p, g):
    """Vertices of the lower convex hull, in exact arithmetic (Andrew's monotone chain), as numbers of points."""
    points = sorted((Fraction(x), Fraction(y), i) for i, (x, y) in enumerate(zip(p, g, strict=True)))
    hull = []
    for x, y, i in points:
        while len(hull) > 1:
            (x0, y0, _), (x1, y1, _) = hull[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y, i))
    return hull


@given(tables())
def test_models_on_the_path_are_the_vertices_of_the_lower_hull(table):
    hull = lower_hull(*table)
    least = min(y for _, y, _ in hull)
    falling = hull[: 1 + next(j for j, (_, y, _) in enumerate(hull) if y == least)]
    path = slope_path(*table)
    assert path.models.tolist() == [i for _, _, i in reversed(falling)]
    slopes = [(a[1] - b[1]) / (b[0] - a[0]) for a, b in pairwise(falling)]
    np.testing.assert_allclose(path.kappas[1:], [float(slope) for slope in reversed(slopes)], rtol=1e-15)


def test_an_edge_with_many_models_is_one_jump_whatever_the_rounding(seed):
    # 0.1 is no binary fraction: seen from the largest model the slopes to the others differ in the last digit.
    p = np.arange(1.0, 31.0)
    rng = np.random.default_rng(seed)
    for slope in [0.1, 0.7, 1.0 / 3.0, *rng.uniform(0.1, 3.0, 20)]:
        path = slope_path(p, np.where(p < 5.0, 2e4, 1e4 - slope * p))
        assert path.models.tolist()[:2] == [29, 4]
        np.testing.assert_allclose(path.kappas[1], slope, rtol=1e4 * 1e-15 / slope)


def test_jump_of_five_models_by_hand():
    # 0.05 from 5 to 4, 0.1 to 3, 1 to 2, 6 to 1; the other five lie above the hull and fill up the number.
    above = dict(zip([1.5, 2.5, 3.5, 4.2, 4.8], [9.0, 5.0, 4.0, 4.0, 4.0], strict=True))
    p, g = [1, 2, 3, 4, 5, *above], [10, 4, 3, 2.9, 2.85, *above.values()]
    tied = dimension_jump(p, g)
    np.testing.assert_allclose(tied.breakpoints, [0.0, 0.05, 0.1, 1.0, 6.0], rtol=1e-13)  # 2.9 - 2.85 cancels
    assert tied.models.tolist() == [4, 3, 2, 1, 0] and tied.jumps.tolist() == [1.0] * 4
    assert (tied.kappa_min, tied.selected) == (6.0, 0)
    assert any("falls by 1 at several constants (0.05, 0.1, 1, 6); the largest was taken" in w for w in tied.warnings)
    far = dimension_jump([1, 2, 3, 10, 11, 1.5, 2.5, 5, 10.2, 10.8], g, shape=p)
    assert far.jumps.tolist() == [1.0, 7.0, 1.0, 1.0]
    assert (far.kappa_min, far.kappa_opt) == pytest.approx((0.1, 0.2), rel=1e-13)
    assert (far.selected, far.jump) == (2, 1)
    assert not any("several constants" in w for w in far.warnings)


def test_selected_at_an_exact_breakpoint_is_the_smaller_model():
    # Breakpoints 1, 2, 4, 8, ... with the largest fall at 1: twice 1 is the breakpoint 2 exactly.
    p = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 20])
    rise = 2.0 ** np.arange(8, -1, -1)
    rise[-1] = 11.0
    result = dimension_jump(p, np.r_[0.0, -np.cumsum(rise)])
    assert result.breakpoints.tolist()[:4] == [0.0, 1.0, 2.0, 4.0]
    assert result.kappa_opt == 2.0 and p[result.selected] == 8.0


# ---------------------------------------------------------------- jump and slope on a line with an elbow


def test_both_find_the_elbow(noise):
    jump, slope = dimension_jump(C, elbow(noise)), ddse(C, elbow(noise))
    assert C[jump.selected] == C[slope.selected] == 10
    # An edge of length L between two points of the line has slope 1/2 + (difference of their noise) / L.
    assert abs(jump.kappa_min - 0.5) <= np.ptp(noise) / jump.jumps[jump.jump] + 1e-12
    line = C[-slope.n_points :]
    assert line[0] > 10
    assert abs(slope.kappa_min - 0.5) < 6.0 * SD / np.sqrt(np.sum((line - line.mean()) ** 2) * 0.9)  # 95 % efficient
    assert slope.interval[0] <= slope.kappa_min <= slope.interval[1]
    assert slope.kappa_opt == 2.0 * slope.kappa_min and slope.kappa_ratio == 2.0 * slope.kappa_min


def test_exact_line_and_one_outlier():
    exact = ddse(C, elbow(), psi="ols")
    first = exact.plateaus[exact.chosen].first
    np.testing.assert_allclose(exact.slopes[9:], 0.5, rtol=1e-11)  # contrasts of 130 to rounding over two points
    assert exact.slopes[0] > 1.0 and first < 30 and C[exact.selected] == 10
    assert exact.kappa_min == pytest.approx(0.5, rel=1e-12)
    assert exact.r_squared == pytest.approx(1.0, abs=1e-12)
    g = elbow() - 15.0 * (C == 58)  # as a degenerate model has it
    resistant, least_squares = ddse(C, g), ddse(C, g, psi="ols")
    assert resistant.kappa_min == pytest.approx(0.5, rel=1e-12) and C[resistant.selected] == 10
    assert abs(least_squares.kappa_min - 0.5) > 0.05


def test_slopes_choices_and_plateaus_by_their_definition():
    g = elbow(8.0 * SD * np.random.default_rng(0).normal(size=60)) + 0.02 * (C - 30.0) ** 2 * (C > 30)
    result = ddse(C, g, pct=0.1)
    assert result.slopes.shape == result.choices.shape == (59,)
    for r, (kappa, choice) in enumerate(zip(result.slopes, result.choices, strict=True)):
        assert kappa == fit_line(C[r:].astype(float), -g[r:], "bisquare").slope
        assert choice == np.argmin(g + 2.0 * kappa * C)
    assert [p.model for p in result.plateaus for _ in range(p.length)] == result.choices.tolist()
    assert all(a.model != b.model for a, b in pairwise(result.plateaus))
    lengths = [p.length for p in result.plateaus]
    assert result.chosen == max(i for i, length in enumerate(lengths) if length >= 0.1 * 59)
    chosen = result.plateaus[result.chosen]
    assert result.selected == chosen.model and result.share_of_points == (chosen.length + 1) / 60
    middle = chosen.first + chosen.length // 2
    assert result.kappa_min == result.slopes[middle] and result.n_points == 60 - middle
    for plateau in result.plateaus:
        values = result.slopes[plateau.first : plateau.first + plateau.length]
        values = values[:-1] if plateau.fewest_points == 2 and len(values) > 1 else values
        assert (plateau.low, plateau.high) == (values.min(), values.max())
        assert plateau.most_points == 60 - plateau.first == plateau.fewest_points + plateau.length - 1
    residual = -g[middle:] - result.line.at(C[middle:])
    assert result.scale == pytest.approx(np.median(np.abs(residual)) / 0.6745, rel=1e-12)
    unexplained = np.sum(residual**2) / np.sum((g[middle:] - np.mean(g[middle:])) ** 2)
    assert result.r_squared == pytest.approx(1.0 - unexplained, rel=1e-12)


def test_the_last_regression_is_not_in_the_interval_of_the_last_plateau():
    result = ddse(C, elbow() - 3.0 * (C == 60))
    (plateau,) = result.plateaus
    assert result.slopes[-1] == pytest.approx(3.5, rel=1e-12) and result.slopes[-1] > result.slopes[:-1].max() + 1.0
    assert result.interval == (result.slopes[:-1].min(), result.slopes[:-1].max())
    assert (plateau.length, plateau.fewest_points) == (59, 2)


def test_threshold_and_area(noise):
    g = elbow(10.0 * noise)
    path = slope_path(C, g)
    by_threshold = dimension_jump(C, g, threshold=20)
    assert C[path.at(by_threshold.kappa_min)] <= 20
    assert C[path.at(np.nextafter(by_threshold.kappa_min, 0.0))] > 20
    for area in (0.01, 0.2, 0.6):
        plain, result = dimension_jump(C, g), dimension_jump(C, g, area=area)
        assert (result.selected, result.kappa_min) == (plain.selected, plain.kappa_min)
        low, high, drop, models = result.area
        assert low == pytest.approx(high * (1.0 - area) / (1.0 + area), rel=1e-15)
        windows = [(kappa * (1.0 - area) / (1.0 + area), kappa) for kappa in path.kappas[1:]]
        drops = [C[path.at(a)] - C[path.at(b)] for a, b in windows]
        assert drop == C[path.at(low)] - C[path.at(high)] == max(drops)
        within = [kappa for kappa in path.kappas if 2.0 * low < kappa <= 2.0 * high]
        assert models.tolist() == [path.at(kappa) for kappa in [2.0 * low, *within]]


def test_information_criteria_take_the_log_likelihood_itself(noise):
    g, n = elbow(noise), 2000  # minus log-likelihoods, sums over n rows
    aic = [criteria.aic(-value, c) for value, c in zip(g, C, strict=True)]
    bic = [criteria.bic(-value, c, n) for value, c in zip(g, C, strict=True)]
    assert np.argmin(aic) == np.argmin(g / n + C / n)
    assert np.argmin(bic) == np.argmin(g / n + C * np.log(n) / (2 * n)) == 9
    # The formulas for contrasts per observation do not fit sums: they hardly penalise.
    assert np.argmin(g + C * np.log(n) / (2 * n)) > 50


# ---------------------------------------------------------------- what changes nothing, exactly


@given(tables(), st.integers(-(10**6), 10**6), st.integers(-20, 20), st.integers(0, 1000), st.randoms())
def test_path_under_shifts_scales_and_order(table, shift, power, start, random):
    # Integers, 64ths and powers of two: every one of these operations is exact in floating point.
    p, g = table
    path = slope_path(p, g)

    def same(other, kappas=path.kappas, models=path.models):
        np.testing.assert_array_equal(other.kappas, kappas)
        np.testing.assert_array_equal(other.models, models)

    scale = 2.0**power
    same(slope_path(p, g + shift))
    same(slope_path(p, scale * g), scale * path.kappas)
    same(slope_path(p, g, shape=scale * p), path.kappas / scale)
    same(slope_path(p, g, shape=p + start))
    order = np.arange(len(p))
    random.shuffle(order)
    same(slope_path(p[order], g[order]), models=np.argsort(order)[path.models])


@given(tables(), st.integers(1, 200), st.integers(1, 3000))
def test_a_model_above_the_hull_changes_no_path(table, at, above):
    p, g = table
    path = slope_path(p, g)
    if at in p:
        height = g[p == at][0]
    else:
        height = np.interp(at, p[path.models[::-1]], g[path.models[::-1]], left=np.inf)
    if height < np.inf:
        more = slope_path(np.r_[p, at], np.r_[g, height + above / 64.0])
        np.testing.assert_array_equal(more.kappas, path.kappas)
        np.testing.assert_array_equal(more.models, path.models)


@settings(max_examples=40)
@given(collections(), st.integers(-(10**4), 10**4), st.integers(-8, 8), st.integers(0, 10**3), st.randoms())
def test_slopes_under_shifts_scales_and_order(table, shift, power, start, random):
    p, g = table
    base, size = ddse(p, g), np.abs(g).max()

    def same(other, scale=1.0, more=0.0):
        # Contrasts carry errors of eps times their size; 20 reweightings of points that are 1 apart carry them on.
        close = {"atol": 40.0 * np.finfo(float).eps * (size + more), "rtol": 1e-9}
        np.testing.assert_allclose(other.slopes * scale, base.slopes, **close)
        assert other.selected == base.selected
        assert [plateau.length for plateau in other.plateaus] == [plateau.length for plateau in base.plateaus]

    scale = 2.0**power
    same(ddse(p, g + shift), more=abs(shift))
    same(ddse(p, scale * g), scale=1.0 / scale)
    same(ddse(p, g, shape=scale * p), scale=scale)
    same(ddse(p, g, shape=p + start), more=abs(start))
    order = np.arange(len(p))
    random.shuffle(order)
    shuffled = ddse(p[order], g[order])
    np.testing.assert_array_equal(shuffled.slopes, base.slopes)
    np.testing.assert_array_equal(order[shuffled.choices], base.choices)


@given(collections())
def test_factor_one_selects_what_the_jump_leads_to_and_a_huge_one_the_smallest(table):
    p, g = table
    one, huge = dimension_jump(p, g, scoef=1.0), dimension_jump(p, g, scoef=1e12)
    assert one.selected == one.models[one.jump + 1]
    assert huge.selected == huge.models[-1]
    assert one.kappa_opt == one.kappa_min


# ---------------------------------------------------------------- MASS::rlm


def golden(root):
    return json.loads((root / "tests" / "golden" / "rlm.json").read_text("utf-8"))["lines"]


def test_lines_are_those_of_rlm(root):
    compared = 0
    for case in golden(root):
        x, y = np.array(case["x"], float), np.array(case["y"], float)
        for r in range(len(x) - 1):
            design = np.column_stack([np.ones(len(x) - r), x[r:]])
            # What one least-squares fit by QR may lose; two programs, 20 of them each. The file has 15 digits.
            unit = np.finfo(float).eps * np.linalg.cond(design) * np.abs(y[r:]).max() / np.ptp(x[r:])
            line = fit_line(x[r:], y[r:], "bisquare")
            close = {"rel": 1e-14, "abs": 40.0 * unit}
            assert line.slope == pytest.approx(case["slope"][r], **close), (case["name"], r)
            wide = {"rel": 1e-14, "abs": 40.0 * unit * max(np.ptp(x[r:]), np.abs(x[r:]).max())}
            assert line.intercept == pytest.approx(case["intercept"][r], **wide), (case["name"], r)
            assert fit_line(x[r:], y[r:], "ols").slope == pytest.approx(case["ols"][r], **close)
            if np.median(np.abs(y[r:] - line.at(x[r:]))) > 1e-9 * np.abs(y[r:]).max():
                # Residuals above rounding: then the steps and the end of the iteration are the same too.
                assert (line.steps, line.converged) == (case["steps"][r], case["converged"][r]), (case["name"], r)
                compared += 1
    assert compared > 200


def test_golden_lines_hold_what_they_are_for(root):
    cases = {case["name"]: case for case in golden(root)}
    assert sum(not all(case["converged"]) for case in cases.values()) >= 3
    outlier = cases["one outlier"]
    assert abs(outlier["slope"][10] - 0.5) < 0.01 < 0.05 < abs(outlier["ols"][10] - 0.5)
    assert max(max(case["steps"]) for case in cases.values()) == 20
