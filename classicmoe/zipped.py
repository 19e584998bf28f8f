"""Zip files of the plainest kind, written from and read into memory: the container of model files.

Members are stored, not deflated: a model's parameters hardly compress, the bytes then depend neither on the clock nor
on the version of zlib, and no file can unpack to more than its own size. What is read may come from anywhere.
"""

import io
import struct
import zipfile
from collections.abc import Mapping

_MAX_DIRECTORY_BYTES = 2**22
_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")


class UnreadableError(ValueError):
    """Why bytes are not a model; the caller that knows the file's name adds it."""


def pack_members(members: Mapping[str, bytes]) -> bytes:
    """Zip members, sorted by name and stored, into bytes that depend on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name)
            info.create_system = 3  # else the byte depends on the operating system
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
    return buffer.getvalue()


def unpack_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip that :func:`pack_members` could have written.

    Raises
    ------
    UnreadableError
        It could not: the zip is damaged, or a member is compressed, encrypted or there twice.
    """
    archive = open_members(data)
    return {info.filename: read_member(archive, info.filename) for info in archive.infolist()}


def open_members(data: bytes) -> zipfile.ZipFile:
    """Open a zip whose table of contents is sound; its members are read by :func:`read_member` alone."""
    # The directory's size is checked before zipfile reads it, since each entry costs ten times its bytes in memory.
    end = len(data) - _END_OF_DIRECTORY.size
    if end < 0 or not data.startswith(b"PK\x05\x06", end) or not data.endswith(b"\x00\x00"):
        raise UnreadableError("it is not a zip file, or its end is missing")
    directory_bytes = _END_OF_DIRECTORY.unpack_from(data, end)[5]
    if directory_bytes > _MAX_DIRECTORY_BYTES or data[max(end - 20, 0) : end].startswith(b"PK\x06\x07"):
        raise UnreadableError("its table of contents is larger than that of any model")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception as error:  # whatever zipfile meets in hostile bytes, the answer is the same
        raise UnreadableError(f"its table of contents is damaged ({error})") from error
    infos = archive.infolist()
    if len({info.filename for info in infos}) < len(infos):
        raise UnreadableError("two of its members have the same name")
    if sum(info.file_size for info in infos) > len(data):  # overlapping members: a zip bomb without compression
        raise UnreadableError("its members declare more bytes than the file has")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one member of a zip, its CRC checked."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        raise UnreadableError(f"its member {name!r} is compressed or encrypted")
    try:
        content = archive.read(info)
    except Exception as error:  # as above
        raise UnreadableError(f"its member {name!r} is damaged ({error})") from error
    if len(content) != info.file_size:
        raise UnreadableError(f"its member {name!r} is shorter than declared")
    return content
