"""The model file: one zip of JSON and arrays. It knows no model, and reading one never runs code.

A file holds::

    model.json                      format, versions, the header and the SHA-256 of every other member
    arrays/<name>.npy               NumPy arrays: float64, float32, int64, bool or text
    transformers/<side>.skops       opaque bytes (see :mod:`classicmoe.transformers_io`)

The zip is of the plain kind of :mod:`classicmoe.zipped`. Array headers are matched against the one form that NumPy
writes instead of being evaluated, so nothing in a hostile file is ever interpreted.
"""

import hashlib
import io
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from classicmoe import __version__
from classicmoe.exceptions import ModelFileError
from classicmoe.zipped import UnreadableError, open_members, pack_members, read_member

FORMAT_NAME = "classicmoe-model"
FORMAT_VERSION = 1
MAX_BYTES = 2**30
_MAX_JSON_BYTES = 2**26
_MANIFEST = "model.json"
_MEMBER_NAME = re.compile(r"(arrays/[A-Za-z_]\w{0,99}\.npy|transformers/[A-Za-z_]\w{0,99}\.skops)", re.ASCII)
_NPY_HEADER = re.compile(
    rb"\{'descr': '(<f8|<f4|<i8|\|b1|<U[1-9]\d{0,8})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,15}, ?)*(?:\d{1,15})?)\), \} *\n"
)
_NPY_MAGIC = b"\x93NUMPY\x01\x00"


def write_archive(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    blobs: Mapping[str, bytes] | None = None,
    *,
    created: str | None = None,
) -> None:
    """Write a model file, whole or not at all.

    The bytes are a function of the arguments and of the version of classicmoe alone.

    Parameters
    ----------
    path : str or path-like
        Where to write; a file that is there already is replaced in one step.
    header : mapping
        What JSON can hold (NumPy scalars are written as Python's); numbers must be finite.
    arrays : mapping of str to ndarray
        Arrays by identifier; dtype float64, float32, int64, bool or text (``<U``).
    blobs : mapping of str to bytes, optional
        Members ``transformers/<side>.skops`` by side.
    created : str, optional
        A date to store. By default none is, so that equal models give equal files.

    Raises
    ------
    TypeError
        An array has another dtype, or the header holds what JSON cannot.
    ValueError
        A name is not an identifier, or the header holds NaN or an infinity.
    ModelFileError
        The file cannot be written.
    """
    members = {f"arrays/{name}.npy": _to_npy(name, array) for name, array in arrays.items()}
    members |= {f"transformers/{side}.skops": blob for side, blob in (blobs or {}).items()}
    for name in members:
        if not _MEMBER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a member of a model file: names are ASCII identifiers.")
    manifest = {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "created": created,
        "members": {name: hashlib.sha256(members[name]).hexdigest() for name in sorted(members)},
        "header": dict(header),
    }
    text = json.dumps(manifest, allow_nan=False, indent=1, default=_to_json)
    _replace_file(Path(path), pack_members({_MANIFEST: text.encode("ascii"), **members}))


def read_archive(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, bytes]]:
    """Read a model file that may come from anywhere.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_bytes : int, default 2**30
        Largest file, in bytes, that is read. Memory stays within a small multiple of the file's size.

    Returns
    -------
    header : dict
        The header as written, with ``package_version`` and ``created`` added.
    arrays : dict of str to ndarray
        The arrays by name, writable.
    blobs : dict of str to bytes
        The transformers' bytes by side.

    Raises
    ------
    ModelFileError
        The file is missing, not a model file, damaged, too large or from a newer version; the message says which.
    """
    try:
        return _read(_read_file(Path(path), max_bytes))
    except _NewerFormatError as error:
        raise ModelFileError(f"{os.fspath(path)} {error}") from None
    except UnreadableError as error:
        raise ModelFileError(f"{os.fspath(path)} cannot be read as a model: {error}.") from error.__cause__


class _NewerFormatError(UnreadableError):
    """The file is sound but from a later classicmoe."""


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, bytes]]:
    archive = open_members(data)
    names = set(archive.namelist())
    if _MANIFEST not in names:
        raise UnreadableError(f"it is a zip file without {_MANIFEST}")
    manifest = _read_manifest(read_member(archive, _MANIFEST))
    checksums = manifest["members"]
    for name in sorted(names - {_MANIFEST} ^ set(checksums)):
        where = "listed but not there" if name in checksums else "there but not listed"
        raise UnreadableError(f"its member {name!r} is {where}")
    arrays, blobs = {}, {}
    for name, checksum in checksums.items():
        if not _MEMBER_NAME.fullmatch(name):
            raise UnreadableError(f"it has a member {name!r} that no model file has")
        content = read_member(archive, name)
        if hashlib.sha256(content).hexdigest() != checksum:
            raise UnreadableError(f"its member {name!r} does not match its checksum")
        folder, _, stem = name.rpartition(".")[0].partition("/")
        if folder == "arrays":
            arrays[stem] = _from_npy(name, content)
        else:
            blobs[stem] = content
    extra = {key: manifest[key] for key in ("package_version", "created")}
    return manifest["header"] | extra, arrays, blobs


def _read_manifest(content: bytes) -> dict[str, Any]:
    if len(content) > _MAX_JSON_BYTES:
        raise UnreadableError(f"its {_MANIFEST} is larger than {_MAX_JSON_BYTES} bytes")
    try:
        manifest = json.loads(
            content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"its {_MANIFEST} is not strict JSON ({error})") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT_NAME:
        raise UnreadableError(f"its {_MANIFEST} does not say {FORMAT_NAME!r}")
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise UnreadableError(f"its format version is {version!r}")
    if version > FORMAT_VERSION:
        raise _NewerFormatError(
            f"uses format {version}; this classicmoe {__version__} reads up to {FORMAT_VERSION}. Upgrade classicmoe."
        )
    for key, kind in {"header": dict, "members": dict, "package_version": str}.items():
        if not isinstance(manifest.get(key), kind):
            raise UnreadableError(f"its {_MANIFEST} has no usable {key!r}")
    if not isinstance(manifest.setdefault("created", None), str | None):
        raise UnreadableError(f"its {_MANIFEST} has no usable 'created'")
    return manifest


def _read_file(path: Path, max_bytes: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("it is not a regular file")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    if len(data) > max_bytes:
        raise UnreadableError(f"it has {status.st_size} bytes, more than the {max_bytes} allowed (max_bytes)")
    return data


def _replace_file(path: Path, data: bytes) -> None:
    # Written beside the target and renamed, so that no reader ever sees half a model.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be written: {error.strerror or error}.") from error


def _to_npy(name: str, array: np.ndarray) -> bytes:
    array = np.asarray(array)
    if array.dtype.kind != "U" and array.dtype.newbyteorder("=") not in map(np.dtype, ("f8", "f4", "i8", "?")):
        raise TypeError(
            f"Array {name!r} has dtype {array.dtype}; a model file holds float64, float32, int64, bool and text."
        )
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _from_npy(name: str, content: bytes) -> np.ndarray:
    start = len(_NPY_MAGIC) + 2
    stop = start + int.from_bytes(content[start - 2 : start], "little")
    matched = _NPY_HEADER.fullmatch(content, start, stop)
    if not content.startswith(_NPY_MAGIC) or matched is None:
        raise UnreadableError(f"its member {name!r} is not a plain array of numbers or text")
    dtype = np.dtype(matched[1].decode("ascii"))
    shape = tuple(int(size) for size in matched[2].split(b",") if size.strip())
    payload = content[stop:]
    # Empty dimensions count as one, or (0, 10**15) would pass and be believed later.
    largest = math.prod(max(size, 1) for size in shape) * dtype.itemsize
    if len(shape) > 8 or math.prod(shape) * dtype.itemsize != len(payload) or largest > MAX_BYTES:
        raise UnreadableError(f"its member {name!r} declares shape {shape} but holds {len(payload)} bytes")
    if dtype.kind == "b" and payload.translate(None, b"\x00\x01"):
        raise UnreadableError(f"its member {name!r} holds truth values that are neither 0 nor 1")
    if dtype.kind == "U" and np.frombuffer(payload, "<u4").max(initial=0) > 0x10FFFF:
        raise UnreadableError(f"its member {name!r} holds characters that do not exist")
    return np.frombuffer(payload, dtype, math.prod(shape)).reshape(shape).astype(dtype.newbyteorder("="))


def _to_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"The header of a model file cannot hold a {type(value).__name__}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("an object names a key twice")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
