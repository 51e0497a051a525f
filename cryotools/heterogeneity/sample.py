"""A sample of particles at low resolution, to test assumptions about all of them before the long computation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError, UsageError
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.fourier import fourier_crop, shift_phases
from cryotools.heterogeneity.halfspace import half_circle, half_values
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.poses import Poses

IMAGES, BOX = 1000, 32


@dataclass(frozen=True, eq=False)
class ImageSample:
    """n images of `box` pixels as Fourier values, not centred.

    Attributes
    ----------
    values : complex64 (n, m)
    ctf : float32 (n, m), 1 without a CTF
    frequencies : float64 (m, 2), (x, y) in cycles per pixel, one of each pair ±k, without 0
    poses : as given
    voxel_size : Å per pixel of the particles before they were reduced to `box` pixels
    """

    values: np.ndarray
    ctf: np.ndarray
    frequencies: np.ndarray
    poses: Poses
    voxel_size: float
    box: int

    def __len__(self) -> int:
        return len(self.values)

    def moved(self, shifts: np.ndarray) -> np.ndarray:
        """The values (n, m) of the images moved by `shifts` (n, 2), fractions of the box."""
        return self.values * shift_phases(shifts * self.box, self.frequencies).astype(np.complex64)


def take_sample(particles: Particles, count: int = IMAGES, box: int = BOX) -> ImageSample:
    """Up to `count` evenly spaced particles, reduced to at most `box` pixels.

    Raises
    ------
    UsageError
        The particles have no poses.
    DataError
        The images are constant.
    """
    which = np.unique(np.linspace(0, len(particles) - 1, min(count, len(particles))).astype(np.int64))
    some = particles[which]
    small = min(box, some.box)
    stored = some.images.read(np.arange(len(some)))
    if not np.ptp(stored, axis=(1, 2)).any():
        raise DataError(f"{particles.name}: the images are constant; are they of particles?")
    images = fourier_crop(stored, small)
    whole = half_circle(small, rim=False)
    frequencies = whole / small
    coarse = some.voxel_size * some.box / small
    transfer = np.ones((len(some), len(frequencies)), dtype=np.float32)
    if some.ctf is not None:
        transfer = ctf(some.ctf, frequencies / coarse[:, None, None]).astype(np.float32)
    voxel_size = float(np.median(some.voxel_size))
    return ImageSample(half_values(images, whole), transfer, frequencies, poses_of(some), voxel_size, small)


def poses_of(particles: Particles) -> Poses:
    """The poses of particles.

    Raises
    ------
    UsageError
        They have none.
    """
    if particles.poses is None:
        raise UsageError(f"{particles.name}: has no poses; give the file of a refinement, or `poses`")
    return particles.poses
