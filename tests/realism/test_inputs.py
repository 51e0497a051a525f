from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.errors import DataError
from cryotools.core.maps.resample import grid_at_spacing, resample
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import WATER
from cryotools.core.structures.structurefile import read_structure
from cryotools.realism.inputs import mask_map
from cryotools.simulate.classical.formulas import MapOptions, molmap_density
from cryotools.simulate.layout import grid_around


@pytest.fixture(scope="module")
def volume(trypsin):
    structure = read_structure(trypsin)
    structure = structure[structure.kind != WATER]
    grid = grid_around(structure, 1.0, 4.0)
    return Volume.on(grid, molmap_density(structure, grid, MapOptions(4.0)))


def test_the_scale_and_the_offset_of_the_values_do_not_matter(volume):
    plain, other = mask_map(volume), mask_map(volume.with_data(37 * volume.data + 5))
    assert np.array_equal(plain.structured, other.structured)
    assert np.allclose(plain.volume.data, other.volume.data, atol=1e-3)
    assert plain.volume.data[plain.structured].mean() == pytest.approx(1, abs=0.01)


def test_a_mask_does_not_matter(volume):
    noise = np.random.default_rng(0).standard_normal(volume.data.shape, dtype=np.float32)
    full = volume.with_data(volume.data + 0.02 * volume.data.max() * noise)
    masked = full.with_data(np.where(volume.data > 0.05 * volume.data.max(), full.data, 0))
    one, two = mask_map(full), mask_map(masked)
    overlap = (one.structured & two.structured).sum() / (one.structured | two.structured).sum()
    assert overlap > 0.95
    both = one.structured & two.structured
    assert np.corrcoef(one.volume.data[both], two.volume.data[both])[0, 1] > 0.99


@pytest.mark.slow
def test_the_size_of_the_box_does_not_matter(volume):
    noise = np.random.default_rng(0).standard_normal(np.add(volume.data.shape, 80), dtype=np.float32)
    padded = volume.pad((40, 40, 40), (40, 40, 40))
    wide = padded.with_data(padded.data + 0.05 * volume.data.max() * noise)
    narrow = wide.crop((40, 40, 40), volume.data.shape)
    one, two = mask_map(narrow), mask_map(wide)
    assert two.contour == pytest.approx(one.contour, rel=0.1)
    assert two.structured.sum() == pytest.approx(one.structured.sum(), rel=0.1)


def test_the_voxel_size_does_not_matter(volume):
    fine = resample(volume, grid_at_spacing(volume.grid, 0.8))
    one, two = mask_map(volume), mask_map(fine)
    assert two.volume.voxel_size == (1.0, 1.0, 1.0)
    assert two.structured.sum() == pytest.approx(one.structured.sum(), rel=0.02)


def test_background_and_small_islands_are_not_judged(volume):
    data = volume.data.copy()
    data[1, 1, 1] = data.max()
    prepared = mask_map(volume.with_data(data))
    assert not prepared.structured[:3, :3, :3].any()
    assert prepared.volume.data[0, 0, 0] == 0


@pytest.mark.parametrize(
    ("change", "contour", "words"),
    [
        (lambda data: np.ones_like(data), None, "constant"),
        (lambda data: data, 1e9, "lower `contour`"),
        (lambda data: data, -1e9, "raise `contour`"),
    ],
)
def test_what_cannot_be_judged_is_refused(volume, change, contour, words):
    with pytest.raises(DataError, match=words):
        mask_map(volume.with_data(change(volume.data)), contour)
