"""Estimate the background and the molecule density of a map from the map alone.

Both estimates follow the scale and offset of the values and depend neither on the box size nor on masking. Quantiles
over all voxels, as taken from histograms, shift with the empty fraction of the box, so they are not used. Instead the
molecule is located first, as blocks of about 4 Å with a high mean density, and its density is measured inside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume

_BLOCK = 4.0  # Å; in most maps noise averages out over a block, density does not
_STRONGEST = 64  # blocks, the volume of a small protein: starting point of the search for a level
_STRONG = 0.5  # fraction of the mean strong density above which a value counts as strong
_FILLED = 0.2  # fraction of all voxels; an exact value shared by this many is a mask value or padding
_AT_MOST = 1_000_000  # values sorted at most


@dataclass(frozen=True)
class Levels:
    """`background` is the background level and `strength` the molecule density: the mean height above background of
    the molecule's voxels that exceed half of that mean. Both are on the map's own scale. `contrast` is the ratio of
    the strongest blocks to the weakest: well above 1 for a map, near 1 for noise, below 1 if the contrast is inverted.
    `filling` is the mask value, the exact value of masked voxels, or None.
    """

    background: float
    strength: float
    contrast: float
    filling: float | None


def in_sigma(volume: Volume) -> Volume:
    """`volume` in standard deviations above its mean, both taken over all voxels, including masked ones.

    Raises
    ------
    DataError
        The map is constant.
    """
    mean, deviation = volume.data.mean(dtype=np.float64), volume.data.std(dtype=np.float64)
    if not deviation > 1e-6 * abs(mean):
        raise DataError("the map is constant; it contains no density")
    return volume.with_data((volume.data - np.float32(mean)) / np.float32(deviation))


def find_levels(volume: Volume) -> Levels:
    """The density levels of `volume`, at any voxel size.

    Raises
    ------
    DataError
        The map is constant, or has no density above its background.
    """
    data = volume.data
    low, high = float(data.min()), float(data.max())
    if not high - low > 1e-6 * max(abs(low), abs(high)):
        raise DataError("the map is constant; it contains no density")
    filling = _filling(data)
    background = _commonest(_sample(data)) if filling is None else filling
    size = block_size(volume)
    blocks = uniform_filter(block_means(data, background, size), 3, mode="nearest")
    inside = blocks > _STRONG * _level(blocks, _STRONGEST)
    if not inside.any():
        raise DataError("no density is above the map's background; check whether the contrast is inverted")
    values = _sample(_inside(data, inside, size)) - np.float32(background)
    strength = _level(values, _STRONGEST * int(np.prod(size)))
    return Levels(background, strength, _contrast(blocks), filling)


def _filling(data: np.ndarray) -> float | None:
    """The most common exact value shared by at least a fifth of the voxels, or None."""
    values = np.sort(_sample(data))
    step = max(1, int(_FILLED * len(values)))
    same = np.flatnonzero(values[step:] == values[:-step])
    if not len(same):
        return None
    candidates = np.unique(values[same])
    counts = np.searchsorted(values, candidates, "right") - np.searchsorted(values, candidates, "left")
    return float(candidates[np.argmax(counts)]) + 0.0  # not -0.0


def _commonest(values: np.ndarray) -> float:
    """The mean of the shortest interval that holds a quarter of `values` (n,): the background."""
    values = np.sort(values)
    many = max(1, len(values) // 4)
    first = int(np.argmin(values[many:] - values[:-many])) if len(values) > many else 0
    return float(values[first : first + many + 1].mean(dtype=np.float64))


def _sample(data: np.ndarray) -> np.ndarray:
    """At most a million values of `data`, evenly spread."""
    return data.ravel()[:: -(-data.size // _AT_MOST) | 1]  # an odd step does not keep in phase with rows of even length


def block_size(volume: Volume) -> list[int]:
    """Voxels along each edge (z, y, x) of a block of about 4 Å."""
    steps = zip(volume.data.shape, volume.voxel_size[::-1], strict=True)
    return [max(1, min(n, round(_BLOCK / step))) for n, step in steps]


def block_means(data: np.ndarray, background: float, size: list[int]) -> np.ndarray:
    """Means above `background` over blocks of `size` (z, y, x) voxels; the last ones may be smaller."""
    for axis, n in enumerate(size):
        starts = np.arange(0, data.shape[axis], n)
        counts = np.diff(np.append(starts, data.shape[axis]))
        shape = [-1 if a == axis else 1 for a in range(3)]
        data = np.add.reduceat(data, starts, axis=axis) / counts.reshape(shape).astype(np.float32)
    return data - np.float32(background)


def _level(values: np.ndarray, strongest: int) -> float:
    """The mean of the values that exceed half of that mean, unaffected by any number of low values; infinite if no
    value is positive.

    The search starts from the `strongest` values (a quarter of all in small maps), more than a bright spot fills, and
    works down to the first, highest such mean: noise in a large box would give one, too.
    """
    positive = np.sort(values[values > 0])[::-1].astype(np.float64)
    if not len(positive):
        return np.inf
    total = np.cumsum(positive)
    count = max(1, min(strongest, len(positive) // 4))
    while True:
        mean = total[count - 1] / count
        above = int(np.searchsorted(-positive, -_STRONG * mean))  # number of values above the threshold
        if above <= count:
            return float(mean)
        count = above


def _inside(data: np.ndarray, inside: np.ndarray, size: list[int]) -> np.ndarray:
    """The values of `data` in the blocks selected by `inside`."""
    for axis, n in enumerate(size):
        inside = np.repeat(inside, n, axis=axis)
    return data[inside[tuple(slice(n) for n in data.shape)]]


def _contrast(blocks: np.ndarray) -> float:
    """Ratio of the strongest to the weakest blocks: a thousandth of all, but at least 8, at each end."""
    many = min(max(8, blocks.size // 1000), blocks.size)
    ordered = np.sort(blocks, axis=None).astype(np.float64)
    weakest = -ordered[:many].mean()
    strongest = ordered[-many:].mean()
    return float(strongest / weakest) if weakest > 0 else float("inf")
