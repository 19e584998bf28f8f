"""Loaders of the tables in the top-level ``datasets/`` folder, in scikit-learn's habit.

``datasets/registry.json`` says for every table which file holds it, its checksum, target, features and the kind of
each column. In a wheel the folder lies inside this package as ``data/``; in a checkout it lies beside the package.
Nothing is ever downloaded.
"""

import csv
import difflib
import gzip
import hashlib
import io
import json
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from classicmoe.exceptions import ConfigurationError, DataError

_INSTALLED = Path(__file__).resolve().parent / "data"
_CHECKOUT = Path(__file__).resolve().parents[2] / "datasets"


@cache
def _folder():
    """Folder of the data files: inside the installed package, else in the checkout."""
    for folder in (_INSTALLED, _CHECKOUT):
        if (folder / "registry.json").is_file():
            return folder
    raise DataError(f"The data files of classicmoe are neither in {_INSTALLED} nor in {_CHECKOUT}: install it again.")


@cache
def _registry():
    """Entries of registry.json by name, in its order."""
    return json.loads((_folder() / "registry.json").read_text(encoding="utf-8"))["datasets"]


def list_datasets():
    """Names of the data sets that :func:`load_dataset` knows.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from classicmoe.datasets import list_datasets
    >>> "ethanol" in list_datasets()
    True
    """
    return list(_registry())


def _canonical(name):
    """Registry's spelling of a name, whatever its case; an error with the nearest names if there is none."""
    spellings = {known.lower(): known for known in _registry()}
    wanted = str(name).strip().lower()
    if wanted in spellings:
        return spellings[wanted]
    near = [spellings[key] for key in difflib.get_close_matches(wanted, spellings, n=2, cutoff=0.6)]
    hint = f" Did you mean {' or '.join(repr(known) for known in near)}?" if near else ""
    raise ConfigurationError(f"There is no data set {name!r}.{hint} The data sets are: {', '.join(list_datasets())}.")


def _checked_bytes(name):
    """Bytes of a data file as stored, after its checksum was found right."""
    entry = _registry()[name]
    path = _folder() / entry["file"]
    if not path.is_file():
        raise DataError(f"The file {path} of data set {name!r} is missing: install classicmoe again.")
    payload = path.read_bytes()
    digest = hashlib.sha256(payload).hexdigest()
    if digest != entry["sha256"]:
        raise DataError(
            f"The file {path} of data set {name!r} was changed or damaged: its sha256 is {digest}, "
            f"the registry says {entry['sha256']}. Install classicmoe again or restore the file."
        )
    return payload


def verify(name):
    """Check that the file of a data set is the one that was published.

    Parameters
    ----------
    name : str
        Name of the data set, see :func:`list_datasets`.

    Returns
    -------
    str
        The sha256 checksum of the file, as hexadecimal text.

    Raises
    ------
    DataError
        If the file is missing or its checksum is not that of the registry.
    ConfigurationError
        If there is no such data set.

    Examples
    --------
    >>> from classicmoe.datasets import verify
    >>> len(verify("ethanol"))
    64
    """
    name = _canonical(name)
    _checked_bytes(name)
    return _registry()[name]["sha256"]


def _column(spec, text):
    """Array of one column: float64, int64, str, or int64 codes of the levels for an ordered category."""
    if spec["kind"] == "text":
        return np.array(text, dtype=str)
    if spec["kind"] == "ordered":
        codes = {level: code for code, level in enumerate(spec["levels"])}
        return np.array([codes[value] for value in text], dtype=np.int64)
    number = int if spec["kind"] == "int" else float
    return np.array([number(value) for value in text], dtype=np.int64 if number is int else np.float64)


def _read_columns(name):
    """Columns of a data set as {column name: array}, in the order of the file."""
    entry = _registry()[name]
    payload = _checked_bytes(name)
    text = (gzip.decompress(payload) if entry["file"].endswith(".gz") else payload).decode("utf-8")
    _, *rows = csv.reader(io.StringIO(text))
    texts = zip(*rows, strict=True)
    return {spec["name"]: _column(spec, values) for spec, values in zip(entry["columns"], texts, strict=True)}


def _make_frame(entry, columns):
    """Return the whole table as a pandas data frame; ordered categories become ordered categoricals."""
    import pandas as pd

    def column(spec):
        values = columns[spec["name"]]
        if spec["kind"] == "ordered":
            return pd.Categorical.from_codes(values, categories=spec["levels"], ordered=True)
        return values

    return pd.DataFrame({spec["name"]: column(spec) for spec in entry["columns"]})


def _feature_array(columns):
    """Return the columns side by side: float64, or objects if one of them is text (its values cannot be numbers)."""
    if any(column.dtype.kind == "U" for column in columns):
        return np.column_stack([column.astype(object) for column in columns])
    return np.column_stack(columns).astype(np.float64, copy=False)


def _description(name, entry):
    """Readable text about a data set, the ``DESCR`` of its bunch."""
    lines = [entry["title"], "=" * len(entry["title"]), "", entry["description"], ""]
    lines += [f"Name: {name}, {entry['rows']} rows", f"Target: {entry['target']}"]
    lines += [f"Features: {', '.join(entry['features'])}", "", "Columns:"]
    for spec in entry["columns"]:
        unit = f" [{spec['unit']}]" if spec["unit"] else ""
        levels = f" ({' < '.join(spec['levels'])})" if "levels" in spec else ""
        lines.append(f"- {spec['name']}{unit}: {spec['description']}{levels}")
    source = entry["source"]
    lines += ["", f"Source: {source['package']} {source['version']}. Licence: {entry['licence']}.", "References:"]
    return "\n".join(lines + [f"- {reference}" for reference in entry["references"]]) + "\n"


def load_dataset(name, *, return_X_y=False, as_frame=False):
    """Load one of the data sets that travel with the package.

    Parameters
    ----------
    name : str
        Name of the data set (upper or lower case), see :func:`list_datasets`.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a bunch.
    as_frame : bool, default=False
        Return pandas objects instead of arrays.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        A bunch with the keys

        - ``data``: the features, float64 array (n_rows, n_features), or a data frame. In the array an ordered category
          (diamonds: cut, color, clarity) is its level's number, 0 for the first level of ``categories``; in a frame it
          is an ordered categorical. Only ames has features that are text: its array is one of objects, and the
          estimators need its data frame (``as_frame=True``), whose text columns they code.
        - ``target``: the response, float64 array (n_rows,), or a series.
        - ``frame``: the whole table with all columns, None unless ``as_frame``.
        - ``feature_names``, ``target_names``: lists of column names.
        - ``categories``: the levels of each ordered category, {column: list of str}.
        - ``extra``: the columns that are neither feature nor target (names of countries, true classes, other
          responses), {column: array}.
        - ``DESCR``: what the columns mean, their units, source, licence and references.
        - ``filename``: path of the data file.

    Raises
    ------
    ConfigurationError
        If there is no data set of that name; the message proposes the nearest ones.
    DataError
        If the file is missing or its checksum is wrong.

    Examples
    --------
    >>> from classicmoe.datasets import load_dataset
    >>> bunch = load_dataset("ethanol")
    >>> bunch.data.shape, bunch.feature_names, bunch.target_names
    ((88, 2), ['C', 'E'], ['NOx'])
    >>> X, y = load_dataset("tonedata", return_X_y=True)
    >>> X.shape, y.shape
    ((150, 1), (150,))
    >>> homes = load_dataset("ames", as_frame=True)
    >>> homes.data.shape, homes.data["Foundation"].nunique()
    ((2930, 72), 6)
    """
    name = _canonical(name)
    entry = _registry()[name]
    columns = _read_columns(name)
    features, target = entry["features"], entry["target"]
    frame = _make_frame(entry, columns) if as_frame else None
    if as_frame:
        data, response = frame[features], frame[target]
    else:
        data = _feature_array([columns[feature] for feature in features])
        response = columns[target].astype(np.float64, copy=False)
    if return_X_y:
        return data, response
    return Bunch(
        data=data,
        target=response,
        frame=frame,
        feature_names=list(features),
        target_names=[target],
        categories={spec["name"]: list(spec["levels"]) for spec in entry["columns"] if "levels" in spec},
        extra={column: values for column, values in columns.items() if column != target and column not in features},
        DESCR=_description(name, entry),
        filename=str(_folder() / entry["file"]),
    )
