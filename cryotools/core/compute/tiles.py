"""Cut a volume into equal tiles with a margin, and reassemble the tiles' results.

A tile's margin (halo) is at least the receptive field of the network, so the values kept from its core are unaffected
by the tiling: the result is the same for any tile size. Beyond the volume are zeros.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.core.maps.volume import Shape, shape_of


@dataclass(frozen=True)
class TilePlan:
    """How a volume of `shape` (nz, ny, nx) is tiled: adjacent cores of `core` voxels, each with `halo` more on every
    side. The last cores may extend beyond the volume.

    With `beyond`, tiles end that many voxels outside the volume, whose axes are rounded up to a `multiple`; without it
    all tiles have the same shape.
    """

    shape: Shape
    core: Shape
    halo: int
    multiple: int = 1
    beyond: int | None = None

    @property
    def tile(self) -> Shape:
        """Shape of the network's input: the core and its halo on both sides."""
        return shape_of(n + 2 * self.halo for n in self.core)

    def extent(self, start: Shape) -> tuple[Shape, Shape]:
        """First voxel and shape of the tile around the core at `start`, both (z, y, x)."""
        low = shape_of(s - self.halo for s in start)
        if self.beyond is None:
            return low, self.tile
        ends = [-(-n // self.multiple) * self.multiple + self.beyond for n in self.shape]
        high = [min(a + n, end) for a, n, end in zip(low, self.tile, ends, strict=True)]
        low = shape_of(max(a, -self.beyond) for a in low)
        return low, shape_of(b - a for a, b in zip(low, high, strict=True))

    def starts(self) -> list[Shape]:
        """First voxel of every core, (z, y, x)."""
        counts = [-(-n // size) for n, size in zip(self.shape, self.core, strict=True)]
        return [shape_of(i * n for i, n in zip(at, self.core, strict=True)) for at in np.ndindex(*counts)]

    def cut(self, channels: np.ndarray, start: Shape) -> np.ndarray:
        """The tile (c, *tile) around the core at `start` of `channels` (c, nz, ny, nx), 0 outside the volume."""
        low, shape = self.extent(start)
        tile = np.zeros((len(channels), *shape), dtype=channels.dtype)
        inside = [slice(max(a, 0), min(a + n, limit)) for a, n, limit in zip(low, shape, self.shape, strict=True)]
        there = [slice(part.start - a, part.stop - a) for part, a in zip(inside, low, strict=True)]
        tile[(slice(None), *there)] = channels[(slice(None), *inside)]
        return tile

    def paste(self, result: np.ndarray, tile: np.ndarray, start: Shape) -> None:
        """Copy the core of a network's output `tile` (k, *tile) to `start` of `result` (k, nz, ny, nx)."""
        sizes = [min(n, limit - s) for s, n, limit in zip(start, self.core, self.shape, strict=True)]
        low, _ = self.extent(start)
        core = tuple(slice(s - a, s - a + n) for s, a, n in zip(start, low, sizes, strict=True))
        place = tuple(slice(s, s + n) for s, n in zip(start, sizes, strict=True))
        result[(slice(None), *place)] = tile[(slice(None), *core)]


def plan_tiles(shape: Shape, *, halo: int, core: int = 64, multiple: int = 1) -> TilePlan:
    """A plan with cores of about `core` voxels along each axis, or fewer if the volume is smaller.

    `multiple` is the network's internal down-sampling factor: cores and halo are rounded up to it, so that all tiles
    are in phase with the pooling grid.
    """
    if halo < 0 or core < 1 or multiple < 1:
        raise ValueError("halo is at least 0, core and multiple at least 1")

    def up(n: int) -> int:
        return -(-n // multiple) * multiple

    return TilePlan(shape_of(shape), shape_of(min(up(core), up(n)) for n in shape), up(halo), multiple)


def plan_few_tiles(
    shape: Shape, *, halo: int, largest: int, multiple: int = 1, beyond: int = 0, most: int | None = None
) -> TilePlan:
    """A plan of equal tiles with at most `largest` voxels along each axis and `most` voxels each, and with the fewest
    voxels in total that these limits allow.

    Tiles end `beyond` voxels outside the volume, so the network's padding there (zero input, then the padding of its
    layers) is the same for any tiling, and small volumes cost little more than their own voxels.
    """

    def up(n: int) -> int:
        return -(-n // multiple) * multiple

    halo, beyond = up(halo), min(up(beyond), up(halo))
    if largest < 2 * halo + multiple:
        raise ValueError(f"tiles of {largest} voxels leave nothing inside a halo of {halo}")

    def choices(n: int) -> dict[int, tuple[int, int]]:
        """Ways to divide an axis: the core, the longest tile, and the total length of all tiles."""
        found = {}
        for size in {up(-(-n // count)) for count in range(1, -(-n // multiple) + 1)}:
            count = -(-n // size)
            longest = size + (2 * beyond, halo + beyond, 2 * halo)[min(count, 3) - 1]
            if longest <= largest:
                found[size] = longest, up(n) + 2 * beyond + 2 * halo * (count - 1)
        return found

    axes = [choices(n) for n in shape]
    every = list(itertools.product(*(axis.items() for axis in axes)))
    volumes = np.array([math.prod(longest for _, (longest, _) in one) for one in every])
    work = np.array([math.prod(total for _, (_, total) in one) for one in every])
    fitting = volumes <= max(volumes.min(), volumes.max() if most is None else most)
    best = every[int(np.argmin(np.where(fitting, work, np.inf)))]
    return TilePlan(shape_of(shape), shape_of(size for size, _ in best), halo, multiple, beyond)


def bounding_box(mask: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The smallest box (z, y, x) that contains all True voxels of a mask (nz, ny, nx); None if there are none."""
    found = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not len(found[0]):
        return None
    z, y, x = (slice(int(at[0]), int(at[-1]) + 1) for at in found)
    return z, y, x


def occupied(plan: TilePlan, channels: np.ndarray) -> Iterator[tuple[Shape, bool]]:
    """The start of every core, and whether its tile contains any non-zero values."""
    for start in plan.starts():
        low = [max(s - plan.halo, 0) for s in start]
        high = [s + n + plan.halo for s, n in zip(start, plan.core, strict=True)]
        part = channels[(slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))]
        yield start, bool(part.any())
