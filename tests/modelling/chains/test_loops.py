from __future__ import annotations

import itertools

import numpy as np
import pytest

from cryotools.modelling.chains.loops import find_loop, respaced

PATH = np.array([[8, 10, 10], [11.8, 10, 10], [15, 12, 10], [17, 15.2, 10], [17, 19, 10], [17, 22.8, 10]], dtype=float)


@pytest.fixture
def tube():
    """Backbone probability along PATH."""
    grid = np.stack(np.meshgrid(*(np.arange(30.0),) * 3, indexing="ij"), axis=-1)[..., ::-1]
    line = np.concatenate([a + np.linspace(0, 1, 20)[:, None] * (b - a) for a, b in itertools.pairwise(PATH)])
    apart = np.min([np.linalg.norm(grid - point, axis=-1) for point in line], axis=0)
    return np.exp(-(apart**2) / 2).astype(np.float32)


def test_a_loop_follows_the_density(tube):
    loop = find_loop((PATH[1], PATH[4]), (PATH[0], PATH[5]), 2, tube, np.zeros((0, 3)))
    assert loop is not None
    assert np.linalg.norm(loop.ca - PATH[2:4], axis=1).max() < 1.2
    steps = np.linalg.norm(np.diff(np.concatenate([PATH[1:2], loop.ca, PATH[4:5]]), axis=0), axis=1)
    assert np.all(np.abs(steps - 3.8) < 1.1)


def test_where_there_is_no_density_there_is_no_loop(tube):
    assert find_loop((PATH[1], PATH[4]), (PATH[0], PATH[5]), 2, np.zeros_like(tube), np.zeros((0, 3))) is None


def test_ends_too_far_apart_are_not_joined(tube):
    assert (
        find_loop((PATH[1], PATH[5] + [0, 20, 0]), (PATH[0], PATH[5] + [0, 24, 0]), 1, tube, np.zeros((0, 3))) is None
    )


def test_points_are_spread_evenly():
    line = np.array([[0.0, 0, 0], [10, 0, 0], [10, 10, 0]])
    np.testing.assert_allclose(respaced(line, 3), [[5, 0, 0], [10, 0, 0], [10, 5, 0]])
