"""Block-diagonal covariances with a given partition of the responses, one partition per expert.

Blocks of each expert are stored one after the other; whatever structure holds the whole expert (a lower Cholesky
factor, its inverse, the scatter) is stored as packed lower triangles of its blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.covariances.dense import Dense, DenseParameters, DenseStatistics
from classicmoe.covariances.sharing import LOG_2PI


class BlockParameters(NamedTuple):
    """Block labels (K, q) as whole numbers from 0, and lower Cholesky factors (K, q, q), zero between blocks."""

    labels: Array
    factor: Array


@dataclass(frozen=True)
class Block:
    """Covariances that are zero between blocks; ``labels`` (K, q) name the block of every response."""

    labels: Any  # (K, q) whole numbers

    diagonal_only: ClassVar[bool] = False
    tolerates_missing: ClassVar[bool] = False
    scale: ClassVar[str] = "own"

    def start(self, variance: Array, gram: Array | None, n_experts: int, floor: float) -> BlockParameters:
        """Return the blocks of one covariance (q, q) for all experts."""
        assert gram is not None
        labels = np.asarray(self.labels, dtype=float)
        return self._from_covariance(np.broadcast_to(gram, (n_experts, *gram.shape)), labels, floor)

    def _from_covariance(self, covariance: Array, labels: Array, floor: float) -> BlockParameters:
        factor = np.zeros(covariance.shape)
        dense = Dense()
        for k, members in _blocks(labels):
            at = np.ix_(members, members)
            part = covariance[k][at]
            factor[k][at] = dense.start(np.diag(part), part, 1, floor).factor[0]
        return BlockParameters(labels, factor)

    def log_density(self, params: BlockParameters, y: Array, residual: Array, out: Array) -> None:
        """Turn means into residuals (K * q, m) in place and write the log-densities (K, m)."""
        k, q, _ = params.factor.shape
        kernels.diagonal.log_density(y, residual, np.zeros((k, q)), np.full((k, q), LOG_2PI), out)
        for i, members in _blocks(params.labels):
            factor = params.factor[i][np.ix_(members, members)]
            whitener = np.linalg.inv(factor)
            constant = np.array([np.log(np.diag(whitener)).sum()])
            part = residual[i * q + members]
            density = np.empty((1, part.shape[1]))
            kernels.gaussian.log_density(np.zeros_like(part), -part, whitener[None], constant, density)
            out[i] += density[0]

    def statistics(self, params: BlockParameters, residual: Array, resp: Array, rows: Array) -> DenseStatistics:
        """Return the scatter within blocks; ``rows`` (K * q, m) receives the residuals times responsibilities."""
        k, q, _ = params.factor.shape
        scatter = np.zeros((k, q, q))
        for i, members in _blocks(params.labels):
            part = residual[i * q + members]
            inner, weighted = np.zeros((1, len(members), len(members))), np.empty_like(part)
            kernels.gaussian.residual_rows(resp[i : i + 1], part, inner, weighted)
            rows[i * q + members] = weighted
            scatter[i][np.ix_(members, members)] = inner[0]
        return DenseStatistics(scatter)

    def update(
        self,
        params: BlockParameters,
        statistics: DenseStatistics,
        change: Array,
        gradient: Array,
        gram: Array,
        mass: Array,
        floor: float,
    ) -> tuple[Array, BlockParameters]:
        """Return the change of the coefficients as it is and the blocks about the new means."""
        cross = change @ gradient.transpose(0, 2, 1)
        left = statistics.scatter - cross - cross.transpose(0, 2, 1) + change @ gram @ change.transpose(0, 2, 1)
        covariance = self.dense(params)
        alive = mass > 0.0
        covariance[alive] = left[alive] / mass[alive, None, None]
        return change, self._from_covariance(covariance, params.labels, floor)

    def precision_times(self, params: BlockParameters, right: Array) -> Array:
        """Return Sigma_k^-1 right_k for right (..., K, q, p)."""
        return Dense().precision_times(DenseParameters(params.factor), right)

    def score(self, params: BlockParameters, statistics: DenseStatistics, mass: Array) -> Array:
        """Return the derivative in the free coordinates."""
        full = Dense().score(DenseParameters(params.factor), statistics, mass)
        return full[self._free(params)]

    def scores(self, params: BlockParameters, residual: Array, resp: Array) -> Array:
        """Return each row's derivatives (m, n_free); residual (K, q, m), resp (K, m)."""
        return Dense().scores(DenseParameters(params.factor), residual, resp)[:, self._free(params)]

    def _free(self, params: BlockParameters) -> NDArray[np.bool_]:
        """Return which entries of the packed lower triangles lie within blocks."""
        i, j = np.tril_indices(params.factor.shape[1])
        return np.asarray(params.labels[:, i] == params.labels[:, j]).ravel()

    def n_free(self, params: BlockParameters) -> int:
        """Return the number of free coordinates."""
        return int(self._free(params).sum())

    def pack(self, params: BlockParameters) -> Array:
        """Return the free coordinates."""
        return Dense().pack(DenseParameters(params.factor))[self._free(params)]

    def unpack(self, vector: Array, like: BlockParameters) -> BlockParameters:
        """Invert :meth:`pack`."""
        free = self._free(like)
        full = np.zeros(len(free))
        full[free] = vector
        return like._replace(factor=Dense().unpack(full, DenseParameters(like.factor)).factor)

    def permute(self, params: BlockParameters, order: NDArray[np.intp]) -> BlockParameters:
        """Return the parameters with experts in another order."""
        return BlockParameters(params.labels[order], params.factor[order])

    def rescale(self, params: BlockParameters, unit: Array) -> BlockParameters:
        """Return the covariances of responses multiplied by ``unit`` (q,)."""
        return params._replace(factor=params.factor * unit[:, None])

    def dense(self, params: BlockParameters) -> Array:
        """Return the covariances (K, q, q)."""
        return params.factor @ params.factor.transpose(0, 2, 1)

    def variances(self, params: BlockParameters) -> Array:
        """Return the diagonals (K, q)."""
        return np.square(params.factor).sum(axis=2)

    def spread(self, params: BlockParameters) -> Array:
        """Return the geometric mean of the standard deviations along the factors, (K,)."""
        return Dense().spread(DenseParameters(params.factor))

    def at_floor(self, params: BlockParameters, floor: float) -> NDArray[np.bool_]:
        """Return whether the smallest eigenvalue sits on the floor, (K,)."""
        return Dense().at_floor(DenseParameters(params.factor), floor)


def _blocks(labels: Array) -> list[tuple[int, NDArray[np.intp]]]:
    """Return expert and members of every block."""
    return [(k, np.flatnonzero(row == label)) for k, row in enumerate(labels) for label in np.unique(row)]
