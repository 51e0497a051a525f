from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import UsageError
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structurefile import read_structure
from cryotools.metrics.fsc import fourier_shell_correlation
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around
from cryotools.simulate.learned.sharpness import envelope
from cryotools.simulate.noise import add_noise, half_maps, noise_power


@pytest.fixture(scope="module")
def protein(trypsin):
    return read_structure(trypsin)


def fsc(first, second, grid):
    return fourier_shell_correlation(first, second, grid.voxel_size)


def as_learned(structure, grid, resolution):
    """A signal like the generator's: bright up to the resolution, hardly anything beyond, 0 far from atoms."""
    shells = Shells(grid.shape, grid.voxel_size)
    sharp = molmap_density(structure, grid, MapOptions(resolution, sharpness=2.5 * resolution**2))
    return shells.scale(sharp, 1 / (1 + np.exp((shells.frequency * resolution - 1.1) / 0.04))) * envelope(
        structure, grid
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:voxels of")
@pytest.mark.parametrize("resolution", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("fineness", [2.5, 3, 5])
@pytest.mark.parametrize("learned", [False, True])
def test_the_half_maps_fsc_falls_to_0_143_at_the_resolution(protein, resolution, fineness, learned):
    grid = grid_around(protein, resolution / fineness, resolution)
    signal = as_learned(protein, grid, resolution) if learned else molmap_density(protein, grid, MapOptions(resolution))
    first, second, _ = half_maps(signal, grid.voxel_size, resolution, seed=3)
    curve = fsc(first, second, grid)
    assert curve.resolution_at(0.143) == pytest.approx(resolution, rel=0.02)
    assert curve.resolution_at(0.5) == pytest.approx(1.19 * resolution, rel=0.03)
    assert curve.correlation[curve.frequency < 0.3 / resolution].min() > 0.95
    assert curve.correlation[curve.frequency > 1.1 / resolution].max() < 0.12


def test_boxes_that_are_small_or_not_cubic_keep_the_resolution(protein):
    few = protein[np.linalg.norm(protein.xyz - protein.xyz.mean(axis=0), axis=1) < 4]
    cases = [(few, grid_around(few, 1.0, 3.0), 3.0)]
    cases.append((protein, Grid((60, 70, 80), (1.1, 1.0, 0.9), (15.0, -25.0, -5.0)), 4.0))
    for structure, grid, resolution in cases:
        for seed in range(3):
            halves = half_maps(
                molmap_density(structure, grid, MapOptions(resolution)), grid.voxel_size, resolution, seed
            )
            assert fsc(*halves[:2], grid).resolution_at(0.143) == pytest.approx(resolution, rel=0.02)


def test_the_mean_of_the_half_maps_is_the_signal_with_half_the_noise_power(protein):
    grid = grid_around(protein, 1.5, 4.0)
    signal = molmap_density(protein, grid, MapOptions(4.0))
    first, second, mean = half_maps(signal, grid.voxel_size, 4.0, seed=1)
    assert np.allclose(mean, (first + second) / 2)
    deviations = [(made - signal).std(dtype=np.float64) for made in (first, second, mean)]
    assert deviations[0] == pytest.approx(deviations[1], rel=0.02)
    assert deviations[2] == pytest.approx(deviations[0] / np.sqrt(2), rel=0.02)
    assert mean.mean(dtype=np.float64) == pytest.approx(signal.mean(dtype=np.float64), rel=1e-5)
    away = envelope(protein, grid) == 0  # the solvent has as much as the molecule
    assert (mean - signal)[away].std() == pytest.approx((mean - signal)[~away].std(), rel=0.1)


def test_half_maps_depend_on_the_seed_alone(protein):
    grid = grid_around(protein, 2.0, 6.0)
    signal = molmap_density(protein, grid, MapOptions(6.0))
    one, again, other = (half_maps(signal, grid.voxel_size, 6.0, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.allclose(a, b) for a, b in zip(one, other, strict=True))


def test_noise_follows_the_stated_law():
    frequency = np.arange(200) / 200  # 1/Å
    signal = np.exp(-2 * (3 * frequency) ** 2)
    power = noise_power(frequency, signal, 3.0)
    correlation = signal / (signal + power)
    assert np.interp(1 / 3, frequency, correlation) == pytest.approx(0.143, abs=2e-3)
    squared = (frequency[1:67] * 3) ** 2
    assert np.allclose(signal[1:67] / power[1:67], 0.143 / 0.857 * np.exp(6 * (1 - squared)))
    assert power[0] == 0
    assert np.all(np.diff(correlation) < 0)
    beyond = frequency > 1.1 / 3
    slope = np.diff(np.log(power[beyond])) / np.diff(np.log(signal[beyond]))
    assert np.allclose(slope, 0.5)


def test_noise_is_no_stronger_at_low_frequencies_than_below_the_resolution():
    frequency = np.arange(200) / 200
    shape = 1 + 1e4 * np.exp(-((20 * frequency) ** 2))  # a molecule's envelope
    power = noise_power(frequency, shape * np.exp(-2 * (3 * frequency) ** 2), 3.0)
    assert np.all(np.diff(power[1:66]) >= 0)


@pytest.mark.parametrize("apix", [1.5, 2.0])
def test_voxels_that_cannot_hold_the_resolution_are_refused(apix):
    with pytest.raises(UsageError, match=r"half maps at 3 A need voxels smaller than 1.5 A"):
        half_maps(np.ones((16, 16, 16), np.float32), (apix,) * 3, 3.0)


def test_white_noise_has_the_level_asked_for(protein):
    grid = grid_around(protein, 2.0, 6.0)
    empty = np.ones(grid.shape, np.float32)
    noise = add_noise(empty, protein, grid, 0.25, seed=0) - 1
    assert noise.std() == pytest.approx(0.25, rel=0.01)
    curve = Shells(grid.shape, grid.voxel_size).amplitude(noise) / np.sqrt(noise.size)
    assert np.allclose(curve[5:], 0.25, rtol=0.1)
