"""Maps built byte by byte, sound or broken in one place, to see what the reader makes of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

VOXEL = 1.3
MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
STAMPS = {"<": (0x44, 0x44, 0, 0), ">": (0x11, 0x11, 0, 0)}
AXIS_ORDERS = [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]


def density(shape: Sequence[int] = (8, 10, 12), seed: int = 0) -> np.ndarray:
    """Small whole numbers, so that every mode can hold them: float32 (nz, ny, nx)."""
    return np.random.default_rng(seed).integers(0, 100, size=shape).astype(np.float32)


def map_bytes(data: np.ndarray | None = None, mode: int = 2, order: str = "<", **fields: object) -> bytes:
    """A whole MRC file of `data` as it lies in the file; `fields` replace what the header says."""
    data = density() if data is None else data
    header = np.zeros((), HEADER_DTYPE.newbyteorder(order))
    counts = data.shape[::-1]
    header["nx"], header["ny"], header["nz"] = header["mx"], header["my"], header["mz"] = counts
    header["mode"], header["ispg"], header["nversion"] = mode, 1, 20141
    header["cella"] = tuple(np.float32(n * VOXEL) for n in counts)
    header["cellb"] = (90, 90, 90)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["map"], header["machst"] = b"MAP ", STAMPS[order]
    for key, value in fields.items():
        header[key] = value
    return header.tobytes() + data.astype(np.dtype(MODES.get(mode, "f4")).newbyteorder(order)).tobytes()


def permuted(data: np.ndarray, axes: tuple[int, int, int], nstart: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """`data` (nz, ny, nx) stored with columns, rows and sections along `axes`; `nstart` is (x, y, z)."""
    columns, rows, sections = axes
    stored = data.transpose(3 - sections, 3 - rows, 3 - columns)
    counts = data.shape[::-1]
    nxstart, nystart, nzstart = (nstart[axis - 1] for axis in axes)
    mx, my, mz = counts
    return map_bytes(
        stored,
        mapc=columns,
        mapr=rows,
        maps=sections,
        nxstart=nxstart,
        nystart=nystart,
        nzstart=nzstart,
        mx=mx,
        my=my,
        mz=mz,
        cella=tuple(np.float32(n * VOXEL) for n in counts),
    )


def imod_bytes(stored: np.ndarray, flags: int) -> bytes:
    """A mode 0 map with IMOD's stamp and `flags`; `stored` are the bytes as they lie in the file."""
    return patched(map_bytes(stored.view(np.int8), mode=0), 152, struct.pack("<ii", 1146047817, flags))


def patched(content: bytes, at: int, replacement: bytes) -> bytes:
    """`content` with the bytes from `at` on replaced."""
    return content[:at] + replacement + content[at + len(replacement) :]


def saved(folder: Path, content: bytes, name: str = "map.mrc") -> Path:
    """The path of a new file with `content`."""
    path = folder / name
    path.write_bytes(content)
    return path
