"""Targets painted into cubes, at known places and under all rotations."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.anchors.learning.points import nearest_in_cube, painted, rotated_points
from cryotools.core.maps.rotations import rotate

SIZE = 12


@pytest.mark.parametrize("number", range(24))
def test_points_rotate_as_their_cube_does(number: int) -> None:
    points = np.array([[3.0, 7.0, 5.0], [9.0, 2.0, 10.0]])  # x, y, z
    cube = painted(points, SIZE, 1.0)
    turned = rotate(cube, number)
    assert np.allclose(turned, painted(rotated_points(points, number, SIZE), SIZE, 1.0), atol=1e-6)


def test_a_painted_point_is_a_gaussian() -> None:
    cube = painted(np.array([[4.25, 6.0, 5.5]]), SIZE, 0.9)
    assert cube[5, 6, 4] == pytest.approx(np.exp(-(0.25**2 + 0.5**2) / (2 * 0.81)))
    assert cube[0, 0, 0] == 0


def test_voxels_belong_to_their_nearest_point() -> None:
    points = np.array([[4.0, 5.0, 5.0], [6.4, 5.0, 5.0], [50.0, 5.0, 5.0]])
    at, which, vector = nearest_in_cube(points, SIZE)
    z, y, x = np.unravel_index(at, (SIZE,) * 3)
    voxels = np.stack([x, y, z], axis=1)
    apart = np.linalg.norm(voxels[:, None] - points, axis=2)
    near = np.abs(voxels[:, None] - np.rint(points)).max(axis=2) <= 2  # only these reach a voxel
    assert np.array_equal(which, np.where(near, apart, np.inf).argmin(axis=1))
    assert np.allclose(voxels + vector, points[which])


def test_without_points_nothing_is_painted() -> None:
    assert not painted(np.zeros((0, 3)), SIZE, 1.0).any()
