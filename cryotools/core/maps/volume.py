"""Density on a regular grid, and the position of that grid in space.

Arrays are indexed `(z, y, x)`; positions, voxel sizes and origins are `(x, y, z)` in Å. The origin is the centre
of voxel `[0, 0, 0]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsInt

import numpy as np

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]

_HASHED = 16  # values that enter the hash, to distinguish volumes on one grid
_WHOLE = 1e-3  # in voxels: how far from a whole number still counts as whole (header origins are float32)


def triple_of(xyz: Iterable[float]) -> Triple:
    """Three numbers, e.g. from an array (3,), as plain floats (x, y, z)."""
    x, y, z = xyz
    return float(x), float(y), float(z)


def shape_of(counts: Iterable[SupportsInt]) -> Shape:
    """Three counts, e.g. from an array (3,), as plain integers, in the same order."""
    first, second, third = counts
    return int(first), int(second), int(third)


@dataclass(frozen=True)
class Grid:
    """A regular grid without values: `shape` (nz, ny, nx), `voxel_size` and `origin` (x, y, z) in Å."""

    shape: Shape
    voxel_size: Triple
    origin: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"a grid needs three axes of at least one voxel, not {self.shape}")
        if not (np.all(np.isfinite(self.voxel_size)) and min(self.voxel_size) > 0):
            raise ValueError(f"voxel sizes must be positive numbers, not {self.voxel_size}")
        object.__setattr__(self, "shape", shape_of(self.shape))
        object.__setattr__(self, "voxel_size", triple_of(self.voxel_size))
        object.__setattr__(self, "origin", triple_of(self.origin))

    @property
    def size(self) -> Triple:
        """Extent along x, y and z, Å: voxels × voxel size."""
        return triple_of(n * step for n, step in zip(self.shape[::-1], self.voxel_size, strict=True))

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape, dtype=np.int64))

    def world_to_index(self, xyz: np.ndarray) -> np.ndarray:
        """Fractional voxel indices `(..., 3)`, still ordered (x, y, z), of positions `(..., 3)` in Å."""
        return (np.asarray(xyz, dtype=np.float64) - self.origin) / self.voxel_size

    def index_to_world(self, index: np.ndarray) -> np.ndarray:
        """Positions in Å of fractional voxel indices `(..., 3)` ordered (x, y, z)."""
        return np.asarray(index, dtype=np.float64) * self.voxel_size + self.origin

    def axis(self, which: int) -> np.ndarray:
        """Voxel centres in Å along axis 0 (x), 1 (y) or 2 (z)."""
        return self.origin[which] + self.voxel_size[which] * np.arange(self.shape[2 - which])

    def nstart(self) -> Shape | None:
        """The origin in whole voxels (x, y, z), or None if it is not a whole number of voxels."""
        voxels = np.divide(self.origin, self.voxel_size)
        whole = np.rint(voxels)
        if np.any(np.abs(voxels - whole) > _WHOLE) or np.any(np.abs(whole) >= 2**31):
            return None
        return shape_of(whole)

    def contains(self, xyz: np.ndarray) -> np.ndarray:
        """True for each position `(n, 3)` between the outermost voxel centres, or on them within rounding error."""
        index = self.world_to_index(xyz)
        return np.all((index >= -_WHOLE) & (index <= np.array(self.shape[::-1]) - 1 + _WHOLE), axis=-1)

    def same_as(self, other: Grid) -> bool:
        """True if both grids have the same voxels, to within a thousandth of a voxel over the whole box."""
        if self.shape != other.shape:
            return False
        corner = np.array(self.shape[::-1]) - 1
        apart = np.abs([self.world_to_index(other.index_to_world(at)) - at for at in (np.zeros(3), corner)])
        return bool(np.all(apart < _WHOLE))


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """An immutable map: `data` float32 `(nz, ny, nx)`, `voxel_size` and `origin` (x, y, z) in Å.

    Two volumes are equal if their grids and all their values are equal; NaN equals NaN.

    A float32 array that owns its memory is used without copying and becomes read-only: pass a copy if you still need
    to write to it. A view of writable memory is copied.
    """

    data: np.ndarray
    voxel_size: Triple
    origin: Triple = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        data = _read_only(np.asarray(self.data, dtype=np.float32))
        object.__setattr__(self, "data", data)
        grid = Grid(data.shape, self.voxel_size, self.origin)
        object.__setattr__(self, "voxel_size", grid.voxel_size)
        object.__setattr__(self, "origin", grid.origin)

    def __repr__(self) -> str:
        size, origin = (", ".join(f"{v:.4g}" for v in three) for three in (self.voxel_size, self.origin))
        if len(set(self.voxel_size)) == 1:
            size = f"{self.voxel_size[0]:.4g}"
        shape = " x ".join(str(n) for n in self.data.shape[::-1])
        return f"<Volume: {shape} voxels (x, y, z) of {size} A, origin ({origin}) A>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Volume):
            return NotImplemented
        if self.data is not other.data and not np.array_equal(self.data, other.data, equal_nan=True):
            return False
        return self.grid == other.grid

    def __hash__(self) -> int:
        few = self.data.flat[:: max(1, self.data.size // _HASHED)].tolist()
        return hash((self.grid, *("nan" if value != value else value for value in few)))

    @classmethod
    def on(cls, grid: Grid, data: np.ndarray) -> Volume:
        """The volume with `data` on `grid`."""
        if data.shape != grid.shape:
            raise ValueError(f"data of shape {data.shape} do not fit a grid of {grid.shape}")
        return cls(data, grid.voxel_size, grid.origin)

    @cached_property
    def grid(self) -> Grid:
        """The grid of the voxels."""
        return Grid(self.data.shape, self.voxel_size, self.origin)

    def world_to_index(self, xyz: np.ndarray) -> np.ndarray:
        """See `Grid.world_to_index`."""
        return self.grid.world_to_index(xyz)

    def same_grid_as(self, other: Volume | Grid) -> bool:
        """True if both have the same voxels; see `Grid.same_as`."""
        return self.grid.same_as(other.grid if isinstance(other, Volume) else other)

    def sample(self, xyz: np.ndarray, order: int = 1, outside: float = 0.0) -> np.ndarray:
        """Spline values `(n,)` of `order` (1 trilinear, 3 cubic) at positions `(n, 3)` in Å; `outside` off the grid."""
        from scipy.ndimage import map_coordinates

        zyx = self.world_to_index(xyz).T[::-1]
        values = map_coordinates(self.data, zyx, order=order, mode="nearest", output=np.float32)
        return np.where(self.grid.contains(xyz), values, np.float32(outside))

    def crop(self, start: Shape, shape: Shape) -> Volume:
        """The box of `shape` (nz, ny, nx) that starts at voxel `start` (z, y, x); it must lie inside the volume."""
        stop = tuple(a + n for a, n in zip(start, shape, strict=True))
        if min(start) < 0 or any(b > n for b, n in zip(stop, self.data.shape, strict=True)):
            raise ValueError(f"the box {start} to {stop} leaves the volume of {self.data.shape}")
        part = self.data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
        return Volume(part.copy(), self.voxel_size, triple_of(self.grid.index_to_world(np.array(start[::-1]))))

    def pad(self, before: Shape, after: Shape, value: float = 0.0) -> Volume:
        """The volume padded with `before` and `after` voxels (z, y, x) of `value` along each axis."""
        widths = list(zip(before, after, strict=True))
        data = np.pad(self.data, widths, constant_values=value)
        return Volume(data, self.voxel_size, triple_of(self.grid.index_to_world(-np.array(before[::-1]))))

    def with_data(self, data: np.ndarray) -> Volume:
        """Other values on the same grid."""
        return Volume.on(self.grid, data)


def _read_only(data: np.ndarray) -> np.ndarray:
    """`data` itself made read-only, or a read-only copy if its memory can be written to through another array."""
    if not _is_sole(data):
        data = data.copy()
    data.flags.writeable = False
    return data


def _is_sole(data: np.ndarray) -> bool:
    """Whether `data` owns its memory, or is a view of read-only memory."""
    if isinstance(data.base, np.ndarray):
        return not data.base.flags.writeable and _is_sole(data.base)
    return data.base is None or not data.flags.writeable
