"""Homogeneous reconstruction from posed particles: the check that images, poses and CTF are read rightly.

Images are centred, windowed, multiplied with their CTF and summed on the Fourier grid as central slices, two halves of
them separately; the noise of the whole follows from the halves' FSC (a Wiener filter; Rosenthal & Henderson, J. Mol.
Biol. 333, 721, 2003; Scheres, J. Mol. Biol. 415, 406, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Volume
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.contrast import ImageContrast
from cryotools.heterogeneity.conventions import ConventionCheck
from cryotools.heterogeneity.ctf import ctf
from cryotools.heterogeneity.deposits import Deposits
from cryotools.heterogeneity.firstlook import FirstLook, first_look
from cryotools.heterogeneity.fourier import map_grid, move_images, slice_frequencies
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.halfspace import half_circle, half_values, soft_window
from cryotools.heterogeneity.particles import Particles
from cryotools.heterogeneity.poses import Poses
from cryotools.heterogeneity.sample import poses_of
from cryotools.metrics.fsc import ShellCorrelation, fourier_shell_correlation

_BATCH_VALUES = 1 << 19  # Fourier values of images at a time
_HALF_NOISE = 0.1  # noise-to-signal ratio assumed of the half maps: it fills gaps, and FSC is not biased by it
_LEAST_FSC = 1e-3
_COPIES = 10  # of the float32 grid, at most at a time


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """`volume`, Wiener-filtered; the unfiltered `halves`, of the even and odd images, and their `fsc`.

    `sign` is what images were multiplied with; `contrast` and `check` are None if they were not looked at.
    """

    volume: Volume
    halves: tuple[Volume, Volume]
    fsc: ShellCorrelation
    sign: int
    contrast: ImageContrast | None
    check: ConventionCheck | None


def reconstruction_bytes(box: int) -> int:
    """The memory that a reconstruction of `box` voxels along an edge takes, however many images there are."""
    return 4 * _COPIES * HalfGrid(box).size ** 3


def backproject(
    particles: Particles,
    *,
    invert: bool | None = None,
    check: bool = True,
    window: bool = True,
    progress: Progress | None = None,
) -> Reconstruction:
    """The volume that particles with poses are projections of.

    Parameters
    ----------
    invert, check : see `first_look`
    window : set to 0 what lies outside the circle in the centred images' box, with a soft edge

    Raises
    ------
    UsageError
        The particles have no poses.
    DataError
        There are fewer than two images, the grid does not fit into memory, an image cannot be read, or another
        convention fits better.
    """
    poses = poses_of(particles)
    if len(particles) < 2:
        raise DataError(f"{particles.name}: has {len(particles)} particle; a reconstruction needs two halves")
    grid = HalfGrid(particles.box)
    check_grid_fits((grid.size,) * 3, copies=_COPIES)
    look = first_look(particles, invert=invert, check=check)
    voxel_size = common_voxel_size(particles.voxel_size)
    halves = [Deposits.on(grid), Deposits.on(grid)]
    reporter = progress or NoProgress()
    reporter.start(len(particles), "backprojection")
    for batch in centred_slices(particles, poses, look.sign, voxel_size, window=window):
        for half, deposits in enumerate(halves):
            here = batch.which % 2 == half
            deposits.add(batch.values[here], batch.ctf[here], batch.points[here])
        reporter.advance(len(batch.which))
    return solve_halves(halves, voxel_size, look)


@dataclass(frozen=True, eq=False)
class CentredSlices:
    """Images with the numbers `which` (n,), as central slices of a volume.

    Attributes
    ----------
    values : complex64 (n, m), of the centred images
    ctf : float32 (n, m)
    points : float32 (n, m, 3), frequencies in the volume, x, y, z, cycles per voxel
    """

    which: np.ndarray
    values: np.ndarray
    ctf: np.ndarray
    points: np.ndarray


def centred_slices(
    particles: Particles, poses: Poses, sign: int, voxel_size: float, *, window: bool = True
) -> Iterator[CentredSlices]:
    """All images in batches, centred, times `sign` and, if `window`, 0 outside the circle in the box, as slices of a
    volume with this `voxel_size` in Å.
    """
    box = particles.box
    mask, whole = soft_window(box), half_circle(box, rim=False)
    frequencies = whole / box
    for which in _batches(len(particles), box):
        images = move_images(particles.images.read(which), poses.shifts[which]) * np.float32(sign)
        values = half_values(_windowed(images, mask) if window else images, whole)
        steps = particles.voxel_size[which, None, None]
        transfer = np.ones(values.shape, dtype=np.float32)
        if particles.ctf is not None:
            transfer = ctf(particles.ctf[which], frequencies / steps).astype(np.float32)
        points = slice_frequencies(frequencies, poses.rotations[which]) * (voxel_size / steps)
        yield CentredSlices(which, values, transfer, points.astype(np.float32))


def common_voxel_size(voxel_size: np.ndarray) -> float:
    """The voxel size of a map of particles with these (n,), Å: that of most of them."""
    sizes, counts = np.unique(np.round(voxel_size, 6), return_counts=True)
    return float(sizes[counts.argmax()])


def _batches(count: int, box: int) -> Iterator[np.ndarray]:
    size = max(1, _BATCH_VALUES // box**2)
    return (np.arange(start, min(start + size, count)) for start in range(0, count, size))


def _windowed(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Images (n, D, D) less their background, the mean where `mask` (D, D) is 0, and times `mask`."""
    return (images - images[:, mask == 0].mean(axis=1)[:, None, None]) * mask


def solve_halves(deposits: Sequence[Deposits], voxel_size: float, look: FirstLook) -> Reconstruction:
    """The reconstruction from the sums over two halves of the images."""
    grid = map_grid(deposits[0].grid.box, voxel_size)
    first, second = (Volume.on(grid, one.volume(_HALF_NOISE) * (1 + _HALF_NOISE)) for one in deposits)
    fsc = fourier_shell_correlation(first.data, second.data, grid.voxel_size)
    whole = (deposits[0] + deposits[1]).volume(noise_to_signal(fsc))
    return Reconstruction(Volume.on(grid, whole), (first, second), fsc, look.sign, look.contrast, look.check)


def noise_to_signal(fsc: ShellCorrelation) -> np.ndarray:
    """The noise-to-signal ratio of the sum of two halves, at 0 and in the shells of their FSC: (1 - FSC) / (2 FSC)."""
    smooth = np.convolve(np.pad(np.nan_to_num(fsc.correlation), 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    known = np.clip(smooth, _LEAST_FSC, 1 - _LEAST_FSC)
    ratio = (1 - known) / (2 * known)
    return np.concatenate([ratio[:1], ratio])
