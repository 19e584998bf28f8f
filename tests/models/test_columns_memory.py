"""ColumnCoder: what is a float table already is handed on without a copy."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from classicmoe.models.columns import ColumnCoder
from classicmoe.models.rows import Reader

both = pytest.mark.parametrize("frame_of", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_float_arrays_are_the_same_memory(dtype, order):
    X = np.asarray(np.random.default_rng(0).normal(size=(50, 3)), dtype=dtype, order=order)
    X.flags.writeable = False
    coded = ColumnCoder().fit_transform(X)
    assert coded.dtype == dtype
    assert coded.__array_interface__["data"][0] == X.__array_interface__["data"][0]
    assert coded.strides == X.strides


def test_memory_maps_are_not_read_into_memory(tmp_path):
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=(100, 4))
    X[:] = np.random.default_rng(0).normal(size=(100, 4))
    X.flush()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert np.shares_memory(ColumnCoder().fit_transform(mapped), mapped)


def test_one_float_block_of_a_frame_is_not_copied():
    values = np.random.default_rng(0).normal(size=(50, 3))
    frame = pd.DataFrame(values, columns=["a", "b", "c"], copy=False)
    assert np.shares_memory(ColumnCoder().fit_transform(frame), values)


@both
def test_float32_frames_stay_float32(frame_of):
    frame = pd.DataFrame({"a": np.arange(4, dtype=np.float32), "b": np.ones(4, dtype=np.float32)})
    assert ColumnCoder().fit_transform(frame_of(frame)).dtype == np.float32
    assert ColumnCoder().fit_transform(frame_of(frame.assign(c=[1, 2, 3, 5]))).dtype == np.float64
    only = ColumnCoder().fit(frame_of(frame.assign(c=[1, 2, 3, 5])), only=["b", "a"])
    assert only.transform(frame_of(frame)).dtype == np.float32


@pytest.mark.parametrize("form", ["C", "F", "csr"])
def test_ten_thousand_columns_cost_their_names_and_little_else(form):
    rng = np.random.default_rng(0)
    if form == "csr":
        X = sparse.random_array((5_000, 10_000), density=0.02, format="csr", rng=rng)
    else:
        X = np.asarray(rng.normal(size=(400, 10_000)), order=form)

    def read():
        return Reader.fit(X, None, None, None, "error", "Lasso", sparse=form == "csr")

    read()
    tracemalloc.start()
    reader, coded = read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6  # of X's 32 or 12 MB nothing is copied but a megabyte at a time
    assert np.shares_memory(coded.data if form == "csr" else coded, X.data if form == "csr" else X)
    assert reader.expert.names_out[-1] == "x9999"
