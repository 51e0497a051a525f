"""Particles of RELION's STAR files: version 3.0 (one table), 3.1 and 5 (optics groups in a table of their own).

Values are looked up among the particles first, then in the optics group.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError, listing
from cryotools.core.files.star import StarTable, read_star, star_version, write_star
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.metadata.record import Metadata, check_voxel_size, grouped
from cryotools.heterogeneity.poses import euler_to_rotations

_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_ABERRATIONS = ("rlnBeamTiltX", "rlnBeamTiltY", "rlnOddZernike", "rlnEvenZernike")
_MAGNIFICATION = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")
_STACKS_OF_TILTS = "rlnTomoSubTomosAre2DStacks"
_USUAL_CONTRAST = 0.1  # amplitude contrast that most programs suggest


@dataclass(frozen=True)
class StarRows:
    """All tables of a STAR file; those of `particles` can be selected."""

    tables: Mapping[str, StarTable]
    particles: str
    version: int | None = None
    suffix: ClassVar[str] = ".star"

    def __len__(self) -> int:
        return len(self.tables[self.particles])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, without the underscore."""
        return tuple(self.tables[self.particles].columns)

    def numbers(self, column: str) -> np.ndarray:
        """The values (n,) of a column of particles or of their optics groups, named with or without the underscore."""
        table, optics = self.tables[self.particles], self.tables.get("optics")
        return _Values(table, optics, _optics_groups(table, optics), table.name).numbers(column.removeprefix("_"))

    def identifiers(self) -> np.ndarray:
        """STAR files have none."""
        raise DataError(f"{self.tables[self.particles].name}: has no uid, as .cs files have; give numbers, `index`")

    def write(self, path: str | os.PathLike[str], which: np.ndarray) -> None:
        """Write the selected particles with all columns, and all other tables unchanged."""
        chosen = {name: table[which] if name == self.particles else table for name, table in self.tables.items()}
        write_star(path, chosen, self.version)


def read_star_particles(path: str | os.PathLike[str], voxel_size: float | None = None) -> Metadata:
    """The particles of a STAR file; `voxel_size` in Å replaces the file's.

    A missing rlnPhaseShift is 0, with a note.

    Raises
    ------
    DataError
        It is not a STAR file of particles, a needed column or optics group is missing, or a value is not a number.
    """
    check_voxel_size(voxel_size)
    rows = star_rows(path)
    table = rows.tables[rows.particles]
    optics = rows.tables.get("optics")
    group = _optics_groups(table, optics)
    values = _Values(table, optics, group, path)
    _refuse_tomography(rows.tables, values, path)
    pixel = _pixel_size(values) if voxel_size is None else np.full(len(table), float(voxel_size))
    names, image = _images(table)
    stacks, stack_of = grouped(names)
    _note_what_is_left_out(values, path)
    size = values.numbers("rlnImageSize", 0.0)
    posed = any(column in table for column in _ANGLES[:2])  # of two dimensions there is psi alone
    angles = np.stack([table.numbers(column) for column in _ANGLES], axis=1) if posed else None
    return Metadata(
        path=Path(path),
        stacks=stacks,
        stack_of=stack_of,
        image=image,
        image_size=size.astype(np.int64),
        voxel_size=pixel,
        rotations=None if angles is None else euler_to_rotations(angles),
        shifts=_shifts(table, pixel, path),
        ctf=_ctf(values, path),
        optics_group=group,
        rows=rows,
    )


def star_rows(path: str | os.PathLike[str]) -> StarRows:
    """The tables of a STAR file of particles, not interpreted.

    Raises
    ------
    DataError
        No table has the column rlnImageName, or none has rows.
    """
    tables = read_star(path)
    with_images = [name for name, table in tables.items() if "rlnImageName" in table]
    if not with_images:
        raise DataError(f"{path}: no table has _rlnImageName ({listing(list(tables))}); give a STAR file of particles")
    name = "particles" if "particles" in with_images else with_images[0]
    if not len(tables[name]):
        raise DataError(f"{path}: contains no particles")
    return StarRows(tables, name, star_version(path))


@dataclass(frozen=True)
class _Values:
    """Columns of particles, or where those lack them, of their optics groups."""

    particles: StarTable
    optics: StarTable | None
    group: np.ndarray
    path: str | os.PathLike[str]

    def __contains__(self, column: str) -> bool:
        return column in self.particles or (self.optics is not None and column in self.optics)

    def text(self, column: str) -> np.ndarray:
        """The different values of a column, as text."""
        table = self.particles if column in self.particles or self.optics is None else self.optics
        return np.unique(table.text(column))

    def numbers(self, column: str, default: float | None = None) -> np.ndarray:
        """The values (n,) of a column; without a default it must be there."""
        if column not in self.particles and self.optics is not None and column in self.optics:
            of_group = self.optics.numbers(column, default)
            return of_group[_positions(self.optics, self.group)]
        if column not in self and default is None and self.optics is None and "rlnOpticsGroup" in self.particles:
            raise DataError(
                f"{self.path}: _{column} is missing, and there is no data_optics to look it up for the optics groups; "
                "give the STAR file as RELION wrote it"
            )
        return self.particles.numbers(column, default)


def _refuse_tomography(tables: Mapping[str, StarTable], values: _Values, path: str | os.PathLike[str]) -> None:
    """Raise DataError if particles are stacks of tilts or volumes, as those of RELION 5 and WarpTools."""
    stacks = [table.numbers(_STACKS_OF_TILTS, 0.0).any() for table in tables.values() if _STACKS_OF_TILTS in table]
    if any(stacks) or ("rlnTomoVisibleFrames" in values and not stacks):
        raise DataError(
            f"{path}: its particles are tilt series, each a stack of tilts, which are not read; give a file with a "
            "line for each tilt, with its own pose and CTF, as M exports image series"
        )
    if "rlnImageDimensionality" in values and (values.numbers("rlnImageDimensionality", 2.0) == 3).any():
        raise DataError(f"{path}: its particles are subtomograms, volumes instead of images, which are not read")


def _optics_groups(table: StarTable, optics: StarTable | None) -> np.ndarray:
    """The number (n,) of each particle's optics group; 1 if there are none."""
    if "rlnOpticsGroup" in table:
        group = table.numbers("rlnOpticsGroup").astype(np.int64)
    elif optics is not None and len(optics) > 1:
        raise DataError(f"{table.name}: column _rlnOpticsGroup is missing, but data_optics has {len(optics)} groups")
    else:
        group = np.ones(len(table), dtype=np.int64)
        if optics is not None and "rlnOpticsGroup" in optics:
            group[:] = int(optics.numbers("rlnOpticsGroup")[0])
    if optics is not None and "rlnOpticsGroup" in optics:
        absent = np.flatnonzero(~np.isin(group, optics.numbers("rlnOpticsGroup").astype(np.int64)))
        if len(absent):
            raise DataError(
                f"{table.name}: row {absent[0] + 1}: optics group {group[absent[0]]} is not in data_optics; "
                "add its line there"
            )
    return group


def _positions(optics: StarTable, group: np.ndarray) -> np.ndarray:
    """The row (n,) of each group in the table of optics."""
    if "rlnOpticsGroup" not in optics:
        return np.zeros(len(group), dtype=np.int64)
    numbers = optics.numbers("rlnOpticsGroup").astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    return order[np.searchsorted(numbers, group, sorter=order)]


def _pixel_size(values: _Values) -> np.ndarray:
    """Å per pixel (n,): of the images, or RELION 3.0's detector pixel over magnification; NaN if there is neither."""
    if "rlnImagePixelSize" in values:
        found = values.numbers("rlnImagePixelSize")
    elif "rlnDetectorPixelSize" in values:  # in µm; without a magnification 10,000 is meant
        found = values.numbers("rlnDetectorPixelSize") * 1e4 / values.numbers("rlnMagnification", 1e4)
    else:
        return np.full(len(values.particles), np.nan)
    bad = np.flatnonzero(~(np.isfinite(found) & (found > 0)))
    if len(bad):
        raise DataError(
            f"{values.path}: row {bad[0] + 1}: the pixel size is {found[bad[0]]:g} Å; correct it, or give `voxel_size`"
        )
    return found


def _images(table: StarTable) -> tuple[np.ndarray, np.ndarray]:
    """Names of the stacks (n,) and 0-based images (n,) of `000001@stack.mrcs`; -1 where only a file is named."""
    parts = [str(name).rpartition("@") for name in table.text("rlnImageName")]
    try:
        image = np.array([int(number) if at else 0 for number, at, _ in parts], dtype=np.int64)
    except ValueError:
        image = np.zeros(len(parts), dtype=np.int64)  # found and named below
    marked = np.array([bool(at) for _, at, _ in parts])
    wrong = np.flatnonzero(marked & (image < 1))
    if len(wrong):
        name = table.text("rlnImageName")[wrong[0]]
        raise DataError(f"{table.name}: row {wrong[0] + 1}: _rlnImageName is {name}; images are counted from 1@")
    return np.array([stack for _, _, stack in parts]), image - 1


def _shifts(table: StarTable, pixel: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    """Shifts (n, 2) in pixels: in Å from RELION 3.1 on, in pixels before; 0 if there are none."""
    if "rlnOriginXAngst" in table:
        shifts = np.stack([table.numbers(f"rlnOrigin{axis}Angst") for axis in "XY"], axis=1)
        if not np.isfinite(pixel).all():
            if shifts.any():
                raise DataError(
                    f"{path}: the pixel size is missing (_rlnImagePixelSize of data_optics); give `voxel_size`"
                )
            return shifts
        return shifts / pixel[:, None]
    return np.stack([table.numbers(f"rlnOrigin{axis}", 0.0) for axis in "XY"], axis=1)


def _ctf(values: _Values, path: str | os.PathLike[str]) -> CtfParameters | None:
    if "rlnDefocusU" not in values:
        return None
    if "rlnPhaseShift" not in values:
        warnings.warn(f"{path}: has no _rlnPhaseShift; it is taken as 0 (no phase plate)", CryotoolsNote, stacklevel=4)
    contrast = None
    if "rlnAmplitudeContrast" not in values:
        contrast = _USUAL_CONTRAST
        told = f"{path}: has no _rlnAmplitudeContrast; {contrast} is assumed"
        warnings.warn(told, CryotoolsWarning, stacklevel=4)
    return CtfParameters(
        defocus_u=values.numbers("rlnDefocusU"),
        defocus_v=values.numbers("rlnDefocusV"),
        angle=values.numbers("rlnDefocusAngle"),
        voltage=values.numbers("rlnVoltage"),
        spherical_aberration=values.numbers("rlnSphericalAberration"),
        amplitude_contrast=values.numbers("rlnAmplitudeContrast", contrast),
        phase_shift=values.numbers("rlnPhaseShift", 0.0),
        b_factor=_b_factor(values, path),
        scale=values.numbers("rlnCtfScalefactor", 1.0),
    )


def _b_factor(values: _Values, path: str | os.PathLike[str]) -> np.ndarray:
    """B factors (n,), Å², that are positive where amplitudes fall off: as RELION has them. Warp and M write the same as
    negative numbers, -4 × the exposure in electrons per Å².
    """
    found = values.numbers("rlnCtfBfactor", 0.0)
    if not (found.any() and (found <= 0).all()):
        return found
    told = f"{path}: _rlnCtfBfactor is negative, as Warp writes it: amplitudes are taken to fall off by it, not to rise"
    warnings.warn(told, CryotoolsNote, stacklevel=5)
    return -found


def _note_what_is_left_out(values: _Values, path: str | os.PathLike[str]) -> None:
    """Note aberrations and magnifications that the CTF here does not describe."""
    nothing = {"0", "0.0", "0.000000", "[]", "None"}
    aberrated = [column for column in _ABERRATIONS if column in values and set(values.text(column)) - nothing]
    unit = {"rlnMagMat00": 1.0, "rlnMagMat11": 1.0}
    scaled = [
        column
        for column in _MAGNIFICATION
        if column in values and (values.numbers(column) != unit.get(column, 0.0)).any()
    ]
    if aberrated or scaled:
        named = ", ".join(f"_{column}" for column in [*aberrated, *scaled])
        warnings.warn(f"{path}: {named}: kept but not corrected for", CryotoolsNote, stacklevel=4)
    if "rlnCtfDataAreCtfPremultiplied" in values and values.numbers("rlnCtfDataAreCtfPremultiplied", 0.0).any():
        told = f"{path}: the images are multiplied by their CTF already; export them without for reconstruction"
        warnings.warn(told, CryotoolsWarning, stacklevel=4)
