"""Find the parts of a volume that matter and cover them with boxes of few voxels.

A network processes each box with a margin (halo); with equal tiles, much of the work is spent on halo and solvent.
Boxes are chosen to keep the number of voxels to compute, halos included, small.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cryotools.core.compute.tiles import bounding_box
from cryotools.core.maps.volume import Grid, Shape, shape_of, triple_of

_LEAST = 8  # blocks along an axis of a box without its halo; smaller boxes save memory at too high a cost
_PARTS = 16  # at most, along an axis
_CUTS = range(2, 11)  # twelfths of an axis at which a box may be cut in two


@dataclass(frozen=True)
class Blocks:
    """Which cubic blocks of `edge` voxels of a volume of `shape` (nz, ny, nx) matter: bool `mask` over the blocks."""

    mask: np.ndarray
    edge: int
    shape: Shape


@dataclass(frozen=True)
class Box:
    """Part of a volume: its first voxel and its `shape`, both (z, y, x)."""

    start: Shape
    shape: Shape

    def grown(self, halo: int) -> Box:
        """The box with `halo` more voxels on every side; it may extend beyond the volume."""
        return Box(shape_of(a - halo for a in self.start), shape_of(n + 2 * halo for n in self.shape))

    def inside(self, shape: Shape) -> Box:
        """The part of the box inside a volume of `shape`; axes may be 0 but not negative."""
        low = shape_of(min(max(a, 0), limit) for a, limit in zip(self.start, shape, strict=True))
        high = [min(max(a + n, 0), limit) for a, n, limit in zip(self.start, self.shape, shape, strict=True)]
        return Box(low, shape_of(b - a for a, b in zip(low, high, strict=True)))

    def slices(self, of: Shape = (0, 0, 0)) -> tuple[slice, slice, slice]:
        """The box as slices of an array that starts at voxel `of`."""
        z, y, x = (slice(a - b, a - b + n) for a, n, b in zip(self.start, self.shape, of, strict=True))
        return z, y, x

    def grid(self, whole: Grid) -> Grid:
        """The part of the grid `whole` within the box."""
        return Grid(self.shape, whole.voxel_size, triple_of(whole.index_to_world(np.array(self.start[::-1]))))


def everywhere(shape: Shape, edge: int) -> Blocks:
    """All blocks of a volume."""
    return Blocks(np.ones([-(-n // edge) for n in shape], dtype=bool), edge, shape_of(shape))


def blocks_within(grid: Grid, xyz: np.ndarray, reach: float, edge: int) -> Blocks:
    """The blocks of `grid` with a voxel within `reach` Å of any of the positions (n, 3), and a few others."""
    whole = everywhere(grid.shape, edge)
    step = np.array(grid.voxel_size[::-1]) * edge
    most = np.floor(reach / step).astype(int) + 1
    held = np.zeros(np.array(whole.mask.shape) + 2 * most, dtype=bool)
    at = np.floor((grid.world_to_index(xyz)[:, ::-1] + 0.5) / edge).astype(np.int64) + most
    at = at[np.all((at >= 0) & (at < held.shape), axis=1)]
    held[tuple(at.T)] = True
    mask = np.zeros_like(whole.mask)
    for offset in itertools.product(*(range(-m, m + 1) for m in most)):
        apart = np.maximum(np.abs(offset) - 1, 0) * step
        if (apart @ apart) <= reach**2:
            mask |= held[tuple(slice(m + o, m + o + n) for m, o, n in zip(most, offset, mask.shape, strict=True))]
    return Blocks(mask, edge, whole.shape)


def box_atoms(grid: Grid, box: Box, xyz: np.ndarray, reach: float) -> np.ndarray:
    """Indices of the positions (n, 3) that are within `reach` Å of a box of the grid along each axis."""
    part = box.grid(grid)
    low, high = part.origin, part.index_to_world(np.array(part.shape[::-1]) - 1)
    return np.flatnonzero(np.all((xyz >= np.subtract(low, reach)) & (xyz <= high + reach), axis=1))


def cover(blocks: Blocks, *, halo: int, largest: int) -> list[Box]:
    """Non-overlapping boxes that contain all blocks that matter: each of at most `largest` voxels with its halo if
    possible, and with few voxels in total. Boxes end at block edges, so the last may extend beyond the volume.
    """
    reach = halo / blocks.edge
    most = max(largest / blocks.edge**3, (2 * reach + _LEAST) ** 3)
    found = bounding_box(blocks.mask)
    if found is None:
        return []
    corner = shape_of(part.start for part in found)
    boxes = _cover(blocks.mask[found], corner, reach, most)
    return [Box(shape_of(a * blocks.edge for a in b.start), shape_of(n * blocks.edge for n in b.shape)) for b in boxes]


def _cover(mask: np.ndarray, corner: Shape, reach: float, most: float) -> list[Box]:
    """Boxes, in blocks, for a tightly cropped mask that starts at the block `corner`."""

    def together(parts: list[tuple[np.ndarray, Shape]]) -> float:
        return sum(_cost(part.shape, reach, most) for part, _ in parts)

    halves = min(_halvings(mask, corner), key=together, default=None)
    fits = float(np.prod([n + 2 * reach for n in mask.shape])) <= most
    if halves is None or (fits and _cost(mask.shape, reach, most) <= together(halves)):
        return [Box(corner, shape_of(mask.shape))]
    return [box for part, start in halves for box in _cover(part, start, reach, most)]


def _halvings(mask: np.ndarray, corner: Shape) -> Iterator[list[tuple[np.ndarray, Shape]]]:
    """Ways to cut a mask in two, each part cropped to its True blocks and given with its first block."""
    for axis, n in enumerate(mask.shape):
        for cut in sorted({round(n * twelfths / 12) for twelfths in _CUTS} - {0, n}):
            parts = []
            for ends in (slice(0, cut), slice(cut, n)):
                half = mask[(slice(None),) * axis + (ends,)]
                found = bounding_box(half)
                if found is not None:
                    start = [a + part.start for a, part in zip(corner, found, strict=True)]
                    start[axis] += ends.start
                    parts.append((half[found], shape_of(start)))
            yield parts


@lru_cache(maxsize=4096)
def _cost(shape: Shape, reach: float, most: float) -> float:
    """Blocks to compute, halos included, for a full box of `shape`, cut into as many equal parts as needed."""
    counts = [np.arange(1, min(n, _PARTS) + 1) for n in shape]
    parts = [-(-n // count) + 2 * reach for n, count in zip(shape, counts, strict=True)]
    each = np.einsum("i,j,k->ijk", *parts)
    every = each * np.einsum("i,j,k->ijk", *counts)
    fitting = every[each <= most]
    return float(fitting.min() if fitting.size else every.max())
