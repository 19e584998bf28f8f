r"""Choosing the blocks: a path of partitions from a diagonal fit, an EM fit for each, the best by a criterion (BLoME).

1. Fit with diagonal noise, all starts.
2. Take each expert's covariance of the residuals,
   :math:`C_k = \sum_i r_{ik} e_{ik} e_{ik}^\top / r_k,\; e_{ik} = x_i - A_k y_i - b_k`, and threshold its correlations:
   a path of partitions from singletons to one block. The j-th partitions of all experts make the j-th model.
3. Leave out models with a block of more than :math:`r_k - (q + 1) - 1` columns: their likelihood is unbounded.
4. Fit the others by EM, each continued from its sparser neighbour, so that the likelihood never falls along the path.
5. Choose.

Sources: Devijver, Gallopin & Perthame (2017), BLLiM; Nguyen et al. (2022), BLoME.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from classicmoe import criteria
from classicmoe.contracts import Array, Response
from classicmoe.covariances import Block, Diagonal
from classicmoe.covariances.block import BlockParameters
from classicmoe.covariances.diagonal import DiagonalParameters
from classicmoe.em.block import RowBlock
from classicmoe.em.evaluate import raw_design
from classicmoe.em.mixture import Mixture
from classicmoe.em.passes import Workers
from classicmoe.em.source import Chunk, Source
from classicmoe.em.status import Status
from classicmoe.em.threads import one_native_thread
from classicmoe.exceptions import NoBlocksWarning
from classicmoe.gates import GaussianGate
from classicmoe.models.gaussian_terms import Asked, Fitted
from classicmoe.models.inverse_regression import InverseExpert
from classicmoe.models.partitions import align, block_sizes, partition_path, spread

Fitter = Callable[[Asked, Any], Fitted]  # fits a structure of the noise

MOST = 40  # partitions of a long path that are fitted in one round

Labels = NDArray[np.intp]


class Candidate(NamedTuple):
    """A partition per expert (K, d), what it adds to the parameters of the diagonal, and whether it may be fitted."""

    labels: Labels
    covariances: int
    admissible: bool


def search_blocks(fit: Fitter, source: Source, asked: Asked) -> Fitted:
    """Fit with diagonal noise, then with the partitions of the path, and return the chosen fit with its path.

    On Ctrl-C the choice is among what has been fitted. ``source`` holds the rows turned round: x is the response.
    """
    diagonal = fit(_from_diagonal(asked), Diagonal("own"))
    start = _as_blocks(diagonal)
    if diagonal.result.fit.interrupted:
        return Search(fit, asked, start, [Candidate(start.joint.noise.labels, 0, True)]).chosen()
    candidates = _candidates(source, asked, diagonal)
    _warn_if_alone(candidates)
    search = Search(fit, asked, start, candidates)
    search.run()
    return search.chosen()


class Search:
    """Fits along a path. Experts may change places between fits; candidates are in those of the diagonal fit."""

    def __init__(self, fit: Fitter, asked: Asked, start: Fitted, candidates: list[Candidate]):
        self.fit, self.asked, self.candidates = fit, asked, candidates
        self.fitted = {0: start}
        self.place = {0: np.arange(asked.n_experts)}  # of the fit's experts in the diagonal fit
        self.interrupted = start.result.fit.interrupted

    def run(self) -> None:
        """Fit a spread of partitions, then all around the best: a thinned path may miss the one that matters."""
        admissible = [j for j, candidate in enumerate(self.candidates) if candidate.admissible]
        try:
            self._fit_all(self._spread(admissible))
            while between := self._around_best(admissible):
                self._fit_all(self._spread(between))
        except KeyboardInterrupt:
            self.interrupted = True

    def _spread(self, numbers: list[int]) -> list[int]:
        return [numbers[i] for i in spread([self.candidates[j].covariances for j in numbers], MOST)]

    def _around_best(self, admissible: list[int]) -> list[int]:
        """Return the numbers not yet fitted between the fitted neighbours of the best."""
        best, done = self._best(), sorted(self.fitted)
        at = done.index(best)
        low, high = done[max(at - 1, 0)], done[min(at + 1, len(done) - 1)]
        return [j for j in admissible if low < j < high and j not in self.fitted]

    def _fit_all(self, numbers: list[int]) -> None:
        for j in numbers:
            if j in self.fitted:
                continue
            sparser = max(i for i in self.fitted if i < j)
            self.fitted[j] = self._continued(sparser, j)

    def _continued(self, sparser: int, j: int) -> Fitted:
        """Fit partition j from the fit of a finer one, whose covariances are admissible for it."""
        before, place = self.fitted[sparser], self.place[sparser]
        labels = self.candidates[j].labels[place].astype(float)
        noise = before.joint.noise._replace(labels=labels)
        asked = self.asked._replace(warm=before.joint._replace(noise=noise), sample=before.result.sample)
        after = self.fit(asked, Block(labels))
        self.place[j] = place[after.result.order]
        return after

    def _best(self) -> int:
        table = self.table()
        return int(table[choose(table)]["partition"])

    def table(self) -> list[dict[str, Any]]:
        """Return what is known of every partition that was fitted or ruled out, sparsest first."""
        start = self.fitted[0]
        return [
            {"partition": j, **_row(candidate, start, self.fitted.get(j))}
            for j, candidate in enumerate(self.candidates)
            if j in self.fitted or not candidate.admissible
        ]

    def chosen(self) -> Fitted:
        """Return the chosen fit with the path; its starts are those of the diagonal fit, and itself."""
        table = self.table()
        at = choose(table)
        number = table[at]["partition"]
        best, place = self.fitted[number], self.place[number]
        path = [
            {**row, "n_blocks": [row["n_blocks"][i] for i in place], "chosen": i == at} for i, row in enumerate(table)
        ]
        fit = replace(best.result.fit, interrupted=self.interrupted)
        if number:
            runs = [replace(run, kind="blocks") for run in fit.runs]
            fit = replace(fit, runs=[*self.fitted[0].result.fit.runs, *runs])
        return best._replace(result=best.result._replace(fit=fit), path=path)


def choose(table: Sequence[dict[str, Any]]) -> int:
    """Return the position of the chosen model among those that are valid: the least BIC, of equals the sparsest."""
    return min((i for i, row in enumerate(table) if row["valid"]), key=lambda i: table[i]["bic"], default=0)


def _candidates(source: Source, asked: Asked, diagonal: Fitted) -> list[Candidate]:
    """Return the models of the path, sparsest first."""
    q = diagonal.joint.slope.shape[2]
    with one_native_thread():
        covariances, mass = residual_covariances(source, diagonal, asked.n_workers)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        correlations = covariances / (deviation[:, :, None] * deviation[:, None, :])
    room = mass - (q + 1) - 1
    found = []
    for j, labels in enumerate(align([partition_path(correlation) for correlation in correlations])):
        sizes = [block_sizes(row) for row in labels]
        fits = all(size.max() <= most for size, most in zip(sizes, room, strict=True))
        found.append(Candidate(labels, sum(int((s * (s - 1) // 2).sum()) for s in sizes), j == 0 or fits))
    return found


def residual_covariances(source: Source, fitted: Fitted, n_workers: int) -> tuple[Array, Array]:
    """Return sum_i r_ik e_ik e_ik' / r_k, (K, d, d), and r_k, (K,): one pass over rows turned round.

    Unlike cov(x | expert) - A_k G_k A_k', they are positive semidefinite in every sample.
    """
    params, (k, d, q) = fitted.result.params, fitted.joint.slope.shape
    mixture = Mixture(GaussianGate(), InverseExpert(Diagonal("own")))
    design, unit = raw_design(0, np.arange(q)), Response(np.zeros(d), np.ones(d))
    workers = Workers(source, lambda: RowBlock(design, design, unit, source.chunk_rows), n_workers)

    def work(block: RowBlock, task: list[Chunk]) -> tuple[Array, Array]:
        scatter, mass = np.zeros((k, d, d)), np.zeros(k)
        for chunk in task:
            block.load(chunk)
            resp = mixture.e_step(params, block)[0]
            residual = block.y - mixture.expert.mean(params.expert, block)
            for i in range(k):
                scatter[i] += np.dot(residual[i] * resp[i], residual[i].T)
            mass += resp.sum(axis=1)
        return scatter, mass

    scatter, mass = np.zeros((k, d, d)), np.zeros(k)
    for part, more in workers.run(work):
        scatter += part
        mass += more
    workers.close()
    return scatter / np.maximum(mass, 1e-300)[:, None, None], mass


def _from_diagonal(asked: Asked) -> Asked:
    """Let a warm start begin with the variances of the blocks that it comes with."""
    if asked.warm is None:
        return asked
    noise = asked.warm.noise
    if isinstance(noise, BlockParameters):
        noise = DiagonalParameters(Block(None).variances(noise))
    return asked._replace(warm=asked.warm._replace(noise=noise))


def _as_blocks(diagonal: Fitted) -> Fitted:
    """Return a diagonal fit as one with blocks of one column each: the same model."""
    variance = diagonal.joint.noise.variance
    k, d = variance.shape
    labels = np.tile(np.arange(d, dtype=float), (k, 1))
    joint = diagonal.joint._replace(noise=BlockParameters(labels, np.sqrt(variance)[:, :, None] * np.eye(d)))
    return diagonal._replace(structure=Block(labels), joint=joint)


def _row(candidate: Candidate, diagonal: Fitted, fitted: Fitted | None) -> dict[str, Any]:
    """Return one row of the path; a partition that was ruled out has no likelihood."""
    sizes = [block_sizes(row) for row in candidate.labels]
    df = diagonal.result.n_free + candidate.covariances
    row = {"n_blocks": [len(s) for s in sizes], "largest_block": max(int(s.max()) for s in sizes), "df": df}
    if fitted is None:
        return {**row, "log_likelihood": None, "bic": None, "valid": False}
    log_likelihood = fitted.result.fit.best.objective + fitted.result.shift
    bic = criteria.bic(log_likelihood, df, fitted.result.totals.weight)
    valid = fitted.result.fit.best.status is not Status.DEGENERATE
    return {**row, "log_likelihood": log_likelihood, "bic": bic, "valid": valid}


def _warn_if_alone(candidates: list[Candidate]) -> None:
    """Say that there was nothing to choose from."""
    if sum(candidate.admissible for candidate in candidates) > 1:
        return
    if candidates[0].labels.shape[1] < 2:
        why = "one column has no blocks"
    elif len(candidates) > 1:
        why = "every other partition has a block of more columns than its expert has rows; use fewer experts"
    else:
        why = "the residuals of some expert are not correlated at all"
    warnings.warn(f"noise_covariance='block' is the diagonal here: {why}.", NoBlocksWarning, stacklevel=5)
