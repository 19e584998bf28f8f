import csv
import io

import numpy as np
import pytest

from classicmoe import load


@pytest.fixture(scope="module")
def model(files):
    return load(files / "model.cmoe")


def test_show_is_the_summary(cli, files, model):
    result = cli("show", files / "model.cmoe")
    assert result.code == 0 and result.err == ""
    assert result.out == str(model.summary()) + "\n"


@pytest.mark.parametrize("table", ["coef", "gate", "experts", "fit", "starts"])
def test_tables_say_the_same_in_every_format(cli, files, table):
    def rows(form):
        return cli("show", files / "model.cmoe", "--table", table, "--format", form).out.splitlines()

    found = list(csv.reader(io.StringIO("\n".join(rows("csv")))))
    body = cli("show", files / "model.cmoe", "--table", table, "--json").json
    assert body["schema"] == "classicmoe.table/1" and body["table"] == table
    assert len(rows("text")) == len(found)
    assert len(rows("md")) == len(found) + 1
    assert rows("md")[0].strip("| ").split(" | ") == found[0]
    count = len(body["rows"])
    assert count == len(found) - 1


def test_coefficients_have_all_digits(cli, files, model):
    text = cli("show", files / "model.cmoe", "--table", "experts", "--format", "csv").out
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(text))}
    assert [float(value) for value in rows["(intercept)"]] == model.expert_intercept_.tolist()
    assert [float(value) for value in rows["age"]] == model.expert_coef_[:, 0].tolist()
    assert [float(value) for value in rows["(scale)"]] == model.expert_scale_.tolist()
    everything = cli("show", files / "model.cmoe", "--json").json
    assert everything["schema"] == "classicmoe.model/1"
    assert everything["fit"]["log_likelihood"] == model.log_likelihood_
    assert [row["estimate"] for row in everything["coef"]] == model.coefficients()["estimate"].tolist()
    np.testing.assert_array_equal([row["expert 0"] for row in everything["gate"]][1:], model.gate_coef_[0])


def test_check_a_sound_table(cli, files):
    result = cli("check", files / "visits.csv", "-y", "visits", "--drop", "patient_id", "--weights", "w")
    assert result.code == 0
    assert ["region", "text", "0", "3", "levels:", "East,", "North,", "South"] in [
        line.split() for line in result.out.splitlines()
    ]
    assert "'visits' is the response: numeric" in result.out
    assert "\n0 errors, " in result.out


def test_check_finds_what_stops_a_fit(cli, files):
    text = cli("check", files / "gappy.csv", "-y", "visits")
    assert text.code == 3
    assert "warning  'patient_id' looks like an identifier" in text.out
    assert "(--drop patient_id)" in text.out
    body = cli("check", files / "gappy.csv", "-y", "visits", "--json").json
    assert body["schema"] == "classicmoe.check/1" and body["ok"] is False
    assert body["counts"]["error"] == 3
    assert {f["column"] for f in body["findings"] if f["severity"] == "error"} == {"age", "region", "visits"}
    age = next(column for column in body["columns"] if column["column"] == "age")
    assert age["missing"] == 3 and age["type"] == "number"


def test_check_knows_no_such_column(cli, files):
    result = cli("check", files / "visits.csv", "-y", "visit")
    assert result.code == 3 and "Did you mean 'visits'?" in result.err
