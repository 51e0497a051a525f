from __future__ import annotations

import pytest
import torch

from cryotools.nn.folded import folded
from cryotools.nn.unet import UNet, UNetConfig
from cryotools.nn.unetpp import UNetPlusPlus, UNetPlusPlusConfig


def trained(network: torch.nn.Module) -> torch.nn.Module:
    """Statistics and scales that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm3d):
            for values in (layer.running_mean, layer.bias.data):
                values.normal_(0, 0.3, generator=generator)
            for values in (layer.running_var, layer.weight.data):
                values.uniform_(0.5, 2, generator=generator)
    return network


@pytest.mark.parametrize(
    "network", [UNet(UNetConfig(2, 1, width=4, levels=2)), UNetPlusPlus(UNetPlusPlusConfig(2, 1, width=4, levels=2))]
)
def test_a_folded_network_gives_what_the_network_gives(network):
    network = trained(network).eval()
    x = torch.randn(1, 2, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    lean = folded(network)
    assert not any(isinstance(layer, torch.nn.BatchNorm3d) for layer in lean.modules())
    with torch.no_grad():
        assert torch.allclose(lean(x), network(x), atol=1e-5)


def test_the_network_itself_stays_as_it_is():
    network = trained(UNet(UNetConfig(1, 1, width=4, levels=2))).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded(network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
