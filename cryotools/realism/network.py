"""The evaluation discriminator: a small U-Net that gives each voxel a logit of "experimental"."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from cryotools.core.checkpoint import Architecture
from cryotools.nn.unet import UNet, UNetConfig


@dataclass(frozen=True)
class EvaluatorConfig:
    """Channels at the finest level and levels of the U-Net: 2 levels see some 24 Å around a voxel."""

    width: int = 16
    levels: int = 2


class Evaluator(nn.Module):
    """Prepared maps (b, 1, z, y, x) → logits (b, 1, z, y, x)."""

    def __init__(self, config: EvaluatorConfig) -> None:
        super().__init__()
        self.unet = UNet(UNetConfig(1, 1, 0, config.width, config.levels))

    @property
    def halo(self) -> int:
        """Voxels on each side that an output voxel can see."""
        return self.unet.config.halo

    @property
    def multiple(self) -> int:
        """Voxels that inputs must be whole multiples of, along each axis."""
        return self.unet.config.multiple

    def forward(self, density: Tensor) -> Tensor:
        return self.unet(density)


EVALUATOR = Architecture("evaluation-discriminator", EvaluatorConfig, Evaluator)
