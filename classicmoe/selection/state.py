"""The file behind ``resume=``: one line of JSON per finished model, so that nothing is fitted twice.

The first line names the format, the version of classicmoe, the data (a hash) and the grid's seed. Every other line is
one model: a hash of its settings and its row of the table, once for its independent starts and, when it has been
started from splits as well, once more under a hash of its settings and of those of all models below it. A line that was
cut off while it was written is dropped.
Fitted parameters are not stored: a model that is needed again is fitted again, which gives the same one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

from classicmoe import __version__
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.selection.grid import Candidate

_FORMAT = "classicmoe-selection"
_FORMAT_VERSION = 2
_NOT_FINITE = {"nan": nan, "inf": inf, "-inf": -inf}
_MARK = "number"


class State:
    """Finished models of a grid, in a file.

    Parameters
    ----------
    path : str or path-like
        Read at once if it is there; written by :meth:`begin` and :meth:`add` only.

    Attributes
    ----------
    seed : int or None
        The seed of the models in the file; None when there is no file yet.

    Raises
    ------
    ModelFileError
        The file cannot be read, or is something else than the state of a selection. It is left as it is.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = Path(path)
        self._whole = 0  # bytes of complete lines
        self._rows: dict[str, dict[str, Any]] = {}
        self._header: dict[str, Any] | None = None
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise ModelFileError(f"resume={str(path)!r} cannot be read: {error.strerror or error}.") from error
        if content:
            self._read(content)
        self.seed: int | None = None if self._header is None else self._header["seed"]

    def _read(self, content: bytes) -> None:
        self._whole = content.rfind(b"\n") + 1
        try:
            header, *lines = (json.loads(line) for line in content[: self._whole].decode("utf-8").splitlines())
            if header["format"] != _FORMAT or not isinstance(header["seed"], int):
                raise ValueError
            for line in lines:
                self._rows[line["model"]] = _decode(line["row"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(
                f"resume={str(self._path)!r} is not the state of a selection, or it is damaged; it was left as it is. "
                "Name another file."
            ) from error
        self._header = header

    def begin(self, data: str, seed: int) -> None:
        """Make ready to add models of the grid on these data.

        Raises
        ------
        ConfigurationError
            The file belongs to other data or another version, or cannot be written.
        """
        header = {"format": _FORMAT, "format_version": _FORMAT_VERSION, "package_version": __version__, "data": data}
        try:
            if self._header is None:
                self._path.write_text(json.dumps(header | {"seed": seed}) + "\n", encoding="utf-8")
                return
            self._check(header)
            os.truncate(self._path, self._whole)
        except OSError as error:
            raise ConfigurationError(
                f"resume={str(self._path)!r} cannot be written: {error.strerror or error}."
            ) from error

    def _check(self, header: Mapping[str, Any]) -> None:
        found = self._header or {}
        if found.get("data") != header["data"]:
            raise ConfigurationError(
                f"resume={str(self._path)!r} belongs to other data (X, y, weights or their names and types differ): "
                "its models cannot be ranked with models of these data. Name another file, or delete this one."
            )
        for key in ("format_version", "package_version"):
            if found.get(key) != header[key]:
                raise ConfigurationError(
                    f"resume={str(self._path)!r} was written by classicmoe {found.get('package_version')}, this is "
                    f"{__version__}: their searches may differ. Name another file, or delete this one."
                )

    def find(self, model: str) -> dict[str, Any] | None:
        """Return the row of a finished model; None for one that is not there or failed."""
        row = self._rows.get(model)
        return None if row is None or row["error"] is not None else dict(row)

    def add(self, model: str, row: Mapping[str, Any]) -> None:
        """Append a finished model and see to it that the line is on disk."""
        line = json.dumps({"model": model, "row": _encode(row)}, allow_nan=False) + "\n"
        self._rows[model] = dict(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class Memory(NamedTuple):
    """A state file as a grid sees it: rows of its candidates, without what the grid itself says of them."""

    state: State
    candidates: Sequence[Candidate]
    keys: Sequence[str]  # of the candidates' settings

    def find(self, key: str, number: int) -> dict[str, Any] | None:
        """Return the finished row of a candidate."""
        row = self.state.find(key)
        return None if row is None else self.candidates[number].labels | row

    def add(self, key: str, number: int, row: Mapping[str, Any]) -> None:
        """Keep the row of a candidate; another grid may name the same model otherwise."""
        labels = self.candidates[number].labels
        self.state.add(key, {name: value for name, value in row.items() if name not in labels})


def _encode(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without NaN and infinities, which strict JSON has not."""
    return {
        name: {_MARK: str(value)} if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }


def _decode(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _NOT_FINITE[value[_MARK]] if isinstance(value, dict) else value for name, value in row.items()}
