"""The learned simulators' networks: a generator of maps, and the discriminator that makes its maps realistic."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import Architecture
from cryotools.nn.conditions import set_to_zero
from cryotools.nn.patch import PatchDiscriminator
from cryotools.nn.unet import UNet, UNetBased, UNetConfig
from cryotools.nn.unetpp import UNetPlusPlus, UNetPlusPlusConfig
from cryotools.simulate.learned.inputs import DENSITY_CHANNELS, SIMULATOR_CONDITIONS

_MOLMAP, _BROAD = 1, 2  # the channels of molmap at the resolution and at 1.4 × it


@dataclass(frozen=True)
class GeneratorConfig:
    """Finest-level channels and number of levels of the generator's `body`: "unet", or "unetpp" (struc2mapGAN's)."""

    width: int = 32
    levels: int = 2
    body: str = "unet"


_BODIES = {"unet": (UNet, UNetConfig), "unetpp": (UNetPlusPlus, UNetPlusPlusConfig)}


class Generator(UNetBased):
    """Channels (b, c, z, y, x) and conditions (b, k) of `simulate.learned.inputs` → map (b, 1, z, y, x).

    The map is a mixture of the channels, whose weights depend on the conditions, plus a correction by the body. Before
    training it is molmap at 1.4 × the resolution.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        network, sizes = _BODIES[config.body]
        self.unet = network(sizes(DENSITY_CHANNELS, 1, SIMULATOR_CONDITIONS, config.width, config.levels))
        first, last = nn.Linear(SIMULATOR_CONDITIONS, 32), nn.Linear(32, DENSITY_CHANNELS + 1)
        self.mixture = nn.Sequential(first, nn.SiLU(), last)
        set_to_zero(self.unet.last)
        set_to_zero(last)
        last.bias.data[_BROAD] = 1.0

    def forward(self, channels: Tensor, conditions: Tensor) -> Tensor:
        weights = self.mixture(conditions)
        mixed = torch.einsum("bc,bczyx->bzyx", weights[:, :-1], channels) + weights[:, -1, None, None, None]
        return mixed[:, None] + self.unet(channels, conditions)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Channels of the first layer of the discriminator."""

    width: int = 24


class Discriminator(PatchDiscriminator):
    """A map (b, 1, z, y, x) and molmap at its resolution → a logit of "experimental" per 8³ voxels."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(2, config.width)

    def forward(self, density: Tensor, channels: Tensor) -> Tensor:  # type: ignore[override] # every network's own
        return super().forward(torch.cat([density, channels[:, _MOLMAP : _MOLMAP + 1]], dim=1))


GENERATOR = Architecture("map-generator", GeneratorConfig, Generator)
