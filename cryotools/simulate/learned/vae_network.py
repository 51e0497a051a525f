"""cryo-GAN's generator (Rozanov and Wolfson): atoms → latent → map.

Everything is convolutional: the latent is a field, with 8 numbers per cell of 2³ voxels, so that maps of any size are
made without seams. Nothing bypasses the latent between atoms and map; what it leaves undetermined differs from sample
to sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cryotools.core.compute.checkpoint import Architecture
from cryotools.core.compute.wrappers import Wrapper
from cryotools.nn.unet import UNet, UNetConfig
from cryotools.simulate.learned.element_channels import ELEMENT_CHANNELS
from cryotools.simulate.learned.inputs import SIMULATOR_CONDITIONS

MEAN, DEVIATION = 0.5, 0.16  # of maps inside the network, near atoms
_CERTAIN = -3.0  # logarithm of the latent's variance before training


@dataclass(frozen=True)
class VaeConfig:
    """Channels at the finest level and levels of encoder and decoder.

    Maps inside the network have mean 0.5 and standard deviation 0.16 near atoms, like the authors' cubes; `mean` and
    `deviation` are those of the training maps there, used to return results to the scale of
    `simulate.learned.predict`.
    """

    width: int = 32
    levels: int = 2
    mean: float = MEAN
    deviation: float = DEVIATION


class VaeGenerator(nn.Module):
    """Atoms (b, 5, z, y, x), noise (b, 1, z, y, x) and conditions (b, k) → map (b, 1, z, y, x).

    Noise of 0 gives the map of the latent's mean; white noise of unit variance a sample.
    """

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = UNet(UNetConfig(len(ELEMENT_CHANNELS), 2, SIMULATOR_CONDITIONS, config.width, config.levels))
        self.decoder = UNet(UNetConfig(1, 1, SIMULATOR_CONDITIONS, config.width, config.levels))
        bias = self.decoder.last.bias
        assert bias is not None  # Conv3d's bias is optional
        nn.init.constant_(bias, MEAN)

    @property
    def halo(self) -> int:
        """Voxels on each side that affect an output voxel."""
        return self.encoder.config.halo + self.decoder.config.halo

    @property
    def multiple(self) -> int:
        """Number of voxels that input sizes must be multiples of, along each axis."""
        return self.encoder.config.multiple

    def latent(self, atoms: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the latent, each (b, 1, z, y, x): the cells' values, unfolded."""
        mean, log_variance = self.encoder(atoms, conditions).chunk(2, dim=1)
        return mean, (log_variance + _CERTAIN).clamp(-10, 4)

    def decoded(self, latent: Tensor, conditions: Tensor) -> Tensor:
        """The map (b, 1, z, y, x) of a latent, mean 0.5 and standard deviation 0.16 near atoms."""
        return self.decoder(latent, conditions)

    def forward(self, atoms: Tensor, noise: Tensor, conditions: Tensor) -> Tensor:
        mean, log_variance = self.latent(atoms, conditions)
        return self.decoded(mean + noise * torch.exp(log_variance / 2), conditions)


class Noised(Wrapper):
    """A generator that takes its noise from the last channel of a tile."""

    def forward(self, tiles: Tensor, conditions: Tensor) -> Tensor:
        return self.network(tiles[:, :-1], tiles[:, -1:], conditions)


VAE_GENERATOR = Architecture("vae-map-generator", VaeConfig, VaeGenerator)
