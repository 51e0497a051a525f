"""What a network that is applied to maps says of itself, and networks that are built around another.

It says its `halo`, the voxels on each side that an output voxel can see, its `multiple`, the factor by which it shrinks
its input inside, and, where it needs other tiles than most, its `tiling`. `Wrapper` passes these on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor, nn

from cryotools.core.errors import ArgumentError
from cryotools.core.maps.rotations import ROTATION_SETS, ROTATIONS


@dataclass(frozen=True)
class Tiling:
    """Which tiles suit a network: at most `largest` voxels along an axis and `most` in all; they end `beyond` voxels
    outside the part of the map that matters. `bytes_per_voxel` is what the activations of a tile take.

    By default that is 1 GB of activations, and eight tiles to 400 x 300 x 300 voxels.
    """

    largest: int = 320
    most: int = 10_700_000
    beyond: int = 8
    bytes_per_voxel: int = 110


class NetworkReach(Protocol):
    """What a network that is applied to maps says of itself."""

    @property
    def halo(self) -> int: ...

    @property
    def multiple(self) -> int: ...


def reach_of(network: nn.Module) -> NetworkReach:
    """The network itself, to a type checker, for which any attribute of a module may be a tensor or a module."""
    return cast(NetworkReach, network)


class Wrapper(nn.Module):
    """A network around another, `network`, which sees as far and takes the same tiles."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def halo(self) -> int:
        """Voxels on each side that an output voxel can see."""
        return reach_of(self.network).halo

    @property
    def multiple(self) -> int:
        """Voxels that inputs must be whole multiples of, along each axis."""
        return reach_of(self.network).multiple

    @property
    def tiling(self) -> Tiling:
        """The tiles that suit it."""
        return getattr(self.network, "tiling", Tiling())


class RotationAverage(Wrapper):
    """The mean of a network's outputs (b, k, z, y, x) over rotations of its input, each rotated back."""

    def __init__(self, network: nn.Module, rotations: tuple[int, ...]) -> None:
        super().__init__(network)
        self.rotations = rotations

    def forward(self, tiles: Tensor) -> Tensor:
        first, *more = self.rotations
        total = self._rotated(tiles, first)
        for number in more:
            total += self._rotated(tiles, number)  # in place: maps of all classes are large
        return total.div_(len(self.rotations))

    def _rotated(self, tiles: Tensor, number: int) -> Tensor:
        axes, flips = ROTATIONS[number]
        flipped = [2 + axis for axis, flip in enumerate(flips) if flip < 0]
        rotated = tiles.permute(0, 1, *(2 + axis for axis in axes)).flip(flipped)
        return self.network(rotated).flip(flipped).permute(0, 1, *(2 + axes.index(axis) for axis in range(3)))


def rotation_average(network: nn.Module, rotations: int) -> nn.Module:
    """`network` averaged over 1, 4 or 24 rotations, at as many times the cost; with 1, itself.

    Raises
    ------
    UsageError
        `rotations` is another number.
    """
    check_rotations(rotations)
    return network if rotations == 1 else RotationAverage(network, ROTATION_SETS[rotations])


def check_rotations(rotations: int) -> None:
    """Refuse a number of rotations that is none of 1, 4 and 24 (UsageError)."""
    if rotations not in ROTATION_SETS:
        raise ArgumentError("rotations", rotations, "give 1, 4 or 24")
