"""Points in cubes against a search of all voxels, under all rotations of a cube."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from cryotools.anchors.learning.points import NEAR, nearest_in_cube, painted, rotated_points
from cryotools.core.maps.rotations import rotate

SIZE = 9


def some_points(count: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, SIZE - 1, (count, 3))


def voxels() -> np.ndarray:
    """All voxels (x, y, z) in the order of a flat index."""
    z, y, x = np.indices((SIZE,) * 3).reshape(3, -1)
    return np.stack([x, y, z], axis=1)


@pytest.mark.parametrize("number", range(24))
def test_points_are_where_rotation_takes_their_voxels(number: int) -> None:
    points = voxels()[np.random.default_rng(number).choice(SIZE**3, 5, replace=False)]
    cube = np.zeros((SIZE,) * 3)
    cube[tuple(points.T[::-1])] = range(1, 6)
    turned = rotate(cube, number)[tuple(rotated_points(points, number, SIZE).T[::-1])]
    assert turned.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("number", range(24))
def test_painted_points_are_painted_where_they_are_rotated_to(number: int) -> None:
    points = some_points()
    there = painted(rotated_points(points, number, SIZE), SIZE, 1.0)
    assert np.allclose(there, rotate(painted(points, SIZE, 1.0), number), atol=1e-6)


def test_the_nearest_point_of_each_voxel_is_found() -> None:
    points = some_points()
    at, which, vector = nearest_in_cube(points, SIZE)
    assert len(np.unique(at)) == len(at)
    assert np.allclose(voxels()[at] + vector, points[which], atol=1e-5)
    distance, nearest = cKDTree(points).query(voxels())
    close = np.flatnonzero(distance <= NEAR - 0.5)
    assert np.isin(close, at).all()
    found = np.isin(at, close)
    assert np.array_equal(which[found], nearest[at[found]])


def test_points_are_gaussians_of_height_1() -> None:
    point = np.array([[4.2, 3.9, 5.1]])
    cube = painted(point, SIZE, 0.9)
    expected = np.exp(-((voxels() - point) ** 2).sum(axis=1) / (2 * 0.9**2)).reshape(cube.shape)
    filled = cube > 0
    assert filled.sum() == (2 * NEAR + 1) ** 3
    assert np.allclose(cube[filled], expected[filled], atol=1e-6)
    assert expected[~filled].max() < 0.05


def test_no_points_leave_an_empty_cube() -> None:
    assert not painted(np.zeros((0, 3)), SIZE, 1.0).any()
    assert not painted(np.array([[-5.0, 3.0, 3.0]]), SIZE, 1.0).any()
