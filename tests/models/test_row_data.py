"""Exposures, offsets and supports: what is wrong is named with its rows, and what was used must be given again."""

import numpy as np
import pytest

from classicmoe import MoERegressor, load
from classicmoe.exceptions import ConfigurationError, DataError, RowDataError
from classicmoe.experts import BinomialExpert, GammaExpert, PoissonExpert, StudentTExpert, UniformExpert

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
COUNTS = RNG.poisson(2.0, 60).astype(float)
YEARS = RNG.uniform(0.5, 2.0, 60)


def changed(values, **rows):
    out = np.array(values, float)
    for row, value in rows.items():
        out[int(row[1:])] = value
    return out


@pytest.mark.parametrize(
    ("expert", "y", "message"),
    (
        (
            "poisson",
            changed(COUNTS, r3=-1.0),
            r"'y' is negative in 1 of 60 rows, .*poisson.*row 3.*-1.*be negative",
        ),
        ("poisson", changed(COUNTS, r5=1.5, r9=0.2), r"not whole in 2 of 60 rows.*rows 5, 9.*1\.5.*exposure="),
        ("negative_binomial", changed(COUNTS, r0=-2.0), "negative in 1 of 60 rows.*row 0"),
        ("binomial", COUNTS, "above the number of trials.*Give the number of trials as exposure="),
        ("gamma", changed(COUNTS + 1.0, r7=0.0), "not positive in 1 of 60 rows.*row 7.*hurdle"),
        ("inverse_gaussian", changed(COUNTS + 1.0, r7=-3.0), "not positive.*row 7"),
        ("log_normal", changed(COUNTS + 1.0, r1=0.0), "not positive.*row 1"),
        ("zero_inflated_poisson", changed(COUNTS, r4=0.5), "not whole.*row 4"),
        ("hurdle_gamma", changed(COUNTS, r4=-0.5), "not positive.*row 4"),
        ([UniformExpert(0.0, 1.0), "poisson"], changed(COUNTS, r8=7.5), "row 8"),
    ),
)
def test_responses_outside_the_support_are_named(expert, y, message):
    with pytest.raises(DataError, match=message):
        MoERegressor(2, expert=expert).fit(X, y)


def test_trials_are_counted():
    trials = changed(np.full(60, 20.0), r2=7.5)
    with pytest.raises(DataError, match=r"number of trials that is not whole in 1 of 60 rows.*row 2.*exposure"):
        MoERegressor(1, expert="binomial").fit(X, COUNTS, exposure=trials)


def test_rows_of_weight_zero_may_hold_anything():
    weight = changed(np.ones(60), r3=0.0)
    model = MoERegressor(1, expert="poisson").fit(X, changed(COUNTS, r3=-1.0), sample_weight=weight)
    other = MoERegressor(1, expert="poisson").fit(np.delete(X, 3, 0), np.delete(COUNTS, 3))
    assert np.allclose(model.expert_coef_, other.expert_coef_, rtol=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    (
        ({"exposure": changed(YEARS, r6=0.0)}, "exposure must be positive; it is 0 in row 6"),
        ({"exposure": changed(YEARS, r6=np.nan)}, "exposure is missing or infinite in 1 rows: row 6"),
        ({"exposure": YEARS[:-1]}, r"exposure has shape \(59,\), expected \(60,\)"),
        ({"offset": changed(YEARS, r2=np.inf)}, "offset is missing or infinite in 1 rows: row 2"),
        ({"offset": ["a"] * 60}, "offset must hold numbers"),
    ),
)
def test_wrong_exposures_and_offsets_are_named(given, message):
    with pytest.raises(RowDataError, match=message):
        MoERegressor(1, expert="poisson").fit(X, COUNTS, **given)


def test_families_without_exposure_or_offset_say_so():
    with pytest.raises(ConfigurationError, match=r"gaussian experts have no exposure: it goes with counts"):
        MoERegressor(2).fit(X, COUNTS, exposure=YEARS)
    with pytest.raises(ConfigurationError, match="student_t experts have no offset; subtract it from y"):
        MoERegressor(2, expert="student_t").fit(X, COUNTS, offset=YEARS)


def test_what_was_used_must_be_given_again(tmp_path):
    model = MoERegressor(1, expert="poisson").fit(X, COUNTS, exposure=YEARS)
    for again in (model, saved(model, tmp_path)):
        for question in (again.score_samples, again.log_likelihood, again.responsibilities, again.bic):
            with pytest.raises(RowDataError, match="was fitted with exposure=; pass exposure= of these rows"):
                question(X, COUNTS)
        assert again.log_likelihood(X, COUNTS, exposure=YEARS) == pytest.approx(model.log_likelihood_, rel=1e-12)
        assert np.allclose(again.predict(X, exposure=YEARS), YEARS * again.predict(X), rtol=1e-13)
        assert np.allclose(again.predict_dist(X, exposure=YEARS).mean(), again.predict(X, exposure=YEARS), rtol=1e-13)
    shifted = MoERegressor(1, expert="poisson").fit(X, COUNTS, offset=np.log(YEARS))
    with pytest.raises(RowDataError, match="was fitted with offset="):
        shifted.predict(X)


def saved(model, folder):
    model.save(folder / "model.cmoe")
    return load(folder / "model.cmoe")


@pytest.mark.parametrize(
    ("expert", "message"),
    (
        (StudentTExpert(df=-1.0), "expert's df must be 'shared', 'own' or a number > 0, not -1.0"),
        (StudentTExpert(df="both"), "df must be"),
        (BinomialExpert(trials=0), "trials must be a whole number >= 1, not 0"),
        (PoissonExpert(ridge=-1.0), "ridge must be a number >= 0"),
        (GammaExpert(scale="mine"), "scale must be 'own' or 'shared'"),
        ([PoissonExpert()], "list of 1 families, but n_experts=2: give one for each expert"),
        ([PoissonExpert(), StudentTExpert(df=0.0)], "df must be"),
        ("poison", "Did you mean 'poisson'"),
    ),
)
def test_wrong_arguments_of_families_are_named(expert, message):
    with pytest.raises(ConfigurationError, match=message):
        MoERegressor(2, expert=expert).fit(X, COUNTS)


def test_another_family_leaves_nothing_of_the_first():
    model = MoERegressor(1, expert="student_t").fit(X, COUNTS)
    assert hasattr(model, "expert_df_")
    model.set_params(expert="poisson").fit(X, COUNTS)
    assert not hasattr(model, "expert_df_") and not hasattr(model, "expert_scale_")
    assert "(df)" not in model.summary()
