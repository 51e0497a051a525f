"""The detector: what it makes of channels that are known, and of maps with networks that know nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anchor_networks import untrained

from cryotools.anchors.candidates import find_candidates, find_peaks
from cryotools.anchors.network import CA, CHANNELS, NONE, OFFSET, TYPES
from cryotools.anchors.predict import AnchorDetector, direction_odds
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.volume import Volume, triple_of
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around

EXAMPLE = Path(__file__).parents[2] / "examples/1gbt.cif"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return untrained(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def volume() -> Volume:
    structure = read_structure(EXAMPLE)
    structure = structure[np.linalg.norm(structure.xyz - structure.xyz.mean(axis=0), axis=1) < 14]
    grid = grid_around(structure, 1.0, 6.0)
    return Volume.on(grid, molmap_density(structure, grid, MapOptions(3.0)))


def test_votes_tell_two_residues_apart_that_share_a_maximum() -> None:
    true = np.array([[6.3, 8.0, 8.2], [10.1, 8.1, 8.0]])  # 3.8 Å
    z, y, x = np.mgrid[:16, :16, :16]
    grid = np.stack([x, y, z], axis=-1).astype(float)
    vector = true - grid[..., None, :]
    nearest = np.linalg.norm(vector, axis=-1).argmin(axis=-1)
    channels = np.zeros((len(CHANNELS), 16, 16, 16), dtype=np.float32)
    channels[CA] = 0.8 * np.exp(-((grid - true.mean(axis=0)) ** 2).sum(axis=-1) / 8)  # one maximum for both
    channels[OFFSET] = np.take_along_axis(vector, nearest[..., None, None], axis=-2)[..., 0, :].transpose(3, 0, 1, 2)
    assert len(find_peaks(channels[CA], 0.1, 1.0)) == 1
    found = find_candidates(channels, np.ones((16, 16, 16)))
    assert np.allclose(found.index[np.argsort(found.index[:, 0])], true, atol=1e-5)
    assert np.all((found.probability > 0.2) & (found.probability <= 1))


def test_peaks_keep_apart_the_highest_first() -> None:
    heat = np.zeros((12, 12, 12), dtype=np.float32)
    heat[3, 4, 5], heat[3, 4, 7], heat[9, 9, 9] = 0.9, 0.8, 0.5
    assert find_peaks(heat, 0.4, 2.5).tolist() == [[3, 4, 5], [9, 9, 9]]


def test_a_path_takes_the_direction_in_which_its_residues_are_surest() -> None:
    sure, unsure = np.zeros((4, TYPES)), np.zeros((4, TYPES))
    sure[:, 3], unsure[:, NONE] = 5.0, 5.0
    path = np.array([0, 0, 0, -1])
    odds = direction_odds(sure, unsure, path)
    assert np.all(odds > 0)
    assert np.allclose(odds[:3], odds[0])
    assert np.allclose(direction_odds(unsure, sure, path), -odds)
    sure[0], unsure[0] = unsure[0].copy(), sure[0].copy()  # one residue of three against the others
    assert np.all(direction_odds(sure, unsure, path)[:3] > 0)


def test_residues_come_in_chain_order_with_probabilities(weights: tuple[Path, Path], volume: Volume) -> None:
    found = AnchorDetector(*weights, Compute("cpu")).detect(volume, 3.0).residues
    assert len(found) > 20
    each = np.arange(len(found))
    linked = found.after >= 0
    assert np.array_equal(found.after[linked], each[linked] + 1)
    assert np.array_equal(found.before[found.after[linked]], each[linked])
    assert np.array_equal(found.path[linked], found.path[found.after[linked]])
    assert np.allclose(found.types.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(found.state.sum(axis=1), 1, atol=1e-5)
    for probability in (found.presence, found.confidence, found.forward):
        assert np.all((probability >= 0) & (probability <= 1))
    assert np.all(found.forward >= 0.5)
    assert volume.grid.contains(found.ca).all()
    assert np.linalg.norm(found.mass - found.ca, axis=1).max() < 2.5


def test_residues_move_with_the_map(weights: tuple[Path, Path], volume: Volume) -> None:
    detector = AnchorDetector(*weights, Compute("cpu"))
    here = detector.detect(volume, 3.0).residues
    shift = np.array([10.0, -20.0, 30.0])
    moved = Volume(volume.data, volume.voxel_size, triple_of(volume.origin + shift))
    there = detector.detect(moved, 3.0).residues
    assert np.allclose(there.ca - here.ca, shift)
    assert np.array_equal(there.types, here.types)


def test_a_map_without_candidates_has_no_residues(tmp_path: Path, volume: Volume) -> None:
    types, trace = untrained(tmp_path, bias=-20.0)
    found = AnchorDetector(types, trace, Compute("cpu")).detect(volume)
    assert len(found.residues) == 0
    assert len(found.anchors(0.0)) == 0
