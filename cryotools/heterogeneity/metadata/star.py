"""Particles of RELION's STAR files: version 3.0 (one table), 3.1 and 5 (optics groups in a table of their own)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cryotools.core.errors import CryotoolsNote, CryotoolsWarning, DataError
from cryotools.core.files.star import StarTable
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.metadata.record import Metadata, check_voxel_size, grouped
from cryotools.heterogeneity.metadata.startables import StarValues, optics_groups, star_rows
from cryotools.heterogeneity.poses import euler_to_rotations

_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_ABERRATIONS = ("rlnBeamTiltX", "rlnBeamTiltY", "rlnOddZernike", "rlnEvenZernike")
_MAGNIFICATION = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")
_STACKS_OF_TILTS = "rlnTomoSubTomosAre2DStacks"
_USUAL_CONTRAST = 0.1  # amplitude contrast that most programs suggest


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
    group = optics_groups(table, optics)
    values = StarValues(table, optics, group, path)
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


def _refuse_tomography(tables: Mapping[str, StarTable], values: StarValues, path: str | os.PathLike[str]) -> None:
    """Raise DataError if particles are stacks of tilts or volumes, as those of RELION 5 and WarpTools."""
    stacks = [table.numbers(_STACKS_OF_TILTS, 0.0).any() for table in tables.values() if _STACKS_OF_TILTS in table]
    if any(stacks) or ("rlnTomoVisibleFrames" in values and not stacks):
        raise DataError(
            f"{path}: its particles are tilt series, each a stack of tilts, which are not read; give a file with a "
            "line for each tilt, with its own pose and CTF, as M exports image series"
        )
    if "rlnImageDimensionality" in values and (values.numbers("rlnImageDimensionality", 2.0) == 3).any():
        raise DataError(f"{path}: its particles are subtomograms, volumes instead of images, which are not read")


def _pixel_size(values: StarValues) -> np.ndarray:
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


def _ctf(values: StarValues, path: str | os.PathLike[str]) -> CtfParameters | None:
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


def _b_factor(values: StarValues, path: str | os.PathLike[str]) -> np.ndarray:
    """B factors (n,), Å², that are positive where amplitudes fall off: as RELION has them. Warp and M write the same as
    negative numbers, -4 × the exposure in electrons per Å².
    """
    found = values.numbers("rlnCtfBfactor", 0.0)
    if not (found.any() and (found <= 0).all()):
        return found
    told = f"{path}: _rlnCtfBfactor is negative, as Warp writes it: amplitudes are taken to fall off by it, not to rise"
    warnings.warn(told, CryotoolsNote, stacklevel=5)
    return -found


def _note_what_is_left_out(values: StarValues, path: str | os.PathLike[str]) -> None:
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
