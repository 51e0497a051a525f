"""The evaluation discriminator: a small U-Net that gives a logit of "experimental" for each voxel."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cryotools.core.compute.checkpoint import Architecture
from cryotools.nn.unet import UNet, UNetBased, UNetConfig


@dataclass(frozen=True)
class EvaluatorConfig:
    """Channels at the finest level and number of levels of the U-Net: 2 levels see about 24 Å around a voxel."""

    width: int = 16
    levels: int = 2


class Evaluator(UNetBased):
    """Prepared maps (b, 1, z, y, x) → logits (b, 1, z, y, x)."""

    def __init__(self, config: EvaluatorConfig) -> None:
        super().__init__()
        self.unet = UNet(UNetConfig(1, 1, 0, config.width, config.levels))

    def forward(self, density: Tensor) -> Tensor:
        return self.unet(density)


EVALUATOR = Architecture("evaluation-discriminator", EvaluatorConfig, Evaluator)
