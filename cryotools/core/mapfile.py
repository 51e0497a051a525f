"""Read and write density maps. The only module that opens MRC files.

Reading accepts MRC2014/CCP4 modes 0, 1, 2, 6 and 12, any axis order, either byte order, plain, gzip or bzip2.
Position follows ChimeraX: ORIGIN in Å where it is not zero, else nstart × voxel size. nstart is permuted with the
axes, ORIGIN is not. Writing gives both when the origin is a whole number of voxels, else ORIGIN alone.
"""

from __future__ import annotations

import bz2
import gzip
import io
import math
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from cryotools.core.bytestream import open_bytes, read_upto
from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.impostors import impostor, wide_text
from cryotools.core.mapheader import HEADER_BYTES, MODES, MapHeader, decode_header, refuse_stacks
from cryotools.core.memory import available_bytes
from cryotools.core.output import atomic_path
from cryotools.core.volume import Grid, Triple, Volume

_DEFLATE_LIMIT = 1100  # deflate cannot expand more than 1032-fold
_HOLE_BYTES = 1 << 16  # the least that is skipped where a file is written
_SLAB_BYTES = 1 << 20  # of float32, so that a slab and its float64 copy stay in the cache
_VOXEL_SIZES = (0.05, 1000.0)  # Å: the finest crystal maps and the coarsest tomograms lie well between
_USUAL_SIZES = (0.2, 100.0)
_UNITS = {"metres": 1e10, "millimetres": 1e7, "micrometres": 1e4, "nanometres": 10.0, "picometres": 0.01}
_FARTHEST = 1e6  # Å from 0, 0, 0; the header's float32 cannot place a voxel beyond
_SURPLUS = 1 << 24  # bytes more than header and data make, among which the data are looked for


def read_header(path: str | os.PathLike[str]) -> MapHeader:
    """The header of a map, decoded and checked, without its data."""
    with _open(Path(path)) as stream:
        return _read_header(stream, Path(path))


def read_grid(path: str | os.PathLike[str]) -> Grid:
    """Where a map lies, without reading its values."""
    path = Path(path)
    header = read_header(path)
    refuse_stacks(header, str(path))
    _warn_of_oddities(header, path)
    return _grid(header, str(path), None)


def read_map(
    path: str | os.PathLike[str], *, voxel_size: float | None = None, replace_non_finite: float | None = None
) -> Volume:
    """Read one density map.

    Parameters
    ----------
    path : file in MRC2014/CCP4 format, plain or compressed
    voxel_size : Å, replaces what the header says
    replace_non_finite : put in place of NaN and infinite values; without it they are an error

    Returns
    -------
    Volume with axes (z, y, x) whatever the order in the file.

    Raises
    ------
    DataError
        The file is not a sound density map; the message names the field and the remedy.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _read_header(stream, path)
        refuse_stacks(header, str(path))
        grid = _grid(header, str(path), voxel_size)
        data = _read_data(stream, header, path)
    _warn_of_oddities(header, path)
    file_axis_of = [header.axes.index(axis) for axis in (3, 2, 1)]  # where z, y and x lie among column, row, section
    data = np.ascontiguousarray(data.transpose([2 - at for at in file_axis_of]))
    return Volume.on(grid, _finite(data, str(path), replace_non_finite))


def write_map(
    path: str | os.PathLike[str], volume: Volume, *, label: str, mode: int = 2, labels: Sequence[str] = ()
) -> tuple[float, float, float, float]:
    """Write `volume` atomically as MRC2014; `.gz` or `.bz2` at the end of the name compresses it.

    Parameters
    ----------
    label : one line of provenance (80 ASCII characters at most), put after the last nine of `labels`
    mode : 2 for float32, 12 for float16

    Returns
    -------
    Minimum, maximum, mean and standard deviation of the values, as the header holds them.

    Raises
    ------
    DataError
        The file cannot be written, or values are not finite or do not fit the mode.
    """
    stored = np.ascontiguousarray(volume.data, dtype="<f4") if mode == 2 else _as_half(volume.data, path)
    numbers = statistics(stored)
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"{path}: the values to write are not all finite numbers; nothing was changed")
    header = _header_for(volume, mode, numbers, [*labels[-9:], label])
    with atomic_path(path) as temporary, _open_to_write(temporary, Path(path).suffix) as stream:
        stream.write(header.tobytes())
        _write_values(stream, stored)
    return numbers


def describe_position(header: MapHeader) -> str:
    """One sentence: which header fields place the map."""
    return "ORIGIN" if any(header.origin) else "nstart" if any(header.nstart) else "none (the box begins at 0, 0, 0)"


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        raise UsageError("-: maps are read from files, not from standard input; name a file, or /dev/stdin")
    with open_bytes(path) as stream:
        yield stream


def _read_header(stream: BinaryIO, path: Path) -> MapHeader:
    raw = bytes(read_upto(stream, HEADER_BYTES))
    what = impostor(raw) or ("text in UTF-16, not a map" if wide_text(raw) else None)
    if what:
        raise DataError(f"{path}: looks like {what}")
    if len(raw) < HEADER_BYTES:
        raise DataError(f"{path}: has {len(raw)} bytes, less than a map's 1024-byte header")
    return decode_header(raw, str(path))


def _warn_of_oddities(header: MapHeader, path: Path) -> None:
    for oddity in header.oddities:
        warnings.warn(f"{path}: {oddity}", CryotoolsWarning, stacklevel=3)


def _grid(header: MapHeader, name: str, voxel_size: float | None) -> Grid:
    if voxel_size is not None and not (np.isfinite(voxel_size) and voxel_size > 0):
        raise UsageError(f"--apix {voxel_size}: give a positive number of angstroms")
    size = _voxel_size(header, name) if voxel_size is None else (voxel_size,) * 3
    nstart = [header.nstart[header.axes.index(axis)] for axis in (1, 2, 3)]
    from_start = np.multiply(nstart, size)
    has_origin = any(header.origin)
    if has_origin and not np.all(np.isfinite(header.origin)):
        raise DataError(f"{name}: ORIGIN {header.origin} is not finite; repair the header")
    position = header.origin if has_origin else from_start
    if np.abs(position).max() > _FARTHEST:
        where = f"ORIGIN {_short(position)}" if has_origin else f"nstart {tuple(nstart)} (= {_short(position)} A)"
        raise DataError(
            f"{name}: {where} lies more than {_FARTHEST:g} A from 0, 0, 0, where no map is; repair the header"
        )
    if has_origin and any(nstart) and np.any(np.abs(from_start - header.origin) > 0.01 * np.array(size)):
        warnings.warn(
            f"{name}: ORIGIN {_short(header.origin)} and nstart {tuple(nstart)} (= {_short(from_start)} A) disagree; "
            "ORIGIN is used",
            CryotoolsWarning,
            stacklevel=3,
        )
    counts = [header.n[header.axes.index(axis)] for axis in (3, 2, 1)]
    return Grid(tuple(counts), size, tuple(position))


def _voxel_size(header: MapHeader, name: str) -> Triple:
    """The header's voxel size, Å (x, y, z), where it can be a map's."""
    size = header.voxel_size()
    remedy = "mend the header, or give --apix where it is an option"
    if not np.all(np.isfinite(size)) or min(size) <= 0:
        words = f"cell {header.cell} over sampling {header.sampling}"
        raise DataError(f"{name}: the voxel size cannot be told ({words}); {remedy}")
    units = [unit for unit, angstroms in _UNITS.items() if 0.5 <= size[0] * angstroms <= 20]
    perhaps = f" (the cell is in {units[0]}, perhaps)" if units else ""
    if min(size) < _VOXEL_SIZES[0] or max(size) > _VOXEL_SIZES[1]:
        raise DataError(f"{name}: the voxel size, {_short(size)} A, is no density map's{perhaps}; {remedy}")
    if min(size) < _USUAL_SIZES[0] or max(size) > _USUAL_SIZES[1]:
        warnings.warn(
            f"{name}: the voxel size, {_short(size)} A, is unusual{perhaps}; give --apix where it is wrong",
            CryotoolsWarning,
            stacklevel=4,
        )
    return size


def _read_data(stream: BinaryIO, header: MapHeader, path: Path) -> np.ndarray:
    """The data block as float32 `(sections, rows, columns)`."""
    expected, extended = header.data_bytes, header.extended_bytes
    plain = isinstance(stream, io.BufferedReader) and path.is_file()  # and not a pipe
    if plain and extended and path.stat().st_size == HEADER_BYTES + expected:
        extended = _without_extended_header(header, path)
    _refuse_impossible(stream, header, extended, path)
    skipped = read_upto(stream, min(extended, expected))
    beyond = _skip(stream, extended - len(skipped))
    content = np.fromfile(stream, np.uint8, expected) if plain else read_upto(stream, expected)
    if extended and not beyond and len(skipped) + len(content) == expected:  # the size of what is packed is known now
        _without_extended_header(header, path)
        content = skipped + content
    if len(content) < expected:
        raise DataError(f"{path}: is cut short: expected {expected} bytes of data, found {len(content)}; copy it again")
    values = _values(content, header)
    if surplus := read_upto(stream, _SURPLUS):
        if not header.has_map_id:
            raise DataError(f"{path}: is not an MRC/CCP4 map (no MAP id, and more bytes than its sizes make)")
        values = _beside_surplus(values, content, bytes(surplus), header, path)
    return values + np.float32(header.stored_offset) if header.stored_offset else values


def _skip(stream: BinaryIO, n_bytes: int) -> int:
    """Pass over at most `n_bytes`; how many there were."""
    left = n_bytes
    while left > 0 and (chunk := stream.read(min(_SURPLUS, left))):
        left -= len(chunk)
    return n_bytes - left


def _values(content: bytes | bytearray | np.ndarray, header: MapHeader) -> np.ndarray:
    # read-only, since nobody else has it and a volume need then not copy it
    return (
        np.frombuffer(memoryview(content).toreadonly(), header.dtype).reshape(header.n[::-1]).astype("=f4", copy=False)
    )


def _without_extended_header(header: MapHeader, path: Path) -> int:
    """Say that it is missing; its true size, 0."""
    warnings.warn(
        f"{path}: the header announces an extended header of {header.extended_bytes} bytes (nsymbt), which the file is "
        "too short to hold: its size is that of header and data alone; read so",
        CryotoolsWarning,
        stacklevel=5,
    )
    return 0


def _beside_surplus(
    values: np.ndarray, content: bytes | bytearray | np.ndarray, surplus: bytes, header: MapHeader, path: Path
) -> np.ndarray:
    """The values of a file that is longer than its header says: the surplus lies behind them, unless the header's
    statistics are those of the last bytes and not of the first.
    """
    if len(surplus) < _SURPLUS and not _has_statistics(values, header):
        last = _values((bytes(content) + surplus)[-len(content) :], header)
        if _has_statistics(last, header):
            warnings.warn(
                f"{path}: {len(surplus)} bytes lie between header and data that the header does not announce (nsymbt = "
                f"{header.extended_bytes}); skipped, since the last bytes have the header's statistics",
                CryotoolsWarning,
                stacklevel=5,
            )
            return last
    warnings.warn(f"{path}: there are bytes after the data; ignored", CryotoolsWarning, stacklevel=5)
    return values


def _has_statistics(values: np.ndarray, header: MapHeader) -> bool:
    """Whether the header's minimum, maximum and mean are those of `values`; False where it does not say."""
    low, high, mean, _ = header.statistics
    if not (np.isfinite([low, high, mean]).all() and low < high):
        return False
    with np.errstate(all="ignore"):
        found = np.array([values.min(), values.max(), values.mean(dtype=np.float64)])
        return bool(np.all(np.abs(found - (low, high, mean)) <= 1e-3 * (high - low)))


def _refuse_impossible(stream: BinaryIO, header: MapHeader, extended: int, path: Path) -> None:
    """Raise before anything is allocated when the header claims more data than the file or the memory can hold."""
    needed, free = math.prod(header.n) * 4, available_bytes()
    on_disk = path.stat().st_size
    if not path.is_file() or isinstance(stream, bz2.BZ2File):
        most, found = math.inf, ""
    elif isinstance(stream, io.BufferedReader):
        most, found = on_disk - HEADER_BYTES, f"found {max(on_disk - HEADER_BYTES - extended, 0)}"
    else:
        most, found = on_disk * _DEFLATE_LIMIT, "the compressed file cannot hold them"
    if (extended if most == on_disk - HEADER_BYTES else 0) + header.data_bytes > most:
        raise DataError(f"{path}: is cut short: expected {header.data_bytes} bytes of data, {found}; copy it again")
    if needed > free:
        words = f"needs {needed / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free"
        raise DataError(f"{path}: {words}; crop or bin the map first, or take a larger machine")


def _finite(data: np.ndarray, name: str, replacement: float | None) -> np.ndarray:
    # min and max show a NaN or an infinity without an array of flags as large as the map
    if np.isfinite(data.min()) and np.isfinite(data.max()):
        return data
    bad = ~np.isfinite(data)
    words = f"{name}: {int(bad.sum())} voxels are not finite numbers"
    if replacement is None:
        raise DataError(f"{words}; mend the map, or give --replace-nan 0 where it is an option")
    warnings.warn(f"{words}; {replacement:g} is put in their place", CryotoolsWarning, stacklevel=3)
    return np.where(bad, np.float32(replacement), data)


def _as_half(data: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    if data.size and max(abs(float(data.min())), abs(float(data.max()))) > float(np.finfo(np.float16).max):
        raise DataError(f"{path}: values beyond 65504 do not fit --mode 12; write --mode 2")
    return data.astype("<f2")


def _header_for(volume: Volume, mode: int, numbers: Sequence[float], labels: Sequence[str]) -> np.ndarray:
    header = np.zeros((), dtype=HEADER_DTYPE.newbyteorder("<"))
    columns, rows, sections = volume.data.shape[::-1]
    header["nx"], header["ny"], header["nz"], header["mode"] = columns, rows, sections, mode
    header["mx"], header["my"], header["mz"] = columns, rows, sections
    header["cella"] = tuple(np.float32(length) for length in volume.grid.size)
    header["cellb"] = (90.0, 90.0, 90.0)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["origin"] = tuple(np.float32(v) for v in volume.origin)
    nstart = volume.grid.nstart()
    if nstart is not None:
        header["nxstart"], header["nystart"], header["nzstart"] = nstart
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = numbers
    header["ispg"] = 1
    header["nversion"] = 20141
    header["map"] = b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0)
    header["nlabl"] = len(labels)
    for slot, text in enumerate(labels):
        header["label"][slot] = text.encode("ascii", "replace")[:80]
    return header


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
        squares += slab @ slab
    mean = total / data.size
    return float(low), float(high), float(mean + shift), float(np.sqrt(max(squares / data.size - mean * mean, 0.0)))


@contextmanager
def _open_to_write(path: Path, suffix: str) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as stream:
                yield stream
        elif suffix == ".bz2":
            with bz2.BZ2File(raw, "wb", compresslevel=1) as stream:
                yield stream
        else:
            yield raw


def _write_values(stream: BinaryIO, stored: np.ndarray) -> None:
    """Write all values; in a plain file, stretches of nothing but zeros are skipped, which read as zeros.

    More than half of a simulated map is solvent: the system need not set memory and disk aside for it.
    """
    content = memoryview(stored).cast("B")
    if not _may_have_holes(stream):
        stream.write(content)
        return
    begin = stream.tell()
    bits = stored.reshape(-1).view(f"u{stored.itemsize}")  # -0.0 is not nothing
    per = _HOLE_BYTES // stored.itemsize
    first = (-begin // stored.itemsize) % per  # so that stretches begin where the file system's blocks do
    starts = np.unique(np.minimum([0, *range(first, bits.size, per)], bits.size))
    filled = np.concatenate([[False], np.maximum.reduceat(bits, starts) > 0, [False]])
    ends = np.append(starts, bits.size) * stored.itemsize
    changes = np.flatnonzero(filled[1:] != filled[:-1])
    for low, high in changes.reshape(-1, 2).tolist():
        stream.seek(begin + int(ends[low]))
        stream.write(content[ends[low] : ends[high]])
    stream.flush()
    os.truncate(stream.fileno(), begin + len(content))


def _may_have_holes(stream: BinaryIO) -> bool:
    """True for a plain file on the disk, which can be written from place to place."""
    return isinstance(stream, io.BufferedWriter) and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def _short(xyz: Sequence[float] | Triple) -> str:
    return "(" + ", ".join(f"{v:.4g}" for v in xyz) + ")"


__all__ = ["MODES", "describe_position", "read_grid", "read_header", "read_map", "statistics", "write_map"]
