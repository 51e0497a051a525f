"""A network for secondary structure that is set by hand, so that what it says is known."""

from __future__ import annotations

from pathlib import Path

import torch

from cryotools.core.compute.checkpoint import save_network
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure, SecondaryStructureConfig
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET

GAIN = 6.0
LINES = {OTHER: (0.0, 0.0), HELIX: (1.0, 0.5), SHEET: (2.0, 1.25), NUCLEOTIDE: (0.0, 10.0)}


def by_density(path: Path) -> Path:
    """Weights of a network that calls a prepared voxel other below 0.5, helix from 0.5 to 2 and sheet above 2."""
    config = SecondaryStructureConfig(width=8, levels=1)
    network = SecondaryStructure(config)
    with torch.no_grad():
        for block in network.unet.down[0]:
            block[0].weight.zero_()
            block[0].weight[:, :, 1, 1, 1] = torch.eye(8)
        network.unet.last.weight.zero_()
        for which, (slope, zero) in LINES.items():
            part = slice(8 * which, 8 * which + 8)
            network.unet.last.weight[part, :, 0, 0, 0] = GAIN * slope * torch.eye(8)
            network.unet.last.bias[part] = -GAIN * (slope or 1) * zero
    save_network(path, network, SECONDARY_STRUCTURE, config)
    return path


def at_random(path: Path, levels: int = 2) -> Path:
    """Weights of a small network that nobody trained, with opinions."""
    torch.manual_seed(0)
    config = SecondaryStructureConfig(width=4, levels=levels)
    network = SecondaryStructure(config)
    with torch.no_grad():
        network.unet.last.weight.mul_(20)
    save_network(path, network, SECONDARY_STRUCTURE, config)
    return path
