"""Checks of maps, on a real one and on noise."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.maps.check import check_values, check_voxels
from cryotools.core.maps.levels import find_levels
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.volume import Volume

REAL = Path(__file__).parents[2] / "data" / "emd_3488_crop.mrc.gz"


def noise(smoothing: float, n: int = 64, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(n,) * 3)
    return (gaussian_filter(values, smoothing) if smoothing else values).astype(np.float32)


def volume(data: np.ndarray) -> Volume:
    return Volume(data, (1.0, 1.0, 1.0))


def blob() -> np.ndarray:
    data = np.zeros((48, 48, 48), dtype=np.float32)
    data[10:34, 12:30, 14:36] = 1 + 0.3 * noise(1, 48)[10:34, 12:30, 14:36]
    return data


@pytest.mark.parametrize("factor", [1.0, 1e-4, 300.0])
def test_a_real_map_passes_and_its_negative_is_told(factor):
    real = read_map(REAL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check_values(real.with_data(factor * real.data + 3 * factor))
    assert found.strength == pytest.approx(factor * find_levels(real).strength, rel=0.05)
    with pytest.warns(CryotoolsWarning, match="inverted.*`invert=True`"):
        check_values(real.with_data(-factor * real.data))


def test_a_masked_map_passes_and_its_negative_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_values(volume(blob()))
    with pytest.raises(DataError, match="`invert=True`"):
        check_values(volume(-blob()))


@pytest.mark.parametrize("smoothing", [0, 1, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_noise_is_told(smoothing, seed):
    with pytest.warns(CryotoolsWarning, match="looks like noise"):
        check_values(volume(noise(smoothing, seed=seed)))


def test_noise_that_rises_among_solvent_is_no_molecule():
    data = noise(1)
    z, y, x = np.indices(data.shape) - 32
    data[z**2 + y**2 + x**2 > 26**2] = 0
    with pytest.warns(CryotoolsWarning, match="looks like noise"):
        check_values(volume(data))


def test_a_constant_map_has_its_own_message():
    with pytest.raises(DataError, match="constant"):
        check_values(volume(np.ones((20, 20, 20), dtype=np.float32)))


def test_voxels_that_are_no_cubes_are_told():
    data = np.zeros((8, 8, 8), dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_voxels(Volume(data, (1.06, 1.061, 1.06)))
    with pytest.warns(CryotoolsWarning, match="1 x 1 x 1.3 A.*`voxel_size`"):
        check_voxels(Volume(data, (1.0, 1.0, 1.3)))
