"""Starts from smaller solutions: one expert is split in two, or all see more columns.

A collection of models of growing size is built well when a larger model never does worse than the smaller one by
chance. These starts are added to the random ones; they say nothing about how often independent starts reach the best.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.mixture import MixtureParameters
from classicmoe.em.problem import Problem
from classicmoe.em.sample import Sample
from classicmoe.em.starts import from_responsibilities

EXPERTS_TRIED = 2  # those whose rows are explained worst
N_SPLITS = 2 * EXPERTS_TRIED  # each is split along two directions
SHARPNESS = 0.9  # share of an expert's rows that goes to the half on which they lie


class Independent(NamedTuple):
    """How many independent starts of an earlier fit to the same rows ended, and how many were begun."""

    finished: int = 0
    begun: int = 0


class SplitStart(NamedTuple):
    """Parameters, in the user's units, of a fitted model with one expert fewer; made by ``split_start()``."""

    params: MixtureParameters
    n_experts: int
    after: Independent | None = None  # these starts were run before and did worse: run the splits alone


class NestedStart(NamedTuple):
    """Parameters, in the user's units, of a fitted model with as many experts that see some of the columns.

    The coefficients of the other columns are zero; made by ``nested_start()``.
    """

    params: MixtureParameters
    n_experts: int
    after: Independent | None = None  # these starts were run before and did worse: run this one alone


def split_starts(problem: Problem, sample: Sample, smaller: MixtureParameters) -> list[MixtureParameters]:
    """Return starts in which one expert of ``smaller`` (in the engine's units) is split along a direction.

    Split are the experts whose rows have the lowest mean log-density, once by the residual of the first output and once
    along the direction in which their columns vary most.
    """
    mixture, block = problem.mixture, sample.block
    resp, mass, top, log_total = mixture.e_step(smaller, block)
    resp = resp.copy()
    density = top + log_total
    means = mixture.expert.mean(smaller.expert, block)
    worst = np.argsort((resp @ density) / np.maximum(mass, 1e-300))
    starts = []
    for k in worst[:EXPERTS_TRIED]:
        own = resp[k] / block.weight
        residual = np.nan_to_num(block.y[0] - means[k, 0], nan=0.0)
        for values in (residual, _main_direction(block.expert_columns[1:], resp[k])):
            if values is not None:
                starts.append(from_responsibilities(problem, _halved(resp / block.weight, k, own, values), smooth=0.0))
    return starts


def _main_direction(columns: Array, weight: Array) -> Array | None:
    """Return the columns projected on the axis along which they vary most under the weights; None without columns."""
    if not len(columns):
        return None
    centred = columns - (columns @ weight / weight.sum())[:, None]
    _, vectors = np.linalg.eigh((centred * weight) @ centred.T)
    return np.asarray(vectors[:, -1] @ centred)


def _halved(resp: Array, k: int, own: Array, values: Array) -> Array:
    """Return responsibilities with expert k given to two, cut at the weighted median of ``values``."""
    order = np.argsort(values, kind="stable")
    upper = np.zeros(len(values), dtype=bool)
    upper[order] = np.cumsum(own[order]) > 0.5 * own.sum()
    share = np.where(upper, SHARPNESS, 1.0 - SHARPNESS)
    out = np.vstack([resp, resp[k] * (1.0 - share)])
    out[k] *= share
    return np.asarray(out / out.sum(axis=0))
