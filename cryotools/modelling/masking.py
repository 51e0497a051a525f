"""A map inside a mask, and its mirror image."""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.volume import Volume

_INSIDE = 0.5


def inside(volume: Volume, mask: Volume) -> Volume:
    """`volume` with its background wherever `mask` is not above 0.5.

    Raises
    ------
    DataError
        The mask is on another grid, or nothing is inside.
    """
    if not mask.grid.same_as(volume.grid):
        raise DataError("the mask is on another grid than the map; resample it, or make it from the map")
    keep = mask.data > _INSIDE
    if not keep.any():
        raise DataError(f"the mask is nowhere above {_INSIDE:g}; it must be 1 inside and 0 outside")
    return volume.with_data(np.where(keep, volume.data, np.float32(find_levels(volume).background)))


def mirrored(volume: Volume) -> Volume:
    """The mirror image along x, on the same grid."""
    return volume.with_data(np.ascontiguousarray(volume.data[:, :, ::-1]))
