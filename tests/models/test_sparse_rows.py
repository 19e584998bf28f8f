"""Sparse tables: what takes them gets them as they are, what does not says so."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from classicmoe import Batches
from classicmoe.exceptions import ColumnError, ConfigurationError, DataError, MissingValuesError
from classicmoe.models.arrays import check_array_input
from classicmoe.models.columns import ColumnCoder
from classicmoe.models.rows import Reader, rows_of_arrays, rows_of_batches


@pytest.fixture
def dense():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)) * (rng.random((40, 6)) < 0.4)


def read(X, y=None, gate=None, expert=None, keep_missing=False):
    return Reader.fit(X, y, gate, expert, "error", "Lasso", keep_missing, sparse=True)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_csr_goes_through_to_the_source_as_it_is(dense, kind, dtype):
    X, y = kind(dense.astype(dtype)), np.arange(40.0)
    rows = rows_of_arrays(X, y, None, None, None, "error", "frequency", "Lasso", sparse=True)
    (table,) = rows.source.tables
    assert type(table) is type(X) and table.dtype == dtype
    assert np.shares_memory(table.data, X.data) and np.shares_memory(table.indices, X.indices)
    assert rows.reader.expert.names_out == [f"x{j}" for j in range(6)]


@pytest.mark.parametrize("form", ["coo", "csc", "lil", "dok", "bsr", "dia"])
def test_other_formats_are_converted(dense, form):
    table = check_array_input(sparse.csr_array(dense).asformat(form), sparse=True)
    assert table.format == "csr" and table.has_canonical_format
    assert np.array_equal(table.toarray(), dense)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, bool])
def test_whole_numbers_become_float64(dense, dtype):
    X = (dense != 0).astype(dtype)
    table = check_array_input(sparse.csr_array(X), sparse=True)
    assert table.dtype == np.float64 and np.array_equal(table.toarray(), X)


def test_entries_out_of_order_or_stored_twice_are_put_in_order_in_a_copy():
    parts = [1.0, 2.0, 4.0, 8.0], [2, 0, 2, 1], [0, 3, 4]
    X = sparse.csr_array(tuple(np.array(part) for part in parts), shape=(2, 3))
    table = check_array_input(X, sparse=True)
    assert table.has_canonical_format and table.toarray().tolist() == [[2, 0, 5], [0, 8, 0]]
    assert [X.data.tolist(), X.indices.tolist(), X.indptr.tolist()] == list(parts)


def test_sparse_tables_are_refused_where_they_were_not_asked_for(dense):
    for use in (ColumnCoder().fit, check_array_input, lambda X: Reader.fit(X, None, None, None, "error", "M")):
        with pytest.raises(ColumnError, match=r"Sparse data was passed.*toarray.*LassoMoERegressor"):
            use(sparse.csc_matrix(dense))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (sparse.coo_array(np.arange(3.0)), r"shape \(3,\)"),
        (sparse.csr_array((0, 3)), "0 sample"),
        (sparse.csr_array((3, 0)), "0 feature"),
        (sparse.csr_array(np.eye(3) * 1j), "Complex"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(X, message):
    with pytest.raises(DataError, match=message):
        ColumnCoder(sparse=True).fit(X)


def test_missing_values_are_reported_as_in_arrays(dense):
    dense[[3, 7, 9, 30], 2], dense[5, 4], dense[8, 4], dense[11, 0] = np.nan, np.nan, -np.inf, np.inf
    messages = []
    for X in (dense, sparse.csr_array(dense), sparse.csc_array(dense)):
        with pytest.raises(MissingValuesError) as caught:
            read(X)
        messages.append(str(caught.value))
    assert "'x2' has 4 missing values (first rows 3, 7, 9)" in messages[1]
    assert messages[0] == messages[1] == messages[2]


def test_only_the_columns_in_use_must_be_finite(dense):
    dense[3, 2] = np.nan
    reader, table = read(sparse.csr_array(dense), gate=[0, 5], expert=[1])
    assert reader.gate.columns.tolist() == [0, 5] and np.isnan(table.data).sum() == 1
    assert np.isnan(read(sparse.csr_array(dense), keep_missing=True)[1].data).sum() == 1
    dense[4, 2] = np.inf
    with pytest.raises(MissingValuesError, match="1 infinite"):
        read(sparse.csr_array(dense), keep_missing=True)


def test_room_for_more_entries_is_not_read(dense):
    X = sparse.csr_array(dense)
    X.data, X.indices = np.append(X.data, np.nan), np.append(X.indices, 0)
    _, table = read(X)
    assert np.array_equal(table[:].toarray(), dense)


def test_dense_rows_may_follow_sparse_ones_and_the_other_way_round(dense):
    X, frame = sparse.csr_array(dense), pd.DataFrame(dense)
    for first in (X, dense, frame):
        reader, _ = read(first, gate=[0, 3], expert="x1 + x4")
        again = Reader(ColumnCoder.from_state(reader.coder.to_state()), reader.gate, reader.expert)
        for use in (reader, again):
            for then in (X, dense, frame, X.tocoo()):
                source = use.source(then, None, None, 1, "Lasso")
                (table,) = source.tables
                assert source.n_rows == 40 and sparse.issparse(table) is sparse.issparse(then)
                seen = table.toarray() if sparse.issparse(table) else table
                for view, columns in zip(use.views(), ([0, 3], [1, 4]), strict=True):
                    assert np.array_equal(seen[:, view.columns], dense[:, columns])
    with pytest.raises(DataError, match="5 features"):
        reader.source(X[:, :5], None, None, 1, "Lasso")


def test_columns_of_a_frame_are_taken_from_a_sparse_table_by_position(dense):
    frame = pd.DataFrame(dense, columns=list("abcdef"))
    reader, coded = read(frame, gate=["b"], expert=["e", "b"])
    with pytest.warns(UserWarning, match="valid feature names"):
        (table,) = reader.source(sparse.csr_array(dense), None, None, 1, "Lasso").tables
    assert np.array_equal(table.toarray(), coded) and coded.shape == (40, 2)
    reader, _ = read(frame.assign(a=["u", "v"] * 20))
    with pytest.raises(ColumnError, match="categorical columns"):
        reader.source(sparse.csr_array(dense), None, None, 1, "Lasso")


def test_files_without_the_flag_are_of_dense_models(dense):
    state = ColumnCoder(sparse=True).fit(sparse.csr_array(dense)).to_state()
    assert state.pop("sparse") is True
    with pytest.raises(ColumnError, match="Sparse"):
        ColumnCoder.from_state(state).transform(sparse.csr_array(dense))


@pytest.mark.parametrize("spec", [StandardScaler(with_mean=False), "x0 + log(x1)"])
def test_transformers_and_formulas_do_not_read_sparse_tables(dense, spec):
    dense = np.abs(dense) + 1.0
    kind = "formula" if isinstance(spec, str) else "transformer"
    with pytest.raises(ConfigurationError, match=f"{kind} cannot read a sparse matrix"):
        read(sparse.csr_array(dense), expert=spec)
    reader, _ = read(dense, gate=spec, expert=spec)
    with pytest.raises(ConfigurationError, match=f"{kind} cannot read a sparse matrix"):
        reader.source(sparse.csr_array(dense), None, None, 1, "Lasso")


def test_batches_may_be_sparse(dense):
    y = np.arange(40.0)
    batches = Batches([(sparse.csc_array(dense[:15]), y[:15]), (dense[15:], y[15:])])
    rows = rows_of_batches(batches, None, None, "error", "frequency", "Lasso", sparse=True)
    ((chunk,),) = rows.source.tasks()
    assert np.array_equal(chunk.tables[0].toarray(), dense) and np.array_equal(chunk.y[:, 0], y)
    with pytest.raises(ColumnError, match="Sparse"):
        rows_of_batches(batches, None, None, "error", "frequency", "MoERegressor")
