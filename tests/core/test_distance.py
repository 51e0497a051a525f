from __future__ import annotations

import numpy as np

from cryotools.core.distance import distance_to_points
from cryotools.core.volume import Grid


def test_distances_are_those_to_the_nearest_point_to_half_a_diagonal():
    grid = Grid((12, 14, 16), (1.0, 1.5, 0.8), (-3.0, 2.0, 5.0))
    points = grid.index_to_world(np.random.default_rng(0).uniform(0, 11, (7, 3)))
    places = grid.index_to_world(np.argwhere(np.ones(grid.shape))[:, ::-1])
    exact = np.linalg.norm(places[:, None] - points, axis=-1).min(axis=1)
    half_diagonal = 0.5 * np.linalg.norm(grid.voxel_size)
    assert np.abs(distance_to_points(grid, points).ravel() - exact).max() <= half_diagonal + 1e-5


def test_points_outside_do_not_count():
    grid = Grid((4, 4, 4), (1.0, 1.0, 1.0))
    assert np.isinf(distance_to_points(grid, np.array([[9.0, 0, 0]]))).all()
    both = distance_to_points(grid, np.array([[9.0, 0, 0], [0.0, 0, 0]]))
    assert both[0, 0, 3] == 3
