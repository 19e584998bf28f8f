"""Block-diagonal covariances with a given partition of the responses, one partition per expert.

Matrices (K, q, q) are dense and zero between blocks; the kernels visit the blocks only, so that a pass costs
O(n sum of squared block sizes).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import kernels
from classicmoe.contracts import Array
from classicmoe.covariances.dense import Dense, DenseParameters, DenseStatistics
from classicmoe.covariances.sharing import LOG_2PI, log_coordinates, real_coordinates

Integers = NDArray[np.intp]


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
        return self._from_covariance(np.repeat(gram[None], n_experts, axis=0), labels, floor)

    def _from_covariance(self, covariance: Array, labels: Array, floor: float) -> BlockParameters:
        """Return the factors of the blocks, eigenvalues lifted to the floor."""
        at, factor = _layout(labels), np.zeros(covariance.shape)
        low = np.zeros(labels.shape, dtype=bool)
        kernels.blocks.cholesky(covariance, at.order, at.begin, floor, factor, low)
        kernels.blocks.cholesky(covariance, at.order, at.begin, 0.0, factor, np.zeros_like(low))
        for k, first in np.argwhere(low):
            members = np.ix_(*2 * (at.order[k, at.begin[k] == first],))
            part = covariance[k][members]
            factor[k][members] = Dense().start(np.diag(part), part, 1, floor).factor[0]
        return BlockParameters(labels, factor)

    def log_density(self, params: BlockParameters, y: Array, residual: Array, out: Array) -> None:
        """Turn means into residuals (K * q, m) in place and write the log-densities (K, m)."""
        at, whitener = _layout(params.labels), _whitener(params)
        diagonal = np.diagonal(whitener, axis1=1, axis2=2)
        constant = np.log(diagonal).sum(axis=1) - 0.5 * diagonal.shape[1] * LOG_2PI
        kernels.blocks.log_density(y, residual, whitener, at.order, at.begin, constant, out)

    def statistics(self, params: BlockParameters, residual: Array, resp: Array, rows: Array | None) -> DenseStatistics:
        """Return the scatter within blocks; ``rows`` (K * q, m), if given, receives residuals x responsibilities."""
        at, scatter = _layout(params.labels), np.zeros(params.factor.shape)
        out = np.empty((0, resp.shape[1])) if rows is None else rows
        kernels.blocks.residual_rows(resp, residual, at.order, at.begin, scatter, out)
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
        whitener = _whitener(params)
        return whitener.transpose(0, 2, 1) @ (whitener @ right)

    def score(self, params: BlockParameters, statistics: DenseStatistics, mass: Array) -> Array:
        """Return the derivative in the free coordinates."""
        at, out = _layout(params.labels), np.zeros(params.factor.shape)
        kernels.blocks.score(_whitener(params), statistics.scatter, at.order, at.begin, out)
        diagonal = np.arange(out.shape[1])
        out[:, diagonal, diagonal] *= params.factor[:, diagonal, diagonal]
        out[:, diagonal, diagonal] -= mass[:, None]
        return out[at.free]

    def scores(self, params: BlockParameters, residual: Array, resp: Array) -> Array:
        """Return each row's derivatives (m, n_free); residual (K, q, m), resp (K, m)."""
        full = Dense().scores(DenseParameters(params.factor), residual, resp)
        i, j = np.tril_indices(params.factor.shape[1])
        return full[:, (params.labels[:, i] == params.labels[:, j]).ravel()]

    def n_free(self, params: BlockParameters) -> int:
        """Return the number of free coordinates."""
        return len(_layout(params.labels).free[0])

    def pack(self, params: BlockParameters) -> Array:
        """Return the free coordinates."""
        at = _layout(params.labels)
        vector = params.factor[at.free]
        vector[at.diagonal] = log_coordinates(vector[at.diagonal])
        return vector

    def unpack(self, vector: Array, like: BlockParameters) -> BlockParameters:
        """Invert :meth:`pack`."""
        at, factor = _layout(like.labels), np.zeros(like.factor.shape)
        factor[at.free] = np.where(at.diagonal, real_coordinates(vector), vector)
        return like._replace(factor=factor)

    def permute(self, params: BlockParameters, order: NDArray[np.intp]) -> BlockParameters:
        """Return the parameters with experts in another order."""
        return BlockParameters(params.labels[order], params.factor[order])

    def rescale(self, params: BlockParameters, unit: Array) -> BlockParameters:
        """Return the covariances of responses multiplied by ``unit`` (q,)."""
        return params._replace(factor=params.factor * unit[:, None])

    def dense(self, params: BlockParameters) -> Array:
        """Return the covariances (K, q, q)."""
        at, out = _layout(params.labels), np.zeros(params.factor.shape)
        kernels.blocks.outer(params.factor, at.order, at.begin, out)
        return out

    def variances(self, params: BlockParameters) -> Array:
        """Return the diagonals (K, q)."""
        return np.square(params.factor).sum(axis=2)

    def spread(self, params: BlockParameters) -> Array:
        """Return the geometric mean of the standard deviations along the factors, (K,)."""
        return Dense().spread(DenseParameters(params.factor))

    def at_floor(self, params: BlockParameters, floor: float) -> NDArray[np.bool_]:
        """Return whether the smallest eigenvalue sits on the floor, (K,)."""
        at, low = _layout(params.labels), np.zeros(params.labels.shape, dtype=bool)
        # An eigenvalue is at the floor or below if what is above the floor is not positive definite.
        covariance = self.dense(params)
        kernels.blocks.cholesky(covariance, at.order, at.begin, 1.0001 * floor, np.zeros_like(covariance), low)
        return np.asarray(low.any(axis=1))


class _Layout(NamedTuple):
    """Where the blocks are: what the kernels ask for, the places (k, i, j) of the free coordinates, which are log."""

    order: Integers
    begin: Integers
    free: tuple[Integers, Integers, Integers]
    diagonal: NDArray[np.bool_]


def _layout(labels: Array) -> _Layout:
    return _layout_of(np.asarray(labels, dtype=float).tobytes(), labels.shape)


@lru_cache(maxsize=4)  # one partition is asked for again and again; a layout can be as large as the covariances
def _layout_of(labels: bytes, shape: tuple[int, int]) -> _Layout:
    table = np.frombuffer(labels).reshape(shape)
    order = np.argsort(table, axis=1, kind="stable")
    ordered = np.take_along_axis(table, order, axis=1)
    first = np.ones(shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    begin = np.maximum.accumulate(np.where(first, np.arange(shape[1]), 0), axis=1)
    k, i, j = np.nonzero(np.tril(table[:, :, None] == table[:, None, :]))
    return _Layout(order, begin, (k, i, j), i == j)


def _whitener(params: BlockParameters) -> Array:
    """Return the inverses of the factors, (K, q, q)."""
    at, out = _layout(params.labels), np.zeros(params.factor.shape)
    kernels.blocks.invert(params.factor, at.order, at.begin, out)
    return out
