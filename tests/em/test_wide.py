"""Tables of many columns, sparse ones among them: the first look, blocks, derivatives and narrow tables."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from classicmoe.contracts import Design, Response
from classicmoe.em import first_look as looks
from classicmoe.em import wide
from classicmoe.em.block import RowBlock
from classicmoe.em.first_look import first_look
from classicmoe.em.source import ArraySource
from classicmoe.em.wide import gradient_of_all, narrowed

P = 10_000
RESPONSE = Response(np.zeros(1), np.ones(1))
EPS = np.finfo(float).eps

LAYOUTS = {
    "C": lambda X: X,
    "F": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "F float32": lambda X: np.asfortranarray(X, dtype=np.float32),
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
    "upside down": lambda X: X[::-1].copy()[::-1],
    "read-only": lambda X: np.lib.stride_tricks.as_strided(X, writeable=False),
    "csr": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
    "csr float32": lambda X: sparse.csr_array(X.astype(np.float32)),
}
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def sparse_values(rng, n, p):
    return rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.3)


def as_dense(table):
    return table.toarray().astype(float) if sparse.issparse(table) else np.asarray(table, dtype=float)


def design_of(rng, columns, n_columns, table=0):
    center, scale = rng.normal(size=len(columns)), rng.uniform(0.5, 2.0, len(columns))
    return Design(table, columns, center, scale, np.arange(len(columns)), n_columns)


def peak_of(use):
    use()
    tracemalloc.start()
    use()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


# -- the first look -----------------------------------------------------------------------------------------------


def moments_of(X, weight):
    """Means, standard deviations and the growth of rounding about the first row, in extended precision."""
    X, w = X[weight > 0].astype(np.longdouble), weight[weight > 0].astype(np.longdouble)
    mean = w @ X / w.sum()
    variance = w @ np.square(X - mean) / w.sum()
    return mean.astype(float), np.sqrt(variance).astype(float), (w @ np.square(X - X[0]) / w.sum() / variance)


@pytest.mark.parametrize("weights", ["none", "whole", "any"])
@pytest.mark.parametrize("layout", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("entries", [1 << 18, 50])
def test_means_and_deviations_of_a_sparse_table(weights, layout, entries, monkeypatch):
    monkeypatch.setattr("classicmoe.em.source.STORED", entries)
    rng = np.random.default_rng(1)
    n = 400
    X = sparse_values(rng, n, 12)
    X[:, 0], X[:, 1], X[:, 2] = 0.0, 7.3, 1e6 + rng.normal(size=n)  # never stored, constant, far from zero
    X[:, 3], X[:, 4] = rng.integers(1950, 2010, n), 1e6 * (rng.random(n) < 0.5)
    weight = {"none": None, "whole": rng.integers(0, 4, n), "any": rng.uniform(0.1, 9.0, n)}[weights]
    table = layout(X)
    if weights == "whole":  # rows that do not count may hold anything
        empty = np.repeat(weight == 0, np.diff(table.indptr))
        table.data[empty] = np.resize([np.nan, np.inf, 1e300], empty.sum())
    found = first_look(ArraySource((table,), rng.normal(size=n), weight, chunk_rows=90))
    w = np.ones(n) if weight is None else weight
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, scale, growth = moments_of(X, w)
    (means,), (scales,) = found.table_means, found.table_scales
    assert scales[:2].tolist() == [0.0, 0.0] and means[:2].tolist() == [0.0, 7.3]
    # Sums of n terms of one sign, so n roundings at most; growth: of squares about the first row, not the mean.
    assert (np.abs(scales - scale)[2:] <= n * EPS * (growth * scale)[2:]).all()
    assert (np.abs(means - mean) <= n * EPS * (np.abs(X[w > 0][0] - mean) + scale) + EPS * np.abs(mean)).all()


def test_a_sparse_table_may_begin_with_rows_that_do_not_count():
    X = np.array([[5.0, 0.0], [0.0, 3.0], [1.0, 0.0], [0.0, 1.0]])
    found = first_look(ArraySource((sparse.csr_array(X),), np.zeros(4), np.array([0.0, 0.0, 1.0, 1.0]), chunk_rows=1))
    assert found.table_means[0].tolist() == [0.5, 0.5] and found.table_scales[0].tolist() == [0.5, 0.5]
    assert found.rows == 2


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("weighted", [False, True])
def test_a_table_taken_apart_gives_the_same_moments(order, weighted, monkeypatch):
    rng = np.random.default_rng(2)
    X = np.asarray(rng.normal(size=(70, 31)) + 5.0, order=order)
    weight = np.arange(70) % 3.0 if weighted else None
    if weighted:
        X[weight == 0] = np.nan
    source = ArraySource((X,), rng.normal(size=70), weight, chunk_rows=40)
    whole = first_look(source)
    monkeypatch.setattr(looks, "AT_ONCE", 100)
    monkeypatch.setattr(looks, "BLOCK", (7, 9))
    parts = first_look(source)
    assert np.allclose(parts.table_means[0], whole.table_means[0], rtol=70 * EPS, atol=0)
    assert np.allclose(parts.table_scales[0], whole.table_scales[0], rtol=70 * EPS * 10, atol=0)


def test_the_first_look_at_a_wide_table_copies_little_of_it():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, P)).astype(np.float32)
    source = ArraySource((X,), np.arange(500.0))
    assert peak_of(lambda: first_look(source)) < 6e6  # a block, its squares and ten vectors of P numbers
    table = sparse.random_array((20_000, P), density=0.005, format="csr", rng=rng)
    source = ArraySource((table,), np.arange(20_000.0))
    assert peak_of(lambda: first_look(source)) < 25e6  # ten numbers for each of a quarter of a million entries


# -- blocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("columns", [np.arange(9), np.array([7, 0, 3]), np.array([2]), np.array([], dtype=int)])
def test_a_block_of_sparse_rows_is_that_of_dense_ones(dtype, columns):
    rng = np.random.default_rng(4)
    X = sparse_values(rng, 50, 9).astype(dtype)
    weight = np.arange(50) % 4.0
    gate, expert = design_of(rng, columns, 9), design_of(rng, np.arange(0, 9, 2), 9)
    blocks = [RowBlock(gate, expert, RESPONSE, 20) for _ in range(2)]
    for held in (X, np.where((weight == 0)[:, None], np.nan, X)):  # what does not count does not matter
        sources = [ArraySource((table,), np.zeros(50), weight, 20) for table in (X, sparse.csr_array(held))]
        for task in zip(*(source.tasks() for source in sources), strict=True):
            for chunks in zip(*task, strict=True):
                dense, loaded = (block.load(chunk) for block, chunk in zip(blocks, chunks, strict=True))
                assert np.array_equal(dense.gate_columns, loaded.gate_columns)
                assert np.array_equal(dense.expert_columns, loaded.expert_columns)


# -- derivatives in all columns -----------------------------------------------------------------------------------

SUBSETS = {
    "all": np.arange(40),
    "most": np.delete(np.arange(40), [3, 17]),
    "leading": np.arange(25),
    "run": np.arange(5, 8),
    "few": np.array([1, 8, 30]),
    "like a run": np.array([4, 9, 1, 7]),
    "in any order": np.array([9, 39, 0, 22, 21, 5]),
    "none": np.array([], dtype=int),
}


@layouts
@pytest.mark.parametrize("columns", SUBSETS.values(), ids=SUBSETS)
def test_the_gradient_is_the_sum_over_rows(layout, columns, monkeypatch):
    monkeypatch.setattr(wide, "BLOCK", (64, 7))
    rng = np.random.default_rng(5)
    table = layout(sparse_values(rng, 300, 40))
    design = design_of(rng, columns, 40)
    rows = rng.normal(size=(3, 300))
    found = gradient_of_all(rows, table, design)
    assert type(found) is np.ndarray and found.dtype == np.float64 and found.shape == (3, design.width)
    x = as_dense(table)[:, columns].astype(np.longdouble)
    truth = rows.astype(np.longdouble) @ ((x - design.center) / design.scale)
    assert np.allclose(found[:, 0], rows.sum(axis=1), rtol=0, atol=300 * EPS * np.abs(rows).sum())
    # 300 roundings at most of what is added up: the table's values and the center.
    assert (
        np.abs(found[:, 1:] - truth) <= 1e-12 * (np.abs(rows) @ ((np.abs(x) + np.abs(design.center)) / design.scale))
    ).all()


@layouts
@pytest.mark.parametrize("ratio", [1e2, 1e9])
def test_columns_far_from_zero_keep_their_digits(layout, ratio):
    rng = np.random.default_rng(6)
    X = sparse_values(rng, 300, 40)
    far = np.array([0, 5, 39])
    X[:, far] = ratio + rng.integers(-2, 3, (300, 3)) / 4
    table = layout(X)
    x = as_dense(table)
    center, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 0.5)
    design = Design(0, np.arange(40), center, scale, np.arange(40), 40)
    rows = rng.normal(size=(3, 300))
    scaled = ((x - center) / scale).astype(np.longdouble)
    found = gradient_of_all(rows, table, design)[:, 1:]
    # Less far than FAR they lose as many digits as they are far: 2 of 14.
    assert (np.abs(found - rows @ scaled) <= 1e-12 * (np.abs(rows) @ np.abs(scaled))).all()


def test_a_memory_map_is_read_as_an_array(tmp_path):
    rng = np.random.default_rng(7)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=(30, 8))
    X[:] = rng.normal(size=(30, 8))
    design, rows = design_of(rng, np.arange(8), 8), rng.normal(size=(2, 30))
    found = gradient_of_all(rows, X, design)
    assert type(found) is np.ndarray and np.array_equal(found, gradient_of_all(rows, np.array(X), design))


@pytest.mark.parametrize("name", ["C", "F", "float32", "F float32", "strided", "upside down", "csr"])
def test_the_gradient_copies_little_of_a_wide_table(name):
    rng = np.random.default_rng(8)
    if name == "csr":
        table = sparse.random_array((500, P), density=0.01, format="csr", rng=rng)
    elif name == "strided":
        table = rng.normal(size=(1000, P))[::2, ::-1]
    else:
        table = LAYOUTS[name](rng.normal(size=(500, P)))
    rows, design = rng.normal(size=(4, 500)), design_of(rng, np.delete(np.arange(P), 77), P)
    # Four arrays of the size of the result, 0.3 MB, and a block; the table is 40 MB.
    assert peak_of(lambda: gradient_of_all(rows, table, design)) < 4e6
    far = design._replace(center=design.center + 1e5)
    assert peak_of(lambda: gradient_of_all(rows, table, far)) < 6e6


# -- narrow tables ------------------------------------------------------------------------------------------------


def same_design(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@layouts
@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_narrow_tables_give_the_same_blocks(layout, many):
    rng = np.random.default_rng(9)
    n, p = 60, 40
    table = layout(sparse_values(rng, n, p))
    pairs = np.sort(rng.normal(size=(2, n, 2)), axis=2)
    source = ArraySource(
        (table,), rng.normal(size=n), np.arange(n) % 3.0, 25, rng.normal(size=n), rng.random(n) + 1, pairs[0], pairs[1]
    )
    kept = np.delete(np.arange(p), [0, 9])
    wide_gate, wide_expert = (
        design_of(rng, kept, p)._replace(kept=kept),
        design_of(rng, np.arange(p), p),
    )
    chosen = [np.array([1, 5, 20]), np.array([3, 5]) if not many else np.arange(p)[::-1]]
    narrow, (gate, expert) = narrowed(source, [wide_gate, wide_expert], chosen)
    assert narrow.chunk_rows == 25 and narrow.n_rows == n
    assert all(x is y for x, y in zip(narrow.all[1:], source.all[1:], strict=True))
    (found,) = narrow.tables
    if many and not sparse.issparse(table):
        assert found is table
    else:
        union = np.union1d(kept[chosen[0]], chosen[1])
        assert found.flags.c_contiguous and found.dtype == table.dtype and found.shape == (n, len(union))
        assert np.array_equal(found, as_dense(table)[:, union].astype(found.dtype))
    wanted = [
        design._replace(columns=d.columns[c], center=d.center[c], scale=d.scale[c], kept=d.kept[c])
        for design, d, c in zip((wide_gate, wide_expert), (wide_gate, wide_expert), chosen, strict=True)
    ]
    old, new = (RowBlock(*designs, RESPONSE, 25) for designs in (wanted, (gate, expert)))
    for tasks in zip(source.tasks(), narrow.tasks(), strict=True):
        for a, b in zip(*tasks, strict=True):
            old.load(a), new.load(b)
            for name in ("gate_columns", "expert_columns", "y", "weight", "offset", "exposure", "bounds", "window"):
                assert np.array_equal(getattr(old, name), getattr(new, name)), name


def test_coefficients_of_columns_that_were_not_chosen_are_zero():
    rng = np.random.default_rng(10)
    design = design_of(rng, np.arange(1, 9), 10)._replace(kept=np.arange(1, 9))
    source = ArraySource((rng.normal(size=(20, 10)),), np.zeros(20))
    chosen = np.array([0, 6])
    _, (narrow, _) = narrowed(source, [design, design], [chosen, np.array([2])])
    raw = narrow.to_raw(np.array([[0.5, 2.0, 3.0]]))
    coef = np.zeros((1, 9))
    coef[0, [0, 1, 7]] = 0.5, 2.0, 3.0
    assert np.array_equal(np.flatnonzero(raw[0, 1:]), [1, 7])
    assert np.allclose(raw, design.to_raw(coef), rtol=4 * EPS, atol=0)


@layouts
def test_equal_choices_are_read_once(layout):
    rng = np.random.default_rng(11)
    table = layout(sparse_values(rng, 30, 40))
    design = design_of(rng, np.arange(40), 40)
    for chosen in (np.array([2, 3, 11]), np.arange(0, 40, 2), np.array([], dtype=int)):
        source, (gate, expert) = narrowed(
            ArraySource((table,), np.zeros(30)), [design, design], [chosen, chosen.copy()]
        )
        assert same_design(gate, expert) and len(source.tables) == 1
        block = RowBlock(gate, expert, RESPONSE, 30).load(source.all)
        assert block.gate_columns is block.expert_columns and block.gate_columns.shape == (1 + len(chosen), 30)


def test_two_tables_stay_two():
    rng = np.random.default_rng(12)
    tables = tuple(rng.normal(size=(30, p)) for p in (4, 20, 3))
    gate, expert = design_of(rng, np.arange(3), 3, table=2), design_of(rng, np.arange(20), 20, table=1)
    source, (a, b) = narrowed(ArraySource(tables, np.zeros(30)), [gate, expert], [np.array([0, 2]), np.array([7])])
    assert source.tables[a.table] is tables[2] and a.columns.tolist() == [0, 2]
    assert np.array_equal(source.tables[b.table][:, b.columns], tables[1][:, [7]]) and len(source.tables) == 2


def test_narrow_tables_are_made_without_a_copy_of_the_wide_one():
    rng = np.random.default_rng(13)
    design, chosen = design_of(rng, np.arange(P), P), np.arange(0, P, 100)
    for table in (
        rng.normal(size=(500, P)),
        np.asfortranarray(rng.normal(size=(500, P))),
        sparse.random_array((20_000, P), density=0.005, format="csr", rng=rng),
    ):
        source = ArraySource((table,), np.zeros(table.shape[0]))
        result = 8 * table.shape[0] * len(chosen)
        # Beside the result: one chunk of it, and what SciPy needs to choose columns, a few numbers for each of them.
        assert peak_of(lambda s=source: narrowed(s, [design, design], [chosen, chosen])) < 2 * result + 2e6
