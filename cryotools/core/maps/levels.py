"""The background of a map and its molecule density, from the map alone.

Both are the same whatever the scale and the offset of the values, however large the box is and whether the map was
masked: quantiles over all voxels, as histograms give them, move with the share of the box that is empty, so none is
taken. Instead the molecule is found first, as the blocks of some 4 Å whose mean is strong among the strongest ones, and
the figures are taken inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume

_BLOCK = 4.0  # Å; noise of most maps averages out over a block, density does not
_STRONGEST = 64  # blocks, the volume of a small protein: where the search for a level begins
_STRONG = 0.5  # of the mean over what is strong, above which something is
_FILLED = 0.2  # of all voxels; one exact value that so many have is a mask's or a box's filling
_AT_MOST = 1_000_000  # values that are sorted


@dataclass(frozen=True)
class Levels:
    """`background` is the level of the solvent and `strength` the molecule density: the mean height above the
    background of those voxels of the molecule that are higher than half of that mean. Both are in the map's own scale.
    `contrast` compares the strongest blocks with the weakest: far above 1 in a map, near 1 in noise, below 1 where
    density is negative. `filling` is the mask value, the exact value of masked voxels, or None.
    """

    background: float
    strength: float
    contrast: float
    filling: float | None


def in_sigma(volume: Volume) -> Volume:
    """`volume` in standard deviations above its mean, both over all voxels: those of a mask, too.

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
    """The levels of `volume`, of any voxel size.

    Raises
    ------
    DataError
        The map is constant, or nothing in it is above its background.
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
    """The commonest value of those that a fifth of the voxels have exactly, or None."""
    values = np.sort(_sample(data))
    step = max(1, int(_FILLED * len(values)))
    same = np.flatnonzero(values[step:] == values[:-step])
    if not len(same):
        return None
    candidates = np.unique(values[same])
    counts = np.searchsorted(values, candidates, "right") - np.searchsorted(values, candidates, "left")
    return float(candidates[np.argmax(counts)]) + 0.0  # not -0.0


def _commonest(values: np.ndarray) -> float:
    """The middle of the shortest interval that holds a quarter of `values` (n,): where solvent is."""
    values = np.sort(values)
    many = max(1, len(values) // 4)
    first = int(np.argmin(values[many:] - values[:-many])) if len(values) > many else 0
    return float(values[first : first + many + 1].mean(dtype=np.float64))


def _sample(data: np.ndarray) -> np.ndarray:
    """At most a million values of `data`, evenly spread."""
    return data.ravel()[:: -(-data.size // _AT_MOST) | 1]  # an odd step does not follow rows of even length


def block_size(volume: Volume) -> list[int]:
    """Voxels along each edge (z, y, x) of a block of some 4 Å."""
    steps = zip(volume.data.shape, volume.voxel_size[::-1], strict=True)
    return [max(1, min(n, round(_BLOCK / step))) for n, step in steps]


def block_means(data: np.ndarray, background: float, size: list[int]) -> np.ndarray:
    """Means above `background` over blocks of `size` (z, y, x) voxels; those at the end may be smaller."""
    for axis, n in enumerate(size):
        starts = np.arange(0, data.shape[axis], n)
        counts = np.diff(np.append(starts, data.shape[axis]))
        shape = [-1 if a == axis else 1 for a in range(3)]
        data = np.add.reduceat(data, starts, axis=axis) / counts.reshape(shape).astype(np.float32)
    return data - np.float32(background)


def _level(values: np.ndarray, strongest: int) -> float:
    """The mean of the values that exceed half of it, which no number of low values changes; infinite where none is
    above 0.

    The search goes down from the `strongest` values (a quarter of all in small maps), more than a bright spot fills,
    and ends at the highest such mean: noise in a large box would have one, too.
    """
    positive = np.sort(values[values > 0])[::-1].astype(np.float64)
    if not len(positive):
        return np.inf
    total = np.cumsum(positive)
    count = max(1, min(strongest, len(positive) // 4))
    while True:
        mean = total[count - 1] / count
        above = int(np.searchsorted(-positive, -_STRONG * mean))  # how many exceed it
        if above <= count:
            return float(mean)
        count = above


def _inside(data: np.ndarray, inside: np.ndarray, size: list[int]) -> np.ndarray:
    """The values of `data` in the blocks that are `inside`."""
    for axis, n in enumerate(size):
        inside = np.repeat(inside, n, axis=axis)
    return data[inside[tuple(slice(n) for n in data.shape)]]


def _contrast(blocks: np.ndarray) -> float:
    """The strongest blocks over the weakest, a thousandth of all but at least 8 at each end."""
    many = min(max(8, blocks.size // 1000), blocks.size)
    ordered = np.sort(blocks, axis=None).astype(np.float64)
    weakest = -ordered[:many].mean()
    strongest = ordered[-many:].mean()
    return float(strongest / weakest) if weakest > 0 else float("inf")
