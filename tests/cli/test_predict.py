import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classicmoe import MoERegressor, load
from classicmoe.cli import stream
from classicmoe.cli.asked import Item, parse_what
from classicmoe.exceptions import ConfigurationError

EVERYTHING = "mean,std,gate,experts,quantile:0.05,0.95,interval:0.9,0.5,hdr:0.9,logprob,responsibility"


def read(text):
    """Read CSV with every digit, whatever the pandas."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return pd.DataFrame({name: [_value(row[name]) for row in rows] for name in rows[0]})


def _value(text):
    try:
        return float(text or "nan")
    except ValueError:
        return text


@pytest.fixture(scope="module")
def model(files):
    return load(files / "model.cmoe")


def test_every_column_is_what_the_model_says(cli, files, visits, model):
    result = cli("predict", files / "model.cmoe", files / "visits.csv", "--what", EVERYTHING)
    assert result.code == 0 and result.err == ""
    table = read(result.out)
    y, dist = visits["visits"], model.predict_dist(visits)
    expected = {
        "mean": model.predict(visits),
        "std": dist.std(),
        "gate_0": model.predict_gate(visits)[:, 0],
        "gate_1": model.predict_gate(visits)[:, 1],
        "expert_0": model.predict_experts(visits)[:, 0],
        "expert_1": model.predict_experts(visits)[:, 1],
        "quantile_0.05": dist.quantile(0.05),
        "quantile_0.95": dist.quantile(0.95),
        "lower_90": dist.interval(0.9)[:, 0],
        "upper_90": dist.interval(0.9)[:, 1],
        "lower_50": dist.interval(0.5)[:, 0],
        "upper_50": dist.interval(0.5)[:, 1],
        "hdr_90": None,
        "logprob": model.score_samples(visits, y),
        "responsibility_0": model.responsibilities(visits, y)[:, 0],
        "responsibility_1": model.responsibilities(visits, y)[:, 1],
    }
    assert list(table.columns) == list(expected)
    assert len(table) == len(visits)
    for name, values in expected.items():
        if values is not None:
            np.testing.assert_array_equal(table[name], values, err_msg=name)
    for text, region in zip(table["hdr_90"], dist.interval(0.9, kind="hdr"), strict=True):
        np.testing.assert_array_equal(json.loads(text), region)


def test_pieces_make_no_difference(cli, files, visits, monkeypatch):
    whole = cli("predict", files / "model.cmoe", files / "visits.csv", "--what", "mean,hdr:0.9", "--append")
    monkeypatch.setattr(stream, "PIECE", 7)
    pieces = cli("predict", files / "model.cmoe", files / "visits.csv", "--what", "mean,hdr:0.9", "--append")
    assert pieces.code == whole.code == 0
    one, many = read(whole.out), read(pieces.out)
    assert list(one.columns) == list(many.columns) == [*visits.columns, "mean", "hdr_90"]
    given = read(visits.to_csv(index=False))
    for table in (one, many):
        pd.testing.assert_frame_equal(table[list(visits.columns)], given)
    np.testing.assert_allclose(many["mean"], one["mean"], rtol=1e-13)
    for a, b in zip(one["hdr_90"], many["hdr_90"], strict=True):
        np.testing.assert_allclose(json.loads(a), json.loads(b), rtol=1e-9)


def test_from_standard_input_gzip_and_parquet(cli, files, visits):
    reference = cli("predict", files / "model.cmoe", files / "visits.csv", "--id", "patient_id").out
    visits.to_csv("v.csv.gz", index=False)
    visits.to_parquet("v.parquet")
    text = (files / "visits.csv").read_bytes()
    assert cli("predict", files / "model.cmoe", "-", "--id", "patient_id", stdin=text).out == reference
    assert cli("predict", files / "model.cmoe", "v.csv.gz", "--id", "patient_id").out == reference
    assert cli("predict", files / "model.cmoe", "v.parquet", "--id", "patient_id").out == reference
    semicolons = visits.to_csv(index=False, sep=";", decimal=",").encode("cp1252")
    Path("v.csv").write_bytes(semicolons)
    assert cli("predict", files / "model.cmoe", "v.csv", "--id", "patient_id").out == reference


def test_output_formats(cli, files, model, visits):
    options = [
        "predict",
        files / "model.cmoe",
        files / "visits.csv",
        "--what",
        "mean,interval:0.8",
        "--id",
        "patient_id,w",
    ]
    result = cli(*options, "-o", "p.parquet")
    assert (result.code, result.out, result.err) == (0, "", "wrote p.parquet\n")
    cli(*options, "-o", "p.csv.gz")
    cli(*options, "-o", "p.json")
    table = pd.read_parquet("p.parquet")
    assert list(table.columns) == ["patient_id", "w", "mean", "lower_80", "upper_80"]
    np.testing.assert_array_equal(table["mean"], model.predict(visits))
    packed = gzip.decompress(Path("p.csv.gz").read_bytes()).decode()
    pd.testing.assert_frame_equal(read(packed), table, check_dtype=False)
    body = json.loads(Path("p.json").read_text("utf-8"))
    assert body["schema"] == "classicmoe.predictions/1"
    assert body["rows"] == table.to_dict(orient="records")


def test_json(cli, files, model, visits):
    options = ["predict", files / "model.cmoe", files / "visits.csv", "--what", "mean,hdr:0.5", "--json"]
    body = cli(*options).json
    assert body["schema"] == "classicmoe.predictions/1" and body["n_rows"] == 240
    assert [row["mean"] for row in body["rows"]] == model.predict(visits).tolist()
    regions = model.predict_dist(visits).interval(0.5, kind="hdr")
    assert [row["hdr_50"] for row in body["rows"]] == [region.tolist() for region in regions]
    summary = cli(*options, "-o", "p.csv").json
    assert summary["file"] == "p.csv" and summary["n_rows"] == 240 and summary["columns"] == ["mean", "hdr_50"]


def test_a_name_that_is_taken(cli, files, visits):
    visits.assign(mean=1.0).to_csv("taken.csv", index=False)
    result = cli("predict", files / "model.cmoe", "taken.csv", "--append")
    assert list(read(result.out).columns)[-2:] == ["mean", "predicted_mean"]
    assert result.err == "warning: the data have columns mean too; the answers are called predicted_...\n"


def test_an_unseen_level_names_the_row_of_the_file(cli, files, visits, model, monkeypatch):
    monkeypatch.setattr(stream, "PIECE", 50)
    strange = visits.copy()
    strange.loc[120, "region"] = "West"
    strange.to_csv("strange.csv", index=False)
    result = cli("predict", files / "model.cmoe", "strange.csv")
    assert result.code == 6
    assert "error [model]: " in result.err and "strange.csv" in result.err
    assert "'West'" in result.err and "121" in result.err and "--unseen reference" in result.err
    scored = cli("predict", files / "model.cmoe", "strange.csv", "--unseen", "reference")
    assert scored.code == 0
    as_east = visits.assign(region=strange["region"].replace("West", "East"))
    np.testing.assert_array_equal(read(scored.out)["mean"], model.predict(as_east))


def test_columns_that_do_not_fit(cli, files, visits):
    visits.drop(columns="income").rename(columns={"age": "Age"}).to_csv("other.csv", index=False)
    result = cli("predict", files / "model.cmoe", "other.csv", "--json")
    assert result.code == 6
    assert result.json["kind"] == "model"
    assert "'age', 'income'" in result.json["message"] and "Did you mean 'Age'?" in result.json["message"]
    result = cli("predict", files / "model.cmoe", files / "visits.csv", "--what", "logprob", "-y", "vists")
    assert result.code == 6 and "Did you mean 'visits'?" in result.err


def test_gaps(cli, files, gappy, model):
    result = cli("predict", files / "model.cmoe", files / "gappy.csv")
    assert result.code == 3
    assert "gappy.csv: " in result.err and "--na empty" in result.err
    table = read(cli("predict", files / "model.cmoe", files / "gappy.csv", "--na", "empty", "--what", "mean,gate").out)
    missing = gappy[["age", "region", "income"]].isna().any(axis=1).to_numpy()
    assert missing.sum() == 6
    np.testing.assert_array_equal(table.isna().any(axis=1), missing)
    np.testing.assert_array_equal(table["mean"][~missing], model.predict(gappy[~missing]))


def test_gaps_in_every_row(cli, files, visits):
    visits[:2].assign(age=np.nan).to_csv("none.csv", index=False)
    result = cli("predict", files / "model.cmoe", "none.csv", "--na", "empty", "--id", "patient_id")
    assert result.out == "patient_id,mean\n10001,\n10002,\n"


def test_levels_that_look_like_numbers(cli, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"code": rng.choice(["007", "010", "x"], 60), "a": rng.normal(size=60)})
    table["y"] = table["a"] + (table["code"] == "007") + rng.normal(scale=0.1, size=60)
    table.to_csv("all.csv", index=False)
    cli("fit", "all.csv", "-y", "y", "-k", "1", "-o", "m.cmoe")
    some = table[table["code"] != "x"]
    some.to_csv("some.csv", index=False)
    predicted = read(cli("predict", "m.cmoe", "some.csv").out)["mean"]
    np.testing.assert_array_equal(predicted, load("m.cmoe").predict(some))


def test_several_responses_and_models_without_names(cli, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    Y = pd.DataFrame({"u": X["a"] + rng.normal(size=60), "v": X["b"] + rng.normal(size=60)})
    MoERegressor(1).fit(X, Y).save("two.cmoe")
    X.to_csv("x.csv", index=False)
    table = read(cli("predict", "two.cmoe", "x.csv", "--what", "mean,experts,interval:0.9").out)
    assert list(table.columns) == [
        "mean_u", "mean_v", "expert_0_u", "expert_0_v", "lower_90_u", "lower_90_v", "upper_90_u", "upper_90_v",
    ]  # fmt: skip
    dist = load("two.cmoe").predict_dist(X)
    np.testing.assert_array_equal(table["upper_90_v"], dist.interval(0.9)[:, 1, 1])
    MoERegressor(1).fit(X, Y["u"].to_numpy()).save("nameless.cmoe")
    result = cli("predict", "nameless.cmoe", "x.csv", "--what", "logprob")
    assert result.code == 2 and "name the column with -y" in result.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mena", "Did you mean 'mean'"),
        ("quantile:1.5", "'1.5' is not a probability"),
        ("interval:x", "'x' is not a probability"),
        ("mean:0.5", "takes no number"),
        ("0.5", "does not know '0.5'"),
        (" , ", "is empty"),
    ],
)
def test_what_cannot_be_asked(text, said):
    with pytest.raises(ConfigurationError, match=said):
        parse_what(text)


def test_what_can_be_asked():
    assert parse_what("mean, quantile:0.05,0.95, hdr") == [
        Item("mean"),
        Item("quantile", (0.05, 0.95)),
        Item("hdr", (0.9,)),
    ]


def test_scoring_keeps_one_piece_in_memory(files, visits, monkeypatch):
    monkeypatch.setattr(stream, "PIECE", 100)
    lengths = [(first, len(frame)) for first, frame in stream.pieces(str(files / "visits.csv"))]
    assert lengths == [(0, 100), (100, 100), (200, 40)]


def test_row_labels_and_trailing_delimiters_are_left_out(visits, tmp_path):
    visits.to_csv(tmp_path / "labels.csv")
    (_, frame), *_ = stream.pieces(str(tmp_path / "labels.csv"))
    pd.testing.assert_frame_equal(frame, visits)
    text = visits.to_csv(index=False).replace("\n", ",\n").split("\n", 1)
    (tmp_path / "trailing.csv").write_text(text[0].rstrip(",") + "\n" + text[1])
    (_, frame), *_ = stream.pieces(str(tmp_path / "trailing.csv"))
    pd.testing.assert_frame_equal(frame, visits)
