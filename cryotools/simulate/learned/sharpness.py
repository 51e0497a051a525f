"""Sharpness: how much more slowly a map's amplitudes fall off than molmap's, as one B factor.

Depositors sharpen and blur maps differently, so a molecule at the same resolution looks different in two entries.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.maps.distance import fade
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structure import Structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density

LIMITS = (-500.0, 500.0)  # Å²; values beyond are neither measured nor trained on
Reach = tuple[float, float]
REACH = (4.0, 7.0)  # Å from an atom: where density begins to fade, and where it ends
_COARSEST = 12.0  # Å; coarser amplitudes reflect the molecule's shape
_FINE = 8.0  # Å; coarser maps have no other amplitudes to measure
_FEWEST = 3  # shells


def envelope(structure: Structure, grid: Grid, reach: Reach = REACH) -> np.ndarray:
    """1 within `reach[0]` Å of atoms, 0 beyond `reach[1]`, a cosine between; float32 (nz, ny, nx)."""
    return fade(grid, structure.xyz, *reach)


def measure_sharpness(volume: Volume, structure: Structure, resolution: float) -> float:
    """The B in Å² for which molmap's transform at `resolution` × exp(B s²/4) falls off as the map's does.

    s is the frequency in 1/Å, from 1/12 to the resolution (coarser than 8 Å, from half of that); positive is sharper
    than molmap. Only the part of the map that correlates with molmap, shell by shell and near atoms, is used, so noise
    does not count as sharpness. From -500 to 500.

    Raises
    ------
    DataError
        The map and the structure have no density in common there.
    """
    grid = volume.grid
    mask = envelope(structure, grid)
    shells = Shells(grid.shape, grid.voxel_size)
    ideal = shells.transform(molmap_density(structure, grid, MapOptions(resolution, occupancy=False)) * mask)
    common = shells.sum((shells.transform(volume.data * mask) * ideal.conj()).real.astype(np.float64))
    power = shells.sum(np.abs(ideal).astype(np.float64) ** 2)
    coarsest = _COARSEST if resolution <= _FINE else 2 * resolution
    used = (shells.frequency >= 1 / coarsest) & (shells.frequency <= 1 / resolution) & (common > 0) & (power > 0)
    if used.sum() < _FEWEST:
        raise DataError(f"{structure.name}: the map has no density in common with the structure at {resolution:g} A")
    slope, _ = np.polyfit(
        shells.frequency[used] ** 2 / 4, np.log(common[used] / power[used]), 1, w=np.sqrt(shells.count[used])
    )
    return float(np.clip(slope, *LIMITS))
