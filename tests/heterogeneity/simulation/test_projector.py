from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools.heterogeneity.fourier import VOLUME, slice_frequencies, spectrum_of
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.halfspace import half_circle
from cryotools.heterogeneity.simulation.projector import Projector

BOX = 16
VOLUME_16 = np.random.default_rng(0).normal(size=(BOX,) * 3).astype(np.float32)


def direct(volume: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The transform at any frequencies, as a sum over voxels."""
    z, y, x = np.indices(volume.shape).reshape(3, -1) - BOX // 2
    return np.exp(-2j * np.pi * points @ np.stack([x, y, z])) @ volume.ravel()


@pytest.fixture(scope="module")
def points():
    rotations = Rotation.random(5, random_state=1).as_matrix()
    return slice_frequencies(half_circle(BOX, rim=False) / BOX, rotations).astype(np.float32)


def test_slices_are_the_transform_summed_directly(points):
    projector = Projector(BOX)
    found, exact = projector.slices(projector.spectrum(VOLUME_16), points), direct(VOLUME_16, points)
    assert np.abs(found - exact).max() < 3e-3 * np.abs(exact).max()
    trilinear = HalfGrid(BOX).slices(HalfGrid(BOX).spectrum(VOLUME_16), points)
    assert np.linalg.norm(found - exact) < np.linalg.norm(trilinear - exact) / 20


def test_at_whole_frequencies_they_are_the_discrete_transform():
    whole = np.array([[0, 0, 0], [1, 2, -3], [-1, 2, -3], [7, 0, 1], [0, -7, 0], [-7, -1, 0]])
    projector = Projector(BOX)
    found = projector.slices(projector.spectrum(VOLUME_16), whole / BOX)
    x, y, z = (whole + BOX // 2).T
    assert found == pytest.approx(spectrum_of(VOLUME_16, VOLUME)[z, y, x], abs=0.3)  # of values of size 64


def test_the_spectrum_has_the_shape_that_is_told():
    assert Projector(BOX).spectrum(VOLUME_16).shape == Projector(BOX).shape
