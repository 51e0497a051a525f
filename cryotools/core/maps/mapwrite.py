"""Write density maps as MRC2014, all or nothing; empty solvent takes no disk space where files may be sparse."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from cryotools.core.errors import DataError, check_choice
from cryotools.core.files.output import atomic_path
from cryotools.core.maps.mapdata import statistics
from cryotools.core.maps.volume import Volume

_HOLE_BYTES = 1 << 16  # shortest stretch of zeros skipped in writing


def write_map(
    path: str | os.PathLike[str], volume: Volume, *, label: str, mode: int = 2, labels: Sequence[str] = ()
) -> tuple[float, float, float, float]:
    """Write `volume` atomically as MRC2014, compressed if the name ends in `.gz` or `.bz2`.

    Parameters
    ----------
    label : one line of provenance (at most 80 ASCII characters), added after the last nine of `labels`
    mode : 2 for float32, 12 for float16

    Returns
    -------
    Minimum, maximum, mean and standard deviation of the values, as written to the header.

    Raises
    ------
    DataError
        The file cannot be written, or values are not finite or do not fit the mode.
    """
    check_choice("mode", mode, (2, 12))
    stored = np.ascontiguousarray(volume.data, dtype="<f4") if mode == 2 else _as_half(volume.data, path)
    numbers = statistics(stored)
    if not np.all(np.isfinite(numbers)):
        raise DataError(f"{path}: some values are NaN or infinite; nothing was written")
    header = _header_for(volume, mode, numbers, [*labels[-9:], label])
    with atomic_path(path) as temporary, _open_to_write(temporary, Path(path).suffix) as stream:
        stream.write(header.tobytes())
        _write_values(stream, stored)
    return numbers


def _as_half(data: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    if data.size and max(abs(float(data.min())), abs(float(data.max()))) > float(np.finfo(np.float16).max):
        raise DataError(f"{path}: values beyond 65504 do not fit float16 (mode 12); use `mode=2`")
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


@contextmanager
def _open_to_write(path: Path, suffix: str) -> Iterator[BinaryIO]:
    with path.open("wb") as raw:
        if suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        elif suffix == ".bz2":
            with bz2.BZ2File(raw, "wb", compresslevel=1) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield raw


def _write_values(stream: BinaryIO, stored: np.ndarray) -> None:
    """Write all values; in a plain file, stretches of zeros are skipped and left as holes, which read as zeros.

    More than half of a simulated map is solvent, which then takes neither memory nor disk space.
    """
    content = stored.data.cast("B")
    if not _may_have_holes(stream):
        stream.write(content)
        return
    begin = stream.tell()
    bits = stored.reshape(-1).view(f"u{stored.itemsize}")  # -0.0 does not count as zero
    per = _HOLE_BYTES // stored.itemsize
    first = (-begin // stored.itemsize) % per  # so that stretches align with the file system's blocks
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
    """True for a plain file on disk, which allows seeking while writing."""
    return isinstance(stream, io.BufferedWriter) and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
