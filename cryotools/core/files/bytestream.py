"""Open plain, gzip and bzip2 files as byte streams; compression is determined from content, not from the name."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from cryotools.core.errors import DataError

_CHUNK = 1 << 22


class _Borrowed(io.RawIOBase):
    """A stream that stays open when its reader is closed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed: any buffer
        return self._stream.readinto(buffer)  # type: ignore[attr-defined] # not in BinaryIO


@contextmanager
def open_bytes(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a binary stream of the uncompressed content of `path`.

    Raises
    ------
    DataError
        The file is missing, a folder, unreadable or empty, or its compressed data are damaged.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name a file")
        raw = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {_reason(path, error)}") from error
    with raw, _unpacked(raw, str(path)) as stream:
        yield stream


@contextmanager
def open_standard_input(wanted: str) -> Iterator[BinaryIO]:
    """Yield a binary stream of the uncompressed content of standard input, from which `wanted` is expected.

    Raises
    ------
    DataError
        It is closed or empty, or its compressed data are damaged.
    """
    source = io.BytesIO() if sys.stdin is None else sys.stdin.buffer  # None if it was closed
    with io.BufferedReader(_Borrowed(source)) as raw:
        if not raw.peek(1):
            raise DataError(f"standard input: is empty; pipe {wanted} into it")
        with _unpacked(raw, "standard input") as stream:
            yield stream


@contextmanager
def _unpacked(raw: io.BufferedReader[Any], name: str) -> Iterator[BinaryIO]:
    try:
        magic = raw.peek(4)  # a pipe cannot be rewound
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error
    if not magic:
        raise DataError(f"{name}: is an empty file; copy or download it again")
    stream: BinaryIO = raw
    if magic[:2] == b"\x1f\x8b":
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    elif magic[:3] == b"BZh":
        stream = cast(BinaryIO, bz2.BZ2File(raw))
    try:
        yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: the compressed data are damaged or truncated; copy the file again") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def read_upto(stream: BinaryIO, n_bytes: int) -> bytearray:
    """At most `n_bytes` from `stream`; the buffer grows while reading, so a wrong header cannot allocate much."""
    content = bytearray()
    while len(content) < n_bytes:
        chunk = stream.read(min(_CHUNK, n_bytes - len(content)))
        if not chunk:
            break
        content += chunk
    return content


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is a link to a file that does not exist" if path.is_symlink() else "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or str(error)
