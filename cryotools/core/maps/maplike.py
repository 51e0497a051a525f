"""Accepted forms of a map argument: a file, a volume, or an array with its voxel size."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from cryotools.core.errors import UsageError
from cryotools.core.maps.mapfile import read_grid, read_map
from cryotools.core.maps.volume import Grid, Triple, Volume, triple_of

MapLike = str | os.PathLike[str] | Volume


def as_volume(given: MapLike | np.ndarray, voxel_size: float | Triple | None = None) -> Volume:
    """The map `given` as a volume: read from a file, returned as it is, or made from an array `(nz, ny, nx)`.

    `voxel_size` in Å, one number or (x, y, z), overrides that of a file or a volume and is required with an array,
    whose first voxel is then at (0, 0, 0). An array is copied, so it stays writable.

    Raises
    ------
    UsageError
        An array comes without a voxel size or does not have three axes, or the voxel size is not positive.
    DataError
        The file is not a valid density map.
    """
    size = None if voxel_size is None else _three(voxel_size)
    if isinstance(given, Volume):
        return given if size is None else replace(given, voxel_size=size)
    if not isinstance(given, np.ndarray):
        volume = read_map(given, voxel_size=None if size is None else size[0])
        return volume if size is None or len(set(size)) == 1 else replace(volume, voxel_size=size)
    if size is None:
        raise UsageError("an array has no voxel size of its own: give voxel_size in angstroms, or a Volume")
    if given.ndim != 3 or not given.size:
        raise UsageError(f"an array of shape {given.shape} is not a map: it needs three axes (z, y, x)")
    return Volume(np.array(given, dtype=np.float32), size)


def as_grid(given: MapLike | Grid) -> Grid:
    """The grid of the map `given`; the values of a file are not read.

    Raises
    ------
    DataError
        The file is not a valid density map.
    """
    if isinstance(given, Grid):
        return given
    return given.grid if isinstance(given, Volume) else read_grid(given)


def _three(voxel_size: float | Triple) -> Triple:
    size = np.broadcast_to(np.asarray(voxel_size, dtype=np.float64), 3)
    if not (np.isfinite(size).all() and (size > 0).all()):
        raise UsageError(f"a voxel size of {voxel_size} makes no sense: give a positive number of angstroms")
    return triple_of(size)
