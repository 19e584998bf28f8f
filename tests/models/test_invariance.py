"""What must not matter: units, memory layout, precision of storage, threads, where the rows come from."""

import numpy as np
import pytest

from classicmoe import Batches, MoERegressor
from classicmoe.exceptions import DataError
from classicmoe.experts import GaussianExpert
from classicmoe.gates import GaussianGate, SoftmaxGate
from tests.cases import CASES, CROSS, gaussian_only, over, two_lines, two_regimes

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]


GATE = ("gate_coef_", "gate_intercept_", "gate_weights_", "gate_means_", "gate_covariances_")
EXPERTS = ("expert_coef_", "expert_intercept_", "expert_scale_")


def fitted_bytes(model):
    """Every fitted array and number as bytes, start by start; only times may differ."""
    found = {}
    for name, value in vars(model).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            found[name] = value.tobytes()
        elif isinstance(value, float):
            found[name] = np.float64(value).tobytes()
    for start in model.starts_:
        found[f"start {start['start']}"] = repr({key: value for key, value in start.items() if key != "seconds"})
    assert {"expert_coef_", "expert_covariances_", "objective_path_", "log_likelihood_"} <= found.keys()
    assert {"gate_coef_", "gate_means_"} & found.keys()
    return found


# -- units --------------------------------------------------------------------------------------------------------


@over(gaussian_only(CROSS))
def test_affine_changes_of_x_and_y(case):
    X, y = case.simulate(200, 2)
    shift, factor = np.array([300.0, -5.0]), np.array([0.01, 40.0])
    moved = X * factor + shift
    a = case.estimator(n_init=4, tol=1e-12).fit(X, y)
    b = case.estimator(n_init=4, tol=1e-12).fit(moved, 30.0 * y + 7.0)
    q = 1 if y.ndim == 1 else y.shape[1]
    shift_of_y = -200 * q * np.log(30.0)
    assert b.log_likelihood_ == pytest.approx(a.log_likelihood_ + shift_of_y, rel=1e-8)
    # A gate that models x loses the log of every column's factor as well; standardised columns are the same.
    shift_of_x = -200 * np.log(factor).sum() if case.gate.name == "gaussian" else 0.0
    assert b.objective_ - a.objective_ == pytest.approx(shift_of_x + shift_of_y, rel=1e-8)
    assert b.criterion_log_likelihood_ == pytest.approx(a.criterion_log_likelihood_ + shift_of_x + shift_of_y, rel=1e-8)
    close = {"rtol": 1e-4, "atol": 1e-4}
    assert np.allclose(b.expert_coef_, 30.0 * a.expert_coef_ / factor, **close)
    expected = 7.0 + 30.0 * (a.expert_intercept_ - a.expert_coef_ @ (shift / factor))
    assert np.allclose(b.expert_intercept_, expected, rtol=1e-4, atol=1e-2)
    assert np.allclose(b.expert_scale_, 30.0 * a.expert_scale_, **close)
    if case.gate.name == "softmax":
        assert np.allclose(b.gate_coef_, a.gate_coef_ / factor, **close)
        assert np.allclose(b.gate_intercept_, a.gate_intercept_ - a.gate_coef_ @ (shift / factor), rtol=1e-3, atol=1e-3)
    if case.gate.name == "gaussian":
        assert np.allclose(b.gate_weights_, a.gate_weights_, **close)
        assert np.allclose((b.gate_means_ - shift) / factor, a.gate_means_, **close)
        assert np.allclose(b.gate_covariances_ / np.outer(factor, factor), a.gate_covariances_, **close)
    assert np.allclose(b.predict(moved), 30.0 * a.predict(X) + 7.0, rtol=1e-4, atol=1e-3)
    assert np.allclose(b.predict_gate(moved), a.predict_gate(X), atol=1e-4)


@pytest.mark.parametrize("scale", ("own", "shared"))
def test_a_full_gaussian_gate_does_not_mind_a_change_of_basis(scale):
    X, y = two_regimes(200)
    basis = np.array([[2.0, -1.0], [0.5, 3.0]])
    init = np.eye(2)[(X[:, 0] > 0.0).astype(int)] * 0.8 + 0.1
    a, b = (
        MoERegressor(2, GaussianGate("full", scale), init=init, tol=1e-12).fit(columns, y)
        for columns in (X, X @ basis.T + 7.0)
    )
    lost = 200 * np.log(abs(np.linalg.det(basis)))
    assert b.joint_log_likelihood_ == pytest.approx(a.joint_log_likelihood_ - lost, rel=1e-10)
    assert b.log_likelihood_ == pytest.approx(a.log_likelihood_, rel=1e-8)
    assert np.allclose(b.gate_means_, a.gate_means_ @ basis.T + 7.0, rtol=1e-6)
    assert np.allclose(b.gate_covariances_, basis @ a.gate_covariances_ @ basis.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("covariance", ("full", "diag"))
def test_outputs_may_be_in_different_units(covariance):
    X, Y = CASES["softmax / gaussian 2 full"].simulate(200, 2)
    factor = np.array([1e-3, 500.0])
    fits = [
        MoERegressor(2, expert=GaussianExpert(covariance=covariance), n_init=4, random_state=0, tol=1e-12).fit(X, Z)
        for Z in (Y, Y * factor)
    ]
    assert fits[1].log_likelihood_ == pytest.approx(fits[0].log_likelihood_ - 200 * np.log(factor).sum(), rel=1e-8)
    assert np.allclose(fits[1].expert_scale_, fits[0].expert_scale_ * factor, rtol=1e-4)


def test_spherical_experts_are_spherical_in_the_users_units():
    X, Y = CASES["softmax / gaussian 2 full"].simulate(200, 2)
    m = MoERegressor(2, expert=GaussianExpert(covariance="spherical"), n_init=4, random_state=0).fit(X, Y * [1.0, 20.0])
    diagonal = m.expert_covariances_[:, 0, 0]
    assert np.allclose(m.expert_covariances_, diagonal[:, None, None] * np.eye(2), rtol=1e-12)


def test_huge_offsets_and_years_cost_nothing():
    X, y = two_regimes(200)
    a = MoERegressor(2, n_init=4, random_state=0, tol=1e-12).fit(X, y)
    exact = np.round(X * 2.0**20) / 2.0**20  # so that adding 10^7 is exact
    b = MoERegressor(2, n_init=4, random_state=0, tol=1e-12).fit(exact + 1e7, y)
    assert b.log_likelihood_ == pytest.approx(a.log_likelihood_, rel=1e-5)
    c = MoERegressor(2, n_init=4, random_state=0, tol=1e-12).fit(exact, y)
    assert b.log_likelihood_ == pytest.approx(c.log_likelihood_, rel=1e-9)
    assert np.allclose(b.predict(exact + 1e7), c.predict(exact), atol=1e-6)


# -- storage ------------------------------------------------------------------------------------------------------


def layouts(X, y, folder):
    """The same numbers in other memory."""
    wide, long = np.zeros((2 * len(X), 2 * X.shape[1])), np.zeros((3 * len(y), *y.shape[1:]))
    wide[::2, ::2], long[::3] = X, y
    read_only = X.copy()
    read_only.flags.writeable = False
    mapped = np.lib.format.open_memmap(folder / "x.npy", "w+", X.dtype, X.shape)
    mapped[:] = X
    mapped.flush()
    return {
        "Fortran": (np.asfortranarray(X), np.asfortranarray(y)),
        "strided": (wide[::2, ::2], long[::3]),
        "reversed": (np.ascontiguousarray(X[::-1])[::-1], y[::-1].copy()[::-1]),
        "read-only": (read_only, y),
        "memory map": (np.load(folder / "x.npy", mmap_mode="r"), y),
        "list": (X.tolist(), y.tolist()),
        "big-endian": (X.astype(">f8"), y.astype(">f8")),
    }


@pytest.mark.parametrize(
    "case", ("softmax / gaussian", "constant / gaussian", "softmax / gaussian 2 full", "gaussian / gaussian")
)
def test_memory_layout_changes_no_byte(case, tmp_path):
    X, y = CASES[case].simulate(150, 0)
    settings = {"n_init": 2, "expert_features": [0], "max_iter": 30}
    expected = CASES[case].estimator(**settings).fit(X, y)
    for name, (X_again, y_again) in layouts(X, y, tmp_path).items():
        model = CASES[case].estimator(**settings).fit(X_again, y_again)
        assert fitted_bytes(model) == fitted_bytes(expected), name
        assert model.predict(X_again).tobytes() == expected.predict(X).tobytes(), name


def test_float32_is_the_float64_fit_of_the_same_numbers():
    X, y = two_regimes(200)
    short = X.astype(np.float32)
    a = MoERegressor(2, n_init=3, random_state=0).fit(short, y)
    b = MoERegressor(2, n_init=3, random_state=0).fit(short.astype(np.float64), y)
    assert fitted_bytes(a) == fitted_bytes(b)
    assert a.predict(short).tobytes() == b.predict(short.astype(np.float64)).tobytes()
    c = MoERegressor(2, n_init=3, random_state=0).fit(X, y.astype(np.float32))
    d = MoERegressor(2, n_init=3, random_state=0).fit(X, y)
    assert c.log_likelihood_ == pytest.approx(d.log_likelihood_, rel=1e-5)
    assert a.expert_coef_.dtype == np.float64


def test_integers_and_booleans_are_numbers():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 5, (100, 2)), rng.integers(0, 30, 100)
    fits = [MoERegressor(1).fit(A, b) for A, b in ((X, y), (X.astype(float), y.astype(float)), (X.astype(np.uint8), y))]
    assert len({fit.expert_coef_.tobytes() for fit in fits}) == 1
    flags = rng.random((100, 2)) < 0.5
    assert MoERegressor(1).fit(flags, y).expert_coef_ == pytest.approx(
        MoERegressor(1).fit(flags.astype(float), y).expert_coef_
    )


# -- threads and sources ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", (300, 40_000))
@pytest.mark.parametrize("case", ("softmax / gaussian", "constant / gaussian 2 full", "gaussian / gaussian"))
def test_the_number_of_threads_changes_no_byte(case, n):
    # Small tables share the starts among threads, large ones the chunks.
    X, y = CASES[case].simulate(n, 0)
    settings = {"n_init": 6 if n < 1000 else 2, "max_iter": 30}
    fits = [CASES[case].estimator(n_jobs=n_jobs, **settings).fit(X, y) for n_jobs in (1, 2, None)]
    assert fitted_bytes(fits[0]) == fitted_bytes(fits[1]) == fitted_bytes(fits[2])


def test_short_runs_and_threads_change_no_byte():
    X, y = two_lines(400)
    fits = [MoERegressor(3, n_init=6, n_refine=2, random_state=0, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2)]
    assert fitted_bytes(fits[0]) == fitted_bytes(fits[1])


def test_a_random_state_decides_everything():
    X, y = two_regimes(150)
    fits = [
        MoERegressor(3, n_init=4, random_state=seed).fit(X, y) for seed in (7, np.int64(7), np.random.RandomState(3))
    ]
    assert fitted_bytes(fits[0]) == fitted_bytes(fits[1])
    again = MoERegressor(3, n_init=4, random_state=np.random.RandomState(3)).fit(X, y)
    assert fitted_bytes(fits[2]) == fitted_bytes(again)
    assert [start["seed"] for start in fits[0].starts_] != [start["seed"] for start in fits[2].starts_]


def test_numpys_global_state_is_neither_used_nor_touched():
    X, y = two_regimes(100)
    state = np.random.mtrand._rand
    before = state.get_state()[1].tobytes()
    a = MoERegressor(2, n_init=3, random_state=0).fit(X, y)
    assert state.get_state()[1].tobytes() == before
    state.random_sample(5)
    assert fitted_bytes(a) == fitted_bytes(MoERegressor(2, n_init=3, random_state=0).fit(X, y))


class Parts:
    """Batches of odd sizes that can be read again."""

    def __init__(self, *columns, sizes):
        self.columns, self.sizes = columns, sizes

    def __iter__(self):
        start, turn = 0, 0
        while start < len(self.columns[0]):
            stop = start + self.sizes[turn % len(self.sizes)]
            yield tuple(column[start:stop] for column in self.columns)
            start, turn = stop, turn + 1


@pytest.mark.parametrize("n", (500, 20_000))
@pytest.mark.parametrize(("gate", "weighted"), (("softmax", False), ("softmax", True), ("gaussian", True)))
def test_arrays_memory_maps_and_batches_give_one_fit(n, gate, weighted, tmp_path):
    X, y = two_regimes(n)
    np.save(tmp_path / "x.npy", X)
    weight = np.random.default_rng(0).integers(0, 3, n).astype(float) if weighted else None
    settings = {"gate": gate, "n_init": 2, "random_state": 0, "max_iter": 60 if n < 1000 else 20}
    array = MoERegressor(2, **settings).fit(X, y, weight)
    mapped = MoERegressor(2, **settings).fit(np.load(tmp_path / "x.npy", mmap_mode="r"), y, weight)
    assert fitted_bytes(array) == fitted_bytes(mapped)
    names = [name for name in (*GATE, *EXPERTS) if hasattr(array, name)]
    assert len(names) == (6 if gate == "gaussian" else 5)
    columns = (X, y) if weight is None else (X, y, weight)
    parts = Parts(*columns, sizes=(101, 1, 37) if n < 1000 else (9001, 17, 4000))
    for source in (Batches(parts), Batches(lambda: iter(parts))):
        streamed = MoERegressor(2, **settings).fit(source)
        for name in names:
            assert np.allclose(getattr(streamed, name), getattr(array, name), rtol=1e-10, atol=1e-10), name
        assert streamed.log_likelihood_ == pytest.approx(array.log_likelihood_, rel=1e-12)
        assert np.allclose(streamed.predict(X), array.predict(X), rtol=1e-9, atol=1e-9)


def test_a_generator_is_refused():
    X, y = two_regimes(50)
    with pytest.raises(DataError, match="only once"):
        MoERegressor(2).fit(Batches((X[i : i + 10], y[i : i + 10]) for i in range(0, 50, 10)))


def test_the_gauge_of_the_gate_is_the_last_expert_or_symmetric_when_penalised():
    X, y = two_regimes(150)
    plain = MoERegressor(3, n_init=2, random_state=0).fit(X, y)
    assert plain.gate_intercept_[-1] == 0.0 and (plain.gate_coef_[-1] == 0.0).all()
    ridge = MoERegressor(3, SoftmaxGate(ridge=1.0), n_init=2, random_state=0).fit(X, y)
    assert np.abs(ridge.gate_coef_.sum(axis=0)).max() < 1e-12
