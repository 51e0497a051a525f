from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryotools.core.maps.shells import Shells
from cryotools.core.maps.volume import Volume
from cryotools.training.augment import (
    CubeNoise,
    blobs,
    blurred_unevenly,
    lowered,
    masked,
    noise,
    random_b,
    random_end,
    smooth_field,
    with_noise,
)


@pytest.fixture
def volume():
    data = gaussian_filter(np.random.default_rng(0).standard_normal((32, 32, 32)), 0.6)
    return Volume(data.astype(np.float32), (1.0, 1.0, 1.0))


def test_a_b_factor_lowers_amplitudes_by_its_own_formula(volume):
    shells = Shells(volume.data.shape, volume.voxel_size)
    ratio = shells.amplitude(lowered(volume, 3.0, 3.0, 100.0).data) / shells.amplitude(volume.data)
    s = shells.frequency
    inside = (s > 0) & (s <= 1 / 3)
    np.testing.assert_allclose(ratio[inside], np.exp(-100 * s[inside] ** 2 / 4), rtol=0.05)


def test_a_lower_resolution_leaves_nothing_beyond_it(volume):
    shells = Shells(volume.data.shape, volume.voxel_size)
    ratio = shells.amplitude(lowered(volume, 3.0, 7.0).data) / shells.amplitude(volume.data)
    assert ratio[shells.frequency > 1 / 4].max() < 0.01
    assert ratio[(shells.frequency > 0) & (shells.frequency < 1 / 20)].min() > 0.7


def test_noise_has_unit_variance_and_a_grain():
    grains = noise((40, 40, 40), np.random.default_rng(1))
    assert grains.std() == pytest.approx(1, abs=1e-3)
    assert np.corrcoef(grains[1:].ravel(), grains[:-1].ravel())[0, 1] > 0.2


def test_noise_ends_where_the_map_does(volume):
    shells = Shells(volume.data.shape, volume.voxel_size)
    end = (shells.frequency < 1 / 5).astype(float)
    power = shells.amplitude(noise(shells.shape, np.random.default_rng(2), end)) ** 2
    assert power[shells.frequency > 1 / 4].max() < 1e-6 * power.max()


def test_maps_end_about_their_resolution_or_not_at_all(volume):
    shells = Shells((80, 80, 80), volume.voxel_size)
    ends = np.array([random_end(shells, 5.0, np.random.default_rng(seed)) for seed in range(60)])
    ended = ends.min(axis=1) < 1
    assert 30 <= ended.sum() <= 55
    assert (ends[:, shells.frequency < 1 / 8] > 0.95).all()
    assert (ends[ended][:, shells.frequency > 1 / 2.5] < 0.05).all()


def test_coarser_maps_are_sharpened_and_blurred_by_more():
    fine, coarse = (np.array([random_b(r, np.random.default_rng(seed)) for seed in range(200)]) for r in (2.0, 8.0))
    assert -100 <= fine.min() < -80
    assert 100 < fine.max() <= 120
    assert -512 <= coarse.min() < -450
    assert 160 < coarse.max() <= 192


def test_masks_leave_solvent_at_0_and_the_molecule_there():
    distance = np.abs(np.arange(40) - 20)[:, None, None] * np.ones((1, 40, 40))
    data = (distance < 3).astype(np.float32)
    end = np.ones_like(Shells(data.shape, (1.0, 1.0, 1.0)).frequency)
    cut = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        made = masked(with_noise(data, distance, end, random), distance, random)
        assert made[distance < 1].mean() > 0.5
        cut += bool((made[distance > 15] == 0).all())
    assert 20 <= cut <= 35


def test_blurring_keeps_the_shape_and_the_total(volume):
    for seed in range(10):
        made = blurred_unevenly(volume.data + np.float32(1), 3.0, np.random.default_rng(seed))
        assert made.shape == volume.data.shape
        assert np.isfinite(made).all()
        assert 0.5 < made.mean() <= 1.05  # of a mean of 1, half of which one region may lose
        assert np.corrcoef(made.ravel(), volume.data.ravel())[0, 1] > 0.4


def test_a_smooth_field_runs_from_0_to_1():
    field = smooth_field((50, 33, 70), np.random.default_rng(0))
    assert field.shape == (50, 33, 70)
    assert (field.min(), field.max()) == (0, pytest.approx(1))
    assert np.abs(np.diff(field, axis=0)).max() < 0.2


def test_detergent_is_coarse_and_leaves_the_molecule_alone():
    distance = np.abs(np.arange(48) - 10)[:, None, None] * np.ones((1, 48, 48))
    for seed in range(5):
        made = blobs(distance, np.random.default_rng(seed))
        assert (made[distance <= 5] == 0).all()
        assert 0.3 < made.max() <= 1.2
        assert np.abs(np.diff(made[distance[:, 0, 0] >= 8], axis=1)).max() < 0.35


def test_a_cube_s_noise_is_small_repeats_and_leaves_what_is_masked_at_0():
    density = np.ones((24, 24, 24), dtype=np.float32)
    density[:8] = 0
    noise_of = CubeNoise()
    spread = []
    for seed in range(30):
        made = noise_of.disturbed(density, np.random.default_rng(seed))
        assert (made[:8] == 0).all()
        assert 0.6 < made[8:].mean() < 1.5
        spread.append(made[8:].std())
    again = CubeNoise().disturbed(density, np.random.default_rng(29))
    np.testing.assert_array_equal(made, again)
    noisy = np.array(spread) > 1e-6
    assert 8 <= noisy.sum() <= 22
    assert np.array(spread)[noisy].min() > 0.02
    assert np.array(spread).max() < 0.35
