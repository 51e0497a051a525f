"""Maps that are not experimental: classical maps, without and with noise, random density, and generated maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.resample import SPACING
from cryotools.core.maps.splat import sigma_of_resolution
from cryotools.core.maps.volume import Volume
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.learned.sharpness import envelope
from cryotools.simulate.noise import half_maps
from cryotools.training.pairs import Pair

_BROADER = (0.8, 1.0, 1.2, 1.4, 1.7)  # × the resolution; few maps look like molmap at their reported resolution


def classical(pair: Pair) -> list[Volume]:
    """Maps of the pair's atoms at several resolutions, with B factors, and with electron scattering weights."""
    options = [MapOptions(pair.resolution * factor, occupancy=False) for factor in _BROADER]
    options.append(MapOptions(pair.resolution, occupancy=False, b_factors=True))
    options.append(MapOptions(1.2 * pair.resolution, weights="electron", occupancy=False))
    return [_simulated(pair, option) for option in options]


def noisy(pair: Pair, random: np.random.Generator) -> list[Volume]:
    """Classical maps with noise throughout the box: white, as coarse as the map, and as in reconstructions."""
    made = []
    for level, coarse in ((0.04, False), (0.1, False), (0.04, True), (0.1, True)):
        clean = _simulated(pair, MapOptions(float(random.uniform(0.8, 1.4)) * pair.resolution, occupancy=False))
        strong = float(np.percentile(clean.data, 99.9))
        noise = _noise(random, clean.data.shape, sigma_of_resolution(pair.resolution) if coarse else 0.0)
        made.append(clean.with_data(clean.data + np.float32(level * strong) * noise))
    for better in (0.8, 1.0, 1.2):
        clean = _simulated(pair, MapOptions(float(random.uniform(0.9, 1.4)) * pair.resolution, occupancy=False))
        limit = max(better * pair.resolution, 2.1 * SPACING)
        seed = int(random.integers(2**31))
        made.append(clean.with_data(half_maps(clean.data, clean.voxel_size, limit, seed)[2]))
    return made


def random_density(pair: Pair, random: np.random.Generator) -> list[Volume]:
    """Blobs of random density within the molecule's envelope, as coarse as the map."""
    mask = envelope(pair.structure, pair.target.grid)
    made = []
    for factor in (0.8, 1.2):
        noise = _noise(random, mask.shape, factor * sigma_of_resolution(pair.resolution))
        made.append(pair.target.with_data(mask * (0.5 + 0.5 * noise)))
    return made


def generated(pair: Pair, generate: Callable[[Pair, bool], np.ndarray]) -> list[Volume]:
    """Maps of the pair's atoms by a generator, a function of the pair and of whether B factors are used."""
    return [pair.target.with_data(generate(pair, b_factors)) for b_factors in (False, True)]


def _simulated(pair: Pair, options: MapOptions) -> Volume:
    return pair.target.with_data(molmap_density(pair.structure, pair.target.grid, options))


def _noise(random: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Gaussian noise of unit variance, blurred by `sigma` voxels."""
    noise = random.standard_normal(shape, dtype=np.float32)
    if sigma:
        noise = gaussian_filter(noise, sigma, mode="wrap")
    return noise / noise.std()
