from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.mapfile import read_map
from cryotools.core.maps.prepare import PREPARED_RANGE, prepare_map, stands_out
from cryotools.core.maps.resample import grid_at_spacing, resample
from cryotools.core.maps.volume import Volume

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def volume() -> Volume:
    """A crop of EMD-3488, haemoglobin at 3.2 Å."""
    return read_map(DATA / "emd_3488_crop.mrc.gz")


def test_every_map_comes_on_1_angstrom_from_its_own_origin(volume):
    prepared = prepare_map(volume).volume
    assert prepared.voxel_size == (1.0, 1.0, 1.0)
    assert prepared.origin == volume.origin
    assert np.all(np.abs(np.subtract(prepared.grid.size, volume.grid.size)) < 1.5)
    assert PREPARED_RANGE[0] <= prepared.data.min() < prepared.data.max() <= PREPARED_RANGE[1]


def test_the_scale_and_the_offset_of_the_values_do_not_matter(volume):
    moved = volume.with_data(37 * volume.data + 5)
    assert np.allclose(prepare_map(volume).volume.data, prepare_map(moved).volume.data, atol=2e-3)


def test_the_box_does_not_matter(volume):
    """A box of as much again on each side, of solvent's level: the map's own part stays as it is, but for the
    resampling of its faces.
    """
    plain = prepare_map(volume)
    wide = prepare_map(volume.pad((30, 20, 40), (10, 50, 30), plain.levels.background))
    start = np.rint(wide.volume.world_to_index(np.array(plain.volume.origin))[::-1]).astype(int)
    apart = wide.volume.world_to_index(np.array(plain.volume.origin))[::-1] - start
    inner = Volume.on(plain.volume.grid, resample(wide.volume, plain.volume.grid).data)
    assert np.abs(apart).max() <= 0.5
    middle = (slice(4, -4),) * 3
    assert np.corrcoef(plain.volume.data[middle].ravel(), inner.data[middle].ravel())[0, 1] > 0.99
    assert inner.data.std() == pytest.approx(plain.volume.data.std(), rel=0.1)


def test_a_mask_does_not_matter_inside_and_is_0_outside():
    random = np.random.default_rng(0)
    z, y, x = np.meshgrid(*[np.arange(48.0) - 24] * 3, indexing="ij")
    radius = np.sqrt(x * x + y * y + z * z)
    molecule = np.exp(-((radius / 10) ** 4)) * (1 + np.sin(x) * np.sin(y) * np.sin(z))
    whole = Volume(molecule + 0.02 * random.normal(size=radius.shape), (1.2, 1.2, 1.2))
    masked = whole.with_data(np.where(radius < 16, whole.data, 0))
    one, two = prepare_map(whole).volume, prepare_map(masked).volume
    assert np.mean(two.data == 0) > 0.7
    inside = np.abs(one.data) > 0.3
    assert np.allclose(one.data[inside], two.data[inside], atol=0.06)
    corner = two.data[:8, :8, :8]
    assert not corner.any()


def test_the_voxel_size_does_not_matter(volume):
    """Both hold the same map: the coarser was made from the finer."""
    fine = resample(volume, grid_at_spacing(volume.grid, 0.7))
    one, two = prepare_map(volume).volume.data, prepare_map(fine).volume.data
    overlap = tuple(slice(2, min(a, b) - 2) for a, b in zip(one.shape, two.shape, strict=True))
    assert np.corrcoef(one[overlap].ravel(), two[overlap].ravel())[0, 1] > 0.99
    assert two[overlap].std() == pytest.approx(one[overlap].std(), rel=0.05)


def test_voxels_need_not_be_cubes():
    data = np.random.default_rng(0).random((20, 15, 10))
    prepared = prepare_map(Volume(data, (2.0, 1.0, 0.5), (7.0, 8.0, 9.0)))
    assert prepared.volume.data.shape == (10, 15, 19)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.ones((12, 12, 12)), "constant"),
        (np.random.default_rng(0).random((1, 40, 40)), "measures 40 x 40 x 1 A"),
        (np.random.default_rng(0).random((3, 3, 3)), "6 A along each axis"),
    ],
)
def test_what_shows_nothing_is_refused(data, words):
    with pytest.raises(DataError, match=words):
        prepare_map(Volume(data, (1.0, 1.0, 1.0)))


def test_a_map_that_would_fill_the_memory_is_refused():
    with pytest.raises(DataError, match="GiB"):
        prepare_map(Volume(np.random.default_rng(0).random((8, 8, 8)), (1e4, 1e4, 1e4)))


def test_what_stands_out_holds_the_whole_molecule(volume):
    density = prepare_map(volume).volume.data
    wide = np.pad(density, 40)
    there = stands_out(wide)
    assert there[wide > 0.5].mean() > 0.99
    assert not there[:20].any()
    assert not stands_out(np.zeros((20, 21, 5), dtype=np.float32)).any()
