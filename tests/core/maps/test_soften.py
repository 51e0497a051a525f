from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.prepare import prepare_map
from cryotools.core.maps.shells import Shells
from cryotools.core.maps.soften import STANDARD, blur_needed, blurred, slope
from cryotools.core.maps.volume import Volume


def noise(b, n=64, seed=0):
    """White noise whose amplitudes fall off by exp(b s²/4)."""
    shells = Shells((n, n, n), (1.0, 1.0, 1.0))
    white = np.random.default_rng(seed).standard_normal((n, n, n)).astype(np.float32)
    return shells.scale(white, np.exp(b * shells.frequency**2 / 4)) * _fading(n)


def _fading(n):
    """1 in the middle of a box and 0 at its faces, as a molecule in solvent."""
    along = np.sin(np.pi * np.arange(n) / (n - 1)).astype(np.float32) ** 2
    return along[:, None, None] * along[:, None] * along


@pytest.mark.slow
@pytest.mark.parametrize("b", [-200, -150, 0, 40])
@pytest.mark.parametrize("resolution", [2.5, 3.5, None])
def test_the_slope_is_that_of_the_amplitudes(b, resolution):
    assert slope(noise(b), resolution, 1.0) == pytest.approx(b, abs=10)


def test_a_blur_brings_sharp_maps_down_to_the_standard_and_leaves_others():
    sharp = noise(-40)
    b = blur_needed(sharp, 3.0, 1.0)
    assert b == pytest.approx(-40 - STANDARD, abs=10)
    assert slope(blurred(sharp, b), 3.0, 1.0) == pytest.approx(STANDARD, abs=10)
    assert blur_needed(noise(-200), 3.0, 1.0) == 0


def test_large_maps_are_measured_around_their_molecule():
    large = np.zeros((64, 64, 300), dtype=np.float32)
    large[:, :, 220:284] = noise(-40) + 3 * _fading(64)
    assert slope(large, 3.0, 1.0) == pytest.approx(slope(large[:, :, 188:], 3.0, 1.0), abs=10)


@pytest.mark.parametrize(("resolution", "voxel"), [(7.0, 1.0), (3.0, 3.0)])
def test_nothing_is_measured_where_no_shells_are(resolution, voxel):
    assert np.isnan(slope(noise(0), resolution, voxel))
    assert blur_needed(noise(0), resolution, voxel) == 0


def test_sharpening_hardly_changes_what_the_network_sees():
    shells = Shells((48, 48, 48), (1.0, 1.0, 1.0))
    random = np.random.default_rng(3)
    data = np.zeros((48, 48, 48), dtype=np.float32)
    data[tuple(random.integers(12, 36, (3, 300)))] = 1
    blurry, sharp = (shells.scale(data, np.exp(b * shells.frequency**2 / 4)) for b in (-140, -60))
    seen = [prepare_map(Volume(one, (1.0, 1.0, 1.0)), 3.0).volume.data for one in (blurry, sharp)]
    assert np.corrcoef(seen[0].ravel(), seen[1].ravel())[0, 1] > 0.97
    assert np.corrcoef(blurry.ravel(), sharp.ravel())[0, 1] < 0.95
