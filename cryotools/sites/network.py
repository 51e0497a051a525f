"""The network that finds binding sites: a U-Net on the density and on the classes that `annotate-sse` finds in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from cryotools.core.compute.checkpoint import Architecture, load_shipped
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import Wrapper
from cryotools.nn.conditions import RESOLUTION_CONDITIONS, resolution_conditions
from cryotools.nn.folded import folded
from cryotools.nn.unet import UNet, UNetBased, UNetConfig
from cryotools.sites.labels import SITE_NAMES
from cryotools.sse.network import CLASSES, SECONDARY_STRUCTURE, Classifier, SecondaryStructure
from cryotools.sse.predict import classify

FEATURES = 5  # of a residue, by which homologs are combined with the network


@dataclass(frozen=True)
class BindingSitesConfig:
    """Channels at the finest level and number of levels of the U-Net. The calibrated logit of a site is `scale` × the
    network's + `offset`, one number for each kind of site, fitted after training.

    `whole_scale` and `whole_offset` correct that once more for residues and sites of whole proteins, `whole_exposure`
    adds how exposed a model's residue is, and `combination` holds for each kind of site the coefficients of
    `sites.evidence`, one after another (`sites.confidence`). They are empty in a network to which they were not fitted.
    """

    width: int = 20
    levels: int = 3
    scale: tuple[float, ...] = (1.0,) * len(SITE_NAMES)
    offset: tuple[float, ...] = (0.0,) * len(SITE_NAMES)
    combination: tuple[float, ...] = ()
    whole_scale: tuple[float, ...] = ()
    whole_offset: tuple[float, ...] = ()
    whole_exposure: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width < 1 or self.levels < 1:
            raise ValueError(f"width and levels are at least 1, not {self.width} and {self.levels}")
        if len(self.scale) != len(SITE_NAMES) or len(self.offset) != len(SITE_NAMES):
            raise ValueError(f"scale and offset have {len(SITE_NAMES)} numbers each")
        if any(
            len(one) not in (0, len(SITE_NAMES)) for one in (self.whole_scale, self.whole_offset, self.whole_exposure)
        ):
            raise ValueError(
                f"whole_scale, whole_offset and whole_exposure have {len(SITE_NAMES)} numbers each, or none"
            )
        if len(self.combination) not in (0, FEATURES * len(SITE_NAMES)):
            raise ValueError(f"combination has {FEATURES} numbers for each kind of site, or none")
        if min((*self.scale, *self.whole_scale)) <= 0:
            raise ValueError(f"scales are positive, not {self.scale} and {self.whole_scale}")


class BindingSites(UNetBased):
    """Channels (b, 5, z, y, x) of `site_channels` and their `nn.conditions` (b, 2) → logits (b, 3, z, y, x), in the
    order of `SITE_NAMES`; sites of different kinds do not exclude one another.
    """

    def __init__(self, config: BindingSitesConfig) -> None:
        super().__init__()
        self.config = config
        inputs = 1 + CLASSES
        self.unet = UNet(UNetConfig(inputs, len(SITE_NAMES), RESOLUTION_CONDITIONS, config.width, config.levels))

    def forward(self, channels: Tensor, conditions: Tensor) -> Tensor:
        return self.unet(channels, conditions)


class SiteFinder(Wrapper):
    """A network with fixed conditions (k,): tiles (b, 5, tile) → calibrated logits (b, 3, tile), float32."""

    conditions: Tensor
    scale: Tensor
    offset: Tensor
    network: BindingSites

    def __init__(self, network: BindingSites, conditions: Tensor) -> None:
        super().__init__(network)
        self.register_buffer("conditions", conditions[None])
        self.register_buffer("scale", torch.tensor(network.config.scale).reshape(-1, 1, 1, 1))
        self.register_buffer("offset", torch.tensor(network.config.offset).reshape(-1, 1, 1, 1))

    def forward(self, tiles: Tensor) -> Tensor:
        logits = self.network(tiles, self.conditions.expand(len(tiles), -1)).float()
        return logits * self.scale + self.offset


def site_channels(density: np.ndarray, resolution: float | None, compute: Compute | None = None) -> np.ndarray:
    """The network's input, float32 (5, nz, ny, nx): a prepared map (nz, ny, nx) of the given resolution in Å, and the
    probabilities of other, helix, sheet and nucleotide by the network shipped for `annotate-sse`.
    """
    network = cast(SecondaryStructure, load_shipped("secondary-structure", [SECONDARY_STRUCTURE])[0])
    conditions = torch.from_numpy(resolution_conditions(resolution))
    classes = classify(folded(Classifier(network, conditions)), density, compute)
    return np.concatenate([density[None].astype(np.float32), classes])


BINDING_SITES = Architecture("binding-sites", BindingSitesConfig, BindingSites)
