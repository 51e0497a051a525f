"""Which voxels are near atoms, how far away, and nearest to which: exact, at a cost that grows with the voxels nearby.

Every caller has a radius beyond which distances do not matter, so nothing is computed there.
"""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.volume import Grid

_CHUNK = 1 << 18  # voxels whose nearest points are searched at a time


def near_points(grid: Grid, xyz: np.ndarray, radius: float) -> np.ndarray:
    """Boolean mask (nz, ny, nx) of voxels whose centres lie within `radius` Å of any of the positions (n, 3).

    Positions outside the grid count if their radius reaches into it.
    """
    near = np.zeros(grid.shape, dtype=bool)
    xyz = np.reshape(xyz, (-1, 3))
    at = grid.world_to_index(xyz)
    reach = radius / np.array(grid.voxel_size)
    xyz = xyz[np.all((at >= -reach) & (at <= np.array(grid.shape[::-1]) - 1 + reach), axis=1)]
    if len(xyz):
        # a position is at most half a diagonal from its voxel's centre, so exact distances are needed only for voxels
        # within that margin of the radius; the others are decided by the voxels that hold positions
        half = 0.5 * float(np.linalg.norm(grid.voxel_size))
        box, perhaps = _dilated(grid, xyz, radius + half)
        near[box] = _dilated(grid, xyz, radius - half, box)[1]
        perhaps &= ~near[box]
        open_ones = np.zeros(grid.shape, dtype=bool)
        open_ones[box] = perhaps
        near[open_ones] = nearest_points(grid, open_ones, xyz)[0] <= radius
    return near


def nearest_points(grid: Grid, where: np.ndarray, xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each voxel of the mask `where` (nz, ny, nx), in order, the distance in Å to the nearest of the positions
    (n, 3), float32 (m,), and the index of that position, int (m,).
    """
    from scipy.spatial import cKDTree

    flat = np.flatnonzero(where)
    away, which = np.empty(len(flat), dtype=np.float32), np.empty(len(flat), dtype=np.int64)
    if len(flat):
        tree = cKDTree(xyz)
        for begin in range(0, len(flat), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            index = np.stack(np.unravel_index(flat[part], grid.shape)[::-1], axis=1)
            away[part], which[part] = tree.query(grid.index_to_world(index))
    return away, which


def distance_to_points(grid: Grid, xyz: np.ndarray, within: float) -> np.ndarray:
    """Distance in Å, float32 (nz, ny, nx), from every voxel to the nearest of the positions (n, 3), inside or outside
    the grid; infinite beyond `within` Å.
    """
    distance = np.full(grid.shape, np.inf, dtype=np.float32)
    near = near_points(grid, xyz, within)
    distance[near] = nearest_points(grid, near, xyz)[0]
    return distance


def fade(grid: Grid, xyz: np.ndarray, begins: float, ends: float) -> np.ndarray:
    """Soft mask: 1 within `begins` Å of the positions (n, 3), 0 beyond `ends`, a cosine edge between; float32
    (nz, ny, nx).
    """
    faded = near_points(grid, xyz, begins).astype(np.float32)
    edge = near_points(grid, xyz, ends) & (faded == 0)
    away = np.clip((nearest_points(grid, edge, xyz)[0] - begins) / (ends - begins), 0, 1)
    faded[edge] = 0.5 + 0.5 * np.cos(np.pi * away)
    return faded


def _dilated(
    grid: Grid, xyz: np.ndarray, radius: float, box: tuple[slice, ...] | None = None
) -> tuple[tuple[slice, ...], np.ndarray]:
    """The part of the grid that may lie within `radius` Å of voxels holding positions (n, 3), and a mask of those that
    do. If `box` is given, that part is searched instead.
    """
    voxel = np.rint(grid.world_to_index(xyz)[:, ::-1]).astype(np.int64)
    step = np.array(grid.voxel_size[::-1])
    pad = np.maximum(np.floor(max(radius, 0) / step).astype(int), 0)
    if box is None:
        low = np.clip(voxel.min(axis=0) - pad, 0, np.array(grid.shape) - 1)
        high = np.clip(voxel.max(axis=0) + pad, 0, np.array(grid.shape) - 1) + 1
        box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    low, shape = np.array([part.start for part in box]), np.array([part.stop - part.start for part in box])
    result = np.zeros(shape, dtype=bool)
    if radius < 0:
        return box, result
    voxel = voxel + pad - low
    voxel = voxel[np.all((voxel >= 0) & (voxel < shape + 2 * pad), axis=1)]
    held = np.zeros(shape + 2 * pad, dtype=bool)
    held[tuple(voxel.T)] = True
    runs = np.zeros((*held.shape[:2], shape[2]), dtype=bool)  # voxels in `held`, dilated along x by `beside` voxels
    lines = _lines(radius, step, pad)
    for beside in range(pad[2] + 1):
        for shift in {-beside, beside}:
            runs |= held[:, :, pad[2] + shift : pad[2] + shift + shape[2]]
        for dz, dy in lines.get(beside, ()):
            result |= runs[pad[0] + dz :, pad[1] + dy :][: shape[0], : shape[1]]
    return box, result


def _lines(radius: float, step: np.ndarray, pad: np.ndarray) -> dict[int, list[tuple[int, int]]]:
    """A ball of `radius` Å as lines along x: their offsets (dz, dy) grouped by half-length, all in voxels."""
    lines: dict[int, list[tuple[int, int]]] = {}
    for dz in range(-pad[0], pad[0] + 1):
        for dy in range(-pad[1], pad[1] + 1):
            left = radius**2 - (dz * step[0]) ** 2 - (dy * step[1]) ** 2
            if left >= 0:
                lines.setdefault(int(np.sqrt(left) / step[2]), []).append((dz, dy))
    return lines
