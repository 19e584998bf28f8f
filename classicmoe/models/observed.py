"""Responses that are partly known: intervals, and rows that could only be seen inside a window."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from classicmoe.contracts import Array
from classicmoe.em.mixture import Mixture
from classicmoe.em.source import Chunk
from classicmoe.em.truncated import TruncatedMixture
from classicmoe.exceptions import ConfigurationError, DataError
from classicmoe.experts.partly_known import partly_known
from classicmoe.messages import rows_text

FIELDS = np.dtype([("lower", float), ("upper", float), ("above", float), ("below", float)])


def observed(lower: Any, upper: Any = None, truncation: tuple[Any, Any] | None = None) -> np.ndarray:
    r"""Return responses of which only an interval is known, or that were seen only inside a window.

    Pass the result as ``y`` to ``fit``, ``score_samples``, ``responsibilities``, the criteria, :class:`MoESelector` or
    a cross-validation: a row then contributes

    .. math::

        \log \sum_k g_k(x) P_k(\text{lower} \le Y \le \text{upper}) - \log \sum_k g_k(x) P_k(a < Y \le b),

    with the density in the place of the first probability where lower = upper. Predictions are of the whole
    population, not of the part inside the window.

    Parameters
    ----------
    lower : array-like of shape (n,)
        The response, or the lower end of the interval; ``-inf`` where there is none.
    upper : array-like of shape (n,), optional
        The upper end, included; ``inf`` where the response was censored on the right. Default: ``lower``.
    truncation : pair (a, b), optional
        Rows with a response outside (a, b] did not enter the table. Numbers or arrays of shape (n,); None for no
        limit. ``(0, None)`` for counts without zeros, ``(deductible, None)`` for claims.

    Returns
    -------
    ndarray of shape (n,)
        Structured, with the fields ``lower``, ``upper``, ``above`` and ``below``: rows can be taken like those of any
        array.

    Raises
    ------
    DataError
        Missing values, intervals that are upside down, empty windows, responses outside their windows; with the rows.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete data via the EM
    algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Examples
    --------
    Life times, some of them known only to be longer than the time of observation:

    >>> import numpy as np
    >>> from classicmoe import MoERegressor, observed
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> life = rng.gamma(3.0, np.exp(np.where(rng.random(300) < 0.5, 1.0, 3.0) + 0.2 * x[:, 0]))
    >>> seen = np.minimum(life, 80.0)
    >>> y = observed(seen, np.where(life > 80.0, np.inf, seen))
    >>> m = MoERegressor(2, expert="gamma", gate="constant", n_init=3, random_state=0).fit(x, y)
    >>> bool(m.converged_)
    True
    """
    low = _numbers("lower", lower)
    high = low if upper is None else _numbers("upper", upper)
    out = np.empty(len(low), FIELDS)
    ends = (None, None) if truncation is None else truncation
    if len(ends) != 2:
        raise ConfigurationError(f"truncation must be a pair (a, b), not {truncation!r}.")
    given = (low, high, *(none if end is None else end for end, none in zip(ends, (-np.inf, np.inf), strict=True)))
    for name, values in zip(FIELDS.names or (), given, strict=True):
        array = _numbers(name, values)
        if array.shape not in ((), low.shape):
            raise DataError(f"{name!r} has shape {array.shape}, but there are {len(low)} responses.")
        out[name] = array
    _check(out)
    return out


def _numbers(name: str, values: Any) -> Array:
    array = np.asarray(values, dtype=float)
    if array.ndim > 1:
        raise DataError(f"{name!r} must be one number per row, not of shape {array.shape}.")
    wrong = np.flatnonzero(np.isnan(array))
    if len(wrong):
        raise DataError(f"{name!r} is missing in {len(wrong)} rows: {rows_text(wrong)}. Use -inf or inf for no limit.")
    return array


def _check(y: np.ndarray) -> None:
    low, high, above, below = (y[name] for name in FIELDS.names or ())
    _refuse(low > high, "The interval is upside down (lower > upper)", "Exchange the ends.")
    _refuse((low == np.inf) | (high == -np.inf), "The interval holds no number", "Leave these rows out.")
    _refuse(~(above < below), "The window of the truncation is empty (a >= b)", "It must be (a, b) with a < b.")
    exact = low == high
    outside = np.where(exact, (low <= above) | (low > below), (low < above) | (high > below))
    cure = "Rows outside (a, b] cannot have been seen: correct the window or leave them out."
    _refuse(outside, "The response is outside its own window", cure)


def _refuse(wrong: np.ndarray, what: str, cure: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise DataError(f"{what} in {len(rows)} of {len(wrong)} rows: {rows_text(rows)} (counted from 0). {cure}")


class Known(NamedTuple):
    """What is known of responses: a number each (n,), bounds (n, 2) or None, windows (n, 2) or None."""

    y: Any
    bounds: Array | None = None
    window: Array | None = None


def known(y: Any) -> Known:
    """Take responses made by :func:`observed` apart; others are returned as they are."""
    if not is_observed(y):
        return Known(y)
    if not len(y):
        return Known(np.zeros(0))
    _check(y)  # rows may have been put together by hand
    low, high = y["lower"], y["upper"]
    exact = low == high
    # P(lower <= Y) includes the end, which has a probability of its own in a family of counts, unless it was not seen.
    first = np.where(exact, low, np.maximum(np.nextafter(low, -np.inf), y["above"]))
    bounds = None if exact.all() else np.column_stack([first, high])
    window = np.column_stack([y["above"], y["below"]])
    return Known(_inside(low, high), bounds, window if np.isfinite(window).any() else None)


def is_observed(y: Any) -> bool:
    """Tell whether responses were made by :func:`observed`."""
    return isinstance(y, np.ndarray) and y.dtype.names == FIELDS.names


def _inside(low: Array, high: Array) -> Array:
    """Return some number of every interval, whole where both ends are, from which starts are made."""
    open_low, open_high = np.isneginf(low), np.isposinf(high)
    bounded = ~(open_low | open_high)
    middle = np.where(bounded, low + 0.5 * (np.where(bounded, high, 0.0) - np.where(bounded, low, 0.0)), 0.0)
    whole = bounded & (low == np.floor(low)) & (high == np.floor(high))
    out = np.where(whole, np.ceil(middle), middle)
    typical = float(np.median(out[bounded])) if bounded.any() else 1.0
    out = np.where(open_high & ~open_low, np.maximum(low, np.where(low <= 0.0, typical, low)), out)
    out = np.where(open_low & ~open_high, np.minimum(high, np.where(high >= 0.0, typical, high)), out)
    return np.where(open_low & open_high, typical, out)


def as_seen(mixture: Mixture, rows: Chunk) -> Mixture:
    """Return the mixture as rows show it that are partly known.

    Raises
    ------
    ConfigurationError
        Truncated rows and a gate that models x, or a family for classes.
    """
    if not rows.partly_known:
        return mixture
    if rows.window is not None and mixture.gate.joint:
        raise ConfigurationError(
            "A gate that models x cannot know which rows were never seen: use a softmax, tree or constant gate with "
            "truncated responses."
        )
    expert = partly_known(mixture.expert)
    return Mixture(mixture.gate, expert) if rows.window is None else TruncatedMixture(mixture.gate, expert)
