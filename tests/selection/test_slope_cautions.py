"""Tables that cannot be used, what speaks against an answer, validation by larger models, texts."""

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import polars as pl
import pytest

from classicmoe.exceptions import ConfigurationError, DroppedModelsWarning, ModelTableError, TooFewModelsError
from classicmoe.selection.slope import ddse, dimension_jump, slope_heuristic, slope_path
from tests.messages import refused, warned

C = np.arange(1, 61)
SD = 0.05


def elbow(noise=0.0, knee=10):
    return -100.0 + 12.0 * np.maximum(knee - C, 0) - 0.5 * C + noise


@pytest.fixture
def noise(seed):
    return SD * np.random.default_rng(seed).normal(size=60)


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize("function", [dimension_jump, ddse, slope_heuristic])
def test_columns_that_cannot_be_used(function):
    g = elbow()
    for title, columns, kind, words in [
        ("lengths", (C[:12], g[:11]), ModelTableError, ["complexity 12, contrast 11", "one value of each per model"]),
        ("text", (C, ["many", *g[1:]]), ModelTableError, ["1 of 60 values of 'contrast'", "row 0", "'many'"]),
        ("frame", (np.ones((12, 2)), g[:12]), ModelTableError, ["complexity must be one column", "(12, 2)"]),
        (
            "negative",
            (C - 3, g),
            ModelTableError,
            ["complexity is negative", "rows 0, 1 (counted from 0)", "-2", "order"],
        ),
        ("shape", (C, g, C[::-1]), ModelTableError, ["shape must not decrease", "row 0", "leave shape out"]),
        ("few", (C[:9], g[:9]), TooFewModelsError, ["at least 10 models", "has 9;", "n_experts=range(1, 21)"]),
        ("equal", (C[:12], g[:12], [1, 2] * 6), ModelTableError, ["shape must not decrease"]),
        ("repeated", (C[:12] // 2, g[:12]), TooFewModelsError, ["has 7 (of 12 rows", "equal shapes do not count"]),
    ]:
        refused(f"{function.__name__}: {title}", kind, words, lambda c=columns: function(*c))
    refused("names", ConfigurationError, ["names has 2 entries for 60 models"], lambda: function(C, g, names="ab"))


def test_options_that_cannot_be_used():
    g = elbow()
    for function, option, words in [
        (dimension_jump, {"scoef": 0.5}, ["scoef must be a number >= 1, not 0.5"]),
        (dimension_jump, {"scoef": np.inf}, ["not inf"]),
        (dimension_jump, {"threshold": -1.0}, ["threshold must be a complexity >= 0"]),
        (dimension_jump, {"threshold": 60}, ["threshold=60 is not between", "(1 and 60)"]),
        (dimension_jump, {"threshold": 0.5}, ["threshold=0.5 is not between"]),
        (dimension_jump, {"area": 1.0}, ["area must be between 0 and 1", "sqrt(log(n) / n)"]),
        (ddse, {"pct": 0.0}, ["pct must be above 0 and at most 1"]),
        (ddse, {"pct": 15}, ["pct must be above 0 and at most 1"]),
        (ddse, {"point": 0}, ["point must be an integer >= 1"]),
        (ddse, {"point": 2.5}, ["point must be an integer >= 1"]),
        (ddse, {"psi": "bisqare"}, ["psi='bisqare' is not known", "Did you mean 'bisquare'?"]),
        (ddse, {"scoef": np.nan}, ["scoef must be a number >= 1"]),
        (slope_heuristic, {"psi": None}, ["psi=None is not known"]),
        (slope_heuristic, {"scoef": 0.0}, ["scoef must be a number >= 1"]),
    ]:
        refused(f"{function.__name__} {option}", ConfigurationError, words, lambda f=function, o=option: f(C, g, **o))
    refused("kappa", ConfigurationError, ["kappa must be a number >= 0"], lambda: slope_path(C, g).at(-0.1))


def test_rows_without_numbers_are_left_out_and_said(noise):
    g = elbow(noise)
    c = C.astype(float)
    c[20], g[3], g[40] = np.nan, np.inf, -np.inf
    words = ["3 of 60 models were left out", "rows 3, 20, 40 (counted from 0)"]
    result = warned("holes", DroppedModelsWarning, words, lambda: slope_heuristic(c, g))
    left = np.delete(np.arange(60), [3, 20, 40])
    by_hand = slope_heuristic(c[left], g[left])
    assert result.selected == left[by_hand.selected] and C[result.selected] == 10
    np.testing.assert_array_equal(result.jump.models, left[by_hand.jump.models])
    np.testing.assert_array_equal(result.ddse.choices, left[by_hand.ddse.choices])
    assert result.table.dropped.tolist() == [3, 20, 40]
    assert "3 models without finite numbers left out: row 3, 20, 40." in result.warnings
    with pytest.raises(TooFewModelsError, match="has 9 "), pytest.warns(DroppedModelsWarning):
        dimension_jump(C[:12], np.where(C < 4, np.nan, elbow())[:12])
    with pytest.raises(TooFewModelsError), pytest.warns(DroppedModelsWarning):
        slope_path(C, np.full(60, np.nan))


def test_of_equal_shapes_the_least_contrast_counts(noise):
    g = elbow(noise)
    order = np.random.default_rng(1).permutation(120)
    c, both = np.r_[C, C][order], np.r_[g, g + 0.5][order]
    single, double = slope_heuristic(C, g), slope_heuristic(c, both)
    back = {int(i): int(row) for row, i in enumerate(order)}
    assert double.jump.models.tolist() == [back[row] for row in single.jump.models.tolist()]
    assert double.ddse.choices.tolist() == [back[row] for row in single.ddse.choices.tolist()]
    np.testing.assert_array_equal(double.ddse.slopes, single.ddse.slopes)
    assert sorted(double.table.merged) == sorted(back[i] for i in range(60, 120))


def test_columns_of_frames_and_lists(noise):
    frame = pd.DataFrame({"C": pd.array([*C, None], dtype="Int64"), "g": [*elbow(noise), 1.0], "K": range(61)})
    frame.index = range(100, 161)  # rows are positions, not labels
    expected = dimension_jump(C, elbow(noise))
    with pytest.warns(DroppedModelsWarning, match="1 of 61 models was left out"):
        by_pandas = dimension_jump(frame["C"], frame["g"], names=frame["K"])
    polars = pl.DataFrame({"C": C, "g": elbow(noise)})
    for result in (by_pandas, dimension_jump(polars["C"], polars["g"]), dimension_jump(list(C), list(elbow(noise)))):
        assert result.selected == expected.selected
        np.testing.assert_array_equal(result.models, expected.models)
    assert repr(by_pandas) == "<DimensionJump: 9 selected>"


def test_results_cannot_be_changed(noise):
    result = slope_heuristic(C, elbow(noise))
    for owner in (result, result.jump, result.ddse, result.table, result.jump.path):
        with pytest.raises(FrozenInstanceError):
            owner.warnings = ()
    for array in (
        result.ddse.slopes,
        result.ddse.choices,
        result.jump.models,
        result.jump.breakpoints,
        result.jump.jumps,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# ---------------------------------------------------------------- cautions


def said(result, beginning):
    return [text for text in result.warnings if text.startswith(beginning)]


def test_a_sound_collection_raises_no_caution(seed):
    for extra in range(20):
        rng = np.random.default_rng([seed, extra])
        result = slope_heuristic(C, elbow(SD * rng.normal(size=60)))
        assert result.agree
        # The contrast falls by 1/2 at every step of the line, seven standard deviations of a difference. Two edges of
        # the hull may happen to be equally long.
        assert [text for text in result.warnings if "at several constants" not in text] == []


def test_largest_model_must_be_three_times_the_selected():
    noise = SD * np.random.default_rng(0).normal(size=60)
    (text,) = said(dimension_jump(C, elbow(noise, knee=21)), "The largest model")
    assert "complexity 60, less than 3 times that of row 20 (complexity 21)" in text
    assert "up to complexity 63 or more" in text
    assert said(ddse(C, elbow(noise, knee=21)), "The largest model")
    assert not said(dimension_jump(C, elbow(noise, knee=20)), "The largest model")


def test_flat_and_convex_ends():
    flat = dimension_jump(C, elbow() + 0.48 * np.maximum(C - 40, 0))
    assert C[flat.selected] == 10
    (text,) = said(flat, "Flat end")
    assert "over the 25 largest models and by 0.5 over the 25 before them" in text and "more starts" in text
    convex = dimension_jump(C, elbow() - 0.6 * np.maximum(C - 36, 0))
    (text,) = said(convex, "Convex end")
    assert "grows by 1.1 per unit of shape over the" in text and "by 0.5 over the" in text
    # Slopes that differ as much, among contrasts that zigzag more than the difference shows: not announced.
    quiet = elbow() + 0.4 * np.maximum(C - 36, 0)
    assert said(dimension_jump(C, quiet), "Flat end")
    assert not said(dimension_jump(C, quiet + 10.0 * (-1.0) ** C), "Flat end")


def test_contrast_that_rises_with_the_complexity(noise):
    g = elbow(noise)
    g[30] += 3.0
    result = slope_heuristic(C, g, names=[f"K={k}" for k in C])
    (text,) = said(result, "The contrast rises")
    rise = g[30] - g[29]
    assert f"at 1 of 59 steps, most from K=30 (complexity 30) to K=31 (complexity 31), by {rise:.4g}" in text
    np.testing.assert_array_equal(
        result.jump.breakpoints, dimension_jump(np.delete(C, 30), np.delete(g, 30)).breakpoints
    )
    assert not said(dimension_jump(C, elbow() + 1e-13 * (C % 2)), "The contrast rises")  # rounding is no rise


def test_few_models_and_disagreement(noise):
    (text,) = said(slope_heuristic(C[::5], elbow(noise)[::5]), "12 models are few")
    assert "15 or more" in text
    result = slope_heuristic(C, elbow() + 0.48 * np.maximum(C - 40, 0))
    assert not result.agree and result.selected == result.jump.selected != result.ddse.selected
    assert said(result, "The dimension jump selects row 9 (complexity 10), DDSE row ")
    assert len(set(result.warnings)) == len(result.warnings)
    assert set(result.jump.warnings) | set(result.ddse.warnings) < set(result.warnings)


def test_without_a_jump_the_smallest_model_is_returned():
    result = dimension_jump(C, 1.0 * C, names=C)
    assert (result.selected, result.jump) == (0, None)
    assert np.isnan(result.kappa_min) and np.isnan(result.kappa_opt) and len(result.jumps) == 0
    assert any("There is no jump: 1 (complexity 1)" in text and "-log L, not log L" in text for text in result.warnings)
    assert "there is no jump" in str(result)
    both = slope_heuristic(C, 1.0 * C)
    assert both.ddse.kappa_min == pytest.approx(-1.0, rel=1e-12)
    assert any("59 of the 59 slopes on the chosen plateau are not positive" in text for text in both.warnings)


def test_no_plateau_is_long_enough(noise):
    g = elbow(noise) + 0.02 * (C - 30.0) ** 2 * (C > 30)
    lengths = [plateau.length for plateau in ddse(C, g).plateaus]
    for option in ({"pct": 1.0}, {"point": 59}):
        result = ddse(C, g, **option)
        assert result.plateaus[result.chosen].length == max(lengths) < 59
        (text,) = said(result, "No plateau has 59 regressions or more")
        assert f"the longest, with {max(lengths)}, was taken" in text
    assert not said(ddse(C, g, point=max(lengths)), "No plateau")
    assert ddse(C, g, point=1).chosen == len(lengths) - 1


def test_a_line_through_three_models(noise):
    steep = elbow(noise) - 20.0 * (C == 60)  # the last slopes, of 4 models and fewer, select a smaller model
    short, long = ddse(C, steep, point=3), ddse(C, steep, point=4)
    assert [plateau.length for plateau in short.plateaus] == [56, 3]
    assert (short.n_points, long.n_points) == (3, 32)
    assert said(short, "The line stands on 3 models only") and not said(long, "The line stands on")


# ---------------------------------------------------------------- validation


def test_larger_models_on_the_line_and_off_it():
    estimate = ddse(C, elbow(SD * np.random.default_rng(0).normal(size=60)))
    further = np.array([70, 120])
    on = estimate.validate(further, -100.0 - 0.5 * further, names=["K=70", "K=120"])
    assert on.holds and on.warnings == ()
    np.testing.assert_allclose(on.residuals, 100.0 + 0.5 * further - estimate.line.at(further), rtol=1e-12)
    assert on.largest == np.abs(on.residuals).max() / estimate.scale
    # Standard error of a prediction: by how far it may miss the line grows with the distance.
    p = C[-estimate.n_points :]
    error = estimate.scale * np.sqrt(1.0 + 1.0 / len(p) + (further - p.mean()) ** 2 / np.sum((p - p.mean()) ** 2))
    for i, sign in ((0, 1.0), (1, -1.0)):
        for times, holds in ((4.6, True), (4.8, False)):
            gain = estimate.line.at(further)
            gain[i] += sign * times * error[i]
            result = estimate.validate(further, -gain, names=["K=70", "K=120"])
            assert result.holds is holds
            assert result.largest == pytest.approx(times * error[i] / estimate.scale, rel=1e-9)
    (text,) = result.warnings
    assert text.startswith("K=120 (complexity 120) lies ") and "below the line" in text and "add larger models" in text
    assert "2 further models do not all lie on the line" in str(result) and "K=120" in str(result)
    assert any("not larger than those that made the line" in w for w in estimate.validate([60], [-130.0]).warnings)


def test_an_exact_line_is_validated_to_rounding():
    estimate = ddse(C, elbow(), psi="ols")
    assert estimate.validate([90], [-145.0]).holds
    assert not estimate.validate([90], [-145.0 + 1e-9]).holds


# ---------------------------------------------------------------- texts


def test_text_of_both(noise):
    g = elbow(noise)
    g[30] += 3.0
    result = slope_heuristic(C, g, names=[f"K={k}" for k in C])
    text = result.summary()
    lines = str(text).splitlines()
    assert lines[0] == "slope heuristic: 60 models of complexity 1 to 60"
    assert "dimension jump: K=10 (complexity 10)" in lines and "DDSE: K=10 (complexity 10)" in lines
    jump, estimate = result.jump, result.ddse
    low, high = estimate.interval
    for words in (
        f"kappa_min {jump.kappa_min:.4g} ({2.0 * jump.kappa_min:.2f} times 1/2), where the complexity falls from ",
        f"kappa_opt {jump.kappa_opt:.4g}",
        f"from the {estimate.n_points} largest of 60 models, R^2 {estimate.r_squared:.4f}",
        f"slopes {low:.4g} to {high:.4g} on a plateau with {100 * estimate.share_of_points:.0f} % of the points",
    ):
        assert words in text
    assert [line for line in lines if line.startswith("!")] == [f"! {sentence}" for sentence in result.warnings]
    assert not any(line.startswith("!") for line in result.summary(warnings=False).splitlines())
    path = [line.split() for line in jump.path_lines()[1:]]
    assert [row[0] for row in path] == [f"K={C[row]}" for row in jump.models]
    (fallen,) = [row for row in path if "jump" in row]
    assert fallen[:4] == [
        f"K={C[jump.models[jump.jump + 1]]}",
        f"{C[jump.models[jump.jump + 1]]}",
        f"{jump.kappa_min:.4g}",
        f"{jump.jumps[jump.jump]:g}",
    ]
    plateaus = [line.split() for line in estimate.plateau_lines()[1:]]
    assert [row[2] for row in plateaus] == [str(plateau.length) for plateau in estimate.plateaus]
    assert ["chosen" in row for row in plateaus] == [i == estimate.chosen for i in range(len(plateaus))]
    assert str(estimate.summary()) == str(estimate) and text._repr_html_().startswith("<pre>slope heuristic")
    area = dimension_jump(C, g, area=0.3)
    assert f"jump area: the complexity falls by {area.area.drop:g} from kappa {area.area.low:.4g}" in str(area)
    assert repr(result) == "<SlopeHeuristic: K=10 selected, confirmed by DDSE>"
