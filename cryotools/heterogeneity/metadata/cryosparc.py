"""Particles of cryoSPARC's .cs files: a structured array in NumPy's format, one record per particle.

A job writes what it changed, and passes the rest through in a second file; records belong together by their `uid`.
Poses are rotation vectors, angles are in radians, shifts in pixels of the alignment's own pixel size.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from cryotools.core.errors import CryotoolsNote, DataError, listing
from cryotools.core.files.bytestream import open_bytes
from cryotools.core.files.impostors import impostor
from cryotools.core.files.output import atomic_path
from cryotools.heterogeneity.ctf import CtfParameters
from cryotools.heterogeneity.metadata.record import Metadata, check_voxel_size, grouped
from cryotools.heterogeneity.poses import rotation_vectors_to_rotations

_MAGIC = b"\x93NUMPY"
_ENVELOPE = {"ctf/bfactor": 0.0, "ctf/scale": 1.0}  # and what they are without
_ABERRATIONS = ("ctf/tilt_A", "ctf/trefoil_A", "ctf/tetra_A", "ctf/anisomag")


@dataclass(frozen=True, eq=False)
class CryosparcRows:
    """Records (n,) with all their fields, those passed through included."""

    records: np.ndarray
    name: str
    suffix: ClassVar[str] = ".cs"

    def __len__(self) -> int:
        return len(self.records)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(self.records.dtype.names or ())

    def numbers(self, column: str) -> np.ndarray:
        """The values of a field, float64 (n,); `alignments3D/shift[1]` is the second number of a field of several."""
        field, bracket, at = column.partition("[")
        if field not in self.columns:
            raise DataError(f"{self.name}: field {field} is missing; it has {listing(self.columns)}")
        values = self.records[field]
        if bracket and at.removesuffix("]").isdecimal() and values.ndim == 2 and int(at[:-1]) < values.shape[1]:
            values = values[:, int(at[:-1])]
        if values.ndim != 1:
            raise DataError(f"{self.name}: {field} holds {values.shape[1]} numbers; give one of them, {field}[0]")
        if values.dtype.kind not in "biuf":
            raise DataError(f"{self.name}: {field} holds text, not numbers")
        return values.astype(np.float64)

    def identifiers(self) -> np.ndarray:
        """The uid (n,) of each particle."""
        if "uid" not in self.columns:
            raise DataError(f"{self.name}: has no field uid")
        return self.records["uid"]

    def write(self, path: str | os.PathLike[str], which: np.ndarray) -> None:
        """Write the selected records with all fields."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, self.records[which], allow_pickle=False)


def read_cryosparc_particles(
    path: str | os.PathLike[str],
    passthrough: str | os.PathLike[str] | None = None,
    voxel_size: float | None = None,
) -> Metadata:
    """The particles of a .cs file, with the fields it lacks from the job's `passthrough` file.

    The pose is that of a refinement (alignments3D), or of the most probable class of a heterogeneous one.
    `voxel_size` in Å replaces the file's.

    Raises
    ------
    DataError
        It is not such a file, a needed field is missing, or a particle is not in the file of passed fields.
    """
    check_voxel_size(voxel_size)
    rows = cryosparc_rows(path, passthrough)
    records, count = rows.records, len(rows)
    if "blob/path" not in rows.columns or "blob/idx" not in rows.columns:
        raise DataError(f"{path}: has no blob/path, so no images; give the job's file of passed fields, `passthrough`")
    paths = records["blob/path"]
    names = np.char.lstrip(paths if paths.dtype.kind == "U" else np.char.decode(paths, "utf-8", "replace"), ">")
    stacks, stack_of = grouped(names)
    pixel = _field(records, "blob/psize_A", np.nan)
    rotations, shifts = _poses(records, np.full(count, voxel_size) if voxel_size else pixel)
    _note_what_is_left_out(records, path)
    shape = records["blob/shape"] if "blob/shape" in rows.columns else np.zeros((count, 2))
    return Metadata(
        path=Path(path),
        stacks=stacks,
        stack_of=stack_of,
        image=records["blob/idx"].astype(np.int64),
        image_size=shape[:, 0].astype(np.int64),
        voxel_size=np.full(count, float(voxel_size)) if voxel_size else pixel,
        rotations=rotations,
        shifts=shifts,
        ctf=_ctf(records, path),
        optics_group=_field(records, "ctf/exp_group_id", 1).astype(np.int64),
        rows=rows,
    )


def cryosparc_rows(path: str | os.PathLike[str], passthrough: str | os.PathLike[str] | None = None) -> CryosparcRows:
    """The records of a .cs file, with fields from the file of passed ones, not interpreted.

    Raises
    ------
    DataError
        It is not such a file, is empty, or a particle is not in the file of passed fields.
    """
    records = _records(path)
    if passthrough is not None:
        records = _joined(records, _records(passthrough), path, passthrough)
    return CryosparcRows(records, str(path))


def _records(path: str | os.PathLike[str]) -> np.ndarray:
    with open_bytes(path) as stream:
        start = stream.read(300)
    if not start.startswith(_MAGIC):
        what = impostor(start)
        raise DataError(f"{path}: is not a .cs file of cryoSPARC" + (f" but looks like {what}" if what else ""))
    try:
        records = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path}: is damaged or truncated ({error}); copy it again") from error
    if records.dtype.names is None or records.ndim != 1:
        raise DataError(f"{path}: is a NumPy array of {records.dtype}, not a table of particles")
    if not len(records):
        raise DataError(f"{path}: contains no particles")
    return records


def _joined(
    records: np.ndarray, passed: np.ndarray, path: str | os.PathLike[str], passthrough: str | os.PathLike[str]
) -> np.ndarray:
    """`records` with the fields that only `passed` has, matched by uid."""
    for table, name in ((records, path), (passed, passthrough)):
        if "uid" not in (table.dtype.names or ()):
            raise DataError(f"{name}: has no field uid, by which particles of two files are matched")
    order = np.argsort(passed["uid"], kind="stable")
    at = np.minimum(np.searchsorted(passed["uid"], records["uid"], sorter=order), len(passed) - 1)
    absent = np.flatnonzero(passed["uid"][order[at]] != records["uid"])
    if len(absent):
        raise DataError(
            f"{passthrough}: {len(absent)} of the {len(records)} particles of {path} are not in it (the first is row "
            f"{absent[0] + 1}); give the file of the same job"
        )
    new = [name for name in passed.dtype.names or () if name not in (records.dtype.names or ())]
    # a field is (name, type) or (name, type, shape)
    together = np.zeros(len(records), dtype=[*_described(records), *_described(passed[new])])
    for name in records.dtype.names or ():
        together[name] = records[name]
    for name in new:
        together[name] = passed[name][order[at]]
    return together


def _described(records: np.ndarray) -> list[tuple[str, np.dtype, tuple[int, ...]]]:
    fields = records.dtype
    return [(name, fields[name].base, fields[name].shape) for name in fields.names or ()]


def _field(records: np.ndarray, name: str, default: float) -> np.ndarray:
    """A field as float64; `default` (n,) if there is none."""
    if name not in (records.dtype.names or ()):
        return np.full(len(records), float(default))
    return records[name].astype(np.float64)


def _poses(records: np.ndarray, pixel: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Rotations (n, 3, 3) or None, and shifts (n, 2) in pixels of the images."""
    names = records.dtype.names or ()
    rows = np.arange(len(records))
    classes = sorted({name.partition("/")[0] for name in names if name.startswith("alignments_class_")})
    if "alignments3D/pose" in names:
        found = [_field(records, f"alignments3D/{name}", np.nan) for name in ("pose", "shift", "psize_A")]
    elif "alignments3D_multi/pose" in names:
        best = _field(records, "alignments3D_multi/class_posterior", 0.0).reshape(len(records), -1).argmax(axis=1)
        found = [_field(records, f"alignments3D_multi/{name}", np.nan) for name in ("pose", "shift", "psize_A")]
        found = [values[rows, best] if values.ndim > 1 else values for values in found]
    elif classes:
        best = np.argmax([_field(records, f"{each}/class_posterior", 0.0) for each in classes], axis=0)
        found = [
            np.stack([_field(records, f"{each}/{name}", np.nan) for each in classes], axis=1)[rows, best]
            for name in ("pose", "shift", "psize_A")
        ]
    else:
        return None, np.zeros((len(records), 2))
    vectors, shifts, aligned_at = found
    scale = np.where(np.isfinite(aligned_at) & np.isfinite(pixel), aligned_at / pixel, 1.0)
    return rotation_vectors_to_rotations(vectors), shifts * scale[:, None]


def _ctf(records: np.ndarray, path: str | os.PathLike[str]) -> CtfParameters | None:
    names = records.dtype.names or ()
    if "ctf/df1_A" not in names:
        return None
    needed = ("df2_A", "df_angle_rad", "accel_kv", "cs_mm", "amp_contrast")
    missing = [f"ctf/{name}" for name in needed if f"ctf/{name}" not in names]
    if missing:
        raise DataError(f"{path}: field {missing[0]} is missing; give the job's file of passed fields, `passthrough`")
    if "ctf/phase_shift_rad" not in names:
        told = f"{path}: has no ctf/phase_shift_rad; it is taken as 0 (no phase plate)"
        warnings.warn(told, CryotoolsNote, stacklevel=4)
    angle, voltage, lens, contrast = (_field(records, f"ctf/{name}", np.nan) for name in needed[1:])
    parameters = CtfParameters(
        defocus_u=_field(records, "ctf/df1_A", np.nan),
        defocus_v=_field(records, "ctf/df2_A", np.nan),
        angle=np.rad2deg(angle),
        voltage=voltage,
        spherical_aberration=lens,
        amplitude_contrast=contrast,
        phase_shift=np.rad2deg(_field(records, "ctf/phase_shift_rad", 0.0)),
    )
    return parameters


def _note_what_is_left_out(records: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Note aberrations that the CTF here does not describe."""
    present = [name for name in _ABERRATIONS if name in (records.dtype.names or ()) and records[name].any()]
    present += [name for name, value in _ENVELOPE.items() if (_field(records, name, value) != value).any()]
    if present:
        warnings.warn(f"{path}: {', '.join(present)}: kept but not corrected for", CryotoolsNote, stacklevel=4)
