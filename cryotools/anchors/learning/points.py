"""Points painted into cubes as targets of the trace network, and points rotated with a cube."""

from __future__ import annotations

import numpy as np

from cryotools.core.maps.rotations import ROTATIONS

NEAR = 2  # voxels around a point's voxel that it is painted into


def rotated_points(points: np.ndarray, number: int, size: int) -> np.ndarray:
    """Voxel indices (n, 3), x, y, z, in a cube of `size` voxels after `core.maps.rotations.rotate`."""
    axes, flips = ROTATIONS[number]
    zyx = points[:, ::-1][:, list(axes)]
    return np.where(np.array(flips) < 0, size - 1 - zyx, zyx)[:, ::-1]


def nearest_in_cube(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The voxels of a cube within about two voxels of any of `points` (n, 3), x, y, z.

    Returns
    -------
    Flat voxel indices (k,), the nearest point of each (k,), and the vector to it (k, 3), x, y, z, in voxels.
    """
    nothing = np.zeros(0, dtype=np.int64)
    if not len(points):
        return nothing, nothing, np.zeros((0, 3), dtype=np.float32)
    steps = np.arange(-NEAR, NEAR + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    voxel = (np.rint(points).astype(np.int64)[:, None] + offsets).reshape(-1, 3)
    which = np.repeat(np.arange(len(points)), len(offsets))
    inside = np.all((voxel >= 0) & (voxel < size), axis=1)
    voxel, which = voxel[inside], which[inside]
    vector = points[which] - voxel
    order = np.argsort(-(vector**2).sum(axis=1), kind="stable")  # the nearest is written last
    flat = (voxel[:, 2] * size + voxel[:, 1]) * size + voxel[:, 0]
    owner = np.full(size**3, -1, dtype=np.int64)
    owner[flat[order]] = order
    at = np.flatnonzero(owner >= 0)
    return at, which[owner[at]], vector[owner[at]].astype(np.float32)


def painted(points: np.ndarray, size: int, sigma: float) -> np.ndarray:
    """A cube, float32 (size, size, size), of Gaussians of height 1 and `sigma` voxels around points (n, 3), x, y, z;
    where they overlap, the nearest point's.
    """
    cube = np.zeros(size**3, dtype=np.float32)
    at, _, vector = nearest_in_cube(points, size)
    cube[at] = np.exp(-(vector**2).sum(axis=1) / (2 * sigma**2))
    return cube.reshape(size, size, size)
