"""What rows carry beside features, response and weight: exposures, offsets, the other end of an interval, a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from classicmoe.cli.read import require_column
from classicmoe.exceptions import ConfigurationError, DataError, RowDataError
from classicmoe.messages import count_text, name_list
from classicmoe.models.beside import Beside
from classicmoe.models.frames import as_table, kind_of, numbers_of
from classicmoe.models.observed import observed

if TYPE_CHECKING:
    import pandas as pd

Window = tuple[float | None, float | None]


@dataclass(frozen=True)
class Carried:
    """Names of the columns, and the window (a, b] outside of which no row was seen.

    A model file keeps them as ``run_``, so that scoring finds the columns again.
    """

    exposure: str | None = None
    offset: str | None = None
    upper: str | None = None
    truncate: Window | None = None

    @classmethod
    def of(cls, model: Any) -> Carried:
        """Return what a model was fitted with on the command line."""
        known = {name: value for name, value in (getattr(model, "run_", None) or {}).items() if name in _NAMES}
        for name in ("exposure", "offset"):
            if not getattr(model, f"{name}_used_", False):
                known.pop(name, None)  # fitted again in Python, without
        window = known.get("truncate")
        return cls(**(known | {"truncate": None if window is None else (window[0], window[1])}))

    def or_else(self, other: Carried) -> Carried:
        """Return this, with what the other has in place of what is not there."""
        mine = {name: value for name, value in vars(self).items() if value is not None}
        return Carried(**(vars(other) | mine))

    def state(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"truncate": None if self.truncate is None else list(self.truncate)}

    @property
    def partly_known(self) -> bool:
        """Whether responses are intervals, or rows were seen through a window."""
        return self.upper is not None or self.truncate is not None

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield option and column of all that were named."""
        for option in ("exposure", "offset", "upper"):
            name = getattr(self, option)
            if name is not None:
                yield option, name

    def check_roles(self, roles: dict[str, str], left_out: list[str]) -> None:
        """Refuse columns that have two roles; ``roles`` are the other ones, by column.

        Raises
        ------
        ConfigurationError
            Naming both.
        """
        taken = dict(roles)
        for option, name in self.columns():
            if name in taken:
                raise ConfigurationError(f"{name!r} cannot be {taken[name]} and --{option} at once.")
            if name in left_out:
                raise ConfigurationError(f"{name!r} is used by --{option}, and named by --drop as well.")
            taken[name] = f"--{option}"

    def beside(self, rows: pd.DataFrame, source: str) -> dict[str, Any]:
        """Return exposures and offsets as keyword arguments of ``fit`` and ``predict``.

        Raises
        ------
        ColumnError, RowDataError
            No such column, or what is wrong with it and in which rows.
        """
        given = {}
        for option in ("exposure", "offset"):
            name = getattr(self, option)
            if name is None:
                continue
            require_column(rows, name, source)
            try:
                given[option] = getattr(Beside(**{option: numbers(rows, name)}).checked(len(rows)), option)
            except RowDataError as error:
                raise RowDataError(f"--{option} {name}: {error}") from error
        return given

    def responses(self, rows: pd.DataFrame, response: str, source: str) -> Any:
        """Return the response as a model takes it: a column, or intervals and windows.

        Raises
        ------
        ColumnError, DataError
            No such column, values that are not numbers, intervals upside down, responses outside the window.
        """
        if not self.partly_known:
            return rows[response]
        low = numbers(rows, response)
        high = None
        if self.upper is not None:
            require_column(rows, self.upper, source)
            high = numbers(rows, self.upper)
            high = np.where(np.isnan(high), np.inf, high)
        try:
            return observed(low, high, self.truncate)
        except DataError as error:
            names = f"-y {response}" + (f" --upper {self.upper}" if self.upper else "")
            raise type(error)(f"{names}: {error}") from error


NOTHING = Carried()
_NAMES = tuple(vars(NOTHING))


def numbers(rows: pd.DataFrame, name: str) -> Any:
    """Return a column as floats, NaN where nothing is.

    Raises
    ------
    DataError
        The column holds something else.
    """
    table = as_table(rows[[name]])
    assert table is not None
    column = table.column(name)
    if kind_of(column) not in ("number", "boolean"):
        seen = name_list([value for value in dict.fromkeys(column.to_list()) if isinstance(value, str)], limit=3)
        raise DataError(f"{name!r} must hold numbers; it holds {seen or column.dtype}.")
    return numbers_of(column).astype(float)


def known_text(y: Any) -> str:
    """Say how much is known of responses that are intervals or were seen through a window.

    Examples
    --------
    >>> known_text(observed([1.0, 2.0, 3.0], [1.0, np.inf, 4.0], (0.0, None)))
    '1 of 3 responses known exactly, 1 censored on the right, 1 known up to an interval; seen in (0, inf] only'
    """
    low, high, above, below = (y[name] for name in y.dtype.names)
    exact, right, left = low == high, np.isposinf(high), np.isneginf(low)
    counts = [
        (right & ~left, "censored on the right"),
        (left & ~right, "censored on the left"),
        (~(exact | right | left), "known up to an interval"),
        (left & right, "not known at all"),
    ]
    parts = [f"{int(exact.sum())} of {count_text(len(y), 'response')} known exactly"]
    parts += [f"{int(which.sum())} {what}" for which, what in counts if which.any()]
    seen = np.isfinite(above) | np.isfinite(below)
    window = f"; seen in ({above[0]:g}, {below[0]:g}] only" if seen.any() else ""
    return ", ".join(parts) + window
