from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume
from cryotools.modelling.masking import inside, mirrored


@pytest.fixture
def volume():
    values = np.zeros((12, 12, 12), dtype=np.float32)
    values[3:9, 3:9, 3:9] = np.random.default_rng(0).uniform(1, 2, (6, 6, 6))
    return Volume(values, (1.0, 1.0, 1.0), (2.0, 3.0, 4.0))


def test_outside_a_mask_is_background(volume):
    mask = np.zeros((12, 12, 12), dtype=np.float32)
    mask[:, :, :6] = 1
    kept = inside(volume, Volume(mask, volume.voxel_size, volume.origin))
    np.testing.assert_array_equal(kept.data[:, :, :6], volume.data[:, :, :6])
    assert not kept.data[:, :, 6:].any()
    assert kept.grid == volume.grid


@pytest.mark.parametrize(("origin", "value"), [((0.0, 0.0, 0.0), 1.0), ((2.0, 3.0, 4.0), 0.2)])
def test_masks_that_cannot_be_used_are_refused(volume, origin, value):
    with pytest.raises(DataError, match="another grid" if not any(origin) else "nowhere above"):
        inside(volume, Volume(np.full((12, 12, 12), value, dtype=np.float32), (1.0, 1.0, 1.0), origin))


def test_a_mirror_image_twice_is_the_map(volume):
    assert mirrored(volume) != volume
    assert mirrored(mirrored(volume)) == volume
    assert mirrored(volume).sample(np.array([[5.0, 8.0, 9.0]])) == volume.sample(np.array([[10.0, 8.0, 9.0]]))
