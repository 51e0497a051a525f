"""Slices of several volumes at once are those of each by itself, and sums over images invert them."""

from __future__ import annotations

import numpy as np
import pytest
import subspace_images as known
from scipy.spatial.transform import Rotation

from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.linear.slices import SliceGrid
from cryotools.heterogeneity.linear.sums import NormalSums
from cryotools.heterogeneity.network import half_circle

BOX = known.BOX
VOLUMES = np.stack([known.MEAN, *known.COMPONENTS])


def points(n: int, radius: float) -> np.ndarray:
    """Frequencies (n, m, 3) of central slices, in steps, within a radius."""
    frequencies = half_circle(BOX)
    inside = frequencies[np.hypot(*frequencies.T) < radius].astype(np.float32)
    return slice_frequencies(inside, Rotation.random(n, random_state=0).as_matrix().astype(np.float32))


@pytest.mark.parametrize("radius", [5.0, BOX / 2])
def test_slices_of_several_volumes_are_those_of_each(radius: float) -> None:
    grid, where = SliceGrid(BOX, radius), points(3, radius)
    corners = grid.corners(where.reshape(-1, 3))
    found = grid.slices(grid.table(VOLUMES), corners).numpy().reshape(-1, 2, len(VOLUMES))
    for number, volume in enumerate(VOLUMES):
        expected = grid.grid.slices(grid.grid.spectrum(volume), where / BOX).ravel()
        expected = np.where(corners.opposite, expected.conj(), expected)
        assert np.allclose(found[:, 0, number] + 1j * found[:, 1, number], expected, atol=1e-3)


def test_volumes_are_solved_from_slices_with_known_z() -> None:
    n, grid = 400, SliceGrid(BOX, BOX / 2)
    where = points(n, BOX / 2)
    latent = np.concatenate([np.ones((n, 1)), np.random.default_rng(1).normal(size=(n, 2))], axis=1)
    corners = grid.corners(where.reshape(-1, 3))
    slices = grid.slices(grid.table(VOLUMES), corners).numpy().reshape(n, -1, 2, len(VOLUMES))
    values = np.einsum("nmck,nk->nmc", slices, latent)
    sums = NormalSums(grid, len(VOLUMES))
    ctf = np.ones(where.shape[:2], dtype=np.float32)
    sums.add(corners, values[..., 0] + 1j * values[..., 1], ctf, latent, latent[:, :, None] * latent[:, None])
    found, left = sums.solve(np.zeros((len(VOLUMES), BOX // 2)))
    assert left.shape == (len(VOLUMES), BOX // 2)
    for each, volume in zip(found, VOLUMES, strict=True):
        assert np.corrcoef(each.ravel(), volume.ravel())[0, 1] > 0.99
        assert np.vdot(each, volume) / np.vdot(volume, volume) == pytest.approx(1, abs=0.03)
