"""Noisy projections of volumes of a known subspace: a blob, another that comes and goes, and one that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from half_images import image_of_half
from scipy.spatial.transform import Rotation

from cryotools.heterogeneity.fourier import slice_frequencies
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.learning.dataset import HalfImages, ImageSource, half_images
from cryotools.heterogeneity.network import half_circle

BOX = 16


def blob(x: float, y: float, z: float) -> np.ndarray:
    """A Gaussian (D, D, D) with a standard deviation of 1.5 voxels, its place in voxels from the centre."""
    grid = np.mgrid[:BOX, :BOX, :BOX] - BOX // 2
    square = (grid[0] - z) ** 2 + (grid[1] - y) ** 2 + (grid[2] - x) ** 2
    return np.exp(-square / 4.5).astype(np.float32)


MEAN = 2 * blob(0, 0, 0) + blob(3, 1, 0)
COMPONENTS = np.stack([0.6 * blob(-2, 3, 1), 0.4 * (blob(0, -3, -2) - blob(1, -3, 1))])


@dataclass(frozen=True)
class KnownImages:
    """Images with the `latent` (n, 2) and `scale` (n,) that they were made with."""

    images: HalfImages
    latent: np.ndarray
    scale: np.ndarray


def known_images(n: int = 600, *, noise: float = 1.0, spread: float = 0.0) -> KnownImages:
    """Images with white noise of this standard deviation, and the CTF cos(20 k²)."""
    random = np.random.default_rng(0)
    rotations = Rotation.random(n, random_state=1).as_matrix()
    latent, scale = random.normal(size=(n, 2)), 1 + spread * random.normal(size=n)
    frequencies, grid = half_circle(BOX), HalfGrid(BOX)
    inside = np.hypot(*frequencies.T) < BOX / 2
    points = slice_frequencies(frequencies[inside] / BOX, rotations).astype(np.float32)
    slices = np.stack([grid.slices(grid.spectrum(each), points) for each in (MEAN, *COMPONENTS)])
    values = np.zeros((n, len(frequencies)), dtype=np.complex64)
    values[:, inside] = scale[:, None] * (slices[0] + np.einsum("nq,qnm->nm", latent, slices[1:]))
    values *= _ctf(frequencies / BOX)
    images = image_of_half(values, frequencies, BOX) + noise * random.normal(size=(n, BOX, BOX)).astype(np.float32)

    def transfer(at: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.tile(_ctf(k), (len(at), 1))

    source = ImageSource(lambda at: images[at], transfer, rotations, np.zeros((n, 2)), BOX)
    return KnownImages(half_images(source), latent, scale)


def _ctf(frequencies: np.ndarray) -> np.ndarray:
    return np.cos(20 * (frequencies**2).sum(axis=1)).astype(np.float32)
