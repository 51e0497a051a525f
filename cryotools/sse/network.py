"""Networks that classify voxels as helix, sheet, nucleotide or other.

`SecondaryStructure` is ours; `Haruspex` is the published network, for comparison. Both return logits of the classes
in the order of `sse.truth.assign`: other, helix, sheet, nucleotide.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.core.compute.checkpoint import Architecture
from cryotools.core.compute.wrappers import Tiling, Wrapper
from cryotools.nn.conditions import RESOLUTION_CONDITIONS
from cryotools.nn.unet import UNet, UNetBased, UNetConfig
from cryotools.sse.truth.assign import CLASS_NAMES, OTHER

CLASSES = len(CLASS_NAMES)


@dataclass(frozen=True)
class SecondaryStructureConfig:
    """Channels at the finest level and number of levels of the U-Net; logits are divided by `temperature`, which is
    fitted after training, so that the softmax gives calibrated probabilities.
    """

    width: int = 24
    levels: int = 3
    temperature: float = 1.0

    def __post_init__(self) -> None:
        _check_temperature(self.temperature)
        if self.width < 1 or self.levels < 1:
            raise ValueError(f"width and levels are at least 1, not {self.width} and {self.levels}")


class SecondaryStructure(UNetBased):
    """Prepared maps (b, 1, z, y, x) and their `nn.conditions` (b, 2) → logits (b, 4, z, y, x)."""

    def __init__(self, config: SecondaryStructureConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = UNet(UNetConfig(1, CLASSES, RESOLUTION_CONDITIONS, config.width, config.levels))

    def forward(self, density: Tensor, conditions: Tensor) -> Tensor:
        return self.unet(density, conditions)


@dataclass(frozen=True)
class HaruspexConfig:
    """The published network has no settings; `temperature` is added here for a fair comparison."""

    temperature: float = 1.0

    def __post_init__(self) -> None:
        _check_temperature(self.temperature)


class Haruspex(nn.Module):
    """Haruspex's U-Net (P. Mostosi et al., Angew. Chem. 59, 14788, 2020): (b, 1, 40³) → logits (b, 4, 20³).

    Convolutions are unpadded, except at the deepest level, so a tile loses `margin` voxels on each side:
    40 > 38 > 36, pooled to 18 > 16, pooled to 8, upsampled to 16 > 14 > 12, upsampled to 24 > 22 > 20. Sizes may be any
    multiple of 4 from 24. Its 6,034,756 parameters are those of 3³ convolutions with a bias and of 2³ transposed
    convolutions without one (biases there would add 384). The published classes are in a different order: sheet,
    helix, nucleotide, none. The resolution is not an input.
    """

    halo = 20
    multiple = 4
    margin = 10
    tiling = Tiling(largest=100, beyond=halo)  # it needs more memory per voxel than ours

    def __init__(self, config: HaruspexConfig) -> None:
        super().__init__()
        self.config = config
        self.fine = nn.Sequential(_convolution(1, 32), _convolution(32, 64))
        self.middle = _convolution(64, 128)
        self.deep = _convolution(128, 256, padding=1)
        self.enlarge_deep = nn.ConvTranspose3d(256, 256, 2, stride=2, bias=False)
        self.up_middle = nn.Sequential(_convolution(256 + 128, 256), _convolution(256, 128))
        self.enlarge_middle = nn.ConvTranspose3d(128, 128, 2, stride=2, bias=False)
        self.up_fine = nn.Sequential(_convolution(128 + 64, 128), nn.Conv3d(128, CLASSES, 3))

    def forward(self, density: Tensor, conditions: Tensor | None = None) -> Tensor:
        fine = self.fine(density)
        middle = self.middle(functional.max_pool3d(fine, 2))
        deep = self.deep(functional.max_pool3d(middle, 2))
        middle = self.up_middle(torch.cat([self.enlarge_deep(deep), middle], dim=1))
        fine = functional.pad(fine, (-6,) * 6)  # the central 24 of 36 voxels, to match the upsampled path
        return self.up_fine(torch.cat([self.enlarge_middle(middle), fine], dim=1))


class Classifier(Wrapper):
    """A network with fixed conditions (k,), applied to tiles (b, 1, tile) of a map.

    Returns calibrated probabilities (b, 4, tile), float32; 0 in the margin that Haruspex does not predict. The logit
    bias `bias` is added to the calibrated logits of helix, sheet and nucleotide: above 0 more of them is found, below 0
    less.
    """

    conditions: Tensor
    network: SecondaryStructure | Haruspex

    def __init__(self, network: SecondaryStructure | Haruspex, conditions: Tensor, bias: float = 0.0) -> None:
        super().__init__(network)
        self.bias = bias
        self.register_buffer("conditions", conditions[None])

    def forward(self, tiles: Tensor) -> Tensor:
        logits = self.network(tiles, self.conditions.expand(len(tiles), -1)).float()
        logits /= self.network.config.temperature
        logits[:, OTHER + 1 :] += self.bias
        probabilities = torch.softmax(logits, dim=1)
        lost = (tiles.shape[-1] - logits.shape[-1]) // 2
        return functional.pad(probabilities, (lost,) * 6) if lost else probabilities


def _convolution(inputs: int, outputs: int, padding: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=padding), nn.ReLU(inplace=True))


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < float("inf"):
        raise ValueError(f"the temperature is a positive number, not {temperature}")


SECONDARY_STRUCTURE = Architecture("secondary-structure", SecondaryStructureConfig, SecondaryStructure)
HARUSPEX = Architecture("haruspex", HaruspexConfig, Haruspex)
