from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.compute.regions import Box
from cryotools.core.maps.distance import near_points
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.inputs import (
    DENSITY_CHANNELS,
    SIMULATOR_CONDITIONS,
    Condition,
    DensityChannels,
    density_channels,
    relative_b_factors,
    simulator_conditions,
    with_condition,
)


@pytest.fixture(scope="module")
def protein(trypsin):
    structure = read_structure(trypsin)
    return structure[structure.kind != WATER]


def test_channels_are_molmaps_in_another_scale(protein):
    grid = grid_around(protein, 1.0, 3.0)
    channels = density_channels(protein, grid, 4.0)
    assert channels.shape == (DENSITY_CHANNELS, *grid.shape)
    for number, resolution in ((0, 2.0), (1, 4.0), (2, 5.6)):
        exact = molmap_density(protein, grid, MapOptions(resolution, occupancy=False))
        assert np.corrcoef(channels[number].ravel(), exact.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_the_element_channels_add_up_to_all_atoms_but_carbon(protein):
    grid = grid_around(protein, 1.0, 3.0)
    channels = density_channels(protein, grid, 4.0)
    without = density_channels(protein[protein.element == 6], grid, 4.0)
    total = channels[4] + channels[5] + channels[6]
    carbon = channels[0] - total
    assert carbon.min() > -1e-4
    assert np.corrcoef(carbon.ravel(), without[0].ravel())[0, 1] > 0.9999


def test_b_factors_blur_what_is_mobile(protein):
    grid = grid_around(protein, 1.0, 3.0)
    relative = relative_b_factors(protein)
    assert relative.min() == 0
    channels = density_channels(protein, grid, 3.0)
    index = tuple(np.rint(grid.world_to_index(protein.xyz)).astype(int).T[::-1])
    ratio = channels[3][index] / channels[1][index]
    assert np.corrcoef(ratio, relative)[0, 1] < -0.4


def test_hidden_b_factors_repeat_molmap():
    density = np.random.default_rng(0).random((DENSITY_CHANNELS, 4, 4, 4)).astype(np.float16)
    hidden, shown = (with_condition(density, Condition(3.0, known)) for known in (False, True))
    assert np.array_equal(hidden[3], hidden[1])
    assert np.array_equal(shown, density.astype(np.float32))
    vectors = [simulator_conditions(Condition(3.0, known)) for known in (False, True)]
    assert len(vectors[0]) == SIMULATOR_CONDITIONS
    assert vectors[0][1] == 0
    assert vectors[1][1] == 1


def test_a_sharpness_of_0_is_not_a_sharpness_that_is_left_open():
    given, left = simulator_conditions(Condition(3.0, sharpness=0.0)), simulator_conditions(Condition(3.0))
    assert not np.array_equal(given, left)


def test_hydrogens_change_nothing(protein):
    grid = grid_around(protein, 1.5, 3.0)
    element = protein.element.copy()
    element[::7] = 1
    from dataclasses import replace

    with_hydrogens = replace(protein, element=element)
    assert np.array_equal(
        density_channels(with_hydrogens, grid, 4.0), density_channels(protein[element != 1], grid, 4.0)
    )


@pytest.mark.slow
@pytest.mark.parametrize("start", [(0, 0, 0), (13, 22, 17), (-6, 40, -9)])
def test_a_part_is_the_part_of_the_whole(protein, start):
    grid = grid_around(protein, 1.0, 3.0)
    whole = np.pad(density_channels(protein, grid, 4.0), [(0, 0), *[(30, 30)] * 3])
    part = DensityChannels(protein, grid, 4.0).part(Box(start, (24, 28, 20)))
    there = tuple(slice(a + 30, a + 30 + n) for a, n in zip(start, (24, 28, 20), strict=True))
    assert np.abs(part - whole[(slice(None), *there)]).max() < 1e-5


def test_levels_are_those_of_the_whole_grid_however_many_parts_they_are_taken_from(protein, monkeypatch):
    grid = grid_around(protein, 1.0, 3.0)
    near = near_points(grid, protein.xyz, 3.0)
    monkeypatch.setattr("cryotools.simulate.learned.inputs._LARGEST_PART", 400_000)  # some of them, not one
    for channel in density_channels(protein, grid, 4.0)[[0, 1, 2, 3, 10, 11]]:
        assert np.percentile(channel[near], 99) == pytest.approx(1, abs=1e-5)


def test_surroundings_are_a_gaussian_filter_of_all_atoms(protein):
    from scipy.ndimage import gaussian_filter

    grid = grid_around(protein, 1.0, 3.0)
    channels = density_channels(protein, grid, 4.0)
    for number, sigma in ((10, 5.0), (11, 12.0)):
        exact = gaussian_filter(channels[0].astype(np.float64), sigma, mode="constant", truncate=3.0)
        ratio = channels[number][exact > 0.1 * exact.max()] / exact[exact > 0.1 * exact.max()]
        assert np.ptp(ratio) < 1e-4 * ratio.mean()


def test_without_b_factors_their_channel_repeats_molmap(protein):
    grid = grid_around(protein, 1.0, 3.0)
    box = Box((20, 20, 20), (16, 16, 16))
    used = DensityChannels(protein, grid, 4.0).part(box)
    unused = DensityChannels(protein, grid, 4.0, b_factors=False).part(box)
    assert np.array_equal(unused, with_condition(used, Condition(4.0, b_factors=False)))
    assert not np.array_equal(unused, used)
