"""Noise: white noise at a given level, or that of the half maps of a reconstruction at a given resolution."""

from __future__ import annotations

import numpy as np

from cryotools.core.errors import UsageError
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Grid, Triple, Volume
from cryotools.core.structures.structure import Structure

_THRESHOLD = 0.143  # the half maps' FSC at the stated resolution
# signal to noise falls by exp(6) up to the resolution, a B of 12 RES² (108 Å² at 3 Å): FSC 0.98 at low frequencies,
# 0.5 at 1.2 RES
_DECAY = 6.0
_PEAK = 2.0  # noise relative to its level at the resolution, where it starts to fall


def add_noise(data: np.ndarray, structure: Structure, grid: Grid, level: float, seed: int) -> np.ndarray:
    """White Gaussian noise added to `data`; its standard deviation is `level` × the mean density at the atoms."""
    at_atoms = Volume.on(grid, data).sample(structure.xyz[grid.contains(structure.xyz)])
    noise = _white(data.shape, np.random.default_rng(seed))
    noise *= np.float32(level * at_atoms.mean())
    noise += data
    return noise


def half_maps(
    data: np.ndarray, voxel_size: Triple, resolution: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two maps of the signal `data` (nz, ny, nx), each with independent noise, and their mean; float32.

    Their FSC over the whole box falls to 0.143 at `resolution` Å; `voxel_size` is (x, y, z) in Å.

    Raises
    ------
    UsageError
        The voxels are too large for that resolution, or the map is too small.
    """
    shells = Shells(data.shape, voxel_size)
    if 1 / resolution >= shells.frequency[-1]:
        raise UsageError(
            f"half maps at {resolution:g} A need voxels smaller than {resolution / 2:.3g} A; a third of the resolution "
            "is best"
        )
    power = noise_power(shells.frequency, shells.amplitude(data) ** 2, resolution)
    rng = np.random.default_rng(seed)
    shape = np.interp(shells.radius, shells.frequency, np.sqrt(power / data.size)).astype(np.float32)
    taken = [shells.transform(data)]
    halves = []
    for _ in range(2):
        noise = _uncorrelated(shells.transform(_white(data.shape, rng)) * shape, taken, shells)
        taken.append(noise)
        halves.append(data + shells.inverse(noise))
    return halves[0], halves[1], (halves[0] + halves[1]) / 2


def noise_power(frequency: np.ndarray, signal: np.ndarray, resolution: float) -> np.ndarray:
    """The noise of one half map in each shell (n,), where `signal` (n,) is the map's power there.

    FSC = S / (S + N). S / N falls as exp(-6 (RES s)²) and gives an FSC of 0.143 at the resolution. Up to there noise
    never decreases with frequency. Beyond, once at twice its level at the resolution, it falls half as fast as S on a
    logarithmic scale: it ends softly, as in post-processed maps, while the FSC keeps falling.
    """
    at_limit = (1 - _THRESHOLD) / _THRESHOLD
    squared = (frequency * resolution) ** 2
    level = np.interp(1 / resolution, frequency, signal)
    growth = np.exp(_DECAY * np.minimum(squared - 1, 100))  # no overflow
    power = at_limit * np.minimum(signal * growth, _PEAK * np.sqrt(level * signal))
    inside = squared <= 1
    power[inside] = np.minimum.accumulate(power[inside][::-1])[::-1]
    power[0] = 0  # the mean is the signal's
    return power


def _uncorrelated(noise: np.ndarray, others: list[np.ndarray], shells: Shells) -> np.ndarray:
    """A half spectrum without its chance correlation with `others`, by shell; `others` are mutually uncorrelated.

    A shell of a small box has about a hundred values: chance alone would shift the resolution at FSC 0.143 by several
    per cent.
    """
    for other in others:
        common = shells.sum((noise * other.conj()).real.astype(np.float64))
        power = shells.sum(np.abs(other).astype(np.float64) ** 2)
        share = np.divide(common, power, out=np.zeros_like(common), where=power > 0).astype(np.float32)
        noise = noise - np.append(share, np.float32(0))[np.minimum(shells.index, len(share))] * other
    return noise


def _white(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)
