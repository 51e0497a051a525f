from __future__ import annotations

import pytest
import torch
from torch import nn

from cryotools.core.compute.runner import Compute, Runner, run_tiled
from cryotools.nn.unetpp import UNetPlusPlus, UNetPlusPlusConfig


def settled(config: UNetPlusPlusConfig) -> UNetPlusPlus:
    """A network with random weights whose normalisation has seen some data, as after training."""
    torch.manual_seed(0)
    network = UNetPlusPlus(config)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, config.inputs, 16, 16, 16))
    return network.eval()


def test_it_has_the_weights_of_struc2mapgans_generator():
    network = UNetPlusPlus(UNetPlusPlusConfig(1))
    everything = sum(p.numel() for p in network.parameters())
    norms = sum(p.numel() for m in network.modules() if isinstance(m, nn.BatchNorm3d) for p in m.parameters())
    assert everything - norms == 10_289_333
    nodes = ["x00", "x10", "x20", "x30", "x01", "x11", "x21", "x02", "x12", "x03"]
    assert list(network.nodes) == nodes


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_nothing_beyond_the_halo_is_seen(levels):
    network = settled(UNetPlusPlusConfig(2, 1, width=2, levels=levels))
    halo, across = network.config.halo, max(2, network.config.multiple)
    n = 2 * halo + 4 * network.config.multiple
    x = torch.zeros(1, 2, n, across, across)
    other = x.clone()
    other[:, :, 0] = 5.0
    with torch.no_grad():
        seen = (network(x) - network(other)).abs().amax(dim=(0, 1, 3, 4)) > 0
    assert seen[0]
    assert not seen[halo + 1 :].any()
    if levels > 1:
        assert seen[halo // 2 :].any(), "the halo is no wider than it must be"


@pytest.mark.slow
def test_tiled_equals_whole():
    network = settled(UNetPlusPlusConfig(1, 2, width=2, levels=2))
    volume = torch.randn(1, 22, 27, 18).numpy()
    runner = Runner(network, Compute("cpu", "fp32"))
    sizes = {"halo": network.config.halo, "multiple": network.config.multiple}
    whole, tiled = (run_tiled(runner, volume, core=core, **sizes) for core in (64, 12))
    assert abs(whole - tiled).max() < 1e-5


def test_conditions_do_nothing_before_training_and_something_after():
    torch.manual_seed(0)
    network = UNetPlusPlus(UNetPlusPlusConfig(1, 1, conditions=2, width=2, levels=2)).eval()
    x = torch.randn(1, 1, 8, 8, 8)
    one, two = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -2.0]])
    with torch.no_grad():
        assert torch.equal(network(x, one), network(x, two))
        for parameter in network.modulate.parameters():
            parameter.normal_(0, 0.3)
        assert not torch.allclose(network(x, one), network(x, two))
