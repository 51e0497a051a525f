from __future__ import annotations

import blob_particles as blobs
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cryotools.heterogeneity.deposits import Deposits
from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.halfspace import half_circle

GRID = HalfGrid(blobs.BOX)
POINTS = slice_frequencies(
    half_circle(blobs.BOX, rim=False) / blobs.BOX, Rotation.random(150, random_state=3).as_matrix()
)


def test_a_volume_comes_back_from_its_spectrum() -> None:
    there = GRID.spectrum(blobs.volume())
    corrected = GRID.volume(there)  # twice: for interpolation and for deposits
    middle = slice(blobs.BOX // 2 - 1, blobs.BOX // 2 + 2)
    np.testing.assert_allclose(corrected[middle, middle, middle], blobs.volume()[middle, middle, middle], rtol=0.02)


def test_slices_of_a_volume_are_its_closed_form() -> None:
    found = GRID.slices(GRID.spectrum(blobs.volume()), POINTS[:10])
    expected = blobs.closed_form(POINTS[:10])
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_trilinear_weights_sum_to_one_and_give_back_the_point() -> None:
    points = POINTS[0]
    index, weight, opposite = GRID.corners(points)
    np.testing.assert_allclose(weight.sum(axis=0), 1, rtol=1e-6)
    z, y, x = np.unravel_index(index, GRID.shape)
    z, y = (np.where(axis >= GRID.size // 2, axis - GRID.size, axis) for axis in (z, y))
    found = (np.stack([x, y, z]) * weight).sum(axis=1).T / GRID.size
    inner = np.abs(points).max(axis=1) < 0.45  # where corners do not wrap around
    np.testing.assert_allclose(found[inner], np.where(opposite[:, None], -points, points)[inner], atol=1e-6)


def test_direct_inversion_of_slices_gives_the_volume() -> None:
    deposits = Deposits.on(GRID)
    ones = np.ones(POINTS.shape[:2], dtype=np.float32)
    deposits.add(blobs.closed_form(POINTS), ones, POINTS)
    found, expected = deposits.volume(1e-3), blobs.volume()
    found += expected.mean() - found.mean()  # frequency 0 is not in the slices
    assert np.linalg.norm(found - expected) < 0.1 * np.linalg.norm(expected)


def test_deposits_of_halves_add_up_to_those_of_all() -> None:
    values = blobs.closed_form(POINTS)
    ctf = np.cos(np.arange(values.size).reshape(values.shape)).astype(np.float32)
    whole, first, second = (Deposits.on(GRID) for _ in range(3))
    whole.add(values, ctf, POINTS)
    first.add(values[::2], ctf[::2], POINTS[::2])
    second.add(values[1::2], ctf[1::2], POINTS[1::2])
    np.testing.assert_allclose((first + second).values, whole.values, atol=1e-4)
    np.testing.assert_allclose((first + second).power, whole.power, rtol=1e-4, atol=1e-6)


def test_frequencies_beyond_nyquist_are_left_out() -> None:
    deposits = Deposits.on(GRID)
    deposits.add(np.ones((1, 2), complex), np.ones((1, 2), np.float32), np.array([[[0.6, 0, 0], [0, 0.1, 0]]]))
    assert deposits.power.sum() == pytest.approx(1)


def test_noise_damps_points_with_few_images_more_than_others() -> None:
    deposits = Deposits.on(GRID)
    along, across = [0.25, 0.0, 0.0], [0.0, 0.25, 0.0]
    points = np.array([[along] * 9 + [across]])
    deposits.add(np.ones((1, 10), complex), np.ones((1, 10), np.float32), points)
    clean, damped = deposits.spectrum(0.0), deposits.spectrum(1.0)
    at = GRID.size // 4
    assert clean[0, 0, at] == pytest.approx(1)
    assert clean[0, at, 0] == pytest.approx(1)
    assert abs(damped[0, 0, at]) > abs(damped[0, at, 0])
