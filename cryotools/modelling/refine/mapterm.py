"""What the density says in real-space refinement, as a function of atom positions that torch can differentiate."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample


class MapTerm:
    """Minus the density at the atoms, weighted (n,), in a map (nz, ny, nx) of voxels of `size` Å (x, y, z)."""

    def __init__(self, data: np.ndarray, size: np.ndarray, origin: np.ndarray, weight: np.ndarray) -> None:
        self.data = torch.from_numpy(np.array(data, dtype=np.float32))[None, None]
        extent = (np.array(data.shape[::-1]) - 1) * size
        self.origin = torch.from_numpy(np.asarray(origin, dtype=np.float32))
        self.extent = torch.from_numpy(np.maximum(extent, 1e-3).astype(np.float32))
        self.weight = torch.from_numpy(weight.astype(np.float32))

    def __call__(self, xyz: Tensor) -> Tensor:
        """Minus the weighted sum of densities."""
        place = (2 * (xyz - self.origin) / self.extent - 1)[None, None, None]
        values = grid_sample(self.data, place, mode="bilinear", padding_mode="zeros", align_corners=True)
        return -(values.reshape(-1) * self.weight).sum()
