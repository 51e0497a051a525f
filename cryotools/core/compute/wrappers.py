"""Attributes of networks that are applied to maps, and networks that wrap another.

`halo` is the one-sided receptive field of an output voxel, `multiple` the network's internal down-sampling factor, and
`tiling`, for networks that need unusual tiles, the choice of tiles. `Wrapper` passes these on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from cryotools.core.errors import ArgumentError
from cryotools.core.maps.rotations import ROTATION_SETS, ROTATIONS


@dataclass(frozen=True)
class Tiling:
    """Suitable tiles for a network: at most `largest` voxels along an axis and `most` in all; they end `beyond` voxels
    outside the part of the map that matters. `bytes_per_voxel` is the memory of a tile's activations.

    The defaults give 1 GB of activations, and eight tiles for 400 x 300 x 300 voxels.
    """

    largest: int = 320
    most: int = 10_700_000
    beyond: int = 8
    bytes_per_voxel: int = 110


class NetworkReach(Protocol):
    """Attributes of a network that is applied to maps."""

    @property
    def halo(self) -> int: ...

    @property
    def multiple(self) -> int: ...


def reach_of(network: nn.Module) -> NetworkReach:
    """The network itself, typed as `NetworkReach`: type checkers take any module attribute for a tensor or module."""
    return cast(NetworkReach, network)


class Wrapper(nn.Module):
    """A network that wraps another, `network`, and has the same receptive field and tiles."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def halo(self) -> int:
        """Receptive field of an output voxel on each side, in voxels."""
        return reach_of(self.network).halo

    @property
    def multiple(self) -> int:
        """Number of voxels that input lengths must be a multiple of, along each axis."""
        return reach_of(self.network).multiple

    @property
    def tiling(self) -> Tiling:
        """Suitable tiles."""
        return getattr(self.network, "tiling", Tiling())


class RotationAverage(Wrapper):
    """The mean of a network's outputs (b, k, z, y, x) over rotations of its input, each rotated back.

    If the network has an attribute `vectors`, the first of three output channels that are the x, y and z components of
    a vector, these are rotated, too.
    """

    def __init__(self, network: nn.Module, rotations: tuple[int, ...]) -> None:
        super().__init__(network)
        self.rotations = rotations

    def forward(self, tiles: Tensor) -> Tensor:
        first, *more = self.rotations
        total = self._rotated(tiles, first)
        for number in more:
            total += self._rotated(tiles, number)  # in place: maps for all classes are large
        return total.div_(len(self.rotations))

    def _rotated(self, tiles: Tensor, number: int) -> Tensor:
        axes, flips = ROTATIONS[number]
        flipped = [2 + axis for axis, flip in enumerate(flips) if flip < 0]
        rotated = tiles.permute(0, 1, *(2 + axis for axis in axes)).flip(flipped)
        found = self.network(rotated).flip(flipped).permute(0, 1, *(2 + axes.index(axis) for axis in range(3)))
        first = getattr(self.network, "vectors", None)
        if first is None:
            return found
        x = first + 2  # arrays are z, y, x, vectors x, y, z
        parts = {x - axis: found[:, x - at] * flip for at, (axis, flip) in enumerate(zip(axes, flips, strict=True))}
        vectors = [parts[channel] for channel in sorted(parts)]
        return torch.cat([found[:, :first], torch.stack(vectors, dim=1), found[:, first + 3 :]], dim=1)


def rotation_average(network: nn.Module, rotations: int) -> nn.Module:
    """`network` averaged over 1, 4 or 24 rotations, at that many times the cost; with 1, the network itself.

    Raises
    ------
    UsageError
        `rotations` is any other number.
    """
    check_rotations(rotations)
    return network if rotations == 1 else RotationAverage(network, ROTATION_SETS[rotations])


def check_rotations(rotations: int) -> None:
    """Raise UsageError if the number of rotations is not 1, 4 or 24."""
    if rotations not in ROTATION_SETS:
        raise ArgumentError("rotations", rotations, "give 1, 4 or 24")
