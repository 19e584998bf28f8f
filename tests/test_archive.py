"""The model file: what goes in comes out, equal models give equal bytes, and no hostile file does any harm."""

import hashlib
import io
import json
import os
import pickle
import re
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import classicmoe
from classicmoe.archive import FORMAT_VERSION, read_archive, write_archive
from classicmoe.exceptions import ModelFileError
from classicmoe.zipped import pack_members

HEADER = {"estimator": "X", "levels": ["a", "é", "\ud800"], "floor": 1e-12, "n": 8, "none": None, "deep": {"yes": True}}
ARRAYS = {
    "coef": np.arange(6.0).reshape(2, 3),
    "small": np.float32([1.5, -0.0]),
    "kept": np.array([3, 1]),
    "flags": np.array([[True], [False]]),
    "names": np.array(["age", "größe", ""]),
    "scalar": np.array(2.5),
    "empty": np.empty((0, 4)),
    "not_finite": np.array([np.nan, np.inf]),
}
BLOBS = {"gate": b"\x00\x01"}


@pytest.fixture
def path(tmp_path):
    """Where the file of a test goes."""
    return tmp_path / "m.cmoe"


def _npy(array, **options):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **options)
    return buffer.getvalue()


def _members(arrays=None, **manifest):
    """Members of a sound file with some entries of the manifest replaced (or left out, when None)."""
    members = {f"arrays/{name}.npy": data for name, data in (arrays or {"a": _npy(np.ones(2))}).items()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    full = {
        "format": "classicmoe-model",
        "format_version": 1,
        "package_version": "0.1.0",
        "created": None,
        "members": sums,
        "header": {},
    } | manifest
    kept = {key: value for key, value in full.items() if value is not None or key == "created"}
    return members | {"model.json": json.dumps(kept).encode()}


def _refused(path, data, reason):
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=reason) as caught:
        read_archive(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_the_sound_file_of_these_tests_is_read(path):
    path.write_bytes(pack_members(_members()))
    _, arrays, _ = read_archive(path)
    np.testing.assert_array_equal(arrays["a"], np.ones(2))


def test_round_trip(path):
    write_archive(path, HEADER, ARRAYS, BLOBS, created="2026-11-22")
    header, arrays, blobs = read_archive(path)
    assert header == HEADER | {"package_version": classicmoe.__version__, "created": "2026-11-22"}
    assert blobs == BLOBS
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        assert arrays[name].flags.writeable and arrays[name].flags.c_contiguous


dtypes = st.sampled_from([np.float64, np.float32, np.int64, np.bool_, ">f8", "U3"])


@given(array=dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))))
def test_any_array_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "m.cmoe"
    write_archive(path, {}, {"a": np.array(array, order="F")})
    back = read_archive(path)[1]["a"]
    np.testing.assert_array_equal(back, array)
    assert back.shape == array.shape and back.dtype == array.dtype.newbyteorder("=")


def test_the_file_is_plain_zip_and_npy(path):
    # What other programs need: any zip tool and NumPy open it.
    write_archive(path, HEADER, ARRAYS)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("model.json"))["header"] == HEADER
        np.testing.assert_array_equal(np.load(io.BytesIO(archive.read("arrays/coef.npy"))), ARRAYS["coef"])


def test_equal_models_give_equal_bytes(path, monkeypatch):
    write_archive(path, HEADER, ARRAYS, BLOBS)
    first = path.read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    reordered = {name: np.array(ARRAYS[name], order="F") for name in reversed(ARRAYS)}
    write_archive(path, HEADER, reordered, BLOBS)
    assert path.read_bytes() == first


def test_numpy_scalars_in_the_header(path):
    write_archive(path, {"n": np.int64(3), "x": np.float64(0.1), "yes": np.True_}, {})
    header = read_archive(path)[0]
    assert (header["n"], header["x"], header["yes"]) == (3, 0.1, True)


@pytest.mark.parametrize(
    ("header", "arrays", "error", "reason"),
    [
        ({}, {"a": np.array([object()])}, TypeError, "'a' has dtype object"),
        ({}, {"a": np.array([1j])}, TypeError, "complex"),
        ({}, {"a": np.array([1], dtype="i4")}, TypeError, "int32"),
        ({}, {"../a": np.ones(1)}, ValueError, "identifiers"),
        ({"x": float("nan")}, {}, ValueError, "JSON"),
        ({"x": {1, 2}}, {}, TypeError, "cannot hold a set"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file(path, header, arrays, error, reason):
    path.write_bytes(b"old")
    with pytest.raises(error, match=reason):
        write_archive(path, header, arrays)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match=r"m\.cmoe cannot be written: No space left on device"):
        write_archive(path, {}, {})
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_write_into_a_missing_folder(path):
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        write_archive(path.parent / "none" / "m.cmoe", {}, {})


def test_pickles_are_never_run(path):
    trap = path.parent / "trap"

    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    pickled = np.empty(1, dtype=object)
    pickled[0] = Payload()
    as_array = _npy(pickled, allow_pickle=True)
    np.load(io.BytesIO(as_array), allow_pickle=True)
    assert trap.is_dir()  # the payload works
    trap.rmdir()
    for data in (
        pickle.dumps(Payload()),
        as_array,
        pack_members(_members({"a": as_array})),
        pack_members(_members({"a": pickle.dumps(Payload())})),
        pack_members({"model.json": pickle.dumps(Payload())}),
    ):
        _refused(path, data, "cannot be read as a model")
        with pytest.raises(ModelFileError):
            classicmoe.load(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a zip file"),
        (b"k,aic\n1,2\n", "not a zip file"),
        (b"PK\x05\x06" + b"\0" * 18, "without model.json"),
        (pack_members({"a": b""}), "without model.json"),
        (pack_members(_members()) + b"x", "not a zip file, or its end is missing"),
        (pack_members(_members() | {"evil.py": b""}), "'evil.py' is there but not listed"),
        (pack_members(_members() | {"../up.npy": b""}), "'../up.npy' is there but not listed"),
        (pack_members(_members(members={"arrays/a.npy": "0" * 64})), "'arrays/a.npy' does not match its checksum"),
        (pack_members(_members(members={"arrays/a.npy": 3})), "does not match its checksum"),
        (pack_members(_members(members={"arrays/b.npy": "0" * 64})), "there but not listed|listed but not there"),
        (pack_members(_members(format="other")), "does not say 'classicmoe-model'"),
        (pack_members(_members(format_version=None)), "format version is None"),
        (pack_members(_members(format_version=True)), "format version is True"),
        (pack_members(_members(format_version=0)), "format version is 0"),
        (pack_members(_members(header=[])), "no usable 'header'"),
        (pack_members(_members(members=None)), "no usable 'members'"),
        (pack_members(_members(package_version=None)), "no usable 'package_version'"),
        (pack_members(_members(created=5)), "no usable 'created'"),
        (pack_members({"model.json": b"[]"}), "does not say"),
        (pack_members({"model.json": b"{"}), "not strict JSON"),
        (pack_members({"model.json": b"\xff"}), "not strict JSON"),
        (pack_members({"model.json": b'{"a": NaN}'}), "NaN is not a finite number"),
        (pack_members({"model.json": b'{"a": -Infinity}'}), "-Infinity is not a finite number"),
        (pack_members({"model.json": b'{"a": 1e999}'}), "1e999 is not a finite number"),
        (pack_members({"model.json": b'{"a": 1, "a": 2}'}), "names a key twice"),
        (pack_members({"model.json": b"1" * 5000}), "not strict JSON"),
        (pack_members({"model.json": b"[" * 10**5}), "not strict JSON"),
        (pack_members({"model.json": b" " * (2**26 + 1)}), "larger than"),
    ],
)
def test_files_that_are_no_models(path, data, reason):
    _refused(path, data, reason)


@pytest.mark.parametrize("name", ["../a.npy", "/etc/a.npy", "arrays/../../a.npy", "arrays/a.py", "arrays/b/a.npy"])
def test_names_outside_the_expected_ones(path, name):
    data = _npy(np.ones(1))
    listed = _members(members={name: hashlib.sha256(data).hexdigest()})
    _refused(path, pack_members({"model.json": listed["model.json"], name: data}), "that no model file has")


def test_a_newer_format(path):
    message = _refused(path, pack_members(_members(format_version=FORMAT_VERSION + 2)), "Upgrade classicmoe")
    assert message == (
        f"{path} uses format 3; this classicmoe {classicmoe.__version__} reads up to 1. Upgrade classicmoe."
    )


def _header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "array",
    [
        _npy(np.ones(1, dtype="c16")),
        _npy(np.ones(1, dtype=[("x", "f8")])),
        _npy(np.ones(1), version=(2, 0)),
        _npy(np.asfortranarray(np.ones((2, 2)))),
        _npy(np.ones(2))[:-1],
        _npy(np.ones(2)) + b"\0",
        _npy(np.ones(2))[:9],
        b"",
        _header("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }\n"),
        _header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 999999999999999), }\n"),
        _header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n") + b"\0" * 8,
        _header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n"),
        _header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }\n") + b"\0" * 8,
        _header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n") + b"\0" * 8,
        _header("__import__('os').abort()\n"),
        _header("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }\n") + b"\2",
        _header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }\n") + b"\xff" * 4,
        _header("{'descr': '<U0', 'fortran_order': False, 'shape': (1,), }\n"),
    ],
)
def test_arrays_that_no_model_has(path, array):
    _refused(path, pack_members(_members({"a": array})), r"'arrays/a\.npy' (is not|declares|holds)")


def test_compressed_members(path):
    bomb = _npy(np.zeros(10**6))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _members({"a": bomb}).items():
            archive.writestr(name, data)
    assert len(buffer.getvalue()) < len(bomb) / 100
    _refused(path, buffer.getvalue(), "members declare more bytes than the file has")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in _members().items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name.startswith("arrays") else zipfile.ZIP_STORED)
    _refused(path, buffer.getvalue(), "compressed")


def _with_directory_field(data, offset, value):
    """Patch a 4-byte field of the first entry of the zip's directory."""
    start = data.index(b"PK\x01\x02") + offset
    return data[:start] + value.to_bytes(4, "little") + data[start + 4 :]


@pytest.mark.parametrize("size", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("offset", [20, 24])
def test_declared_sizes_that_are_not_the_actual_ones(path, size, offset):
    data = _with_directory_field(pack_members(_members()), offset, size)
    _refused(path, data, "cannot be read as a model")


def test_overlapping_and_repeated_members(path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            for name, data in _members().items():
                archive.writestr(name, data)
    _refused(path, buffer.getvalue(), "same name")
    # Many entries that all point at the same large member: a bomb that needs no compression.
    large = pack_members({"a" * 9: b"\0" * 10**5})
    start, end = large.index(b"PK\x01\x02"), large.index(b"PK\x05\x06")
    entries = b"".join(large[start:end].replace(b"a" * 9, b"%09d" % i) for i in range(100))
    tail = bytearray(large[end:])
    tail[8:12] = (100).to_bytes(2, "little") * 2
    tail[12:16] = len(entries).to_bytes(4, "little")
    _refused(path, large[:start] + entries + bytes(tail), "declare more bytes than the file has")


def test_a_table_of_contents_that_would_fill_the_memory(path):
    entries = 2**22 // 46 + 1
    data = b"PK\x01\x02" + b"\0" * (46 * entries)
    tail = b"PK\x05\x06" + b"\0" * 8 + (46 * entries).to_bytes(4, "little") + b"\0" * 6
    _refused(path, data + tail, "table of contents is larger")


def test_the_largest_size_can_be_set(path):
    write_archive(path, {}, {"a": np.zeros(1000)})
    size = path.stat().st_size
    read_archive(path, max_bytes=size)
    with pytest.raises(ModelFileError, match=f"has {size} bytes, more than the {size - 1} allowed"):
        read_archive(path, max_bytes=size - 1)


def test_paths_that_are_no_files(path):
    with pytest.raises(ModelFileError, match=re.escape(f"{path} cannot be read as a model: No such file or directory")):
        read_archive(path)
    with pytest.raises(ModelFileError, match="not a regular file"):
        read_archive(path.parent)
    os.mkfifo(path)  # reading it would wait for ever
    with pytest.raises(ModelFileError, match="not a regular file"):
        read_archive(path)


def test_every_truncation_is_noticed(path):
    write_archive(path, HEADER, {"coef": ARRAYS["coef"]}, BLOBS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        _refused(path, whole[:length], "cannot be read as a model")


def test_every_changed_byte_is_noticed_or_harmless(path):
    write_archive(path, HEADER, {"coef": ARRAYS["coef"]}, BLOBS)
    whole = path.read_bytes()
    expected = read_archive(path)
    for place in range(len(whole)):
        for flip in (0x01, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            try:
                header, arrays, blobs = read_archive(path)
            except ModelFileError:
                continue
            assert (header, blobs) == (expected[0], expected[2])
            np.testing.assert_array_equal(arrays["coef"], ARRAYS["coef"])


def test_readers_never_see_half_a_file(path):
    write_archive(path, {"n": 0}, {"a": np.zeros(10**5)})
    failures = []

    def write():
        for n in range(20):
            write_archive(path, {"n": n}, {"a": np.full(10**5, float(n))})

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        header, arrays, _ = read_archive(path)
        if arrays["a"][0] != header["n"]:
            failures.append(header["n"])
    writer.join()
    assert failures == []
    assert os.listdir(path.parent) == [path.name]
