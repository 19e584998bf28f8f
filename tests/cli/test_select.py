import gzip
import json
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classicmoe import MoERegressor, MoESelector, criteria, load
from classicmoe.cli import running

OPTIONS = ["-y", "visits", "--starts", "3", "-k", "1:3"]
FEATURES = [*OPTIONS, "--drop", "patient_id", "--drop", "w"]


def test_a_table_with_everything_in_it_gives_what_an_array_gives(cli, files, gappy):
    result = cli(
        "select", files / "gappy.csv", "-y", "visits", "--weights", "w", "--drop", "patient_id", "--na", "drop",
        "-k", "1:3", "--starts", "5", "--json",
    )  # fmt: skip
    assert result.code == 0
    rows = gappy.dropna()
    assert len(rows) == 231
    features = rows.drop(columns=["patient_id", "w", "visits"])
    dummies = pd.get_dummies(features, columns=["region"], drop_first=True)
    assert list(dummies.columns) == ["age", "insured", "income", "region_North", "region_South"]
    X = dummies[["age", "region_North", "region_South", "insured", "income"]].to_numpy(dtype=float)
    by_hand = MoESelector(MoERegressor(n_init=5, random_state=0), {"n_experts": [1, 2, 3]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is tested elsewhere
        by_hand.fit(X, rows["visits"].to_numpy(), sample_weight=rows["w"].to_numpy())
    assert result.json["best"]["n_experts"] == by_hand.best_params_["n_experts"] > 1
    ours = [model["log_likelihood"] for model in result.json["models"]]
    np.testing.assert_allclose(ours, by_hand.results_["log_likelihood"], rtol=1e-9)
    np.testing.assert_allclose(
        result.json["best"]["log_likelihood"], by_hand.best_estimator_.log_likelihood_, rtol=1e-9
    )


def test_rows_that_went_are_printed_and_stored(cli, files, gappy):
    result = cli("select", files / "gappy.csv", *FEATURES, "--na", "drop", "--json")
    gone = (np.flatnonzero(gappy.isna().any(axis=1)) + 1).tolist()
    data = result.json["data"]
    assert data["dropped_rows"] == gone
    assert (data["rows_read"], data["rows_used"], data["rows_dropped"]) == (240, 231, 9)
    assert "--na drop: 9 of 240 rows left out" in result.err
    assert "231 remain; first rows " + ", ".join(map(str, gone[:5])) in result.err


def test_weights_and_dropped_columns_are_no_features(cli, files):
    result = cli("select", files / "visits.csv", *OPTIONS, "--weights", "w", "--drop", "patient_id", "--json")
    terms = {row["term"] for row in result.json["best"]["coefficients"]}
    assert terms == {"(intercept)", "(scale)", "age", "income", "insured[True]", "region[North]", "region[South]"}
    assert result.json["data"]["features"] == ["age", "region", "insured", "income"]
    assert result.json["data"]["weights"] == "w"


def test_the_table_goes_to_stdout_and_the_rest_to_stderr(cli, files, visits):
    result = cli("select", files / "visits.csv", *FEATURES, "-o", "chosen.cmoe")
    assert result.code == 0
    header = next(line for line in result.out.splitlines() if "loglik" in line).split()
    assert header[:3] == ["K", "npar", "loglik"]
    assert {"AIC", "AICc", "BIC", "SABIC", "CAIC", "ICL", "entropy", "min%", "starts", "verdict"} <= set(header)
    assert "chosen   K=2 by BIC: OK" in result.out
    assert result.err.splitlines() == [
        "read 240 rows, 7 columns (csv, comma)",
        "seed 0, 3 starts per model",
        "wrote chosen.cmoe (K=2 by BIC)",
    ]
    model = load("chosen.cmoe")
    y = visits["visits"]
    assert model.n_experts_ == 2
    assert f"{model.bic(visits, y):.1f}" in result.out


def test_json_is_strict_and_says_what_the_model_says(cli, files, visits):
    found = cli("select", files / "visits.csv", *FEATURES, "--criterion", "icl", "--json").json
    assert found["schema"] == "classicmoe.selection/1"
    assert found["seed"] == 0 and found["criterion"] == "icl" and found["interrupted"] is False
    assert found["models"][0]["entropy"] is None  # one expert has none
    model = load(found["files"]["model"])
    row = next(row for row in found["models"] if row["n_experts"] == found["best"]["n_experts"])
    y = visits["visits"]
    assert row["log_likelihood"] == pytest.approx(model.log_likelihood(visits, y), rel=1e-12)
    assert row["icl"] == pytest.approx(model.icl(visits, y), rel=1e-12)
    assert row["bic"] == pytest.approx(criteria.bic(row["log_likelihood"], row["n_parameters"], 240), rel=1e-12)
    smallest = {name: min(found["models"], key=lambda row: row[name])["n_experts"] for name in criteria.CRITERIA}
    assert found["chosen"] == smallest
    assert found["trustworthy"] is (row["verdict"] == "OK")


def test_the_same_from_gzip_parquet_and_standard_input(cli, files, visits, tmp_path):
    text = (files / "visits.csv").read_bytes()
    (tmp_path / "visits.csv.gz").write_bytes(gzip.compress(text))
    visits.to_parquet(tmp_path / "visits.parquet")
    options = [*FEATURES[:4], "-k", "2", "--drop", "patient_id,w", "--json"]
    reference = cli("select", files / "visits.csv", *options).json
    others = [
        cli("select", "visits.csv.gz", *options).json,
        cli("select", "visits.parquet", *options).json,
        cli("select", "-", *options, stdin=text).json,
    ]
    for other in others:
        assert other["best"]["coefficients"] == reference["best"]["coefficients"]
    assert [other["data"]["source"] for other in others] == ["visits.csv.gz", "visits.parquet", "standard input"]


def test_a_formula_and_terms_of_each_side(cli, files):
    common = ["--starts", "3", "-k", "2", "--json"]
    by_formula = cli("select", files / "visits.csv", "--formula", "visits ~ age + C(region) | age", *common).json
    by_terms = cli(
        "select", files / "visits.csv", "-y", "visits", "--expert", "age + C(region)", "--gate", "age", *common
    ).json
    assert by_formula["best"]["coefficients"] == by_terms["best"]["coefficients"]
    gate = {row["term"] for row in by_terms["best"]["coefficients"] if row["part"] == "gate"}
    assert gate == {"(intercept)", "age"}
    alone = cli("select", files / "visits.csv", "-y", "visits", "--expert", "age,income", "--gate", "1", *common).json
    assert {row["term"] for row in alone["best"]["coefficients"] if row["part"] == "gate"} == {"(intercept)"}


def test_unused_columns_may_have_gaps(cli, files):
    result = cli("select", files / "gappy.csv", "-y", "visits", "--expert", "age", "-k", "1", "--na", "drop", "--json")
    assert result.code == 0
    assert result.json["data"]["rows_dropped"] == 6  # region has gaps too, and nobody looks at it


def test_strict_refuses_what_is_not_replicated(cli, files):
    options = ["-y", "visits", "--drop", "patient_id,w", "--starts", "1", "-k", "2"]
    loose = cli("select", files / "visits.csv", *options, "--json")
    assert loose.code == 0
    assert loose.json["trustworthy"] is False
    strict = cli("select", files / "visits.csv", *options, "--strict", "--json")
    assert strict.code == 4
    assert strict.json["best"]["verdict"]["level"] == "NOT REPLICATED"
    assert "error [fit]: not trustworthy (--strict): NOT REPLICATED" in strict.err
    assert load("best.cmoe").n_experts_ == 2  # kept all the same


def test_warnings_come_after_the_table_once_and_in_the_words_of_the_command_line(cli, files):
    result = cli("select", files / "visits.csv", "-y", "visits", "--starts", "2", "-k", "1:2", "--drop", "w")
    warnings = [line for line in result.err.splitlines() if line.startswith("warning: ")]
    about_id = [line for line in warnings if "patient_id" in line]
    assert len(about_id) == 1
    assert about_id[0].endswith("If it is one, drop it (--drop patient_id).")
    assert len(set(warnings)) == len(warnings)
    assert any("the largest number of experts tried was chosen; try more (-k 1:6)" in line for line in warnings)


def test_ctrl_c_keeps_what_is_finished(cli, files, monkeypatch):
    def stop_after_two(done, total, row, seconds_left):
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "progress", _constant(stop_after_two))
    result = cli("select", files / "visits.csv", *FEATURES[:4], "-k", "1:6", "--drop", "patient_id,w", "--json")
    assert result.code == 130
    assert result.json["interrupted"] is True
    assert [model["n_experts"] for model in result.json["models"]] == [1, 2]
    assert load("best.cmoe").n_experts_ == 2
    assert "interrupted" in result.err


def _constant(callback):
    return lambda console, total: nullcontext(callback)


def test_ctrl_c_before_anything_is_finished(cli, files, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(MoERegressor, "fit", stop)
    result = cli("select", files / "visits.csv", *FEATURES, "--json")
    assert result.code == 130
    assert result.json == {
        "schema": "classicmoe.error/1",
        "exit_code": 130,
        "kind": "interrupted",
        "type": "KeyboardInterrupt",
        "message": "interrupted",
    }


def test_resume_takes_up_where_it_was_left(cli, files, monkeypatch):
    options = ["select", files / "visits.csv", *FEATURES, "--resume", "state.jsonl", "--json"]
    first = cli(*options).json
    fitted = []
    fit = MoERegressor.fit

    def watched(self, *args, **options):
        fitted.append(self.n_experts)
        return fit(self, *args, **options)

    monkeypatch.setattr(MoERegressor, "fit", watched)
    second = cli(*options).json
    assert fitted == [first["best"]["n_experts"]]  # parameters are not stored, so the winner is fitted again
    for old, new in zip(first["models"], second["models"], strict=True):
        assert old["log_likelihood"] == new["log_likelihood"]
    lines = [json.loads(line) for line in Path("state.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 1 + 3 + 2  # the header, three models, and two of them started from splits as well


def test_no_model_at_all(cli, files):
    result = cli("select", files / "visits.csv", *FEATURES[:4], "-k", "300", "--drop", "patient_id,w", "--json")
    assert result.code == 5
    assert result.json["kind"] == "fit"
    assert "K=300" in result.json["message"]
    assert "240 distinct rows" in result.json["message"]


def test_seed_and_jobs(cli, files):
    options = ["select", files / "visits.csv", "-y", "visits", "--drop", "patient_id,w", "--starts", "3", "-k", "2"]
    one, two = (cli(*options, "--seed", "7", "--jobs", jobs, "--json") for jobs in (1, 2))
    assert "seed 7, 3 starts per model" in one.err
    assert one.json["best"]["coefficients"] == two.json["best"]["coefficients"]
