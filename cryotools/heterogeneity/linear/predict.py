"""Maps from a linear subspace, at any point of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import MODEL, EnsembleRun
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.linear.model import LINEAR, LinearVolumes


class LinearRun(EnsembleRun):
    """A run of train-drgn with a linear decoder.

    Raises
    ------
    DataError
        The folder has no finished run, or its file is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> None:
        self.folder, self.device = Path(folder), device
        self.file = self.folder / MODEL
        network, config, about = load_network(self.file, [LINEAR])
        self.network = cast(LinearVolumes, network).to(device)
        self.zdim, self.box, self.voxel_size = config.zdim, config.box, float(about["voxel_size"])

    def volume(self, latent: np.ndarray) -> Volume:
        """The volume at `latent` (zdim,): the mean plus the components times it."""
        with torch.inference_mode():
            data = self.network(torch.from_numpy(np.asarray(latent)).float().to(self.device)[None])[0]
        return Volume.on(map_grid(self.box, self.voxel_size), data.cpu().numpy())
