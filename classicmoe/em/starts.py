r"""Starting values: seven kinds in rotation, none of which sees the order of the rows or repeats of a row.

No single kind suffices: partitions find what partitions can find, and some optima are only reached from parameter
space. Sources: Biernacki, Celeux & Govaert (2003); Chamroukhi (2016) for the segments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem
from classicmoe.em.sample import Sample

SMOOTH = 0.1  # share of every partition that is spread evenly, so that no expert starts without a view of all rows

Partition = Callable[[Sample, int, np.random.Generator, int], Array]


class Start(NamedTuple):
    """Starting parameters, the kind that made them, and the ridge of a warm-up with a soft gate (0: none)."""

    params: MixtureParameters
    kind: str
    soften: float = 0.0


def _one_hot(labels: NDArray[np.intp], n_experts: int) -> Array:
    return np.eye(n_experts)[labels].T


def _cut(values: Array, weight: Array, n_experts: int) -> Array:
    """Cut rows, ordered by a value, into stretches of equal weight."""
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weight[order]) - 0.5 * weight[order]
    labels = np.empty(len(values), dtype=np.intp)
    labels[order] = np.minimum((n_experts * middle / weight.sum()).astype(np.intp), n_experts - 1)
    return _one_hot(labels, n_experts)


def _columns(sample: Sample) -> Array:
    """Scaled columns of gate and experts side by side, without intercepts, (n, d)."""
    block = sample.block
    if block.gate_columns is block.expert_columns:
        return block.expert_columns[1:].T
    return np.vstack([block.expert_columns[1:], block.gate_columns[1:]]).T


def _k_means(features: Array, sample: Sample, n_experts: int, rng: np.random.Generator) -> Array:
    from sklearn.cluster import KMeans

    seed = int(rng.integers(2**31 - 1))
    means = KMeans(n_experts, n_init=1, max_iter=50, random_state=seed)
    labels = means.fit(np.ascontiguousarray(features), sample_weight=sample.weight).labels_
    return _one_hot(labels.astype(np.intp), n_experts)


def k_means_joint(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Group rows by k-means on the columns and, weighted up, the response."""
    columns = _columns(sample)
    y = sample.response.T * np.sqrt(max(columns.shape[1], 1))
    return _k_means(np.hstack([columns, y]), sample, n_experts, rng)


def k_means_x(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Group rows by k-means on the columns alone."""
    columns = _columns(sample)
    return _k_means(columns if columns.shape[1] else sample.response.T, sample, n_experts, rng)


def hyperplanes(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Cut columns and response along a random direction."""
    features = np.hstack([_columns(sample), sample.response.T])
    return _cut(features @ rng.normal(size=features.shape[1]), sample.weight, n_experts)


def dirichlet(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Draw responsibilities per distinct row."""
    return rng.dirichlet(np.full(n_experts, 0.5), sample.n_rows).T


def residuals(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Cut the residuals of the pooled fit by value or by size (in turns)."""
    x, y, weight = sample.block.expert_columns, sample.response, sample.weight
    coef = np.linalg.lstsq(x.T * np.sqrt(weight)[:, None], y.T * np.sqrt(weight)[:, None], rcond=None)[0]
    residual = y - coef.T @ x
    values = np.linalg.norm(residual, axis=0) if turn % 2 else residual[turn // 2 % len(residual)]
    return _cut(values, weight, n_experts)


def segments(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Cut the rows along one column into stretches; every stretch has a random share of the weight."""
    columns = _columns(sample).T if _columns(sample).shape[1] else sample.response
    column = columns[turn % len(columns)]
    order = np.argsort(column, kind="stable")
    middle = (np.cumsum(sample.weight[order]) - 0.5 * sample.weight[order]) / sample.weight.sum()
    shares = np.full(n_experts, 1.0 / n_experts) if turn == 0 else rng.dirichlet(np.full(n_experts, 4.0))
    labels = np.empty(len(column), dtype=np.intp)
    labels[order] = np.minimum(np.searchsorted(np.cumsum(shares), middle), n_experts - 1)
    return _one_hot(labels, n_experts)


def patches(sample: Sample, n_experts: int, rng: np.random.Generator, turn: int) -> Array:
    """Give each expert but the last a random row and its neighbours: 5 to 15 % of the rows, or (in turns) any share."""
    features = np.hstack([_columns(sample), sample.response.T])
    labels = np.full(sample.n_rows, n_experts - 1, dtype=np.intp)
    free = sample.weight.copy()
    for k in range(n_experts - 1):
        center = rng.choice(len(free), p=free / free.sum())
        distance = np.square(features - features[center]).sum(axis=1)
        distance[free == 0.0] = np.inf
        order = np.argsort(distance, kind="stable")
        least = min(0.5 / n_experts, max(0.05, (len(sample.block.expert_columns) + 3) / sample.n_rows))
        most = max(3.0 * least if turn % 2 == 0 else 1.2 / n_experts, 1.01 * least)
        share = np.exp(rng.uniform(np.log(least), np.log(most)))
        near = order[np.cumsum(free[order]) <= max(share * sample.weight.sum(), free[center])]
        near = near[free[near] > 0.0]
        labels[near] = k
        if free.sum() > free[near].sum():
            free[near] = 0.0
    return _one_hot(labels, n_experts)


PARTITIONS: dict[str, Partition] = {
    "k-means on x and y": k_means_joint,
    "hyperplane": hyperplanes,
    "residuals": residuals,
    "segments": segments,
    "dirichlet": dirichlet,
    "k-means on x": k_means_x,
    "patches": patches,
}
PARAMETERS = "parameters"
PATCHES = "patches"
ROTATION = (
    "k-means on x and y",
    PATCHES,
    PARAMETERS,
    "hyperplane",
    PATCHES,
    "segments",
    PATCHES,
    "residuals",
    PARAMETERS,
    PATCHES,
    "dirichlet",
    PATCHES,
    "k-means on x",
)
SOFTEN = (0.0, 10.0, 1.0)  # ridges on standardised slopes


def from_responsibilities(problem: Problem, resp: Array, smooth: float = SMOOTH) -> MixtureParameters:
    """Return the parameters after one update with given responsibilities (K, n) of the sample's rows."""
    n_experts = len(resp)
    resp = (1.0 - smooth) * resp + smooth / n_experts
    neutral = neutral_start(problem, n_experts)
    return problem.mixture.update(neutral, problem.statistics_of(neutral, resp), problem.ground)


def neutral_start(problem: Problem, n_experts: int) -> MixtureParameters:
    """Return the pooled fit for every expert and a gate that treats them alike."""
    mixture, survey = problem.mixture, problem.survey
    return MixtureParameters(
        mixture.gate.start(n_experts, survey.gate_design.width), mixture.expert.start(n_experts, survey.ground)
    )


def in_parameter_space(problem: Problem, n_experts: int, rng: np.random.Generator, turn: int) -> MixtureParameters:
    """Return the pooled fit with every expert moved at random, in standardised units, and an even gate."""
    neutral = neutral_start(problem, n_experts)
    expert = problem.mixture.expert
    vector = expert.pack(neutral.expert)
    reach = (1.0, 1.5, 2.0)[turn % 3]
    return neutral._replace(expert=expert.unpack(vector + reach * rng.normal(size=len(vector)), neutral.expert))


def make_start(
    problem: Problem, sample: Sample, n_experts: int, number: int, rng: np.random.Generator, kind: str = "auto"
) -> Start:
    """Return start ``number`` of the rotation (or of one kind).

    Two of three starts are to be warmed up with a gate that separates less: a sharp gate freezes the partition that
    it was born with.
    """
    lap, place = divmod(number, len(ROTATION))
    turn = number
    if kind == "auto":
        kind = ROTATION[place]
        turn = lap * ROTATION.count(kind) + ROTATION[:place].count(kind)
    soften = SOFTEN[number % len(SOFTEN)]
    if kind == PARAMETERS:
        return Start(in_parameter_space(problem, n_experts, rng, turn), kind, soften)
    resp = PARTITIONS[kind](sample, n_experts, rng, turn)
    # Patches are small on purpose: smoothing would drown them in the other rows.
    params = from_responsibilities(problem, resp, 0.0 if kind == PATCHES else SMOOTH)
    return Start(_turned(problem, params, rng), kind, soften)


def _turned(problem: Problem, params: MixtureParameters, rng: np.random.Generator) -> MixtureParameters:
    """Let skewed experts lean to sides chosen at random: EM never changes the sign of a skewness."""
    expert: Any = problem.mixture.expert
    if not hasattr(expert, "turned"):
        return params
    signs = rng.choice([-1.0, 1.0], len(expert.spread(params.expert)))
    return params._replace(expert=expert.turned(params.expert, signs))
