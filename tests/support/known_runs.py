"""Finished runs whose volumes are known in closed form: blobs, one of which moves with the latent place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.fourier import map_grid

BOX, VOXEL, SIGMA = 16, 4.0, 1.3  # voxels, Å, voxels
FIXED = ((0.0, 0.0, 0.0), (-3.0, 1.0, 0.0))


def blobs(moving: float, box: int = BOX, voxel: float = VOXEL) -> Volume:
    """Three blobs; the third is `moving` voxels along z from beside the centre. The edge in Å is that of BOX."""
    z, y, x = (np.mgrid[:box, :box, :box] - box // 2) * (BOX / box)
    centres = (*FIXED, (3.0, -1.0, moving))
    data = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / (2 * SIGMA**2)) for a, b, c in centres)
    return Volume.on(map_grid(box, voxel), np.asarray(data, dtype=np.float32))


class KnownRun(EnsembleRun):
    """A run whose particles are at `latent` (n, q), and whose volume there is what `decode` makes."""

    def __init__(self, latent: np.ndarray, decode: Callable[[np.ndarray], Volume], box: int = BOX) -> None:
        self.folder, self.file = Path("run"), Path("run/model.safetensors")
        self.known, self.decode = latent, decode
        self.zdim, self.box, self.voxel_size = latent.shape[1], box, VOXEL * BOX / box
        self.decoded = 0

    def volume(self, latent: np.ndarray) -> Volume:
        self.decoded += 1
        return self.decode(latent)

    def latent(self) -> np.ndarray:
        return self.known
