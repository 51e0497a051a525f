from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.compute.runner import Compute, Runner, run_tiled
from cryotools.core.errors import DataError
from cryotools.nn.conditions import resolution_conditions
from cryotools.sse.network import (
    CLASSES,
    HARUSPEX,
    SECONDARY_STRUCTURE,
    Classifier,
    Haruspex,
    HaruspexConfig,
    SecondaryStructure,
    SecondaryStructureConfig,
)

SMALL = SecondaryStructureConfig(width=4, levels=2)
KNOWN = torch.from_numpy(resolution_conditions(3.5))


def network(config: SecondaryStructureConfig = SMALL) -> SecondaryStructure:
    torch.manual_seed(0)
    return SecondaryStructure(config).eval()


def haruspex() -> Haruspex:
    torch.manual_seed(0)
    return Haruspex(HaruspexConfig()).eval()


def test_every_voxel_has_a_logit_of_each_class():
    with torch.inference_mode():
        logits = network()(torch.randn(2, 1, 8, 12, 16), KNOWN.expand(2, -1))
    assert logits.shape == (2, CLASSES, 8, 12, 16)


def test_the_default_sees_a_neighbourhood_and_is_smaller_than_haruspex():
    default = SecondaryStructure(SecondaryStructureConfig())
    assert (default.config.width, default.config.levels) == (24, 3)
    assert default.multiple == 8
    assert default.halo % 8 == 0
    assert sum(p.numel() for p in default.parameters()) < 6_034_756 / 4


def test_haruspex_has_as_many_parameters_as_published():
    assert sum(p.numel() for p in haruspex().parameters()) == 6_034_756


@pytest.mark.slow
@pytest.mark.parametrize(("size", "left"), [(40, 20), (24, 4), (44, 24)])
def test_haruspex_predicts_the_middle(size, left):
    with torch.inference_mode():
        assert haruspex()(torch.randn(1, 1, size, size, size)).shape == (1, CLASSES, left, left, left)


@pytest.mark.slow
def test_haruspex_sees_no_more_than_its_halo():
    """A change that begins halo + 1 voxels away from an output voxel leaves it as it was."""
    net = haruspex()
    x = torch.randn(1, 1, 64, 24, 24)
    other = x.clone()
    other[:, :, :12] += 3
    with torch.inference_mode():
        change = (net(x) - net(other)).abs().amax(dim=(0, 1, 3, 4))
    places = torch.arange(64)[net.margin : -net.margin]
    assert change[places < 12].min() > 0
    assert not change[places > 11 + net.halo].any()


@pytest.mark.slow
def test_to_lean_is_to_multiply_the_odds_of_elements():
    tile = torch.randn(1, 1, 8, 8, 8)
    plain, leaning = (Classifier(network(replace(SMALL, temperature=0.5)), KNOWN, lean) for lean in (0.0, 0.7))
    with torch.inference_mode():
        before, after = plain(tile), leaning(tile)
    odds = [(1 - p[:, 0]) / p[:, 0] for p in (before, after)]
    torch.testing.assert_close(odds[1], odds[0] * np.exp(0.7), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.sum(dim=1), torch.ones(1, 8, 8, 8))
    torch.testing.assert_close(after[:, 1] / after[:, 2], before[:, 1] / before[:, 2], rtol=1e-4, atol=1e-5)


def test_probabilities_sum_to_1_and_are_sharper_at_a_lower_temperature():
    tile = torch.randn(1, 1, 8, 8, 8)
    warm, cold = (Classifier(network(replace(SMALL, temperature=t)), KNOWN) for t in (2.0, 0.5))
    with torch.inference_mode():
        one, two = warm(tile), cold(tile)
    assert torch.allclose(one.sum(dim=1), torch.ones(1, 8, 8, 8), atol=1e-6)
    assert torch.equal(one.argmax(dim=1), two.argmax(dim=1))
    assert (two.amax(dim=1) > one.amax(dim=1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("make", [network, haruspex])
def test_tiled_equals_whole(make):
    net = make()
    for parameter in net.parameters():  # after training conditions matter
        if parameter.dim() > 1 and not parameter.any():
            parameter.data.normal_(0, 0.3)
    data = np.random.default_rng(0).normal(size=(1, 5, 7, 21)).astype(np.float32)
    runner = Runner(Classifier(net, KNOWN), Compute("cpu", "fp32"))
    sizes = {"halo": net.halo, "multiple": net.multiple}
    whole, tiled = (run_tiled(runner, data, core=core, **sizes) for core in (64, 16))
    assert whole.shape == (CLASSES, 5, 7, 21)
    assert np.abs(whole - tiled).max() < 1e-5
    assert np.allclose(whole.sum(axis=0), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "config"),
    [(SECONDARY_STRUCTURE, replace(SMALL, temperature=1.37)), (HARUSPEX, HaruspexConfig(temperature=0.8))],
)
def test_a_file_is_enough_to_rebuild_a_network(tmp_path, architecture, config):
    torch.manual_seed(0)
    net, path = architecture.build(config).eval(), tmp_path / "n.safetensors"
    save_network(path, net, architecture, config)
    again, found, _ = load_network(path, [SECONDARY_STRUCTURE, HARUSPEX])
    assert found == config
    assert again.config.temperature == config.temperature
    x = torch.randn(1, 1, 24, 24, 24)
    with torch.inference_mode():
        assert torch.equal(net(x, KNOWN[None]), again(x, KNOWN[None]))


@pytest.mark.parametrize("values", [{"temperature": 0.0}, {"temperature": float("nan")}, {"width": 0}, {"levels": 0}])
def test_impossible_configs_are_refused(tmp_path, values, monkeypatch):
    with pytest.raises(ValueError, match=r"positive number|at least 1"):
        SecondaryStructureConfig(**values)
    path = tmp_path / "n.safetensors"
    dumps = json.dumps
    monkeypatch.setattr("cryotools.core.compute.checkpoint.json.dumps", lambda config: dumps({**config, **values}))
    save_network(path, network(), SECONDARY_STRUCTURE, SMALL)
    with pytest.raises(DataError, match="configuration does not fit"):
        load_network(path, [SECONDARY_STRUCTURE])
