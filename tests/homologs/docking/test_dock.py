"""A structure is found where it was put, and labels are those of what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools.core.errors import DataError
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structure import concatenate
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.annotate import annotate_with_homologs
from cryotools.homologs.docking.dock import Docking, dock
from cryotools.homologs.docking.rotations import even_rotations
from cryotools.homologs.docking.transfer import docked_classes, with_docked
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.sse.truth.assign import HELIX, SHEET, assign

TRYPSIN = Path(__file__).parents[3] / "examples" / "1gbt.cif"
FEW = Docking(orientations=1200, refined=4)


@pytest.fixture(scope="module")
def protein():
    structure = read_structure(TRYPSIN)
    return structure[np.isin(structure.kind, (1,))]


def turned(structure, rotation, shift):
    return structure.with_xyz(rotation.apply(structure.xyz - structure.xyz.mean(axis=0)) + shift)


def density(structure, shape=(72, 72, 72), noise=0.2):
    grid = Grid(shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    data = molmap_density(structure, grid, MapOptions(5.0))
    data = data / np.percentile(data, 99) + np.random.default_rng(0).normal(0, noise, shape)
    return Volume.on(grid, data.astype(np.float32))


def rmsd(one, other):
    return float(np.sqrt(((one.xyz - other.xyz) ** 2).sum(axis=1).mean()))


def test_rotations_are_spread_evenly():
    quaternions = even_rotations(800).as_quat()
    apart = np.degrees(2 * np.arccos(np.clip(np.abs(quaternions[:40] @ quaternions.T), 0, 1)))
    nearest = np.sort(apart, axis=1)[:, 1]
    expected = np.degrees((8 * np.pi**2 / 800) ** (1 / 3))
    assert 0.5 * expected < nearest.min()
    assert nearest.max() < 1.3 * expected


@pytest.mark.slow
def test_a_structure_is_found_where_it_is(protein):
    truth = turned(protein, Rotation.from_rotvec([0.7, -1.1, 0.4]), (33.0, 38.0, 36.0))
    volume = prepare_map(density(truth), 5.0).volume
    best = dock(volume, protein, 5.0, settings=FEW)[0]
    assert rmsd(best.structure, truth) < 1.0
    assert best.significant
    residues = assign(truth)
    found = docked_classes([best], volume.grid)
    ca = truth.xyz[truth.atom_name == "CA"]
    at = np.rint(ca).astype(int)[:, ::-1]
    said = found[:, at[:, 0], at[:, 1], at[:, 2]].argmax(axis=0)
    sure = np.isin(residues.classes, (HELIX, SHEET))
    assert (said == residues.classes)[sure].mean() > 0.9


@pytest.mark.slow
def test_two_copies_are_found_and_a_mirror_image_is_not_significant(protein):
    first = turned(protein, Rotation.identity(), (30.0, 36.0, 34.0))
    second = turned(protein, Rotation.from_rotvec([2.0, 0.3, 0.0]), (80.0, 36.0, 34.0))
    volume = prepare_map(density(concatenate([first, second]), (70, 72, 112)), 5.0).volume
    found = dock(volume, protein, 5.0, settings=Docking(orientations=1200, refined=8))
    assert len(found) == 2
    assert sorted(min(rmsd(one.structure, other) for one in found) < 1.5 for other in (first, second)) == [True, True]
    assert len(dock(volume, protein, 5.0, copies=1, settings=FEW)) == 1
    mirrored = protein.with_xyz(protein.xyz * [1, 1, -1])
    assert dock(volume, mirrored, 5.0, settings=FEW)[0].correlation < found[0].correlation - 0.1


def test_too_little_protein_is_refused(protein):
    few = protein[protein.residue_number < protein.residue_number.min() + 8]
    with pytest.raises(DataError, match="fewer than 20 residues"):
        dock(density(protein), few, 5.0)


def test_where_nothing_is_docked_the_network_stays():
    grid = Grid((4, 5, 6), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    network = np.random.default_rng(0).dirichlet(np.ones(4), (4, 5, 6)).transpose(3, 0, 1, 2).astype(np.float32)
    nothing = docked_classes([], grid)
    for only in (True, False):
        assert np.allclose(with_docked(network, nothing, only_docked=only), network, atol=1e-6)
    docked = nothing.copy()
    docked[:, 0, 0, 0] = [0.1, 0.7, 0.1, 0.1]
    both = with_docked(network, docked)
    expected = network[:, 0, 0, 0] * docked[:, 0, 0, 0]
    assert np.allclose(both[:, 0, 0, 0], expected / expected.sum())
    assert np.allclose(with_docked(network, docked, only_docked=True)[:, 0, 0, 0], docked[:, 0, 0, 0])


def test_without_homologs_the_network_is_used_alone(protein):
    volume = density(turned(protein, Rotation.identity(), (20.0, 20.0, 20.0)), (40, 40, 40), noise=0.05)
    found = annotate_with_homologs(replace(volume), 5.0, [])
    assert not found.placements
    assert found.weights is None
    assert found.annotation.probabilities.shape == (4, 40, 40, 40)
