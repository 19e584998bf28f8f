"""The rule of the choice, on tables made by hand."""

from math import inf, nan

import pytest

from classicmoe.exceptions import ConfigurationError
from classicmoe.selection.choice import check_criterion, choose, why_not


def row(bic, verdict="OK", *, suspect=False, cv=nan, n_parameters=5, error=None):
    return {
        "bic": bic,
        "aicc": bic,
        "cv": cv,
        "verdict": verdict,
        "suspect": suspect or verdict == "SUSPECT",
        "n_parameters": n_parameters,
        "sentence": "it stands on 6 rows",
        "error": error,
    }


@pytest.mark.parametrize("level", ["NOT REPLICATED", "WEAK", "NOT CONVERGED"])
def test_smallest_criterion_wins_also_if_it_needs_a_warning(level):
    assert choose([row(10.0), row(9.0, level), row(11.0)], "bic") == 1


def test_suspect_loses_to_every_other_and_wins_only_against_its_like():
    assert choose([row(100.0), row(1.0, "SUSPECT")], "bic") == 0
    assert choose([row(100.0, "WEAK"), row(1.0, "SUSPECT")], "bic") == 0
    assert choose([row(5.0, "SUSPECT"), row(4.0, "SUSPECT")], "bic") == 1
    assert choose([row(5.0), row(4.0, "NOT CONVERGED", suspect=True)], "bic") == 0


def test_degenerate_failed_and_criteria_without_a_value_never_win():
    failed = row(nan, "FAILED", n_parameters=None, error="5 distinct rows")
    assert choose([row(10.0, "SUSPECT"), row(1.0, "DEGENERATE"), failed, row(inf)], "aicc") == 0
    assert choose([row(1.0, "DEGENERATE"), failed, row(inf)], "aicc") is None
    assert choose([], "bic") is None


def test_reasons():
    assert why_not(row(1.0), "bic") is None
    assert why_not(row(1.0, "SUSPECT"), "bic") is None
    assert why_not(row(1.0, "DEGENERATE"), "bic") == "DEGENERATE: it stands on 6 rows"
    assert why_not(row(nan, "FAILED", error="5 distinct rows"), "bic") == "5 distinct rows"
    assert why_not(row(inf), "aicc") == "aicc is inf"
    assert why_not(row(1.0, error="cross-validation: 3 rows"), "cv") == "cross-validation: 3 rows"
    assert why_not(row(1.0, error="cross-validation: 3 rows"), "bic") is None


def test_held_out_score_is_maximised():
    assert choose([row(1.0, cv=-3.5), row(9.0, cv=-3.1)], "cv") == 1


def test_ties_go_to_fewer_parameters_then_to_the_earlier_place():
    assert choose([row(5.0, n_parameters=8), row(5.0, n_parameters=7), row(5.0, n_parameters=7)], "bic") == 1


@pytest.mark.parametrize("criterion", ["slop", "BIC", None, ["bic"]])
def test_unknown_criterion_lists_the_known_ones(criterion):
    with pytest.raises(ConfigurationError, match="'aic', 'aicc', 'bic', 'sabic', 'caic', 'icl', 'slope', 'cv'"):
        check_criterion(criterion)
