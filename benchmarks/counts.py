"""Poisson experts with a softmax gate: classicmoe and flexmix on the same counts from the same start."""

import numpy as np

from benchmarks.data import count_regimes, noisy_labels
from benchmarks.peers import D, K, flexmix, ours
from classicmoe import warmup


def main(n=100_000):
    """Print one comparison."""
    print(f"counts: Poisson experts, softmax gate, n = {n}, d = {D}, K = {K}, same data, same start, one thread")
    warmup()
    X, y, labels = count_regimes(n, D, K)
    start = noisy_labels(labels, K)
    ours(X[:2000], y[:2000], start[:2000], expert="poisson")
    seconds, passes, model = min((ours(X, y, start, expert="poisson") for _ in range(3)), key=lambda r: r[0])
    print(f"  classicmoe: {seconds:.3f} s, {passes} passes, log-likelihood {model.log_likelihood_:.3f}")
    theirs = flexmix(X, y, start, "poisson")
    if theirs is None:
        return
    spent, iterations, ll = theirs
    reached = model.objective_path_ >= ll
    needed = f"after {int(np.argmax(reached)) + 1} accepted steps" if reached.any() else "never"
    print(f"  flexmix: {spent:.3f} s, {iterations} iterations, log-likelihood {ll:.3f} (reached by us {needed})")
    print(f"  their time / our whole fit = {spent / seconds:.1f}")
