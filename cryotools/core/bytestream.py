"""Open files as streams of bytes whatever wraps them: plain, gzip or bzip2, told by content and not by name."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryotools.core.errors import DataError

_CHUNK = 1 << 22
_IMPOSTORS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<!doctype html", "a web page (an error page, perhaps), not data; download it again"),
    (b"<html", "a web page (an error page, perhaps), not data; download it again"),
    (b"<?xml", "an XML file"),
    (b"%pdf", "a PDF document"),
    (b"pk\x03\x04", "a zip archive; unpack it first"),
    (b"mtz ", "an MTZ file of reflections; make a map of it first (gemmi sf2map)"),
)


def impostor(start: bytes) -> str | None:
    """What a file that begins with `start` plainly is instead of a map or a structure, or None."""
    lowered = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((what for mark, what in _IMPOSTORS if lowered.startswith(mark)), None)


@contextmanager
def open_bytes(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a binary stream of the uncompressed content of `path`.

    Raises
    ------
    DataError
        The file is missing, a folder, unreadable or empty, or its compression is damaged.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name a file")
        raw = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: {_reason(path, error)}") from error
    with raw:
        try:
            magic = raw.peek(4)  # a pipe cannot be rewound
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not magic:
            raise DataError(f"{path}: is an empty file; copy or download it again")
        stream: BinaryIO = raw
        if magic[:2] == b"\x1f\x8b":
            stream = gzip.GzipFile(fileobj=raw)
        elif magic[:3] == b"BZh":
            stream = bz2.BZ2File(raw)
        try:
            yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the compressed data are damaged or cut short; copy the file again") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_upto(stream: BinaryIO, n_bytes: int) -> bytearray:
    """At most `n_bytes` from `stream`, growing as they come so that a lying header cannot allocate much."""
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
