from __future__ import annotations

import numpy as np
import pytest

from cryotools.core.maps.rotations import ROTATIONS, cut, rotate, start_around


def test_there_are_24_different_rotations_and_no_mirror():
    cube = np.arange(27).reshape(3, 3, 3)
    turned = {rotate(cube, number).tobytes() for number in range(24)}
    assert len(ROTATIONS) == len(turned) == 24
    mirrored = cube[::-1].copy()
    assert mirrored.tobytes() not in turned


def test_the_first_rotation_changes_nothing_and_channels_stay_where_they_are():
    cube = np.random.default_rng(0).random((2, 4, 4, 4))
    assert np.array_equal(rotate(cube, 0), cube)
    for number in range(24):
        assert np.array_equal(rotate(cube, number)[1], rotate(cube[1], number))


@pytest.mark.parametrize("start", [(0, 0, 0), (-2, 1, 3), (4, 5, 6), (50, 0, 0)])
def test_a_cube_is_cut_with_zeros_beyond_the_volume(start):
    volume = np.random.default_rng(1).random((7, 8, 9)) + 1
    padded = np.pad(volume, 60)
    low = np.array(start) + 60
    expected = padded[tuple(slice(s, s + 5) for s in low)]
    assert np.array_equal(cut(volume, np.array(start), 5), expected)


def test_cubes_hold_the_voxel_they_are_drawn_around():
    random = np.random.default_rng(2)
    for _ in range(200):
        start = start_around(random, np.array([[20, 30, 40]]), 16)
        assert np.all(np.array([20, 30, 40]) - start >= 3)
        assert np.all(np.array([20, 30, 40]) - start <= 13)
