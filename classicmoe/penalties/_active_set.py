r"""Steps and conditions of optimality within linear constraints.

The step of a penalised gate or of penalised experts goes to the maximum of

.. math::

    g^\top (c - b) - \tfrac12 (c - b)^\top H (c - b) - \sum_{lj} t_{lj} |c_{lj}| - \tfrac12 \sum_{lj} \rho_{lj} c_{lj}^2
    \quad\text{subject to}\quad \langle A_r, c \rangle \le b_r .

Lines that no constraint couples are maximised one by one, those that no constraint sees by coordinate descent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classicmoe.contracts import Array
from classicmoe.penalties._limits import Limits, coupled
from classicmoe.penalties._penalty import Majoriser, maximise, violation
from classicmoe.penalties._program import Program, unexplained

FLAT = 1e-12  # of the largest second derivative, below which a coefficient has none
HELD = 1e50  # a threshold beyond which a coefficient is held at zero


def maximise_within(
    limits: Limits,
    majoriser: Majoriser,
    hessian: Array,
    gradient: Array,
    coef: Array,
    share: float,
    fixed: NDArray[np.bool_] | None = None,
) -> Array:
    r"""Return the c that maximises :math:`g^\top(c-b) - \tfrac12 (c-b)^\top H (c-b)` minus the majoriser within limits.

    Parameters
    ----------
    limits : Limits
    majoriser, hessian, gradient, coef
        As in :func:`maximise`; the majoriser is not grouped.
    share : float
        To which share of what they are at ``coef`` violations are brought down in lines of blocks that no constraint
        sees; those of others are brought to zero.
    fixed : (L, p) of bool, optional
        Coefficients that stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from classicmoe.penalties import L1
    >>> from classicmoe.penalties._limits import Limits
    >>> least = Limits(np.array([[[0.0, -1.0, 0.0]]]), np.array([-2.0]), np.array([False]))  # c_1 >= 2
    >>> coef = np.array([[0.0, 2.0, 0.0]])
    >>> maximise_within(least, L1(3.0).majoriser(coef), 2.0 * np.eye(3)[None], np.array([[1.0, 0.0, 5.0]]), coef, 1e-9)
    array([[0.5, 2. , 1. ]])
    """
    fixed = np.zeros(coef.shape, dtype=bool) if fixed is None else fixed
    if hessian.ndim == 2:
        return _together(limits, majoriser, hessian, gradient, coef, fixed)
    out, width = np.array(coef, dtype=float), coef.shape[1]
    for lines, rows in coupled(limits):
        made = Majoriser(majoriser.threshold[lines], majoriser.ridge[lines])
        if not len(rows):
            wrong = np.abs(violation(made, gradient[lines], coef[lines])).max()
            tol = share * max(wrong, FLAT * np.abs(gradient[lines]).max())
            free = maximise(made, hessian[lines], gradient[lines], coef[lines], tol)
            out[lines] = np.where(fixed[lines], coef[lines], free)
            continue
        own = Limits(limits.rows[rows][:, lines], limits.bound[rows], limits.exact[rows])
        dense = np.zeros((len(lines), width, len(lines), width))
        each = np.arange(len(lines))
        dense[each, :, each] = hessian[lines]
        square = dense.reshape(len(lines) * width, len(lines) * width)
        out[lines] = _together(own, made, square, gradient[lines], coef[lines], fixed[lines])
    return out


def _together(
    limits: Limits, majoriser: Majoriser, hessian: Array, gradient: Array, coef: Array, fixed: NDArray[np.bool_]
) -> Array:
    """Maximise over lines that constraints, or the Hessian (L * p, L * p), couple."""
    held = ((majoriser.threshold >= HELD) & ~fixed).ravel()
    free = np.flatnonzero(~(held | fixed.ravel()))
    out = np.where(held, 0.0, coef.ravel())
    given = out.copy()
    given[free] = 0.0
    inner = hessian[free[:, None], free]
    inner[np.diag_indices_from(inner)] += majoriser.ridge.ravel()[free]
    slope = gradient.ravel()[free] + (hessian @ (coef.ravel() - given))[free]
    bent = np.diagonal(inner)
    most = bent.max(initial=0.0) or 1.0
    scale = 1.0 / np.sqrt(np.where(bent > FLAT * most, bent, most))
    rows = limits.rows.reshape(len(limits.bound), -1)
    own = rows[:, free] * scale
    length = np.linalg.norm(own, axis=1)
    some = length > 0.0  # the others are about coefficients that stay as they are
    program = Program(
        inner * scale * scale[:, None],
        slope * scale,
        majoriser.threshold.ravel()[free] * scale,
        own[some] / length[some, None],
        (limits.bound - rows @ given)[some] / length[some],
        limits.exact[some],
    )
    out[free] = program.maximum(out[free] / scale) * scale
    return out.reshape(coef.shape)


def nearest(limits: Limits, majoriser: Majoriser, coef: Array) -> Array:
    """Return the nearest coefficients (L, p) within the limits; those with infinite thresholds are zero."""
    held = Majoriser(np.where(majoriser.threshold >= HELD, np.inf, 0.0), np.zeros(coef.shape))
    identity = np.broadcast_to(np.eye(coef.shape[1]), (len(coef), coef.shape[1], coef.shape[1]))
    return maximise_within(limits, held, identity, np.zeros(coef.shape), coef, 1.0)


def shortest(limits: Limits, majoriser: Majoriser, gradient: Array, coef: Array) -> Array:
    r"""Return the shortest subgradient of log-likelihood minus majoriser within the limits, (L, p).

    That is :func:`violation` of :math:`g - \sum_r \lambda_r A_r` with the best multipliers of the constraints that
    bind: 0 where the conditions of optimality hold.
    """
    out = violation(majoriser, gradient, coef)
    active = limits.active(coef)
    touched = limits.rows[active].any(axis=0) & (majoriser.threshold < HELD)
    if not touched.any():
        return out
    slope = (gradient - majoriser.ridge * coef)[touched]
    rows, exact = limits.rows[active][:, touched], limits.exact[active]
    out[touched] = unexplained(rows, exact, slope, majoriser.threshold[touched], coef[touched])
    return out
