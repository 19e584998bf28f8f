"""Six columns matter of 20, 200, 2000: which the Lasso finds, how well it predicts, and what others do.

n = 300, K = 2, x ~ N(0, S) with correlations 0.5^|i-j|, unit variances; the coefficients of the simulation of
Chamroukhi and Huynh (2019), padded with zeros. Replicates have the same labels, noise and first six columns whatever p
is.
"""

import argparse
import json
import time
import warnings
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LassoCV
from sklearn.metrics import adjusted_rand_score

from classicmoe import LassoMoERegressor, MoERegressor, warmup

N, N_NEW = 300, 2000
EXPERTS = np.array([[0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 1.0], [0.0, 1.0, -1.5, 0.0, 0.0, 2.0, 0.0]])  # intercepts first
GATE = np.array([1.0, 2.0, 0.0, 0.0, -1.0, 0.0, 0.0])  # of expert 1 against expert 2
MEASURES = {
    "zeros_expert_1": "true zeros found, expert 1",
    "zeros_expert_2": "true zeros found, expert 2",
    "zeros_gate": "true zeros found, gate",
    "kept_expert_1": "true non-zeros kept, expert 1",
    "kept_expert_2": "true non-zeros kept, expert 2",
    "kept_gate": "true non-zeros kept, gate",
    "exact": "share of exact supports",
    "slopes_in": "slopes that are not zero",
    "error_experts": "squared error of slopes, experts",
    "error_gate": "squared error of slopes, gate",
    "scale": "mean standard deviation (truth 1)",
    "ari": "ARI of argmax responsibilities",
    "log_density": "held-out mean log density",
    "rmse": "held-out RMSE",
    "seconds": "seconds",
    "reached": "starts that reach the best",
    "not_replicated": "share not replicated",
}
HEAD = """lasso-study: n = {n}, K = 2, {replicates} replicates; means (standard errors). Experts are matched to the
truth by the permutation with the least error of their coefficients. The source calls the share of true zeros that are
estimated as zero "sensitivity" and the share of true non-zeros that are kept "specificity"; most others say it the
other way round, so neither word is used. Squared errors are sums over all slopes; {new} new rows."""


class Sample(NamedTuple):
    """Rows, and which expert (0, 1) each of them is of."""

    X: np.ndarray
    y: np.ndarray
    labels: np.ndarray


def simulate(p, seed, n=N):
    """Return rows of the design; the first six columns, labels and noise do not depend on p."""
    rng = np.random.default_rng(seed)
    uniform, noise = rng.random(n), rng.normal(size=n)
    X = np.empty((n, p))
    for j in range(p):
        fresh = rng.normal(size=n)
        X[:, j] = fresh if j == 0 else 0.5 * X[:, j - 1] + np.sqrt(0.75) * fresh
    six = np.column_stack([np.ones(n), X[:, :6]])
    labels = (uniform > 1.0 / (1.0 + np.exp(-six @ GATE))).astype(int)
    return Sample(X, np.einsum("ij,ij->i", six, EXPERTS[labels]) + noise, labels)


def padded(line, p):
    """Return an intercept and slopes, (1 + p,), with zeros behind."""
    return np.concatenate([line, np.zeros(p + 1 - len(line))])


# -- what is fitted ----------------------------------------------------------------------------------------------------


def oracle():
    """Return the unpenalised mixture on the columns that matter, which experts share as there is one list for all."""
    gate, experts = np.flatnonzero(GATE[1:]), np.flatnonzero(EXPERTS[:, 1:].any(axis=0))
    return MoERegressor(2, n_init=10, gate_features=gate.tolist(), expert_features=experts.tolist(), random_state=0)


MODELS = {
    "Lasso": lambda: LassoMoERegressor(2, random_state=0),
    "scaled": lambda: LassoMoERegressor(2, parametrisation="scaled", random_state=0),
    "MCP": lambda: LassoMoERegressor(2, penalty="mcp", random_state=0),
    "unpenalised": lambda: MoERegressor(2, n_init=10, random_state=0),
    "oracle": oracle,
    "LassoCV": lambda: LassoCV(random_state=0),
    "Lasso K=1": lambda: LassoMoERegressor(1, random_state=0),
}


def why_not(name, p):
    """Return why a model cannot be fitted to p columns, or None."""
    free = 2 * (p + 2) + p + 1
    if name == "unpenalised" and free >= N:
        return f"{free} free parameters, {N} rows: the likelihood has no maximum (an expert passes through its rows)"
    return None


# -- measures ----------------------------------------------------------------------------------------------------------


def coefficients(model, p):
    """Return the experts' (2, 1 + p) and the gate's (1 + p,) coefficients on all columns, and the experts' scales."""
    experts, gate = np.zeros((2, p + 1)), np.zeros((2, p + 1))
    wide = model.expert_coef_.shape[1] == p
    own = np.arange(p) if wide else np.asarray(model.expert_features)
    experts[:, 0], experts[:, 1 + own] = model.expert_intercept_, model.expert_coef_
    own = np.arange(p) if wide else np.asarray(model.gate_features)
    gate[:, 0], gate[:, 1 + own] = model.gate_intercept_, model.gate_coef_
    return experts, gate, np.ravel(model.expert_scale_)


def of_mixture(model, sample):
    """Return what is measured of a mixture of two experts against the truth."""
    p = sample.X.shape[1]
    experts, gate, scale = coefficients(model, p)
    truth = np.array([padded(line, p) for line in EXPERTS])
    order = min(permutations(range(2)), key=lambda own: np.square(experts[list(own)] - truth).sum())
    experts, contrast = experts[list(order)], gate[order[0]] - gate[order[1]]
    out = {}
    for name, own, true in (
        ("expert_1", experts[0], truth[0]),
        ("expert_2", experts[1], truth[1]),
        ("gate", contrast, padded(GATE, p)),
    ):
        zero = true[1:] == 0.0
        out[f"zeros_{name}"] = float(np.mean(own[1:][zero] == 0.0))
        out[f"kept_{name}"] = float(np.mean(own[1:][~zero] != 0.0))
    shares = [value for name, value in out.items() if name.startswith(("zeros", "kept"))]
    return out | {
        "exact": float(min(shares) == 1.0),
        "slopes_in": int(np.count_nonzero(experts[:, 1:]) + np.count_nonzero(contrast[1:])),
        "error_experts": float(np.square(experts - truth)[:, 1:].sum()),
        "error_gate": float(np.square(contrast - padded(GATE, p))[1:].sum()),
        "scale": float(scale.mean()),
        "ari": float(adjusted_rand_score(sample.labels, model.responsibilities(sample.X, sample.y).argmax(axis=1))),
        "reached": sum(start["reached"] for start in model.starts_),
    }


def of_single_lasso(model, sample, new):
    """Return the held-out log density of scikit-learn's Lasso with the variance of its own residuals, and its size."""
    slopes = np.count_nonzero(model.coef_)
    variance = np.square(sample.y - model.predict(sample.X)).sum() / max(N - 1 - slopes, 1)
    square = np.square(new.y - model.predict(new.X))
    density = -0.5 * float(np.mean(np.log(2.0 * np.pi * variance) + square / variance))
    return {"log_density": density, "slopes_in": int(slopes), "scale": float(np.sqrt(variance))}


def fitted(name, sample, new):
    """Return the row of one model on one sample."""
    model = MODELS[name]()
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(sample.X, sample.y)
    row = {"seconds": time.perf_counter() - began, "warnings": sorted({own.category.__name__ for own in told})}
    row["rmse"] = float(np.sqrt(np.mean(np.square(new.y - model.predict(new.X)))))
    if isinstance(model, LassoCV):
        return row | of_single_lasso(model, sample, new)
    row["log_density"] = float(np.mean(model.score_samples(new.X, new.y)))
    row |= {"log_likelihood": float(model.log_likelihood_), "bic": float(model.bic(sample.X, sample.y))}
    if isinstance(model, LassoMoERegressor):
        row |= {"alpha_gate": float(model.alpha_gate_), "alpha_expert": float(model.alpha_expert_)}
        row |= {
            "objective": float(model.objective_),
            "chosen": model.path_.chosen,
            "points": len(model.path_.objective),
            "optimality": max(float(path.optimality.max()) for path in model.paths_),
        }
    if model.n_experts == 1:
        return row | {"slopes_in": int(np.count_nonzero(model.expert_coef_)), "scale": float(model.expert_scale_[0])}
    row["not_replicated"] = float("NotReplicatedWarning" in row["warnings"])
    return row | of_mixture(model, sample)


def replicate(seed, p, models):
    """Return the rows of some models on one sample."""
    sample, new = simulate(p, (seed, 0)), simulate(p, (seed, 1), N_NEW)
    names = [name for name in models if why_not(name, p) is None]
    return [{"p": p, "seed": seed, "model": name} | fitted(name, sample, new) for name in names]


# -- what is told ------------------------------------------------------------------------------------------------------


def show(rows, p, models):
    """Print the table of one number of columns."""
    print(f"\np = {p}")
    for name in models:
        if why_not(name, p):
            print(f"  {name} is not fitted: {why_not(name, p)}")
    names = [name for name in models if why_not(name, p) is None]
    print(f"{'':34}" + "".join(f"{name:>18}" for name in names))
    for key, label in MEASURES.items():
        cells = [mean_of([row[key] for row in rows if row["model"] == name and key in row]) for name in names]
        print(f"{label:34}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
    worst = max((row["optimality"] for row in rows if "optimality" in row), default=0.0)
    print(f"worst violation of optimality at any point of any path, as a share of the weaker penalty: {worst:.1e}")


def mean_of(values):
    """Return a mean and its standard error as text."""
    if not values:
        return "-"
    error = f"({np.std(values, ddof=1) / np.sqrt(len(values)):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f} {error}"


def main(arguments=()):
    """Run the study; ``arguments`` are those of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lasso-study", description=__doc__)
    parser.add_argument("--replicates", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--columns", default="20,200,2000", help="numbers of columns, at least 6 each")
    parser.add_argument("--models", default=",".join(MODELS), help="names of what is fitted, comma-separated")
    parser.add_argument("--out", type=Path, help="JSON with a row for every fit")
    asked = parser.parse_args(list(arguments))
    models = asked.models.split(",")
    if unknown := set(models) - set(MODELS):
        parser.error(f"unknown models {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    warmup()
    print(HEAD.format(n=N, new=N_NEW, replicates=asked.replicates), flush=True)
    everything = []
    for p in map(int, asked.columns.split(",")):
        runs = Parallel(asked.jobs)(delayed(replicate)(seed, p, models) for seed in range(asked.replicates))
        rows = [row for run in runs for row in run]
        everything += rows
        if asked.out:  # after every number of columns: the run is long
            asked.out.write_text(json.dumps(everything, indent=1))
        show(rows, p, models)
