"""The volumes of states: density without aliasing, on the grid of the images."""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.resample import resample
from cryotools.core.maps.volume import Grid, Volume, triple_of
from cryotools.core.structures.structure import Structure
from cryotools.heterogeneity.fourier import VOLUME, map_grid, spectrum_of, values_of
from cryotools.simulate.classical.formulas import MapOptions, molmap_density

_FINER = 2  # times: the grid on which atoms become density, before frequencies beyond the images' are cut off


def state_volume(
    source: Structure | Volume, centre: np.ndarray, box: int, voxel_size: float, resolution: float
) -> Volume:
    """The density of a state on `map_grid`, with `centre` (3,) at voxel box // 2, and nothing beyond Nyquist.

    Atoms are molmap's Gaussians at `resolution` Å, weighted by atomic number and occupancy; maps are resampled, and
    0 outside the sphere in the box.
    """
    finer = _FINER if isinstance(source, Structure) else 1
    step, count = voxel_size / finer, box * finer
    grid = Grid((count,) * 3, (step,) * 3, triple_of(np.asarray(centre) - step * (count // 2)))
    if isinstance(source, Structure):
        data = molmap_density(source, grid, MapOptions(resolution, device="cpu"))
    else:
        data = resample(source, grid).data * _ball(count)
    return Volume.on(map_grid(box, voxel_size), _band_limited(data, box))


def _band_limited(data: np.ndarray, box: int) -> np.ndarray:
    """Density reduced to `box` voxels by leaving out frequencies of half a cycle per voxel and more."""
    start = data.shape[0] // 2 - box // 2
    cut = (slice(start, start + box),) * VOLUME
    spectrum = spectrum_of(data, VOLUME)[cut] * (_distance(box) < box / 2)
    return (values_of(spectrum, VOLUME) * (box / data.shape[0]) ** VOLUME).astype(np.float32)


def _ball(box: int) -> np.ndarray:
    return np.clip(box / 2 - _distance(box), 0, 1).astype(np.float32)


def _distance(box: int) -> np.ndarray:
    """Distance (D, D, D) of each voxel from voxel D // 2."""
    x = (np.arange(box) - box // 2).astype(np.float32) ** 2
    return np.sqrt(x[:, None, None] + x[:, None] + x)
