from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.checkpoint import load_network
from cryotools.core.structure import WATER
from cryotools.core.structurefile import read_structure
from cryotools.core.volume import Volume
from cryotools.simulate.inputs import CONDITIONS, DENSITY_CHANNELS
from cryotools.simulate.layout import grid_around
from cryotools.simulate.methods import MapOptions, molmap
from cryotools.simulate.network import GENERATOR, Generator, GeneratorConfig
from cryotools.simulate.train import GanConfig, GanTask
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

SMALL = GanConfig(generator=GeneratorConfig(width=4, levels=2), cube=16, batch=4)


@pytest.fixture(scope="module")
def pair(trypsin):
    """A "map" whose rule is known: molmap in which oxygen is missing."""
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap(structure[structure.element != 8], grid, MapOptions(4.0))
    weight = np.ones(grid.shape, dtype=np.float32)
    return Pair("rule", Volume.on(grid, density / density.max()), weight, structure, 4.0, "protease", 0)


def test_an_untrained_generator_is_molmap_broadened():
    generator = Generator(GeneratorConfig(width=4, levels=2)).eval()
    channels = torch.randn(2, DENSITY_CHANNELS, 8, 8, 8)
    with torch.no_grad():
        assert torch.allclose(generator(channels, torch.randn(2, CONDITIONS)), channels[:, 2:3])


@pytest.mark.parametrize("adversarial", [0.0, 0.05])
def test_a_rule_is_learned_from_a_pair(pair, tmp_path, adversarial):
    task = GanTask([pair], [pair], replace(SMALL, adversarial=adversarial))
    before = task.validate({"generator": task.networks["generator"].eval()})["held_out_pearson"]
    config = LoopConfig(steps=30, learning_rate=5e-3, warmup=5, validate_every=30, save_every=30)
    train(task, tmp_path, config)
    generator, _, _ = load_network(tmp_path / "model.safetensors", [GENERATOR])
    after = task.validate({"generator": generator})["held_out_pearson"]
    assert after > before + 0.02


def test_what_does_not_count_does_not_count(pair):
    weight = pair.weight.copy()
    half = weight.shape[2] // 2
    weight[:, :, half:] = 0
    target = pair.target.data.copy()
    target[:, :, half:] = 1e3
    spoiled = replace(pair, weight=weight, target=pair.target.with_data(target))
    task = GanTask([spoiled], [], SMALL)
    seen = []
    for step in range(20):
        _, _, targets, weights = task._batch(np.random.default_rng(step))
        seen.append(float((targets * (weights > 0)).max()))
    assert max(seen) < 100


def test_the_same_step_draws_the_same_cubes(pair):
    task = GanTask([pair], [], SMALL)
    one, two, three = (task._batch(np.random.default_rng([0, step])) for step in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], three[0])
