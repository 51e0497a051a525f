from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.compute import inference
from cryotools.core.compute.checkpoint import load_network, save_network
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned import vae_train
from cryotools.simulate.learned.inputs import SIMULATOR_CONDITIONS, Condition
from cryotools.simulate.learned.vae_network import VAE_GENERATOR, VaeConfig, VaeGenerator
from cryotools.simulate.learned.vae_predict import generate_vae
from cryotools.simulate.learned.vae_train import VaeGanConfig, VaeGanTask, _statistics
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

SMALL = VaeGanConfig(VaeConfig(width=8), discriminator_width=4, cube=16, batch=4)


@pytest.fixture(scope="module")
def pair(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER][:250]
    grid = grid_around(structure, 1.0, 2.0)
    density = molmap_density(structure, grid, MapOptions(4.0))
    return Pair(
        "rule", Volume.on(grid, density / density.max()), np.ones(grid.shape, np.float32), structure, 4.0, "f", 0
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """New weights, whose latent is wide open."""
    torch.manual_seed(1)
    config = VaeConfig(width=8, mean=0.3, deviation=0.2)
    network = VaeGenerator(config)
    torch.nn.init.normal_(network.decoder.last.weight, std=0.3)
    network.encoder.last.bias.data[8:] = 3.0
    path = tmp_path_factory.mktemp("vae") / "weights.safetensors"
    save_network(path, network, VAE_GENERATOR, config)
    return path


def test_the_way_from_atoms_to_map_leads_through_the_latent():
    torch.manual_seed(0)
    network = VaeGenerator(SMALL.generator).eval()
    atoms, conditions = torch.rand(1, 5, 16, 16, 16), torch.zeros(1, SIMULATOR_CONDITIONS)
    mean, log_variance = network.latent(atoms, conditions)
    assert mean.shape == log_variance.shape == (1, 1, 16, 16, 16)
    made = network(atoms, torch.zeros(1, 1, 16, 16, 16), conditions)
    assert torch.allclose(made, network.decoded(mean, conditions), atol=1e-6)


@pytest.mark.slow
def test_tiles_give_what_the_whole_gives(pair, weights, monkeypatch):
    maps = []
    for largest in (200_000, 10**7):
        monkeypatch.setattr(inference, "_LARGEST_BOX", largest)
        maps.append(generate_vae(pair.structure, pair.target.grid, Condition(4.0), 3, Compute("cpu"), weights=weights))
    assert np.abs(maps[0] - maps[1]).max() < 1e-4 * np.abs(maps[1]).max()


@pytest.mark.slow
def test_samples_differ_from_one_another_and_each_can_be_made_again(pair, weights):
    def made(sample):
        return generate_vae(pair.structure, pair.target.grid, Condition(4.0), sample, Compute("cpu"), weights=weights)

    mean, one, two, again = made(None), made(1), made(2), made(1)
    assert np.array_equal(one, again)
    near = mean != 0
    for a, b in ((mean, one), (one, two)):
        assert np.abs(a - b)[near].mean() > 1e-3
    assert np.array_equal(mean, made(None))


def test_penalties_vanish_at_the_targets_and_grow_with_the_distance():
    weight = torch.ones(2, 1, 8, 8, 8)
    standard = torch.randn(2, 1, 8, 8, 8)
    standard = (standard - standard.mean((1, 2, 3, 4), keepdim=True)) / standard.std(
        (1, 2, 3, 4), keepdim=True, correction=0
    )
    assert _statistics(0.5 + 0.16 * standard, weight) == pytest.approx(0, abs=1e-6)
    assert _statistics(0.66 + 0.16 * standard, weight) == pytest.approx(1, rel=1e-4)
    assert _statistics(0.5 + 0.32 * standard, weight) == pytest.approx(1, rel=1e-4)


@pytest.mark.slow
def test_the_generator_s_step_leaves_the_discriminator_as_it_is(pair, monkeypatch):
    task = VaeGanTask([pair], [], SMALL)
    monkeypatch.setattr(vae_train, "update_discriminator", lambda *_: {})
    before = [parameter.clone() for parameter in task.networks["discriminator"].parameters()]
    task.step(task.batch(np.random.default_rng(0), 0), 0)
    after = task.networks["discriminator"].parameters()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.learning
def test_training_brings_maps_nearer(pair, tmp_path):
    task = VaeGanTask([pair], [pair], replace(SMALL, batch=8))
    before = task.validate({"generator": task.networks["generator"].eval()})["held_out_pearson"]
    config = LoopConfig(steps=60, learning_rate=5e-3, warmup=5, validate_every=60, save_every=60, averaging=0.9)
    train(task, tmp_path, config)
    generator, stored, _ = load_network(tmp_path / "model.safetensors", [VAE_GENERATOR])
    assert task.validate({"generator": generator})["held_out_pearson"] > max(before, 0) + 0.3
    assert stored.mean == pytest.approx(pair.target.data[pair.target.data > 0.1].mean(), abs=0.3)


@pytest.mark.slow
def test_rewritten_weights_are_the_ones_used(pair, weights, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights.read_bytes())
    network, config, _ = load_network(path, [VAE_GENERATOR])
    where = (pair.structure, pair.target.grid, Condition(4.0), None, Compute("cpu"))
    before = generate_vae(*where, weights=path)
    torch.nn.init.normal_(network.decoder.last.weight, std=0.3)
    save_network(path, network, VAE_GENERATOR, config)
    assert np.abs(generate_vae(*where, weights=path) - before).max() > 0.01
