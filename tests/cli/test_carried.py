"""Exposures, offsets, intervals and windows on the command line: what Python fits, and columns that are remembered."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import expon

from classicmoe import MoERegressor, load, observed

GATED = "--starts 3 -k 2 -o m.cmoe"


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    n, age = 300, rng.normal(size=300).round(4)
    years = rng.uniform(0.2, 2.0, n).round(3)
    often = rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * age))
    counts = rng.poisson(years * np.where(often, np.exp(2.0 + 0.3 * age), 1.2))
    return pd.DataFrame({"age": age, "claims": counts, "years": years, "log_years": np.log(years)})


@pytest.fixture(scope="module")
def losses():
    """Costs, some of them known only to be above 60, others only up to an interval; none below 0.5 is there."""
    rng = np.random.default_rng(1)
    n, age = 300, rng.normal(size=300).round(4)
    cost = np.maximum(rng.gamma(3.0, np.exp(np.where(rng.random(n) < 0.5, 1.0, 3.0) + 0.2 * age)), 0.51).round(3)
    end = np.where(cost > 60.0, np.nan, cost)
    end[:3], end[5:9] = np.inf, cost[5:9] + 1.0
    return pd.DataFrame({"age": age, "cost": np.minimum(cost, 60.0), "end": end})


@pytest.fixture
def tables(cli, claims, losses):
    """Run in a folder with the tables."""
    claims.to_csv("claims.csv", index=False)
    losses.to_csv("losses.csv", index=False)
    losses.assign(end=losses["cost"] - 0.1).to_csv("upside.csv", index=False)
    return cli


def column(result, name):
    assert result.code == 0, result.err
    return np.array([float(row[name] or "nan") for row in csv.DictReader(io.StringIO(result.out))])


def test_one_expert_with_exposure_is_poisson_regression(tables, claims):
    result = tables(
        *"fit claims.csv -y claims --family poisson --exposure years --drop log_years -k 1 -o m.cmoe --json".split()
    )
    peer = sm.GLM(
        claims["claims"], sm.add_constant(claims[["age"]]), sm.families.Poisson(), exposure=claims["years"]
    ).fit(tol=1e-12)
    body = result.json["model"]
    assert body["log_likelihood"] == pytest.approx(peer.llf, rel=1e-10)
    assert [row["estimate"] for row in body["coefficients"] if row["part"] == "expert"] == pytest.approx(
        peer.params.to_list(), rel=1e-6
    )
    assert result.json["data"]["exposure"] == "years" and result.json["data"]["features"] == ["age"]
    counts = column(tables("predict", "m.cmoe", "claims.csv"), "mean")
    np.testing.assert_allclose(counts, peer.predict(), rtol=1e-6)


def test_the_model_knows_the_column_of_its_exposure(tables, claims):
    tables(*f"fit claims.csv -y claims --family poisson --exposure years --drop log_years {GATED}".split())
    X, years, model = claims[["age"]], claims["years"], load("m.cmoe")
    counts = tables("predict", "m.cmoe", "claims.csv", "--what", "mean,logprob,interval:0.9")
    assert counts.err == ""
    np.testing.assert_array_equal(column(counts, "mean"), model.predict(X, exposure=years))
    np.testing.assert_array_equal(column(counts, "logprob"), model.score_samples(X, claims["claims"], exposure=years))
    np.testing.assert_array_equal(column(counts, "upper_90"), model.predict_dist(X, exposure=years).interval(0.9)[:, 1])
    X.to_csv("new.csv", index=False)
    rates = tables("predict", "m.cmoe", "new.csv")
    np.testing.assert_array_equal(column(rates, "mean"), model.predict(X))
    assert "new.csv has no column 'years' (exposure): the answers are per unit of exposure" in rates.err
    per_year = tables("predict", "m.cmoe", "new.csv", "--exposure", "1")
    assert per_year.err == ""
    np.testing.assert_allclose(column(per_year, "mean"), column(rates, "mean"), rtol=1e-14)
    claims.assign(years=claims["years"].where(claims.index != 4)).to_csv("gaps.csv", index=False)
    assert np.flatnonzero(np.isnan(column(tables("predict", "m.cmoe", "gaps.csv", "--na", "empty"), "mean"))) == [4]
    for asked, said in (
        (["--exposure", "year"], "column 'year' is not in new.csv"),
        (["--what", "logprob", "-y", "age"], "column 'years' is not in new.csv"),
    ):
        refused = tables("predict", "m.cmoe", "new.csv", *asked)
        assert refused.code == 6 and said in refused.err


def test_an_offset_of_log_exposure_is_the_same_model_and_must_be_there(tables, claims):
    options = f"claims.csv -y claims --family negative_binomial --json {GATED}"
    by_exposure = tables(*f"fit {options} --exposure years --drop log_years".split()).json["model"]
    by_offset = tables(*f"fit {options} --offset log_years --drop years".split()).json["model"]
    assert by_offset["log_likelihood"] == pytest.approx(by_exposure["log_likelihood"], abs=1e-6)
    expected = load("m.cmoe").predict(claims, offset=claims["log_years"])
    np.testing.assert_array_equal(column(tables("predict", "m.cmoe", "claims.csv"), "mean"), expected)
    claims[["age"]].to_csv("new.csv", index=False)
    refused = tables("predict", "m.cmoe", "new.csv")
    assert refused.code == 6 and "column 'log_years' is not in new.csv" in refused.err


def test_select_passes_everything_on(tables, claims):
    result = tables(
        *"select claims.csv -y claims --family poisson --exposure years --drop log_years -k 1:2 --starts 3 "
        "--criterion cv --report r.html --json".split()
    )
    model = MoERegressor(2, expert="poisson", n_init=3, random_state=0)
    model.fit(claims[["age"]], claims["claims"], exposure=claims["years"])
    assert result.json["models"][1]["log_likelihood"] == pytest.approx(model.log_likelihood_, rel=1e-9)
    best = load("best.cmoe")
    assert best.run_["exposure"] == "years" and best.response_name_ == "claims"
    assert "exposure: years" in tables("show", "best.cmoe").out
    page = Path("r.html").read_text(encoding="utf-8")
    assert "claims per unit of years" in page and "exp of it is the factor" in page


def test_censored_and_truncated_costs(tables, losses):
    result = tables(
        *f"fit losses.csv -y cost --upper end --truncate 0.5: --family gamma --json --report r.html {GATED}".split()
    )
    assert result.code == 0
    y = observed(losses["cost"], losses["end"].fillna(np.inf), (0.5, None))
    model = MoERegressor(2, expert="gamma", n_init=3, random_state=0).fit(losses[["age"]], y)
    assert result.json["model"]["log_likelihood"] == pytest.approx(model.log_likelihood_, rel=1e-9)
    right = int((losses["end"].isna() | np.isinf(losses["end"])).sum())
    assert f"{right} censored on the right" in result.err and "4 known up to an interval" in result.err
    assert "seen in (0.5, inf] only" in result.json["data"]["known"]
    assert result.json["data"]["truncate"] == [0.5, None] and result.json["data"]["response"] == "cost"
    again = tables("predict", "m.cmoe", "losses.csv", "--what", "mean,logprob")
    np.testing.assert_allclose(column(again, "logprob"), load("m.cmoe").score_samples(losses[["age"]], y), rtol=1e-14)
    losses[["age"]].to_csv("new.csv", index=False)
    np.testing.assert_array_equal(
        column(tables("predict", "m.cmoe", "new.csv"), "mean"), load("m.cmoe").predict(losses[["age"]])
    )


def test_censored_life_times_without_columns_have_a_closed_form(cli):
    """Exponential life times: the estimate is the number of deaths over the total time; gamma of shape 1 is that."""
    rng = np.random.default_rng(2)
    life = expon.rvs(scale=5.0, size=400, random_state=rng)
    seen = np.minimum(life, 6.0)
    table = pd.DataFrame({"one": rng.normal(size=400), "t": seen, "end": np.where(life > 6.0, np.nan, seen)})
    table.to_csv("life.csv", index=False)
    result = cli(*"fit life.csv -y t --upper end --expert 1 --family gamma -k 1 -o m.cmoe --json".split())
    estimate = {row["term"]: row["estimate"] for row in result.json["model"]["coefficients"]}
    deaths, total = (life <= 6.0).sum(), seen.sum()
    exponential = deaths * np.log(deaths / total) - deaths
    assert result.json["model"]["log_likelihood"] >= exponential  # one parameter more
    # and the likelihood-ratio statistic of shape 1, which is true, is chi-square of one degree of freedom
    assert 2.0 * (result.json["model"]["log_likelihood"] - exponential) < 10.83
    assert np.exp(estimate["(intercept)"]) == pytest.approx(total / deaths, rel=3.0 / np.sqrt(deaths))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("claims.csv -y claims --family poisson --exposure yeras", 3, "Did you mean 'years'?"),
        ("claims.csv -y claims --family poisson --exposure log_years", 3, "--exposure log_years: exposure must be"),
        ("claims.csv -y claims --family poisson --exposure claims", 2, "'claims' cannot be response and --exposure at"),
        ("claims.csv -y claims --family poisson --exposure years --offset years", 2, "cannot be --exposure and --off"),
        ("claims.csv -y claims --family poisson --exposure years --drop years", 2, "named by --drop as well"),
        ("claims.csv -y claims --exposure years", 2, "gaussian experts have no exposure"),
        ("claims.csv -y claims --gate gaussian --exposure years", 2, "gaussian experts have no exposure"),
        ("claims.csv -y claims --family student_t --offset age", 2, "student_t experts have no offset"),
        ("claims.csv -y claims --formula claims~years --exposure years", 2, "leave -y, --expert and --gate out"),
        ("losses.csv -y cost --upper ends", 3, "Did you mean 'end'?"),
        ("upside.csv -y cost --upper end", 3, "-y cost --upper end: The interval is upside down (lower > upper) in"),
        ("losses.csv -y cost --upper end --truncate 20:", 3, "The response is outside its own window"),
        ("losses.csv -y cost --upper end --truncate 20", 2, "'20' is no window: write 500:, :100 or 0:100"),
        ("losses.csv -y cost --upper end --truncate :", 2, "is no window"),
        ("losses.csv -y cost --upper end --truncate 5:1", 2, "'5:1' is empty: 5 is not less than 1"),
        ("losses.csv -y cost --upper end --truncate 0.5: --gate gaussian", 2, "A gate that models x cannot know"),
        ("losses.csv -y cost --upper end --gate gaussian --latent 1", 2, "--latent need --gate gaussian with --family"),
        ("losses.csv -y cost --upper end --family poisson", 3, "'cost' is not whole in"),
        ("losses.csv -y cost --upper end --family ordinal", 2, "--family ordinal is for classes"),
        ("losses.csv -y cost --drop end --gate tree --temperature 2", 2, "goes with a softmax or activation gate"),
        ("losses.csv -y cost --drop end --temperature 0", 2, "0 is not a number > 0"),
        ("losses.csv -y cost --drop end --gate-type treee", 2, "Did you mean 'tree'?"),
    ],
)  # fmt: skip
def test_what_does_not_go(tables, options, code, said):
    result = tables("fit", *options.split(), "-k", "2", "--starts", "1")
    assert (result.code, said in result.err) == (code, True), result.err


def test_an_upper_end_that_is_text(cli):
    pd.DataFrame({"x": range(20), "y": range(1, 21), "end": ["?"] * 20}).to_csv("t.csv", index=False)
    result = cli("fit", "t.csv", "-y", "y", "--upper", "end")
    assert result.code == 3 and "'end' must hold numbers; it holds '?'" in result.err


@pytest.mark.parametrize(
    ("options", "gate"),
    [
        ("--gate tree", "tree"),
        ("--gate activation", "activation"),
        ("--gate-type activation --temperature 0.5 --gate age", "ActivationGate(temperature=0.5)"),
        ("--temperature 2", "SoftmaxGate(temperature=2.0)"),
    ],
)
def test_gates_by_name(tables, claims, options, gate):
    asked = f"claims.csv -y claims --family poisson --drop years,log_years {options} -k 2 --starts 1 -o m.cmoe --json"
    result = tables("fit", *asked.split())
    assert result.code == 0
    model = load("m.cmoe")
    assert repr(model.gate).strip("'") == gate
    same = MoERegressor(2, gate=model.gate, expert="poisson", n_init=1, random_state=0)
    assert result.json["model"]["log_likelihood"] == pytest.approx(
        same.fit(claims[["age"]], claims["claims"]).log_likelihood_, rel=1e-9
    )
    assert result.json["settings"]["temperature"] == getattr(model.gate, "temperature", None)


def test_a_gaussian_gate_with_another_family_is_of_that_family(tables, claims):
    result = tables(
        *f"fit claims.csv -y claims --family poisson --drop years,log_years --gate gaussian {GATED} --json".split()
    )
    assert result.code == 0
    model = load("m.cmoe")
    assert model._mixture().expert.name == "poisson" and model._mixture().gate.name == "gaussian"
