from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.compute.wrappers import RotationAverage, Tiling, Wrapper, rotation_average
from cryotools.core.errors import UsageError
from cryotools.core.maps.rotations import ROTATION_SETS, ROTATIONS, rotate

CPU = Compute(device="cpu", precision="fp32")


class Directed(nn.Module):
    """A network that tells one direction from another: one convolution with a kernel at random."""

    halo, multiple = 1, 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer = nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def test_24_rotations_make_a_network_forget_directions():
    tile = np.random.default_rng(0).normal(size=(1, 12, 12, 12)).astype(np.float32)
    for rotations, forgets in ((24, True), (1, False)):
        as_is, rotated = (
            apply_network(Directed(), one, compute=CPU, rotations=rotations) for one in (tile, rotate(tile, 13).copy())
        )
        assert np.allclose(rotate(as_is, 13), rotated, atol=1e-4) == forgets


@pytest.mark.parametrize("rotations", [4, 24])
def test_an_average_over_rotations_is_that_of_rotated_maps_rotated_back(rotations):
    tile = np.random.default_rng(0).normal(size=(1, 6, 8, 10)).astype(np.float32)
    back = {a: b for a in range(24) for b in range(24) if np.array_equal(rotate(rotate(tile, a), b), tile)}
    each = [
        rotate(apply_network(Directed(), rotate(tile, number).copy(), compute=CPU), back[number])
        for number in ROTATION_SETS[rotations]
    ]
    assert np.allclose(apply_network(Directed(), tile, compute=CPU, rotations=rotations), np.mean(each, 0), atol=1e-5)


def test_four_rotations_show_the_network_four_sides_of_every_axis():
    matrices = []
    for number in ROTATION_SETS[4]:
        axes, flips = ROTATIONS[number]
        matrices.append(np.eye(3)[list(axes)] * np.array(flips)[:, None])
    for axis in range(3):
        assert len({tuple(matrix[:, axis]) for matrix in matrices}) == 4
        assert {int(np.argmax(np.abs(matrix[:, axis]))) for matrix in matrices} == {0, 1, 2}
    cosines = [(np.trace(a @ b.T) - 1) / 2 for a, b in combinations(matrices, 2)]
    assert max(cosines) <= np.cos(np.radians(120)) + 1e-9


class Gradient(nn.Module):
    """The x, y and z components of the gradient in channels 1 to 3, the map itself in channels 0 and 4."""

    halo, multiple, vectors = 1, 1, 1

    def forward(self, x: Tensor) -> Tensor:
        slopes = [(x.roll(-1, axis) - x.roll(1, axis)) / 2 for axis in (4, 3, 2)]
        return torch.cat([x, *slopes, x], dim=1)


@pytest.mark.parametrize("rotations", [4, 24])
def test_vectors_are_rotated_with_the_map(rotations):
    tile, network = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 1, 5, 6, 7))), Gradient()
    torch.testing.assert_close(rotation_average(network, rotations)(tile), network(tile))
    for number in range(24):
        torch.testing.assert_close(RotationAverage(network, (number,))(tile), network(tile))
    network.vectors = None
    assert (rotation_average(network, rotations)(tile) - network(tile))[:, 1:4].abs().max() > 0.1


def test_rotations_of_other_numbers_are_refused_and_one_costs_nothing():
    network = Directed()
    assert rotation_average(network, 1) is network
    assert isinstance(rotation_average(network, 4), RotationAverage)
    for wrong in (0, 2, 23):
        with pytest.raises(UsageError, match="give 1, 4 or 24"):
            rotation_average(network, wrong)


def test_what_is_built_around_a_network_sees_as_far_and_takes_the_same_tiles():
    around = RotationAverage(Wrapper(Directed()), (0,))
    assert (around.halo, around.multiple, around.tiling) == (1, 1, Tiling())
    inner = Directed()
    inner.tiling = Tiling(largest=40)
    assert Wrapper(Wrapper(inner)).tiling == Tiling(largest=40)
