"""Gaussian-gated mixture against scikit-learn's GaussianMixture on stacked (x, y): same data, start and likelihood."""

import time
import warnings

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.data import noisy_labels
from classicmoe import GaussianGatedMoERegressor, warmup
from classicmoe.em.threads import one_native_thread

D, K = 10, 5


def clusters(n, d=D, k=K, seed=0):
    """Return x, y and labels of a Gaussian-gated mixture whose regions overlap much, so that EM has work to do."""
    rng = np.random.default_rng(seed)
    centers, slopes = 0.5 * rng.normal(size=(k, d)), 0.5 * rng.normal(size=(k, d))
    labels = rng.integers(0, k, n)
    X = centers[labels] + rng.normal(size=(n, d))
    return X, (X * slopes[labels]).sum(axis=1) + labels + 1.5 * rng.normal(size=n), labels


class Timed(GaussianMixture):
    """Stops when a mean log-likelihood is reached and remembers how many iterations that took."""

    target = np.inf

    def _compute_lower_bound(self, log_resp, log_prob_norm):
        self.seen = getattr(self, "seen", 0) + 1
        self.bound = float(log_prob_norm)
        if self.bound >= self.target:
            self.tol = np.inf  # converged by scikit-learn's own rule
        return self.bound


def ours(X, y, start):
    """Return seconds, passes and the joint log-likelihood."""
    model = GaussianGatedMoERegressor(K, noise_covariance="full", init=np.eye(K)[start], n_jobs=1)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    return time.perf_counter() - began, model.n_iter_, model.joint_log_likelihood_


def theirs(X, y, start, target):
    """Return seconds, iterations and the log-likelihood."""
    stacked = np.column_stack([X, y])
    model = Timed(K, tol=0.0, max_iter=2000, reg_covar=0.0)
    model.target = (target - 1e-9 * abs(target)) / len(y)
    model._initialize_parameters = lambda X, random_state, **more: model._initialize(X, np.eye(K)[start])
    with one_native_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        model.fit(stacked)
        seconds = time.perf_counter() - began
    return seconds, model.seen, model.bound * len(y)


def wide(d=1000, n=2000):
    """Print seconds and memory of many columns with diagonal noise."""
    import tracemalloc

    X, y, labels = clusters(n, d)
    model = GaussianGatedMoERegressor(K, init=np.eye(K)[noisy_labels(labels, K, share=0.7)], n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - began
        tracemalloc.start()  # in a fit of its own: it slows every allocation down
        model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"mixtures: d = {d}, n = {n}, diagonal noise: {seconds:.2f} s, {model.n_iter_} passes; "
        f"memory beyond X {peak / 2**20:.0f} MB (X is {X.nbytes / 2**20:.0f} MB)"
    )


def main(sizes=(100_000, 1_000_000)):
    """Print the table."""
    print(f"mixtures: d = {D}, q = 1, K = {K}, full covariances, same data, same start, one thread each")
    warmup()
    for n in sizes:
        X, y, labels = clusters(n)
        start = noisy_labels(labels, K, share=0.7)
        ours(X[:3000], y[:3000], start[:3000])
        seconds, passes, ll = ours(X, y, start)
        their_seconds, iterations, their_ll = theirs(X, y, start, ll)
        print(
            f"n = {n}: classicmoe {seconds:.2f} s, {passes} passes, {ll:.3f}; scikit-learn {their_seconds:.2f} s, "
            f"{iterations} iterations, {their_ll:.3f}: {their_seconds / seconds:.1f} times"
        )
    wide()
