"""Memory available to this process; grids that cannot fit are refused before anything is allocated."""

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
    """Bytes of memory still available: the minimum of the machine's memory available without swapping (its total if
    the system does not report that), the remainder under this process's control groups, and that of a SLURM job.

    `root` is the folder that contains /proc and /sys.
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
    """The job's memory on this node, less this process's usage; None outside jobs, or if the job has all memory.

    SLURM gives it in megabytes, per node, per CPU or per GPU.
    """

    def number(name: str) -> int:
        found = re.match(r"\d+", environment.get(name, ""))  # for several nodes, e.g. 8(x2),4, the first
        return int(found[0]) if found else 0

    cpus = number("SLURM_CPUS_ON_NODE") or number("SLURM_JOB_CPUS_PER_NODE") or number("SLURM_CPUS_PER_TASK") or 1
    given = (
        number("SLURM_MEM_PER_NODE")
        or number("SLURM_MEM_PER_CPU") * cpus
        or number("SLURM_MEM_PER_GPU") * number("SLURM_GPUS_ON_NODE")
    )
    return max(0, given * _MEGABYTE - _resident_bytes(root)) if given else None


def _resident_bytes(root: Path) -> int:
    """Memory used by this process; 0 if the system does not report it."""
    try:
        return int((root / "proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def described_need(needed: float) -> str:
    """So many bytes beside those that are available, in words."""
    amount = f"{needed / 2**30:.2g} GiB" if needed > 2**28 else f"{max(needed / _MEGABYTE, 1):.0f} MiB"
    return f"{amount} of memory; {available_bytes() / 2**30:.2g} GiB are free"


def check_grid_fits(shape: tuple[int, int, int], copies: float = 1.5) -> None:
    """Raise DataError if `copies` float32 grids of `shape` (nz, ny, nx) exceed the available memory."""
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
