"""classicmoe, flexmix and cgmm on the same data from the same start to the same log-likelihood."""

import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.data import noisy_labels, regimes
from classicmoe import MoERegressor, warmup

D, K = 10, 3


def ours(X, y, start, target=None, n_jobs=1, expert="gaussian"):
    """Return seconds to a target log-likelihood (or to the end), passes, log-likelihood."""
    model = MoERegressor(K, expert=expert, init=np.eye(K)[start], n_jobs=n_jobs)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    seconds = time.perf_counter() - began
    passes = model.n_iter_
    if target is not None:
        passes = int(np.argmax(model.objective_path_ >= target)) + 1
    return seconds, passes, model


def flexmix(X, y, start, family="gaussian"):
    """Return seconds, iterations and log-likelihood of R flexmix; None when it is not installed."""
    rscript = shutil.which("Rscript")
    has = rscript and subprocess.run([rscript, "-e", "library(flexmix)"], capture_output=True).returncode == 0
    if not has:
        print("  flexmix: skipped (needs R with the package flexmix: r-base-core, r-cran-flexmix)")
        return None
    with tempfile.TemporaryDirectory() as folder:
        np.asfortranarray(X).T.tofile(Path(folder, "x.bin"))
        y.tofile(Path(folder, "y.bin"))
        (start + 1).astype(np.int32).tofile(Path(folder, "start.bin"))
        script = Path(__file__).with_name("flexmix.R")
        command = [rscript, str(script), folder, str(len(y)), str(X.shape[1]), family]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(out[0]), int(out[2]), float(out[3])


def cgmm(X, y, start, max_iter):
    """Return seconds, iterations and log-likelihood of cgmm; None when it is not installed."""
    try:
        from cgmm import MixtureOfExpertsRegressor
    except ImportError:
        print("  cgmm: skipped (pip install cgmm)")
        return None
    model = MixtureOfExpertsRegressor(K, max_iter=max_iter, tol=1e-9, gating_penalty=1e-10, random_state=0)
    draw = model._init_params
    # The same start as everybody: one M-step from the given labels.
    model._init_params = lambda X, y, rng: model._m_step(X, y, np.eye(K)[start], draw(X, y, rng))
    began = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - began
    return seconds, model.n_iter_, float(model.lower_bound_) * len(y)


def main(sizes=(10_000, 100_000), cgmm_iterations=(10, 3)):
    """Print the table."""
    print(f"peers: full mixture of experts, d = {D}, K = {K}, same data, same start, warm kernels, one thread")
    warmup()
    for n, some in zip(sizes, cgmm_iterations, strict=True):
        X, y, labels = regimes(n, D, K)
        start = noisy_labels(labels, K)
        ours(X[:2000], y[:2000], start[:2000])
        seconds, passes, model = min((ours(X, y, start) for _ in range(3)), key=lambda r: r[0])
        print(f"n = {n}")
        print(f"  classicmoe: {seconds:.3f} s, {passes} passes, log-likelihood {model.log_likelihood_:.3f}")
        for name, result in (("flexmix", flexmix(X, y, start)), ("cgmm", cgmm(X, y, start, some))):
            if result is None:
                continue
            theirs, iterations, ll = result
            print(f"  {name}: {theirs:.3f} s, {iterations} iterations, log-likelihood {ll:.3f}")
            reached = model.objective_path_ >= ll
            needed = int(np.argmax(reached)) + 1 if reached.any() else None
            part = "never reached by us" if needed is None else f"reached by us after {needed} accepted steps"
            print(f"    {part}; their time / our whole fit = {theirs / seconds:.1f}")
            if name == "cgmm":
                per = theirs / iterations / (seconds / passes)
                print(f"    per iteration / per pass = {per:.0f} (cgmm was stopped after {iterations} iterations)")
