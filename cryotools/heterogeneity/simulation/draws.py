"""What is drawn at random for each image: its state or kind of junk, pose, CTF and contrast."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.poses import Poses, euler_to_rotations
from cryotools.heterogeneity.simulation.optics import measured_ctf, random_ctf
from cryotools.heterogeneity.truth import JUNK

PARTICLE, NOISE, BLOBS, OFF_CENTRE = range(4)  # kinds of images
_OFF_CENTRE = (0.3, 0.45)  # of the box: how far such particles are from where they should be


@dataclass(frozen=True)
class Imaging:
    """How images are taken.

    Attributes
    ----------
    count : images
    box, voxel_size : pixels, Å
    resolution : of the density of atoms, Å
    shift : largest shift along x and y, pixels; uniform
    preferred : concentration κ of viewing directions about the z axis of the states (von Mises-Fisher distribution);
        0 is uniform
    ctf : whether there is a CTF
    ctf_from : file whose CTF parameters are drawn from, see `measured_ctf`
    defocus, voltage, spherical_aberration, amplitude_contrast : see `random_ctf`, without `ctf_from`
    b_factor : Å², the CTF's envelope is exp(-B s² / 4)
    snr : variance of the images with CTF, over the whole box, by that of white noise; infinity adds none
    contrast_spread : standard deviation of the factor, 1 on average, that an image is multiplied with
    junk : share of images without a state; a third each of noise, of random blobs, and of particles far from the centre
    weights : of the states; None is equal
    pose_error : root mean square of the angles (degrees) by which the poses that are told are wrong, and standard
        deviation along x and y (pixels) of errors of their shifts
    """

    count: int
    box: int
    voxel_size: float
    resolution: float
    shift: float = 0.0
    preferred: float = 0.0
    ctf: bool = True
    ctf_from: str | os.PathLike[str] | None = None
    defocus: tuple[float, float] = (10_000.0, 25_000.0)
    voltage: float = 300.0
    spherical_aberration: float = 2.7
    amplitude_contrast: float = 0.1
    b_factor: float = 100.0
    snr: float = 0.1
    contrast_spread: float = 0.0
    junk: float = 0.0
    weights: tuple[float, ...] | None = None
    pose_error: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Draws:
    """n images, in random order.

    Attributes
    ----------
    shown : int64 (n,), the state that an image shows, if it shows one
    kinds : int64 (n,), PARTICLE or what kind of junk
    poses : the true ones
    told_poses : those with errors; the same object if there are none
    ctf : None without
    contrast : float64 (n,)
    offsets : float64 (n, 2), pixels (x, y): how far a particle is from where its pose says; 0 but for OFF_CENTRE
    """

    shown: np.ndarray
    kinds: np.ndarray
    poses: Poses
    told_poses: Poses
    ctf: CtfParameters | None
    contrast: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def states(self) -> np.ndarray:
        """The state of each particle (n,), -1 for junk."""
        return np.where(self.kinds == PARTICLE, self.shown, JUNK)


def draw_images(n_states: int, imaging: Imaging) -> Draws:
    """Draw what is random about the images, apart from their noise.

    Each option has random numbers of its own: poses are the same whether or not there is junk, for example.

    Raises
    ------
    ArgumentError, UsageError, DataError
        The options of `imaging` make no sense.
    """
    _check(n_states, imaging)
    count = imaging.count
    of_states, of_poses, of_ctf, of_contrast, of_junk, of_errors = np.random.default_rng(imaging.seed).spawn(6)
    poses = Poses(
        random_rotations(of_poses, count, imaging.preferred),
        of_poses.uniform(-imaging.shift, imaging.shift, (count, 2)) / imaging.box,
    )
    kinds = np.full(count, PARTICLE)
    junk = of_junk.permutation(count)[: round(imaging.junk * count)]
    kinds[junk] = of_junk.permutation(np.resize([NOISE, BLOBS, OFF_CENTRE], len(junk)))
    contrast = np.clip(of_contrast.normal(1, imaging.contrast_spread, count), 0.1, None)
    return Draws(
        shown=of_states.permutation(_shared_out(count, _weights(n_states, imaging.weights))),
        kinds=kinds,
        poses=poses,
        told_poses=_with_errors(of_errors, poses, imaging),
        ctf=_ctf(of_ctf, imaging),
        contrast=contrast,
        offsets=np.where(kinds[:, None] == OFF_CENTRE, _offsets(of_junk, count, imaging.box), 0),
    )


def random_rotations(random: np.random.Generator, count: int, preferred: float = 0.0) -> np.ndarray:
    """Rotations (n, 3, 3), uniform on SO(3), or with viewing directions around z: density exp(κ cos tilt)."""
    if preferred == 0:
        return Rotation.random(count, rng=random).as_matrix()
    share = random.uniform(size=count)
    cosine = 1 + np.log(share + (1 - share) * np.exp(-2 * preferred)) / preferred
    rot, psi = random.uniform(-180, 180, (2, count))
    return euler_to_rotations(np.stack([rot, np.rad2deg(np.arccos(np.clip(cosine, -1, 1))), psi], axis=1))


def _shared_out(count: int, weights: np.ndarray) -> np.ndarray:
    """The state (n,) of each image, in order; every state has its share to within one image."""
    ends = np.rint(np.cumsum(weights) * count).astype(np.int64)
    return np.repeat(np.arange(len(weights)), np.diff(ends, prepend=0))


def _weights(n_states: int, weights: Sequence[float] | None) -> np.ndarray:
    given = np.ones(n_states) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(given) != n_states:
        raise ArgumentError("weights", listed(given), f"{len(given)} weights, but there are {n_states} states")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.any()):
        raise ArgumentError("weights", listed(given), "give numbers from 0 on, not all of them 0")
    return given / given.sum()


def parse_numbers(name: str, text: str, separator: str, count: int | None = None) -> tuple[float, ...]:
    """The numbers, `count` if given, that an option has between separators.

    Raises
    ------
    ArgumentError
        They are not numbers, or not so many.
    """
    try:
        found = tuple(float(part) for part in text.split(separator))
    except ValueError:
        found = ()
    if not found or count not in (None, len(found)):
        raise ArgumentError(name, text, f"give {count or 'some'} numbers, with '{separator}' between them")
    return found


def listed(numbers: Sequence[float] | np.ndarray) -> str:
    """Numbers as an option has them."""
    return ",".join(f"{number:g}" for number in numbers)


def _ctf(random: np.random.Generator, imaging: Imaging) -> CtfParameters | None:
    if not imaging.ctf:
        return None
    if imaging.ctf_from is not None:
        return measured_ctf(random, imaging.count, imaging.ctf_from)
    return random_ctf(
        random,
        imaging.count,
        defocus=imaging.defocus,
        voltage=imaging.voltage,
        spherical_aberration=imaging.spherical_aberration,
        amplitude_contrast=imaging.amplitude_contrast,
    )


def _with_errors(random: np.random.Generator, poses: Poses, imaging: Imaging) -> Poses:
    degrees, pixels = imaging.pose_error
    if not (degrees or pixels):
        return poses
    turns = Rotation.from_rotvec(random.normal(0, np.deg2rad(degrees) / np.sqrt(3), (len(poses), 3))).as_matrix()
    moves = random.normal(0, pixels / imaging.box, (len(poses), 2))
    return Poses(turns @ poses.rotations, poses.shifts + moves)


def _offsets(random: np.random.Generator, count: int, box: int) -> np.ndarray:
    angle, length = random.uniform(0, 2 * np.pi, count), random.uniform(*_OFF_CENTRE, count) * box
    return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)


def _check(n_states: int, imaging: Imaging) -> None:
    if imaging.count < n_states:
        raise ArgumentError("n", imaging.count, f"give an image or more for each of the {n_states} states")
    if imaging.box % 2 or imaging.box < 8:
        raise ArgumentError("box", imaging.box, "give an even number of pixels, 8 or more")
    if not 0 <= imaging.shift <= imaging.box / 4:
        raise ArgumentError("shift", imaging.shift, f"give 0 to {imaging.box / 4:g} pixels, a quarter of the box")
    if not (imaging.junk >= 0 and round(imaging.junk * imaging.count) < imaging.count):
        raise ArgumentError("junk", imaging.junk, "give a share from 0 on that leaves some particles")
    if not 0 < imaging.resolution < np.inf:
        raise ArgumentError("res", imaging.resolution, "give a positive number of Å")
    if not imaging.snr > 0:
        raise ArgumentError("snr", imaging.snr, "give a positive number, or inf for images without noise")
    not_negative = {
        "preferred": imaging.preferred,
        "bfactor": imaging.b_factor,
        "contrast_spread": imaging.contrast_spread,
        "pose_error": min(imaging.pose_error),
    }
    for name, value in not_negative.items():
        if not 0 <= value < np.inf:
            raise ArgumentError(name, value, "give 0 or a positive number")
