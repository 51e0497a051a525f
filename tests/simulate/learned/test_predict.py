from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cryotools.core.compute import inference
from cryotools.core.compute.checkpoint import save_network
from cryotools.core.compute.runner import Compute, Runner, run_tiled
from cryotools.core.errors import CryotoolsWarning
from cryotools.core.maps.distance import near_points
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.metrics.correlation import pearson
from cryotools.nn.conditions import Conditioned
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.inputs import Condition, density_channels, simulator_conditions, with_condition
from cryotools.simulate.learned.network import GENERATOR, Generator, GeneratorConfig
from cryotools.simulate.learned.predict import generate, load_generator, placed, unit_grid

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def real():
    """Part of haemoglobin's map at 3.2 Å, which the network never saw, and its atoms."""
    structure = read_structure(DATA / "5ni1_crop.pdb.gz")
    return read_map(DATA / "emd_3488_crop.mrc.gz"), structure[structure.kind != WATER]


@pytest.fixture(scope="module")
def small(real):
    _, structure = real
    return structure[np.linalg.norm(structure.xyz - structure.xyz.mean(axis=0), axis=1) < 10]


@pytest.fixture(scope="module")
def made(small):
    grid = grid_around(small, 1.0, 4.0)
    return grid, generate(small, grid, Condition(3.0, b_factors=False), Compute("cpu"))


@pytest.mark.slow
def test_a_map_never_seen_is_met_better_than_by_molmap_at_its_best(real):
    volume, structure = real
    near = near_points(volume.grid, structure.xyz, 3)
    learned = generate(structure, volume.grid, Condition(3.2, b_factors=False), Compute("cpu"))
    score = pearson(learned[near], volume.data[near])
    for broader in (1.0, 1.2, 1.3, 1.4):
        classical = molmap_density(structure, volume.grid, MapOptions(3.2 * broader, occupancy=False))
        assert score > pearson(classical[near], volume.data[near]) + 0.01


@pytest.mark.slow
def test_there_is_nothing_where_there_are_no_atoms(made, small):
    grid, data = made
    assert not data[~near_points(grid, small.xyz, 7)].any()
    assert data[near_points(grid, small.xyz, 1)].mean() > 0.3


@pytest.mark.slow
def test_moving_the_structure_by_whole_voxels_moves_the_map(made, small):
    _, data = made
    shift = np.array([5.0, -3.0, 8.0])
    moved = small.with_xyz(small.xyz + shift)
    other = generate(moved, grid_around(moved, 1.0, 4.0), Condition(3.0, b_factors=False), Compute("cpu"))
    assert np.abs(other - data).max() < 1e-3 * data.max()


@pytest.mark.slow
def test_a_coarser_resolution_gives_a_smoother_map(made, small):
    grid, sharp = made
    coarse = generate(small, grid, Condition(6.0, b_factors=False), Compute("cpu"))
    power = []
    for data in (sharp, coarse):
        spectrum = np.abs(np.fft.rfftn(data)) ** 2
        axes = [np.fft.fftfreq(n) for n in data.shape[:2]] + [np.fft.rfftfreq(data.shape[2])]
        radius = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
        power.append(spectrum[(radius > 1 / 5) & (radius < 1 / 3)].sum() / spectrum[radius < 1 / 10].sum())
    assert power[1] < 0.2 * power[0]


@pytest.mark.slow
def test_resolutions_never_seen_are_warned_about(small):
    with pytest.warns(CryotoolsWarning, match=r"has seen maps of 1\.7 to 8 A, not of 12 A"):
        generate(small, grid_around(small, 4.0, 12.0), Condition(12.0), Compute("cpu"))


@pytest.mark.slow
def test_rewritten_weights_are_the_ones_used(made, small, tmp_path):
    grid, _ = made
    path, config = tmp_path / "generator.safetensors", GeneratorConfig(width=4, levels=2)
    maps = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        network = Generator(config)
        torch.nn.init.constant_(network.unet.last.bias, 0.1 * seed)
        save_network(path, network, GENERATOR, config)
        maps.append(generate(small, grid, Condition(3.0), Compute("cpu"), weights=path))
    assert np.abs(maps[1] - maps[0]).max() > 0.01
    assert np.array_equal(maps[2], maps[0])


@pytest.mark.slow
def test_the_map_does_not_depend_on_the_boxes_it_is_made_in(made, small, monkeypatch):
    grid, data = made
    monkeypatch.setattr(inference, "_LARGEST_BOX", 100_000)  # of 46 voxels, 40 of them halo
    other = generate(small, grid, Condition(3.0, b_factors=False), Compute("cpu"))
    assert np.abs(other - data).max() < 1e-5 * data.max()


@pytest.mark.slow
def test_a_corner_of_the_grid_has_the_values_of_the_whole(made, small):
    grid, data = made
    corner = Volume.on(grid, data).crop((8, 10, 12), (20, 18, 14))
    other = generate(small, corner.grid, Condition(3.0, b_factors=False), Compute("cpu"))
    assert np.abs(other - corner.data).max() < 1e-5 * data.max()


@pytest.mark.slow
def test_equal_tiles_of_all_channels_give_the_same_map(made, small):
    """The way without boxes: every channel of the whole volume, and a network with its normalisation."""
    grid, data = made
    condition = Condition(3.0, b_factors=False)
    unit = unit_grid(small)
    network = load_generator()
    applied = Runner(Conditioned(network, torch.from_numpy(simulator_conditions(condition))), Compute("cpu"))
    channels = with_condition(density_channels(small, unit, 3.0), condition)
    tiled = run_tiled(applied, channels, halo=network.halo, multiple=network.multiple, core=32)[0]
    assert np.abs(placed(tiled, unit, small, grid) - data).max() < 1e-5 * data.max()
