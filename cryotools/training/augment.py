"""What reconstruction, post-processing and flexible molecules do to a map, drawn at random.

Networks for experimental maps learn from simulated ones only what the two have in common. All functions take and
return maps (nz, ny, nx) with voxels of 1 Å, background 0 and a molecule density of about 1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from cryotools.core.maps.rotations import cut
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.splat import sigma_of_resolution
from cryotools.core.maps.volume import Volume, shape_of

_EDGE = 8  # order of the Butterworth low-pass filter at a map's resolution
_EDGES = (6.0, 30.0)  # orders of those applied in post-processing
_ENDS = (0.85, 1.1)  # × the resolution, their cutoff
_ENDED = 0.75  # fraction of maps
_B = (-100.0, 120.0)  # Å², at high resolution
_B_COARSE = (-8.0, 3.0)  # × the resolution squared: keeps the change at the resolution from shrinking in coarse maps
_ANISOTROPIC_B = (20.0, 120.0)  # Å² added along one direction
_LOCAL_B = (40.0, 200.0)  # Å² added where the map is worst
_CELL = 16  # Å, about the size of a domain, over which order and occupancy vary
_NOISE = (0.03, 0.35)  # × the molecule density
_GRAIN = (0.5, 2.0)  # Å, standard deviation of the blur of white noise
_BLOB = (4.0, 9.0)  # Å; lipids, detergent and disordered chains are this coarse
_BLOB_HEIGHT = (0.5, 1.2)
_SCALE = (0.8, 1.25)  # of a cube's density: the molecule density is only estimated
_OFFSET = 0.04
_CUBE_NOISE = (0.03, 0.25)
_NOISY = 0.5  # fraction of cubes
_NOISES, _NOISE_SIZE = 12, 96
DISTANT = 13.0  # Å from atoms, beyond which the distance no longer matters here


class CubeNoise:
    """Variation between estimates of a map's levels, and noise, for cubes as they are drawn: noise is made once and cut
    anew for each cube, of at most 96 voxels along an edge.
    """

    def __init__(self) -> None:
        self._noises = _noises()

    def disturbed(self, density: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """A cube (n, n, n) scaled, shifted and sometimes with noise; masked voxels stay 0."""
        filled, size = density != 0, len(density)
        low, high = np.log(_SCALE)
        density = density * np.float32(np.exp(random.uniform(low, high))) + np.float32(random.normal(0, _OFFSET))
        if random.random() < _NOISY:
            low, high = np.log(_CUBE_NOISE)
            start = random.integers(0, _NOISE_SIZE - size, 3, endpoint=True)
            grains = cut(self._noises[random.integers(_NOISES)], start, size).astype(np.float32)
            density += np.float32(np.exp(random.uniform(low, high))) * grains
        return density * filled


def lowered(volume: Volume, have: float, want: float, more_b: float = 0.0) -> Volume:
    """A map of resolution `have` Å brought to `want` Å, with its B factor raised by `more_b` Å² up to there."""
    shells = Shells(volume.grid.shape, volume.voxel_size)
    factor = shells.falloff(more_b, want)
    if want > have:
        gained = 8 * np.pi**2 * (sigma_of_resolution(want) ** 2 - sigma_of_resolution(have) ** 2)
        factor *= np.exp(-gained * shells.frequency**2 / 4) / np.sqrt(1 + (shells.frequency * want) ** (2 * _EDGE))
    return volume.with_data(shells.scale(volume.data, factor))


def random_b(resolution: float, random: np.random.Generator) -> float:
    """A random B factor in Å² to apply to a map of `resolution` Å: positive blurs, negative sharpens."""
    low, high = (pick(least, more * resolution**2) for pick, least, more in zip((min, max), _B, _B_COARSE, strict=True))
    return float(random.uniform(low, high))


def random_end(shells: Shells, resolution: float, random: np.random.Generator) -> np.ndarray:
    """Factors (n,) per shell of a low-pass filter, mostly a steep one, that cuts off a map and its noise near its
    resolution; sometimes there is none.
    """
    if random.random() >= _ENDED:
        return np.ones_like(shells.frequency)
    end, (low, high) = resolution * random.uniform(*_ENDS), np.log(_EDGES)
    return 1 / np.sqrt(1 + np.minimum(shells.frequency * end, 4.0) ** (2 * np.exp(random.uniform(low, high))))


def blurred_unevenly(data: np.ndarray, resolution: float, random: np.random.Generator) -> np.ndarray:
    """`data` with another B factor, sometimes blurrier along one direction or in some regions, or weaker in some."""
    shells = Shells(data.shape, (1.0, 1.0, 1.0))
    data = shells.change_b(data, random_b(resolution, random), resolution)
    if random.random() < 0.3:
        data = _anisotropic(data, random)
    if random.random() < 0.4:
        worse = gaussian_filter(data, np.sqrt(random.uniform(*_LOCAL_B) / (8 * np.pi**2)))
        data += smooth_field(data.shape, random) * (worse - data)
    if random.random() < 0.4:
        data *= 1 - random.uniform(0.2, 0.6) * smooth_field(data.shape, random)
    return data


def noise(shape: tuple[int, ...], random: np.random.Generator, end: np.ndarray | None = None) -> np.ndarray:
    """Coloured noise of unit variance, float32, filtered by the factors `end` (n,) per shell if given."""
    grains = gaussian_filter(random.standard_normal(shape, dtype=np.float32), random.uniform(*_GRAIN))
    if end is not None:
        grains = Shells(shape_of(shape), (1.0, 1.0, 1.0)).scale(grains, end)
    return grains / np.float32(grains.std())


@cache
def _noises() -> list[np.ndarray]:
    """The noise that cubes get, the same in every process."""
    random = np.random.default_rng(0)
    return [noise((_NOISE_SIZE,) * 3, random).astype(np.float16) for _ in range(_NOISES)]


def with_noise(data: np.ndarray, distance: np.ndarray, end: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """`data` with noise filtered like the map, by factors `end` (n,) per shell, and sometimes coarse density beside the
    molecule; `distance` in Å is that of each voxel to the nearest atom, or any larger value beyond `DISTANT`.
    """
    if random.random() < 0.2:
        data = data + blobs(distance, random)
    if random.random() < 0.75:
        low, high = np.log(_NOISE)
        data = data + np.float32(np.exp(random.uniform(low, high))) * noise(data.shape, random, end)
    return data


def masked(data: np.ndarray, distance: np.ndarray, random: np.random.Generator, *, always: bool = False) -> np.ndarray:
    """`data` masked as deposited maps are; `distance` in Å is that of each voxel to the nearest atom.

    A third is left unmasked unless masked `always`, a third has a soft mask around the atoms, the rest is cut off at a
    distance or a level.
    """
    kinds, share = ["none", "soft", "zone", "level"], np.array([0.0 if always else 0.35, 0.3, 0.2, 0.15])
    kind = random.choice(kinds, p=share / share.sum())
    if kind == "soft":
        begins = random.uniform(3, 7)
        return data * np.clip(1 - (distance - begins) / random.uniform(2, 6), 0, 1).astype(np.float32)
    if kind == "zone":
        return np.where(distance <= random.uniform(2.5, 5), data, np.float32(0))
    if kind == "level":
        return np.where(data > random.uniform(0.05, 0.3), data, np.float32(0))
    return data


def smooth_field(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """A random field from 0 to 1 that varies over about 16 Å, float32."""
    coarse = random.random([max(2, n // _CELL + 1) for n in shape])
    field = zoom(coarse, [n / m for n, m in zip(shape, coarse.shape, strict=True)], order=1)
    field -= field.min()
    return (field / max(field.max(), 1e-6)).astype(np.float32)


def _anisotropic(data: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """`data` blurred along one random direction, as if views were missing."""
    z, y = (np.fft.fftfreq(n) for n in data.shape[:2])
    x = np.fft.rfftfreq(data.shape[2])
    direction = random.standard_normal(3)
    direction /= np.linalg.norm(direction)
    along = direction[0] * z[:, None, None] + direction[1] * y[:, None] + direction[2] * x
    shells = Shells(data.shape, (1.0, 1.0, 1.0))
    spectrum = shells.transform(data) * np.exp(-random.uniform(*_ANISOTROPIC_B) * along**2 / 4).astype(np.float32)
    return shells.inverse(spectrum)


def blobs(distance: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Coarse density beside the molecule, like detergent and lipids, from the `distance` in Å to the nearest atom."""
    coarse = gaussian_filter(random.standard_normal(distance.shape, dtype=np.float32), random.uniform(*_BLOB))
    coarse = np.maximum(coarse / coarse.std() - 0.5, 0)
    outside = np.clip((distance - 5) / 3, 0, 1)
    return (coarse * outside * (random.uniform(*_BLOB_HEIGHT) / max(coarse.max(), 1e-6))).astype(np.float32)
