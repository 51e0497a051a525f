"""Refuse a grid that cannot fit before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from cryotools.core.errors import DataError

_MAXIMUM_AXIS = 2**31 - 1  # MRC counts voxels in signed 32-bit integers


def available_bytes() -> int:
    """Bytes of memory that can still be used without swapping (all of it where the system does not say)."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_grid_fits(shape: tuple[int, int, int], copies: float = 1.5) -> None:
    """Raise DataError when a float32 grid of `shape` (nz, ny, nx), `copies` times over, exceeds free memory."""
    nz, ny, nx = shape
    if max(shape) > _MAXIMUM_AXIS:
        raise DataError(
            f"a grid of {nx:.4g} x {ny:.4g} x {nz:.4g} voxels is too large; take larger voxels or a smaller box"
        )
    needed = nz * ny * nx * 4 * copies
    free = available_bytes()
    if needed > free:
        raise DataError(
            f"a grid of {nx} x {ny} x {nz} voxels needs {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free; "
            "take larger voxels or a smaller box"
        )
