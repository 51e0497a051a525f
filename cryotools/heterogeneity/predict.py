"""Maps from a trained reconstruction, at any point of its latent space."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import numpy as np
import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.ensemble import MODEL, EnsembleRun
from cryotools.heterogeneity.fourier import map_grid
from cryotools.heterogeneity.network import RECONSTRUCTION, ReconstructionNetwork

_AT_ONCE = 2**16  # frequencies


class DrgnRun(EnsembleRun):
    """A run of train-drgn with the decoder of a network.

    Raises
    ------
    DataError
        The folder has no finished run, or its network is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> None:
        self.folder, self.device = Path(folder), device
        self.file = self.folder / MODEL
        network, _, about = load_network(self.file, [RECONSTRUCTION])
        if "voxel_size" not in about:
            raise DataError(f"{self.folder}: the run has not come to its end; continue it with `resume=True`")
        self.network = cast(ReconstructionNetwork, network).to(device).eval()
        self.voxel_size, self.noise = float(about["voxel_size"]), np.array(json.loads(about["noise"]))
        self.zdim, self.box = self.network.config.zdim, self.network.config.box

    def volume(self, latent: np.ndarray) -> Volume:
        """The volume at `latent` (zdim,)."""
        return self._volume_of_box(latent, self.box)

    def _volume_of_box(self, latent: np.ndarray, box: int) -> Volume:
        place = latent if self.zdim else None
        return volume_at(self.network, place, self.voxel_size, self.noise, self.device, box)


def volume_at(
    network: ReconstructionNetwork,
    latent: np.ndarray | None,
    voxel_size: float,
    noise: np.ndarray | None = None,
    device: str | torch.device = "cpu",
    box: int | None = None,
) -> Volume:
    """The volume at `latent` (zdim,), None for a network of a single volume, on `heterogeneity.fourier.map_grid`.

    Parameters
    ----------
    voxel_size : Å, in the network's box
    noise : (D / 2 + 1,), by which images were divided at distances of 0, 1, … from the origin; None: 1
    box : of the volume, even; None: the network's. In a smaller one, higher frequencies are left out.
    """
    full = network.config.box
    box = box or full
    half = box // 2
    z, y, x = np.mgrid[-half:half, -half:half, : half + 1]
    index = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    radius = np.linalg.norm(index, axis=1)
    there = (radius <= half) & (radius > 0)
    points = torch.from_numpy(index[there] / full).float().to(device)
    told = None if latent is None else torch.from_numpy(np.asarray(latent)).float().to(device)[None]
    with torch.inference_mode():
        parts = [network.decoder(part[None], told)[0].cpu() for part in points.split(_AT_ONCE)]
    values = torch.view_as_complex(torch.cat(parts).contiguous()).numpy()
    if noise is not None:
        values = values * np.interp(radius[there], np.arange(len(noise)), noise)
    spectrum = np.zeros(len(index), dtype=np.complex64)
    spectrum[there] = values * (box / full) ** 3  # grey values stay as they are
    spectrum = np.fft.ifftshift(spectrum.reshape(box, box, half + 1), axes=(0, 1))
    data = np.fft.fftshift(np.fft.irfftn(spectrum, (box, box, box), axes=(0, 1, 2))).astype(np.float32)
    return Volume.on(map_grid(box, voxel_size * full / box), data)
