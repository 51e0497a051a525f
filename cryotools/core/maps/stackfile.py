"""Image stacks (.mrcs), memory-mapped, so that only the requested images of a large stack are read into memory.

Arrays are (image, y, x). Headers are decoded by `core.maps.mapheader`, as for maps.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE

from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.files.bytestream import open_bytes, read_upto
from cryotools.core.files.impostors import impostor
from cryotools.core.files.output import atomic_path
from cryotools.core.maps.mapheader import HEADER_BYTES, MapHeader, decode_header
from cryotools.core.memory import available_bytes


@dataclass(frozen=True, eq=False)
class ImageStack:
    """`count` images of `shape` (ny, nx). `read` returns some of them as float32. The file is mapped anew by each read,
    so that neither open files nor mapped pages add up. `pixel_size` in Å is NaN if the header does not give it.
    """

    path: Path
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: float
    begins: int  # byte at which the first image begins
    offset: int = 0  # added to the stored values
    content: bytes | None = None  # the images, if the file is compressed

    def __len__(self) -> int:
        return self.count

    @property
    def stored(self) -> np.ndarray:
        """The images (n, ny, nx) as in the file, memory-mapped and not yet read.

        Raises
        ------
        DataError
            The file is no longer there, or shorter than when it was opened.
        """
        shape = (self.count, *self.shape)
        if self.content is not None:
            return np.frombuffer(self.content, self.dtype, count=math.prod(shape)).reshape(shape)
        try:
            return np.memmap(self.path, self.dtype, mode="r", offset=self.begins, shape=shape)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: has changed since it was opened ({error}); start again") from error

    def read(self, which: np.ndarray | slice) -> np.ndarray:
        """The images selected by a 0-based index array (k,) or a slice, in that order: float32 (k, ny, nx).

        Raises
        ------
        DataError
            The stack has fewer images.
        """
        if not isinstance(which, slice):
            which = np.asarray(which, dtype=np.int64)
            if len(which) and not (which.min() >= 0 and which.max() < len(self)):
                raise DataError(f"{self.path}: there is no image {which.max() + 1}; the stack has {len(self)}")
        images = np.array(self.stored[which], dtype=np.float32)
        return images + np.float32(self.offset) if self.offset else images


def open_stack(path: str | os.PathLike[str]) -> ImageStack:
    """Open an image stack, or a single image, without reading the images; a compressed file is read whole.

    Raises
    ------
    DataError
        The file is missing, is not an MRC file, contains complex numbers, or has not even one complete image.
    """
    path = Path(path)
    with open_bytes(path) as stream:
        raw = bytes(read_upto(stream, HEADER_BYTES))
        what = impostor(raw)
        if what:
            raise DataError(f"{path}: looks like {what}")
        if len(raw) < HEADER_BYTES:
            raise DataError(f"{path}: has {len(raw)} bytes, less than the 1024-byte header of a stack")
        header = decode_header(raw, str(path))
        _check_axes(header, path)
        plain = isinstance(stream, io.BufferedReader) and path.is_file()
        content = None if plain else _unpacked(stream, header, path)
    for oddity in header.oddities:
        warnings.warn(f"{path}: {oddity}", CryotoolsWarning, stacklevel=2)
    begins = HEADER_BYTES + header.extended_bytes
    there = max(path.stat().st_size - begins, 0) if content is None else len(content)
    count = _whole_images(header, there, path)
    shape = (header.n[1], header.n[0])
    return ImageStack(path, count, shape, header.dtype, _pixel_size(header), begins, header.stored_offset, content)


def write_stack(path: str | os.PathLike[str], images: Iterable[np.ndarray], pixel_size: float, *, label: str) -> int:
    """Write images (ny, nx), or batches of them (k, ny, nx), as a float32 stack; return the number of images.

    They need not all be in memory at once. The file is written completely or not at all.

    Raises
    ------
    DataError
        There are no images, they differ in size or are not finite, or the file cannot be written.
    """
    count, shape = 0, None
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        stream.write(bytes(HEADER_BYTES))
        for batch in images:
            batch = np.ascontiguousarray(batch, dtype="<f4").reshape(-1, *np.shape(batch)[-2:])
            shape = shape or batch.shape[1:]
            if batch.shape[1:] != shape:
                raise DataError(f"{path}: image {count + 1} measures {batch.shape[1:]}, the first one {shape}")
            if not np.isfinite(batch).all():
                raise DataError(f"{path}: values of image {count + 1} or later are not finite; nothing was written")
            stream.write(batch.data.cast("B"))
            count += len(batch)
            low, high = min(low, float(batch.min())), max(high, float(batch.max()))
            total += float(batch.sum(dtype=np.float64))
            squares += float(np.square(batch, dtype=np.float64).sum())
        if shape is None:
            raise DataError(f"{path}: no images to write")
        mean = total / (count * shape[0] * shape[1])
        spread = np.sqrt(max(squares / (count * shape[0] * shape[1]) - mean**2, 0.0))
        stream.seek(0)
        stream.write(_header((count, *shape), pixel_size, (low, high, mean, spread), label).tobytes())
    return count


def _check_axes(header: MapHeader, path: Path) -> None:
    if header.axes != (1, 2, 3):
        raise DataError(f"{path}: the axis order is {header.axes}; a stack of images has columns, rows, images")


def _unpacked(stream: BinaryIO, header: MapHeader, path: Path) -> bytes:
    needed, free = header.extended_bytes + header.data_bytes, available_bytes()
    if needed > free:
        raise DataError(
            f"{path}: unpacks to {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB of memory are free; "
            "decompress the file first: an uncompressed stack is not read into memory"
        )
    return bytes(read_upto(stream, needed)[header.extended_bytes :])


def _whole_images(header: MapHeader, there: int, path: Path) -> int:
    """Number of complete images in the file; warns if the header claims more."""
    claimed = header.n[2]
    held = min(claimed, there // (header.data_bytes // claimed))
    if held == 0:
        raise DataError(f"{path}: is truncated: not even the first of {claimed} images is complete; copy it again")
    if held < claimed:
        warnings.warn(
            f"{path}: the header claims {claimed} images but the file contains {held}; those are used",
            CryotoolsWarning,
            stacklevel=3,
        )
    return held


def _pixel_size(header: MapHeader) -> float:
    size = header.voxel_size()[0]
    return size if np.isfinite(size) and size > 0 else float("nan")


def _header(
    shape: tuple[int, int, int], pixel_size: float, numbers: tuple[float, float, float, float], label: str
) -> np.ndarray:
    header = np.zeros((), dtype=HEADER_DTYPE.newbyteorder("<"))
    header["nz"], header["ny"], header["nx"] = header["mz"], header["my"], header["mx"] = shape
    header["mz"] = 1  # distinguishes an image stack from a volume
    header["mode"] = 2
    header["cella"] = (shape[2] * pixel_size, shape[1] * pixel_size, pixel_size)
    header["cellb"] = (90.0, 90.0, 90.0)
    header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
    header["dmin"], header["dmax"], header["dmean"], header["rms"] = numbers
    header["nversion"] = 20141
    header["map"] = b"MAP "
    header["machst"] = (0x44, 0x44, 0, 0)
    header["nlabl"] = 1
    header["label"][0] = label.encode("ascii", "replace")[:80]
    return header
