"""Blur oversharpened maps until their amplitudes fall off as those of most maps do.

Depositors sharpen to taste. Apparent detail in an oversharpened map is noise to a network: of 12 experimental maps,
those sharper than this module's standard gained up to 0.17 in Q3 from a B-factor blur, the others nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.shells import Shells

STANDARD = -150.0  # Å²: the slope of ln(amplitude) against s²/4, s in 1/Å
_FROM = 10.0  # Å; amplitudes at lower resolution reflect the molecule's shape
_FINEST = 2.2  # Å; just short of the Nyquist limit of 1 Å voxels
_USUAL = 3.5  # Å, assumed if the resolution is unknown
_COARSEST = 6.0  # Å; too few shells are left at lower resolution
_FEWEST = 4  # shells
_AROUND = 128  # voxels along each axis of the measured part
_MOST = 200.0  # Å², the largest blur


def slope(data: np.ndarray, resolution: float | None, voxel: float) -> float:
    """The slope d ln(amplitude) / d(s²/4) in Å² of a map (nz, ny, nx) on voxels of 1 Å, from 10 Å to its resolution:
    the lower, the blurrier. NaN if it cannot be measured.

    `voxel` is the map's original voxel size in Å: there is no signal beyond its Nyquist limit. In large maps only the
    part around the molecule's centre is measured.
    """
    finest = max(resolution or _USUAL, _FINEST, 2.2 * voxel)
    if finest > _COARSEST:
        return float("nan")
    part = _around_middle(data)
    shells = Shells(part.shape, (1.0, 1.0, 1.0))
    amplitude = shells.amplitude(part)
    used = (shells.frequency > 1 / _FROM) & (shells.frequency < 1 / finest) & (amplitude > 0)
    if used.sum() < _FEWEST:
        return float("nan")
    squared = shells.frequency[used] ** 2 / 4
    return float(np.polyfit(squared, np.log(amplitude[used]), 1, w=np.sqrt(shells.count[used]))[0])


def blur_needed(data: np.ndarray, resolution: float | None, voxel: float, standard: float = STANDARD) -> float:
    """The B factor in Å², from 0 to 200, that blurs an oversharpened map to the `standard` slope."""
    return float(np.clip(np.nan_to_num(slope(data, resolution, voxel) - standard), 0, _MOST))


def blurred(data: np.ndarray, b: float) -> np.ndarray:
    """`data` on voxels of 1 Å with its amplitudes multiplied by exp(-b s²/4); b ≥ 0 in Å²."""
    return gaussian_filter(data, np.sqrt(b / (8 * np.pi**2))) if b > 0 else data


def _around_middle(data: np.ndarray) -> np.ndarray:
    """At most 128 voxels along each axis, around the centre of the strong density."""
    if max(data.shape) <= _AROUND:
        return data
    strong = data > 0.5
    parts = []
    for axis, n in enumerate(data.shape):
        along = strong.sum(axis=tuple(other for other in range(3) if other != axis), dtype=np.int64)
        middle = int((along * np.arange(n)).sum() / max(along.sum(), 1))
        start = int(np.clip(middle - _AROUND // 2, 0, max(n - _AROUND, 0)))
        parts.append(slice(start, start + _AROUND))
    return data[tuple(parts)]
