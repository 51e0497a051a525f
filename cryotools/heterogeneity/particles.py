"""Particles: images with their poses, CTF and pixel sizes, from one metadata file that is the truth about them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryotools.core.errors import ArgumentError, DataError, UsageError, naming
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.images import ParticleImages, find_stack, open_images, open_stacks
from cryotools.heterogeneity.metadata.cryosparc import read_cryosparc_particles
from cryotools.heterogeneity.metadata.pickles import read_ctf_pickle, read_pose_pickle
from cryotools.heterogeneity.metadata.record import Metadata, ParticleRows
from cryotools.heterogeneity.metadata.stacks import listed_stacks, metadata_of_stacks
from cryotools.heterogeneity.metadata.star import read_star_particles
from cryotools.heterogeneity.poses import Poses

_FORMATS = ".star, .cs, .mrcs, .mrc or .txt"
PoseFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_STACKS = (".mrcs", ".mrc", ".txt")


@dataclass(frozen=True, eq=False)
class Particles:
    """n particles in the order of their metadata file.

    Attributes
    ----------
    name : of the file
    images : read from their stacks when asked for
    poses : None if the file has none
    ctf : None if the file has none; None is an image without a microscope's CTF
    voxel_size : float64 (n,), Å per pixel of the images as they are read
    optics_group : int64 (n,), as numbered in the file
    source : all rows of the metadata file, or None for a bare stack
    row : int64 (n,), the row of each particle in it
    """

    name: str
    images: ParticleImages
    poses: Poses | None
    ctf: CtfParameters | None
    voxel_size: np.ndarray
    optics_group: np.ndarray
    source: ParticleRows | None
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: np.ndarray | slice) -> Particles:
        """The particles selected by an index array, a mask or a slice, in that order."""
        return replace(
            self,
            images=self.images[which],
            poses=None if self.poses is None else self.poses[which],
            ctf=None if self.ctf is None else self.ctf[which],
            voxel_size=self.voxel_size[which],
            optics_group=self.optics_group[which],
            row=self.row[which],
        )

    def __repr__(self) -> str:
        sizes = np.unique(np.round(self.voxel_size, 4))
        apix = " and ".join(f"{size:g}" for size in sizes) if len(sizes) < 4 else f"{sizes[0]:g} to {sizes[-1]:g}"
        known = [name for name, value in (("poses", self.poses), ("CTF", self.ctf)) if value is not None]
        with_ = f", with {' and '.join(known)}" if known else ""
        return f"<Particles {self.name}: {len(self)} images of {self.box} px at {apix} A{with_}>"

    @property
    def box(self) -> int:
        """Pixels along an edge of an image."""
        return self.images.box

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the metadata of these particles as a file of the kind that they came from, with all its columns.

        It names the original images, whatever box they were read in.

        Raises
        ------
        UsageError
            They came from a bare stack, or `path` has the suffix of another format.
        """
        write_rows(path, self.source, self.row, self.name)


def read_particles(
    path: str | os.PathLike[str],
    *,
    poses: PoseFiles | None = None,
    ctf: str | os.PathLike[str] | None = None,
    passthrough: str | os.PathLike[str] | None = None,
    datadir: str | os.PathLike[str] | None = None,
    voxel_size: float | None = None,
    downsample: int | None = None,
) -> Particles:
    """Particles of a STAR file, a .cs file, or a stack (.mrcs, .mrc, or .txt with a list of stacks).

    Everything is checked; no image is read before `images.read`.

    Parameters
    ----------
    poses, ctf : cryoDRGN's pickles, which replace what the file says; a row for each of its particles. Poses may be in
        two files, of rotations and of shifts.
    passthrough : a .cs file with the fields that the first one lacks
    datadir : folder in which to look for stacks first
    voxel_size : Å per pixel of the images as stored; replaces what the files say
    downsample : box in pixels to which images are reduced when read; voxel sizes grow accordingly

    Raises
    ------
    DataError
        A file is missing or broken, counts differ, or the voxel size is nowhere given.
    UsageError
        An option is out of range or does not fit the format.
    """
    metadata, images = _read(path, passthrough, datadir, voxel_size, downsample)
    count, stored = len(metadata), images.stored_box
    size = metadata.voxel_size
    parameters = metadata.ctf
    if ctf is not None:
        parameters, edge = read_ctf_pickle(ctf)
        _check_count(ctf, len(parameters), path, count)
        size = edge / stored if voxel_size is None else size
    size = _with_headers(size, images)
    unknown = np.flatnonzero(~np.isfinite(size))
    if len(unknown):
        raise DataError(f"{path}: the pixel size of image {unknown[0] + 1} is given nowhere; give `voxel_size`")
    return Particles(
        name=os.fspath(path),
        images=images,
        poses=_poses(poses, metadata, stored),
        ctf=parameters,
        voxel_size=size * stored / images.box,
        optics_group=metadata.optics_group,
        source=metadata.rows,
        row=np.arange(count),
    )


def write_rows(path: str | os.PathLike[str], rows: ParticleRows | None, which: np.ndarray, name: str) -> None:
    """Write the rows of the file `name` selected by an index array to a file of the same format.

    Raises
    ------
    UsageError
        There are no rows, or `path` has another suffix.
    """
    if rows is None:
        raise UsageError(f"{name}: has no metadata to write back; give a .star or .cs file")
    if Path(path).suffix.lower() != rows.suffix:
        raise UsageError(f"{path}: {name} is written back in its own format; name a {rows.suffix} file")
    rows.write(path, np.asarray(which))


def _read(
    path: str | os.PathLike[str],
    passthrough: str | os.PathLike[str] | None,
    datadir: str | os.PathLike[str] | None,
    voxel_size: float | None,
    downsample: int | None,
) -> tuple[Metadata, ParticleImages]:
    suffix = _suffix(path)
    if passthrough is not None and suffix != ".cs":
        raise ArgumentError("passthrough", passthrough, f"belongs to a .cs file, not to {path}")
    if suffix == ".star":
        metadata = read_star_particles(path, voxel_size)
    elif suffix == ".cs":
        metadata = read_cryosparc_particles(path, passthrough, voxel_size)
    elif suffix in _STACKS:
        names = listed_stacks(path) if suffix == ".txt" else (os.fspath(path),)
        stacks = open_stacks([find_stack(name, os.fspath(path), path, datadir) for name in names])
        metadata = metadata_of_stacks(path, names, stacks, voxel_size)
        return metadata, open_images(metadata, stacks, downsample=downsample)
    else:
        raise UsageError(f"{path}: is not a file of particles; give {_FORMATS}")
    return metadata, open_images(metadata, datadir=datadir, downsample=downsample)


def _poses(files: PoseFiles | None, metadata: Metadata, stored: int) -> Poses | None:
    """Poses from one or two files, else from the metadata of images of `stored` pixels."""
    if files is None:
        if metadata.rotations is None:
            return None
        with naming(os.fspath(metadata.path)):
            return Poses(metadata.rotations, metadata.shifts / stored)
    named = [os.fspath(each) for each in ([files] if isinstance(files, str | os.PathLike) else files)]
    if not 1 <= len(named) <= 2:
        raise ArgumentError("poses", ",".join(named), "give one file, or that of rotations and that of shifts")
    rotations, shifts = read_pose_pickle(*named)
    _check_count(named[0], len(rotations), metadata.path, len(metadata))
    with naming(named[0]):
        return Poses(rotations, shifts)


def _suffix(path: str | os.PathLike[str]) -> str:
    """The suffix that says what a file is, without that of its compression."""
    name = Path(path).name.lower().removesuffix(".gz").removesuffix(".bz2")
    return Path(name).suffix


def _with_headers(size: np.ndarray, images: ParticleImages) -> np.ndarray:
    """Voxel sizes with those of the stacks' headers where there are no others."""
    headers = np.array([stack.pixel_size for stack in images.stacks])
    return np.where(np.isfinite(size), size, headers[images.stack_of])


def _check_count(extra: str | os.PathLike[str], there: int, path: str | os.PathLike[str], count: int) -> None:
    if there != count:
        raise DataError(f"{extra}: has {there} rows but {path} has {count} particles; give the files of one set")
