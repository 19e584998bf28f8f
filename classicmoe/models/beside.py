"""What rows carry beside columns, response and weight: exposures and offsets, checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from classicmoe.contracts import Array
from classicmoe.exceptions import ConfigurationError, DataError, RowDataError
from classicmoe.messages import rows_text


class Beside(NamedTuple):
    """Exposures and offsets of rows, (n,) each or None."""

    exposure: Any = None
    offset: Any = None

    def checked(self, n_rows: int) -> Beside:
        """Return both as float64 arrays.

        Raises
        ------
        RowDataError
            Another length than X, NaN or infinite values, exposures that are not positive; with rows.
        """
        exposure = _numbers("exposure", self.exposure, n_rows)
        if exposure is not None and not (exposure > 0.0).all():
            wrong = np.flatnonzero(exposure <= 0.0)
            raise RowDataError(
                f"exposure must be positive; it is {exposure[wrong[0]]:g} in {rows_text(wrong)}. Leave rows out on "
                "which nothing can have happened."
            )
        return Beside(exposure, _numbers("offset", self.offset, n_rows))


def _numbers(name: str, values: Any, n_rows: int) -> Array | None:
    if values is None:
        return None
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RowDataError(f"{name} must hold numbers: {error}") from error
    if array.ndim == 0:
        array = np.full(n_rows, float(array))
    if array.shape != (n_rows,):
        raise RowDataError(f"{name} has shape {array.shape}, expected ({n_rows},): one value for every row.")
    wrong = np.flatnonzero(~np.isfinite(array))
    if len(wrong):
        raise RowDataError(f"{name} is missing or infinite in {len(wrong)} rows: {rows_text(wrong)}.")
    return array


def check_family(expert: Any, beside: Beside) -> None:
    """Refuse exposures and offsets that a family has no place for."""
    kind = getattr(expert, "exposure_is", None)
    if beside.exposure is not None and kind is None:
        raise ConfigurationError(
            f"{_name(expert)} experts have no exposure: it goes with counts ('poisson', 'negative_binomial' and the "
            "like: the expected count is proportional to it) and with 'binomial' (the number of trials). Use offset= "
            "or sample_weight=."
        )
    if beside.offset is not None and not getattr(expert, "takes_offset", False):
        raise ConfigurationError(
            f"{_name(expert)} experts have no offset; subtract it from y and add it to predictions."
        )


def _name(expert: Any) -> str:
    return str(getattr(expert, "name", "gaussian"))


def check_support(expert: Any, y: Array, beside: Beside, weight: Array | None, name: str) -> None:
    """Refuse responses that a family does not have, naming the rows.

    Raises
    ------
    DataError
        With the family, what is wrong, the rows and the cure.
    """
    if y.ndim != 1 or not hasattr(expert, "check"):
        return
    misfit = expert.check(y, beside.exposure)
    if misfit is None:
        return
    rows = misfit.rows if weight is None else misfit.rows[weight[misfit.rows] > 0.0]
    if len(rows):
        raise DataError(
            f"{name!r} is {misfit.what} in {len(rows)} of {len(y)} rows, which {expert.name} experts cannot have: "
            f"{rows_text(rows)}; the first is {y[rows[0]]:g}. {misfit.cure}"
        )
