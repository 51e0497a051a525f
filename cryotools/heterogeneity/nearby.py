"""Volumes at places of a latent space from the images that lie near them, in two halves, with their FSC.

What a decoder shows at a place is a model's opinion; these are reconstructions, by direct Fourier inversion, of those
images alone that lie in a ball around it. In each shell of frequencies the ball is as large as predicts the innermost
images of the other half best: coarse features are those of few images, fine ones, which vary less than noise, those of
many (kernel regression with a width chosen by cross-validation; M. Gilles & A. Singer, PNAS 122, e2419140122, 2025).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryotools.core.errors import DataError, UsageError
from cryotools.core.memory import check_grid_fits
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.backproject import Reconstruction, centred_slices, common_voxel_size, solve_halves
from cryotools.heterogeneity.deposits import Deposits
from cryotools.heterogeneity.ensemble import EnsembleRun, rows_said
from cryotools.heterogeneity.firstlook import first_look
from cryotools.heterogeneity.gridding import HalfGrid
from cryotools.heterogeneity.particles import Particles, read_particles
from cryotools.heterogeneity.sample import poses_of

_LEAST = 50  # images in half a ball
_RINGS = 8  # balls at most, each half as full as the next
_DAMPING = 0.1  # × the mean power, added where a ball predicts images
_SMOOTH = 2  # shells to either side, over which predictions are judged together
_GRIDS = 3  # float32 grids that the sums of a ball take


@dataclass(frozen=True, eq=False)
class NearbyReconstruction:
    """The `reconstruction` at a place, and the number of images (shells,) in the ball of each shell, which are one step
    of the box wide, from frequency 0 on.
    """

    reconstruction: Reconstruction
    images: np.ndarray


def particles_of_run(run: EnsembleRun, file: str | os.PathLike[str], **files: Any) -> Particles:
    """The particles that `run` has places for, in its box, from the metadata `file`; `files` as in `read_particles`.

    Raises
    ------
    UsageError
        The run has a single volume.
    DataError
        The file has fewer particles, or smaller images, than the run; or cannot be read.
    """
    if not run.zdim:
        raise UsageError(f"{run.folder}: has a single volume, and no places for particles")
    particles, rows = read_particles(file, **files), run.rows()
    if rows.max(initial=-1) >= len(particles) or (len(rows) < len(particles) and rows[-1] == len(rows) - 1):
        raise DataError(
            f"{file}: has {len(particles)} particles, the run {rows_said(rows)}; give those that it was trained on"
        )
    if particles.box < run.box:
        raise DataError(f"{file}: has images of {particles.box} pixels, the run {run.box}; give those of the run")
    if particles.box > run.box:
        particles = read_particles(file, downsample=run.box, **files)
    return particles[rows]


def reconstruct_nearby(
    particles: Particles,
    latent: np.ndarray,
    places: np.ndarray,
    *,
    balls: int | None = None,
    invert: bool | None = None,
    progress: Progress | None = None,
) -> list[NearbyReconstruction]:
    """Reconstructions at `places` (k, zdim) from particles with poses that lie at `latent` (n, zdim).

    Halves are the even and the odd images. Their maps share no image, but a run that saw both has placed them.

    Parameters
    ----------
    balls : how many to choose from, the largest of all images, each of the others with half as many as the next; None
        is as many as leave 50 images to each half of the smallest, 8 at most
    invert : see `first_look`

    Raises
    ------
    UsageError
        The particles have no poses.
    DataError
        There are too few images, or places for another number of them; the grids do not fit into memory; or an image
        cannot be read.
    """
    poses, count = poses_of(particles), len(particles)
    if len(latent) != count:
        raise DataError(f"{particles.name}: has {count} particles, the run {len(latent)}; give those of the run")
    if count < 2:
        raise DataError(f"{particles.name}: has {count} particle; a reconstruction needs two halves")
    balls = balls or int(np.clip(np.log2(max(count / 2 / _LEAST, 1)) + 1, 1, _RINGS))
    grid = HalfGrid(particles.box)
    check_grid_fits((grid.size,) * 3, copies=_GRIDS * balls * (len(places) + 1))
    look = first_look(particles, invert=invert, check=False)
    voxel_size = common_voxel_size(particles.voxel_size)
    rings = [_rings(latent, place, balls) for place in places]
    sums = [[[Deposits.on(grid) for _ in range(balls)] for _ in (0, 1)] for _ in places]
    reporter = progress or NoProgress()
    reporter.start(count, "images near the places")
    for batch in centred_slices(particles, poses, look.sign, voxel_size):
        for ring, halves in zip(rings, sums, strict=True):
            for half, number in np.unique(np.stack([batch.which % 2, ring[batch.which]], axis=1), axis=0):
                here = (batch.which % 2 == half) & (ring[batch.which] == number)
                halves[half][number].add(batch.values[here], batch.ctf[here], batch.points[here])
        reporter.advance(len(batch.which))
    found = []
    for ring, halves in zip(rings, sums, strict=True):
        chosen = _join(halves)
        shells = np.rint(np.arange(grid.box // 2 + 1) * grid.padding).astype(int)
        inside = np.array([(ring >= number).sum() for number in range(balls)])
        joined = [_of_balls(each, chosen) for each in halves]
        found.append(NearbyReconstruction(solve_halves(joined, voxel_size, look), inside[chosen[shells]]))
    return found


def _rings(latent: np.ndarray, place: np.ndarray, balls: int) -> np.ndarray:
    """Which of `balls` rings around a place each image is in, 0 being the outermost: int (n,). The images within ring k
    are n / 2^k, in both halves by themselves.
    """
    distance = np.linalg.norm(latent - place, axis=1)
    ring = np.zeros(len(latent), dtype=np.int64)
    for half in (0, 1):
        members = np.arange(half, len(latent), 2)
        rank = np.argsort(np.argsort(distance[members], kind="stable"), kind="stable") + 1
        ring[members] = np.clip(np.floor(np.log2(len(members) / rank)), 0, balls - 1)
    return ring


def _join(halves: Sequence[list[Deposits]]) -> np.ndarray:
    """Turn sums over rings into sums over balls, and choose a ball in each shell of the grid: int (shells,).

    A ball is judged by how well its reconstruction predicts the other half's images in the innermost ball: the squared
    error of their values, up to a constant. Balls do not become smaller as the frequency grows.
    """
    balls = len(halves[0])
    for rings in halves:
        for number in range(balls - 1, 0, -1):
            rings[number - 1] = rings[number - 1] + rings[number]
    grid = halves[0][0].grid
    shell = grid.shells()
    errors = np.zeros((balls, shell.max() + 1))
    for mine, others in (halves, halves[::-1]):
        values, power = grid.completed(others[-1].values), grid.completed(others[-1].power)
        for number, ball in enumerate(mine):
            guess = ball.spectrum(_DAMPING)
            error = power * np.abs(guess) ** 2 - 2 * (guess.conj() * values).real
            errors[number] += np.bincount(shell.ravel(), error.ravel())
    width = 2 * _SMOOTH * grid.padding + 1
    padded = np.pad(errors, ((0, 0), (width // 2,) * 2), mode="edge")
    smooth = np.stack([np.convolve(each, np.ones(width), mode="valid") for each in padded])
    return np.minimum.accumulate(smooth.argmin(axis=0))


def _of_balls(balls: list[Deposits], chosen: np.ndarray) -> Deposits:
    """The sums over the ball that is chosen (shells,) for the shell of each point."""
    grid = balls[0].grid
    which, found = chosen[grid.shells()], Deposits.on(grid)
    for number, ball in enumerate(balls):
        here = which == number
        found.values[here], found.power[here] = ball.values[here], ball.power[here]
    return found
