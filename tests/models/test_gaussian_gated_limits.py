"""GaussianGatedMoERegressor: settings, too little data, collapses, warm starts, and what each of them is told."""

import warnings

import numpy as np
import pytest

from classicmoe.covariances import Diagonal, Factor
from classicmoe.em.status import Status
from classicmoe.exceptions import (
    CollinearColumnsWarning,
    ConfigurationError,
    ConstantColumnWarning,
    DataError,
    DegenerateComponentWarning,
    MissingValuesError,
    TooFewRowsError,
)
from classicmoe.models.noise import noise_structure
from tests.models.test_gaussian_gated import fit, three_groups

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]


def test_continuing_a_fit_changes_nothing_at_its_end():
    X, y = three_groups()
    m = fit(X, y, warm_start=True)
    before = m.joint_log_likelihood_
    assert m.fit(X, y).joint_log_likelihood_ == pytest.approx(before, rel=1e-10)
    assert m.n_iter_ <= 6


def test_settings_are_checked():
    X, y = three_groups()
    for settings, words in [
        ({"noise": "diagonal"}, "noise_covariance='diagonal' is not known. Did you mean 'diag'"),
        ({"noise": "full", "n_latent": 1}, "goes with a diagonal or spherical"),
        ({"n_latent": -1}, "n_latent must be an integer >= 0"),
    ]:
        with pytest.raises(ConfigurationError) as caught:
            fit(X, y, **{"noise": "diag", **settings})
        assert words in str(caught.value)
    with pytest.raises(DataError, match="Output 1 of y is a linear combination of output"):
        fit(X, np.column_stack([y, 2.0 * y]))
    with pytest.raises(DataError, match="No column of X varies"):
        with pytest.warns(ConstantColumnWarning):
            fit(np.ones((50, 2)), y[:50])


def test_more_experts_than_the_data_support_are_reported():
    X, y = three_groups(n=60, d=6)
    m = fit(X, y, 7, "full", n_init=3)
    assert not m.verdict_.trustworthy and np.isfinite(m.predict(X)).all()
    with pytest.raises(
        TooFewRowsError, match=r"60 rows are too few for 8 expert.*at least 64.*noise_covariance='diag'"
    ):
        fit(X, y, 8, "full", n_init=3)


def test_full_covariances_of_more_columns_than_rows_are_refused_at_once():
    X, y = np.random.default_rng(0).normal(size=(40, 60)), np.arange(40.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no word on every single column
        for noise, needed in (("full", 124), ("tied", 64)):
            with pytest.raises(TooFewRowsError, match=f"of 60 columns: at least {needed} are needed"):
                fit(X, y, 2, noise)


def test_a_collapse_is_reported_however_short_the_climb():
    X, y = three_groups(n=200, d=3)
    with pytest.warns(DegenerateComponentWarning):
        m = fit(X, y, 3, "full", init=np.eye(3)[(np.arange(200) > 1).astype(int) + (np.arange(200) > 3)], max_iter=2)
    assert m.status_ is Status.DEGENERATE and not m.verdict_.trustworthy


def test_latent_factors_leave_out_columns_that_determine_each_other():
    X, y = three_groups(n=200, d=4)
    twice = np.column_stack([X, X[:, 1]])
    with pytest.warns(CollinearColumnsWarning, match="'x4' is a linear combination of x1"):
        m = fit(twice, y, 2, "diag", 1, n_init=2)
    same = fit(X, y, 2, "diag", 1, n_init=2)
    assert m.joint_log_likelihood_ == pytest.approx(same.joint_log_likelihood_, rel=1e-9)


def test_many_dependent_columns_are_told_in_a_few_sentences():
    X, y = three_groups(n=200, d=3)
    wide = np.hstack([X, X @ np.random.default_rng(0).normal(size=(3, 30))])
    with pytest.warns(CollinearColumnsWarning) as caught:
        fit(wide, y, 2, "full", n_init=2)
    told = [str(w.message) for w in caught if w.category is CollinearColumnsWarning]
    assert len(told) == 6 and told[-1].startswith("25 more columns depend on others")
    assert told[-1].endswith("x17 and 15 more.")


def test_missing_entries_where_they_cannot_be_integrated_out_name_the_cure():
    X, y = three_groups(n=100, d=3)
    X[3, 1] = np.nan
    with pytest.raises(MissingValuesError, match=r"(?s)'x1' has 1 missing value.*noise_covariance='diag'.*integrates"):
        fit(X, y, 2, "full")


def test_structures_are_what_the_words_say():
    assert noise_structure("tied_diag", 0) == Diagonal("shared")
    assert noise_structure("tied_spherical", 2) == Factor(2, "shared", True)


@pytest.mark.parametrize("after", [("full", 0), ("diag", 1), ("diag", 0), ("tied_diag", 0), ("spherical", 0)])
@pytest.mark.parametrize("before", [("full", 0), ("diag", 1), ("diag", 0), ("tied_diag", 0)])
def test_a_warm_start_continues_a_like_fit_only_and_arguments_set_anew_change_no_answer(before, after):
    X, y = three_groups(n=120)
    m = fit(X, y, 2, *before, n_init=1, max_iter=40, warm_start=True)
    answer, reached = m.predict(X), m.joint_log_likelihood_
    m.set_params(noise_covariance=after[0], n_latent=after[1])
    np.testing.assert_array_equal(m.predict(X), answer)
    if before == after or (before, after) == (("tied_diag", 0), ("diag", 0)):
        assert m.fit(X, y).joint_log_likelihood_ >= reached - 1e-9 * abs(reached)
    else:
        with pytest.raises(ConfigurationError, match=r"warm_start=True.*noise_covariance, n_latent"):
            m.fit(X, y)
