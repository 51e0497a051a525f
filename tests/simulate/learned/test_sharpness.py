from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.distance import distance_to_points
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.sharpness import envelope, measure_sharpness


@pytest.fixture(scope="module")
def simulated(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER]
    grid = grid_around(structure, 1.0, 3.0)
    return structure, Volume.on(grid, molmap_density(structure, grid, MapOptions(3.0, occupancy=False)))


@pytest.mark.slow
@pytest.mark.parametrize("b", [-60.0, 0.0, 40.0])
def test_the_b_factor_given_to_a_map_is_measured(simulated, b):
    structure, volume = simulated
    shells = Shells(volume.data.shape, volume.voxel_size)
    within = np.minimum(shells.frequency, 1 / 2.5)
    sharpened = volume.with_data(shells.scale(volume.data, np.exp(b * within**2 / 4)))
    assert measure_sharpness(sharpened, structure, 3.0) == pytest.approx(b, abs=4)


@pytest.mark.slow
@pytest.mark.parametrize("b", [-150.0, 0.0, 100.0])
def test_coarse_maps_have_a_sharpness_too(simulated, b):
    structure, volume = simulated
    coarse = molmap_density(structure, volume.grid, MapOptions(10.0, occupancy=False))
    shells = Shells(volume.data.shape, volume.voxel_size)
    blurred = volume.with_data(shells.scale(coarse, np.exp(b * shells.frequency.clip(max=0.12) ** 2 / 4)))
    assert measure_sharpness(blurred, structure, 10.0) == pytest.approx(b, abs=40)


def test_the_scale_of_a_map_and_noise_on_it_sharpen_nothing(simulated):
    structure, volume = simulated
    noise = np.random.default_rng(0).standard_normal(volume.data.shape, dtype=np.float32)
    noisy = volume.with_data(7 * volume.data + volume.data.std() * noise)
    assert measure_sharpness(noisy, structure, 3.0) == pytest.approx(0, abs=10)


def test_an_inverted_map_has_nothing_in_common_with_its_structure(simulated):
    structure, volume = simulated
    with pytest.raises(DataError, match="no density in common"):
        measure_sharpness(volume.with_data(-volume.data), structure, 3.0)


@pytest.mark.slow
def test_the_envelope_is_1_near_atoms_and_0_far_from_them(simulated):
    structure, volume = simulated
    mask, distance = envelope(structure, volume.grid), distance_to_points(volume.grid, structure.xyz, 12)
    assert (mask[distance < 4] == 1).all()
    assert (mask[distance > 7] == 0).all()
    between = mask[(distance > 4.5) & (distance < 6.5)]
    assert ((between > 0) & (between < 1)).all()
