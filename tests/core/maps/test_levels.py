from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryotools.core.errors import DataError
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.resample import grid_at_spacing, resample
from cryotools.core.maps.volume import Volume

DATA = Path(__file__).parents[2] / "data"


def chain_like(shape=(56, 60, 64), noise: float = 0.05) -> Volume:
    """A ball of blurred random density at 1 Å, some 28 Å wide, in a box of noise."""
    random = np.random.default_rng(0)
    z, y, x = np.meshgrid(*[np.arange(n) - n / 2 for n in shape], indexing="ij")
    ball = gaussian_filter((random.random(shape) < 0.05).astype(float), 1.2) * (x * x + y * y + z * z < 14**2)
    return Volume(ball / ball.max() + noise * gaussian_filter(random.normal(size=shape), 0.7), (1.0, 1.0, 1.0))


MOLECULE = chain_like()


def same(volume: Volume, other: Volume, within: float) -> None:
    one, two = find_levels(volume), find_levels(other)
    assert two.strength == pytest.approx(one.strength, rel=within)
    assert two.background == pytest.approx(one.background, abs=within * one.strength)


def test_levels_lie_where_solvent_and_density_are():
    levels = find_levels(MOLECULE)
    assert levels.filling is None
    assert levels.background == pytest.approx(0, abs=0.02)
    strong = MOLECULE.data[MOLECULE.data > 0.5 * levels.strength]
    assert levels.strength == pytest.approx(strong.mean(), rel=0.01)
    assert levels.contrast > 3


def test_scale_and_offset_do_not_matter():
    moved = MOLECULE.with_data(250 * MOLECULE.data + 400)
    one, two = find_levels(MOLECULE), find_levels(moved)
    assert two.strength == pytest.approx(250 * one.strength, rel=1e-3)
    assert two.background == pytest.approx(250 * one.background + 400, abs=0.25)
    assert two.contrast == pytest.approx(one.contrast, rel=1e-2)


@pytest.mark.slow
def test_a_larger_box_of_noise_does_not_matter():
    shape = (140, 150, 160)
    random = np.random.default_rng(1)
    noise = gaussian_filter(random.normal(size=shape), 0.7) * 0.05
    noise[40:96, 50:110, 60:124] = MOLECULE.data
    same(MOLECULE, Volume(noise, (1.0, 1.0, 1.0)), 0.02)


def test_an_empty_box_around_does_not_matter():
    same(MOLECULE, MOLECULE.pad((50, 40, 30), (20, 30, 40)), 0.02)


@pytest.mark.parametrize("reach", [15, 20])
def test_a_mask_does_not_matter(reach):
    z, y, x = (np.arange(n) - n / 2 for n in MOLECULE.data.shape)
    near = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < reach**2
    masked = MOLECULE.with_data(np.where(near, MOLECULE.data, 0))
    assert find_levels(masked).filling == 0
    same(MOLECULE, masked, 0.03)


def test_the_voxel_size_hardly_matters():
    same(MOLECULE, resample(MOLECULE, grid_at_spacing(MOLECULE.grid, 0.8)), 0.03)


def test_a_bright_voxel_does_not_matter():
    data = MOLECULE.data.copy()
    data[28, 30, 32] = 50
    same(MOLECULE, MOLECULE.with_data(data), 0.05)


def test_contrast_tells_noise_and_inverted_maps():
    noise = np.random.default_rng(0).normal(size=(40, 40, 40))
    assert 1 / 3 < find_levels(Volume(noise, (1.0, 1.0, 1.0))).contrast < 3
    assert find_levels(MOLECULE.with_data(-MOLECULE.data)).contrast < 0.5


def test_a_real_map_keeps_its_levels_in_a_larger_box():
    volume = read_map(DATA / "emd_3488_crop.mrc.gz")
    levels = find_levels(volume)
    assert levels.contrast > 3
    same(volume, volume.pad((30,) * 3, (30,) * 3, levels.background), 0.03)


@pytest.mark.parametrize("shape", [(1, 1, 9), (2, 3, 4), (1, 60, 60), (5, 5, 5)])
def test_tiny_maps_have_levels(shape):
    ramp = np.arange(np.prod(shape)).reshape(shape)
    levels = find_levels(Volume(ramp, (1.0, 1.0, 1.0)))
    assert 0 <= levels.background < levels.background + levels.strength <= ramp.max()


@pytest.mark.parametrize("value", [0.0, -3.0, 1e6])
def test_a_constant_map_has_none(value):
    with pytest.raises(DataError, match="constant"):
        find_levels(Volume(np.full((9, 9, 9), value), (1.0, 1.0, 1.0)))


def test_a_map_below_its_background_has_none():
    data = np.zeros((20, 20, 20))
    data[5:10, 5:10, 5:10] = -1
    with pytest.raises(DataError, match="inverted"):
        find_levels(Volume(data, (1.0, 1.0, 1.0)))
