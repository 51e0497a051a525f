"""Image files without metadata: a stack (.mrcs, .mrc) or a text file that lists stacks; all their images, in order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.files.table import read_table_text
from cryotools.core.maps.stackfile import ImageStack
from cryotools.heterogeneity.metadata.record import Metadata, check_voxel_size


def listed_stacks(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The stacks that a text file names, one per line.

    Raises
    ------
    DataError
        The list is empty or is not text.
    """
    names = tuple(line.strip() for line in read_table_text(path).splitlines() if line.strip())
    if not names:
        raise DataError(f"{path}: names no stack; write one file name per line")
    return names


def metadata_of_stacks(
    path: str | os.PathLike[str], names: tuple[str, ...], stacks: tuple[ImageStack, ...], voxel_size: float | None
) -> Metadata:
    """All images of opened stacks, in order, with neither pose nor CTF; `voxel_size` in Å replaces the headers'."""
    check_voxel_size(voxel_size)
    counts = [len(stack) for stack in stacks]
    sizes = [voxel_size or stack.pixel_size for stack in stacks]
    return Metadata(
        path=Path(path),
        stacks=names,
        stack_of=np.repeat(np.arange(len(stacks)), counts),
        image=np.concatenate([np.arange(count) for count in counts]),
        image_size=np.zeros(sum(counts), dtype=np.int64),
        voxel_size=np.repeat(np.array(sizes, dtype=np.float64), counts),
        rotations=None,
        shifts=np.zeros((sum(counts), 2)),
        ctf=None,
        optics_group=np.ones(sum(counts), dtype=np.int64),
        rows=None,
    )
