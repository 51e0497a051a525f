"""Maps from a trained reconstruction, at any point of its latent space."""

from __future__ import annotations

import numpy as np
import torch

from cryotools.core.maps.volume import Volume
from cryotools.heterogeneity.network import ReconstructionNetwork

_AT_ONCE = 2**16  # frequencies


def volume_at(
    network: ReconstructionNetwork,
    latent: np.ndarray | None,
    voxel_size: float,
    noise: np.ndarray | None = None,
    device: str | torch.device = "cpu",
) -> Volume:
    """The volume at `latent` (zdim,), None for a network of a single volume; its centre is at the origin.

    Parameters
    ----------
    voxel_size : Å
    noise : (D / 2 + 1,), by which images were divided at distances of 0, 1, … from the origin; None: 1
    """
    box = network.config.box
    half = box // 2
    z, y, x = np.mgrid[-half:half, -half:half, : half + 1]
    index = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    radius = np.linalg.norm(index, axis=1)
    there = (radius <= half) & (radius > 0)
    points = torch.from_numpy(index[there] / box).float().to(device)
    told = None if latent is None else torch.from_numpy(np.asarray(latent)).float().to(device)[None]
    with torch.inference_mode():
        parts = [network.decoder(part[None], told)[0].cpu() for part in points.split(_AT_ONCE)]
    values = torch.view_as_complex(torch.cat(parts).contiguous()).numpy()
    if noise is not None:
        values = values * np.interp(radius[there], np.arange(half + 1), noise)
    spectrum = np.zeros(len(index), dtype=np.complex64)
    spectrum[there] = values
    spectrum = np.fft.ifftshift(spectrum.reshape(box, box, half + 1), axes=(0, 1))
    data = np.fft.fftshift(np.fft.irfftn(spectrum, (box, box, box), axes=(0, 1, 2))).astype(np.float32)
    return Volume(data, (voxel_size,) * 3, (-half * voxel_size,) * 3)
