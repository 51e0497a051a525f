"""Decode and check the 1024-byte MRC2014/CCP4 header, and describe any oddities in words.

mrcfile supplies the layout of the header. The checks are our own, as mrcfile opens many broken headers silently:
zero or infinite voxel sizes, angles other than 90°, permuted axes, dimensions larger than the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from cryotools.core.errors import DataError
from cryotools.core.maps.volume import Shape, Triple, shape_of, triple_of

HEADER_BYTES = 1024
MODES: dict[int, np.dtype[Any]] = {
    0: np.dtype("i1"),
    1: np.dtype("i2"),
    2: np.dtype("f4"),
    6: np.dtype("u2"),
    12: np.dtype("f2"),
}
_REFUSED_MODES = {
    3: "mode 3 is complex, not a density",
    4: "mode 4 is complex, not a density",
    101: "mode 101 holds 4-bit counts of raw movies, not a density",
}
_SPACE_GROUPS = range(231)  # 0 means images
_VOLUME_STACKS = range(401, 631)  # MRC2014: 400 + the space group of each volume
_IMOD_STAMP = 1146047817
_IMOD_SIGNED_BYTES = 1


@dataclass(frozen=True)
class MapHeader:
    """The contents of an MRC header, with nothing applied yet.

    `n`, `nstart` and `axes` are in file order (columns, rows, sections); `sampling`, `cell` and `origin` are
    (x, y, z), as the format defines them. `oddities` are sentences that say what had to be assumed.
    """

    n: tuple[int, int, int]
    mode: int
    nstart: tuple[int, int, int]
    sampling: tuple[int, int, int]
    cell: Triple
    axes: tuple[int, int, int]
    origin: Triple
    space_group: int
    extended_bytes: int
    byte_order: Literal["<", ">"]
    has_map_id: bool
    imod_flags: int | None
    labels: tuple[str, ...]
    statistics: tuple[float, float, float, float]
    oddities: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored data type. Bytes that IMOD flags as unsigned are read as unsigned."""
        unsigned = self.mode == 0 and self.imod_flags is not None and not self.imod_flags & _IMOD_SIGNED_BYTES
        return (np.dtype("u1") if unsigned else MODES[self.mode]).newbyteorder(self.byte_order)

    @property
    def stored_offset(self) -> int:
        """Offset that IMOD adds to bytes stored as signed, so that values run from 0 to 255 as IMOD shows them."""
        return 128 if self.mode == 0 and (self.imod_flags or 0) & _IMOD_SIGNED_BYTES else 0

    @property
    def data_bytes(self) -> int:
        """Exact size of the data block."""
        return math.prod(self.n) * MODES[self.mode].itemsize

    def voxel_size(self) -> Triple:
        """Cell edges divided by sampling, Å (x, y, z); not yet checked."""
        with np.errstate(all="ignore"):
            size = np.divide(np.array(self.cell), np.array(self.sampling, dtype=np.float64))
        return triple_of(size)


def decode_header(raw: bytes, name: str) -> MapHeader:
    """Decode and check the first 1024 bytes of a map; messages begin with `name`.

    Raises
    ------
    DataError
        The bytes are not an MRC header, or describe something other than a density map.
    """
    record, oddities = _in_right_byte_order(raw, name)
    mode = int(record["mode"])
    if mode not in MODES:
        known = "0, 1, 2, 6 and 12 are"
        raise DataError(f"{name}: {_REFUSED_MODES.get(mode, f'mode {mode} is unknown')} ({known} read)")
    n = _integers(record, "nx", "ny", "nz")
    if min(n) < 1:
        raise DataError(f"{name}: the header gives dimensions of {n[0]} x {n[1]} x {n[2]} voxels; the file is damaged")
    extended = int(record["nsymbt"])
    if extended < 0:
        raise DataError(f"{name}: the extended header has a negative size (nsymbt = {extended}); the file is damaged")
    axes = _axes(_integers(record, "mapc", "mapr", "maps"), name, oddities)
    angles = _floats(record["cellb"], "alpha", "beta", "gamma")
    if angles == (0.0, 0.0, 0.0):
        oddities.append("cell angles are 0; read as 90 degrees")
    elif not np.allclose(angles, 90, atol=0.01):
        raise DataError(f"{name}: cell angles {angles} are not 90 degrees; resample to an orthogonal box first")
    labels, complaint = _labels(record)
    oddities += [*complaint, *_odd_space_group(record)]
    return MapHeader(
        n=n,
        mode=mode,
        nstart=_integers(record, "nxstart", "nystart", "nzstart"),
        sampling=_integers(record, "mx", "my", "mz"),
        cell=_floats(record["cella"], "x", "y", "z"),
        axes=axes,
        origin=_floats(record["origin"], "x", "y", "z"),
        space_group=int(record["ispg"]),
        extended_bytes=extended,
        byte_order="<" if record.dtype["nx"].str.startswith("<") else ">",
        has_map_id=raw[208:211] == b"MAP",
        imod_flags=_imod_flags(raw, record),
        labels=labels,
        statistics=(float(record["dmin"]), float(record["dmax"]), float(record["dmean"]), float(record["rms"])),
        oddities=tuple(oddities),
    )


def refuse_stacks(header: MapHeader, name: str) -> None:
    """Raise DataError for images and stacks, which are not a single density map."""
    columns, rows, sections = header.n
    if sections == 1 or min(columns, rows) == 1:
        raise DataError(f"{name}: contains a {columns} x {rows} x {sections} image, not a volume")
    if header.space_group in _VOLUME_STACKS:
        raise DataError(f"{name}: is a stack of volumes (space group {header.space_group}); split it first")
    images = header.space_group == 0 and header.sampling[2] == 1
    if images or name.lower().endswith((".mrcs", ".mrcs.gz", ".mrcs.bz2")):
        raise DataError(f"{name}: is a stack of {sections} images, not a volume")


def _in_right_byte_order(raw: bytes, name: str) -> tuple[np.void, list[str]]:
    """The header record in the plausible byte order, and any oddities met in determining it."""
    little = np.frombuffer(raw, HEADER_DTYPE.newbyteorder("<"))[0]
    big = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(">"))[0]
    stamp = bytes(raw[212:214])
    stamped = {b"\x44\x44": little, b"\x44\x41": little, b"\x11\x11": big}.get(stamp)
    for record in [each for each in (stamped, little, big) if each is not None]:
        if _plausible(record):
            break
    else:
        if raw[208:211] == b"MAP":
            return stamped if stamped is not None else little, []  # the caller names the invalid field
        raise DataError(f"{name}: is not an MRC/CCP4 map (no MAP ID, and the header makes no sense)")
    oddities = []
    if record is not stamped:
        order = "little" if record is little else "big"
        oddities.append(f"the machine stamp is wrong; read as {order}-endian, which fits the dimensions and mode")
    if raw[208:211] != b"MAP":
        oddities.append("there is no MAP ID (an old file?); read anyway, as dimensions and mode make sense")
    return record, oddities


def _plausible(record: np.void) -> bool:
    sizes = _integers(record, "nx", "ny", "nz")
    return 0 <= int(record["mode"]) <= 127 and all(0 < n < 2**20 for n in sizes)


def _axes(axes: tuple[int, int, int], name: str, oddities: list[str]) -> tuple[int, int, int]:
    if axes == (0, 0, 0):
        oddities.append("the axis order is 0,0,0; read as x,y,z")
        return (1, 2, 3)
    if sorted(axes) != [1, 2, 3]:
        raise DataError(f"{name}: the axis order (mapc, mapr, maps = {axes}) is not a permutation of 1, 2, 3")
    return axes


def _labels(record: np.void) -> tuple[tuple[str, ...], list[str]]:
    texts = [bytes(label).split(b"\0")[0].decode("ascii", "replace").strip() for label in record["label"]]
    filled = tuple(text for text in texts if text)
    count = int(record["nlabl"])
    complaint = [] if 0 <= count <= 10 else [f"the label count is {count}; {len(filled)} labels contain text"]
    return filled, complaint


def _odd_space_group(record: np.void) -> list[str]:
    group = int(record["ispg"])
    if group in _SPACE_GROUPS or group in _VOLUME_STACKS:
        return []
    as_float = float(np.int32(group).view(np.float32))
    written = f", the float {as_float:g}" if 1e-3 < abs(as_float) < 1e4 else ""
    return [f"the space group (ISPG) is {group}{written}, which is not valid; read as one volume"]


def _imod_flags(raw: bytes, record: np.void) -> int | None:
    order: Literal["little", "big"] = "little" if record.dtype["nx"].str.startswith("<") else "big"
    stamp, flags = (int.from_bytes(raw[at : at + 4], order) for at in (152, 156))
    return flags if stamp == _IMOD_STAMP else None


def _integers(record: np.void, *keys: str) -> Shape:
    return shape_of(record[key] for key in keys)


def _floats(record: np.void, *keys: str) -> Triple:
    return triple_of(record[key] for key in keys)
