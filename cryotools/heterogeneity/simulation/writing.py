"""The files of a simulated set: stack, STAR file and truth."""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsWarning, DataError, UsageError
from cryotools.core.files.output import output_set
from cryotools.core.files.star import StarTable, write_star
from cryotools.core.maps.stackfile import write_stack
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.poses import Poses
from cryotools.heterogeneity.simulation.density import state_volume
from cryotools.heterogeneity.simulation.draws import Draws, Imaging, draw_images
from cryotools.heterogeneity.simulation.imaging import Camera
from cryotools.heterogeneity.simulation.states import States
from cryotools.heterogeneity.truth import JUNK, state_file, write_truth

_TRUE_POSES = "true_poses.star"
_VERSION = 30001  # of RELION's format


@dataclass(frozen=True)
class SimulatedSet:
    """What was written: the STAR file `path`, its `stack` and the `folder` of its truth. Images are projections times
    `scale`, plus noise of variance 1; `counts` are those of each state, then of junk.
    """

    path: str
    stack: str
    folder: str
    scale: float
    counts: tuple[int, ...]


def simulation_files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The stack and the folder of truth that belong to the STAR file `path`.

    Raises
    ------
    UsageError
        The name does not end in .star, or there is a file in place of the folder.
    """
    star = Path(path)
    if star.suffix.lower() != ".star":
        raise UsageError(f"{path}: end the name in .star; the stack beside it will end in .mrcs")
    folder = star.with_name(f"{star.stem}_truth")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; the truth would be a folder of this name, choose another output")
    return star.with_suffix(".mrcs"), folder


def write_simulation(
    path: str | os.PathLike[str], states: States, imaging: Imaging, *, label: str, progress: Progress | None = None
) -> SimulatedSet:
    """Take images of `states` and write NAME.star, NAME.mrcs and the folder NAME_truth, all of them or none.

    Raises
    ------
    UsageError
        Options make no sense, alone or together.
    DataError
        The molecule is larger than the box, a state has no density in it, or a file cannot be written.
    """
    stack, folder = simulation_files(path)
    states.check_fit(imaging.box, imaging.voxel_size, imaging.shift)
    _warn_of_resolution(states, imaging)
    draws = draw_images(len(states), imaging)
    camera = Camera(partial(_volume, states, imaging), len(states), draws, imaging)
    noisy = bool(np.isfinite(imaging.snr))
    scale = float(np.sqrt(imaging.snr / camera.signal_variance())) if noisy else 1.0
    new = not folder.exists()
    try:
        with output_set():
            write_stack(stack, camera.images(scale, noisy, progress or NoProgress()), imaging.voxel_size, label=label)
            volumes = (camera.volume(state) for state in range(len(states)))
            motion = _motion(states, draws)
            write_truth(folder, draws.states, volumes, motion=motion, contrast=draws.contrast, label=label)
            if draws.told_poses is not draws.poses:
                write_star(folder / _TRUE_POSES, _tables(draws, draws.poses, imaging, stack.name), _VERSION)
            write_star(path, _tables(draws, draws.told_poses, imaging, stack.name), _VERSION)
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    _remove_leftovers(folder, len(states), posed=draws.told_poses is not draws.poses)
    counts = np.bincount(np.where(draws.states == JUNK, len(states), draws.states), minlength=len(states) + 1)
    return SimulatedSet(os.fspath(path), os.fspath(stack), os.fspath(folder), scale, tuple(counts.tolist()))


def _volume(states: States, imaging: Imaging, state: int) -> Volume:
    volume = state_volume(states.sources[state], states.centre, imaging.box, imaging.voxel_size, imaging.resolution)
    if not volume.data.any():
        raise DataError(f"state {state} has no density in the box; bring all files into one frame")
    return volume


def _remove_leftovers(folder: Path, n_states: int, *, posed: bool) -> None:
    """Remove what an earlier set of the same name, with more states or with errors of poses, has in the folder."""
    while state_file(folder, n_states).exists():
        state_file(folder, n_states).unlink()
        n_states += 1
    if not posed:
        (folder / _TRUE_POSES).unlink(missing_ok=True)


def _motion(states: States, draws: Draws) -> np.ndarray | None:
    if states.motion is None:
        return None
    return np.where(draws.states == JUNK, np.nan, states.motion[draws.states])


def _tables(draws: Draws, poses: Poses, imaging: Imaging, stack: str) -> dict[str, StarTable]:
    groups, group = _optics(draws.ctf, len(draws))
    count = len(groups)
    optics: dict[str, np.ndarray] = {
        "rlnOpticsGroupName": np.array([f"opticsGroup{k + 1}" for k in range(count)]),
        "rlnOpticsGroup": np.arange(1, count + 1),
        "rlnImagePixelSize": np.full(count, imaging.voxel_size),
        "rlnImageSize": np.full(count, imaging.box),
        "rlnImageDimensionality": np.full(count, 2),
    }
    if draws.ctf is not None:
        names = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
        optics |= dict(zip(names, groups.T, strict=True))
    angles, origins = poses.euler(), poses.shifts * imaging.box * imaging.voxel_size
    particles: dict[str, np.ndarray] = {
        "rlnImageName": np.array([f"{k + 1:06d}@{stack}" for k in range(len(draws))]),
        "rlnOpticsGroup": group + 1,
        "rlnAngleRot": angles[:, 0],
        "rlnAngleTilt": angles[:, 1],
        "rlnAnglePsi": angles[:, 2],
        "rlnOriginXAngst": origins[:, 0],
        "rlnOriginYAngst": origins[:, 1],
    }
    if draws.ctf is not None:
        particles |= {
            "rlnDefocusU": draws.ctf.defocus_u,
            "rlnDefocusV": draws.ctf.defocus_v,
            "rlnDefocusAngle": draws.ctf.angle,
            "rlnPhaseShift": draws.ctf.phase_shift,
        }
    return {"optics": StarTable({}).with_columns(optics), "particles": StarTable({}).with_columns(particles)}


def _optics(parameters: CtfParameters | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The different (voltage, Cs, amplitude contrast) (g, 3), and which of them each image has (n,)."""
    if parameters is None:
        return np.zeros((1, 3)), np.zeros(count, dtype=np.int64)
    columns = [parameters.voltage, parameters.spherical_aberration, parameters.amplitude_contrast]
    groups, group = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return groups, group.reshape(-1)


def _warn_of_resolution(states: States, imaging: Imaging) -> None:
    if states.radius is not None and imaging.resolution < 2 * imaging.voxel_size:
        told = f"a resolution of {imaging.resolution:g} Å is finer than two pixels of {imaging.voxel_size:g} Å"
        warnings.warn(f"{told}; the images cannot show it", CryotoolsWarning, stacklevel=3)
