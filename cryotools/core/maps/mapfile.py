"""Read and write density maps. The only module that opens MRC maps.

Reading accepts MRC2014/CCP4 modes 0, 1, 2, 6 and 12, any axis order, either byte order, plain, gzip or bzip2.
The position follows ChimeraX: ORIGIN in Å if it is not zero, else nstart × voxel size. nstart is permuted with the
axes, ORIGIN is not. Written files have both if the origin is a whole number of voxels, else ORIGIN alone.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.bytestream import open_bytes, read_upto
from cryotools.core.files.impostors import impostor, wide_text
from cryotools.core.maps.mapdata import read_data
from cryotools.core.maps.mapheader import HEADER_BYTES, MapHeader, decode_header, refuse_stacks
from cryotools.core.maps.volume import Grid, Triple, Volume, shape_of, triple_of

_VOXEL_SIZES = (0.05, 1000.0)  # Å: the finest crystal maps and the coarsest tomograms are well within this range
_USUAL_SIZES = (0.2, 100.0)
_UNITS = {"metres": 1e10, "millimetres": 1e7, "micrometres": 1e4, "nanometres": 10.0, "picometres": 0.01}
_FARTHEST = 1e6  # Å from 0, 0, 0; beyond that the header's float32 is too coarse to place a voxel


def read_header(path: str | os.PathLike[str]) -> MapHeader:
    """The header of a map, decoded and checked, without its data."""
    with _open(Path(path)) as stream:
        return _read_header(stream, Path(path))


def read_grid(path: str | os.PathLike[str]) -> Grid:
    """The grid of a map, without reading its values."""
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
    voxel_size : Å, overrides the header
    replace_non_finite : replaces NaN and infinite values; without it they raise an error

    Returns
    -------
    Volume with axes (z, y, x), whatever the axis order in the file.

    Raises
    ------
    DataError
        The file is not a valid density map; the message names the field and the remedy.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _read_header(stream, path)
        refuse_stacks(header, str(path))
        grid = _grid(header, str(path), voxel_size)
        data = read_data(stream, header, path)
    _warn_of_oddities(header, path)
    file_axis_of = [header.axes.index(axis) for axis in (3, 2, 1)]  # position of z, y and x among column, row, section
    data = np.ascontiguousarray(data.transpose([2 - at for at in file_axis_of]))
    return Volume.on(grid, _finite(data, str(path), replace_non_finite))


def describe_position(header: MapHeader) -> str:
    """One sentence on which header fields position the map."""
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
        raise ArgumentError("voxel_size", voxel_size, "give a positive number of angstroms")
    size = _voxel_size(header, name) if voxel_size is None else (voxel_size,) * 3
    nstart = [header.nstart[header.axes.index(axis)] for axis in (1, 2, 3)]
    from_start = np.multiply(nstart, size)
    has_origin = any(header.origin)
    if has_origin and not np.all(np.isfinite(header.origin)):
        raise DataError(f"{name}: ORIGIN {header.origin} is not finite; correct the header")
    position = header.origin if has_origin else from_start
    if np.abs(position).max() > _FARTHEST:
        where = f"ORIGIN {_short(position)}" if has_origin else f"nstart {tuple(nstart)} (= {_short(position)} A)"
        raise DataError(f"{name}: {where} lies more than {_FARTHEST:g} A from (0, 0, 0); correct the header")
    if has_origin and any(nstart) and np.any(np.abs(from_start - header.origin) > 0.01 * np.array(size)):
        warnings.warn(
            f"{name}: ORIGIN {_short(header.origin)} and nstart {tuple(nstart)} (= {_short(from_start)} A) disagree; "
            "ORIGIN is used",
            CryotoolsWarning,
            stacklevel=3,
        )
    counts = [header.n[header.axes.index(axis)] for axis in (3, 2, 1)]
    return Grid(shape_of(counts), size, triple_of(position))


def _voxel_size(header: MapHeader, name: str) -> Triple:
    """The header's voxel size, Å (x, y, z), if plausible for a map."""
    size = header.voxel_size()
    remedy = "correct the header, or give `voxel_size`"
    if not np.all(np.isfinite(size)) or min(size) <= 0:
        words = f"cell {header.cell} over sampling {header.sampling}"
        raise DataError(f"{name}: the voxel size is undefined ({words}); {remedy}")
    units = [unit for unit, angstroms in _UNITS.items() if 0.5 <= size[0] * angstroms <= 20]
    perhaps = f" (the cell is in {units[0]}, perhaps)" if units else ""
    if min(size) < _VOXEL_SIZES[0] or max(size) > _VOXEL_SIZES[1]:
        raise DataError(f"{name}: the voxel size, {_short(size)} A, is impossible for a density map{perhaps}; {remedy}")
    if min(size) < _USUAL_SIZES[0] or max(size) > _USUAL_SIZES[1]:
        warnings.warn(
            f"{name}: the voxel size, {_short(size)} A, is unusual{perhaps}; if it is wrong, give `voxel_size`",
            CryotoolsWarning,
            stacklevel=4,
        )
    return size


def _finite(data: np.ndarray, name: str, replacement: float | None) -> np.ndarray:
    # min and max reveal a NaN or an infinity without a boolean array as large as the map
    if np.isfinite(data.min()) and np.isfinite(data.max()):
        return data
    bad = ~np.isfinite(data)
    words = f"{name}: {int(bad.sum())} voxels are NaN or infinite"
    if replacement is None:
        raise DataError(f"{words}; correct the map, or replace them with `replace_non_finite=0`")
    warnings.warn(f"{words}; they are replaced with {replacement:g}", CryotoolsWarning, stacklevel=3)
    return np.where(bad, np.float32(replacement), data)


def _short(xyz: Iterable[float]) -> str:
    return "(" + ", ".join(f"{v:.4g}" for v in xyz) + ")"
