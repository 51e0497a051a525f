"""cryo-GAN's networks (Rozanov and Wolfson): atoms → latent → map, and a discriminator that sees atoms and map.

Everything is convolutional: the latent is a field with a cell per 4³ voxels, so that maps of any size are made without
seams. There is no way round the latent from atoms to map; what it leaves open differs from sample to sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.checkpoint import Architecture
from cryotools.nn.unet import Modulation, convolution, fold, unfold
from cryotools.simulate.element_channels import ELEMENT_CHANNELS
from cryotools.simulate.inputs import CONDITIONS

MEAN, DEVIATION = 0.5, 0.16  # of maps inside the network, near atoms
_ATOMS = len(ELEMENT_CHANNELS)


@dataclass(frozen=True)
class VaeConfig:
    """Channels at the finest level, and numbers per cell of the latent (at most 64).

    Maps inside the network have mean 0.5 and standard deviation 0.16 near atoms, as the authors' cubes; `mean` and
    `deviation` are those of the training maps there, by which results return to the scale of `simulate.predict`.
    """

    width: int = 32
    latent: int = 32
    mean: float = MEAN
    deviation: float = DEVIATION


class VaeGenerator(nn.Module):
    """Atoms (b, 5, z, y, x), noise (b, 1, z, y, x) and conditions (b, k) → map (b, 1, z, y, x).

    Noise of 0 gives the map of the latent's mean; white noise of unit variance a sample.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        w, self.config = config.width, config
        self.encode = nn.ModuleList([_pair(8 * _ATOMS, w), _pair(w, 2 * w)])
        self.to_latent = nn.Conv3d(2 * w, 2 * config.latent, 1)
        self.decode = nn.ModuleList([_pair(config.latent, 2 * w), _pair(2 * w, w)])
        self.last = nn.Conv3d(w, 8, 1)
        self.modulate = nn.ModuleList(Modulation(CONDITIONS, width) for width in (w, 2 * w, 2 * w, w))
        nn.init.constant_(self.to_latent.bias[config.latent :], -2.0)
        nn.init.constant_(self.last.bias, MEAN)

    halo = 40  # two convolutions on 2³ blocks and two on 4³ blocks, twice, and the blocks themselves
    multiple = 4

    def latent(self, atoms: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the latent, each (b, latent, z/4, y/4, x/4)."""
        x = self.modulate[0](self.encode[0](fold(atoms)), conditions)
        x = self.modulate[1](self.encode[1](functional.max_pool3d(x, 2)), conditions)
        mean, log_variance = self.to_latent(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 4)

    def decoded(self, latent: Tensor, conditions: Tensor) -> Tensor:
        """The map (b, 1, z, y, x) of a latent, mean 0.5 and standard deviation 0.16 near atoms."""
        x = self.modulate[2](self.decode[0](latent), conditions)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return unfold(self.last(self.modulate[3](self.decode[1](x), conditions)))

    def forward(self, atoms: Tensor, noise: Tensor, conditions: Tensor) -> Tensor:
        mean, log_variance = self.latent(atoms, conditions)
        cells = fold(fold(noise))[:, : self.config.latent]
        return self.decoded(mean + cells * torch.exp(log_variance / 2), conditions)


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs), convolution(outputs, outputs))


VAE_GENERATOR = Architecture("vae-map-generator", VaeConfig, VaeGenerator)
