"""A 3D U-Net++ of residual blocks: struc2mapGAN's generator, adapted to run on tiles.

Two layers of the original depend on the whole input, so results would depend on the tile: InstanceNorm, replaced by
BatchNorm, and upsampling with aligned corners, replaced by upsampling with aligned voxel edges. Neither
changes the number of convolution weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cryotools.nn.conditions import Modulation


@dataclass(frozen=True)
class UNetPlusPlusConfig:
    """Numbers of `inputs` and `outputs` channels, of channels at the finest of `levels` (`width`, doubled at each) and
    of map-wide `conditions`, which scale and shift the features of every node.
    """

    inputs: int
    outputs: int = 1
    conditions: int = 0
    width: int = 32
    levels: int = 4

    @property
    def multiple(self) -> int:
        """Number of voxels that input sizes must be multiples of, along each axis."""
        return 2 ** (self.levels - 1)

    @property
    def halo(self) -> int:
        """Voxels on each side that affect an output voxel, rounded up to a whole multiple."""
        blocks = sum(2 * 2 * 2**level for level in range(self.levels)) - 2 * self.multiple  # the deepest is passed once
        steps = sum(2**level + 2 ** (level + 1) for level in range(self.levels - 1))  # pooling and upsampling
        return -(-(blocks + steps) // self.multiple) * self.multiple


class UNetPlusPlus(nn.Module):
    """(batch, inputs, z, y, x) and conditions (batch, conditions) → (batch, outputs, z, y, x).

    Node (level, column) takes every earlier node of its level, and the upsampled node below it. Axes must be whole
    multiples of `config.multiple`.
    """

    def __init__(self, config: UNetPlusPlusConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.levels)]
        self.nodes = nn.ModuleDict()
        self.modulate = nn.ModuleDict()
        for column in range(config.levels):
            for level in range(config.levels - column):
                if column:
                    seen = column * widths[level] + widths[level + 1]
                else:
                    seen = widths[level - 1] if level else config.inputs
                self.nodes[_name(level, column)] = _Residual(seen, widths[level])
                if config.conditions:
                    self.modulate[_name(level, column)] = Modulation(config.conditions, widths[level])
        self.last = nn.Conv3d(config.width, config.outputs, 1)

    def forward(self, x: Tensor, conditions: Tensor | None = None) -> Tensor:
        rows: list[list[Tensor]] = []
        for level in range(self.config.levels):
            rows.append([self._node(level, 0, functional.max_pool3d(x, 2) if level else x, conditions)])
            x = rows[level][0]
        for column in range(1, self.config.levels):
            for level in range(self.config.levels - column):
                below = functional.interpolate(rows[level + 1][column - 1], scale_factor=2.0, mode="trilinear")
                rows[level].append(self._node(level, column, torch.cat([*rows[level], below], dim=1), conditions))
        return self.last(rows[0][-1])

    def _node(self, level: int, column: int, x: Tensor, conditions: Tensor | None) -> Tensor:
        name = _name(level, column)
        x = self.nodes[name](x)
        return self.modulate[name](x, conditions) if self.modulate else x


class _Residual(nn.Module):
    """Two convolutions beside a shortcut, which is a convolution too if the number of channels changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_normalised(inputs, outputs), nn.PReLU(), *_normalised(outputs, outputs))
        self.shortcut = nn.Sequential(*_normalised(inputs, outputs)) if inputs != outputs else nn.Identity()
        self.activation = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.layers(x) + self.shortcut(x))


def _normalised(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv3d(inputs, outputs, 3, padding=1), nn.BatchNorm3d(outputs)


def _name(level: int, column: int) -> str:
    return f"x{level}{column}"
