"""Frames and cubes against a map whose density is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools.anchors.frames import CUBE, FORWARD, STEP, backwards, cubes, frames


def test_frames_are_right_handed_and_point_along_the_chain_and_towards_the_side_chain() -> None:
    random = np.random.default_rng(0)
    before, here, after = random.normal(0, 3, (3, 50, 3))
    axes = frames(before, here, after)
    assert np.allclose(np.einsum("nij,nkj->nik", axes, axes), np.eye(3), atol=1e-9)
    assert np.allclose(np.linalg.det(axes), 1)
    assert np.all(np.einsum("nj,nj->n", axes[:, 0], after - before) > 0)
    assert np.all(np.einsum("nj,nj->n", axes[:, 1], here - (before + after) / 2) > 0)


def test_frames_turn_with_the_chain() -> None:
    random = np.random.default_rng(1)
    places, turn = random.normal(0, 3, (3, 20, 3)), Rotation.random(random_state=2).as_matrix()
    assert np.allclose(frames(*(places @ turn.T)), frames(*places) @ turn.T)


def test_a_straight_chain_still_has_a_frame() -> None:
    axes = frames(*(np.array([[x, 0.0, 0.0]]) for x in (-3.8, 0, 3.8)))
    assert np.allclose(axes[0] @ axes[0].T, np.eye(3))
    assert np.allclose(axes[0, 0], [1, 0, 0])


def test_backwards_is_the_frame_of_the_reversed_chain() -> None:
    before, here, after = np.random.default_rng(3).normal(0, 3, (3, 9, 3))
    assert np.allclose(backwards(frames(before, here, after)), frames(after, here, before))


@pytest.mark.parametrize("axis", range(3))
def test_cubes_sample_along_the_axes_of_the_frame(axis: int) -> None:
    turn = Rotation.random(random_state=4).as_matrix()  # rows: the frame's axes
    centre = np.array([20.0, 21.0, 19.0])
    z, y, x = np.mgrid[:40, :40, :40].astype(float)
    ramp = (np.stack([x, y, z], axis=-1) - centre) @ turn[axis]
    cube = cubes(ramp.astype(np.float32), centre[None], turn[None])[0, 0]
    steps = STEP * (np.arange(CUBE) - (CUBE - 1) / 2) + (FORWARD if axis == 1 else 0)
    shape = [1, 1, 1]
    shape[2 - axis] = CUBE  # the last axis of the array runs along the chain
    assert np.allclose(cube, np.broadcast_to(steps.reshape(shape), cube.shape), atol=1e-4)


def test_density_outside_the_map_is_0() -> None:
    cube = cubes(np.ones((8, 8, 8), dtype=np.float32), np.zeros((1, 3)), np.eye(3)[None])
    assert cube.min() == 0
    assert cube.max() == 1
