"""Row sources: whatever the rows come from, they are cut at the same places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from classicmoe import Batches
from classicmoe.em.source import TASKS, ArraySource, Chunk, StreamSource, rows_of, stored
from classicmoe.exceptions import DataError


def prepare(X, y, weight):
    return Chunk((X,), y if y.ndim == 2 else y[:, None], weight)


def read(source):
    return [chunk for task in source.tasks() for chunk in task]


@given(n=st.integers(1, 300), chunk_rows=st.integers(1, 50), cuts=st.sets(st.integers(1, 299)), weighted=st.booleans())
def test_a_stream_is_cut_like_an_array(n, chunk_rows, cuts, weighted):
    X, y = np.arange(2.0 * n).reshape(n, 2), np.arange(1.0 * n)
    weight = np.arange(n) + 0.5 if weighted else None
    parts = np.split(np.arange(n), sorted(cut for cut in cuts if cut < n))
    batches = [(X[p], y[p], weight[p]) if weighted else (X[p], y[p]) for p in parts]
    stream = read(StreamSource(Batches(batches), prepare, chunk_rows))
    array = read(ArraySource((X,), y, weight, chunk_rows))
    assert len(stream) == len(array)
    for a, b in zip(stream, array, strict=True):
        assert np.array_equal(a.tables[0], b.tables[0]) and np.array_equal(a.y, b.y)
        assert (a.weight is None) is (b.weight is None)
        assert a.weight is None or np.array_equal(a.weight, b.weight)


@pytest.mark.parametrize("rows", (3, 10, 64))
def test_a_buffer_may_be_filled_again(rows):
    X, y = np.arange(300.0).reshape(150, 2), np.arange(150.0)
    buffer, answers = np.empty((rows, 2)), np.empty(rows)

    def fresh():
        for start in range(0, 150, rows):
            m = min(rows, 150 - start)
            buffer[:m], answers[:m] = X[start : start + m], y[start : start + m]
            yield buffer[:m], answers[:m]

    stream = list(StreamSource(Batches(fresh), prepare, 7).tasks())  # all tasks before any chunk is looked at
    assert np.array_equal(np.concatenate([c.tables[0] for task in stream for c in task]), X)
    assert np.array_equal(np.concatenate([c.y for task in stream for c in task])[:, 0], y)


def test_batches_with_and_without_weights_mix():
    X, y = np.zeros((3, 1)), np.zeros(3)
    (chunk,) = read(StreamSource(Batches([(X, y), (X, y, np.full(3, 2.0))]), prepare))
    assert chunk.weight.tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("n", (1, 5, 64, 65, 1000, 1001))
def test_tasks_do_not_depend_on_who_asks(n):
    source = ArraySource((np.zeros((n, 1)),), np.zeros(n), chunk_rows=5)
    tasks = list(source.tasks())
    assert sum(len(chunk.y) for task in tasks for chunk in task) == n
    assert len(tasks) <= TASKS and all(len(chunk.y) <= 5 for task in tasks for chunk in task)


def test_an_array_is_never_copied():
    X, y = np.zeros((100, 3), dtype=np.float32), np.zeros((100, 1))
    assert all(np.shares_memory(chunk.tables[0], X) for chunk in read(ArraySource((X,), y, chunk_rows=7)))


@pytest.mark.parametrize("kind", (sparse.csr_matrix, sparse.csr_array))
def test_stored_values_of_a_sparse_table_are_never_copied(kind):
    X = kind(np.arange(300.0).reshape(100, 3) * (np.arange(100) % 4 > 1)[:, None])
    source = ArraySource((X,), np.zeros(100), chunk_rows=7)
    chunks = read(source)
    for chunk in chunks:
        table = chunk.tables[0]
        assert table.shape == (len(chunk.y), 3) and table.nnz > 0
        assert np.shares_memory(table.data, X.data) and np.shares_memory(table.indices, X.indices)
    assert np.array_equal(np.concatenate([chunk.tables[0].toarray() for chunk in chunks]), X.toarray())
    rows = np.array([99, 3, 3, 0])
    assert np.array_equal(source.take(rows).tables[0].toarray(), X.toarray()[rows])


@given(cuts=st.sets(st.integers(1, 59)), chunk_rows=st.integers(1, 40), mixed=st.booleans())
def test_sparse_batches_are_cut_like_an_array(cuts, chunk_rows, mixed):
    X, y = np.arange(120.0).reshape(60, 2) * (np.arange(60) % 3 > 0)[:, None], np.arange(60.0)
    parts = np.split(np.arange(60), sorted(cuts))
    batches = [(X[p] if mixed and i % 2 else sparse.csr_array(X[p]), y[p]) for i, p in enumerate(parts)]
    stream = read(StreamSource(Batches(batches), prepare, chunk_rows))
    array = read(ArraySource((X,), y, None, chunk_rows))
    for a, b in zip(stream, array, strict=True):
        table = a.tables[0]
        assert np.array_equal(table.toarray() if sparse.issparse(table) else table, b.tables[0])
        assert np.array_equal(a.y, b.y)


def test_a_sparse_batch_may_be_filled_again():
    X, batch = np.arange(30.0).reshape(15, 2), sparse.csr_array(np.ones((5, 2)))

    def fresh():
        for start in range(0, 15, 5):
            batch.data[:] = X[start : start + 5].ravel()
            yield batch, np.zeros(5)

    chunks = read(StreamSource(Batches(fresh), prepare, 5))
    assert np.array_equal(np.concatenate([chunk.tables[0].toarray() for chunk in chunks]), X)


@pytest.mark.parametrize("entries", (1, 4, 1000))
def test_what_a_sparse_table_stores_is_told_row_by_row(entries, monkeypatch):
    monkeypatch.setattr("classicmoe.em.source.STORED", entries)
    X = np.array([[0.0, 3.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 5.0], [4.0, 0.0, 0.0]])
    for table, first in ((sparse.csr_array(X), 0), (rows_of(sparse.csr_array(X), 1, 4), 1)):
        rows, columns, values = map(np.concatenate, zip(*stored(table), strict=True))
        found = np.zeros(table.shape)
        found[rows, columns] = values
        assert np.array_equal(found, X[first:]) and len(values) == np.count_nonzero(X[first:])
    assert not list(stored(sparse.csr_array((0, 3))))


def test_a_generator_is_refused_because_it_can_be_read_only_once():
    with pytest.raises(DataError, match="only once"):
        Batches((X, y) for X, y in [])
    with pytest.raises(DataError, match="only once"):
        Batches(iter([]))


def test_a_function_is_called_anew_for_every_pass():
    calls = []

    def fresh():
        calls.append(1)
        yield np.zeros((2, 1)), np.zeros(2)

    batches = Batches(fresh)
    assert [len(list(batches)), len(list(batches)), len(calls)] == [1, 1, 2]


@pytest.mark.parametrize("batch", (np.zeros((2, 1)), (np.zeros((2, 1)),), (1, 2, 3, 4)))
def test_a_batch_must_be_a_tuple_of_two_or_three(batch):
    with pytest.raises(DataError, match=r"\(X, y\) or \(X, y, weight\)"):
        list(Batches([batch]))
