"""Evidence for a docked structure: what is right stands out, and what is wrong does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryotools.core.maps.volume import Grid, Volume
from cryotools.core.structures.structurefile import read_structure
from cryotools.homologs.docking.evidence import background, density_fit, fit_probability, margin
from cryotools.simulate.classical.formulas import MapOptions, molmap_density

TRYPSIN = Path(__file__).parents[3] / "examples" / "1gbt.cif"


@pytest.fixture(scope="module")
def protein():
    structure = read_structure(TRYPSIN)
    structure = structure[structure.kind == 1]
    return structure.with_xyz(structure.xyz - structure.xyz.mean(axis=0) + 40)


@pytest.fixture(scope="module")
def grid():
    return Grid((80, 80, 80), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def test_a_structure_fits_its_own_density_and_not_beside_it(protein, grid):
    volume = Volume.on(grid, molmap_density(protein, grid, MapOptions(5.0)))
    own = density_fit(volume, protein, 5.0)
    assert own.correlation > 0.99
    assert own.detail > 0.98
    moved = density_fit(volume, protein.with_xyz(protein.xyz + np.array([4.0, 0.0, 0.0])), 5.0)
    assert moved.detail < moved.correlation < 0.8
    away = density_fit(volume, protein.with_xyz(protein.xyz + 500), 5.0)
    assert (away.correlation, away.detail) == (0, 0)


def test_a_placement_is_compared_with_what_cannot_be_a_copy_of_it():
    details = np.array([0.5, 0.45, 0.1, 0.2, 0.42, 0.3])
    here = np.array([True, False, False, False, True, False])  # overlaps the first
    assert background(details, here, 0).tolist() == [2, 3, 4, 5]  # not 1, a copy
    assert margin(details, here, 0) == pytest.approx(0.5 - 0.25)
    assert margin(np.array([0.5, 0.48]), np.array([True, False]), 0) == 0


def test_what_stands_out_farther_is_more_probable():
    found = [fit_probability(above) for above in (-0.1, 0.0, 0.1, 0.2, 0.4)]
    assert found == sorted(found)
    assert found[1] < 0.01
    assert found[-1] > 0.99
