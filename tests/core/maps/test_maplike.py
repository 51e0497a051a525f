from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import UsageError
from cryotools.core.maps.maplike import as_grid, as_volume
from cryotools.core.maps.mapwrite import write_map
from cryotools.core.maps.volume import Volume


@pytest.fixture
def volume():
    values = np.arange(120, dtype=np.float32).reshape(4, 5, 6)
    return Volume(values, (1.0, 1.0, 1.0), (3.25, -2.5, 7.25))


@pytest.fixture
def path(volume, tmp_path):
    write_map(tmp_path / "map.mrc", volume, label="test")
    return tmp_path / "map.mrc"


def test_a_volume_is_taken_as_it_is_and_a_file_is_read(volume, path):
    assert as_volume(volume) is volume
    assert as_volume(path) == as_volume(str(path)) == volume
    assert as_grid(path) == as_grid(volume) == as_grid(volume.grid) == volume.grid


@pytest.mark.parametrize(("given", "size"), [(2, (2.0, 2.0, 2.0)), ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))])
def test_a_voxel_size_replaces_that_of_a_volume_and_of_a_file(volume, path, given, size):
    for source in (volume, path):
        assert as_volume(source, given).voxel_size == size
        assert np.array_equal(as_volume(source, given).data, volume.data)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int16])
def test_an_array_is_copied_and_stays_writable(volume, kind):
    array = volume.data.astype(kind)
    made = as_volume(array, 1.5)
    array[0, 0, 0] = 99
    assert np.array_equal(made.data, volume.data)
    assert (made.voxel_size, made.origin) == ((1.5, 1.5, 1.5), (0.0, 0.0, 0.0))


@pytest.mark.parametrize("size", [0, -1.0, float("nan"), (1.0, 1.0, float("inf"))])
def test_a_voxel_size_that_is_none_is_refused(volume, size):
    with pytest.raises(UsageError, match="voxel size"):
        as_volume(volume, size)
