"""Small particle sets as RELION, cryoSPARC and cryoDRGN write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.recfunctions import repack_fields

from cryotools.core.maps.stackfile import write_stack

COUNT, BOX = 6, 8
IMAGES = np.random.default_rng(7).normal(size=(COUNT, BOX, BOX)).astype(np.float32)
ANGLES = np.random.default_rng(8).uniform((-180, 0, -180), (180, 180, 180), size=(COUNT, 3)).round(3)
ORIGINS = np.random.default_rng(9).uniform(-3, 3, size=(COUNT, 2)).round(3)  # Å
GROUPS = np.array([1, 2, 1, 1, 2, 2])
PIXELS = {1: 2.0, 2: 2.5}
DEFOCUS = 10_000.0 + 100 * np.arange(COUNT)


def stacks(folder: Path) -> None:
    """`a.mrcs` with the even images and `b.mrcs` with the odd ones, at 2 Å."""
    write_stack(folder / "a.mrcs", IMAGES[0::2], 2.0, label="test")
    write_stack(folder / "b.mrcs", IMAGES[1::2], 2.0, label="test")


def image_names() -> list[str]:
    return [f"{at // 2 + 1:06d}@Extract/{'ab'[at % 2]}.mrcs" for at in range(COUNT)]


def relion31(folder: Path, optics: str | None = None) -> Path:
    """A RELION 3.1 file with two optics groups, listed in reverse; images in turns from two stacks."""
    stacks(folder)
    if optics is None:
        optics = f"2 200 2.5 0.07 {PIXELS[2]} {BOX}\n1 300 2.7 0.1 {PIXELS[1]} {BOX}\n"
    rows = [
        f"{name} {GROUPS[at]} {DEFOCUS[at]} {DEFOCUS[at] - 50} 30 {at % 2} "
        f"{' '.join(map(str, ANGLES[at]))} {' '.join(map(str, ORIGINS[at]))} 'mic {at}.mrc'"
        for at, name in enumerate(image_names())
    ]
    columns = (
        "ImageName OpticsGroup DefocusU DefocusV DefocusAngle ClassNumber "
        "AngleRot AngleTilt AnglePsi OriginXAngst OriginYAngst MicrographName"
    )
    path = folder / "particles.star"
    path.write_text(
        _table("optics", "OpticsGroup Voltage SphericalAberration AmplitudeContrast ImagePixelSize ImageSize", optics)
        + _table("particles", columns, "\n".join(rows))
    )
    return path


def relion30(folder: Path, more: dict[str, np.ndarray] | None = None, **without: bool) -> Path:
    """A RELION 3.0 file: one table without a name, shifts in pixels, pixel size from the magnification; and `more`
    columns.
    """
    stacks(folder)
    columns = {
        "ImageName": image_names(),
        "Magnification": [40_000] * COUNT,
        "DetectorPixelSize": [8] * COUNT,
        "DefocusU": DEFOCUS,
        "DefocusV": DEFOCUS - 50,
        "DefocusAngle": [30] * COUNT,
        "Voltage": [300] * COUNT,
        "SphericalAberration": [2.7] * COUNT,
        "AmplitudeContrast": [0.1] * COUNT,
        "PhaseShift": [90] * COUNT,
        "AngleRot": ANGLES[:, 0],
        "AngleTilt": ANGLES[:, 1],
        "AnglePsi": ANGLES[:, 2],
        "OriginX": ORIGINS[:, 0] / 2,
        "OriginY": ORIGINS[:, 1] / 2,
        **(more or {}),
    }
    columns = {name: values for name, values in columns.items() if not without.get(name)}
    rows = "\n".join(" ".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    path = folder / "old.star"
    path.write_text(_table("", " ".join(columns), rows, version=None))
    return path


def cryosparc(folder: Path, vectors: np.ndarray, fields: tuple[str, ...] = ()) -> Path:
    """A .cs file with poses from rotation vectors (n, 3); only `fields` if some are given."""
    stacks(folder)
    records = np.zeros(
        COUNT,
        dtype=[
            ("uid", "<u8"),
            ("blob/path", "S40"),
            ("blob/idx", "<u4"),
            ("blob/shape", "<u4", (2,)),
            ("blob/psize_A", "<f4"),
            ("ctf/exp_group_id", "<u4"),
            ("ctf/accel_kv", "<f4"),
            ("ctf/cs_mm", "<f4"),
            ("ctf/amp_contrast", "<f4"),
            ("ctf/df1_A", "<f4"),
            ("ctf/df2_A", "<f4"),
            ("ctf/df_angle_rad", "<f4"),
            ("ctf/phase_shift_rad", "<f4"),
            ("alignments3D/shift", "<f4", (2,)),
            ("alignments3D/pose", "<f4", (3,)),
            ("alignments3D/psize_A", "<f4"),
            ("alignments3D/class", "<u4"),
        ],
    )
    records["uid"] = 10**18 + 7 * np.arange(COUNT)
    records["blob/path"] = [f">J3/{name.split('@')[1]}".encode() for name in image_names()]
    records["blob/idx"] = np.arange(COUNT) // 2
    records["blob/shape"], records["blob/psize_A"] = BOX, 2.0
    records["ctf/exp_group_id"], records["ctf/accel_kv"], records["ctf/cs_mm"] = GROUPS, 300, 2.7
    records["ctf/amp_contrast"], records["ctf/phase_shift_rad"] = 0.1, np.pi / 2
    records["ctf/df1_A"], records["ctf/df2_A"], records["ctf/df_angle_rad"] = DEFOCUS, DEFOCUS - 50, np.pi / 6
    records["alignments3D/pose"], records["alignments3D/psize_A"] = vectors, 4.0
    records["alignments3D/shift"] = ORIGINS / 4.0
    records["alignments3D/class"] = np.arange(COUNT) % 2
    path = folder / "particles.cs"
    with path.open("wb") as stream:
        np.save(stream, repack_fields(records[list(fields)]) if fields else records)
    return path


def _table(name: str, columns: str, rows: str, version: int | None = 30001) -> str:
    comment = "" if version is None else f"# version {version}\n\n"
    header = "\n".join(f"_rln{column} #{at}" for at, column in enumerate(columns.split(), start=1))
    return f"{comment}data_{name}\n\nloop_\n{header}\n{rows}\n\n"
