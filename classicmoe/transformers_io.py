"""Fitted scikit-learn transformers as bytes, through skops.

This is what a model file stores of ``gate_features`` and ``expert_features`` when they are transformers.

Only a fixed list of scikit-learn modules is trusted, on both ways: saving anything else fails before a byte is
written, and loading never imports what a file asks for beyond that list.
"""

import json
from collections.abc import Iterator
from typing import Any

from sklearn.base import BaseEstimator

from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.zipped import UnreadableError, pack_members, unpack_members

_SCHEMA = "schema.json"
# Transformers whose fitted state is numbers. Trees and neighbours are left out: their compiled code follows indices
# from the file without checking them.
_TRUSTED_MODULES = (
    "sklearn.compose",
    "sklearn.decomposition",
    "sklearn.feature_selection",
    "sklearn.impute._base",
    "sklearn.kernel_approximation",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.random_projection",
    "sklearn.utils",
)
# What those transformers are made of.
_TRUSTED_PARTS = ("builtins", "collections", "numpy", "scipy.sparse", "scipy.special")
# Parts that skops does not trust by itself. The splines are built anew after loading, by their checking constructor.
_SPLINES = ("scipy.interpolate._bsplines.BSpline", "scipy._lib.array_api_compat.numpy._aliases.asarray")
_TRUSTED_TYPES = ("numpy.dtype", "sklearn.compose._column_transformer.make_column_selector", *_SPLINES)
_CURE = (
    "Use transformers of scikit-learn (preprocessing, compose, pipeline, impute, decomposition, ...), give the columns "
    "as names or a formula, or apply the transformer to the data before fitting."
)


def dump_transformer(transformer: Any) -> bytes:
    """Return a fitted scikit-learn transformer as bytes that :func:`load_transformer` reads.

    Equal transformers give equal bytes.

    Raises
    ------
    ConfigurationError
        The transformer, or something inside it, is not one of scikit-learn's (the message names the type), or skops
        is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import PolynomialFeatures
    >>> squares = PolynomialFeatures(2).fit(np.zeros((4, 1)))
    >>> load_transformer(dump_transformer(squares)).transform([[3.0]]).tolist()
    [[1.0, 3.0, 9.0]]
    """
    skops_io = _skops_io()
    what = f"the transformer {type(transformer).__name__}"
    if not _is_transformer(transformer):
        raise ConfigurationError(f"A model file cannot hold {what}: it is none of scikit-learn's. {_CURE}")
    try:
        members = _canonical(unpack_members(skops_io.dumps(transformer)))
    except (TypeError, AttributeError, UnreadableError) as error:
        raise ConfigurationError(f"A model file cannot hold {what} ({error}). {_CURE}") from error
    data = pack_members(members)
    if untrusted := _untrusted(skops_io, data, members):
        raise ConfigurationError(f"A model file cannot hold {what}: it contains {', '.join(untrusted)}. {_CURE}")
    return data


def load_transformer(data: bytes) -> BaseEstimator:
    """Return the transformer that :func:`dump_transformer` made into bytes.

    Raises
    ------
    ModelFileError
        The bytes are damaged or hold anything but scikit-learn transformers of the trusted list.
    ConfigurationError
        skops is not installed.
    """
    skops_io = _skops_io()
    try:
        members = unpack_members(data)
        if untrusted := _untrusted(skops_io, data, members):
            raise UnreadableError(f"it contains {', '.join(untrusted)}, which no model file may")
        transformer = skops_io.loads(data, trusted=list(_TRUSTED_TYPES))
        if not _is_transformer(transformer):
            raise UnreadableError(f"it is a {type(transformer).__name__}")
        _rebuild_splines(transformer)
    except Exception as error:  # hostile bytes may fail anywhere in skops; the answer is the same
        raise ModelFileError(f"A transformer of the model file cannot be read: {error}.") from error
    return transformer


def _skops_io() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ConfigurationError(
            "Model files with a scikit-learn transformer need the package skops: python -m pip install skops"
        ) from error
    return skops.io


def _untrusted(skops_io: Any, data: bytes, members: dict[str, bytes]) -> list[str]:
    unknown = set(skops_io.get_untrusted_types(data=data)) - set(_TRUSTED_TYPES)
    for node in _nodes(json.loads(members[_SCHEMA])):
        module, name = node.get("__module__"), f"{node.get('__module__')}.{node.get('__class__')}"
        if module is not None and name not in _TRUSTED_TYPES and not _within(module, _TRUSTED_MODULES + _TRUSTED_PARTS):
            unknown.add(name)
    return sorted(unknown)


def _is_transformer(value: Any) -> bool:
    return isinstance(value, BaseEstimator) and hasattr(value, "transform")


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(child)


def _canonical(members: dict[str, bytes]) -> dict[str, bytes]:
    # skops names objects and files by their addresses in memory; numbering them in order makes equal bytes.
    schema = json.loads(members[_SCHEMA])
    numbers: dict[Any, int] = {}
    files: dict[str, bytes] = {}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if "file" in node:
            old = node["file"]
            node["file"] = f"{numbers.setdefault(old, len(numbers))}.{old.rpartition('.')[2]}"
            files[node["file"]] = members[old]
    return files | {_SCHEMA: json.dumps(schema).encode("ascii")}


def _rebuild_splines(value: Any) -> None:
    # SplineTransformer evaluates its splines in compiled code that believes their sizes.
    if isinstance(value, BaseEstimator):
        if splines := getattr(value, "bsplines_", None):
            value.bsplines_ = [type(s)(s.t, s.c, s.k, s.extrapolate, s.axis) for s in splines]
        value = vars(value)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _rebuild_splines(child)
