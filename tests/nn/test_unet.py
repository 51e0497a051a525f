from __future__ import annotations

import pytest
import torch

from cryotools.core.compute.runner import Compute, Runner, run_tiled
from cryotools.nn.unet import UNet, UNetConfig, fold, unfold


def settled(config: UNetConfig) -> UNet:
    """A network with random weights whose normalisation has seen some data, as after training."""
    torch.manual_seed(0)
    network = UNet(config)
    with torch.no_grad():
        for _ in range(3):
            network(
                torch.randn(2, config.inputs, 16, 16, 16),
                torch.randn(2, config.conditions) if config.conditions else None,
            )
    return network.eval()


def test_unfold_undoes_fold():
    x = torch.randn(2, 3, 4, 6, 8)
    assert torch.equal(unfold(fold(x)), x)
    assert fold(x).shape == (2, 24, 2, 3, 4)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_halo_is_what_is_seen_rounded_up(levels):
    network = settled(UNetConfig(2, 1, width=4, levels=levels))
    halo, multiple = network.config.halo, network.config.multiple
    n = 2 * halo + 4 * multiple
    x = torch.rand(1, 2, n, multiple, multiple)
    farthest = 0
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)  # nothing cancels and nothing is cut off
        before = network(x)
        for at in range(n // 2, n // 2 + multiple):
            other = x.clone()
            other[:, :, at] += 10
            seen = (network(other) != before)[0, 0].any(dim=2).any(dim=1)
            farthest = max(farthest, int((seen.nonzero() - at).abs().max()))
    assert halo - multiple < farthest <= halo


@pytest.mark.slow
def test_tiled_equals_whole():
    network = settled(UNetConfig(1, 2, width=4, levels=2))
    volume = torch.randn(1, 30, 41, 22).numpy()
    runner = Runner(network, Compute("cpu", "fp32"))
    sizes = {"halo": network.config.halo, "multiple": network.config.multiple}
    whole, tiled = (run_tiled(runner, volume, core=core, **sizes) for core in (64, 12))
    assert abs(whole - tiled).max() < 1e-5


def test_conditions_do_nothing_before_training_and_something_after():
    network = settled(UNetConfig(1, 1, conditions=2, width=4, levels=2))
    x = torch.randn(1, 1, 8, 8, 8)
    one, two = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -2.0]])
    with torch.no_grad():
        assert torch.equal(network(x, one), network(x, two))
        for parameter in network.modulate.parameters():
            parameter.normal_(0, 0.3)
        assert not torch.allclose(network(x, one), network(x, two))
