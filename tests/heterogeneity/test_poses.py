from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from cryotools.core.errors import DataError
from cryotools.heterogeneity.poses import (
    Poses,
    euler_to_rotations,
    rotation_vectors_to_rotations,
    rotations_to_euler,
)

ANGLES = np.random.default_rng(0).uniform([-180, 0, -180], [180, 180, 180], size=(20, 3))


def test_euler_matrices_are_those_of_a_second_library() -> None:
    expected = Rotation.from_euler("ZYZ", ANGLES, degrees=True).as_matrix().swapaxes(1, 2)
    np.testing.assert_allclose(euler_to_rotations(ANGLES), expected, atol=1e-12)


def test_rot_turns_the_volume_tilt_inclines_it_and_psi_turns_the_image() -> None:
    quarter = euler_to_rotations(np.array([[90.0, 0, 0], [0, 90.0, 0], [0, 0, 90.0]]))
    x, y, z = np.eye(3)
    np.testing.assert_allclose(quarter[0] @ y, x, atol=1e-12)
    np.testing.assert_allclose(quarter[1] @ x, z, atol=1e-12)
    np.testing.assert_allclose(quarter[2] @ y, x, atol=1e-12)


def test_euler_angles_survive_a_round_trip() -> None:
    np.testing.assert_allclose(rotations_to_euler(euler_to_rotations(ANGLES)), ANGLES, atol=1e-9)


@pytest.mark.parametrize("tilt", [0.0, 180.0])
def test_views_along_the_axis_have_angles_that_give_the_same_rotation(tilt: float) -> None:
    rotations = euler_to_rotations(np.array([[40.0, tilt, 25.0], [-170.0, tilt, 60.0]]))
    angles = rotations_to_euler(rotations)
    np.testing.assert_allclose(angles[:, :2], [[0, tilt], [0, tilt]], atol=1e-9)
    np.testing.assert_allclose(euler_to_rotations(angles), rotations, atol=1e-9)


def test_a_rotation_vector_is_the_transposed_exponential_of_its_cross_product() -> None:
    vectors = np.random.default_rng(1).normal(size=(5, 3))
    for (x, y, z), rotation in zip(vectors, rotation_vectors_to_rotations(vectors), strict=True):
        np.testing.assert_allclose(rotation, expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])).T, atol=1e-12)


def test_rotation_vectors_survive_a_round_trip() -> None:
    vectors = np.array([[0.3, -1.0, 0.2], [0.0, 0.0, 0.0], [2.0, 1.0, 1.0]])
    poses = Poses.from_rotation_vectors(vectors, np.zeros((3, 2)))
    np.testing.assert_allclose(poses.rotation_vectors(), vectors, atol=1e-12)


def test_poses_are_selected_together() -> None:
    poses = Poses.from_euler(ANGLES, np.arange(40.0).reshape(20, 2) / 40)
    part = poses[np.array([7, 3])]
    assert len(part) == 2
    np.testing.assert_array_equal(part.rotations, poses.rotations[[7, 3]])
    np.testing.assert_array_equal(part.shifts, poses.shifts[[7, 3]])
    np.testing.assert_allclose(part.euler(), ANGLES[[7, 3]], atol=1e-9)


def test_no_poses_are_poses() -> None:
    none = Poses.from_euler(np.zeros((0, 3)), np.zeros((0, 2)))
    assert len(none) == 0
    assert none.euler().shape == (0, 3)
    assert none.rotation_vectors().shape == (0, 3)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.diag([1.0, 1.0, -1.0]), 2 * np.eye(3), np.full((3, 3), np.nan)])
def test_what_is_not_a_rotation_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match="particle 2 is not a rotation"):
        Poses(np.stack([np.eye(3), wrong]), np.zeros((2, 2)))


def test_a_shift_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(DataError, match="shift of particle 1"):
        Poses(np.eye(3)[None], np.array([[np.nan, 0.0]]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="rotations"):
        Poses(np.eye(3), np.zeros((1, 2)))
