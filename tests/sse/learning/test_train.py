"""Examples, simulated boxes and a miniature training, on a map of trypsin whose classes are known."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from cryotools.core.compute.checkpoint import load_network
from cryotools.core.errors import DataError
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.structurelist import unrelated_structures
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.sse.learning.examples import (
    CHAIN,
    experimental_examples,
    make_classifier_example,
)
from cryotools.sse.learning.simulated import simulated_example, simulated_examples
from cryotools.sse.learning.train import ClassifierTask, ClassifierTraining
from cryotools.sse.network import SECONDARY_STRUCTURE, SecondaryStructure, SecondaryStructureConfig
from cryotools.sse.truth.assign import HELIX, OTHER, SHEET, assign
from cryotools.training.loop import LoopConfig, train
from cryotools.training.pairs import Pair

SMALL = ClassifierTraining(SecondaryStructureConfig(width=12), cube=24, batch=8)


@pytest.fixture(scope="module")
def pair(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER]
    grid = grid_around(structure, 1.0, 4.0)
    volume = Volume.on(grid, molmap_density(structure, grid, MapOptions(4.0)))
    return Pair("trypsin", volume, np.ones(grid.shape, dtype=np.float32), structure, 4.0, "protease", 0)


@pytest.fixture(scope="module")
def example(pair):
    density = prepare_map(pair.target).volume.data
    return make_classifier_example(pair.target, density, pair.structure, assign(pair.structure), 4.0)


def test_the_chain_has_its_own_class_at_every_backbone_atom(pair, example):
    residues = assign(pair.structure)
    backbone = np.isin(pair.structure.atom_name, ("N", "CA", "C", "O")) & (residues.of_atom >= 0)
    x, y, z = np.rint(pair.target.grid.world_to_index(pair.structure.xyz[backbone])).astype(int).T
    right = example.classes[z, y, x] == residues.classes[residues.of_atom[backbone]]
    assert right.mean() > 0.9  # the voxel's centre may be nearer to a neighbour of another class
    assert (example.counts[z, y, x] == CHAIN).all()


def test_coil_counts_as_chain_and_solvent_does_not(example):
    assert ((example.counts == CHAIN) & (example.classes == OTHER)).sum() > 3000
    assert example.counts[0].max() == 1


def test_what_the_weight_leaves_out_does_not_count(pair):
    weight = np.ones_like(pair.weight)
    weight[:20] = 0
    residues = assign(pair.structure)
    made = make_classifier_example(pair.target, pair.target.data, pair.structure, residues, 4.0, weight)
    assert (made.counts[:20] == 0).all()
    assert made.counts[20:].any()


@pytest.mark.slow
def test_versions_turn_map_and_model_together(pair):
    plain, *turned = experimental_examples(pair, 4, seed=3)
    assert plain.resolution == pair.resolution
    strength = plain.density[tuple(plain.centres.T)].astype(float).mean()
    for version in turned:
        assert 4.0 <= version.resolution <= 8.5
        at_chain = version.density[tuple(version.centres.T)].astype(float).mean()
        assert at_chain > 0.6 * strength
        assert np.abs(version.density - plain.density).max() > 0.5
        share = [np.mean(one.classes[tuple(one.centres.T)] == SHEET) for one in (plain, version)]
        assert share[1] == pytest.approx(share[0], rel=0.05)


@pytest.mark.slow
def test_versions_of_two_maps_are_turned_each_in_its_own_way(pair):
    made = {}
    for name in ("one", "other", "one again"):
        named = replace(pair, id=name.split()[0])
        made[name] = list(experimental_examples(named, 3))[1:]
    for first, second, again in zip(*made.values(), strict=True):
        np.testing.assert_array_equal(first.density, again.density)
        assert np.abs(first.density - second.density).max() > 0.5
        assert first.resolution == again.resolution


@pytest.mark.slow
def test_simulated_boxes_show_density_where_the_classes_are(trypsin):
    structure = read_structure(trypsin)
    for seed in range(3):
        box = simulated_example(structure, np.random.default_rng(seed))
        assert box.density.shape == box.classes.shape == (64, 64, 64)
        assert 2 <= box.resolution <= 8.5
        density = box.density.astype(float)
        assert density[box.classes == SHEET].mean() > 0.4
        assert density[box.classes == SHEET].mean() > 4 * abs(density[box.counts == 1].mean())


@pytest.mark.slow
def test_simulated_boxes_are_made_once_and_do_not_depend_on_how_many(trypsin, tmp_path):
    bad = tmp_path / "bad.pdb"
    bad.write_text("ATOM\n")
    with pytest.warns(Warning, match=r"bad\.pdb.*another structure"):
        few = simulated_examples([trypsin, bad], 2, tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2
    first = min((tmp_path / "kept").iterdir())
    before = first.stat().st_mtime_ns
    again = simulated_examples([trypsin, bad], 1, tmp_path / "kept")
    assert first.stat().st_mtime_ns == before
    np.testing.assert_array_equal(again[0].density, few[0].density)


@pytest.mark.slow
def test_kept_boxes_of_other_structures_are_not_read(trypsin, tmp_path):
    other = tmp_path / "other.cif"
    other.write_bytes(trypsin.read_bytes())
    simulated_examples([trypsin], 1, tmp_path / "kept")
    simulated_examples([other], 1, tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_relatives_of_the_held_out_fold_are_left_out(tmp_path):
    listed = tmp_path / "list.csv"
    with listed.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("file", "homolog_of_fold"), ("a.pdb", ""), ("b.pdb", "1"), ("c.pdb", "2")])
    names = [[path.name for path in unrelated_structures(str(listed), fold)] for fold in (None, 1, 2)]
    assert names == [["a.pdb", "b.pdb", "c.pdb"], ["a.pdb", "c.pdb"], ["a.pdb", "b.pdb"]]
    with pytest.raises(DataError, match="has no structures"):
        unrelated_structures(str(tmp_path), None)
    listed.write_text("homolog_of_fold;file\n;a.pdb\n1;\n")
    with pytest.raises(DataError, match="line 3: column file is empty"):
        unrelated_structures(str(listed), None)
    listed.write_bytes("file\nPräparat.pdb\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 2: is not UTF-8 text"):
        unrelated_structures(str(listed), None)


@pytest.mark.learning
def test_a_miniature_training_is_better_than_the_majority_class(pair, tmp_path):
    torch.manual_seed(2)
    task = ClassifierTask([list(experimental_examples(pair, 1))], [], [pair], SMALL)
    config = LoopConfig(steps=120, learning_rate=4e-3, warmup=5, averaging=0.9, validate_every=120, save_every=120)
    scores = train(task, tmp_path, config)
    assert scores["held_out_q3"] > scores["held_out_q3_baseline"] + 0.03
    _, config, about = load_network(tmp_path / "model.safetensors", [SECONDARY_STRUCTURE])
    assert config == replace(SMALL.network, temperature=task.temperature)
    assert task.temperature != 1
    assert float(about["held_out_q3"]) == pytest.approx(scores["held_out_q3"], abs=1e-3)


@pytest.mark.slow
def test_without_held_out_maps_the_temperature_stays(example, tmp_path):
    torch.manual_seed(0)
    network = SecondaryStructure(replace(SMALL.network, temperature=1.7))
    task = ClassifierTask([[example]], [], [], SMALL, start=network)
    train(task, tmp_path, LoopConfig(steps=1))
    _, config, _ = load_network(tmp_path / "model.safetensors", [SECONDARY_STRUCTURE])
    assert config.temperature == 1.7


@pytest.mark.slow
def test_batches_hold_both_kinds_of_maps_and_count_something(example):
    simulated = replace(example, resolution=7.0)
    task = ClassifierTask([[example]], [simulated], [], SMALL)
    density, conditions, classes, counted = task.batch(np.random.default_rng(0), 0)
    assert density.shape == (8, 1, 24, 24, 24)
    assert classes.shape == counted.shape == (8, 24, 24, 24)
    assert (counted.sum(dim=(1, 2, 3)) > 0).all()
    told = conditions[conditions[:, 1] == 1, 0]
    assert (told < 0.7).any()
    assert (told > 0.7).any()
    assert set(np.unique(classes)) <= {OTHER, HELIX, SHEET}
