"""Maps from Python: writing and comparing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cryotools import __version__
from cryotools.api.arguments import Path, VoxelSize
from cryotools.core.errors import UsageError, check_choice
from cryotools.core.maps.maplike import MapLike, as_volume
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structurefile import StructureLike, as_structure

if TYPE_CHECKING:
    from cryotools.metrics.compare import Comparison


def write_map(
    path: Path,
    volume: Volume | np.ndarray,
    *,
    voxel_size: VoxelSize | None = None,
    label: str | None = None,
    mode: Literal[2, 12] = 2,
) -> None:
    """Write a map as MRC2014, whole or not at all; `.gz` or `.bz2` at the end of the name compresses it.

    Parameters
    ----------
    voxel_size : Å, of an array
    label : line in the header, at most 80 characters; None says that cryotools wrote it
    mode : 2 for float32, 12 for float16

    Raises
    ------
    DataError
        The file cannot be written, or values are not finite or do not fit the mode.
    """
    from cryotools.core.maps.mapwrite import write_map as write

    write(path, as_volume(volume, voxel_size), label=label or f"cryotools {__version__}", mode=mode)


def compare_maps(
    a: MapLike | np.ndarray,
    b: MapLike | np.ndarray,
    *,
    voxel_size: VoxelSize | None = None,
    contour: float | None = None,
    mask: MapLike | np.ndarray | None = None,
    around: StructureLike | None = None,
    radius: float = 3.0,
    interpolation: Literal["fourier", "cubic", "linear"] = "fourier",
) -> Comparison:
    """Scores of map `b` against map `a`, on the grid of `a`: correlations, SSIM and Fourier shell correlation.

    Parameters
    ----------
    voxel_size : Å, of arrays; replaces that of files and volumes
    contour : level in `a` for ChimeraX's correlations; None takes the level at which ChimeraX first shows `a`
    mask : compare inside this map (0 to 1, on the grid of `a`)
    around, radius : compare within so many Å of the atoms of this structure
    interpolation : how `b` is resampled onto the grid of `a`

    Raises
    ------
    UsageError
        Both `mask` and `around` are given, or an option is out of range.
    DataError
        A map is constant, the boxes do not overlap, or nothing is left to compare.
    """
    from cryotools.core.maps.resample import METHODS
    from cryotools.metrics import compare

    if mask is not None and around is not None:
        raise UsageError("`mask` and `around` both define the region to compare; give one")
    check_choice("interpolation", interpolation, METHODS)
    first, second = as_volume(a, voxel_size), as_volume(b, voxel_size)
    region = compare.Region()
    if mask is not None:
        region = compare.region_from_mask(as_volume(mask, voxel_size), first)
    elif around is not None:
        region = compare.region_around(as_structure(around), first, radius)
    return compare.compare_maps(first, second, contour=contour, region=region, method=interpolation)
