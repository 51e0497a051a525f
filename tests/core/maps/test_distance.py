"""Distances from atoms, against a direct computation over all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.distance import distance_to_points, fade, near_points, nearest_points
from cryotools.core.maps.volume import Grid

GRIDS = {
    "cubic": Grid((12, 14, 16), (1.0, 1.0, 1.0), (-3.0, 2.0, 5.0)),
    "another step along each axis": Grid((12, 14, 16), (1.0, 1.5, 0.8), (-3.0, 2.0, 5.0)),
    "voxels larger than the radius": Grid((4, 5, 6), (6.0, 7.0, 5.0)),
    "fine voxels": Grid((20, 22, 24), (0.31, 0.29, 0.3), (0.1, 0.2, 0.3)),
}


def points_around(grid: Grid, count: int = 12) -> np.ndarray:
    """Positions in the box of `grid` and up to a third of it beyond, not on voxels."""
    size = np.array(grid.shape[::-1])
    return grid.index_to_world(np.random.default_rng(3).uniform(-size / 3, 4 * size / 3, (count, 3)))


def direct(grid: Grid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance (nz, ny, nx) to the nearest point, and its number."""
    places = grid.index_to_world(np.argwhere(np.ones(grid.shape))[:, ::-1])
    apart = np.linalg.norm(places[:, None] - points, axis=-1)
    return apart.min(axis=1).reshape(grid.shape), apart.argmin(axis=1).reshape(grid.shape)


@pytest.mark.parametrize("radius", [0.2, 1.0, 3.0, 7.0])
@pytest.mark.parametrize("name", GRIDS)
def test_near_is_what_lies_within_the_radius_of_a_point_inside_the_grid_or_not(name, radius):
    grid = GRIDS[name]
    points = points_around(grid)
    assert np.array_equal(near_points(grid, points, radius), direct(grid, points)[0] <= radius)


@pytest.mark.parametrize("name", GRIDS)
def test_distances_are_those_to_the_nearest_point_and_infinite_beyond_the_reach(name):
    grid = GRIDS[name]
    points = points_around(grid)
    exact = direct(grid, points)[0]
    exact[exact > 4.0] = np.inf
    np.testing.assert_allclose(distance_to_points(grid, points, 4.0), exact, rtol=1e-6)


def test_each_voxel_of_a_mask_knows_its_nearest_point():
    grid = GRIDS["cubic"]
    points = points_around(grid)
    where = np.random.default_rng(0).random(grid.shape) < 0.3
    away, which = nearest_points(grid, where, points)
    exact, owner = direct(grid, points)
    np.testing.assert_allclose(away, exact[where], rtol=1e-6)
    assert np.array_equal(which, owner[where])


def test_a_ball_of_3_angstroms_has_its_volume_wherever_its_centre_lies():
    grid = Grid((50, 50, 50), (0.2, 0.2, 0.2))
    centres = np.random.default_rng(1).uniform(4, 5.8, (5, 3))
    volumes = [near_points(grid, centre[None], 3.0).sum() * 0.2**3 for centre in centres]
    np.testing.assert_allclose(volumes, 4 / 3 * np.pi * 3.0**3, rtol=0.01)


def test_what_fades_is_1_to_where_it_begins_one_half_midway_and_0_where_it_ends():
    grid = Grid((1, 1, 41), (0.25, 1.0, 1.0))
    line = fade(grid, np.zeros((1, 3)), 4.0, 7.0)[0, 0]
    at = grid.axis(0)
    assert (line[at <= 4] == 1).all()
    assert line[at == 5.5] == pytest.approx(0.5)
    assert (line[at >= 7] < 1e-7).all()
    np.testing.assert_allclose(
        line[(at > 4) & (at < 7)], [0.5 + 0.5 * np.cos(np.pi * k / 12) for k in range(1, 12)], atol=1e-6
    )


def test_far_from_every_point_and_without_points_nothing_is_near():
    grid = GRIDS["cubic"]
    for points in (np.array([[500.0, 0, 0]]), np.empty((0, 3))):
        assert not near_points(grid, points, 3.0).any()
        assert np.isinf(distance_to_points(grid, points, 3.0)).all()
        assert not fade(grid, points, 3.0, 6.0).any()
