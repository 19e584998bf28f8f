"""What is said, where, and with which exit code when something is wrong."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from classicmoe import MoERegressor
from classicmoe.cli import errors
from classicmoe.cli.words import for_command_line
from classicmoe.exceptions import ModelFileError, NotComparableError, WeightError

VISITS = "-y visits --drop patient_id,w --starts 2"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("selct visits.csv", 2, "No such command 'selct'"),
        ("select", 2, "Missing argument 'DATA'"),
        ("select visits.csv", 2, "Which column of visits.csv is to be explained? Name it with -y (or --formula)."),
        ("select visits.csv -y visits -k 3:1", 2, "'3:1' is empty: 3 is more than 1."),
        ("select visits.csv -y visits -k many", 2, "write 3, 1:8, 1:9:2 or 1,2,5"),
        ("select visits.csv -y visits -k 0:3", 2, "'0:3' is no list of numbers of experts"),
        ("select visits.csv -y visits --criterion bci", 2, "Did you mean 'bic'?"),
        ("select visits.csv -y visits --criterion slope -k 1:8", 2, "'1:8' makes 8 models; --criterion slope needs at"),
        ("select visits.csv -y visits --gate-type sofmax", 2, "Did you mean 'softmax'?"),
        ("select visits.csv -y visits --starts 0", 2, "0 is less than 1"),
        ("select visits.csv -y visits --formula visits~age", 2, "leave -y, --expert and --gate out"),
        ("select visits.csv --formula age", 2, "A formula needs one '~'"),
        ("select visits.csv -y visits --drop visits", 2, "'visits' is used, and named by --drop as well"),
        ("select visits.csv -y visits --weights visits", 2, "cannot be response and weight at once"),
        ("select visits.csv -y visits -o nowhere/best.cmoe", 2, "there is no folder nowhere"),
        ("select visits.csv -y visits --report .", 2, "cannot be written"),
        ("fit visits.csv -y visits -k 1:3", 2, "fit takes one number of experts; select takes several"),
        ("select nowhere.csv -y visits", 3, "There is no file nowhere.csv"),
        ("select visits.csv -y visit", 3, "column 'visit' is not in visits.csv. Did you mean 'visits'?"),
        ("select visits.csv -y visits --drop patientid", 3, "Did you mean 'patient_id'?"),
        ("select visits.csv -y visits --weights W", 3, "Did you mean 'w'?"),
        ("select visits.csv -y visits --expert ages,income", 3, "Did you mean 'age'?"),
        ("select visits.csv -y visits --expert age+C(regoin)", 3, "Did you mean 'region'?"),
        ("select visits.csv -y region", 3, "240 of 240 values of 'region' are not numbers"),
        ("select gappy.csv " + VISITS, 3, "'age' has 3 missing values, 'region' has 3 missing values"),
        ("select empty.csv -y y", 3, "empty.csv is empty"),
        ("select header.csv -y b", 3, "but no rows"),
        ("select ragged.csv -y b", 3, "line 3 has 3"),
        ("select wrong.csv -y y", 3, "2 of 40 values of 'y'"),
        ("select wrong.csv -y y", 3, "rows 4, 31 (counted from 1), for example 'n/k', 'many'"),
        ("select infinite.csv -y y", 3, "'a' has 1 infinite value (row 6)"),
        ("select constant.csv -y y", 3, "'y' has one distinct value (2)"),
        ("select weights.csv -y y --weights w", 3, "--weights w: 1 of 40 sample weights are negative: row 8"),
        ("select weights.csv -y y --weights v", 3, "All sample weights are zero"),
        ("select levels.csv -y y", 3, "'street' has 30 levels in 40 rows"),
        ("select levels.csv -y y", 3, "Drop it (--drop street)"),
        ("select gone.csv -y y --na drop", 3, "no row is complete"),
        ("select visits.csv -k 250 " + VISITS, 5, "K=250, but X and y have only 240 distinct rows"),
        ("predict nowhere.cmoe visits.csv", 6, "nowhere.cmoe cannot be read as a model"),
        ("predict visits.csv visits.csv", 6, "visits.csv"),
        ("show broken.cmoe", 6, "broken.cmoe"),
    ],
)  # fmt: skip
def test_bad_input(cli, bad, command, code, said):
    arguments = command.split()
    result = cli(*arguments, "--json")
    assert result.code == code
    body = result.json
    assert body["schema"] == "classicmoe.error/1"
    assert body["exit_code"] == code
    assert said in " ".join(body["message"].split())
    assert f"error [{body['kind']}]: {body['message'].splitlines()[0]}" in result.err
    assert "Traceback" not in result.err
    plain = cli(*arguments)
    assert plain.code == code
    assert plain.out == ""


@pytest.fixture
def bad(cli, files, tmp_path):
    """Folder with tables that cannot be used, beside those that can."""
    for name in ("visits.csv", "gappy.csv"):
        (tmp_path / name).write_bytes((files / name).read_bytes())
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n4,5\n")
    (tmp_path / "broken.cmoe").write_bytes((files / "model.cmoe").read_bytes()[:500])
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40), "y": rng.normal(size=40)})
    wrong = table.astype({"y": object})
    wrong.loc[3, "y"], wrong.loc[30, "y"] = "n/k", "many"
    endless = table.copy()
    endless.loc[5, "a"] = np.inf
    weights = table.assign(w=1.0, v=0.0)
    weights.loc[7, "w"] = -1.0
    for name, frame in {
        "wrong": wrong,
        "infinite": endless,
        "weights": weights,
        "constant": table.assign(y=2),
        "levels": table.assign(street=[f"street {i % 30}" for i in range(40)]),
        "gone": table.assign(b=np.nan),
    }.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def test_the_message_for_gaps_has_counts_rows_and_cures(cli, files, gappy):
    result = cli("fit", files / "gappy.csv", *VISITS.split())
    first = ", ".join(str(row + 1) for row in np.flatnonzero(gappy.isna().any(axis=1))[:5])
    assert result.err.splitlines()[1:] == [
        "error [data]: 'age' has 3 missing values, 'region' has 3 missing values, 'visits' has 3 missing values.",
        f"  9 of 240 rows miss a value: first rows {first} (counted from 1).",
        "  Options: --na drop leaves these rows out · --drop age leaves the column out · impute first.",
    ]


def test_rows_are_counted_in_the_file_when_some_were_dropped(cli, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40), "y": rng.normal(size=40)})
    table.loc[2, "a"], table.loc[9, "a"] = np.nan, np.inf
    table.to_csv("rows.csv", index=False)
    result = cli("fit", "rows.csv", "-y", "y", "--na", "drop")
    assert result.code == 3
    assert "1 of 40 rows left out" in result.err and "row 3 (counted from 1)" in result.err
    assert "'a' has 1 infinite value (row 10)" in result.err


def test_a_bug_is_said_to_be_one(cli, files, monkeypatch):
    def broken(*args, **options):
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(MoERegressor, "fit", broken)
    result = cli("fit", files / "visits.csv", *VISITS.split(), "--json")
    assert result.code == 1
    assert result.json["kind"] == "bug" and result.json["message"] == "ZeroDivisionError: deep inside"
    assert "--debug" in result.err and "Traceback" not in result.err
    debugged = cli("fit", files / "visits.csv", *VISITS.split(), "--debug")
    assert debugged.code == 1
    assert "Traceback" in debugged.err and "in broken" in debugged.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WeightError("w"), 3),
        (ModelFileError("m"), 6),
        (NotComparableError("c"), 2),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "x.html"), 2),
        (RuntimeError("?"), 1),
    ],
)
def test_exit_codes(error, code):
    assert errors.classify(error).code == code


def test_messages_speak_of_options():
    said = for_command_line("Use more starts (n_init), raise max_iter or tol; weight_type='sampling'; n_experts=3.")
    assert said == "Use more starts (--starts), raise --max-iter; --weight-type sampling; K=3."
    said = for_command_line("criterion='bic' takes the weakest penalty, better still: give a smaller alpha_min_ratio.")
    assert said == "bic takes the weakest penalty, better still (in Python: alpha_min_ratio)."
    said = for_command_line("criterion='ebic' may stop earlier; compare with parametrisation='scaled'.")
    assert said == "--lasso path:ebic may stop earlier; compare with --lasso path:scaled."


def _process(*arguments, **options):
    code = "from classicmoe.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, **options)


def test_a_reader_that_goes_away_is_no_error(files, tmp_path, visits):
    many = pd.concat([visits] * 200)
    many.to_csv(tmp_path / "many.csv", index=False)
    process = _process(
        "predict",
        files / "model.cmoe",
        tmp_path / "many.csv",
        "--append",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith("patient_id,")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_a_real_ctrl_c(files, tmp_path):
    options = ["-y", "visits", "--drop", "patient_id,w", "-k", "1:40", "--starts", "500", "--resume", "state.jsonl"]
    process = _process(
        "select", files / "visits.csv", *options, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    state = tmp_path / "state.jsonl"
    while not (state.exists() and len(state.read_text().splitlines()) >= 2):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in out and "interrupted" in err
    assert (tmp_path / "best.cmoe").exists()
