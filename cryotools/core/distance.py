"""How far voxels are from atoms."""

from __future__ import annotations

import numpy as np

from cryotools.core.volume import Grid


def distance_to_points(grid: Grid, xyz: np.ndarray) -> np.ndarray:
    """Distance in Å, float32 (nz, ny, nx), from every voxel to the nearest of the positions (n, 3) inside the grid.

    Positions are rounded to voxels, so distances are good to half a voxel's diagonal; infinite where none is inside.
    """
    from scipy.ndimage import distance_transform_edt

    index = np.rint(grid.world_to_index(xyz)).astype(int)
    index = index[np.all((index >= 0) & (index < grid.shape[::-1]), axis=1)]
    if not len(index):
        return np.full(grid.shape, np.inf, dtype=np.float32)
    free = np.ones(grid.shape, dtype=bool)
    free[tuple(index.T[::-1])] = False
    return distance_transform_edt(free, sampling=grid.voxel_size[::-1]).astype(np.float32)
