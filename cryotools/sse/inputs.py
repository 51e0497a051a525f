"""What the network sees of a map: one form for every map, made by one function in training and in use.

Voxels are cubes of 1 Å. Values count from the solvent in units of the molecule's strength (`core.maps.levels`): neither
depends on the scale of the values, the size of the box or a mask. Maps that are too sharp are blurred (`sse.soften`).
Crops that hold no solvent do not know its level, so
take them from maps that are prepared, not before. Nothing is cut away around the molecule, since weak parts of it would
go, too; what a mask has cut away is exactly 0. Beside the map go two numbers that hold for all of it: the resolution
and whether it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import ArgumentError, DataError
from cryotools.core.maps.levels import Levels, find_levels
from cryotools.core.maps.resample import SPACING, grid_at_spacing, interpolate, resample, support
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.memory import check_grid_fits
from cryotools.sse.soften import blur_needed, blurred

RESOLUTION_CONDITIONS = 2
RANGE = (-2.0, 4.0)  # × the molecule's strength; what is beyond is a heavy atom or an artefact
SMALLEST = 6.0  # Å along each axis: one turn of a helix
_MIDDLE, _SPREAD = 4.0, 2.0  # Å, which scale the resolution
_RESOLUTIONS = (1.0, 15.0)  # Å; beyond, one says no more than the limit


@dataclass(frozen=True)
class PreparedMap:
    """A map in the common form: `volume` on voxels of 1 Å, solvent at 0; `levels` in the map's own scale."""

    volume: Volume
    levels: Levels


def prepare_map(volume: Volume, resolution: float | None = None, levels: Levels | None = None) -> PreparedMap:
    """`volume`, of a `resolution` in Å if that is known, in the common form; its box begins at the same origin. Its
    `levels` are found where they are not given.

    Raises
    ------
    DataError
        The map is constant, has nothing above its background, is thinner than 6 Å or does not fit the memory.
    """
    if min(volume.grid.size) < SMALLEST:
        size = " x ".join(f"{length:.3g}" for length in volume.grid.size)
        raise DataError(f"the map measures {size} A; secondary structure needs {SMALLEST:g} A along each axis")
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
        data = data / np.float32(find_levels(Volume.on(unit, data)).strength)  # the volume has made its data read-only
    return PreparedMap(Volume.on(unit, np.clip(data, *RANGE, out=data)), levels)


def resolution_conditions(resolution: float | None) -> np.ndarray:
    """The resolution in Å, scaled, and whether it is known, float32 (RESOLUTION_CONDITIONS,); None where it is not.

    Raises
    ------
    UsageError
        The resolution is not a positive number.
    """
    if resolution is None:
        return np.zeros(RESOLUTION_CONDITIONS, dtype=np.float32)
    if not (np.isfinite(resolution) and resolution > 0):
        raise ArgumentError("resolution", f"{resolution:g}", "give a positive number of angstroms")
    return np.array([(np.clip(resolution, *_RESOLUTIONS) - _MIDDLE) / _SPREAD, 1.0], dtype=np.float32)


def on_grid(probabilities: np.ndarray, unit: Grid, target: Grid) -> np.ndarray:
    """Probability maps (k, *unit.shape) on another grid, float32 (k, *target.shape): still from 0 to 1, summing to 1.

    Beyond the unit grid, which may end up to 1 Å before the target, lie the values at its faces.

    Raises
    ------
    DataError
        The maps do not fit the memory.
    """
    check_grid_fits(target.shape, copies=len(probabilities))
    result = np.empty((len(probabilities), *target.shape), dtype=np.float32)
    for one, values in enumerate(probabilities):
        result[one] = interpolate(Volume.on(unit, values), target).data
    return result
