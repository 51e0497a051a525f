"""The published network: applied to a map it is the network applied to the cube around each voxel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cryotools.anchors.aanchor import AANCHOR, AANCHOR_CUBE, AAnchor, AAnchorConfig, AAnchorProbabilities
from cryotools.anchors.network import TYPES
from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.compute.inference import apply_network
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.rotations import cut

CPU = Compute("cpu")


@pytest.fixture(scope="module")
def network() -> AAnchor:
    torch.manual_seed(0)
    network = AAnchor(AAnchorConfig(width=4, temperature=0.7))
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm3d):  # as if it had been trained
            torch.nn.init.normal_(part.running_mean, std=0.1)
            torch.nn.init.uniform_(part.running_var, 0.05, 0.2)
    return network.eval()


@pytest.fixture(scope="module")
def density() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(14, 17, 23)).astype(np.float32)


def of_cubes(network: AAnchor, density: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Probabilities (n, 21) from the cubes around voxels (n, 3), z, y, x."""
    cubes = np.stack([cut(density, voxel - AANCHOR_CUBE // 2, AANCHOR_CUBE) for voxel in voxels])
    with torch.inference_mode():
        logits = network(torch.from_numpy(cubes)[:, None])
    assert logits.shape == (len(voxels), TYPES, 1, 1, 1)
    return torch.softmax(logits[..., 0, 0, 0] / network.config.temperature, dim=1).numpy()


def test_a_map_has_at_each_voxel_what_the_cube_around_it_has(network: AAnchor, density: np.ndarray) -> None:
    whole = apply_network(AAnchorProbabilities(network), density[None], compute=CPU)
    assert whole.shape == (TYPES, *density.shape)
    voxels = np.argwhere(np.random.default_rng(1).random(density.shape) < 0.03)
    voxels = np.concatenate([voxels, [[0, 0, 0], np.array(density.shape) - 1]])
    found = of_cubes(network, density, voxels)
    assert np.ptp(found, axis=0).max() > 0.1  # the network is no constant
    assert np.allclose(whole[:, *voxels.T].T, found, atol=1e-5)


def test_a_part_of_a_map_has_what_the_whole_has(network: AAnchor, density: np.ndarray) -> None:
    part = np.zeros(density.shape, dtype=bool)
    part[2:9, 5:8, 20:] = True
    whole, found = (apply_network(AAnchorProbabilities(network), density[None], at, compute=CPU) for at in (None, part))
    assert np.allclose(found[:, part], whole[:, part], atol=1e-5)
    assert not found[:, ~part].any()


def test_an_output_sees_no_more_than_its_cube(network: AAnchor) -> None:
    x = torch.randn(1, 1, 31, 11, 11)
    other = x.clone()
    other[:, :, :15] += 3
    with torch.inference_mode():
        change = (network(x) - network(other)).abs().amax(dim=(0, 1, 3, 4))
    places = torch.arange(31)[network.margin : -network.margin]
    assert change[places < 15 + network.halo].min() > 0
    assert not change[places >= 15 + network.halo].any()


def test_a_file_is_enough_to_rebuild_it(network: AAnchor, tmp_path: Path) -> None:
    save_network(tmp_path / "n.safetensors", network, AANCHOR, network.config)
    again, config, _ = load_network(tmp_path / "n.safetensors", [AANCHOR])
    assert config == network.config
    x = torch.randn(2, 1, 11, 11, 11)
    with torch.inference_mode():
        assert torch.equal(network(x), again(x))
