"""The files of a simulated set: stack, STAR file and truth."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, CryotoolsWarning, DataError, UsageError
from cryotools.core.files.output import output_set
from cryotools.core.files.star import StarTable, write_star
from cryotools.core.maps.stackfile import write_stack
from cryotools.core.maps.volume import Volume
from cryotools.core.progress import NoProgress, Progress
from cryotools.core.structures.structure import Structure
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.poses import Poses
from cryotools.heterogeneity.simulation.density import state_volume
from cryotools.heterogeneity.simulation.draws import Draws, Imaging, draw_images
from cryotools.heterogeneity.simulation.imaging import Camera
from cryotools.heterogeneity.simulation.states import States
from cryotools.heterogeneity.truth import JUNK, write_truth

_FILLED = 0.65  # of the box, by all states together
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


def output_files(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The stack and the folder of truth that belong to the STAR file `path`.

    Raises
    ------
    UsageError
        The name does not end in .star.
    """
    star = Path(path)
    if star.suffix.lower() != ".star":
        raise UsageError(f"{path}: end the name in .star; the stack beside it will end in .mrcs")
    return star.with_suffix(".mrcs"), star.with_name(f"{star.stem}_truth")


def suited_voxel_size(states: States, box: int) -> float:
    """Å per pixel, to three digits, at which atoms take up 65 % of the box; of maps alone, that of the map's box."""
    atoms = any(isinstance(source, Structure) for source in states.sources)
    return float(f"{2 * states.radius / (_FILLED if atoms else 1) / box:.3g}")


def write_simulation(
    path: str | os.PathLike[str], states: States, imaging: Imaging, *, label: str, progress: Progress | None = None
) -> SimulatedSet:
    """Take images of `states` and write NAME.star, NAME.mrcs and the folder NAME_truth, all of them or none.

    Raises
    ------
    UsageError, DataError
        Options make no sense, the molecule is larger than the box, or a file cannot be written.
    """
    stack, folder = output_files(path)
    _check_size(states, imaging)
    draws = draw_images(len(states), imaging)

    def volume(state: int) -> Volume:
        return state_volume(states.sources[state], states.centre, imaging.box, imaging.voxel_size, imaging.resolution)

    camera = Camera(volume, len(states), draws, imaging)
    noisy = np.isfinite(imaging.snr)
    scale = float(np.sqrt(imaging.snr / camera.signal_variance())) if noisy else 1.0
    reporter = progress or NoProgress()
    reporter.start(len(draws), "images")

    def images() -> Iterator[np.ndarray]:
        for batch in camera.images(scale, bool(noisy)):
            yield batch
            reporter.advance(len(batch))

    new = not folder.exists()
    try:
        with output_set():
            write_stack(stack, images(), imaging.voxel_size, label=label)
            write_truth(
                folder,
                draws.states,
                (volume(state) for state in range(len(states))),
                motion=None
                if states.motion is None
                else np.where(draws.states < 0, np.nan, states.motion[draws.states]),
                contrast=draws.contrast,
                label=label,
            )
            if draws.told_poses is not draws.poses:
                write_star(folder / "true_poses.star", _tables(draws, draws.poses, imaging, stack.name), _VERSION)
            write_star(path, _tables(draws, draws.told_poses, imaging, stack.name), _VERSION)
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    counts = np.bincount(np.where(draws.states < 0, len(states), draws.states), minlength=len(states) + 1)
    return SimulatedSet(os.fspath(path), os.fspath(stack), os.fspath(folder), scale, tuple(counts.tolist()))


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


def _check_size(states: States, imaging: Imaging) -> None:
    size, edge = 2 * states.radius, imaging.box * imaging.voxel_size
    box = f"{imaging.box} pixels of {imaging.voxel_size:g} Å ({edge:.0f} Å)"
    if not 0 < imaging.voxel_size < np.inf:
        raise ArgumentError("apix", imaging.voxel_size, "give a positive number of Å per pixel")
    if size > edge:
        raise DataError(
            f"the states reach {size:.0f} Å across, more than the box of {box}; give a larger `box` or `apix`"
        )
    if size + 2 * imaging.shift * imaging.voxel_size > edge:
        told = f"shifts of {imaging.shift:g} pixels move parts of the states ({size:.0f} Å across) out of the box"
        warnings.warn(told, CryotoolsWarning, stacklevel=3)
    if imaging.resolution < 2 * imaging.voxel_size:
        warnings.warn(
            f"a resolution of {imaging.resolution:g} Å is finer than two pixels of {imaging.voxel_size:g} Å; the "
            "images cannot show it",
            CryotoolsWarning,
            stacklevel=3,
        )
