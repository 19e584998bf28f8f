"""Tables from files and standard input: every format, and an error that says where for every damage."""

import csv
import gzip
import io
import os
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from classicmoe.cli import delimited
from classicmoe.cli.read import read_table, require_column
from classicmoe.exceptions import ColumnError, ConfigurationError, DataError


@pytest.fixture
def save(tmp_path):
    def write(content, name="f.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content, name, columns, first, line",
    [
        ("a,b\n1.5,x\n2,y\n", "f.csv", ["a", "b"], [1.5, "x"], "read 2 rows, 2 columns (csv, comma)"),
        (
            "a;b\n1,5;x\n2;y\n",
            "f.csv",
            ["a", "b"],
            [1.5, "x"],
            "read 2 rows, 2 columns (csv, semicolon, decimal comma)",
        ),
        ("a;b\n1.5;x,z\n2;y\n", "f.csv", ["a", "b"], [1.5, "x,z"], "read 2 rows, 2 columns (csv, semicolon)"),
        ("a\tb\n1.5\tx\n", "f.tsv", ["a", "b"], [1.5, "x"], "read 1 row, 2 columns (tsv, tab)"),
        ("a\tb\n1.5\tx, y\n", "f.txt", ["a", "b"], [1.5, "x, y"], "read 1 row, 2 columns (csv, tab)"),
        ("a|b\n1.5|x\n", "f.csv", ["a", "b"], [1.5, "x"], "read 1 row, 2 columns (csv, bar)"),
        ("a\n1\n2\n", "f.csv", ["a"], [1], "read 2 rows, 1 column (csv, comma)"),
        ("a, b\r\n1, x\r\n\r\n2, y", "f.csv", ["a", "b"], [1, "x"], "read 2 rows, 2 columns (csv, comma)"),
        ("\ufeffa,b\n1,é\n", "f.csv", ["a", "b"], [1, "é"], "read 1 row, 2 columns (csv, comma)"),
        ("a,b\n1,é\n".encode("utf-16"), "f.csv", ["a", "b"], [1, "é"], "read 1 row, 2 columns (csv, comma)"),
        (
            "a,b\n1,é\n".encode("cp1252"),
            "f.csv",
            ["a", "b"],
            [1, "é"],
            "read 1 row, 2 columns (csv, comma, Windows-1252)",
        ),
        ('a,b\n1,"x, y"\n2,"two\nlines"\n', "f.csv", ["a", "b"], [1, "x, y"], "read 2 rows, 2 columns (csv, comma)"),
        (gzip.compress(b"a,b\n1,x\n", mtime=0), "f.csv.gz", ["a", "b"], [1, "x"], "read 1 row, 2 columns (csv, comma)"),
        (gzip.compress(b"a,b\n1,x\n", mtime=0), "f.csv", ["a", "b"], [1, "x"], "read 1 row, 2 columns (csv, comma)"),
        ("a,b,\n1,x,\n2,y,\n", "f.csv", ["a", "b"], [1, "x"], "read 2 rows, 2 columns (csv, comma)"),
        ("a,b\n1,x,\n2,y,\n", "f.csv", ["a", "b"], [1, "x"], "read 2 rows, 2 columns (csv, comma)"),
        ("a,,b\n1,2,x\n", "f.csv", ["a", "unnamed_2", "b"], [1, 2, "x"], "read 1 row, 3 columns (csv, comma)"),
        ("flag\nTRUE\nFALSE\n", "f.csv", ["flag"], [True], "read 2 rows, 1 column (csv, comma)"),
    ],
)
def test_text_tables(save, content, name, columns, first, line):
    frame, info = read_table(save(content, name))
    assert list(frame.columns) == columns
    assert frame.iloc[0].tolist() == first
    assert str(info) == line
    assert (info.rows, info.columns) == frame.shape


@pytest.mark.parametrize("content", ['"","a","b"\n"1",1,x\n"2",2,y\n', "a,b\nr1,1,x\nr2,2,y\n"])
def test_row_labels_of_r_are_left_out(save, content):
    frame, info = read_table(save(content))
    assert_frame_equal(frame, pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    assert str(info).endswith("; the first column has no name and was taken for row labels")


def test_numbers_are_read_exactly(save):
    values = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-300, 300, 2000)
    frame, _ = read_table(save("x\n" + "\n".join(map(repr, values.tolist()))))
    np.testing.assert_array_equal(frame["x"], values)


def test_missing_values(save):
    frame, _ = read_table(save("x,flag,t\n1,True,NA\n,,b\nnan,False,\n"))
    assert frame["x"].isna().tolist() == [False, True, True]
    assert frame["flag"].isna().tolist() == [False, True, False]
    assert frame["t"].isna().tolist() == [True, False, True]


def test_parquet(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.0], "b": ["x", None], "c": [1, 2]})
    frame.to_parquet(tmp_path / "f.parquet")
    read, info = read_table(tmp_path / "f.parquet")
    assert_frame_equal(read, frame)
    assert str(info) == "read 2 rows, 3 columns (parquet)"
    os.rename(tmp_path / "f.parquet", tmp_path / "f.bin")
    assert read_table(tmp_path / "f.bin")[1].format == "parquet"


def test_a_named_index_of_parquet_is_a_column(tmp_path):
    pd.DataFrame({"a": [1.5, 2.0]}, index=pd.Index(["r", "s"], name="town")).to_parquet(tmp_path / "f.parquet")
    assert list(read_table(tmp_path / "f.parquet")[0].columns) == ["town", "a"]


def test_standard_input(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_parquet(tmp_path / "f.parquet")
    for content in (b"a\n1\n2\n", gzip.compress(b"a\n1\n2\n"), (tmp_path / "f.parquet").read_bytes()):
        assert_frame_equal(read_table("-", stdin=io.BytesIO(content))[0], frame)
    read, info = read_table("-", stdin=io.BytesIO(b"a,b\tc\n1,5\t2\n"), input_format="tsv")
    assert list(read.columns) == ["a,b", "c"]
    assert info.source == "standard input"
    with pytest.raises(DataError, match="standard input is empty"):
        read_table("-", stdin=io.BytesIO(b""))


@pytest.mark.parametrize(
    "content, name, words",
    [
        ("", "f.csv", "f.csv is empty"),
        (" \n\n", "f.csv", "f.csv is empty"),
        (gzip.compress(b"", mtime=0), "f.csv.gz", "f.csv.gz is empty"),
        ("a,b\n", "f.csv", r"has a header \(a, b\) but no rows"),
        ("a,b,a\n1,2,3\n", "f.csv", "Column names of f.csv must differ; repeated: 'a'"),
        ("1,2\n3,4\n", "f.csv", r"first line of f.csv holds numbers \(1, 2\)"),
        ("# made by me\na,b\n1,2\n", "f.csv", "is a comment"),
        ('"a" "b"\n"1" 2 3\n', "f.csv", "separated by spaces"),
        (b"\x00\x01\x02" * 500, "f.csv", "binary data"),
        (np.random.default_rng(0).bytes(5000), "f.csv", "binary data"),
        (b"a,b\n1,\x81\n", "f.csv", "neither UTF-8 nor Windows-1252"),
        ('a,b\n1,2\n3,"x\n5,6\n', "f.csv", "quote that opens in data row 2 of f.csv is never closed"),
        ('a,b\n1,"' + "x" * 200_000 + "\n", "f.csv", "near line 2: field larger than field limit.*quote not closed"),
        (gzip.compress(random.Random(0).randbytes(20_000), mtime=0)[:500], "f.csv.gz", "damaged or truncated gzip"),
        (b"\x1f\x8bjunk", "f.csv.gz", "damaged or truncated gzip"),
        (b"PK\x03\x04....", "f.xlsx", "Excel workbook; save it as CSV"),
        ('{"a": 1}', "f.json", "is JSON"),
        ('[{"a": 1}]', "f.txt", "is JSON"),
        ("hello", "f.parquet", "not a Parquet file, or is damaged or truncated"),
    ],
)
def test_damage_is_explained(save, content, name, words):
    with pytest.raises(DataError, match=words):
        read_table(save(content, name))


def test_ragged_rows_name_their_lines(save):
    rows = ["1,2,3"] * 20
    rows[4], rows[9], rows[11] = "1,2", "1,2,3,4", "1"
    with pytest.raises(DataError) as caught:
        read_table(save("a,b,c\n" + "\n".join(rows)))
    assert (
        "f.csv is ragged: its header has 3 fields (comma), but line 6 has 2, line 11 has 4, line 13 has 1. "
        "Lines are counted from 1"
    ) in str(caught.value)
    with pytest.raises(DataError, match=r"line 6 has 1 \(the first 5 of 30 such lines\)"):
        read_table(save("a,b\n" + "1\n" * 30 + "1,2\n"))
    with pytest.raises(DataError, match="line 4 has 1"):
        read_table(save('a,b\n1,"two\nlines"\n3\n'))


def test_truncated_parquet(tmp_path):
    path = tmp_path / "f.parquet"
    pd.DataFrame({"a": np.arange(1000.0)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"f\.parquet is not a Parquet file, or is damaged or truncated"):
        read_table(path)
    pd.DataFrame({"a": []}).to_parquet(path)
    with pytest.raises(DataError, match="no rows"):
        read_table(path)


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*nope\.csv"):
        read_table(tmp_path / "nope.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(ConfigurationError, match="csv, tsv or parquet, not 'xml'"):
        read_table(tmp_path / "f.csv", input_format="xml")


@given(
    st.lists(st.text(alphabet="ab,;\"'\r\n x", max_size=12), max_size=12),
    st.integers(1, 7),
    st.sampled_from([",", ";"]),
)
def test_delimiters_are_counted_as_the_csv_module_does(lines, block, delimiter):
    text = "\n".join(line.replace("\r", "\r\n") for line in lines)
    original = delimited._BLOCK
    delimited._BLOCK = block
    try:
        counted = delimited._count_delimiters(io.BytesIO(text.encode()), delimiter)
    finally:
        delimited._BLOCK = original
    reference = [len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    assert (counted is None) == ('"' in text)
    if counted is not None:
        assert counted.tolist() == reference


table_text = st.lists(
    st.tuples(
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(alphabet="abcé ,;\"'\n|\t", min_size=1, max_size=8).filter(lambda t: t.strip() == t),
        st.integers(-(2**53), 2**53),
    ),
    min_size=2,
    max_size=8,
)


@given(table_text, st.sampled_from([",", ";", "\t", "|"]))
def test_what_is_written_is_read(rows, delimiter):
    frame = pd.DataFrame(rows, columns=["x", "t", "k"])
    text = frame.to_csv(index=False, sep=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    read, info = read_table("-", stdin=io.BytesIO(text.encode()))
    assert info.delimiter == delimiter
    assert_frame_equal(read, frame, check_exact=True)


def test_a_missing_column_is_reported_as_documented():
    frame = pd.DataFrame(columns=["region", "age", "male", *[f"c{j}" for j in range(17)]])
    with pytest.raises(ColumnError) as caught:
        require_column(frame, "regoin", "visits.csv")
    assert str(caught.value) == (
        "column 'regoin' is not in visits.csv. Did you mean 'region'?\n"
        "  columns: region, age, male, … (17 more; list with: classicmoe check visits.csv)"
    )
    require_column(frame, "age", "visits.csv")
