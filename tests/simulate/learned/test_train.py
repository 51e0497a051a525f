from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from cryotools.core.compute import inference
from cryotools.core.compute.bfloat16 import wrong_convolutions
from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned import train as simulate_train
from cryotools.simulate.learned.inputs import DENSITY_CHANNELS, SIMULATOR_CONDITIONS
from cryotools.simulate.learned.network import GENERATOR, Generator, GeneratorConfig
from cryotools.simulate.learned.train import GanConfig, GanTask
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

SMALL = GanConfig(generator=GeneratorConfig(width=4, levels=2), cube=16, batch=4)


@pytest.fixture(scope="module")
def pair(trypsin):
    """A "map" whose rule is known: molmap in which oxygen is missing."""
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:500]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap_density(structure[structure.element != 8], grid, MapOptions(4.0))
    weight = np.ones(grid.shape, dtype=np.float32)
    return Pair("rule", Volume.on(grid, density / density.max()), weight, structure, 4.0, "protease", 0)


def test_an_untrained_generator_is_molmap_broadened():
    generator = Generator(GeneratorConfig(width=4, levels=2)).eval()
    channels = torch.randn(2, DENSITY_CHANNELS, 8, 8, 8)
    with torch.no_grad():
        assert torch.allclose(generator(channels, torch.randn(2, SIMULATOR_CONDITIONS)), channels[:, 2:3])


def test_a_generator_saved_before_there_were_bodies_still_loads(tmp_path):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(width=4, levels=2)).eval()

    @dataclass(frozen=True)
    class Before:
        width: int = 4
        levels: int = 2

    save_network(tmp_path / "old.safetensors", generator, GENERATOR, Before())
    loaded, config, _ = load_network(tmp_path / "old.safetensors", [GENERATOR])
    assert config.body == "unet"
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), loaded.parameters(), strict=True))


@pytest.mark.learning
@pytest.mark.parametrize(("body", "adversarial"), [("unet", 0.0), ("unet", 0.05), ("unetpp", 0.05)])
def test_a_rule_is_learned_from_a_pair(pair, tmp_path, body, adversarial):
    generator = GeneratorConfig(width=4, levels=2, body=body)
    task = GanTask([pair], [pair], replace(SMALL, generator=generator, adversarial=adversarial))
    before = task.validate({"generator": task.networks["generator"].eval()})["held_out_pearson"]
    config = LoopConfig(steps=30, learning_rate=5e-3, warmup=5, validate_every=30, save_every=30)
    train(task, tmp_path, config)
    generator, _, _ = load_network(tmp_path / "model.safetensors", [GENERATOR])
    after = task.validate({"generator": generator})["held_out_pearson"]
    assert after > before + 0.02
    lines = (tmp_path / "held_out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "rule"]
    assert lines[0] == "id,pearson,pearson_no_b,pearson_sharpness"


@pytest.mark.slow
def test_maps_too_large_for_one_piece_are_validated_in_tiles(pair, monkeypatch):
    task = GanTask([pair], [pair], SMALL)
    generator = task.networks["generator"]
    for parameter in generator.unet.last.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    whole = task.validate({"generator": generator.eval()})
    monkeypatch.setattr(simulate_train, "_WHOLE", 1)
    monkeypatch.setattr(inference, "_CORE", 24)
    assert task.validate({"generator": generator}) == pytest.approx(whole, abs=2e-3)  # the edges see other zeros


@pytest.mark.slow
def test_without_held_out_maps_there_are_no_scores(pair):
    task = GanTask([pair], [], SMALL)
    assert task.validate(task.networks) == {}


@pytest.mark.learning
@pytest.mark.usefixtures("cpu_takes_bf16")
@pytest.mark.parametrize(("adversarial", "deepest"), [(0.0, 4), (0.05, 2)])
def test_bf16_trains_the_same_rule(pair, tmp_path, adversarial, deepest):
    wrong = [fault for fault in wrong_convolutions() if int(fault.split()[-2]) >= deepest]
    if wrong:
        pytest.skip(f"this CPU computes bf16 convolutions incorrectly: {', '.join(wrong)}")
    losses = {}
    for precision in ("fp32", "bf16"):
        torch.manual_seed(0)
        task = GanTask([pair], [], replace(SMALL, adversarial=adversarial))
        config = LoopConfig(steps=4, learning_rate=1e-3, warmup=1, precision=precision)
        losses[precision] = train(task, tmp_path / precision, config)["smooth_l1"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


@pytest.mark.slow
def test_what_does_not_count_does_not_count(pair):
    far = ~near_points(pair.target.grid, pair.structure.xyz, 8.0)
    weight, target = (np.where(far, value, of) for value, of in ((0.0, pair.weight), (1e3, pair.target.data)))
    task = GanTask([replace(pair, weight=weight, target=pair.target.with_data(target))], [], SMALL)
    spoiled, seen = [], []
    for step in range(20):
        _, _, targets, weights = task.batch(np.random.default_rng(step), 0)
        spoiled.append(float(targets.max()))
        seen.append(float((targets * (weights > 0)).max()))
    assert max(spoiled) > 500
    assert max(seen) < 100


@pytest.mark.slow
def test_the_same_step_draws_the_same_cubes(pair):
    task = GanTask([pair], [], SMALL)
    one, two, three = (task.batch(np.random.default_rng([0, step]), 0) for step in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], three[0])
