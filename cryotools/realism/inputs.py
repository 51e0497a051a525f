"""A common form for every map that is judged: real, simulated or generated, masked or not, on any scale.

A discriminator learns whatever distinguishes the classes, even the mask, the scale of the values or the voxel size.
So every map is resampled to 1 Å, scaled by its own structured voxels and masked around them, using the map alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.resample import SPACING, grid_at_spacing, resample
from cryotools.core.maps.volume import Volume

_CLIP = (1.0, 99.9)  # percentiles that values are clipped to before the levels are determined
_CONTOUR = 0.35  # of the way from the background to the mean of the strong voxels
_SMALLEST = 100  # voxels; smaller islands are noise
_MARGIN = 12  # voxels; boxes of curated pairs end 12 Å from the atoms
_KEPT = (3.0, 6.0)  # voxels from the structured ones: kept in full up to the first, faded to 0 at the second


@dataclass(frozen=True)
class MaskedMap:
    """A map in the common form: `volume` with its background at 0 and the mean of its structured voxels at 1;
    `structured` bool (nz, ny, nx); `contour` is the level, on the map's own scale, that structured voxels exceed.
    """

    volume: Volume
    structured: np.ndarray
    contour: float


def mask_map(volume: Volume, contour: float | None = None) -> MaskedMap:
    """`volume` in the common form; if `contour` is None, it is determined from the histogram.

    Raises
    ------
    DataError
        Nothing in the map exceeds the contour, or the map is constant.
    """
    unit = resample(volume, grid_at_spacing(volume.grid, SPACING))
    data = unit.data
    box = _around_molecule(unit)
    background, found = _levels(data[box])
    level = found if contour is None else contour
    if level <= background:
        raise DataError(f"the contour {level:.4g} is below the map's background, {background:.4g}; raise `contour`")
    structured = np.zeros(data.shape, dtype=bool)
    structured[box] = _without_islands(data[box] > level)
    if not structured.any():
        raise DataError(f"no part of the map above {_SMALLEST} A3 exceeds the contour {level:.4g}; lower `contour`")
    scale = float(data[structured].mean()) - background
    begins, ends = _KEPT
    fading = np.clip((ends - distance_transform_edt(~structured)) / (ends - begins), 0, 1)
    common = (data - np.float32(background)) / np.float32(scale) * fading.astype(np.float32)
    return MaskedMap(unit.with_data(common), structured, level)


def _around_molecule(volume: Volume) -> tuple[slice, slice, slice]:
    """The box around the strong voxels, plus 12 voxels: levels must not depend on how much solvent surrounds it."""
    levels = find_levels(volume)
    strong = _without_islands(volume.data > levels.background + 0.5 * levels.strength)
    if not strong.any():
        return slice(None), slice(None), slice(None)
    ends = [np.flatnonzero(strong.any(axis=other))[[0, -1]] for other in ((1, 2), (0, 2), (0, 1))]
    z, y, x = (slice(max(0, first - _MARGIN), last + _MARGIN + 1) for first, last in ends)
    return z, y, x


def _levels(data: np.ndarray) -> tuple[float, float]:
    """The background, and a contour between it and the strong voxels, those above Otsu's threshold."""
    low, high = np.percentile(data, _CLIP)
    if not high > low:
        raise DataError("the map is constant; it contains no density")
    values = np.clip(data.ravel(), low, high)
    strong = values > _otsu(values)
    background = float(np.median(values[~strong]))
    return background, background + _CONTOUR * (float(values[strong].mean()) - background)


def _otsu(values: np.ndarray) -> float:
    """The threshold with the largest variance between the values below and above it (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=256)
    below, above = np.cumsum(counts)[:-1], counts.sum() - np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1:-1][np.nanargmax(between)])


def _without_islands(mask: np.ndarray) -> np.ndarray:
    """`mask` without islands of fewer than 100 voxels; voxels at most 4 apart belong to one island, since sharp maps
    resolve single atoms.
    """
    labels, _ = label(binary_dilation(mask, iterations=2))
    sizes = np.bincount(labels[mask], minlength=labels.max() + 1)
    return mask & (sizes >= _SMALLEST)[labels]
