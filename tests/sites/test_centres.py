"""Centres of blobs of probability that were put into a map."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.volume import Grid
from cryotools.sites.centres import centre_rows, centre_structure, find_centres
from cryotools.sites.confidence import SiteCalibration
from cryotools.sites.labels import INTERFACE_SITE, LIGAND_SITE

CALIBRATION = SiteCalibration(np.array([1.2, 1.5, 1.6]), np.array([-0.3, 1.2, 0.6]), np.zeros(3), np.zeros((3, 5)))
GRID = Grid((40, 44, 48), (1.0, 1.0, 1.0), (5.0, -3.0, 8.0))


def expected(kind: int, mean: float) -> float:
    odds = (mean / (1 - mean)) ** CALIBRATION.scale[kind] * np.exp(CALIBRATION.offset[kind])
    return odds / (1 + odds)


def blobs(*places: tuple[int, tuple[float, float, float], float], radius: float = 4.0) -> np.ndarray:
    maps = np.zeros((3, *GRID.shape), dtype=np.float32)
    index = np.stack(np.unravel_index(np.arange(GRID.n_voxels), GRID.shape)[::-1], axis=1)
    world = GRID.index_to_world(index)
    for kind, place, height in places:
        away = np.linalg.norm(world - place, axis=1).reshape(GRID.shape)
        maps[kind][away <= radius] = height
    return maps


def test_a_blob_has_one_centre_with_its_probability_and_volume():
    found = find_centres(blobs((LIGAND_SITE, (25.0, 20.0, 30.0), 0.8)), GRID, CALIBRATION)
    assert [one.kind for one in found] == [LIGAND_SITE]
    assert found[0].xyz == pytest.approx((25.0, 20.0, 30.0), abs=0.05)
    assert found[0].confidence == pytest.approx(expected(LIGAND_SITE, 0.8))
    assert found[0].volume == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.05)


def test_weak_and_small_blobs_are_none_and_the_best_comes_first():
    far, near = (12.0, 5.0, 16.0), (40.0, 30.0, 40.0)
    both = find_centres(blobs((INTERFACE_SITE, far, 0.6), (INTERFACE_SITE, near, 0.9)), GRID, CALIBRATION)
    assert [one.confidence for one in both] == pytest.approx(
        [expected(INTERFACE_SITE, 0.9), expected(INTERFACE_SITE, 0.6)]
    )
    assert not find_centres(blobs((INTERFACE_SITE, far, 0.2)), GRID, CALIBRATION)
    assert not find_centres(blobs((INTERFACE_SITE, far, 0.9), radius=1.5), GRID, CALIBRATION)


def test_rows_and_pseudo_atoms_belong_together():
    maps = blobs((INTERFACE_SITE, (12.0, 5.0, 16.0), 0.6), (LIGAND_SITE, (40.0, 30.0, 40.0), 0.9))
    found = find_centres(maps, GRID, CALIBRATION)
    rows, atoms = centre_rows(found), centre_structure(found)
    assert [(row["kind"], row["chain"], row["residue"]) for row in rows] == [("interface", "I", 1), ("ligand", "L", 1)]
    assert atoms.chain.tolist() == ["I", "L"]
    assert atoms.b_factor.tolist() == pytest.approx([100 * one.confidence for one in found])
    assert atoms.xyz[1].tolist() == pytest.approx([rows[1][f"{axis}_A"] for axis in "xyz"])


def test_an_empty_map_has_no_centres():
    assert not find_centres(np.zeros((3, *GRID.shape), dtype=np.float32), GRID, CALIBRATION)
    assert len(centre_structure([])) == 0
