"""One pass: against the floor of its own arithmetic, over n, and with two threads."""

import time

import numpy as np

from benchmarks.data import regimes
from classicmoe.em.mixture import Mixture
from classicmoe.em.problem import Problem
from classicmoe.em.source import CHUNK, ArraySource
from classicmoe.em.starts import neutral_start
from classicmoe.em.survey import View, survey
from classicmoe.em.threads import one_native_thread
from classicmoe.experts import GaussianExpert
from classicmoe.gates import SoftmaxGate

D, K = 10, 4


def best_of(function, repeats=7):
    """Return the shortest wall time."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def make(X, y, n_workers):
    """Return a problem and parameters to evaluate it at."""
    source, view = ArraySource((X,), y), View(0, np.arange(X.shape[1]))
    mixture = Mixture(SoftmaxGate(), GaussianExpert())
    problem = Problem(mixture, source, survey(source, view, view, mixture.expert), n_workers)
    start = neutral_start(problem, K)
    vector = problem.mixture.pack(start)
    return problem, problem.mixture.unpack(vector + 0.1 * np.random.default_rng(0).normal(size=len(vector)), start)


def floor(X):
    """Return seconds of the pass's arithmetic alone: matrix products by BLAS, exponentials by NumPy, one read of X."""
    n, p = len(X), D + 1
    chunks = -(-n // CHUNK)
    rng = np.random.default_rng(0)
    columns, packed = rng.random((p, CHUNK)), rng.random((p * (p + 1) // 2, CHUNK))
    weights, rows, coef = rng.random((K + K * (K - 1) // 2, CHUNK)), rng.random((2 * K, CHUNK)), rng.random((2 * K, p))
    values, out = -rng.random((2 * K, CHUNK)), np.empty((2 * K, CHUNK))

    def work():
        for i in range(chunks):
            np.dot(weights, packed.T)  # second moments of experts and gate
            np.dot(rows, columns.T)  # gradients
            np.dot(coef, columns)  # linear predictors
            np.exp(values, out=out)
            X[i * CHUNK : (i + 1) * CHUNK].sum()

    return best_of(work)


def main(n=1_000_000):
    """Print the table."""
    X, y, _ = regimes(n, D, K)
    with one_native_thread():
        problem, params = make(X, y, 1)
        one = best_of(lambda: problem.evaluate(params))
        lowest = floor(X)
        print(f"pass: n = {n}, d = {D}, K = {K}: {one * 1e3:.0f} ms; floor of its arithmetic {lowest * 1e3:.0f} ms;")
        print(f"pass: ratio to the floor {one / lowest:.2f}")
        two_problem, two_params = make(X, y, 2)
        two = best_of(lambda: two_problem.evaluate(two_params))
        print(f"pass: two threads {two * 1e3:.0f} ms; one / two = {one / two:.2f}")
        for size in (10_000, 30_000, 100_000, 300_000, n):
            part, at = make(X[:size], y[:size], 1)
            seconds = best_of(lambda part=part, at=at: part.evaluate(at), 3 if size > 1e5 else 15)
            print(f"pass: n = {size}: {seconds * 1e3:.2f} ms, {seconds / size * 1e9:.0f} ns a row")
