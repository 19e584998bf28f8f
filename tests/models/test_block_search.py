"""Block-diagonal noise: exact equalities at both ends of the path, the search, what it keeps and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import hadamard
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score

from classicmoe import GaussianGatedMoERegressor, load
from classicmoe.exceptions import NoBlocksWarning
from classicmoe.models import block_search, gaussian_fit
from classicmoe.models.partitions import block_sizes, canonical

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::classicmoe.exceptions.{name}")
    for name in ("NotReplicatedWarning", "SuspectSolutionWarning", "DegenerateComponentWarning", "NotConvergedWarning")
]


def design(seed, n, d=50, size=5, q=1, apart=2.0):
    """Two experts with blocks of their own (within-block correlation +-0.7): X, y, labels (2, d), and a test set."""
    rng = np.random.default_rng(seed)
    slope, intercept = 0.5 * apart * rng.normal(size=(2, d, q)), 0.5 * apart * rng.normal(size=(2, d))
    labels = np.stack([rng.permutation(np.repeat(np.arange(d // size), size)) for _ in range(2)])
    sign = rng.choice([-1.0, 1.0], (2, d))
    within = labels[:, :, None] == labels[:, None, :]
    noise = np.where(within, 0.7 * sign[:, :, None] * sign[:, None, :], 0.0)
    noise[:, np.arange(d), np.arange(d)] = 1.0

    def draw(n):
        which = rng.integers(2, size=n)
        y = rng.normal(size=(n, q)) + np.where(which, apart, -apart)[:, None]
        e = np.einsum("nde,ne->nd", np.linalg.cholesky(noise)[which], rng.normal(size=(n, d)))
        return np.einsum("ndq,nq->nd", slope[which], y) + intercept[which] + e, y[:, 0] if q == 1 else y

    return (*draw(n), labels, *draw(1000))


def by_sign(y):
    y = y if y.ndim == 1 else y[:, 0]
    return np.where(y[:, None] < 0.0, [0.95, 0.05], [0.05, 0.95])


def fit(X, y, blocks=None, noise="block", **settings):
    return GaussianGatedMoERegressor(2, noise, blocks=blocks, init=by_sign(y), **settings).fit(X, y)


def same_partition(a, b):
    return np.array_equal(canonical(a), canonical(b))


# ---------------------------------------------------------------- both ends, and any partition


@pytest.mark.parametrize("q", (1, 2))
def test_single_columns_are_diag_and_one_block_is_full(seed, q):
    X, y, *_ = design(seed, 150, d=8, size=4, q=q)
    for blocks, noise in ((list(range(8)), "diag"), ([0] * 8, "full")):
        ours, theirs = fit(X, y, blocks), fit(X, y, noise=noise)
        assert ours.n_parameters_ == theirs.n_parameters_
        assert_allclose(ours.joint_log_likelihood_, theirs.joint_log_likelihood_, rtol=1e-11)
        assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("q", (1, 2))
def test_degrees_of_freedom(seed, q):
    X, y, labels, *_ = design(seed, 200, d=10, size=5, q=q)
    m = fit(X, y)
    k, d = 2, 10

    def formula(partition):
        sizes = [block_sizes(row) for row in partition]
        return k - 1 + k * (d * q + d + q + q * (q + 1) // 2) + sum(int((s * (s + 1) // 2).sum()) for s in sizes)

    assert m.n_parameters_ == formula(m.block_labels_)
    assert fit(X, y, labels.tolist()).n_parameters_ == formula(labels)
    path = m.block_path_
    assert path[0]["df"] == formula([np.arange(d)] * k) and path[0]["n_blocks"] == [d, d]
    assert path[-1]["n_blocks"] == [1, 1] and path[-1]["df"] - path[0]["df"] == k * d * (d - 1) // 2
    assert (np.diff([row["df"] for row in path]) > 0).all()


def test_covariances_are_zero_off_the_blocks_and_the_path_never_falls(seed):
    X, y, labels, *_ = design(seed, 200, d=10, apart=0.5)  # experts that overlap, so that EM has a way to go
    for m in (fit(X, y), fit(X, y, labels.tolist()), fit(X, y, labels.tolist(), acceleration="none")):
        off = m.block_labels_[:, :, None] != m.block_labels_[:, None, :]
        assert off.any() or m.blocks is None
        assert (m.noise_covariances_[off] == 0.0).all() and (m.noise_covariances_[~off] != 0.0).all()
        path = m.objective_path_
        assert len(path) > 5 and (np.diff(path) >= -1e-12 * (1.0 + np.abs(path[1:]))).all()
    searched = fit(X, y)
    heights = np.array([row["log_likelihood"] for row in searched.block_path_ if row["log_likelihood"] is not None])
    # A fit begins at its sparser neighbour's maximum.
    assert len(heights) > 5 and (np.diff(heights) >= -1e-12 * np.abs(heights[1:])).all()


@pytest.mark.parametrize("q", (1, 2))
def test_every_answer_is_that_of_the_dense_joint_law(seed, q):
    X, y, labels, *_ = design(seed, 120, d=10, q=q)
    m = fit(X, y, labels.tolist())
    Y = y.reshape(-1, q)
    log_joint, log_x, means = [], [], []
    for k in range(2):
        A, G, S = m.inverse_coef_[k], m.response_covariances_[k], m.noise_covariances_[k]
        center = A @ m.response_means_[k] + m.inverse_intercept_[k]
        V = S + A @ G @ A.T
        whole = np.block([[V, A @ G], [G @ A.T, G]])
        log_weight = np.log(m.gate_weights_[k])
        mean = np.append(center, m.response_means_[k])
        log_joint.append(log_weight + multivariate_normal(mean, whole).logpdf(np.hstack([X, Y])))
        log_x.append(log_weight + multivariate_normal(center, V).logpdf(X))
        means.append(m.response_means_[k] + (X - center) @ np.linalg.solve(V, A @ G))
    gate = np.exp(log_x - logsumexp(log_x, axis=0))
    assert_allclose(m.joint_score_samples(X, y), logsumexp(log_joint, axis=0), rtol=1e-9)
    assert_allclose(m.predict_gate(X).T, gate, rtol=1e-7, atol=1e-12)
    assert_allclose(m.predict(X).reshape(-1, q), np.einsum("kn,knq->nq", gate, means), rtol=1e-7, atol=1e-9)
    assert_allclose(m.score_samples(X, y), logsumexp(log_joint, axis=0) - logsumexp(log_x, axis=0), atol=1e-8)


# ---------------------------------------------------------------- the search


def test_the_order_of_columns_and_their_units_do_not_matter(seed):
    X, y, *_ = design(seed, 200, d=15)
    rng = np.random.default_rng(seed)
    order, unit = rng.permutation(15), np.exp(rng.normal(size=15))
    m, moved, scaled = fit(X, y), fit(X[:, order], y), fit(X * unit, y)
    for k in range(2):
        assert same_partition(moved.block_labels_[k], m.block_labels_[k][order])
        assert same_partition(scaled.block_labels_[k], m.block_labels_[k])
    assert_allclose(moved.joint_log_likelihood_, m.joint_log_likelihood_, rtol=1e-10)
    shifted = m.joint_log_likelihood_ - len(y) * np.log(unit).sum()
    assert_allclose(scaled.joint_log_likelihood_, shifted, rtol=1e-10)
    assert_allclose(moved.predict(X[:, order]), m.predict(X), rtol=1e-6, atol=1e-8)
    assert_allclose(scaled.predict(X * unit), m.predict(X), rtol=1e-6, atol=1e-8)
    names = {frozenset(block) for block in m.blocks_[0]}
    assert names == {frozenset(f"x{order[int(n[1:])]}" for n in block) for block in moved.blocks_[0]}


def test_a_weight_counts_copies_and_threads_change_nothing(seed):
    X, y, *_ = design(seed, 150, d=10)
    weight = np.random.default_rng(seed).integers(0, 4, 150)
    copies = np.repeat(np.arange(150), weight)
    m = GaussianGatedMoERegressor(2, "block", init=by_sign(y)).fit(X, y, weight)
    copied = fit(X[copies], y[copies])
    for one, other in zip(m.block_path_, copied.block_path_, strict=True):
        for name in ("partition", "n_blocks", "largest_block", "df", "valid", "chosen"):
            assert one[name] == other[name]
        assert_allclose(one["bic"], other["bic"], rtol=1e-9)
    assert_array_equal(m.block_labels_, copied.block_labels_)
    threads = GaussianGatedMoERegressor(2, "block", init=by_sign(y), n_jobs=2).fit(X, y, weight)
    assert threads.block_path_ == m.block_path_


def test_the_residual_covariance_is_the_weighted_one(seed):
    X, y, *_ = design(seed, 150, d=6, size=3, apart=0.5)
    weight = np.random.default_rng(seed).uniform(0.5, 1.5, 150)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        original = block_search.residual_covariances
        patch.setattr(block_search, "residual_covariances", lambda *a: seen.append(original(*a)) or seen[-1])
        GaussianGatedMoERegressor(2, "block", init=by_sign(y)).fit(X, y, weight)
    diagonal = GaussianGatedMoERegressor(2, "diag", init=by_sign(y)).fit(X, y, weight)
    (covariances, mass), resp = seen[0], weight[:, None] * diagonal.responsibilities(X, y)
    assert_allclose(mass, resp.sum(axis=0), rtol=1e-9)
    for k in range(2):
        e = X - y[:, None] * diagonal.inverse_coef_[k, :, 0] - diagonal.inverse_intercept_[k]
        assert_allclose(covariances[k], (resp[:, k, None] * e).T @ e / resp[:, k].sum(), rtol=1e-8, atol=1e-10)


def test_one_gaussian_with_three_blocks(seed):
    # y says nothing about x; alternating signs, so that only absolute correlations can find the blocks
    rng = np.random.default_rng(seed)
    j = np.arange(12)
    truth = j // 4
    noise = 0.6 ** np.abs(np.subtract.outer(j, j)) * (-1.0) ** np.add.outer(j, j) * np.equal.outer(truth, truth)
    X = rng.normal(size=(400, 12)) @ np.linalg.cholesky(noise).T
    m = GaussianGatedMoERegressor(1, "block").fit(X, rng.normal(size=400))
    assert same_partition(m.block_labels_[0], truth)
    assert [row["n_blocks"] for row in m.block_path_] == [[j] for j in range(12, 0, -1)]
    assert [len(block) for block in m.blocks_[0]] == [4, 4, 4]


def test_two_experts_with_ten_blocks_each():
    X, y, labels, X_new, y_new = design(0, 200)
    m, diagonal = fit(X, y), fit(X, y, noise="diag")
    at = np.argsort(m.response_means_[:, 0])  # the expert of negative y first
    for k in range(2):
        assert adjusted_rand_score(labels[k], m.block_labels_[at[k]]) > 0.95
    error, plain = (np.sqrt(np.mean((one.predict(X_new) - y_new) ** 2)) for one in (m, diagonal))
    assert error < 0.8 * plain
    chosen = [row for row in m.block_path_ if row["chosen"]]
    assert len(chosen) == 1 and chosen[0]["bic"] == min(row["bic"] for row in m.block_path_ if row["valid"])
    assert chosen[0]["log_likelihood"] == m.joint_log_likelihood_ and chosen[0]["df"] == m.n_parameters_
    assert chosen[0]["n_blocks"] == [len(blocks) for blocks in m.blocks_]
    assert_allclose(chosen[0]["bic"], m.bic(X, y), rtol=1e-10)
    assert [start["kind"] for start in m.starts_] == ["given", "blocks"]


@pytest.mark.parametrize(("n", "d"), ((20, 12), (14, 30)))
def test_blocks_of_more_columns_than_rows_are_ruled_out(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, d))  # one strong common cause: BIC would take all
    m = GaussianGatedMoERegressor(1, "block").fit(X, X[:, 0] + rng.normal(size=n))
    room = n - 3
    for row in m.block_path_:
        assert row["valid"] == (row["largest_block"] <= room) == (row["log_likelihood"] is not None)
    assert any(not row["valid"] for row in m.block_path_) == (d > room)
    assert max(block_sizes(m.block_labels_[0])) <= room
    assert np.isfinite(m.predict(X)).all()


def test_experts_that_change_places_between_fits_keep_their_blocks(seed, monkeypatch):
    X, y, *_ = design(seed, 200, d=10)
    plain = fit(X, y)
    keys, calls = gaussian_fit._sort_keys, []

    def other_way_round(*args):
        calls.append(1)
        return keys(*args) * (-1.0) ** len(calls)

    monkeypatch.setattr(gaussian_fit, "_sort_keys", other_way_round)
    turned = fit(X, y)
    assert len(calls) > 5
    assert_allclose(
        [row["log_likelihood"] for row in turned.block_path_ if row["valid"]],
        [row["log_likelihood"] for row in plain.block_path_ if row["valid"]],
        rtol=1e-10,
    )
    back = (
        [0, 1]
        if (turned.response_means_[0] > turned.response_means_[1])
        == (plain.response_means_[0] > plain.response_means_[1])
        else [1, 0]
    )
    for k in range(2):
        assert same_partition(turned.block_labels_[back[k]], plain.block_labels_[k])


def test_a_long_path_is_thinned_and_filled_in_around_the_best(seed, monkeypatch):
    X, y, *_ = design(seed, 200, d=20)
    full = fit(X, y)
    monkeypatch.setattr(block_search, "MOST", 5)
    thin = fit(X, y)
    numbers = [row["partition"] for row in thin.block_path_]
    assert len(full.block_path_) == 20 > len(numbers) and {0, 19} <= set(numbers) and numbers == sorted(numbers)
    best = next(row["partition"] for row in thin.block_path_ if row["chosen"])
    assert {best - 1, best + 1} & set(range(20)) <= set(numbers)
    assert best == next(row["partition"] for row in full.block_path_ if row["chosen"])


# ---------------------------------------------------------------- what stops a search, and what is kept


def test_interrupt_keeps_the_best_so_far(seed, monkeypatch):
    X, y, *_ = design(seed, 200, d=20)
    original, calls = gaussian_fit.fit_structure, []

    def impatient(*args):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(gaussian_fit, "fit_structure", impatient)
    m = GaussianGatedMoERegressor(2, "block", init=by_sign(y))
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, y)
    assert len(m.block_path_) == 5 and [row["chosen"] for row in m.block_path_] == [False] * 4 + [True]
    assert m.n_parameters_ == m.block_path_[4]["df"] and np.isfinite(m.predict(X)).all()


def test_interrupt_of_the_diagonal_fit_keeps_it(seed, monkeypatch):
    X, y, *_ = design(seed, 200, d=10)
    original = gaussian_fit.fit_structure

    def interrupted(*args):
        fitted = original(*args)
        short = block_search.replace(fitted.result.fit, interrupted=True)
        return fitted._replace(result=fitted.result._replace(fit=short))

    monkeypatch.setattr(gaussian_fit, "fit_structure", interrupted)
    m = GaussianGatedMoERegressor(2, "block", init=by_sign(y))
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, y)
    monkeypatch.undo()
    assert [row["n_blocks"] for row in m.block_path_] == [[10, 10]]
    assert m.joint_log_likelihood_ == fit(X, y, noise="diag").joint_log_likelihood_


def test_files_order_and_continuation(seed, tmp_path):
    X, y, labels, *_ = design(seed, 200, d=10)
    for m in (fit(X, y), fit(X, y, labels)):  # labels as an array
        m.save(tmp_path / "m.cmoe")
        again = load(tmp_path / "m.cmoe")
        assert hasattr(again, "block_path_") == (m.blocks is None)
        assert getattr(again, "block_path_", None) == getattr(m, "block_path_", None)
        assert again.blocks_ == m.blocks_ and again.predict(X).tobytes() == m.predict(X).tobytes()
        assert_array_equal(again.block_labels_, m.block_labels_)
        again.save(tmp_path / "again.cmoe")
        assert (tmp_path / "again.cmoe").read_bytes() == (tmp_path / "m.cmoe").read_bytes()
    m = fit(X, y)
    m.block_path_[0]["n_blocks"] = [3, 4]
    before = m.predict(X)
    blocks = m.blocks_
    m.relabel([1, 0])
    assert m.block_path_[0]["n_blocks"] == [4, 3] and m.blocks_ == blocks[::-1]
    assert_allclose(m.predict(X), before, rtol=1e-12)
    continued = fit(X, y, warm_start=True)
    first = continued.joint_log_likelihood_
    continued.fit(X, y)
    assert_allclose(continued.joint_log_likelihood_, first, rtol=1e-9)
    continued.set_params(noise_covariance="diag", warm_start=False).fit(X, y)
    assert not hasattr(continued, "block_path_") and not hasattr(continued, "block_labels_")


def test_a_fixed_partition_after_a_search_leaves_no_path(seed):
    X, y, labels, *_ = design(seed, 200, d=10)
    m = fit(X, y)
    assert not hasattr(m.set_params(blocks=labels.tolist()).fit(X, y), "block_path_")


def test_nothing_to_choose_from():
    H = hadamard(8).astype(float)
    rng = np.random.default_rng(0)
    few = rng.normal(size=(5, 3))
    for X, y, why in (
        (rng.normal(size=(50, 1)), rng.normal(size=50), "one column has no blocks"),
        (few, few[:, 0] + rng.normal(size=5), None),
        (H[:, 1:5], H[:, 5], "not correlated at all"),
        (few[:4], rng.normal(size=4), "more columns than its expert has rows"),
    ):
        model = GaussianGatedMoERegressor(1, "block")
        if why is None:  # room for two columns
            assert len(model.fit(X, y).block_path_) == 3
            continue
        with pytest.warns(NoBlocksWarning, match=why):
            model.fit(X, y)
        assert [row["chosen"] for row in model.block_path_ if row["valid"]] == [True]
        assert all(len(block) == 1 for block in model.blocks_[0])
