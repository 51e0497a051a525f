"""Locate the data block of a map file, check it against the header and free memory, and read it."""

from __future__ import annotations

import bz2
import io
import math
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.bytestream import read_upto
from cryotools.core.maps.mapheader import HEADER_BYTES, MapHeader
from cryotools.core.memory import available_bytes

_DEFLATE_LIMIT = 1100  # deflate cannot expand more than 1032-fold
_SLAB_BYTES = 1 << 20  # of float32, so that a slab and its float64 copy stay in cache
_SURPLUS = 1 << 24  # most extra bytes, beyond header and data, for which the position of the data is checked


def read_data(stream: BinaryIO, header: MapHeader, path: Path) -> np.ndarray:
    """The data block as float32 `(sections, rows, columns)`."""
    expected, extended = header.data_bytes, header.extended_bytes
    plain = isinstance(stream, io.BufferedReader) and path.is_file()  # and not a pipe
    if plain and extended and path.stat().st_size == HEADER_BYTES + expected:
        extended = _without_extended_header(header, path)
    _refuse_impossible(stream, header, extended, path)
    skipped = read_upto(stream, min(extended, expected))
    beyond = _skip(stream, extended - len(skipped))
    content = np.fromfile(stream, np.uint8, expected) if plain else read_upto(stream, expected)
    if extended and not beyond and len(skipped) + len(content) == expected:  # the unpacked size is known only now
        _without_extended_header(header, path)
        content = skipped + bytes(content)
    if len(content) < expected:
        raise DataError(f"{path}: is truncated: expected {expected} bytes of data, found {len(content)}; copy it again")
    values = _values(content, header)
    if surplus := read_upto(stream, _SURPLUS):
        if not header.has_map_id:
            raise DataError(f"{path}: is not an MRC/CCP4 map (no MAP ID, and longer than its dimensions imply)")
        values = _beside_surplus(values, content, bytes(surplus), header, path)
    return values + np.float32(header.stored_offset) if header.stored_offset else values


def _skip(stream: BinaryIO, n_bytes: int) -> int:
    """Skip at most `n_bytes`; return the number skipped."""
    left = n_bytes
    while left > 0 and (chunk := stream.read(min(_SURPLUS, left))):
        left -= len(chunk)
    return n_bytes - left


def _values(content: bytes | bytearray | np.ndarray, header: MapHeader) -> np.ndarray:
    view = content.data if isinstance(content, np.ndarray) else memoryview(content)
    # read-only, so that a volume need not copy it: nothing else refers to this memory
    return np.frombuffer(view.toreadonly(), header.dtype).reshape(header.n[::-1]).astype("=f4", copy=False)


def _without_extended_header(header: MapHeader, path: Path) -> int:
    """Warn that it is missing; return its true size, 0."""
    warnings.warn(
        f"{path}: the header gives an extended header of {header.extended_bytes} bytes (nsymbt), but the file is "
        "as long as header and data alone; read without an extended header",
        CryotoolsWarning,
        stacklevel=5,
    )
    return 0


def _beside_surplus(
    values: np.ndarray, content: bytes | bytearray | np.ndarray, surplus: bytes, header: MapHeader, path: Path
) -> np.ndarray:
    """The values of a file longer than its header implies: the surplus follows the data, unless the header's
    statistics match the last bytes and not the first.
    """
    if len(surplus) < _SURPLUS and not _has_statistics(values, header):
        last = _values((bytes(content) + surplus)[-len(content) :], header)
        if _has_statistics(last, header):
            warnings.warn(
                f"{path}: {len(surplus)} unexpected bytes lie between header and data (nsymbt = "
                f"{header.extended_bytes}); skipped, as the statistics of the last bytes match the header",
                CryotoolsWarning,
                stacklevel=5,
            )
            return last
    warnings.warn(f"{path}: bytes after the data are ignored", CryotoolsWarning, stacklevel=5)
    return values


def _has_statistics(values: np.ndarray, header: MapHeader) -> bool:
    """Whether the header's minimum, maximum and mean match `values`; False if they are not set."""
    low, high, mean, _ = header.statistics
    if not (np.isfinite([low, high, mean]).all() and low < high):
        return False
    with np.errstate(all="ignore"):
        found = np.array([values.min(), values.max(), values.mean(dtype=np.float64)])
        return bool(np.all(np.abs(found - (low, high, mean)) <= 1e-3 * (high - low)))


def _refuse_impossible(stream: BinaryIO, header: MapHeader, extended: int, path: Path) -> None:
    """Raise, before allocating anything, if the header claims more data than the file or memory can hold."""
    needed, free = math.prod(header.n) * 4, available_bytes()
    on_disk = path.stat().st_size
    if not path.is_file() or isinstance(stream, bz2.BZ2File):
        most, found = math.inf, ""
    elif isinstance(stream, io.BufferedReader):
        most, found = on_disk - HEADER_BYTES, f"found {max(on_disk - HEADER_BYTES - extended, 0)}"
    else:
        most, found = on_disk * _DEFLATE_LIMIT, "the compressed file cannot hold them"
    if (extended if most == on_disk - HEADER_BYTES else 0) + header.data_bytes > most:
        raise DataError(f"{path}: is truncated: expected {header.data_bytes} bytes of data, {found}; copy it again")
    if needed > free:
        words = f"needs {needed / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free"
        raise DataError(f"{path}: {words}; crop or bin the map first, or use a machine with more memory")


def statistics(data: np.ndarray) -> tuple[float, float, float, float]:
    """Minimum, maximum, mean and standard deviation of `(nz, ny, nx)` data, summed in float64 plane by plane."""
    total = squares = 0.0
    low, high = np.inf, -np.inf
    planes = max(1, _SLAB_BYTES // max(data[0].nbytes, 1))
    shift = float(data.flat[0])
    for first in range(0, len(data), planes):
        slab = data[first : first + planes].astype(np.float64).ravel()
        low, high = min(low, slab.min()), max(high, slab.max())
        slab -= shift
        total += slab.sum()
        squares += float(slab @ slab)
    mean = total / data.size
    return float(low), float(high), float(mean + shift), float(np.sqrt(max(squares / data.size - mean * mean, 0.0)))
