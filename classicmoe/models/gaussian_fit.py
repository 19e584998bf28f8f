"""One fit of a Gaussian-gated mixture: rows turned round, the inverse mixture fitted, the joint law read off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array, Response
from classicmoe.covariances import Block, Dense
from classicmoe.covariances.linear import GaussianParameters
from classicmoe.em.evaluate import Evaluator, Totals, raw_design
from classicmoe.em.mixture import Mixture, MixtureParameters
from classicmoe.em.source import Source
from classicmoe.em.survey import Dependence, Survey, View, survey
from classicmoe.exceptions import DataError, TooFewRowsError
from classicmoe.experts import GaussianExpert
from classicmoe.gates import GaussianGate
from classicmoe.gates.gaussian import GaussianGateParameters
from classicmoe.models.block_search import search_blocks
from classicmoe.models.cautions import warn_dropped
from classicmoe.models.fitting import Plan, fit_mixture
from classicmoe.models.gaussian_terms import Asked, Fitted
from classicmoe.models.inverse_regression import (
    ForwardExpert,
    ForwardGate,
    ForwardParameters,
    InverseExpert,
    Joint,
    as_joint,
    forward,
)
from classicmoe.models.noise import DENSE, noise_structure
from classicmoe.models.partitions import check_labels
from classicmoe.models.rows import Rows
from classicmoe.models.swapped import chunk_rows, swapped, varying_columns

MANY = 500  # columns above which dependences are not looked for beside latent factors


def fit_inverse(rows: Rows, asked: Asked) -> Fitted:
    """Fit the joint law to rows.

    Raises
    ------
    DataError
        No column varies, or outputs that determine each other.
    """
    _, view = rows.reader.views()
    kept = _usable_columns(rows, view, asked)
    if asked.noise == "block" and asked.blocks is None:
        return search_blocks(
            lambda asked, structure: fit_structure(rows, asked, structure, kept), _turned(rows, asked, kept), asked
        )
    structure = noise_structure(asked.noise, asked.n_latent, _labels(asked, kept, len(view.columns)))
    return fit_structure(rows, asked, structure, kept)


def fit_structure(rows: Rows, asked: Asked, structure: Any, kept: NDArray[np.intp]) -> Fitted:
    """Fit the joint law with a given structure of the noise on given columns."""
    source = _turned(rows, asked, kept)
    every = View(0, np.arange(_n_outputs(rows)))
    mixture = Mixture(GaussianGate(), InverseExpert(structure, getattr(structure, "spherical", False)))
    plan = Plan(
        mixture,
        asked.n_experts,
        every,
        every,
        asked.control,
        asked.seeds,
        asked.n_refine,
        asked.init,
        None if asked.warm is None else as_inverse(asked.warm),
        asked.n_workers,
        None,
        lambda params, look: _sort_keys(params, look, mixture, structure),
        _refuse_dependent_outputs,
        asked.sample,
    )
    result = fit_mixture(source, plan)
    if isinstance(structure, Block):
        structure = Block(result.params.expert.noise.labels)
    joint = as_joint(result.params.gate, result.params.expert, Dense())
    return Fitted(result, structure, joint, kept, _forward_totals(rows, joint, structure, kept, asked))


def _turned(rows: Rows, asked: Asked, kept: NDArray[np.intp]) -> Source:
    """Return the rows with the roles of x and y exchanged."""
    _, view = rows.reader.views()
    return swapped(rows.source, view, kept, chunk_rows(asked.n_experts, len(kept)))


def _usable_columns(rows: Rows, view: View, asked: Asked) -> NDArray[np.intp]:
    """Return the columns that vary and, where that matters, do not depend on others; warn about the others.

    A full covariance of dependent columns is singular, and latent factors explain them without remainder.
    """
    names = rows.reader.expert.names_out
    width = len(view.columns)
    # With no more rows than columns every column depends on others, which says nothing about the blocks or factors.
    tall = getattr(rows.source, "n_rows", np.inf) > width
    if asked.noise in DENSE or (tall and (asked.noise == "block" or (asked.n_latent and width <= MANY))):
        look = survey(rows.source, view, view, GaussianExpert())
        dropped, kept = look.expert_dropped, look.expert_design.kept
        _refuse_few_rows(look, rows, asked, width - sum(not d.on for d in dropped))
    else:
        kept = varying_columns(rows.source, view)
        dropped = [Dependence(int(i), ()) for i in np.setdiff1d(np.arange(width), kept)]
    warn_dropped("the model", dropped, names)
    if not len(kept):
        raise DataError("No column of X varies, so there is nothing that y could depend on.")
    return np.asarray(kept, dtype=np.intp)


def _refuse_few_rows(look: Survey, rows: Rows, asked: Asked, width: int) -> None:
    """Raise when covariances without structure must be singular: residuals of as many rows as they have columns."""
    own, k = _n_outputs(rows) + 1, asked.n_experts
    needed = {"full": k * (width + own), "tied": width + k * own}.get(asked.noise, 0)
    if look.ground.rows < needed:
        covariances = "one full covariance" if k == 1 or asked.noise == "tied" else f"{k} full covariances"
        raise TooFewRowsError(
            f"{look.ground.rows} rows are too few for {k} expert(s) with {covariances} of {width} columns: at least "
            f"{needed} are needed, and many more for a fit that can be trusted. Use noise_covariance='diag' or "
            "'block', n_latent=, fewer columns or fewer experts."
        )


def _labels(asked: Asked, kept: NDArray[np.intp], n_columns: int) -> Array | None:
    if asked.blocks is None:
        return None
    return check_labels(asked.blocks, asked.n_experts, n_columns, kept)


def _n_outputs(rows: Rows) -> int:
    for task in rows.source.tasks():
        return int(task[0].y.shape[1])
    raise DataError("There are no rows.")


def _refuse_dependent_outputs(look: Survey) -> None:
    for dropped in look.expert_dropped:
        on = ", ".join(str(i) for i in dropped.on)
        raise DataError(
            f"Output {dropped.column} of y is a linear combination of output(s) {on}: they have no joint density. "
            "Leave it out."
        )


def as_inverse(joint: Joint) -> MixtureParameters:
    """Return the parameters of the inverse mixture that a joint law describes."""
    density = GaussianParameters(joint.center[..., None], Dense().from_dense(joint.spread))
    coef = np.concatenate([joint.intercept[..., None], joint.slope], axis=2)
    return MixtureParameters(GaussianGateParameters(joint.log_weight, density), GaussianParameters(coef, joint.noise))


def _sort_keys(params: MixtureParameters, look: Survey, mixture: Mixture, structure: Any) -> Array:
    """Order experts by their mean where x is average, then by coefficients."""
    joint = as_joint(params.gate, params.expert, Dense())
    law = forward(joint, structure)
    at_mean = np.einsum("kqd,d->kq", law.coef, look.response.center) + law.intercept
    return np.vstack([at_mean.T, law.coef.reshape(len(at_mean), -1).T])


def _forward_totals(rows: Rows, joint: Joint, structure: Any, kept: NDArray[np.intp], asked: Asked) -> Totals:
    """Return conditional and joint log-likelihood, entropy and masses on the training rows."""
    _, view = rows.reader.views()
    design = raw_design(view.table, view.columns[kept])
    params = ForwardParameters(joint, forward(joint, structure))
    mixture = Mixture(ForwardGate(structure), ForwardExpert(structure))  # type: ignore[arg-type]  # only evaluated
    evaluator = Evaluator(mixture, MixtureParameters(params, params), design, design, unit_response(joint))
    before = rows.source.chunk_rows
    rows.source.chunk_rows = min(before, chunk_rows(asked.n_experts, len(kept)))
    try:
        return evaluator.totals(rows.source, asked.n_workers)
    finally:
        rows.source.chunk_rows = before


def unit_response(joint: Joint) -> Response:
    """Return the scaling of y that leaves it as it is."""
    q = joint.center.shape[1]
    return Response(np.zeros(q), np.ones(q))
