"""Cut a volume into equal tiles with a margin, and put the tiles' results together again.

A tile's margin (halo) is at least the receptive field of the network that will see it, so the values kept from its
core do not know that there was a tile: the result is the same whatever the tile size. Beyond the volume lie zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cryotools.core.volume import Shape


@dataclass(frozen=True)
class TilePlan:
    """How a volume of `shape` (nz, ny, nx) is tiled: cores of `core` voxels side by side, each seen with `halo` more
    on every side. The last cores may reach beyond the volume.
    """

    shape: Shape
    core: Shape
    halo: int

    @property
    def tile(self) -> Shape:
        """What the network sees: the core and its halo on both sides."""
        return tuple(n + 2 * self.halo for n in self.core)

    def starts(self) -> list[Shape]:
        """First voxel of every core, (z, y, x)."""
        counts = [-(-n // size) for n, size in zip(self.shape, self.core, strict=True)]
        return [tuple(int(i * n) for i, n in zip(at, self.core, strict=True)) for at in np.ndindex(*counts)]

    def cut(self, channels: np.ndarray, start: Shape) -> np.ndarray:
        """The tile (c, *tile) around the core at `start` from `channels` (c, nz, ny, nx), zeros beyond the volume."""
        tile = np.zeros((len(channels), *self.tile), dtype=channels.dtype)
        low = [s - self.halo for s in start]
        inside = [slice(max(a, 0), min(a + n, limit)) for a, n, limit in zip(low, self.tile, self.shape, strict=True)]
        there = [slice(part.start - a, part.stop - a) for part, a in zip(inside, low, strict=True)]
        tile[(slice(None), *there)] = channels[(slice(None), *inside)]
        return tile

    def paste(self, result: np.ndarray, tile: np.ndarray, start: Shape) -> None:
        """Put the core of a network's output `tile` (k, *tile) at `start` of `result` (k, nz, ny, nx)."""
        sizes = [min(n, limit - s) for s, n, limit in zip(start, self.core, self.shape, strict=True)]
        core = tuple(slice(self.halo, self.halo + n) for n in sizes)
        place = tuple(slice(s, s + n) for s, n in zip(start, sizes, strict=True))
        result[(slice(None), *place)] = tile[(slice(None), *core)]


def plan_tiles(shape: Shape, *, halo: int, core: int = 64, multiple: int = 1) -> TilePlan:
    """A plan with cores of about `core` voxels, smaller where the volume is.

    `multiple` is the factor by which the network shrinks its input inside: cores and halo are rounded up to it, so that
    every tile meets the pooling grid at the same phase.
    """
    if halo < 0 or core < 1 or multiple < 1:
        raise ValueError("halo is at least 0, core and multiple at least 1")

    def up(n: int) -> int:
        return -(-n // multiple) * multiple

    return TilePlan(tuple(shape), tuple(min(up(core), up(n)) for n in shape), up(halo))


def occupied(plan: TilePlan, channels: np.ndarray) -> Iterator[tuple[Shape, bool]]:
    """Every core's start, and whether its tile holds anything but zeros."""
    for start in plan.starts():
        low = [max(s - plan.halo, 0) for s in start]
        high = [s + n + plan.halo for s, n in zip(start, plan.core, strict=True)]
        part = channels[(slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))]
        yield start, bool(part.any())
