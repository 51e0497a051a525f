"""The networks' shapes, conditions and vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cryotools.anchors.network import CHANNELS, STATE, TYPES, ResidueType, ResidueTypeConfig, Trace, TraceConfig, Tracer
from cryotools.core.compute.wrappers import RotationAverage
from cryotools.nn.conditions import resolution_conditions


class Gradient(nn.Module):
    """The map and its gradient (x, y, z), as a network with vectors."""

    halo, multiple, vectors = 1, 1, 1

    def forward(self, x: Tensor) -> Tensor:
        z, y, along_x = torch.gradient(x[:, 0], dim=(1, 2, 3))
        return torch.stack([x[:, 0], along_x, y, z], dim=1)


def test_vectors_are_rotated_with_the_map() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 6, 6, 6)).astype(np.float32))
    whole = RotationAverage(Gradient(), tuple(range(24)))(x)
    assert torch.allclose(whole, Gradient()(x), atol=1e-5)


def test_the_trace_network_gives_probabilities_and_offsets() -> None:
    torch.manual_seed(0)
    network = Trace(TraceConfig(width=4, levels=2)).eval()
    tracer = Tracer(network, torch.from_numpy(resolution_conditions(3.0)))
    with torch.no_grad():
        found = tracer(torch.randn(1, 1, 16, 16, 16))
    assert found.shape == (1, len(CHANNELS), 16, 16, 16)
    assert torch.allclose(found[:, STATE].sum(dim=1), torch.ones(1, 16, 16, 16), atol=1e-5)
    others = [at for at, name in enumerate(CHANNELS) if not name.startswith("offset")]
    assert float(found[:, others].min()) >= 0
    assert float(found[:, others].max()) <= 1


@pytest.mark.parametrize("resolution", [None, 2.0, 4.0])
def test_types_depend_on_the_resolution_only_once_trained(resolution: float | None) -> None:
    torch.manual_seed(0)
    network = ResidueType(ResidueTypeConfig(width=4)).eval()
    cubes = torch.randn(3, 1, 16, 16, 16)
    told = torch.from_numpy(resolution_conditions(resolution)).expand(3, -1)
    found = network(cubes, told)
    assert found.shape == (3, TYPES)
    unknown = torch.from_numpy(resolution_conditions(None)).expand(3, -1)
    assert torch.equal(found, network(cubes, unknown))  # conditions begin as the identity
    assert torch.equal(found, network.classify(network.embed(cubes, told)))
