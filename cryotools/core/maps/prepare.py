"""Bring maps into the standard form that networks take, with one function for both training and inference.

Voxels are cubes of 1 Å. Values are heights above background in units of the molecule density (`core.maps.levels`),
so they do not depend on the map's scale, the box size or masking. Maps that are too sharp are blurred
(`core.maps.soften`). The background cannot be determined from crops without solvent, so crop after preparation, not
before. No mask is applied around the molecule, as weak parts would be lost; voxels already masked are exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, uniform_filter

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import Levels, block_means, find_levels
from cryotools.core.maps.resample import SPACING, grid_at_spacing, resample, support
from cryotools.core.maps.soften import blur_needed, blurred
from cryotools.core.maps.volume import Volume
from cryotools.core.memory import check_grid_fits

PREPARED_RANGE = (-2.0, 4.0)  # × the molecule density; values beyond are heavy atoms or artefacts
_SMALLEST = 6.0  # Å along each axis: about one helical turn; a smaller map shows no structure
_BLOCK = 4  # Å
_STANDS_OUT, _STRONGEST = 0.25, 64  # fraction of the mean over this many strongest blocks
_AROUND = 2  # blocks of margin


@dataclass(frozen=True)
class PreparedMap:
    """A map in the standard form: `volume` with 1 Å voxels and background at 0; `levels` on the map's own scale."""

    volume: Volume
    levels: Levels


def prepare_map(volume: Volume, resolution: float | None = None, levels: Levels | None = None) -> PreparedMap:
    """`volume`, of the given `resolution` in Å if known, in the standard form, with its origin unchanged. The density
    `levels` are estimated if not given.

    Raises
    ------
    DataError
        The map is constant, has no density above background, is thinner than 6 Å or does not fit into memory.
    """
    if min(volume.grid.size) < _SMALLEST:
        size = " x ".join(f"{length:.3g}" for length in volume.grid.size)
        raise DataError(f"the map measures {size} A; it must be at least {_SMALLEST:g} A along each axis")
    unit = grid_at_spacing(volume.grid, SPACING)
    check_grid_fits(unit.shape, copies=3)
    levels = levels or find_levels(volume)
    shifted = volume.with_data(volume.data - np.float32(levels.background))
    data = resample(shifted, unit).data / np.float32(levels.strength)
    kept = None if levels.filling is None else support(shifted, unit)  # Fourier interpolation rings around a mask
    if kept is not None:
        data *= kept
    blur = blur_needed(data, resolution, max(volume.voxel_size))
    if blur > 0:
        data = blurred(data, blur)
        if kept is not None:
            data *= kept
        data = data / np.float32(find_levels(Volume.on(unit, data)).strength)  # data is read-only now
    return PreparedMap(Volume.on(unit, np.clip(data, *PREPARED_RANGE, out=data)), levels)


def stands_out(density: np.ndarray) -> np.ndarray:
    """Mask (nz, ny, nx) of a prepared map: regions that stand out from the background, and about 8 Å around them."""
    blocks = block_means(density, 0.0, [min(_BLOCK, n) for n in density.shape])
    means = uniform_filter(blocks, 3, mode="nearest")
    strongest = np.sort(means, axis=None)[-min(_STRONGEST, -(-means.size // 4)) :].mean()
    there = (means > _STANDS_OUT * strongest) & (means > 0)
    there = binary_dilation(there, np.ones((3, 3, 3), dtype=bool), iterations=_AROUND)
    for axis, n in enumerate(density.shape):
        there = np.repeat(there, min(_BLOCK, n), axis=axis)
    return there[tuple(slice(n) for n in density.shape)]
