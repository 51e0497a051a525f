"""A 3D U-Net that works on blocks of 2 × 2 × 2 voxels as channels.

Folding each block into channels first (space to depth) makes every convolution an eighth as large, with wide
matrices, which processors multiply fast; the last layer unfolds them. Normalisation is BatchNorm, whose statistics are
fixed at inference, so tiles and whole volumes agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.nn.conditions import Modulation

if TYPE_CHECKING:
    from cryotools.nn.unetpp import UNetPlusPlus


@dataclass(frozen=True)
class UNetConfig:
    """Numbers of `inputs` and `outputs` channels, of channels at the finest level (`width`, doubled at each of
    `levels`) and of map-wide `conditions`, which scale and shift the features of every level.
    """

    inputs: int
    outputs: int = 1
    conditions: int = 0
    width: int = 32
    levels: int = 3

    @property
    def multiple(self) -> int:
        """Number of voxels that input sizes must be multiples of, along each axis."""
        return 2**self.levels

    @property
    def halo(self) -> int:
        """Voxels on each side that affect an output voxel, rounded up to a whole multiple."""
        finest = 4  # two convolutions down and two up at the finest level
        reach = 2 * sum((finest if level < self.levels - 1 else 2) * 2**level for level in range(self.levels))
        reach += self.multiple - 1  # to the far end of the block that a voxel is pooled in
        return -(-reach // self.multiple) * self.multiple


class UNet(nn.Module):
    """(batch, inputs, z, y, x) and conditions (batch, conditions) → (batch, outputs, z, y, x).

    Axes must be whole multiples of `config.multiple`. Conditions act after normalisation: as constant input channels
    they would bias the batch statistics.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.levels)]
        self.down = nn.ModuleList()
        channels = 8 * config.inputs
        for width in widths:
            self.down.append(nn.Sequential(convolution(channels, width), convolution(width, width)))
            channels = width
        self.up = nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.up.append(nn.Sequential(convolution(channels + width, width), convolution(width, width)))
            channels = width
        self.last = nn.Conv3d(channels, 8 * config.outputs, 1)
        every = [*widths, *reversed(widths[:-1])]
        self.modulate = nn.ModuleList(Modulation(config.conditions, width) for width in every if config.conditions)

    def forward(self, x: Tensor, conditions: Tensor | None = None) -> Tensor:
        x = fold(x)
        modulations = iter(self.modulate)
        kept = []
        for number, stage in enumerate(self.down):
            x = stage(functional.max_pool3d(x, 2) if number else x)
            x = next(modulations)(x, conditions) if self.modulate else x
            kept.append(x)
        for stage, skip in zip(self.up, reversed(kept[:-1]), strict=True):
            x = stage(torch.cat([functional.interpolate(x, scale_factor=2, mode="nearest"), skip], dim=1))
            x = next(modulations)(x, conditions) if self.modulate else x
        return unfold(self.last(x))


class UNetBased(nn.Module):
    """A network built around a `unet` of either kind, with the same receptive field."""

    unet: UNet | UNetPlusPlus

    @property
    def halo(self) -> int:
        """Voxels on each side that affect an output voxel."""
        return self.unet.config.halo

    @property
    def multiple(self) -> int:
        """Number of voxels that input sizes must be multiples of, along each axis."""
        return self.unet.config.multiple


def fold(x: Tensor) -> Tensor:
    """(b, c, z, y, x) → (b, 8 c, z/2, y/2, x/2): each block of 2³ voxels becomes channels."""
    b, c, nz, ny, nx = x.shape
    x = x.reshape(b, c, nz // 2, 2, ny // 2, 2, nx // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
    return x.reshape(b, 8 * c, nz // 2, ny // 2, nx // 2)


def unfold(x: Tensor) -> Tensor:
    """The inverse of `fold`."""
    b, c, nz, ny, nx = x.shape
    x = x.reshape(b, c // 8, 2, 2, 2, nz, ny, nx).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // 8, 2 * nz, 2 * ny, 2 * nx)


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A 3³ convolution, normalised over the batch and rectified."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)
    )
