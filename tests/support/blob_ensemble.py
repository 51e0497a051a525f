"""A finished run whose volumes are known in closed form: a ball that stays, and one that moves with z."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import EnsembleRun
from cryotools.heterogeneity.fourier import map_grid

BOX, VOXEL = 16, 3.0


def ball_at(z1: float, box: int = BOX) -> np.ndarray:
    """Voxels (z, y, x) with a ball in the middle and one at x = 4 and y = 3 · z1 voxels of `BOX` from it."""
    axis = (np.arange(box) - box // 2) * BOX / box
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    fixed = np.exp(-(x**2 + y**2 + z**2) / 4.5)
    return (fixed + np.exp(-((x - 4) ** 2 + (y - 3 * z1) ** 2 + z**2) / 3)).astype(np.float32)


class BallRun(EnsembleRun):
    """The first latent number moves a ball; the others do nothing."""

    def __init__(self, folder: Path, latent: np.ndarray) -> None:
        self.folder, self.file = folder, folder / "balls"
        self.places, self.zdim = latent, latent.shape[1]
        self.box, self.voxel_size = BOX, VOXEL

    def volume(self, latent: np.ndarray) -> Volume:
        return Volume.on(map_grid(BOX, VOXEL), ball_at(latent[0]))

    def latent(self) -> np.ndarray:
        return self.places
