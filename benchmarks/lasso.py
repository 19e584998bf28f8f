"""Lasso mixtures: many columns, many rows, one start at given penalties, and a warm path against fits from scratch."""

import time
import warnings

import numpy as np

from benchmarks.lasso_study import simulate
from benchmarks.memory import run
from classicmoe import LassoMoERegressor, warmup
from classicmoe.experts import GaussianExpert

RMOE = 6.66  # seconds per start, Gaussian experts, its packaged data: measured in another run, not here
WHOLE = 0.1  # of the strongest penalty: where a path ends that is followed to its end
CLOSE = 0.01  # log-likelihood units between objectives of one solution


def sparse_regimes(n, d, seed=0):
    """Return X, y and labels of three experts with three slopes each, at columns of their own, and a gate with two."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    scores = np.column_stack([2.0 * X[:, 0], 2.0 * X[:, 1], np.zeros(n)])
    labels = np.argmax(scores + rng.gumbel(size=(n, 3)), axis=1)
    slopes = np.zeros((3, 12))
    for k in range(3):
        slopes[k, 3 + 3 * k : 6 + 3 * k] = (2.0, -1.5, 1.0)
    return X, 2.0 * labels + np.einsum("ij,ij->i", X[:, :12], slopes[labels]) + rng.normal(size=n), labels


def timed(model, X, y):
    """Fit in silence and return seconds."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return time.perf_counter() - began


def found(model):
    """Return in words what a fit found of the truth of :func:`sparse_regimes`."""
    used = [set(np.flatnonzero(model.support_[side].any(axis=0)).tolist()) for side in ("gate", "expert")]
    truth = {0, 1}, set(range(3, 12))
    parts = [
        f"{side} {len(own & true)} of {len(true)} columns that matter and {len(own - true)} others"
        for side, own, true in zip(("gate", "experts"), used, truth, strict=True)
    ]
    return f"{'; '.join(parts)}; {model.verdict_}"


# Run in a fresh interpreter after the lines of benchmarks.memory, which watch the resident memory; kernels are warm.
WIDE = """
from benchmarks.lasso import found, sparse_regimes, timed
from classicmoe import LassoMoERegressor
timed(LassoMoERegressor(3, n_init=2, n_alphas=5, random_state=0), *sparse_regimes(300, 30)[:2])
X, y, labels = sparse_regimes({n}, {d})
for settings in ({{}}, {{"parametrisation": "scaled"}}, {{"alpha_min_ratio": {share}}}):
    model = LassoMoERegressor(3, random_state=0, n_jobs=1, **settings)
    with Watch("VmRSS") as watch:
        seconds = timed(model, X, y)
    growth, path = watch.peak - watch.before, model.path_
    print(f"lasso: n = {n}, p = {d}, K = 3, {{settings}}: {{seconds:.1f}} s; X is {{X.nbytes / 2**20:.0f}} MB,",
          f"memory beyond it {{growth / 2**20:.0f}} MB = {{growth / X.nbytes:.0%}}; {{len(path.seconds)}} points,",
          f"worst violation {{path.optimality.max():.1e}}, BIC {{path.criteria['bic'].min():.1f}}", flush=True)
    print(f"lasso:   {{found(model)}}")
"""


def single_starts(seeds=5):
    """Print seconds per start at given penalties, in the shape of the data packaged with RMoE."""
    common = {"expert": GaussianExpert(scale="shared"), "gate_form": "reference", "standardize": False}
    ours, twenty, values = [], [], []
    for seed in range(seeds):
        X, y, _ = simulate(6, (seed, 0))
        model = LassoMoERegressor(2, 5.0, 5.0, n_init=1, random_state=seed, **common)
        ours.append(timed(model, X, y))
        model = LassoMoERegressor(2, 5.0, 5.0, n_init=20, random_state=seed, **common)
        twenty.append(timed(model, X, y))
        values.append(sum(start["reached"] for start in model.starts_))
    print(
        f"lasso: n = 300, p = 6, K = 2, both penalties 5, shared variance: one start {np.median(ours):.3f} s, "
        f"20 starts {np.median(twenty):.3f} s = {np.median(twenty) / 20:.4f} s a start (medians of {seeds} samples); "
        f"best reached by {min(values)} to {max(values)} of 20"
    )
    print(
        f"lasso:   RMoE, same shape: {RMOE} s a start (quoted: measured in another run on its packaged sample, with "
        f"its own stopping rule); its / ours = {RMOE / np.median(ours):.0f} for one start"
    )


def warm_or_cold(p=200, criterion="bic"):
    """Print what a path costs and finds beside fits from scratch at each of its points."""
    X, y, _ = simulate(p, (0, 0))
    path_seconds = timed(model := LassoMoERegressor(2, criterion=criterion, random_state=0), X, y)
    path = model.path_
    alphas = zip(path.alpha_gate, path.alpha_expert, strict=True)
    cold = [LassoMoERegressor(2, *own, random_state=0) for own in alphas]
    seconds = [timed(own, X, y) for own in cold]
    gain = np.array([own.objective_ for own in cold]) - path.objective
    bic = np.array([own.bic(X, y) for own in cold]) - path.criteria["bic"]
    print(
        f"lasso: n = {len(y)}, p = {p}, K = 2: path of {len(gain)} points {path_seconds:.1f} s; the same points from "
        f"scratch {sum(seconds):.1f} s; ratio {sum(seconds) / path_seconds:.1f}"
    )
    print(
        f"lasso:   objective better from scratch at {np.sum(gain > CLOSE)} points, by up to {max(gain.max(), 0):.2f}; "
        f"on the path at {np.sum(gain < -CLOSE)}, by up to {max(-gain.min(), 0.0):.2f}; lowest BIC from scratch minus "
        f"lowest on the path {np.min(bic + path.criteria['bic']) - path.criteria['bic'].min():.2f}"
    )
    print("lasso:   penalty on experts, objective and BIC from scratch minus the path's (* chosen by the path):")
    for i, row in enumerate(zip(path.alpha_expert, gain, bic, strict=True)):
        ended = f" from scratch {cold[i].status_.name}" * (not cold[i].converged_)
        print("lasso:    {:10.3f} {:+10.3f} {:+10.3f}".format(*row) + " *" * (i == path.chosen) + ended)


def many_rows(n=100_000, d=200):
    """Print seconds of a path for many rows."""
    X, y, _ = sparse_regimes(n, d)
    model = LassoMoERegressor(3, random_state=0, n_jobs=1)
    seconds = timed(model, X, y)
    print(f"lasso: n = {n}, p = {d}, K = 3, path of 30: {seconds:.1f} s; {found(model)}", flush=True)


def main():
    """Print the figures."""
    warmup()
    timed(LassoMoERegressor(2, n_init=2, n_alphas=5, random_state=0), *simulate(20, 0)[:2])
    single_starts()
    for p in (20, 200):
        warm_or_cold(p)
    run(WIDE.format(n=1000, d=10_000, share=WHOLE))
    many_rows()
