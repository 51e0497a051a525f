"""A network for binding sites that is set by hand, so that what it says is known."""

from __future__ import annotations

from pathlib import Path

import torch

from cryotools.core.compute.checkpoint import save_network
from cryotools.sites.network import BINDING_SITES, BindingSites, BindingSitesConfig

GAIN = 6.0
ZEROS = (0.5, 1.5, 20.0)  # × the molecule density, at which an interface, a ligand site and nucleic acid begin
PLAIN = (1.0, 0.0, 0.0, 0.0, 0.0) * 3  # homologs change nothing
WHOLE = {"whole_scale": (1.0,) * 3, "whole_offset": (0.0,) * 3, "whole_exposure": (0.0,) * 3}  # nor whole proteins


def by_density(path: Path, combination: tuple[float, ...] = PLAIN) -> Path:
    """Weights of a network that sees interfaces above 0.5 of the molecule density, ligand sites above 1.5."""
    config = BindingSitesConfig(width=8, levels=1, combination=combination, **WHOLE)
    network = BindingSites(config)
    with torch.no_grad():
        for block in network.unet.down[0]:
            block[0].weight.zero_()
            block[0].weight[:, :8, 1, 1, 1] = torch.eye(8)
        network.unet.last.weight.zero_()
        for site, zero in enumerate(ZEROS):
            part = slice(8 * site, 8 * site + 8)
            network.unet.last.weight[part, :, 0, 0, 0] = GAIN * torch.eye(8)
            network.unet.last.bias[part] = -GAIN * zero
    save_network(path, network, BINDING_SITES, config)
    return path
