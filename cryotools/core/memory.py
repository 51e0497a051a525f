"""How much memory is free to this process; a grid that cannot fit is refused before anything is allocated."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from cryotools.core import cgroup
from cryotools.core.errors import DataError

_MAXIMUM_AXIS = 2**31 - 1  # MRC counts voxels in signed 32-bit integers
_MEGABYTE = 2**20


def available_bytes(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> int:
    """Bytes of memory that can still be used: what the machine has without swapping (all of it where the system does
    not say), what the limits of this process's control groups leave, and what a SLURM job was given; the least counts.

    `root` is where /proc and /sys lie.
    """
    known = (_of_machine(root), cgroup.free_bytes(root), _of_slurm_job(root, environment))
    return min(free for free in known if free is not None)


def _of_machine(root: Path) -> int:
    meminfo = root / "proc/meminfo"
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_slurm_job(root: Path, environment: Mapping[str, str]) -> int | None:
    """What the job was given on this node, less what this process uses; None outside of jobs, or where all is given.

    SLURM says it in megabytes, for the node or for each CPU or GPU.
    """

    def number(name: str) -> int:
        found = re.match(r"\d+", environment.get(name, ""))  # of several nodes, such as 8(x2),4, the first
        return int(found[0]) if found else 0

    cpus = number("SLURM_CPUS_ON_NODE") or number("SLURM_JOB_CPUS_PER_NODE") or number("SLURM_CPUS_PER_TASK") or 1
    given = (
        number("SLURM_MEM_PER_NODE")
        or number("SLURM_MEM_PER_CPU") * cpus
        or number("SLURM_MEM_PER_GPU") * number("SLURM_GPUS_ON_NODE")
    )
    return max(0, given * _MEGABYTE - _resident_bytes(root)) if given else None


def _resident_bytes(root: Path) -> int:
    """What this process uses; 0 where the system does not say."""
    try:
        return int((root / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def check_grid_fits(shape: tuple[int, int, int], copies: float = 1.5) -> None:
    """Raise DataError when a float32 grid of `shape` (nz, ny, nx), `copies` times over, exceeds free memory."""
    nz, ny, nx = shape
    if max(shape) > _MAXIMUM_AXIS:
        raise DataError(
            f"a grid of {nx:.4g} x {ny:.4g} x {nz:.4g} voxels is too large; use larger voxels or a smaller box"
        )
    needed = nz * ny * nx * 4 * copies
    free = available_bytes()
    if needed > free:
        raise DataError(
            f"a grid of {nx} x {ny} x {nz} voxels needs {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free; "
            "use larger voxels or a smaller box"
        )
