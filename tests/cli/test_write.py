"""Tables to files and standard output."""

import gzip
import io
import json

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from classicmoe.cli.read import read_table
from classicmoe.cli.write import output_format, write_table
from classicmoe.exceptions import ConfigurationError, DataError


@pytest.fixture
def frame():
    return pd.DataFrame({"a": [0.1 + 0.2, 1e-300], "b": ["é", 'q"uo,te'], "c": [1, 2], "d": [True, False]})


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.parquet", "f.pq"])
def test_what_is_written_reads_back_equal(frame, tmp_path, name):
    write_table(frame, tmp_path / name)
    assert_frame_equal(read_table(tmp_path / name)[0], frame, check_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_json(frame, tmp_path):
    frame.loc[0, "a"] = np.nan
    frame.loc[1, "a"] = np.inf
    write_table(frame, tmp_path / "f.json", schema="classicmoe.predictions/1")
    assert json.loads((tmp_path / "f.json").read_text("utf-8")) == {
        "schema": "classicmoe.predictions/1",
        "rows": [{"a": None, "b": "é", "c": 1, "d": True}, {"a": None, "b": 'q"uo,te', "c": 2, "d": False}],
    }


def test_standard_output(frame):
    out = io.BytesIO()
    write_table(frame, "-", stdout=out)
    assert_frame_equal(read_table("-", stdin=io.BytesIO(out.getvalue()))[0], frame, check_exact=True)
    assert b"\r" not in out.getvalue()
    out = io.BytesIO()
    write_table(frame, "-", "json", stdout=out)
    assert json.loads(out.getvalue())["schema"] == "classicmoe.table/1"


def test_packed_files_are_the_same_every_time(frame, tmp_path):
    for name in ("f.csv.gz", "g.csv.gz"):
        write_table(frame, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("f.csv.gz", "g.csv.gz"))
    assert first == second
    assert gzip.decompress(first).startswith(b"a,b,c,d\n")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "f.json").write_text("old")

    class Odd:
        def __str__(self):
            raise RuntimeError("no text")

    with pytest.raises(RuntimeError):
        write_table(pd.DataFrame({"a": [Odd()]}), tmp_path / "f.json")
    assert (tmp_path / "f.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["f.json"]


def test_formats_and_places_that_do_not_exist(frame, tmp_path):
    assert output_format("-") == "csv"
    assert output_format("f.csv", "json") == "json"
    with pytest.raises(ConfigurationError, match=r"Cannot tell the format of f\.xyz"):
        output_format("f.xyz")
    with pytest.raises(ConfigurationError, match="csv, parquet or json, not 'xml'"):
        output_format("f.csv", "xml")
    with pytest.raises(DataError, match="cannot be written: No such file"):
        write_table(frame, tmp_path / "nowhere" / "f.csv")
